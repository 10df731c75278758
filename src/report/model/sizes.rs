//! Sizes of encrypted bodies, which the server sees in clear.

use std::collections::BTreeMap;

use super::place::Places;
use super::{At, Value};

/// Different sizes that are counted apart.
const MAX_SIZES: usize = 4096;
/// Upper ends of the ranges for the picture, in bytes; what is longer goes into a last range.
pub const RANGES: [u64; 10] = [15, 31, 63, 127, 255, 511, 1023, 4095, 16_383, 65_535];

/// Payload sizes of OMEMO messages that are no copies.
#[derive(Debug, Clone, Default)]
pub struct Sizes {
    /// Messages by size in bytes.
    pub exact: BTreeMap<u64, Places>,
    /// Messages whose size is beyond the number of sizes kept.
    pub overflow: u64,
    /// Records with containers that hold no payload: key transport.
    pub empty: Places,
}

impl Sizes {
    pub(super) fn value(&mut self, at: &At<'_>, value: &Value<'_>) {
        let id = value.row.id.as_str();
        if !id.starts_with("omemo.") || value.via().is_some() {
            return;
        }
        if id.ends_with(".message.empty") {
            self.empty.add(at.place);
        } else if id.ends_with(".message.payload_len")
            && let Ok(bytes) = value.text().parse()
        {
            if self.exact.len() < MAX_SIZES || self.exact.contains_key(&bytes) {
                self.exact.entry(bytes).or_default().add(at.place);
            } else {
                self.overflow += 1;
            }
        }
    }

    /// Messages per range of [`RANGES`], the longer ones last.
    pub fn ranges(&self) -> [u64; RANGES.len() + 1] {
        let mut counts = [0; RANGES.len() + 1];
        for (bytes, places) in &self.exact {
            counts[RANGES.iter().position(|end| bytes <= end).unwrap_or(RANGES.len())] += places.count;
        }
        counts[RANGES.len()] += self.overflow;
        counts
    }

    /// Messages with a size.
    pub fn messages(&self) -> u64 {
        self.exact.values().map(|places| places.count).sum::<u64>() + self.overflow
    }
}
