//! T1 to T4 and T6: does a ciphertext look like random bytes? The thresholds hold for short texts too (OPACITY 6.1).
//!
//! A pass proves nothing: compressed text passes, and so does whatever is encrypted under a key that somebody knows.

use std::sync::LazyLock;

use super::bounded::Ring;
use super::family::Family;
use super::found::Found;
use super::keyed::hash;
use crate::xmpp::element::Element;

/// How often a random text may be flagged.
const ALPHA: f64 = 1e-9;
/// The shortest text T1 and T2 judge by itself.
const MIN_BYTES: usize = 16;
/// The shortest text T3 judges.
const MIN_UTF8_BYTES: usize = 32;
/// Bytes T1 looks at; more would only make it slower.
const MAX_DISTINCT: usize = 512;
/// Bytes that T4 needs: five of each value.
const MIN_POOLED: u64 = 1280;
/// T4 flags above this; 255 degrees of freedom, about 1 in 10^8.
const CHI_SQUARE: f64 = 400.0;
/// Bytes of one payload that count for T4.
const MAX_POOLED: usize = 1 << 16;
/// Blocks remembered for T6, and taken from one payload.
const MAX_BLOCKS: usize = 1 << 15;
const BLOCKS_PER_PAYLOAD: usize = 16;
/// Blocks compared within one payload.
const MAX_BLOCKS_WITHIN: usize = 4096;

/// For each length up to [`MAX_DISTINCT`]: flag when there are at most so many different bytes. From the exact occupancy recurrence.
static FEW: LazyLock<Vec<u16>> = LazyLock::new(|| {
    let mut thresholds = vec![0];
    // Probability that the bytes so far hold d different values.
    let mut distinct = vec![0.0f64; 257];
    distinct[0] = 1.0;
    for length in 1..=MAX_DISTINCT {
        for d in (0..=length.min(256)).rev() {
            let stayed = distinct[d] * d as f64 / 256.0;
            let rose = if d > 0 { distinct[d - 1] * (257 - d) as f64 / 256.0 } else { 0.0 };
            distinct[d] = stayed + rose;
        }
        let mut sum = 0.0;
        let at_most = distinct.iter().take_while(|p| {
            sum += **p;
            sum <= ALPHA
        });
        thresholds.push(at_most.count().saturating_sub(1) as u16);
    }
    thresholds
});

