//! Device lists, and the rules about who a message is encrypted to (D1, D2, D4, D5, D7, D8).

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashSet;

use super::bounded::Lru;
use super::container::{Container, device_id};
use super::curve;
use super::devices::Devices;
use super::family::Family;
use super::found::Found;
use super::parties::{Account, Parties};
use crate::record::Moment;
use crate::xmpp::Direction;
use crate::xmpp::element::Element;

/// Lists that are remembered, and devices on one.
const MAX_LISTS: usize = 4096;
const MAX_DEVICES: usize = 1000;
/// Devices announced through the proxy.
const MAX_ANNOUNCED: usize = 1 << 16;
/// After a change, messages under way may still be for the devices of before (§6, D1).
const GRACE_MICROS: u64 = 60_000_000;

/// A device list known from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceList {
    /// Which version of OMEMO it is for; every one when it does not say.
    pub namespace: Option<String>,
    /// Whose devices.
    pub account: String,
    /// Their ids.
    pub devices: Vec<u32>,
}

#[derive(Debug, Default)]
struct List {
    ids: Vec<u32>,
    /// It differs from what it was before; when, if times are known.
    changed: bool,
    changed_at: Option<Moment>,
    /// What the last change took off it, until the next message: kept where there is no clock.
    removed: Vec<u32>,
    /// No message of the account was seen since.
    fresh: bool,
    /// Labels whose bundle was not seen yet.
    labels: Vec<Label>,
}

#[derive(Debug)]
struct Label {
    device: u32,
    text: Box<str>,
    signature: [u8; 64],
}

/// Devices that were announced through this proxy, in whichever session: an account may have several clients under test.
#[derive(Debug, Clone, Default)]
pub struct Announced(Arc<Mutex<FxHashSet<(Family, u64, u32)>>>);

impl Announced {
    fn add(&self, family: Family, account: u64, ids: &[u32]) {
        let mut announced = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if announced.len() < MAX_ANNOUNCED {
            announced.extend(ids.iter().map(|id| (family, account, *id)));
        }
    }

    fn has(&self, family: Family, account: u64, id: u32) -> bool {
        let announced = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        announced.contains(&(family, account, id))
    }
}

/// How a list came.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    /// Whose it is.
    pub owner: &'a Account<'a>,
    /// It is that of the own account.
    pub own: bool,
    /// Which way it went.
    pub direction: Option<Direction>,
    /// When.
    pub at: Option<Moment>,
}

/// Device lists of all accounts.
#[derive(Debug)]
pub struct Directory {
    /// By the hash of the account.
    lists: Lru<(Family, u64), List>,
    /// Versions of OMEMO whose lists were given: everybody who matters is on one.
    given: [bool; 4],
    /// The own account's devices on the first list of the session, by namespace.
    at_first: [Option<FxHashSet<u32>>; 4],
    announced: Announced,
}

impl Directory {
    /// Knows the lists it is given.
    pub fn new(known: &[DeviceList], announced: &Announced) -> Directory {
        let mut directory =
            Directory { lists: Lru::new(MAX_LISTS), given: [false; 4], at_first: Default::default(), announced: announced.clone() };
        for list in known {
            let families = Family::ALL.into_iter().filter(|family| list.namespace.as_deref().is_none_or(|uri| uri == family.uri()));
            for family in families {
                directory.given[family as usize] = true;
                let account = Account::of(&list.account).hash;
                directory.announced.add(family, account, &list.devices);
                directory.lists.entry((family, account), List::default).ids.extend(&list.devices);
            }
        }
        directory
    }

    /// Ids last announced for an account.
    pub fn devices(&self, family: Family, account: &Account<'_>) -> Option<&[u32]> {
        self.list(family, account).map(|list| list.ids.as_slice())
    }

    fn list(&self, family: Family, account: &Account<'_>) -> Option<&List> {
        let at = |family: Family| self.lists.get(&(family, account.hash));
        at(family).or_else(|| at(family.elder()?))
    }

    /// Takes in a list and checks its labels (D4).
    pub fn learn(&mut self, family: Family, list: Element<'_>, from: &Published<'_>, devices: &Devices, found: &mut Vec<Found>) {
        let (owner, at) = (from.owner, from.at);
        let mut ids = Vec::new();
        let mut labels = Vec::new();
        for device in list.children().filter(|c| c.local() == "device").take(MAX_DEVICES) {
            let Some(id) = device_id(device.attr("id")) else { continue };
            ids.push(id);
            if matches!(family, Family::One | Family::Two) && device.attr("label").is_some() {
                labels.extend(label(family, device, id, owner, devices, found));
            }
        }
        if from.own {
            self.learn_own(family, &ids, from);
        }
        let key = (family, owner.hash);
        let known = self.lists.get(&key).is_some();
        let entry = self.lists.entry(key, List::default);
        let same = entry.ids.len() == ids.len() && ids.iter().all(|id| entry.ids.contains(id));
        if known && !same {
            (entry.changed, entry.changed_at, entry.fresh) = (true, at, true);
            if at.is_none() {
                entry.removed = entry.ids.iter().filter(|id| !ids.contains(id)).copied().collect();
            }
        }
        (entry.ids, entry.labels) = (ids, labels);
    }

