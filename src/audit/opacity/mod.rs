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
mod fallback;
mod family;
mod found;
mod key_in_clear;
mod magic;
mod message;
mod openpgp;
mod other;
mod parties;
mod reuse;
mod siblings;
mod signal;
mod statistics;
#[cfg(test)]
mod tests;
mod trivial_keys;

use std::hash::{BuildHasher as _, Hash};
use std::sync::LazyLock;

pub use directory::{Announced, DeviceList};
use family::Family;
use found::{Found, MAX_FOUND};

use super::decoded::Decoded;
use super::memory::Memory;
use crate::catalog::Known;
use crate::record::{BodyVerdict, Detail, Moment, Verdict};
use crate::xmpp::Direction;
use crate::xmpp::element::{Element, NodeId, NodeKind};
use crate::xmpp::jid::normalised_bare;

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
    /// It announces encryption (XEP-0380).
    pub announced: bool,
    /// It holds an encrypted message, so that the next one is expected to be encrypted too.
    pub protects: bool,
}

/// What a session has shown of devices, keys and containers.
#[derive(Debug)]
pub struct Opacity {
    directory: directory::Directory,
    devices: devices::Devices,
    rooms: parties::Rooms,
    reuse: reuse::Reuse,
    copies: copies::Copies,
    learned: fallback::Learned,
    /// A rule of R, D, T, K or L has fired: from then on no message is above E1.
    doubts: bool,
}

/// What the rules make of a stanza, before it becomes a verdict.
#[derive(Debug, Default)]
struct Outcome {
    found: Vec<Found>,
    /// OMEMO containers, and whether all of them reached E2.
    containers: usize,
    complete: bool,
    announced: bool,
    protects: bool,
}

/// What of a stanza the procedure is about, found in one pass over its elements.
#[derive(Debug, Default)]
struct Parts<'a> {
    messages: Vec<Element<'a>>,
    containers: Vec<(Family, Element<'a>)>,
    others: Vec<Element<'a>>,
    envelopes: Vec<Element<'a>>,
    lists: Vec<(Family, Element<'a>)>,
    bundles: Vec<(Family, Element<'a>)>,
}

impl Opacity {
    /// Knows nothing but the device lists it is given, and what other sessions announced.
    pub fn new(device_lists: &[DeviceList], announced: &Announced) -> Opacity {
        Opacity {
            directory: directory::Directory::new(device_lists, announced),
            devices: devices::Devices::default(),
            rooms: parties::Rooms::default(),
            reuse: reuse::Reuse::default(),
            copies: copies::Copies::default(),
            learned: fallback::Learned::default(),
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
        let parts = Parts::of(root, scene);
        for (_, container) in &parts.containers {
            container::decode(*container, decoded);
        }
        let decoded = &*decoded;
        let mut outcome = Outcome { complete: true, ..Outcome::default() };
        self.learn_devices(root, &parts, scene, &mut outcome.found);
        for &message in &parts.messages {
            self.judge_message(message, &parts, decoded, scene, &mut outcome);
        }
        if root.sym() != known.message {
            self.judge_elsewhere(root, &parts, decoded, scene, &mut outcome);
        }
        key_in_clear::check(root, scene.frame, &mut outcome.found);
        self.doubts |= outcome.found.iter().any(|one| one.verdict.is_some() && one.detail.rule.starts_with(['R', 'D', 'T', 'K', 'L']));
        let level = if outcome.complete && !self.doubts { "E2" } else { "E1" };
        let (announced, protects) = (outcome.announced, outcome.protects);
        Some(Judged { verdict: verdict(outcome, level)?, announced, protects })
    }

    /// Device lists and bundles.
    fn learn_devices(&mut self, root: Element<'_>, parts: &Parts<'_>, scene: &Scene<'_>, found: &mut Vec<Found>) {
        for &(family, list) in &parts.lists {
            let Some(place) = Published::of(list, scene) else { continue };
            let own = scene.memory.own.as_deref() == Some(place.owner.as_str());
            let from = directory::Published { owner: &place.owner, own, direction: scene.direction, at: scene.at };
            self.directory.learn(family, list, &from, &self.devices, found);
            self.learn_access(root, family, &place);
        }
        for &(family, element) in &parts.bundles {
            let (Some(place), true) = (Published::of(element, scene), family != Family::Olm) else { continue };
            let bundle = bundle::Bundle::read(family, element, found);
            self.learn_access(root, family, &place);
            let Some(id) = place.device else { continue };
            self.devices.learn(family, &bundle, &place.owner, id, scene.at, found);
            if let Some(ik) = bundle.ik {
                self.directory.bundle_seen(family, &place.owner, id, &ik, element, found);
            }
        }
    }

    /// B9: what publish options say about who may read the node.
    fn learn_access(&mut self, root: Element<'_>, family: Family, place: &Published) {
        let fields = root.children().flat_map(Element::children).filter(|c| c.local() == "publish-options").flat_map(Element::children);
        let access = fields.flat_map(Element::children).find(|field| field.attr("var") == Some("pubsub#access_model"));
        if let Some(value) = access.and_then(|field| field.children().next()) {
            self.devices.access(family, &place.owner, value.own_text().trim() == "open");
        }
    }

    /// How many entries it holds: bounded, whatever the session sends.
    pub fn entries(&self) -> usize {
        self.directory.len() + self.devices.len() + self.rooms.len() + self.reuse.len() + self.copies.len() + self.learned.len()
    }

    /// Device ids last announced for an account, in a namespace.
    pub fn devices(&self, namespace: &str, account: &str) -> Option<&[u32]> {
        self.directory.devices(Family::of(namespace)?, &normalised_bare(account))
    }
}

impl<'a> Parts<'a> {
    fn of(root: Element<'a>, scene: &Scene<'_>) -> Parts<'a> {
        let (document, known) = (root.document(), scene.known);
        let mut parts = Parts::default();
        if root.sym() == known.message {
            parts.messages.push(root);
        }
        for index in root.id.0 + 1..document.len() as u32 {
            let node = document.node(NodeId(index));
            if node.kind == NodeKind::Text {
                continue;
            }
            let element = document.element(NodeId(index));
            if let Some(at) = known.omemo.iter().position(|ns| *ns == node.ns) {
                let family = Family::ALL[at];
                match element.local() {
                    "encrypted" => parts.containers.push((family, element)),
                    "list" | "devices" => parts.lists.push((family, element)),
                    "bundle" => parts.bundles.push((family, element)),
                    _ => {}
                }
            } else if known.sce.contains(&node.ns) {
                parts.envelopes.push(element);
            } else if known.e2ee.contains(&node.ns) && other::CONTAINERS.contains(&(element.uri(), element.local())) {
                parts.others.push(element);
            } else if node.sym == known.message
                && element.parent().is_some_and(|parent| parent.sym() == known.forwarded)
                && parts.messages.len() <= scene.max_forwards
            {
                parts.messages.push(element);
            }
        }
        parts
    }
}

/// The message (or whatever stanza) an element belongs to.
fn stanza_of<'a>(element: Element<'a>, known: &Known) -> Element<'a> {
    let mut at = element;
    while let Some(parent) = at.parent() {
        at = parent;
        if at.sym() == known.message {
            break;
        }
    }
    at
}

