//! What must be used once and was used twice: ivs, payloads, message keys, ratchet keys (R1 to R7).

use super::bounded::{Lru, Ring};
use super::container::{Container, Payload};
use super::family::Family;
use super::found::Found;
use super::keyed::{hash, joined};
use super::statistics::{Blocks, Pool};

/// Sending devices that are remembered.
const MAX_SENDERS: usize = 256;
/// Initialisation vectors per sending device.
const MAX_IVS: usize = 4096;
/// Payloads per sending device that R7 compares with.
const MAX_PAYLOADS: usize = 1000;
/// Recipient devices per sending device.
const MAX_RECIPIENTS: usize = 1024;
/// Keys, payloads and message numbers over the session.
const MAX_HASHES: usize = 1 << 15;
/// Shorter payloads may be the same by chance.
const MIN_PAYLOAD: usize = 8;
/// What tells apart, in [`Reuse::owners`], what a key was used as.
const RATCHET: u64 = 1;
const EPHEMERAL: u64 = 2;
/// Bytes whose top bits R7 compares: equal by chance once in 2^48.
const MASK_BYTES: usize = 48;

/// What one sending device has used.
#[derive(Debug)]
struct Sender {
    /// Payload and the hash of [`top_bits`] by iv.
    ivs: Ring<(u64, Option<u64>)>,
    /// iv and payload by the hash of [`top_bits`].
    masks: Ring<(u64, u64)>,
    /// Ratchet key and number of the last message per recipient device.
    last: Ring<(u64, u32)>,
    pool: Pool,
}

impl Default for Sender {
    fn default() -> Sender {
        Sender { ivs: Ring::new(MAX_IVS), masks: Ring::new(MAX_PAYLOADS), last: Ring::new(MAX_RECIPIENTS), pool: Pool::default() }
    }
}

/// What was used in the session.
#[derive(Debug)]
pub struct Reuse {
    senders: Lru<(Family, u32), Sender>,
    /// Digest of the keys by payload.
    payloads: Ring<u64>,
    /// Blob by sender, recipient, ratchet key and number.
    numbers: Ring<u64>,
    /// Blobs.
    blobs: Ring<()>,
    /// Recipient device by ratchet key or ephemeral key, joined with what it was used as.
    owners: Ring<u64>,
    blocks: Blocks,
}

impl Default for Reuse {
    fn default() -> Reuse {
        Reuse {
            senders: Lru::new(MAX_SENDERS),
            payloads: Ring::new(MAX_HASHES),
            numbers: Ring::new(MAX_HASHES),
            blobs: Ring::new(MAX_HASHES),
            owners: Ring::new(MAX_HASHES),
            blocks: Blocks::default(),
        }
    }
}

impl Reuse {
    /// R1 to R7, and what statistics pool over a device. `sent` says that the container comes from the client itself, in order.
    ///
    /// Returns whether the history of each recipient's session was there from its beginning.
    pub fn check(&mut self, container: &Container<'_>, sent: bool, found: &mut Vec<Found>) -> bool {
        let Some(sid) = container.sid else { return false };
        let mut again = false;
        if let Some(payload) = &container.payload {
            again = self.check_payload(container, payload, found);
            self.blocks.check(container.family, payload.bytes, again, payload.element, found);
        }
        let sender = self.senders.entry((container.family, sid), Sender::default);
        if let Some(payload) = &container.payload {
            sender.pool.check(payload.bytes, payload.element, found);
            if container.family.is_flat() && !again {
                sender.check_iv(container.iv, payload, found);
            }
        }
        let keys = Keys { numbers: &mut self.numbers, blobs: &mut self.blobs, owners: &mut self.owners, last: &mut sender.last };
        keys.check(container, sid, sent, found)
    }

    /// R2. Returns whether the payload was seen before.
    fn check_payload(&mut self, container: &Container<'_>, payload: &Payload<'_>, found: &mut Vec<Found>) -> bool {
        if payload.bytes.len() < MIN_PAYLOAD {
            return false;
        }
        let keys = container.keys.iter().fold(0, |all, key| joined(all, key.digest));
        let before = self.payloads.insert(payload.digest, keys);
        if before.is_some_and(|before| before != keys) {
            let detail = "the same payload as in an earlier message, with other keys";
            found.push(Found::suspect("R2", payload.element, detail, "XEP-0384 §4.4"));
        }
        before.is_some()
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        let senders = self.senders.iter().map(|(_, sender)| sender.ivs.len() + sender.masks.len() + sender.last.len() + 1).sum::<usize>();
        senders + self.payloads.len() + self.numbers.len() + self.blobs.len() + self.owners.len() + self.blocks.len()
    }
}

