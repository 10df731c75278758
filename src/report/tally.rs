//! Counting strings that a peer chose, within bounds.

use rustc_hash::FxHashMap;

/// How often each string was seen. A hostile peer can send any number of different ones: beyond `max` they are counted together.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    counts: FxHashMap<Box<str>, u64>,
    overflow: u64,
}

/// Different strings that are kept.
const MAX_DISTINCT: usize = 2048;
/// Bytes of a string that are kept.
const MAX_BYTES: usize = 1024;

impl Tally {
    /// Counts a string.
    pub fn add(&mut self, text: &str) {
        let text = &text[..text.floor_char_boundary_at(MAX_BYTES)];
        if let Some(count) = self.counts.get_mut(text) {
            *count += 1;
        } else if self.counts.len() < MAX_DISTINCT {
            self.counts.insert(text.into(), 1);
        } else {
            self.overflow += 1;
        }
    }

    /// Number of different strings; a lower bound when [`Tally::overflow`] is not 0.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Occurrences of strings beyond the limit.
    pub fn overflow(&self) -> u64 {
        self.overflow
    }

    /// All occurrences.
    pub fn total(&self) -> u64 {
        self.counts.values().sum::<u64>() + self.overflow
    }

    /// Whether a string was counted.
    pub fn contains(&self, text: &str) -> bool {
        self.counts.contains_key(text)
    }

    /// Strings and counts, most frequent first, then in order.
    pub fn ranked(&self) -> Vec<(&str, u64)> {
        let mut ranked: Vec<(&str, u64)> = self.counts.iter().map(|(text, count)| (&**text, *count)).collect();
        ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        ranked
    }
}

trait CharBoundary {
    fn floor_char_boundary_at(&self, at: usize) -> usize;
}

impl CharBoundary for str {
    fn floor_char_boundary_at(&self, at: usize) -> usize {
        if at >= self.len() { self.len() } else { (0..=at).rev().find(|&i| self.is_char_boundary(i)).unwrap_or(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_bounds() {
        let mut tally = Tally::default();
        ["b", "a", "b"].into_iter().for_each(|t| tally.add(t));
        assert_eq!(tally.ranked(), [("b", 2), ("a", 1)]);
        tally.add(&"ä".repeat(MAX_BYTES));
        assert!(tally.ranked().iter().all(|(text, _)| text.len() <= MAX_BYTES));
        (0..MAX_DISTINCT + 5).for_each(|n| tally.add(&n.to_string()));
        assert_eq!((tally.len(), tally.overflow(), tally.total()), (MAX_DISTINCT, 8, MAX_DISTINCT as u64 + 9));
    }
}