    fn learn_own(&mut self, family: Family, ids: &[u32], from: &Published<'_>) {
        match from.direction {
            Some(Direction::ClientToServer) => self.announced.add(family, from.owner.hash, ids),
            Some(Direction::ServerToClient) => {}
            None => return,
        }
        // Whichever way the first list goes: what the server adds to one the client published was not there before.
        self.at_first[family as usize].get_or_insert_with(|| ids.iter().copied().collect());
    }

    /// D4 for labels that waited for this bundle.
    pub fn bundle_seen(
        &mut self,
        family: Family,
        account: &Account<'_>,
        device: u32,
        ik: &[u8; 32],
        place: Element<'_>,
        found: &mut Vec<Found>,
    ) {
        let Some(list) = self.lists.get_mut(&(family, account.hash)) else { return };
        list.labels.retain(|label| {
            let waits = label.device != device;
            if !waits && !curve::verify(ik, label.text.as_bytes(), &label.signature) {
                found.push(Found::suspect("D4", place, "the label of this device is not signed by its identity key", "XEP-0384 §5.3.1"));
            }
            waits
        });
    }

    /// D1, D2, D5, D7 and D8 on a container. Returns whether the lists of everybody concerned were there.
    pub fn check(&mut self, container: &Container<'_>, parties: &Parties<'_>, at: Option<Moment>, found: &mut Vec<Found>) -> bool {
        let complete = self.check_recipients(container, parties, at, found);
        if at.is_none() {
            self.forget_removed(container.family, parties);
        }
        self.check_own(container, parties, found);
        self.check_sender(container, parties, found) && complete
    }

    fn forget_removed(&mut self, family: Family, parties: &Parties<'_>) {
        for account in parties.accounts() {
            for family in [Some(family), family.elder()].into_iter().flatten() {
                if let Some(list) = self.lists.get_mut(&(family, account.hash)) {
                    list.removed.clear();
                }
            }
        }
    }

    fn recently_changed(list: &List, at: Option<Moment>) -> bool {
        match (list.changed_at, at) {
            (Some(changed), Some(at)) => at.mono_micros.saturating_sub(changed.mono_micros) < GRACE_MICROS,
            _ => false,
        }
    }

