//! One message: its containers, and what stands beside them or instead of them (S10, L3, N1, N2 and the calls of the other rules).

use super::container::{Container, has_text};
use super::copies;
use super::family::Family;
use super::found::Found;
use super::other::{self, Otr};
use super::parties::{Account, Parties};
use super::siblings::Classes;
use super::{Opacity, Outcome, Parts, Scene, Seen, envelope, fallback, magic, statistics, trivial_keys};
use crate::audit::decoded::Decoded;
use crate::audit::way;
use crate::xmpp::element::Element;

impl Opacity {
    /// A message with all that belongs to it, but for messages forwarded in it.
    pub(super) fn judge_message(
        &mut self,
        message: Element<'_>,
        parts: &Parts,
        decoded: &Decoded,
        scene: &Scene<'_>,
        outcome: &mut Outcome,
    ) {
        if message.attr("type") == Some("error") {
            return;
        }
        let beside = Beside::of(message, parts, &self.siblings, scene);
        let forwarded = message.parent().is_some();
        let omemo = parts.containers_of(message);
        let has_omemo = omemo.clone().next().is_some();

        let mut found = Vec::new();
        for envelope in parts.envelopes_of(message) {
            found.push(Found::leak("L3", envelope, "an encryption envelope in clear", "XEP-0420 §10"));
        }
        let parties =
            if has_omemo || !beside.others.is_empty() { self.rooms.parties(message, forwarded, scene) } else { Parties::default() };
        let is_child = |element: Element<'_>| element.parent().is_some_and(|parent| parent.id == message.id);
        let mut fresh = Vec::new();
        let mut copy = false;
        let mut payload = 0;
        for (family, element) in omemo.clone() {
            outcome.containers += 1;
            let readers_unknown = !is_child(element) && is_in_node(element, message, scene);
            let of_node = readers_unknown.then(|| Parties { recipients: None, ..self.rooms.parties(message, forwarded, scene) });
            let parties = of_node.as_ref().unwrap_or(&parties);
            let judged = self.seen.judge((family, element), decoded, parties, scene, &mut found);
            outcome.complete &= judged.complete;
            copy |= judged.copy;
            fresh.extend(judged.fingerprint.map(|fingerprint| (fingerprint, judged.complete)));
            payload = payload.max(judged.payload);
        }
        let omemo_beside = omemo.clone().any(|(_, element)| is_child(element));
        if omemo_beside {
            check_announcement(message, omemo.clone(), scene, &mut found);
        }
        for other in &beside.others {
            other::check(*other, &mut found);
        }
        for (body, otr) in &beside.bodies {
            if let Some(otr) = otr {
                other::check_otr(*otr, *body, &mut found);
            }
        }
        let sealed = |otr: Option<Otr>| matches!(otr, Some(Otr::Data | Otr::Handshake | Otr::Wrong | Otr::Trailing));
        let has_otr = beside.bodies.iter().any(|(_, otr)| sealed(*otr));
        if omemo_beside || has_otr || beside.others.iter().any(|other| is_child(*other)) {
            let envelope = omemo_beside && omemo.clone().all(|(family, _)| !family.is_flat());
            let is_container = |element: Element<'_>| {
                omemo.clone().any(|(_, omemo)| omemo.id == element.id) || beside.others.iter().any(|other| other.id == element.id)
            };
            self.siblings.check(message, is_container, envelope, &mut found);
            for (body, _) in beside.bodies.iter().filter(|(_, otr)| !sealed(*otr)) {
                let sender = parties.sender.as_ref().or(parties.from.as_ref()).map(|sender| &*sender.name);
                if copy {
                    self.learned.check_copy(*body, message, sender, &mut found);
                } else if self.learned.check(*body, message, sender, payload, &mut found) {
                    outcome.complete = false;
                }
                if envelope {
                    found.push(Found::info("P", *body, "a body beside an envelope, which forbids one", "XEP-0420 §7"));
                }
            }
        } else if !found.iter().any(|one| one.detail.rule == "L3") {
            let holds_container = has_omemo || !beside.others.is_empty();
            self.check_clear(message, &beside, holds_container, scene, &mut found);
        }
        // What is forwarded was said elsewhere, but for what a carbon copies. An archive shows nothing of what is to be expected now.
        if !forwarded || way::carbon(message.document().root()).is_some_and(|(copied, _)| copied.id == message.id) {
            let has_text = omemo.clone().any(|(_, element)| element.children().any(|c| c.local() == "payload"));
            outcome.protects |= has_text || !beside.others.is_empty() || beside.bodies.iter().any(|(_, otr)| *otr == Some(Otr::Data));
        }
        let complete = outcome.complete;
        for (fingerprint, container_complete) in fresh {
            self.seen.copies.add(fingerprint, &parties, &found, complete && container_complete);
        }
        outcome.add(found);
    }

    /// N1 and N2, and L6 for what is announced as encrypted: no container beside the content. `holds_container` says that there is one
    /// further down, in a call or an item of a node, which protects nothing but what it is about.
    fn check_clear(&self, message: Element<'_>, beside: &Beside<'_>, holds_container: bool, scene: &Scene<'_>, found: &mut Vec<Found>) {
        let bodies = &beside.bodies;
        // An announcement makes a sentence that nobody knows believable.
        let is_fallback = |text: &str| fallback::is_fallback(text) || (beside.promised && fallback::is_like_one(text));
        let text = bodies.iter().find(|(body, otr)| *otr != Some(Otr::Query) && !is_fallback(&body.own_text()));
        let content = text.map(|(body, _)| *body).or_else(|| message.children().find_map(|child| self.siblings.content_in(child)));
        let content = content.or_else(|| message.children().find(|child| other::is_readable(*child)));
        if let Some(content) = content {
            let subject = content.sym() == scene.known.subject;
            if !subject || has_text(content) {
                if beside.promised {
                    let detail = "readable text in a message that announces encryption";
                    found.push(Found::suspect("L6", content, detail, "XEP-0384 §5.7"));
                }
                return found.push(Found::clear("N1", content, "content in clear, no end-to-end encryption", "XEP-0384 §2.1"));
            }
        }
        if holds_container {
            return;
        }
        if bodies.iter().any(|(body, _)| is_fallback(&body.own_text())) {
            let detail = "only the fallback sentence, no ciphertext: nothing was sent";
            found.push(Found::clear("N2", bodies[0].0, detail, "XEP-0380 §4"));
        } else if beside.promised && bodies.is_empty() {
            found.push(Found::clear("N2", message, "announced as encrypted, but nothing was sent", "XEP-0380 §3"));
        }
    }

    /// Containers that belong to no message: in IQs, in Jingle, in items of a node.
    pub(super) fn judge_elsewhere(
        &mut self,
        root: Element<'_>,
        parts: &Parts,
        decoded: &Decoded,
        scene: &Scene<'_>,
        outcome: &mut Outcome,
    ) {
        if parts.containers.is_empty() && parts.others.is_empty() && parts.envelopes.is_empty() {
            return;
        }
        let mut parties = self.rooms.parties(root, false, scene);
        // Who may read an item is not in the stanza.
        if root.children().any(|c| c.sym() == scene.known.pubsub || c.sym() == scene.known.pubsub_event) {
            parties.recipients = None;
        }
        for (family, element) in parts.containers_of(root) {
            outcome.containers += 1;
            let mut found = Vec::new();
            let judged = self.seen.judge((family, element), decoded, &parties, scene, &mut found);
            outcome.complete &= judged.complete;
            if let Some(fingerprint) = judged.fingerprint {
                self.seen.copies.add(fingerprint, &parties, &found, judged.complete);
            }
            outcome.add(found);
        }
        for element in parts.others_of(root) {
            other::check(element, &mut outcome.found);
        }
        for envelope in parts.envelopes_of(root) {
            outcome.found.push(Found::leak("L3", envelope, "an encryption envelope in clear", "XEP-0420 §10"));
        }
    }
}

