//! What is known of each device's keys over time: identity keys, signed prekeys, and one-time keys that were used (D3, D6, B3 across
//! devices, B5 to B8).

use super::bounded::{Lru, Ring};
use super::bundle::Bundle;
use super::container::Container;
use super::family::Family;
use super::found::Found;
use super::keyed::{hash, joined};
use super::parties::{Account, Parties};
use crate::record::Moment;
use crate::xmpp::element::Element;

/// Devices that are remembered, and public keys across them.
const MAX_DEVICES: usize = 2048;
const MAX_KEYS: usize = 1 << 16;
/// One-time keys remembered as used, per device.
const MAX_USES: usize = 256;
/// Signed prekeys should be replaced once a week to once a month (XEP-0384 §4.2).
const OLD_PREKEY_MICROS: u64 = 60 * 24 * 3600 * 1_000_000;
/// Falling counts in a row that look like draining (B8).
const FALLS: u8 = 3;

#[derive(Debug, Default)]
struct Device {
    ik: Option<[u8; 32]>,
    spk: u64,
    spk_since: Option<Moment>,
    spk_is_old: bool,
    /// One-time keys of the last bundle: id and hash.
    prekeys: Vec<(u32, u64)>,
    /// Times in a row that one-time keys went and none came.
    falls: u8,
    uses: Vec<Use>,
    /// The node cannot be read by everybody (B9).
    closed: bool,
}

/// A one-time key that a key exchange named.
#[derive(Debug)]
struct Use {
    id: u32,
    /// Hash of its bytes, when the bundle was seen.
    key: Option<u64>,
    /// Sending account and device.
    sender: u64,
    ek: u64,
    /// A later bundle came without it.
    consumed: bool,
}

/// Keys of all devices.
#[derive(Debug)]
pub struct Devices {
    /// By the hash of the account, and id.
    devices: Lru<(Family, u64, u32), Device>,
    /// Which device has a public key.
    keys: Ring<u64>,
}

impl Default for Devices {
    fn default() -> Devices {
        Devices { devices: Lru::new(MAX_DEVICES), keys: Ring::new(MAX_KEYS) }
    }
}

impl Devices {
    /// The identity key of a device's bundle.
    pub fn identity(&self, family: Family, account: &Account<'_>, id: u32) -> Option<[u8; 32]> {
        let at = |family: Family| self.devices.get(&(family, account.hash, id)).and_then(|device| device.ik);
        at(family).or_else(|| at(family.elder()?))
    }

    /// Takes in a bundle: D6, B3 across devices, B5; remembers what B6 to B8 need.
    pub fn learn(&mut self, family: Family, bundle: &Bundle<'_>, account: u64, id: u32, at: Option<Moment>, found: &mut Vec<Found>) {
        let place = bundle.element;
        // The same device may have an identity in several namespaces.
        let me = joined(account, id.into());
        let mut shared = false;
        for key in bundle.ik.iter().chain(&bundle.spk).chain(bundle.prekeys.iter().map(|(_, key)| key)) {
            let key = hash(key);
            match self.keys.get(key) {
                Some(other) => shared |= *other != me,
                None => _ = self.keys.insert(key, me),
            }
        }
        if shared {
            found.push(Found::suspect("B3", place, "a key that another device has too", "XEP-0384 §5.3.2"));
        }
        let device = self.devices.entry((family, account, id), Device::default);
        if let Some(ik) = bundle.ik {
            if device.ik.is_some_and(|before| before != ik) {
                found.push(Found::suspect("D6", place, "the identity key of this device has changed", "XEP-0384 §5.3.2"));
            }
            device.ik = Some(ik);
        }
        let spk = hash(bundle.spk);
        if device.spk != spk {
            (device.spk, device.spk_since) = (spk, at);
        }
        device.spk_is_old = match (device.spk_since, at) {
            (Some(since), Some(now)) => now.mono_micros.saturating_sub(since.mono_micros) > OLD_PREKEY_MICROS,
            _ => false,
        };
        let prekeys: Vec<(u32, u64)> = bundle.prekeys.iter().map(|(id, key)| (*id, hash(key))).collect();
        let came = prekeys.iter().any(|key| !device.prekeys.contains(key));
        device.falls = match () {
            () if came || device.prekeys.is_empty() => 0,
            () if prekeys.len() < device.prekeys.len() => device.falls.saturating_add(1),
            () => device.falls,
        };
        device.prekeys = prekeys;
        device.follow_uses(place, found);
    }

