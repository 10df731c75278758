//! Maps that forget: a hostile session must not be able to fill the memory.

use std::collections::VecDeque;
use std::hash::Hash;

use rustc_hash::FxHashMap;

/// A map that drops what was added first when it is full. For many small entries.
#[derive(Debug)]
pub struct Ring<K, V> {
    map: FxHashMap<K, V>,
    order: VecDeque<K>,
    max: usize,
}

impl<K: Clone + Eq + Hash, V> Ring<K, V> {
    /// At most `max` entries.
    pub fn new(max: usize) -> Ring<K, V> {
        Ring { map: FxHashMap::default(), order: VecDeque::new(), max }
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    /// Adds an entry, or gives an existing key another value. Returns the value it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(old) = self.map.get_mut(&key) {
            return Some(std::mem::replace(old, value));
        }
        if self.order.len() >= self.max
            && let Some(first) = self.order.pop_front()
        {
            self.map.remove(&first);
        }
        self.order.push_back(key.clone());
        self.map.insert(key, value);
        None
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.map.len()
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
        assert_eq!((ring.len(), ring.get(&1), ring.get(&2), ring.get(&4)), (3, None, Some(&()), Some(&())));
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