/// Where device data was published.
#[derive(Debug)]
struct Published {
    owner: String,
    /// The device, for a bundle.
    device: Option<u32>,
}

impl Published {
    /// Of a list or bundle inside a pubsub item. Its account is who the request goes to, or who the answer comes from.
    fn of(data: Element<'_>, scene: &Scene<'_>) -> Option<Published> {
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
        Some(Published { owner: normalised_bare(owner?).into_owned(), device })
    }
}

/// Joins what was found into a verdict; none when there is nothing to speak of.
fn verdict(outcome: Outcome, level: &'static str) -> Option<BodyVerdict> {
    let Outcome { mut found, containers, .. } = outcome;
    // Verdicts are ordered from the worst; what only informs comes last.
    found.sort_by_key(|one| one.verdict.map_or((u8::MAX, one.detail.rule), |verdict| (verdict as u8, "")));
    let mut kept: Vec<Found> = Vec::with_capacity(found.len().min(MAX_FOUND));
    for one in found {
        let same = |other: &Found| {
            other.detail.rule == one.detail.rule && other.detail.path == one.detail.path && other.detail.detail == one.detail.detail
        };
        if kept.len() < MAX_FOUND && !kept.iter().any(same) {
            kept.push(one);
        }
    }
    let worst = kept.first().and_then(|one| one.verdict);
    let body = worst.or((containers > 0).then_some(Verdict::Opaque))?;
    let opaque = body == Verdict::Opaque;
    let mut rules = if opaque { vec!["S"] } else { Vec::new() };
    for one in &kept {
        if !rules.contains(&one.detail.rule) {
            rules.push(one.detail.rule);
        }
    }
    let mut reasons: Vec<&str> = Vec::new();
    for one in kept.iter().filter(|one| one.verdict == Some(body)) {
        if reasons.len() < MAX_REASONS && !reasons.contains(&one.detail.detail.as_str()) {
            reasons.push(&one.detail.detail);
        }
    }
    let because = if opaque { "well-formed OMEMO, no content in clear beside it".to_owned() } else { reasons.join("; ") };
    let details = kept.into_iter().map(|one| one.detail).collect();
    Some(BodyVerdict { body, level: opaque.then_some(level), rules, because, details })
}

/// Makes a verdict a proven leak: a canary was found (rules L1, L2, L7). What was found before stays.
pub fn raise(verdict: &mut Option<BodyVerdict>, detail: Detail) {
    let before = verdict.take();
    let mut raised = BodyVerdict {
        body: Verdict::ProvenLeak,
        level: None,
        rules: vec![detail.rule],
        because: detail.detail.clone(),
        details: vec![detail],
    };
    if let Some(before) = before {
        if before.body == Verdict::ProvenLeak && !before.because.is_empty() {
            raised.because = format!("{}; {}", raised.because, before.because);
        }
        // `S` says that all is well.
        let rules: Vec<_> = before.rules.into_iter().filter(|rule| *rule != "S" && !raised.rules.contains(rule)).collect();
        raised.rules.extend(rules);
        raised.details.extend(before.details);
    }
    *verdict = Some(raised);
}

/// Makes text in clear suspect where encryption was to be expected (rule L6).
pub fn downgrade(verdict: &mut BodyVerdict, fact: &str) {
    let path = verdict.details.first().map_or_else(String::new, |detail| detail.path.clone());
    let detail = Detail { rule: "L6", path, offset: None, length: None, detail: fact.to_owned(), source: "XEP-0384 §5.7" };
    (verdict.body, verdict.level, verdict.because) = (Verdict::Suspect, None, fact.to_owned());
    verdict.rules.insert(0, detail.rule);
    verdict.details.insert(0, detail);
}

/// A hash to compare by, with a seed of the process. Two values have the same one by chance once in 2^64.
fn hash(value: impl Hash) -> u64 {
    static SEED: LazyLock<foldhash::quality::RandomState> = LazyLock::new(Default::default);
    SEED.hash_one(value)
}
