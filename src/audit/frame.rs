//! One frame becomes a stanza record: parsed, matched, judged, searched for canaries, shown to the leak rules.

use std::borrow::Cow;

use super::extract::Context;
use super::opacity::{self, Scene};
use super::{Auditor, Evidence, Queued, canary, evidence, observers, way};
use crate::catalog::Known;
use crate::record::{Body, Finding, FrameName, Gap, Observer, Observers, Phase, SessionEvent, Stanza, Verdict};
use crate::rules::{Judged, Sight};
use crate::xmpp::Direction;
use crate::xmpp::element::{Element, Inherited, ParseError};
use crate::xmpp::framer::{Frame, FrameKind};
use crate::xmpp::jid::normalised_bare;
use crate::xmpp::ns;

impl Auditor {
    pub(super) fn blank(&mut self, direction: Option<Direction>) -> Box<Stanza> {
        let mut stanza = self.spare.stanza(&self.catalog);
        stanza.direction = direction;
        stanza.phase = self.sides[direction.map_or(0, Direction::index)].phase;
        stanza
    }

    /// Audits a frame and looks for canaries in it.
    pub(super) fn audit_watched(&mut self, bytes: &[u8], frame: &Frame, direction: Option<Direction>, input: Option<u64>) -> Box<Stanza> {
        let mut stanza = self.audit(bytes, frame, direction, input);
        if self.watch.is_active() {
            if !canary::watch::is_parsed(&stanza) {
                self.seek_canaries(bytes, frame, &mut stanza, input);
            }
            self.watch.mask_evidence(&mut stanza);
        }
        stanza
    }

    /// Looks for canaries in the frame that is in `document`, or could not be read into it. What is found decides the verdict.
    fn seek_canaries(&mut self, bytes: &[u8], frame: &Frame, stanza: &mut Stanza, input: Option<u64>) {
        let document = canary::watch::is_parsed(stanza).then_some(&self.document);
        let watched = canary::watch::Frame {
            bytes,
            complete: frame.kind != FrameKind::TooLong,
            document,
            message: document.map(|document| inner_message(document.root(), &self.catalog.known)),
            seq: self.seq,
            evidence: input.unwrap_or(self.seq),
            at: self.at,
        };
        let findings = self.watch.frame(watched, stanza);
        self.queue_findings(findings);
    }

    fn audit(&mut self, bytes: &[u8], frame: &Frame, direction: Option<Direction>, input: Option<u64>) -> Box<Stanza> {
        let mut stanza = self.blank(direction);
        stanza.bytes = frame.len;
        stanza.observers = Observers::default().with(Observer::OwnServer);
        if stanza.phase == Phase::BeforeTls {
            stanza.observers = stanza.observers.with(Observer::Network);
        }
        let header = frame.kind == FrameKind::StreamOpen;
        match frame.kind {
            FrameKind::TooLong => {
                let detail = "the element is longer than the limit; it was passed on unread".to_owned();
                stanza.gap = Some(Gap { reason: "limit".into(), detail, bytes: frame.len });
                return stanza;
            }
            FrameKind::Truncated => {
                stanza.gap =
                    Some(Gap { reason: "truncated".into(), detail: "the stream ended inside an element".into(), bytes: frame.len });
                return stanza;
            }
            FrameKind::StreamClose => {
                stanza.kind = FrameName::StreamClose;
                stanza.exposures.push_fact("stream.close", "present");
                return stanza;
            }
            FrameKind::Declaration => {
                stanza.kind = FrameName::Declaration;
                stanza.exposures.push_fact("stream.prolog", "present");
                return stanza;
            }
            FrameKind::Stray => {
                stanza.gap = Some(Gap {
                    reason: "malformed".into(),
                    detail: "text or markup that XMPP does not allow between stanzas".into(),
                    bytes: frame.len,
                });
                return stanza;
            }
            FrameKind::StreamOpen | FrameKind::Element | FrameKind::Keepalive => {}
        }
        let default = Inherited::default();
        let inherited = match direction {
            _ if header => &default,
            Some(direction) => &self.sides[direction.index()].inherited,
            None => &self.sides[0].inherited,
        };
        if let Err(error) = self.document.parse(bytes, header, inherited, &self.catalog.names, &self.settings.limits) {
            stanza.irregular = self.document.irregular();
            let reason = if matches!(error, ParseError::Limit(..)) { "limit" } else { "malformed" };
            stanza.gap = Some(Gap { reason: reason.into(), detail: error.to_string(), bytes: frame.len });
            return stanza;
        }
        if let (true, Some(direction)) = (header, direction) {
            self.sides[direction.index()].inherited = Inherited::from_header(&self.document);
        }
        let known = &self.catalog.known;
        let root = self.document.root();
        self.memory.learn(root, direction, known);
        let continues = match direction {
            Some(Direction::ServerToClient) => self.settings.resumable.follow(root, &self.session, known),
            _ => None,
        };
        let peer = self.memory.peer(root, direction, known);
        let context = Context {
            direction,
            memory: &self.memory,
            keep_content: self.settings.keep_content,
            max_forwards: self.settings.limits.max_forwards,
            peer,
        };
        self.extractor.run(&self.catalog, &self.document, context, &mut stanza.exposures);
        if self.settings.evidence == Evidence::Redacted {
            let shown = &stanza.exposures;
            let into = self.spare.evidence();
            stanza.evidence = Some(evidence::redacted(&self.document, &self.extractor, shown, self.settings.keep_content, into));
        }
        stanza.observers = observers::of(root, direction, stanza.phase, peer, self.memory.own.as_deref(), known);
        stanza.kind = frame_name(root, header, known);
        root.local().clone_into(&mut stanza.name);
        if !root.is_in(ns::CLIENT) {
            root.uri().clone_into(&mut stanza.namespace);
        }
        if let Some(stanza_type) = root.attr("type") {
            stanza_type.clone_into(&mut stanza.stanza_type);
        }
        for child in root.children().filter(|child| !child.is_in(ns::CLIENT)) {
            let uri = child.uri();
            if stanza.payloads.len() < 64 && !stanza.payloads.iter().any(|p| p == uri) {
                stanza.payloads.push(self.spare.text(uri));
            }
        }
        if let (Some(direction), true, true) = (direction, root.sym() == known.iq, input.is_none()) {
            stanza.answers = self.memory.link(root, direction, self.seq).map(|request| request.seq);
        }
        // A copy is rated like the message it copies; the conversation is that of the inner message.
        let message = inner_message(root, known);
        let scene = Scene {
            direction,
            at: self.at,
            memory: &self.memory,
            known,
            canaries: &self.settings.canaries,
            frame: bytes,
            max_forwards: self.settings.limits.max_forwards,
        };
        let judged = self.opacity.judge(root, &scene, self.extractor.decoded_mut());
        if judged.is_some() {
            let with = conversation(message, direction, &self.memory);
            let with = with.as_deref().or(self.memory.own.as_deref());
            stanza.conversation = with.map(|with| self.spare.text(with));
        }
        let protects = judged.as_ref().is_some_and(|judged| judged.protects);
        stanza.verdict = judged.map(|judged| judged.verdict);
        if message.id == root.id {
            let direction = self.memory.way(root, direction);
            self.expect_encryption(&mut stanza, direction, protects);
        } else if let (true, Some(with), Some((_, way))) = (protects, &stanza.conversation, way::carbon(root))
            && root.attr("from").is_none_or(|from| self.memory.is_own_bare(&normalised_bare(from)))
        {
            self.memory.remember_encrypted(with, way);
        }
        if self.watch.is_active() {
            self.seek_canaries(bytes, frame, &mut stanza, input);
        }
        let findings = self.rules.see(Sight {
            stanza: self.document.root(),
            direction,
            phase: stanza.phase,
            verdict: stanza.verdict.as_ref().map(|verdict| Judged { body: verdict.body, rules: &verdict.rules, noted: &verdict.noted }),
            conversation: stanza.conversation.as_deref(),
            at: self.at.map(|at| at.mono_micros),
            number: input.unwrap_or(self.seq),
        });
        self.queue_findings(findings);
        if let Some(session) = continues {
            let event = SessionEvent { event: "resume".into(), resumed_from: Some((*session).to_owned()), ..SessionEvent::default() };
            self.queue.push_front(Queued::Body { body: Body::Session(event), at: self.at });
        }
        stanza.irregular = self.document.irregular();
        stanza
    }