/// What the keys of a container are held against; fields of [`Reuse`] and of its [`Sender`].
struct Keys<'a> {
    numbers: &'a mut Ring<u64>,
    blobs: &'a mut Ring<()>,
    owners: &'a mut Ring<u64>,
    last: &'a mut Ring<(u64, u32)>,
}

impl Keys<'_> {
    /// R3 to R6.
    fn check(self, container: &Container<'_>, sid: u32, sent: bool, found: &mut Vec<Found>) -> bool {
        let mut complete = true;
        for key in container.keys.iter().filter(|key| !key.bytes.is_empty()) {
            let blob = key.digest;
            if self.blobs.insert(blob, ()).is_some() {
                let detail = "the same key blob as in an earlier message";
                found.push(Found::suspect("R4", key.element, detail, "XEP-0384 §4.3"));
            }
            let (Ok(read), Some(_)) = (&key.blob, key.rid) else {
                complete = false;
                continue;
            };
            let (device, ratchet) = (key.device, key.ratchet);
            let number = joined(joined(device, ratchet), u64::from(sid) << 32 | u64::from(read.ratchet.n));
            if self.numbers.insert(number, blob).is_some_and(|before| before != blob) {
                let detail = "a message number used before with the same ratchet key: the message key is used twice";
                found.push(Found::suspect("R3", key.element, detail, "XEP-0384 §4.3"));
            }
            for (public, kind, name) in [(Some(ratchet), RATCHET, "ratchet"), (key.ephemeral, EPHEMERAL, "ephemeral")] {
                let Some(public) = public.map(|public| joined(public, kind)) else { continue };
                if self.owners.insert(public, device).is_some_and(|before| before != device) {
                    let detail = format!("a {name} key used towards another device before: the random source is broken");
                    found.push(Found::suspect("R6", key.element, detail, "XEP-0384 §4.3"));
                }
            }
            let last = self.last.insert(device, (ratchet, read.ratchet.n));
            if sent && last.is_some_and(|(before, n)| before == ratchet && read.ratchet.n < n) {
                let detail = "the message number fell without a new ratchet key: an old state was restored";
                found.push(Found::suspect("R5", key.element, detail, "XEP-0384 §6"));
            }
            complete &= last.is_some() || (read.exchange.is_some() && read.ratchet.n == 0);
        }
        complete
    }
}

impl Sender {
    /// R1 and R7.
    fn check_iv(&mut self, iv: Option<&[u8]>, payload: &Payload<'_>, found: &mut Vec<Found>) {
        let (place, text, mask) = (payload.element, payload.digest, top_bits(payload.bytes).map(hash));
        let iv = iv.map(hash);
        let before = iv.and_then(|iv| self.ivs.get(iv).copied()).filter(|(before, _)| *before != text);
        let similar = mask.and_then(|mask| self.masks.get(mask).copied()).is_some_and(|(_, before)| before != text);
        let same_pair = before.is_some_and(|(_, before)| before.is_some() && before == mask);
        if before.is_some() {
            let detail = "an iv that this device used before with another payload";
            found.push(Found::suspect("R1", place, detail, "XEP-0384 0.3.0 §4.5"));
        }
        if same_pair {
            let detail = "key stream used twice: with an earlier payload of the same iv it gives two texts combined";
            found.push(Found::leak("R7", place, detail, "XEP-0384 0.3.0 §4.5").bytes(0, MASK_BYTES));
        } else if similar {
            let detail = "an earlier payload of this device differs as two texts do: the key stream may be the same";
            found.push(Found::suspect("R7", place, detail, "XEP-0384 0.3.0 §4.5").bytes(0, MASK_BYTES));
        }
        if let Some(iv) = iv {
            self.ivs.insert(iv, (text, mask));
        }
        if let Some(mask) = mask {
            self.masks.insert(mask, (iv.unwrap_or(0), text));
        }
    }
}

/// The top bits of the first bytes. ASCII texts have none, so two of them under one key stream leave the same ones.
fn top_bits(payload: &[u8]) -> Option<u64> {
    let first = payload.get(..MASK_BYTES)?;
    Some(first.iter().fold(0, |bits, &b| (bits << 1) | u64::from(b >> 7)))
}