    /// The access model of a node of this account (B9).
    pub fn access(&mut self, family: Family, account: u64, open: bool) {
        self.devices.entry((family, account, 0), Device::default).closed = !open;
    }

    /// The rules about key exchanges in a container: D3, B6; and what is noteworthy of the devices concerned: B7, B8, B9.
    pub fn check(
        &mut self,
        container: &Container<'_>,
        parties: &Parties<'_>,
        owns: impl Fn(&Account<'_>, u32) -> bool,
        found: &mut Vec<Found>,
    ) {
        let family = container.family;
        if family == Family::Olm {
            return;
        }
        let sender = parties.sender.as_ref().or(parties.from.as_ref()).map_or(0, |sender| sender.hash);
        let sender = joined(sender, container.sid.unwrap_or(0).into());
        for key in &container.keys {
            let Some(exchange) = key.blob.ok().and_then(|blob| blob.exchange) else { continue };
            if let (Some(account), Some(sid)) = (&parties.sender, container.sid)
                && self.identity(family, account, sid).is_some_and(|ik| ik != *exchange.ik)
            {
                let detail = "the identity key in the key exchange is not that of the sender's bundle";
                found.push(Found::suspect("D3", key.element, detail, "XEP-0384 §5.3.2"));
            }
            let Some(rid) = key.rid else { continue };
            let recipient = key.account.as_ref().or_else(|| {
                // Flat keys do not name the account: it is the one that lists the device.
                parties.accounts().find(|account| owns(account, rid)).or(parties.to.as_ref())
            });
            if let Some(recipient) = recipient {
                let device = self.devices.entry((family, recipient.hash, rid), Device::default);
                device.check_use(exchange.pk_id, key.ephemeral.unwrap_or(0), sender, key.element, found);
            }
        }
        if let Some(sender) = &parties.sender
            && self.devices.get(&(family, sender.hash, 0)).is_some_and(|account| account.closed)
        {
            let detail = "the sender's devices or bundles are not readable by everybody";
            found.push(Found::info("B9", container.element, detail, "XEP-0384 §5.3.1"));
        }
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.keys.len() + self.devices.iter().map(|(_, device)| device.prekeys.len() + device.uses.len() + 1).sum::<usize>()
    }
}

impl Device {
    /// A new bundle: which used keys are gone, which are back (B5), which ids mean another key now.
    fn follow_uses(&mut self, place: Element<'_>, found: &mut Vec<Found>) {
        let prekeys = &self.prekeys;
        let mut back = false;
        self.uses.retain_mut(|used| {
            // By its bytes, when they were known.
            let there = prekeys.iter().find(|(id, key)| used.key.map_or(*id == used.id, |known| *key == known));
            let renumbered = used.consumed && there.is_none() && used.key.is_some() && prekeys.iter().any(|(id, _)| *id == used.id);
            back |= used.consumed && there.is_some() && used.key.is_some();
            used.consumed |= there.is_none();
            !renumbered
        });
        if back {
            found.push(Found::suspect("B5", place, "a one-time key that was used is offered again", "XEP-0384 §4.2"));
        }
    }

    /// B6 and the notes on a device that a key exchange is for: which one-time key it names, and the hash of its ephemeral key.
    fn check_use(&mut self, pk_id: Option<u32>, ek: u64, sender: u64, place: Element<'_>, found: &mut Vec<Found>) {
        if self.spk_is_old {
            found.push(Found::info("B7", place, "the recipient's signed prekey is older than 60 days", "XEP-0384 §4.2"));
        }
        if self.falls >= FALLS {
            let detail = "the recipient's one-time keys run out: somebody uses them up";
            found.push(Found::info("B8", place, detail, "XEP-0384 §4.2"));
        }
        let Some(id) = pk_id else { return };
        // As long as there is no answer, each message repeats the exchange.
        if self.uses.iter().any(|used| used.id == id && used.ek == ek && used.sender == sender) {
            return;
        }
        if let Some(used) = self.uses.iter().find(|used| used.id == id) {
            found.push(if used.consumed {
                let detail = "a one-time key that was used before and taken from the bundle is used again";
                Found::suspect("B6", place, detail, "XEP-0384 §4.2")
            } else {
                Found::info("B6", place, "a one-time key used twice before its owner could replace it", "XEP-0384 §6")
            });
        }
        if self.uses.len() >= MAX_USES {
            self.uses.remove(0);
        }
        let key = self.prekeys.iter().find(|(known, _)| *known == id).map(|(_, key)| *key);
        let consumed = self.uses.iter().any(|used| used.id == id && used.consumed);
        self.uses.push(Use { id, key, sender, ek, consumed });
    }
}