/// Whether a container stands in an item of a node: who may read that is not in the message.
fn is_in_node(container: Element<'_>, message: Element<'_>, scene: &Scene<'_>) -> bool {
    let around = std::iter::successors(container.parent(), |outer| outer.parent()).take_while(|outer| outer.id != message.id);
    around.last().is_some_and(|child| child.sym() == scene.known.pubsub || child.sym() == scene.known.pubsub_event)
}

/// What stands in a message beside OMEMO containers.
struct Beside<'a> {
    /// It announces encryption (XEP-0380).
    promised: bool,
    /// Containers of other systems: children first.
    others: Vec<Element<'a>>,
    /// Bodies that are not empty, and what OTR makes of each.
    bodies: Vec<(Element<'a>, Option<Otr>)>,
}

impl<'a> Beside<'a> {
    fn of(message: Element<'a>, parts: &Parts, siblings: &Classes, scene: &Scene<'_>) -> Beside<'a> {
        let known = scene.known;
        let promised = message.child(known.eme).is_some();
        let announced = if promised { announcements(message, scene).next() } else { None };
        let (mut others, mut bodies) = (Vec::new(), Vec::new());
        for child in message.children() {
            if child.sym() == known.body {
                let text = child.own_text();
                if !text.trim().is_empty() {
                    bodies.push((child, other::otr(&text)));
                }
            }
            if other::is_container(child, announced, siblings) {
                others.push(child);
            }
        }
        others.extend(parts.others_of(message).filter(|other| other.parent().map(|parent| parent.id) != Some(message.id)));
        Beside { promised, others, bodies }
    }
}

