//! Did the content of a stanza stay opaque? The whole decision procedure, one session at a time (`docs/opacity.md` explains each rule).
//!
//! It errs towards suspicion: `OPAQUE` is said only of a well-formed OMEMO container in which and beside which no rule found anything, and
//! with an evidence level, because a passive view can prove a leak and never confidentiality. Nothing is decrypted but under keys that
//! anybody would try first ([`trivial_keys`]). What is remembered is hashes, bounded in number whatever a session sends.

mod bounded;
mod bundle;
mod container;
mod copies;
mod curve;
mod devices;
mod directory;
mod envelope;
mod fallback;
mod family;
mod found;
mod key_in_clear;
mod keyed;
pub(super) mod magic;
mod message;
mod openpgp;
mod other;
mod parties;
mod parts;
mod reuse;
mod siblings;
mod signal;
mod statistics;
#[cfg(test)]
mod tests;
mod trivial_keys;

use std::borrow::Cow;

pub use directory::{Announced, DeviceList};
use family::Family;
use found::{Found, MAX_FOUND};
use parties::Account;
use parts::{Parts, stanza_of};

use super::decoded::Decoded;
use super::memory::Memory;
use crate::catalog::{Catalog, Known};
use crate::record::{BodyVerdict, Detail, Moment, Verdict};
use crate::xmpp::Direction;
use crate::xmpp::element::Element;

/// Reasons that `because` gives; the others are in the details.
const MAX_REASONS: usize = 3;

/// What a stanza is judged with.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// Which way it went, when that is known.
    pub direction: Option<Direction>,
    /// When, if it is known.
    pub at: Option<Moment>,
    /// What the session knows about accounts and rooms.
    pub memory: &'a Memory,
    /// Known names.
    pub known: &'a Known,
    /// Strings that must stay encrypted, for trivial keys.
    pub canaries: &'a super::canary::Canaries,
    /// Source of the stanza.
    pub frame: &'a [u8],
    /// Forwarded messages inside each other that are looked at.
    pub max_forwards: usize,
}

/// A verdict, and what later stanzas are to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: BodyVerdict,
    /// It holds an encrypted message, so that the next one is expected to be encrypted too.
    pub protects: bool,
}

/// What a session has shown of devices, keys and containers.
#[derive(Debug)]
pub struct Opacity {
    rooms: parties::Rooms,
    seen: Seen,
    learned: fallback::Learned,
    namespaces: parts::Namespaces,
    siblings: siblings::Classes,
    /// Its memory serves for one stanza after the other.
    parts: Parts,
    /// A rule of R, D, T, K or L has fired: from then on no message is above E1.
    doubts: bool,
}

/// What containers are held against.
#[derive(Debug)]
struct Seen {
    directory: directory::Directory,
    devices: devices::Devices,
    reuse: reuse::Reuse,
    copies: copies::Copies,
}

/// What the rules make of a stanza, before it becomes a verdict.
#[derive(Debug, Default)]
struct Outcome {
    found: Vec<Found>,
    /// OMEMO containers, and whether all of them reached E2.
    containers: usize,
    complete: bool,
    protects: bool,
}

impl Outcome {
    /// Adds what was found in one message.
    fn add(&mut self, mut found: Vec<Found>) {
        if self.found.is_empty() {
            self.found = found;
        } else {
            self.found.append(&mut found);
        }
    }
}

impl Opacity {
    /// Knows nothing but the device lists it is given, and what other sessions announced.
    pub fn new(device_lists: &[DeviceList], announced: &Announced, catalog: &Catalog) -> Opacity {
        Opacity {
            rooms: parties::Rooms::default(),
            seen: Seen {
                directory: directory::Directory::new(device_lists, announced),
                devices: devices::Devices::default(),
                reuse: reuse::Reuse::default(),
                copies: copies::Copies::default(),
            },
            learned: fallback::Learned::default(),
            namespaces: parts::Namespaces::new(&catalog.known),
            siblings: siblings::Classes::new(&catalog.names),
            parts: Parts::default(),
            doubts: false,
        }
    }

    /// Judges a stanza; `None` when it holds neither content nor a container, nor device data with a fault. `decoded` is that of its frame.
    pub fn judge(&mut self, root: Element<'_>, scene: &Scene<'_>, decoded: &mut Decoded) -> Option<Judged> {
        let known = scene.known;
        if ![known.message, known.iq, known.presence].contains(&root.sym()) || root.attr("type") == Some("error") {
            return None;
        }
        self.rooms.learn(root, scene);
        let mut parts = std::mem::take(&mut self.parts);
        parts.find(root, scene, &self.namespaces);
        let judged = self.judge_parts(root, &parts, scene, decoded);
        parts.clear();
        self.parts = parts;
        judged
    }