    /// Content in clear, where a message in the same conversation and direction was encrypted before, is suspect (rule L6): the client, or
    /// the person, fell back without the conversation showing it.
    fn expect_encryption(&mut self, stanza: &mut Stanza, direction: Option<Direction>, protects: bool) {
        let (Some(verdict), Some(with)) = (&mut stanza.verdict, &stanza.conversation) else { return };
        // Without a direction a conversation is named by whom the stanza is for, so that each way has a name of its own.
        let direction = direction.unwrap_or(Direction::ClientToServer);
        // One stanza may hold both: a container somewhere in it, and text beside it.
        if verdict.body == Verdict::NotEncrypted && verdict.rules.contains(&"N1") && self.memory.encrypted_with(with, direction) {
            opacity::downgrade(verdict, "readable text in a conversation that was encrypted before");
        }
        if protects {
            self.memory.remember_encrypted(with, direction);
        }
    }

    /// What the rules found follows the record it stands on.
    pub(super) fn queue_findings(&mut self, findings: Vec<Finding>) {
        for finding in findings.into_iter().rev() {
            self.queue.push_front(Queued::Body { body: Body::Finding(Box::new(finding)), at: self.at });
        }
    }
}

fn frame_name(root: Element<'_>, header: bool, known: &Known) -> FrameName {
    let sym = root.sym();
    if header {
        FrameName::StreamOpen
    } else if sym == known.message {
        FrameName::Message
    } else if sym == known.presence {
        FrameName::Presence
    } else if sym == known.iq {
        FrameName::Iq
    } else {
        FrameName::Nonza
    }
}

/// The message that a carbon or archive result copies, or the element itself.
fn inner_message<'a>(root: Element<'a>, known: &Known) -> Element<'a> {
    if root.sym() != known.message {
        return root;
    }
    let wrapper = root.children().find(|c| [known.carbons_sent, known.carbons_received, known.mam_result].contains(&c.sym()));
    wrapper.and_then(|w| w.child(known.forwarded)).and_then(|f| f.child(known.message)).unwrap_or(root)
}

/// Whom a message is exchanged with, seen from the account.
fn conversation<'a>(message: Element<'a>, direction: Option<Direction>, memory: &super::Memory) -> Option<Cow<'a, str>> {
    let (to, from) = (message.attr("to").map(normalised_bare), message.attr("from").map(normalised_bare));
    match (direction, from, to) {
        (_, Some(from), Some(to)) if memory.is_own_bare(&from) => Some(to),
        (_, Some(from), Some(to)) if memory.is_own_bare(&to) => Some(from),
        (Some(Direction::ServerToClient), from, _) => from,
        (_, from, to) => to.or(from),
    }
}
