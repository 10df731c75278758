//! When there was traffic: counts by hour, or finer for a short run.

use std::collections::BTreeMap;

/// Intervals that are kept; with more, they get longer.
const MAX_SLOTS: usize = 4096;
/// Lengths of an interval, in seconds: a second, a minute, an hour, a day, thirty days.
const LENGTHS: [i64; 5] = [1, 60, 3_600, 86_400, 2_592_000];

/// Stanzas in one interval: messages, presence, everything else.
pub type Slot = [u64; 3];

/// Traffic over time.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    slots: BTreeMap<i64, Slot>,
    step: usize,
    /// Stanzas by hour of the day, in UTC.
    pub by_hour: [u64; 24],
}

impl Timeline {
    /// Counts a stanza at a time in Unix seconds.
    pub(super) fn add(&mut self, seconds: i64, kind: &str) {
        let place = match kind {
            "message" => 0,
            "presence" => 1,
            _ => 2,
        };
        self.by_hour[usize::try_from(seconds.rem_euclid(86_400) / 3_600).unwrap_or(0)] += 1;
        self.slots.entry(seconds.div_euclid(LENGTHS[self.step])).or_default()[place] += 1;
        while self.slots.len() > MAX_SLOTS && self.step + 1 < LENGTHS.len() {
            self.coarsen();
        }
    }

    fn coarsen(&mut self) {
        let times = LENGTHS[self.step + 1] / LENGTHS[self.step];
        self.step += 1;
        for (at, slot) in std::mem::take(&mut self.slots) {
            let sum = self.slots.entry(at.div_euclid(times)).or_default();
            sum.iter_mut().zip(slot).for_each(|(sum, more)| *sum += more);
        }
    }

    /// Whether nothing has a time.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Intervals from the first to the last, empty ones included, at most `max` of them, by the hour where that is not too coarse or too
    /// fine: length in seconds, start of the first in Unix seconds, counts.
    pub fn slots(&self, max: usize) -> (i64, i64, Vec<Slot>) {
        let mut finer = self.clone();
        let spans = |timeline: &Timeline| match (timeline.slots.keys().next(), timeline.slots.keys().next_back()) {
            (Some(first), Some(last)) => (last - first + 1, *first),
            _ => (0, 0),
        };
        // By the hour as soon as that gives a picture; finer for a run of minutes.
        while finer.step + 1 < LENGTHS.len() && usize::try_from(spans(&finer).0).unwrap_or(usize::MAX) > max {
            finer.coarsen();
        }
        let (count, first) = spans(&finer);
        // Even months can be too many when clocks are wrong.
        let count = count.min(max as i64);
        let slots = (first..first + count).map(|at| finer.slots.get(&at).copied().unwrap_or_default()).collect();
        (LENGTHS[finer.step], first * LENGTHS[finer.step], slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_get_longer_intervals() {
        let mut timeline = Timeline::default();
        (0..10).for_each(|second| timeline.add(1_000_000 + second, "message"));
        assert_eq!(timeline.slots(60).0, 1);
        timeline.add(1_000_000 + 3_600 * 20, "iq");
        let (length, _, slots) = timeline.slots(60);
        assert_eq!((length, slots.len()), (3_600, 21));
        assert_eq!(slots.iter().flatten().sum::<u64>(), 11);
        (0..10_000).for_each(|n| timeline.add(n * 100, "presence"));
        assert!(timeline.slots.len() <= MAX_SLOTS);
        assert_eq!(timeline.by_hour.iter().sum::<u64>(), 10_011);
    }

    #[test]
    fn a_wrong_clock_does_not_make_a_long_list() {
        let mut timeline = Timeline::default();
        timeline.add(0, "iq");
        timeline.add(253_402_300_799, "iq");
        assert!(timeline.slots(60).2.len() <= 60);
    }
}
