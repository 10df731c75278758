//! One automaton over all needles of all canaries, and what makes a hit of what it finds.

use std::ops::Range;

use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, AhoCorasickKind, Anchored, Input, StartKind};

use super::coding::Coding;
use super::declare::Canary;
use super::needles::{self, Needle, Sought, WINDOW, Written};

/// Finds canaries in bytes.
pub struct Search {
    grams: Grams,
    automaton: AhoCorasick,
    needles: Vec<Needle>,
    shortest: usize,
}

/// Which six bytes a needle can begin with, capitals aside. A position whose bytes are not among them costs a nanosecond and nothing else.
struct Grams {
    bits: Vec<u64>,
    shift: u32,
}

/// Bytes of a gram; no anchor is shorter.
const GRAM: usize = 6;

impl Grams {
    fn new<'a>(anchors: impl ExactSizeIterator<Item = &'a [u8]>) -> Grams {
        // One bit in a hundred is set, which few bytes pass by chance; the table stays in the fast caches.
        let size = (anchors.len() * 100).next_power_of_two().clamp(1 << 12, 1 << 20);
        let mut grams = Grams { bits: vec![0; size / 64], shift: 64 - size.trailing_zeros() };
        for anchor in anchors {
            let place = grams.place(word(anchor));
            grams.bits[place / 64] |= 1 << (place % 64);
        }
        grams
    }

    #[inline]
    fn place(&self, word: u64) -> usize {
        let gram = (word | 0x2020_2020_2020_2020) & 0xffff_ffff_ffff;
        (gram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    #[inline]
    fn holds(&self, word: u64) -> bool {
        let place = self.place(word);
        self.bits[place / 64] >> (place % 64) & 1 != 0
    }

    /// The first position from `from` on where a needle can begin.
    #[inline]
    fn next(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let rest = bytes.get(from..)?;
        let tail = from + (rest.len() + 1).saturating_sub(8);
        let place = rest.windows(8).position(|window| self.holds(u64::from_le_bytes(window.try_into().expect("eight bytes"))));
        if let Some(at) = place {
            return Some(from + at);
        }
        (tail..(bytes.len() + 1).saturating_sub(GRAM)).find(|at| self.holds(word(&bytes[*at..])))
    }
}

/// The first eight bytes, zeros where there are fewer.
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    let len = bytes.len().min(8);
    word[..len].copy_from_slice(&bytes[..len]);
    u64::from_le_bytes(word)
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

impl Search {
    /// Prepares the search. The position of a canary is its number.
    pub(super) fn new<'a>(canaries: impl Iterator<Item = &'a Canary>) -> Search {
        let mut needles = Vec::new();
        let mut shortest = WINDOW;
        let canaries = canaries.inspect(|canary| shortest = shortest.min(needles::decisive(&canary.text).len()));
        canaries.enumerate().for_each(|(number, canary)| needles::of(number, canary, &mut needles));
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .start_kind(StartKind::Anchored)
            .ascii_case_insensitive(true)
            .build(needles.iter().map(|needle| &needle.anchor))
            .expect("the number and length of canaries are limited");
        Search { grams: Grams::new(needles.iter().map(|needle| &*needle.anchor)), automaton, needles, shortest }
    }

    /// Bytes that the shortest part of a canary that is a hit has, however it is packed: twelve random characters are not packed into fewer
    /// than eight bytes, and no encoding that keeps them readable has fewer than twelve.
    pub fn shortest(&self) -> usize {
        self.shortest
    }

    /// All canaries in these bytes as far as no decoding is needed, in order. Of hits on one canary that overlap the first.
    pub fn find(&self, bytes: &[u8], mut each: impl FnMut(Found)) {
        let mut last: Option<(usize, usize)> = None;
        let mut from = 0;
        while let Some(at) = self.grams.next(bytes, from) {
            self.begin(bytes, at, |needle| {
                if last.is_some_and(|(canary, end)| canary == needle.canary && at < end) {
                    return;
                }
                let Some((range, changed)) = hit(needle, bytes, at) else { return };
                last = Some((needle.canary, range.end));
                let chain = needle.chain.iter().copied().chain(changed.then_some(Coding::Case)).collect();
                each(Found { canary: needle.canary, range, chain });
            });
            from = at + 1;
        }
    }

    /// Whether [`Search::find`] would find anything.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let mut any = false;
        self.find(bytes, |_| any = true);
        any
    }

    /// Whether the beginning of a needle is anywhere: if not, neither is a needle.
    pub fn may_match(&self, bytes: &[u8]) -> bool {
        let mut from = 0;
        while let Some(at) = self.grams.next(bytes, from) {
            let mut any = false;
            self.begin(bytes, at, |_| any = true);
            if any {
                return true;
            }
            from = at + 1;
        }
        false
    }

    /// The needles whose anchors are at a position.
    fn begin(&self, bytes: &[u8], at: usize, mut each: impl FnMut(&Needle)) {
        let input = Input::new(bytes).range(at..).anchored(Anchored::Yes);
        let mut state = OverlappingState::start();
        loop {
            self.automaton.try_find_overlapping(input.clone(), &mut state).expect("the automaton is made for this");
            match state.get_match() {
                Some(found) => each(&self.needles[found.pattern()]),
                None => return,
            }
        }
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

/// What a symbol of either alphabet of base64 stands for.
pub(super) const fn symbol(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}