/// The namespaces of what a message says it is encrypted with.
fn announcements<'a>(message: Element<'a>, scene: &Scene<'_>) -> impl Iterator<Item = &'a str> {
    let eme = scene.known.eme;
    message.children().filter(move |child| child.sym() == eme).filter_map(|announcement| announcement.attr("namespace"))
}

impl Seen {
    /// One OMEMO container: S, and D, R, T, K unless it is a copy.
    fn judge(
        &mut self,
        (family, element): (Family, Element<'_>),
        decoded: &Decoded,
        parties: &Parties<'_>,
        scene: &Scene<'_>,
        found: &mut Vec<Found>,
    ) -> One {
        let mut structure = Vec::new();
        let names = family.names(scene.known);
        let container = Container::read(family, element, names, decoded, parties, &mut structure);
        let length = container.payload.as_ref().map_or(0, |payload| payload.bytes.len());
        let fingerprint = copies::fingerprint(&container);
        if let Some(original) = fingerprint.and_then(|fingerprint| self.copies.original(fingerprint, parties.from.as_ref())) {
            found.extend(original.found.iter().cloned());
            return One { complete: original.complete, copy: true, fingerprint: None, payload: length };
        }
        found.append(&mut structure);
        let mut complete = self.directory.check(&container, parties, scene.at, found);
        let directory = &self.directory;
        let owns = |account: &Account<'_>, device: u32| directory.devices(family, account).is_some_and(|ids| ids.contains(&device));
        self.devices.check(&container, parties, owns, found);
        complete &= self.reuse.check(&container, parties.sent, found);
        if let Some(payload) = &container.payload {
            statistics::check_bytes(payload.bytes, "the payload", payload.element, found);
            magic::check(payload.bytes, payload.element, found);
            check_envelope(payload.bytes, payload.element, found);
            trivial_keys::check(&container, scene.canaries, found);
        }
        for key in &container.keys {
            if let Ok(blob) = &key.blob {
                statistics::check_bytes(blob.ratchet.ciphertext, "the inner ciphertext", key.element, found);
            }
        }
        // Nobody has seen Olm on the wire: its keys are not examined.
        One { complete: complete && family != Family::Olm, copy: false, fingerprint, payload: length }
    }
}

/// What became of one container.
struct One {
    complete: bool,
    copy: bool,
    fingerprint: Option<copies::Fingerprint>,
    /// Length of its payload.
    payload: usize,
}

/// S10, and the note on two containers.
fn check_announcement<'a>(
    message: Element<'a>,
    omemo: impl Iterator<Item = (Family, Element<'a>)> + Clone,
    scene: &Scene<'_>,
    found: &mut Vec<Found>,
) {
    if announcements(message, scene).next().is_none() {
        found.push(Found::info("S10", message, "encryption is not announced", "XEP-0380 §3"));
    } else if !announcements(message, scene).any(|announced| omemo.clone().any(|(family, _)| family.uri() == announced)) {
        found.push(Found::info("S10", message, "another encryption is announced than the one that is there", "XEP-0380 §3"));
    }
    if omemo.clone().any(|(family, _)| family.is_flat()) && omemo.clone().any(|(family, _)| !family.is_flat()) {
        let detail = "two containers: the length of the older one undoes the padding of the other";
        found.push(Found::info("P", message, detail, "XEP-0420 §4"));
    }
}

/// L3 inside a decoded payload.
fn check_envelope(payload: &[u8], place: Element<'_>, found: &mut Vec<Found>) {
    let Some(at) = envelope::position(payload) else { return };
    let end = memchr::memrchr(b'>', payload).map_or(at, |end| end + 1);
    if std::str::from_utf8(payload.get(at..end).unwrap_or_default()).is_ok_and(|text| !text.is_empty()) {
        found.push(Found::leak("L3", place, "the payload holds an envelope that is not encrypted", "XEP-0420 §10").bytes(at, end - at));
    }
}