/// At most so many different bytes in a text of this length are too few.
pub fn few_distinct(length: usize) -> usize {
    usize::from(FEW[length.min(MAX_DISTINCT)])
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

/// Whether all is printable ASCII.
pub fn printable(bytes: &[u8]) -> bool {
    bytes.iter().all(|&b| is_printable(b))
}

/// T1, T2 and T3 on one ciphertext.
pub fn check_bytes(bytes: &[u8], what: &str, place: Element<'_>, found: &mut Vec<Found>) {
    if bytes.len() < MIN_BYTES {
        return;
    }
    let source = "OPACITY 6.1";
    let looked_at = &bytes[..bytes.len().min(MAX_DISTINCT)];
    if let Some(distinct) = too_few_distinct(looked_at) {
        let detail = format!("{what} holds only {distinct} different values in {} bytes", looked_at.len());
        found.push(Found::suspect("T1", place, detail, source).bytes(0, looked_at.len()));
    }
    if printable(bytes) {
        found.push(Found::suspect("T2", place, format!("{what} is printable text"), source).bytes(0, bytes.len()));
    }
    if bytes.len() >= MIN_UTF8_BYTES && std::str::from_utf8(bytes).is_ok() {
        found.push(Found::suspect("T3", place, format!("{what} is valid UTF-8"), source).bytes(0, bytes.len()));
    }
}

/// How many different bytes there are, when that is too few.
fn too_few_distinct(bytes: &[u8]) -> Option<usize> {
    let few = few_distinct(bytes.len());
    // There are at least as many bytes as there are values of their lower six bits, which one register counts. For the inner ciphertexts,
    // most of what is looked at, that is nearly always enough.
    if few < 64 && bytes.iter().fold(0u64, |seen, &b| seen | 1 << (b & 63)).count_ones() as usize > few {
        return None;
    }
    let mut there = [0u8; 256];
    for &b in bytes {
        there[usize::from(b)] = 1;
    }
    // At most 256: each row of 64 is summed up in bytes, many at a time.
    let (rows, _) = there.as_chunks::<64>();
    let distinct = rows.iter().map(|row| usize::from(row.iter().sum::<u8>())).sum::<usize>();
    (distinct <= few).then_some(distinct)
}

/// What is pooled over the messages of one sending device.
#[derive(Debug)]
pub struct Pool {
    counts: Box<[u32; 256]>,
    bytes: u64,
    next: u64,
    failed: bool,
    /// Logarithm of the chance that the last short payloads were all printable.
    printable: f64,
}

impl Default for Pool {
    fn default() -> Pool {
        Pool { counts: Box::new([0; 256]), bytes: 0, next: MIN_POOLED, failed: false, printable: 0.0 }
    }
}

impl Pool {
    /// T2 over several short payloads, and T4.
    pub fn check(&mut self, payload: &[u8], place: Element<'_>, found: &mut Vec<Found>) {
        if payload.len() < MIN_BYTES {
            let chance = (98.0f64 / 256.0).ln() * payload.len() as f64;
            self.printable = if printable(payload) { self.printable + chance } else { 0.0 };
            if self.printable < ALPHA.ln() {
                found.push(Found::suspect("T2", place, "the last short payloads of this device are all printable", "OPACITY 6.1"));
            }
        }
        // Not so many that a count could overflow: none is above `bytes`.
        if self.bytes < u64::from(u32::MAX) - MAX_POOLED as u64 {
            let pooled = &payload[..payload.len().min(MAX_POOLED)];
            pooled.iter().for_each(|&b| self.counts[usize::from(b)] += 1);
            self.bytes += pooled.len() as u64;
        }
        // At doubled sizes only: testing after each message would be many chances for one false alarm.
        if self.bytes >= self.next {
            self.next = self.bytes * 2;
            self.failed = self.chi_square() > CHI_SQUARE;
        }
        if self.failed {
            let detail = format!("over {} bytes, the payloads of this device are not evenly spread", self.bytes);
            found.push(Found::suspect("T4", place, detail, "OPACITY 6.1"));
        }
    }

    fn chi_square(&self) -> f64 {
        let expected = self.bytes as f64 / 256.0;
        self.counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum()
    }
}

/// Blocks of CBC ciphertext seen before (T6), by their hashes.
#[derive(Debug)]
pub struct Blocks(Ring<()>);

impl Default for Blocks {
    fn default() -> Blocks {
        Blocks(Ring::new(MAX_BLOCKS))
    }
}

impl Blocks {
    /// T6. `again` says that the payload as a whole was seen before, which R2 reports.
    pub fn check(&mut self, family: Family, payload: &[u8], again: bool, place: Element<'_>, found: &mut Vec<Found>) {
        if family.is_flat() {
            return;
        }
        let (chunks, _) = payload.as_chunks::<16>();
        let blocks: Vec<u64> = chunks.iter().take(MAX_BLOCKS_WITHIN).map(|chunk| hash(u128::from_le_bytes(*chunk))).collect();
        let mut sorted = blocks.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            let detail = "a 16-byte block twice in one payload: no chaining between blocks";
            found.push(Found::suspect("T6", place, detail, "XEP-0384 §4.4"));
        }
        let first = &blocks[..blocks.len().min(BLOCKS_PER_PAYLOAD)];
        for (at, block) in first.iter().enumerate() {
            if self.0.get(*block).is_some() && !again {
                let detail = "a 16-byte block of an earlier payload: the key and the iv are the same again";
                found.push(Found::suspect("T6", place, detail, "XEP-0384 §4.4").bytes(at * 16, 16));
                return;
            }
        }
        first.iter().for_each(|block| _ = self.0.insert(*block, ()));
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_those_of_the_table() {
        let table =
            [(8, 3), (12, 5), (16, 8), (24, 14), (32, 19), (48, 30), (64, 40), (96, 59), (128, 77), (192, 107), (256, 131), (512, 192)];
        for (length, expected) in table {
            assert_eq!(few_distinct(length), expected, "of {length} bytes");
        }
    }

    #[test]
    fn chances_are_those_of_the_table() {
        for (length, expected) in [(16, 2.1e-7), (24, 9.8e-11), (32, 4.5e-14)] {
            let chance = (98.0f64 / 256.0).powi(length);
            assert!((chance / expected - 1.0).abs() < 0.05, "{chance:e} for {length} bytes");
        }
        assert_eq!((0..=255).filter(|&b| is_printable(b)).count(), 98);
    }
}