    fn check_recipients(&self, container: &Container<'_>, parties: &Parties<'_>, at: Option<Moment>, found: &mut Vec<Found>) -> bool {
        let family = container.family;
        let list = |account: &Account<'_>| self.list(family, account);
        let unannounced = |key: &super::container::Key<'_>| {
            let detail = "encrypted to a device that is on no device list";
            Found::suspect("D1", key.element, detail, "XEP-0384 §5.5.2").attribute("rid")
        };
        // Without a clock, a device that the last change took off may still get the next message.
        let just_removed = |key: &super::container::Key<'_>| {
            let detail = "encrypted to a device that was taken off its list just before";
            Found::info("D1", key.element, detail, "XEP-0384 §5.5.2").attribute("rid")
        };
        let rate = |key: &super::container::Key<'_>, lists: &[&List]| {
            let removed = key.rid.is_some_and(|rid| lists.iter().any(|list| list.removed.contains(&rid)));
            if removed { just_removed(key) } else { unannounced(key) }
        };
        let recipients = parties.recipients();
        let mut complete = !recipients.is_empty() && recipients.iter().all(|account| list(account).is_some());
        if family.is_flat() {
            if complete && parties.sender.as_ref().is_some_and(|sender| list(sender).is_some()) {
                let lists: Vec<&List> = parties.accounts().filter_map(list).collect();
                if !lists.iter().any(|list| Self::recently_changed(list, at)) {
                    let missing = |rid: &u32| !lists.iter().any(|list| list.ids.contains(rid));
                    found.extend(container.keys.iter().filter(|key| key.rid.as_ref().is_some_and(missing)).map(|key| rate(key, &lists)));
                }
            } else if parties.room && parties.recipients.is_none() && self.given[family as usize] {
                // Who is in the room is not known, but whose devices there are.
                let nowhere = |rid: u32| !self.lists.iter().any(|((of, _), list)| *of == family && list.ids.contains(&rid));
                let changed = self.lists.iter().any(|((of, _), list)| *of == family && Self::recently_changed(list, at));
                if !changed && parties.sender.as_ref().is_some_and(|sender| list(sender).is_some()) {
                    found.extend(container.keys.iter().filter(|key| key.rid.is_some_and(nowhere)).map(unannounced));
                }
            }
        } else {
            for key in &container.keys {
                let (Some(account), Some(rid)) = (&key.account, key.rid) else { continue };
                match list(account) {
                    None => complete = false,
                    Some(list) if !list.ids.contains(&rid) && !Self::recently_changed(list, at) => found.push(rate(key, &[list])),
                    Some(_) => {}
                }
            }
            self.check_audience(container, parties, found);
        }
        self.count_left_out(container, parties, found);
        complete
    }

    /// D7.
    fn check_audience(&self, container: &Container<'_>, parties: &Parties<'_>, found: &mut Vec<Found>) {
        let (Some(sender), Some(recipients)) = (&parties.sender, &parties.recipients) else { return };
        let mut told = FxHashSet::default();
        for key in &container.keys {
            let Some(account) = &key.account else { continue };
            let expected = account == sender || parties.own.as_ref() == Some(account) || recipients.as_slice().contains(account);
            if !expected && told.insert(account.hash) {
                let place = key.element.parent().unwrap_or(key.element);
                let detail = "encrypted to an account that is neither sender, recipient nor member";
                found.push(Found::suspect("D7", place, detail, "XEP-0384 §5.5.2").attribute("jid"));
            }
        }
    }

    /// D8.
    fn count_left_out(&self, container: &Container<'_>, parties: &Parties<'_>, found: &mut Vec<Found>) {
        let mut left_out = 0;
        for account in parties.recipients() {
            let Some(list) = self.list(container.family, account) else { continue };
            let has = |id: &u32| {
                Some(*id) == container.sid
                    || container.keys.iter().any(|key| key.rid == Some(*id) && key.account.as_ref().is_none_or(|of| of == account))
            };
            left_out += list.ids.iter().filter(|id| !has(id)).count();
        }
        if left_out > 0 {
            let detail = format!("{left_out} listed devices of the recipients get no key");
            found.push(Found::info("D8", container.element, detail, "XEP-0384 §5.5.2"));
        }
    }

    /// D5: devices of the own account that appeared without the client under test having announced them.
    fn check_own(&self, container: &Container<'_>, parties: &Parties<'_>, found: &mut Vec<Found>) {
        let (true, Some(own)) = (parties.sent, &parties.own) else { return };
        let (family, at_first) = (container.family, &self.at_first[container.family as usize]);
        let (Some(list), Some(at_first)) = (self.list(family, own), at_first) else { return };
        for key in &container.keys {
            let Some(rid) = key.rid.filter(|rid| list.ids.contains(rid) && !self.announced.has(family, own.hash, *rid)) else { continue };
            if key.account.as_ref().is_some_and(|account| account != own) {
                continue;
            }
            found.push(if at_first.contains(&rid) {
                let detail = "an own device that was not announced through this proxy: on the list since the session began";
                Found::info("D5", key.element, detail, "XEP-0384 §5.3.1").attribute("rid")
            } else {
                let detail = "encrypted to a device that appeared on the own list without being announced through this proxy";
                Found::suspect("D5", key.element, detail, "XEP-0384 §5.3.1").attribute("rid")
            });
        }
    }

    /// D2. Returns whether the sender's list is known.
    fn check_sender(&mut self, container: &Container<'_>, parties: &Parties<'_>, found: &mut Vec<Found>) -> bool {
        let (Some(sender), Some(sid)) = (parties.sender.as_ref().map(|sender| sender.hash), container.sid) else { return false };
        let family = match container.family {
            family if self.lists.get(&(family, sender)).is_some() => family,
            family => family.elder().unwrap_or(family),
        };
        let Some(list) = self.lists.get_mut(&(family, sender)) else { return false };
        if !list.ids.contains(&sid) {
            let place = container.element.children().next().unwrap_or(container.element);
            let detail = "the sending device is not on the sender's device list";
            found.push(if list.fresh {
                Found::info("D2", place, detail, "XEP-0384 §5.3.1").attribute("sid")
            } else {
                Found::suspect("D2", place, detail, "XEP-0384 §5.3.1").attribute("sid")
            });
        }
        list.fresh = false;
        true
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        let own: usize = self.at_first.iter().flatten().map(FxHashSet::len).sum();
        own + self.lists.iter().map(|(_, list)| list.ids.len() + list.removed.len() + list.labels.len() + 1).sum::<usize>()
    }
}

/// D4 for one device. A label whose bundle is not known yet is kept.
fn label(family: Family, device: Element<'_>, id: u32, owner: &Account<'_>, devices: &Devices, found: &mut Vec<Found>) -> Option<Label> {
    let text = device.attr("label")?;
    let fault = |detail: &'static str| Found::suspect("D4", device, detail, "XEP-0384 §5.3.1").attribute("label");
    let signature = device.attr("labelsig").and_then(|signature| {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(signature.trim()).ok()?;
        <[u8; 64]>::try_from(bytes).ok()
    });
    let Some(signature) = signature else {
        found.push(fault("a label without a signature"));
        return None;
    };
    match devices.identity(family, owner, id) {
        Some(ik) if !curve::verify(&ik, text.as_bytes(), &signature) => {
            found.push(fault("a label that is not signed by the device's identity key"));
            None
        }
        Some(_) => None,
        None => (text.len() <= 1024).then(|| Label { device: id, text: text.into(), signature }),
    }
}