    fn judge_parts(&mut self, root: Element<'_>, parts: &Parts, scene: &Scene<'_>, decoded: &mut Decoded) -> Option<Judged> {
        let document = root.document();
        for (family, place) in &parts.containers {
            container::decode(document.element(place.id), family.names(scene.known), decoded);
        }
        let decoded = &*decoded;
        let mut outcome = Outcome { complete: true, ..Outcome::default() };
        self.learn_devices(root, parts, scene, &mut outcome.found);
        for &message in &parts.messages {
            self.judge_message(document.element(message), parts, decoded, scene, &mut outcome);
        }
        if root.sym() != scene.known.message {
            self.judge_elsewhere(root, parts, decoded, scene, &mut outcome);
        }
        key_in_clear::check(root, scene.frame, parts.files, &mut outcome.found);
        self.doubts |= outcome.found.iter().any(|one| one.verdict.is_some() && one.detail.rule.starts_with(['R', 'D', 'T', 'K', 'L']));
        let level = if outcome.complete && !self.doubts { "E2" } else { "E1" };
        let protects = outcome.protects;
        Some(Judged { verdict: verdict(outcome, level)?, protects })
    }

    /// Device lists and bundles.
    fn learn_devices(&mut self, root: Element<'_>, parts: &Parts, scene: &Scene<'_>, found: &mut Vec<Found>) {
        for &(family, list) in &parts.lists {
            let list = root.document().element(list);
            let Some(place) = Published::of(list, scene) else { continue };
            let own = scene.memory.own.as_deref() == Some(&*place.owner.name);
            let from = directory::Published { owner: &place.owner, own, direction: scene.direction, at: scene.at };
            self.seen.directory.learn(family, list, &from, &self.seen.devices, found);
            self.learn_access(root, family, &place);
        }
        for &(family, element) in parts.bundles.iter().filter(|(family, _)| *family != Family::Olm) {
            let element = root.document().element(element);
            let bundle = bundle::Bundle::read(family, element, found);
            let Some(place) = Published::of(element, scene) else { continue };
            self.learn_access(root, family, &place);
            let Some(id) = place.device else { continue };
            self.seen.devices.learn(family, &bundle, place.owner.hash, id, scene.at, found);
            if let Some(ik) = bundle.ik {
                self.seen.directory.bundle_seen(family, &place.owner, id, &ik, element, found);
            }
        }
    }

    /// B9: what publish options say about who may read the node.
    fn learn_access(&mut self, root: Element<'_>, family: Family, place: &Published<'_>) {
        let fields = root.children().flat_map(Element::children).filter(|c| c.local() == "publish-options").flat_map(Element::children);
        let access = fields.flat_map(Element::children).find(|field| field.attr("var") == Some("pubsub#access_model"));
        if let Some(value) = access.and_then(|field| field.children().next()) {
            self.seen.devices.access(family, place.owner.hash, value.own_text().trim() == "open");
        }
    }

    /// How many entries it holds: bounded, whatever the session sends.
    pub fn entries(&self) -> usize {
        self.seen.len() + self.rooms.len() + self.learned.len()
    }

    /// Device ids last announced for an account, in a namespace.
    pub fn devices(&self, namespace: &str, account: &str) -> Option<&[u32]> {
        self.seen.directory.devices(Family::of(namespace)?, &Account::of(account))
    }
}

impl Seen {
    /// Entries held.
    fn len(&self) -> usize {
        self.directory.len() + self.devices.len() + self.reuse.len() + self.copies.len()
    }
}

/// Where device data was published.
#[derive(Debug)]
struct Published<'a> {
    owner: Account<'a>,
    /// The device, for a bundle.
    device: Option<u32>,
}

