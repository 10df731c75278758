//! Interned names: a namespace and a local name become one number each, so that matching compares numbers.

mod key;

use rustc_hash::FxHashMap;

pub use key::NameKey;

/// A namespace the program knows, or [`NsId::UNKNOWN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NsId(pub u32);

impl NsId {
    /// Any namespace that was never interned.
    pub const UNKNOWN: NsId = NsId(0);
}

/// An expanded element name the program knows, or [`Sym::UNKNOWN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sym(pub u32);

impl Sym {
    /// Any name that was never interned.
    pub const UNKNOWN: Sym = Sym(0);
}

/// The table of known names. Filled while the catalog loads, read-only afterwards.
#[derive(Debug, Default)]
pub struct Names {
    by_uri: FxHashMap<Box<str>, NsId>,
    uris: Vec<Box<str>>,
    by_name: ByName,
    symbols: Vec<(NsId, Box<str>)>,
}

impl Names {
    /// A table with room for the two `UNKNOWN` values.
    pub fn new() -> Names {
        let mut names = Names::default();
        names.uris.push("".into());
        names.symbols.push((NsId::UNKNOWN, "".into()));
        names
    }

    /// Interns a namespace.
    pub fn intern_ns(&mut self, uri: &str) -> NsId {
        if let Some(&id) = self.by_uri.get(uri) {
            return id;
        }
        let id = NsId(u32::try_from(self.uris.len()).expect("fewer than 2^32 namespaces"));
        self.uris.push(uri.into());
        self.by_uri.insert(uri.into(), id);
        id
    }

    /// Makes `older` mean the same namespace as `canonical`.
    pub fn alias(&mut self, canonical: &str, older: &str) {
        let id = self.intern_ns(canonical);
        self.by_uri.insert(older.into(), id);
    }

    /// Interns an expanded name.
    pub fn intern(&mut self, ns: NsId, local: &str) -> Sym {
        let known = self.find(ns, NameKey::of(local), local.as_bytes());
        if known != Sym::UNKNOWN {
            return known;
        }
        let sym = Sym(u32::try_from(self.symbols.len()).expect("fewer than 2^32 names"));
        self.symbols.push((ns, local.into()));
        self.by_name.insert(Slot { key: NameKey::of(local), ns, sym });
        sym
    }

    /// The namespace's number; aliases give the canonical one.
    pub fn ns(&self, uri: &str) -> NsId {
        self.by_uri.get(uri).copied().unwrap_or(NsId::UNKNOWN)
    }

    /// The name's number.
    pub fn sym(&self, ns: NsId, local: &str) -> Sym {
        if ns == NsId::UNKNOWN { Sym::UNKNOWN } else { self.find(ns, NameKey::of(local), local.as_bytes()) }
    }

    /// The number of a name whose key was computed already.
    #[inline]
    pub(super) fn find(&self, ns: NsId, key: NameKey, local: &[u8]) -> Sym {
        for place in self.by_name.places(ns, key) {
            let slot = &self.by_name.slots[place];
            let same = slot.key == key && slot.ns == ns;
            if slot.sym == Sym::UNKNOWN || same && (key.is_whole() || self.symbols[slot.sym.0 as usize].1.as_bytes() == local) {
                return slot.sym;
            }
        }
        Sym::UNKNOWN
    }

    /// The name's number, from strings.
    pub fn lookup(&self, uri: &str, local: &str) -> Sym {
        self.sym(self.ns(uri), local)
    }

    /// Namespace and local name of a name.
    pub fn parts(&self, sym: Sym) -> (NsId, &str) {
        let (ns, local) = &self.symbols[sym.0 as usize];
        (*ns, local)
    }

    /// The canonical URI of a namespace; empty for [`NsId::UNKNOWN`].
    pub fn uri(&self, ns: NsId) -> &str {
        &self.uris[ns.0 as usize]
    }
}

/// The numbers of names by namespace and key: one look for nearly all names, and no string to hash or to compare.
///
/// Open addressing. At most half of the slots are taken, so that a search soon comes to a free one.
#[derive(Debug)]
struct ByName {
    /// A power of two of them.
    slots: Vec<Slot>,
    taken: usize,
}

/// Free while `sym` is [`Sym::UNKNOWN`].
#[derive(Debug, Clone, Copy)]
struct Slot {
    key: NameKey,
    ns: NsId,
    sym: Sym,
}

impl ByName {
    fn with_room(slots: usize) -> ByName {
        const FREE: Slot = Slot { key: NameKey::of(""), ns: NsId::UNKNOWN, sym: Sym::UNKNOWN };
        ByName { slots: vec![FREE; slots], taken: 0 }
    }

    /// Where a name can be, in the order of looking.
    #[inline]
    fn places(&self, ns: NsId, key: NameKey) -> impl Iterator<Item = usize> + use<> {
        // Fibonacci hashing: the high bits of a product depend on all bits of the number.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = (key.number() ^ u64::from(ns.0).wrapping_mul(SPREAD)).wrapping_mul(SPREAD);
        let first = (mixed >> 32) as usize;
        let last = self.slots.len() - 1;
        (first..).map(move |place| place & last)
    }

    fn insert(&mut self, new: Slot) {
        if 2 * self.taken >= self.slots.len() {
            let larger = ByName::with_room(2 * self.slots.len());
            let old = std::mem::replace(self, larger);
            old.slots.into_iter().filter(|slot| slot.sym != Sym::UNKNOWN).for_each(|slot| self.insert(slot));
        }
        let free = self.places(new.ns, new.key).find(|place| self.slots[*place].sym == Sym::UNKNOWN);
        self.slots[free.expect("half of the slots are free")] = new;
        self.taken += 1;
    }
}

impl Default for ByName {
    fn default() -> Self {
        ByName::with_room(1 << 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_its_namespace_alone() {
        let mut names = Names::new();
        let (one, other) = (names.intern_ns("one"), names.intern_ns("other"));
        assert_eq!(names.sym(one, "a"), Sym::UNKNOWN);
        let locals: Vec<String> = (0..500).map(|n| format!("{}{n}", ["a", "elaborate-"][n % 2])).collect();
        let symbols: Vec<Sym> = locals.iter().map(|local| names.intern(one, local)).collect();
        for (local, sym) in locals.iter().zip(symbols) {
            assert_eq!(names.sym(one, local), sym);
            assert_eq!(names.intern(one, local), sym);
            assert_eq!(names.parts(sym), (one, local.as_str()));
            assert_eq!(names.sym(other, local), Sym::UNKNOWN);
            assert_eq!(names.sym(NsId::UNKNOWN, local), Sym::UNKNOWN);
        }
    }
}
