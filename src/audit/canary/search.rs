//! One automaton over all needles of all canaries, and what makes a hit of what it finds.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::coding::Coding;
use super::declare::Canary;
use super::needles::{self, Needle, Sought, WINDOW, Written};

/// Finds canaries in bytes.
pub struct Search {
    automaton: AhoCorasick,
    needles: Vec<Needle>,
}

/// A canary in a piece of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub canary: usize,
    /// Where in the bytes.
    pub range: Range<usize>,
    /// How it is encoded there, the outermost first.
    pub chain: Vec<Coding>,
}

/// Bytes of anchors up to which the automaton is a table: faster, and a hundred times as large.
const TABLE_BYTES: usize = 40_000;

impl Search {
    /// Prepares the search. The position of a canary is its number.
    pub(super) fn new<'a>(canaries: impl Iterator<Item = &'a Canary>) -> Search {
        let mut needles = Vec::new();
        canaries.enumerate().for_each(|(number, canary)| needles::of(number, canary, &mut needles));
        let anchors = needles.iter().map(|needle| needle.anchor.len()).sum::<usize>();
        let kind = if anchors <= TABLE_BYTES { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        let automaton = AhoCorasick::builder()
            .kind(Some(kind))
            .ascii_case_insensitive(true)
            .build(needles.iter().map(|needle| &needle.anchor))
            .expect("the number and length of canaries are limited");
        Search { automaton, needles }
    }

    /// All canaries in these bytes as far as no decoding is needed, in order of their ends. Of hits on one canary that overlap the first.
    pub fn find(&self, bytes: &[u8], mut each: impl FnMut(Found)) {
        let mut last: Option<(usize, usize)> = None;
        for candidate in self.automaton.find_overlapping_iter(bytes) {
            let needle = &self.needles[candidate.pattern()];
            if last.is_some_and(|(canary, end)| canary == needle.canary && candidate.start() < end) {
                continue;
            }
            let Some((range, changed)) = hit(needle, bytes, candidate.start()) else { continue };
            last = Some((needle.canary, range.end));
            let chain = needle.chain.iter().copied().chain(changed.then_some(Coding::Case)).collect();
            each(Found { canary: needle.canary, range, chain });
        }
    }

    /// Whether [`Search::find`] would find anything.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let mut any = false;
        self.find(bytes, |_| any = true);
        any
    }
}

/// Whether all of what is sought is there; where, and whether with other capitals.
fn hit(needle: &Needle, bytes: &[u8], start: usize) -> Option<(Range<usize>, bool)> {
    match &needle.sought {
        Sought::Whole { bytes: whole, exact } => {
            let range = start..start + whole.len();
            let there = bytes.get(range.clone())?;
            let same = there == &whole[..];
            // Digits of hexadecimal have no meaning in their capitals.
            let changed = !same && !needle.chain.contains(&Coding::Hex);
            (same || (!exact && there.eq_ignore_ascii_case(whole))).then_some((range, changed))
        }
        Sought::Window { units, at, written: Written::Base64(offset) } => {
            let (decoded, from) = in_base64(bytes, start, *offset)?;
            let stretch = stretched(units, *at, 1, &decoded.0, from);
            (stretch.len() >= WINDOW).then(|| {
                let to_symbol = |byte: usize| decoded.1 + byte * 8 / 6;
                (to_symbol(stretch.start)..(to_symbol(stretch.end) + 1).min(bytes.len()), false)
            })
        }
        Sought::Window { units, at, written } => {
            let size = if *written == Written::Pairs { 2 } else { 1 };
            let range = stretched(units, *at, size, bytes, start);
            let same = units.len() >= range.len() && memchr::memmem::find(units, &bytes[range.clone()]).is_some();
            (range.len() >= WINDOW * size).then_some((range, !same && !needle.chain.contains(&Coding::Hex)))
        }
    }
}

/// How far the canary goes around the character `at` of it, which is at `start` of the bytes.
fn stretched(units: &[u8], at: usize, size: usize, bytes: &[u8], start: usize) -> Range<usize> {
    let same = |unit: usize, place: usize| {
        let there = bytes.get(place..place + size);
        there.is_some_and(|there| there.eq_ignore_ascii_case(&units[unit * size..(unit + 1) * size]))
    };
    let all = units.len() / size;
    let before = (1..=at).take_while(|n| start >= n * size && same(at - n, start - n * size)).count();
    let after = (at..all).take_while(|unit| same(*unit, start + (unit - at) * size)).count();
    start - before * size..start + after * size
}

/// Bytes around a core, the position of their first symbol; and where among them the core's first byte is.
type Decoded = ((Vec<u8>, usize), usize);

fn in_base64(bytes: &[u8], start: usize, offset: usize) -> Option<Decoded> {
    const GROUPS: usize = 256;
    let aligned = start.checked_sub(needles::base64_margin(offset))?;
    let mut from = aligned;
    for _ in 0..GROUPS {
        match from.checked_sub(4) {
            Some(before) if bytes[before..from].iter().all(|b| symbol(*b).is_some()) => from = before,
            _ => break,
        }
    }
    let mut decoded = Vec::new();
    for group in bytes[from..].chunks(4).take(2 * GROUPS) {
        let values: Vec<u8> = group.iter().map_while(|b| symbol(*b)).collect();
        let bits = values.iter().fold(0u32, |bits, value| bits << 6 | u32::from(*value)) << (6 * (4 - values.len()));
        let whole = values.len() * 6 / 8;
        decoded.extend_from_slice(&bits.to_be_bytes()[1..=whole]);
        if values.len() < 4 {
            break;
        }
    }
    Some(((decoded, from), (aligned - from) / 4 * 3 + offset))
}

fn symbol(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}
