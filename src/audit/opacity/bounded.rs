//! Maps that forget: a hostile session must not be able to fill the memory.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// A map that drops what was added first when it is full. For many small entries.
///
/// Keys are [keyed hashes](super::keyed): nobody can choose them so that they meet in one place, so they are not hashed again. Most keys
/// come once only and are looked for in vain, so what decides is how much memory that touches: one slot of eight bytes as a rule.
#[derive(Debug)]
pub struct Ring<V> {
    /// As they were added; once there are `max` of them, the next one takes the place of the `oldest`.
    entries: Vec<(u64, V)>,
    oldest: usize,
    /// Where entries are, by open addressing. A power of two, at least half of it free; none before the first entry.
    slots: Vec<Slot>,
    max: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// One more than the index of the entry; 0 where there is none.
    entry: u32,
    /// Half of its key: tells nearly all others apart without a look at them, and where its search begins.
    key: u32,
}

impl<V> Ring<V> {
    /// At most `max` entries, which is less than 2^31.
    pub fn new(max: usize) -> Ring<V> {
        Ring { entries: Vec::new(), oldest: 0, slots: Vec::new(), max }
    }

    /// The value of a key.
    pub fn get(&self, key: u64) -> Option<&V> {
        if self.slots.is_empty() {
            return None;
        }
        self.find(key).ok().map(|entry| &self.entries[entry].1)
    }

    /// Adds an entry, or gives an existing key another value. Returns the value it had.
    pub fn insert(&mut self, key: u64, value: V) -> Option<V> {
        if self.entries.len() < self.max && (self.entries.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let mut free = match self.find(key) {
            Ok(entry) => return Some(std::mem::replace(&mut self.entries[entry].1, value)),
            Err(free) => free,
        };
        let entry = if self.entries.len() < self.max {
            self.entries.push((key, value));
            self.entries.len() - 1
        } else {
            let entry = self.oldest;
            self.release(entry);
            self.oldest = (entry + 1) % self.max;
            self.entries[entry] = (key, value);
            // Others may have moved up.
            free = self.free_slot(key);
            entry
        };
        self.slots[free] = Slot { entry: entry as u32 + 1, key: key as u32 };
        None
    }

    /// Index of the entry, or the free slot where its search ended.
    fn find(&self, key: u64) -> Result<usize, usize> {
        let mut at = self.home(key as u32);
        loop {
            let slot = self.slots[at];
            let Some(entry) = slot.entry.checked_sub(1) else { return Err(at) };
            if slot.key == key as u32 && self.entries[entry as usize].0 == key {
                return Ok(entry as usize);
            }
            at = self.after(at);
        }
    }

    fn free_slot(&self, key: u64) -> usize {
        let mut at = self.home(key as u32);
        while self.slots[at].entry != 0 {
            at = self.after(at);
        }
        at
    }

    /// The slot where the search for a key begins.
    fn home(&self, key: u32) -> usize {
        key as usize & (self.slots.len() - 1)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    /// Four times as many slots: entries find their places anew, which at twice as many would be the most that filling one costs.
    #[cold]
    fn grow(&mut self) {
        let most = (self.max * 2).next_power_of_two();
        let slots = if self.slots.is_empty() { 8 } else { (self.slots.len() * 4).min(most) };
        self.slots = vec![Slot::default(); slots];
        self.entries.reserve_exact((slots / 2).min(self.max) - self.entries.len());
        for index in 0..self.entries.len() {
            let key = self.entries[index].0;
            let free = self.free_slot(key);
            self.slots[free] = Slot { entry: index as u32 + 1, key: key as u32 };
        }
    }

    /// Frees the slot of an entry. Those behind it move up where they may, for a search ends at the first free slot.
    fn release(&mut self, entry: usize) {
        let mut hole = self.home(self.entries[entry].0 as u32);
        while self.slots[hole].entry != entry as u32 + 1 {
            hole = self.after(hole);
        }
        let distance = |from: usize, to: usize, slots: usize| to.wrapping_sub(from) & (slots - 1);
        let mut at = self.after(hole);
        while self.slots[at].entry != 0 {
            let home = self.home(self.slots[at].key);
            if distance(home, at, self.slots.len()) >= distance(hole, at, self.slots.len()) {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
            at = self.after(at);
        }
        self.slots[hole] = Slot::default();
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

/// A map that drops what was used longest ago when it is full. For few large entries: making room looks at all of them.
#[derive(Debug)]
pub struct Lru<K, V> {
    map: FxHashMap<K, (u64, V)>,
    clock: u64,
    max: usize,
}

impl<K: Clone + Eq + Hash, V> Lru<K, V> {
    /// At most `max` entries.
    pub fn new(max: usize) -> Lru<K, V> {
        Lru { map: FxHashMap::default(), clock: 0, max }
    }

    /// The value of a key, without counting as a use.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key).map(|(_, value)| value)
    }

    /// The value of a key, if there is one.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.clock += 1;
        let (used, value) = self.map.get_mut(key)?;
        *used = self.clock;
        Some(value)
    }

    /// The value of a key, made if need be.
    pub fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.clock += 1;
        if self.map.len() >= self.max && !self.map.contains_key(&key) {
            self.make_room();
        }
        let (used, value) = self.map.entry(key).or_insert_with(|| (0, make()));
        *used = self.clock;
        value
    }

    /// Drops the eighth that was used longest ago, so that the search for it is paid for by many entries.
    fn make_room(&mut self) {
        let mut used: Vec<u64> = self.map.values().map(|(used, _)| *used).collect();
        let nth = used.len() / 8;
        let (_, &mut limit, _) = used.select_nth_unstable(nth);
        self.map.retain(|_, (used, _)| *used > limit);
    }

    /// The entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.map.iter().map(|(key, (_, value))| (key, value))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.map.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_forgets_what_came_first() {
        let mut ring = Ring::new(3);
        (0..5).for_each(|n| assert_eq!(ring.insert(n, ()), None));
        assert_eq!(ring.insert(3, ()), Some(()));
        assert_eq!((ring.len(), ring.get(1), ring.get(2), ring.get(4)), (3, None, Some(&()), Some(&())));
    }

    proptest::proptest! {
        /// Keys of which many begin at one slot, and some differ in their upper half only.
        #[test]
        fn a_ring_is_a_short_list(keys in proptest::collection::vec((0u64..4, 0u64..6), 0..200), max in 1usize..20) {
            let (mut ring, mut list) = (Ring::new(max), Vec::<(u64, usize)>::new());
            for (at, (high, low)) in keys.into_iter().enumerate() {
                let key = (high << 40) | (low * 5);
                let known = list.iter().position(|(known, _)| *known == key);
                let before = known.map(|known| std::mem::replace(&mut list[known].1, at));
                if known.is_none() {
                    list.push((key, at));
                    list.drain(..list.len().saturating_sub(max));
                }
                proptest::prop_assert_eq!(ring.insert(key, at), before);
                proptest::prop_assert_eq!(ring.len(), list.len());
                for low in 0..30 {
                    for high in 0..4 {
                        let key = high << 40 | low;
                        proptest::prop_assert_eq!(ring.get(key), list.iter().find(|(known, _)| *known == key).map(|(_, at)| at));
                    }
                }
            }
        }
    }

    #[test]
    fn an_lru_keeps_what_is_used() {
        let mut lru = Lru::new(8);
        for n in 0..100 {
            *lru.entry(n, || 0) += 1;
            lru.get_mut(&0);
        }
        assert!(lru.get(&0).is_some() && lru.get(&1).is_none() && lru.len() <= 8);
    }
}