impl<'a> Published<'a> {
    /// Of a list or bundle inside a pubsub item. Its account is who the request goes to, or who the answer comes from; where neither is
    /// named, it is the own one (RFC 6120 §8.1), which may have no name yet.
    fn of(data: Element<'a>, scene: &Scene<'a>) -> Option<Published<'a>> {
        let item = data.parent().filter(|item| item.local() == "item")?;
        let items = item.parent()?;
        let stanza = stanza_of(items, scene.known);
        let publish = items.local() == "publish";
        let own = scene.memory.own.as_deref();
        let (to, from) = (stanza.attr("to"), stanza.attr("from"));
        let owner = match (scene.direction, publish) {
            (Some(Direction::ClientToServer), _) => to.or(own).or(from),
            (Some(Direction::ServerToClient), _) | (None, false) => from.or(own).or(to),
            (None, true) => to.or(from).or(own),
        };
        let node = items.attr("node").unwrap_or("");
        let numbered = node.split_once(".bundles:").or_else(|| node.split_once(":bundles:")).map(|(_, id)| id);
        let device = container::device_id(numbered.or(item.attr("id")));
        Some(Published { owner: Account::of(owner.unwrap_or_default()), device })
    }
}

/// Joins what was found into a verdict; none when there is nothing to speak of.
fn verdict(outcome: Outcome, level: &'static str) -> Option<BodyVerdict> {
    let Outcome { mut found, containers, .. } = outcome;
    // Verdicts are ordered from the worst; what only informs comes last.
    found.sort_by_key(|one| one.verdict.map_or((u8::MAX, one.detail.rule), |verdict| (verdict as u8, "")));
    let worst = found.first().and_then(|one| one.verdict);
    let body = worst.or((containers > 0).then_some(Verdict::Opaque))?;
    let mut kept = 0;
    for at in 0..found.len() {
        let one = &found[at].detail;
        let same = |other: &Found| other.detail.rule == one.rule && other.detail.path == one.path && other.detail.detail == one.detail;
        if kept < MAX_FOUND && !found[..kept].iter().any(same) {
            // Between the two there is only what was left out.
            found.swap(kept, at);
            kept += 1;
        }
    }
    found.truncate(kept);
    let opaque = body == Verdict::Opaque;
    let mut rules = Vec::with_capacity(found.len() + usize::from(opaque));
    rules.extend(opaque.then_some("S"));
    let mut noted = Vec::new();
    for one in &found {
        if !rules.contains(&one.detail.rule) {
            rules.push(one.detail.rule);
            // What informs comes last: a rule that also decided is there already.
            if one.verdict.is_none() {
                noted.push(one.detail.rule);
            }
        }
    }
    let because = if opaque { "well-formed OMEMO, no content in clear beside it".into() } else { reasons(&found, body).into() };
    let details = found.into_iter().map(|one| one.detail).collect();
    Some(BodyVerdict { body, level: opaque.then_some(level), rules, noted, because, details })
}

/// The first reasons for a verdict.
fn reasons(found: &[Found], body: Verdict) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    for one in found.iter().filter(|one| one.verdict == Some(body)) {
        if reasons.len() < MAX_REASONS && !reasons.contains(&&*one.detail.detail) {
            reasons.push(&one.detail.detail);
        }
    }
    reasons.join("; ")
}

/// Makes a verdict a proven leak: a canary was found (rules L1, L2, L7). What was found before stays.
pub fn raise(verdict: &mut Option<BodyVerdict>, detail: Detail) {
    let before = verdict.take();
    let mut raised = BodyVerdict {
        body: Verdict::ProvenLeak,
        level: None,
        rules: vec![detail.rule],
        noted: Vec::new(),
        because: detail.detail.clone(),
        details: vec![detail],
    };
    if let Some(before) = before {
        if before.body == Verdict::ProvenLeak && !before.because.is_empty() {
            raised.because = format!("{}; {}", raised.because, before.because).into();
        }
        // `S` says that all is well.
        let rules: Vec<_> = before.rules.into_iter().filter(|rule| *rule != "S" && !raised.rules.contains(rule)).collect();
        raised.rules.extend(rules);
        raised.noted = before.noted;
        raised.noted.retain(|noted| *noted != raised.rules[0]);
        raised.details.extend(before.details);
    }
    *verdict = Some(raised);
}

/// Makes text in clear suspect where encryption was to be expected (rule L6).
pub fn downgrade(verdict: &mut BodyVerdict, fact: &str) {
    let path = verdict.details.first().map_or_else(String::new, |detail| detail.path.clone());
    let detail = Detail { rule: "L6", path, offset: None, length: None, detail: fact.to_owned().into(), source: "XEP-0384 §5.7" };
    (verdict.body, verdict.level, verdict.because) = (Verdict::Suspect, None, Cow::Owned(fact.to_owned()));
    verdict.rules.insert(0, detail.rule);
    verdict.details.insert(0, detail);
}
