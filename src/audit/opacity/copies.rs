//! Copies: carbons, archives, a room's reflections, resent stanzas. A copy has the verdict of the original and is not a reuse of anything.

use std::sync::Arc;

use super::bounded::Ring;
use super::container::Container;
use super::found::Found;
use super::keyed::{hash, joined};
use super::parties::{Account, Parties};

/// Containers that are remembered.
const MAX_COPIES: usize = 4096;
/// Findings that a copy inherits.
const MAX_INHERITED: usize = 8;

/// What makes a container the same: sender's device, iv, payload and all keys.
pub type Fingerprint = u64;

/// Containers seen before.
#[derive(Debug)]
pub struct Copies {
    /// By [`Fingerprint`].
    seen: Ring<Original>,
}

/// What is known of the original.
#[derive(Debug, Clone)]
pub struct Original {
    from: u64,
    to: u64,
    /// What was found in it and beside it.
    pub found: Arc<[Found]>,
    /// Whether it reached level E2.
    pub complete: bool,
}

impl Default for Copies {
    fn default() -> Copies {
        Copies { seen: Ring::new(MAX_COPIES) }
    }
}

/// The fingerprint of a container; none when there is nothing in it to compare.
pub fn fingerprint(container: &Container<'_>) -> Option<Fingerprint> {
    if container.keys.iter().all(|key| key.bytes.is_empty()) {
        return None;
    }
    let payload = container.payload.as_ref().map(|payload| payload.digest);
    let header = hash((container.family, container.sid, container.iv, payload));
    Some(container.keys.iter().fold(header, |all, key| joined(all, joined(key.device, key.digest))))
}

impl Copies {
    /// The original of a container, when it was sent by the same party. A room's reflection comes from whom the original went to.
    pub fn original(&self, fingerprint: Fingerprint, from: Option<&Account<'_>>) -> Option<&Original> {
        let from = from.map_or(0, |from| from.hash);
        self.seen.get(fingerprint).filter(|original| from == 0 || original.from == 0 || from == original.from || from == original.to)
    }

    /// Remembers one.
    pub fn add(&mut self, fingerprint: Fingerprint, parties: &Parties<'_>, found: &[Found], complete: bool) {
        if self.seen.get(fingerprint).is_some() {
            return;
        }
        let [from, to] = [&parties.from, &parties.to].map(|account| account.as_ref().map_or(0, |account| account.hash));
        let found = found.iter().take(MAX_INHERITED).cloned().collect();
        self.seen.insert(fingerprint, Original { from, to, found, complete });
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.seen.len()
    }
}
