//! Exposures of one record: fields with their values, in one piece of memory.

use std::ops::Range;
use std::sync::Arc;

use crate::catalog::{Catalog, FieldId, closed_enum};

closed_enum! {
    /// How a copy of a stanza came to be on this stream. Copies do not count as new contacts or messages.
    Via {
        /// It is no copy.
        Direct = "direct",
        /// A carbon of what another device of the account sent (XEP-0280).
        CarbonSent = "carbon_sent",
        /// A carbon of what the account received.
        CarbonReceived = "carbon_received",
        /// From an archive (XEP-0313).
        Archive = "archive",
        /// From a room's history (XEP-0045).
        History = "history",
        /// Forwarded otherwise (XEP-0297).
        Forwarded = "forwarded",
        /// Echoed in an error (RFC 6120 §8.3.1).
        ErrorEcho = "error_echo",
    }
}

/// What typing a value found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// Nothing beyond the value.
    Plain,
    /// An address with parts: the normalised bare address (in the pool) and where its resource begins in the value.
    Jid {
        /// Normalised bare address.
        bare: PoolRange,
        /// Resource, as written.
        resource: Option<PoolRange>,
    },
    /// A point in time, in RFC 3339.
    Time(PoolRange),
    /// A network address and its class.
    Ip(&'static str),
    /// Redacted: class and number of bytes.
    Hidden {
        /// What sort of text it was.
        class: &'static str,
        /// UTF-8 bytes.
        bytes: u32,
    },
}

/// A slice of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolRange {
    start: u32,
    end: u32,
}

impl PoolRange {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether it is the empty text.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// A piece of it, by byte positions in it.
    pub fn part(self, from: usize, to: usize) -> PoolRange {
        let part = PoolRange { start: self.start + from as u32, end: self.start + to as u32 };
        debug_assert!(part.start <= part.end && part.end <= self.end);
        part
    }
}

/// One value the server could read.
#[derive(Debug, Clone, Copy)]
pub struct Exposure {
    /// The row that claims it; none for unclassified values.
    pub field: Option<FieldId>,
    /// Its value.
    pub value: PoolRange,
    /// Where it stood, for unclassified values.
    pub path: Option<PoolRange>,
    /// How it came to be on the stream.
    pub via: Via,
    /// Whether it restates or takes apart a value that another row claims.
    pub derived: bool,
    /// What typing found out.
    pub typed: Typed,
    /// The element it stood on or in, by its place in the document: values with the same number belong together. 0 for what is no XML.
    pub element: u32,
}

/// The exposures of one record.
#[derive(Debug, Clone)]
pub struct Exposures {
    catalog: Arc<Catalog>,
    pool: String,
    items: Vec<Exposure>,
}

/// Field id of values that no row claims.
pub const UNCLASSIFIED: &str = "unclassified";

impl Exposures {
    /// None yet.
    pub fn new(catalog: Arc<Catalog>) -> Exposures {
        Exposures { catalog, pool: String::new(), items: Vec::new() }
    }

    /// Makes room for so many more, and for so many bytes of text.
    pub fn reserve(&mut self, items: usize, bytes: usize) {
        self.items.reserve(items);
        self.pool.reserve(bytes);
    }

    /// None again, in the same memory.
    pub fn clear(&mut self) {
        self.items.clear();
        self.pool.clear();
    }

    /// Bytes of memory they hold.
    pub fn memory(&self) -> usize {
        self.pool.capacity() + self.items.capacity() * size_of::<Exposure>()
    }

    /// Number of exposures.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The exposures.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = &Exposure> {
        self.items.iter()
    }

    /// The catalog they refer to.
    #[inline]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// A string of the pool.
    #[inline]
    pub fn text(&self, range: PoolRange) -> &str {
        &self.pool[range.range()]
    }

    /// All texts of the pool, one after the other.
    pub fn texts(&self) -> &str {
        &self.pool
    }

    /// Field name of an exposure.
    pub fn field_name(&self, exposure: &Exposure) -> &str {
        exposure.field.map_or(UNCLASSIFIED, |id| &self.catalog.field(id).id)
    }

    /// Puts text into the pool.
    #[inline]
    pub fn intern(&mut self, write: impl FnOnce(&mut String)) -> PoolRange {
        let start = self.pool.len() as u32;
        write(&mut self.pool);
        PoolRange { start, end: self.pool.len() as u32 }
    }

    /// Puts a string into the pool.
    #[inline]
    pub fn intern_str(&mut self, text: &str) -> PoolRange {
        self.intern(|pool| pool.push_str(text))
    }

    /// Adds an exposure.
    #[inline]
    pub fn push(&mut self, exposure: Exposure) {
        self.items.push(exposure);
    }

    /// Writes all texts anew; `new` gives the text that stands in place of one, if another does.
    pub fn rewrite(&mut self, mut new: impl FnMut(&str) -> Option<String>) {
        let old = std::mem::take(&mut self.pool);
        let mut pool = String::with_capacity(old.len());
        let mut items = std::mem::take(&mut self.items);
        let mut moved = |range: &mut PoolRange| {
            let text = &old[range.range()];
            let start = pool.len() as u32;
            pool.push_str(new(text).as_deref().unwrap_or(text));
            *range = PoolRange { start, end: pool.len() as u32 };
        };
        for item in &mut items {
            moved(&mut item.value);
            item.path.iter_mut().for_each(&mut moved);
            match &mut item.typed {
                Typed::Jid { bare, resource } => {
                    moved(bare);
                    resource.iter_mut().for_each(&mut moved);
                }
                Typed::Time(time) => moved(time),
                Typed::Plain | Typed::Ip(_) | Typed::Hidden { .. } => {}
            }
        }
        (self.pool, self.items) = (pool, items);
    }

    /// Plain facts by field name.
    pub fn of_facts<F: AsRef<str>, V: AsRef<str>>(catalog: &Arc<Catalog>, facts: &[(F, V)]) -> Exposures {
        let mut exposures = Exposures::new(catalog.clone());
        facts.iter().for_each(|(field, value)| exposures.push_fact(field.as_ref(), value.as_ref()));
        exposures
    }

    /// Adds a plain fact by field name. A name that the catalog does not have makes it unclassified.
    pub fn push_fact(&mut self, field: &str, value: &str) {
        let id = self.catalog.by_id(field);
        let value = self.intern_str(value);
        self.push(Exposure { field: id, value, path: None, via: Via::Direct, derived: false, typed: Typed::Plain, element: 0 });
    }
}
