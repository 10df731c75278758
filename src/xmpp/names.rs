//! Interned names: a namespace and a local name become one number each, so that matching compares numbers.

use rustc_hash::FxHashMap;

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
    locals: Vec<FxHashMap<Box<str>, Sym>>,
    symbols: Vec<(NsId, Box<str>)>,
}

impl Names {
    /// A table with room for the two `UNKNOWN` values.
    pub fn new() -> Names {
        let mut names = Names::default();
        names.uris.push("".into());
        names.locals.push(FxHashMap::default());
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
        self.locals.push(FxHashMap::default());
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
        if let Some(&sym) = self.locals[ns.0 as usize].get(local) {
            return sym;
        }
        let sym = Sym(u32::try_from(self.symbols.len()).expect("fewer than 2^32 names"));
        self.locals[ns.0 as usize].insert(local.into(), sym);
        self.symbols.push((ns, local.into()));
        sym
    }

    /// The namespace's number; aliases give the canonical one.
    pub fn ns(&self, uri: &str) -> NsId {
        self.by_uri.get(uri).copied().unwrap_or(NsId::UNKNOWN)
    }

    /// The name's number.
    pub fn sym(&self, ns: NsId, local: &str) -> Sym {
        if ns == NsId::UNKNOWN {
            return Sym::UNKNOWN;
        }
        self.locals[ns.0 as usize].get(local).copied().unwrap_or(Sym::UNKNOWN)
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
