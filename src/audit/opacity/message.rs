//! One message: its containers, and what stands beside them or instead of them (S10, L3, N1, N2 and the calls of the other rules).

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::container::{Container, has_text};
use super::copies;
use super::family::Family;
use super::found::Found;
use super::other::{self, Otr};
use super::parties::Parties;
use super::{Opacity, Outcome, Parts, Scene, fallback, magic, siblings, stanza_of, statistics, trivial_keys};
use crate::audit::decoded::Decoded;
use crate::xmpp::element::Element;

impl Opacity {
    /// A message with all that belongs to it, but for messages forwarded in it.
    pub(super) fn judge_message(
        &mut self,
        message: Element<'_>,
        parts: &Parts<'_>,
        decoded: &Decoded,
        scene: &Scene<'_>,
        outcome: &mut Outcome,
    ) {
        if message.attr("type") == Some("error") {
            return;
        }
        let known = scene.known;
        let forwarded = message.parent().is_some();
        let announced: Vec<&str> =
            message.children().filter(|c| c.sym() == known.eme).filter_map(|announcement| announcement.attr("namespace")).collect();
        let promised = message.child(known.eme).is_some();
        let here = |element: &Element<'_>| stanza_of(*element, known).id == message.id;
        let omemo: Vec<(Family, Element<'_>)> = parts.containers.iter().copied().filter(|(_, element)| here(element)).collect();
        let unknown = announced.first().copied();
        let is_other = |element: Element<'_>| other::is_container(element, unknown);
        let mut others: Vec<Element<'_>> = message.children().filter(|c| is_other(*c)).collect();
        others.extend(parts.others.iter().filter(|other| here(other) && other.parent().map(|parent| parent.id) != Some(message.id)));

        let mut found = Vec::new();
        for envelope in parts.envelopes.iter().filter(|envelope| here(envelope) && !here_inside(envelope, &parts.envelopes)) {
            found.push(Found::leak("L3", *envelope, "an encryption envelope in clear", "XEP-0420 §10"));
        }
        let parties =
            if omemo.is_empty() && others.is_empty() { Parties::default() } else { self.rooms.parties(message, forwarded, scene) };
        let mut fresh = Vec::new();
        let mut copy = false;
        let mut payload = 0;
        for &(family, element) in &omemo {
            outcome.containers += 1;
            let judged = self.judge_container((family, element), decoded, &parties, scene, &mut found);
            outcome.complete &= judged.complete;
            copy |= judged.copy;
            fresh.extend(judged.fingerprint.map(|fingerprint| (fingerprint, judged.complete)));
            payload = payload.max(judged.payload);
        }
        let beside = omemo.iter().any(|(_, element)| element.parent().is_some_and(|parent| parent.id == message.id));
        if beside {
            check_announcement(message, &omemo, &announced, &mut found);
        }
        for other in &others {
            other::check(*other, &mut found);
        }
        let bodies: Vec<Element<'_>> = message.children().filter(|c| c.sym() == known.body && !c.own_text().trim().is_empty()).collect();
        let otr: Vec<Option<Otr>> = bodies.iter().map(|body| other::otr(&body.own_text())).collect();
        for (body, otr) in bodies.iter().zip(&otr) {
            if let Some(otr) = otr {
                other::check_otr(*otr, *body, &mut found);
            }
        }
        let sealed = |otr: &Option<Otr>| matches!(otr, Some(Otr::Data | Otr::Handshake | Otr::Wrong | Otr::Trailing));
        let contained =
            beside || others.iter().any(|other| other.parent().is_some_and(|parent| parent.id == message.id)) || otr.iter().any(sealed);
        if contained {
            let envelope = beside && omemo.iter().all(|(family, _)| !family.is_flat());
            let is_container = |element: Element<'_>| omemo.iter().any(|(_, omemo)| omemo.id == element.id) || is_other(element);
            siblings::check(message, is_container, envelope, &mut found);
            for body in bodies.iter().zip(&otr).filter(|(_, otr)| !sealed(otr)).map(|(body, _)| *body) {
                let sender = parties.sender.as_deref().or(parties.from.as_deref());
                if copy {
                    self.learned.check_copy(body, message, sender, &mut found);
                } else if self.learned.check(body, message, sender, payload, &mut found) {
                    outcome.complete = false;
                }
                if envelope {
                    found.push(Found::info("P", body, "a body beside an envelope, which forbids one", "XEP-0420 §7"));
                }
            }
        } else if omemo.is_empty() && others.is_empty() && !found.iter().any(|one| one.detail.rule == "L3") {
            check_clear(message, &bodies, &otr, promised, scene, &mut found);
        }
        outcome.announced |= promised;
        let has_text = omemo.iter().any(|(_, element)| element.children().any(|c| c.local() == "payload"));
        outcome.protects |= has_text || !others.is_empty() || otr.contains(&Some(Otr::Data));
        let complete = outcome.complete;
        for (fingerprint, container_complete) in fresh {
            self.copies.add(fingerprint, parties.from.as_deref(), parties.to.as_deref(), &found, complete && container_complete);
        }
        outcome.found.append(&mut found);
    }

    /// Containers that belong to no message: in IQs, in Jingle, in items of a node.
    pub(super) fn judge_elsewhere(
        &mut self,
        root: Element<'_>,
        parts: &Parts<'_>,
        decoded: &Decoded,
        scene: &Scene<'_>,
        outcome: &mut Outcome,
    ) {
        let here = |element: &Element<'_>| stanza_of(*element, scene.known).id == root.id;
        if parts.containers.is_empty() && parts.others.is_empty() && parts.envelopes.is_empty() {
            return;
        }
        let mut parties = self.rooms.parties(root, false, scene);
        // Who may read an item is not in the stanza.
        if root.children().any(|c| c.sym() == scene.known.pubsub || c.sym() == scene.known.pubsub_event) {
            parties.recipients = None;
        }
        for &(family, element) in parts.containers.iter().filter(|(_, element)| here(element)) {
            outcome.containers += 1;
            let mut found = Vec::new();
            let judged = self.judge_container((family, element), decoded, &parties, scene, &mut found);
            outcome.complete &= judged.complete;
            if let Some(fingerprint) = judged.fingerprint {
                self.copies.add(fingerprint, parties.from.as_deref(), parties.to.as_deref(), &found, judged.complete);
            }
            outcome.found.append(&mut found);
        }
        for element in parts.others.iter().filter(|element| here(element)) {
            other::check(*element, &mut outcome.found);
        }
        for envelope in parts.envelopes.iter().filter(|envelope| here(envelope) && !here_inside(envelope, &parts.envelopes)) {
            outcome.found.push(Found::leak("L3", *envelope, "an encryption envelope in clear", "XEP-0420 §10"));
        }
    }

    /// One OMEMO container: S, and D, R, T, K unless it is a copy.
    fn judge_container(
        &mut self,
        (family, element): (Family, Element<'_>),
        decoded: &Decoded,
        parties: &Parties<'_>,
        scene: &Scene<'_>,
        found: &mut Vec<Found>,
    ) -> One {
        let mut structure = Vec::new();
        let container = Container::read(family, element, decoded, parties.sender.as_deref(), &mut structure);
        let length = container.payload.as_ref().map_or(0, |payload| payload.bytes.len());
        let fingerprint = copies::fingerprint(&container);
        if let Some(original) = fingerprint.and_then(|fingerprint| self.copies.original(fingerprint, parties.from.as_deref())) {
            found.extend(original.found.iter().cloned());
            return One { complete: original.complete, copy: true, fingerprint: None, payload: length };
        }
        found.append(&mut structure);
        let mut complete = self.directory.check(&container, parties, scene.at, found);
        let directory = &self.directory;
        let owns = |account: &str, device: u32| directory.devices(family, account).is_some_and(|ids| ids.contains(&device));
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

/// Whether an element stands inside another of the list.
fn here_inside(element: &Element<'_>, all: &[Element<'_>]) -> bool {
    element.parent().is_some_and(|parent| all.iter().any(|other| other.id == parent.id) || here_inside(&parent, all))
}

/// S10, and the note on two containers.
fn check_announcement(message: Element<'_>, omemo: &[(Family, Element<'_>)], announced: &[&str], found: &mut Vec<Found>) {
    if announced.is_empty() {
        found.push(Found::info("S10", message, "encryption is not announced", "XEP-0380 §3"));
    } else if !omemo.iter().any(|(family, _)| announced.contains(&family.uri())) {
        found.push(Found::info("S10", message, "another encryption is announced than the one that is there", "XEP-0380 §3"));
    }
    if omemo.iter().any(|(family, _)| family.is_flat()) && omemo.iter().any(|(family, _)| !family.is_flat()) {
        let detail = "two containers: the length of the older one undoes the padding of the other";
        found.push(Found::info("P", message, detail, "XEP-0420 §4"));
    }
}

/// L3 inside a decoded payload.
fn check_envelope(payload: &[u8], place: Element<'_>, found: &mut Vec<Found>) {
    static WORDS: LazyLock<[Finder<'static>; 3]> = LazyLock::new(|| ["<envelope", "<content", "<message"].map(Finder::new));
    for word in WORDS.iter() {
        let Some(at) = word.find(payload) else { continue };
        let end = memchr::memrchr(b'>', payload).map_or(at, |end| end + 1);
        if std::str::from_utf8(payload.get(at..end).unwrap_or_default()).is_ok_and(|text| !text.is_empty()) {
            found.push(Found::leak("L3", place, "the payload holds an envelope that is not encrypted", "XEP-0420 §10").bytes(at, end - at));
            return;
        }
    }
}

/// N1 and N2: no container.
fn check_clear(
    message: Element<'_>,
    bodies: &[Element<'_>],
    otr: &[Option<Otr>],
    promised: bool,
    scene: &Scene<'_>,
    found: &mut Vec<Found>,
) {
    let text = bodies.iter().zip(otr).find(|(body, otr)| **otr != Some(Otr::Query) && !fallback::is_fallback(&body.own_text()));
    let content = text.map(|(body, _)| *body).or_else(|| message.children().find(|c| siblings::is_content(*c)));
    if let Some(content) = content {
        let subject = content.sym() == scene.known.subject;
        if !subject || has_text(content) {
            return found.push(Found::clear("N1", content, "content in clear, no end-to-end encryption", "XEP-0384 §2.1"));
        }
    }
    if bodies.iter().any(|body| fallback::is_fallback(&body.own_text())) {
        found.push(Found::clear("N2", bodies[0], "only the fallback sentence, no ciphertext: nothing was sent", "XEP-0380 §4"));
    } else if promised && bodies.is_empty() {
        found.push(Found::clear("N2", message, "announced as encrypted, but nothing was sent", "XEP-0380 §3"));
    }
}
