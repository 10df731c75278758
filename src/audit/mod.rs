//! The auditor: bytes and time in, records out.
//!
//! ```text
//! auditor.feed(Direction::ClientToServer, bytes, now);   // cuts frames
//! while let Some(record) = auditor.poll() {              // reads them
//!     …
//!     auditor.recycle(record);                            // optional: saves allocating
//! }
//! ```
//! `feed` only finds where frames end, so that a relay can look at them and pass them on before they are read; `poll` does the reading.

pub mod canary;
pub mod decode;
pub mod evidence;
pub mod examples;
pub mod extract;
pub mod generate;
pub mod memory;
pub mod observers;
pub mod opacity;
pub mod value;

use std::collections::VecDeque;
use std::sync::Arc;

use extract::{Context, Extractor};
use memory::Memory;
use opacity::{Opacity, Scene};

pub use opacity::{Announced, DeviceList};

use crate::catalog::Catalog;
use crate::record::{
    Assessment, Body, Exposures, Finding, FrameName, Gap, Moment, Observer, Observers, Phase, Record, SessionEvent, Stanza, Totals, Verdict,
};
use crate::rules::{Choice, Engine, Judged, RuleSet, Sight};
use crate::xmpp::Direction;
use crate::xmpp::element::{Document, Element, Inherited, ParseError};
use crate::xmpp::framer::{Frame, FrameKind, Framer};
use crate::xmpp::limits::Limits;
use crate::xmpp::ns;

/// What evidence a stanza record carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The stanza's redacted XML.
    #[default]
    Redacted,
    /// None.
    None,
}

/// How to audit.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Accounts under test: whose view it is.
    pub accounts: Vec<String>,
    /// Whether message content is written out.
    pub keep_content: bool,
    /// What evidence records carry.
    pub evidence: Evidence,
    /// Parse limits.
    pub limits: Limits,
    /// Texts that must stay encrypted.
    pub canaries: canary::Canaries,
    /// Device lists known from elsewhere.
    pub device_lists: Vec<DeviceList>,
    /// Devices announced in any session with these settings.
    pub announced: Announced,
    /// The leak rules; every rule when left out.
    pub rules: Option<Arc<RuleSet>>,
}

/// More memory than this is not kept from one record to the next.
const MAX_SPARE_BYTES: usize = 1 << 16;

#[derive(Debug)]
struct Side {
    framer: Framer,
    inherited: Inherited,
    phase: Phase,
    bytes: u64,
    frames: u64,
    space_since: Option<Moment>,
    finished: bool,
}

impl Side {
    fn new(phase: Phase, max_bytes: usize) -> Side {
        Side {
            framer: Framer::new(max_bytes),
            inherited: Inherited::client(),
            phase,
            bytes: 0,
            frames: 0,
            space_since: None,
            finished: false,
        }
    }
}

#[derive(Debug)]
enum Queued {
    Frame {
        direction: Direction,
        frame: Frame,
        at: Option<Moment>,
    },
    Body {
        body: Body,
        at: Option<Moment>,
    },
    /// Both directions have ended.
    End {
        at: Option<Moment>,
    },
}

/// Audits one session.
#[derive(Debug)]
pub struct Auditor {
    catalog: Arc<Catalog>,
    settings: Arc<Settings>,
    session: Arc<str>,
    sides: [Side; 2],
    queue: VecDeque<Queued>,
    memory: Memory,
    watch: canary::Watch,
    opacity: Opacity,
    rules: Engine,
    document: Document,
    extractor: Extractor,
    /// Memory of records that were written.
    spare: Option<(Exposures, String)>,
    seq: u64,
    /// When the frame that is being read arrived.
    at: Option<Moment>,
    opened: Option<Moment>,
}

impl Auditor {
    /// An auditor for a session that begins in clear.
    pub fn new(catalog: Arc<Catalog>, settings: Arc<Settings>, session: impl Into<Arc<str>>) -> Auditor {
        let side = || Side::new(Phase::BeforeTls, settings.limits.max_bytes_before_login);
        Auditor {
            sides: [side(), side()],
            memory: Memory::new(&settings.accounts),
            opacity: Opacity::new(&settings.device_lists, &settings.announced),
            watch: canary::Watch::new(&settings.canaries),
            rules: Engine::new(
                settings.rules.clone().unwrap_or_else(|| Arc::new(RuleSet::new(&catalog, Choice::default()))),
                &settings.accounts,
            ),
            catalog,
            settings,
            session: session.into(),
            queue: VecDeque::new(),
            document: Document::new(),
            extractor: Extractor::default(),
            spare: None,
            seq: 0,
            at: None,
            opened: None,
        }
    }

    /// For stanzas without a stream around them: taken as sent after login unless they say otherwise.
    pub fn assume_logged_in(mut self) -> Auditor {
        for side in &mut self.sides {
            side.phase = Phase::LoggedIn;
            side.framer.set_max_bytes(self.settings.limits.max_bytes_server);
        }
        self
    }

    /// When the session began, for its duration at the end.
    pub fn set_opened(&mut self, now: Moment) {
        self.opened = Some(now);
    }

    /// From here on the stream is inside TLS; what was pending in clear is dropped (the relay reports it).
    pub fn tls_established(&mut self) {
        for side in &mut self.sides {
            *side = Side {
                bytes: side.bytes,
                frames: side.frames,
                ..Side::new(Phase::BeforeLogin, self.settings.limits.max_bytes_before_login)
            };
        }
    }

    /// Takes in bytes as they pass. Only finds frames; [`Auditor::poll`] reads them.
    ///
    /// Frames of an earlier call in the same direction must have been polled.
    pub fn feed(&mut self, direction: Direction, bytes: &[u8], now: Option<Moment>) {
        debug_assert!(
            self.queue.iter().all(|q| !matches!(q, Queued::Frame { direction: d, .. } if *d == direction)),
            "poll before feeding again"
        );
        let side = &mut self.sides[direction.index()];
        side.bytes += bytes.len() as u64;
        side.framer.feed(bytes);
        while let Some(frame) = side.framer.poll() {
            let at = if frame.kind == FrameKind::Keepalive { side.space_since.take().or(now) } else { now };
            side.frames += u64::from(frame.kind != FrameKind::Keepalive);
            self.queue.push_back(Queued::Frame { direction, frame, at });
        }
        if side.framer.in_keepalive() && side.space_since.is_none() {
            side.space_since = now;
        }
    }

    /// One direction has ended; what is incomplete becomes a gap.
    pub fn finish(&mut self, direction: Direction, now: Option<Moment>) {
        let side = &mut self.sides[direction.index()];
        while let Some(frame) = side.framer.finish() {
            self.queue.push_back(Queued::Frame { direction, frame, at: now });
        }
        side.finished = true;
        if self.sides.iter().all(|side| side.finished) {
            self.queue.push_back(Queued::End { at: now });
        }
    }

    /// Adds a record that does not come from the stream: transport facts, interventions, marks.
    pub fn note(&mut self, body: Body, now: Moment) {
        self.queue.push_back(Queued::Body { body, at: Some(now) });
    }

    /// Adds what a run came to.
    pub fn conclude(&mut self, assessment: Assessment, at: Option<Moment>) {
        self.queue.push_back(Queued::Body { body: Body::Assessment(Box::new(assessment)), at });
    }

    /// What the search for canaries needs to know of this session at the end of the run. What was taken is not given again.
    pub fn take_ledger(&mut self) -> (Arc<str>, canary::ledger::Ledger) {
        (self.session.clone(), self.watch.take_ledger(self.memory.own.as_deref()))
    }

    /// What a session record says at the end. Call [`Auditor::finish`] for both directions before.
    pub fn closing(&self, reason: &str, detail: &str, now: Moment) -> Body {
        let totals = Totals {
            bytes_client_to_server: self.sides[0].bytes,
            bytes_server_to_client: self.sides[1].bytes,
            frames_client_to_server: self.sides[0].frames,
            frames_server_to_client: self.sides[1].frames,
            duration_ms: self.opened.map_or(0, |opened| now.mono_micros.saturating_sub(opened.mono_micros) / 1000),
        };
        Body::Session(SessionEvent {
            event: "close".into(),
            reason: Some(reason.to_owned()),
            detail: detail.to_owned(),
            account: self.memory.own.clone(),
            totals: Some(totals),
        })
    }

    /// Frames found and not yet read, with their bytes: what a relay may look at before it passes them on.
    pub fn frames(&self, direction: Direction) -> impl Iterator<Item = (&Frame, &[u8])> {
        let framer = &self.sides[direction.index()].framer;
        self.queue.iter().filter_map(move |queued| match queued {
            Queued::Frame { direction: d, frame, .. } if *d == direction => Some((frame, framer.bytes(frame))),
            _ => None,
        })
    }

    /// The beginning of a frame that is not complete.
    pub fn pending(&self, direction: Direction) -> &[u8] {
        self.sides[direction.index()].framer.pending_bytes()
    }

    /// Phase of a direction.
    pub fn phase(&self, direction: Direction) -> Phase {
        self.sides[direction.index()].phase
    }

    /// Bare address of the account, once known.
    pub fn account(&self) -> Option<&str> {
        self.memory.own.as_deref()
    }

    /// Session memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What the session has shown of devices, keys and containers.
    pub fn opacity(&self) -> &Opacity {
        &self.opacity
    }

    /// The catalog in use.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Number the next record gets.
    pub fn next_seq(&self) -> u64 {
        self.seq
    }

    /// Frees what an idle session does not need.
    pub fn shrink(&mut self) {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
            self.sides.iter_mut().for_each(|side| side.framer.shrink());
            self.document = Document::new();
            self.extractor = Extractor::default();
            self.spare = None;
        }
    }

    /// Takes a record back that was written: its memory serves for the next one. One that was huge is let go.
    pub fn recycle(&mut self, record: Record) {
        if let Body::Stanza(stanza) = record.body {
            let (mut exposures, mut evidence) = (stanza.exposures, stanza.evidence.unwrap_or_default());
            if exposures.memory() + evidence.capacity() <= MAX_SPARE_BYTES && std::ptr::eq(exposures.catalog(), &*self.catalog) {
                exposures.clear();
                evidence.clear();
                self.spare = Some((exposures, evidence));
            }
        }
    }

    /// The time that records of [`Auditor::audit_one`] get.
    pub fn set_clock(&mut self, now: Option<Moment>) {
        self.at = now;
    }

    /// The next record; `None` when everything fed so far has been read.
    pub fn poll(&mut self) -> Option<Record> {
        loop {
            let (body, at) = match self.queue.pop_front()? {
                Queued::Body { mut body, at } => {
                    if let Body::Intervention(intervention) = &body {
                        self.rules.intervened(&intervention.action);
                    }
                    if self.watch.is_active() {
                        self.watch.note(&mut body, at);
                    }
                    (Some(body), at)
                }
                Queued::Frame { direction, frame, at } => {
                    self.at = at;
                    (self.read(direction, &frame), at)
                }
                Queued::End { at } => {
                    self.at = at;
                    let findings = self.rules.end();
                    self.queue_findings(findings);
                    (None, at)
                }
            };
            if let Some(body) = body {
                let record = Record { session: self.session.clone(), seq: self.seq, at, body };
                self.seq += 1;
                return Some(record);
            }
        }
    }

    fn read(&mut self, direction: Direction, frame: &Frame) -> Option<Body> {
        if frame.kind == FrameKind::Keepalive {
            return Some(Body::Keepalive { direction, bytes: frame.len });
        }
        // The framer's bytes are lent to the parser while the rest of the auditor changes.
        let framer = std::mem::replace(&mut self.sides[direction.index()].framer, Framer::new(0));
        let stanza = self.audit_watched(framer.bytes(frame), frame, Some(direction), None);
        self.sides[direction.index()].framer = framer;
        self.follow_phase(direction, &stanza);
        Some(Body::Stanza(Box::new(stanza)))
    }

    /// Audits one frame that does not come from a live stream, as `scan` does.
    pub fn audit_one(&mut self, xml: &[u8], direction: Option<Direction>, phase: Option<Phase>, input: u64) -> Record {
        let mut framer = Framer::new(self.settings.limits.max_bytes_server);
        framer.feed(xml);
        let mut found = None;
        loop {
            match framer.poll().or_else(|| framer.finish()) {
                Some(frame) if matches!(frame.kind, FrameKind::Keepalive | FrameKind::Declaration) => {
                    // The buffer stays: only `feed` drops what was handed out.
                    if found.is_none() && frame.kind == FrameKind::Declaration {
                        found = Some(frame);
                    }
                }
                Some(frame) => {
                    found = Some(frame);
                    break;
                }
                None => break,
            }
        }
        if let (Some(phase), Some(direction)) = (phase, direction) {
            self.sides[direction.index()].phase = phase;
        }
        let empty = Stanza {
            gap: Some(Gap { reason: "malformed".into(), detail: "no element".into(), bytes: xml.len() as u64 }),
            ..self.blank(direction, Exposures::new(self.catalog.clone()))
        };
        let mut stanza = match found {
            Some(frame) => self.audit_watched(framer.bytes(&frame), &frame, direction, Some(input)),
            None => empty,
        };
        stanza.input = Some(input);
        if let Some(phase) = phase {
            stanza.phase = phase;
        }
        if let Some(direction) = direction {
            self.follow_phase(direction, &stanza);
        }
        let record = Record { session: self.session.clone(), seq: self.seq, at: self.at, body: Body::Stanza(Box::new(stanza)) };
        self.seq += 1;
        record
    }

    fn blank(&self, direction: Option<Direction>, exposures: Exposures) -> Stanza {
        Stanza {
            input: None,
            direction,
            phase: direction.map_or(Phase::LoggedIn, |d| self.sides[d.index()].phase),
            kind: FrameName::Unknown,
            name: String::new(),
            namespace: String::new(),
            stanza_type: String::new(),
            bytes: 0,
            payloads: Vec::new(),
            answers: None,
            observers: Default::default(),
            exposures,
            verdict: None,
            conversation: None,
            irregular: Default::default(),
            gap: None,
            evidence: None,
        }
    }

    /// Audits a frame and looks for canaries in it.
    fn audit_watched(&mut self, bytes: &[u8], frame: &Frame, direction: Option<Direction>, input: Option<u64>) -> Stanza {
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

    fn audit(&mut self, bytes: &[u8], frame: &Frame, direction: Option<Direction>, input: Option<u64>) -> Stanza {
        let (exposures, evidence) = self.spare.take().unwrap_or_else(|| (Exposures::new(self.catalog.clone()), String::new()));
        let mut stanza = Stanza { bytes: frame.len, ..self.blank(direction, exposures) };
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
        let peer = self.memory.peer(root, direction, known);
        let context = Context {
            direction,
            memory: &self.memory,
            keep_content: self.settings.keep_content,
            max_forwards: self.settings.limits.max_forwards,
            peer,
        };
        self.extractor.run(&self.catalog, &self.document, context, &mut stanza.exposures);
        stanza.observers = observers::of(root, direction, stanza.phase, peer, self.memory.own.as_deref(), known);
        stanza.kind = frame_name(root, header, known);
        root.local().clone_into(&mut stanza.name);
        if root.uri() != ns::CLIENT {
            root.uri().clone_into(&mut stanza.namespace);
        }
        if let Some(stanza_type) = root.attr("type") {
            stanza_type.clone_into(&mut stanza.stanza_type);
        }
        for child in root.children() {
            let uri = child.uri();
            if uri != ns::CLIENT && stanza.payloads.len() < 64 && !stanza.payloads.iter().any(|p| p == uri) {
                stanza.payloads.push(uri.to_owned());
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
        let judged = self.opacity.judge(root, &scene);
        if judged.is_some() {
            stanza.conversation = conversation(message, direction, &self.memory).or_else(|| self.memory.own.clone());
        }
        let expectation = judged.as_ref().map(|judged| (judged.announced, judged.protects));
        stanza.verdict = judged.map(|judged| judged.verdict);
        if let (true, Some((announced, protects))) = (message.id == root.id, expectation) {
            self.expect_encryption(&mut stanza, direction, announced, protects);
        }
        if self.watch.is_active() {
            self.seek_canaries(bytes, frame, &mut stanza, input);
        }
        let judged = stanza
            .verdict
            .as_ref()
            .map(|verdict| Judged { body: verdict.body, rules: verdict.rules.iter().map(|rule| (*rule).into()).collect() });
        let findings = self.rules.see(Sight {
            stanza: self.document.root(),
            direction,
            phase: stanza.phase,
            verdict: judged.as_ref(),
            conversation: stanza.conversation.as_deref(),
            at: self.at.map(|at| at.mono_micros),
            number: input.unwrap_or(self.seq),
        });
        self.queue_findings(findings);
        stanza.irregular = self.document.irregular();
        if self.settings.evidence == Evidence::Redacted {
            let keep_content = self.settings.keep_content;
            stanza.evidence = Some(evidence::redacted(&self.catalog, &self.document, &self.extractor, keep_content, evidence));
        }
        stanza
    }

    /// Content in clear, where a message in the same conversation and direction was encrypted before, is suspect (rule L6): the client, or
    /// the person, fell back without the conversation showing it.
    ///
    /// So is it where the stanza itself announces encryption (XEP-0380).
    fn expect_encryption(&mut self, stanza: &mut Stanza, direction: Option<Direction>, announced: bool, protects: bool) {
        let (Some(verdict), Some(with)) = (&mut stanza.verdict, &stanza.conversation) else { return };
        // Without a direction a conversation is named by whom the stanza is for, so that each way has a name of its own.
        let direction = direction.unwrap_or(Direction::ClientToServer);
        let encrypted = self.memory.encrypted_with(with, direction);
        if protects {
            self.memory.remember_encrypted(with, direction);
        } else if (encrypted || announced) && verdict.body == Verdict::NotEncrypted && verdict.rules.contains(&"N1") {
            let because = if encrypted {
                "readable text in a conversation that was encrypted before"
            } else {
                "readable text in a message that announces encryption"
            };
            opacity::downgrade(verdict, because);
        }
    }

    /// What the rules found follows the record it stands on.
    fn queue_findings(&mut self, findings: Vec<Finding>) {
        for finding in findings.into_iter().rev() {
            self.queue.push_front(Queued::Body { body: Body::Finding(Box::new(finding)), at: self.at });
        }
    }

    /// Login ends the phase with small limits (SASL success, SASL2 success).
    fn follow_phase(&mut self, direction: Direction, stanza: &Stanza) {
        if direction == Direction::ServerToClient && stanza.name == "success" && matches!(stanza.namespace.as_str(), ns::SASL | ns::SASL2) {
            for side in Direction::BOTH {
                let limit = match side {
                    Direction::ClientToServer => self.settings.limits.max_bytes_client,
                    Direction::ServerToClient => self.settings.limits.max_bytes_server,
                };
                let side = &mut self.sides[side.index()];
                side.phase = Phase::LoggedIn;
                side.framer.set_max_bytes(limit);
            }
        }
    }
}

fn frame_name(root: Element<'_>, header: bool, known: &crate::catalog::Known) -> FrameName {
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
fn inner_message<'a>(root: Element<'a>, known: &crate::catalog::Known) -> Element<'a> {
    if root.sym() != known.message {
        return root;
    }
    let wrapper = root.children().find(|c| [known.carbons_sent, known.carbons_received, known.mam_result].contains(&c.sym()));
    wrapper.and_then(|w| w.child(known.forwarded)).and_then(|f| f.child(known.message)).unwrap_or(root)
}

/// Whom a message is exchanged with, seen from the account.
fn conversation(message: Element<'_>, direction: Option<Direction>, memory: &Memory) -> Option<String> {
    let (to, from) = (message.attr("to"), message.attr("from"));
    let other = match (direction, from, to) {
        (_, Some(from), Some(to)) if memory.is_own(from) => Some(to),
        (_, Some(from), Some(to)) if memory.is_own(to) => Some(from),
        (Some(Direction::ServerToClient), from, _) => from,
        (_, from, to) => to.or(from),
    };
    other.map(|address| crate::xmpp::jid::normalised_bare(address).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle session forgets nothing but its buffers.
    #[test]
    fn shrinking_does_not_show() {
        let read = |shrink: bool| {
            let mut auditor = Auditor::new(Catalog::builtin(), Arc::default(), "s").assume_logged_in();
            let mut lines = Vec::new();
            for piece in ["<presence/> ", "<message to='ann@a.example'><bo", "dy>x</body></message>", "<presence/>"] {
                auditor.feed(Direction::ClientToServer, piece.as_bytes(), None);
                lines.extend(std::iter::from_fn(|| auditor.poll()).map(|record| record.to_json()));
                if shrink {
                    auditor.shrink();
                }
            }
            lines
        };
        assert_eq!(read(true), read(false));
        assert_eq!(read(true).len(), 4);
    }

    /// Rule L6: the message in clear is suspect, and a finding points at it; the other direction was never encrypted.
    #[test]
    fn clear_text_after_encrypted_text_is_a_finding() {
        let mut auditor = Auditor::new(Catalog::builtin(), Arc::default(), "s").assume_logged_in();
        let omemo = "<message to='ann@a.example'><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2'>\
            MwohBe6KSVOTzXno3V8VSqKID3gmzJR4jf00bBtmmJNHUsR3EAAYAiIwrS/RWECWXMf7PhP8K6nDfulMayvofTaMmLTGwGDMhISvotyrivXUauq6iZA8tSl5T8hDbHbBjMw=</key>\
            <iv>QUJDREVGR0hJSktM</iv></header><payload>QUJD</payload></encrypted></message>";
        let clear = "<message to='ann@a.example'><body>x</body></message>";
        let answer = "<message from='ann@a.example'><body>y</body></message>";
        auditor.feed(Direction::ClientToServer, [clear, omemo, clear].concat().as_bytes(), None);
        auditor.feed(Direction::ServerToClient, answer.as_bytes(), None);
        let mut seen = Vec::new();
        while let Some(record) = auditor.poll() {
            match record.body {
                Body::Stanza(stanza) => seen.push(stanza.verdict.expect("each has content").body.name().to_owned()),
                Body::Finding(finding) => seen.push(format!("{} {:?}", finding.rule, finding.evidence)),
                _ => {}
            }
        }
        assert_eq!(seen, ["NOT_ENCRYPTED", "OPAQUE", "SUSPECT", "clear-text-after-encryption [1, 2]", "NOT_ENCRYPTED"]);
    }

    /// Two accounts under test that talk to each other: each session has its own side.
    #[test]
    fn a_conversation_is_with_the_other_party() {
        let accounts = vec!["ann@a.example".to_owned(), "ben@a.example".to_owned()];
        let settings = Arc::new(Settings { accounts, ..Settings::default() });
        let mut auditor = Auditor::new(Catalog::builtin(), settings, "s").assume_logged_in();
        let mut with = |direction, xml: &str| match auditor.audit_one(xml.as_bytes(), Some(direction), None, 0).body {
            Body::Stanza(stanza) => stanza.conversation,
            _ => None,
        };
        let bound = "<iq type='result' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>ben@a.example/x</jid></bind></iq>";
        assert_eq!(with(Direction::ServerToClient, bound), None);
        let from_ann = "<message from='ann@a.example/y' to='ben@a.example'><body>x</body></message>";
        assert_eq!(with(Direction::ServerToClient, from_ann).as_deref(), Some("ann@a.example"));
        let to_ann = "<message to='ann@a.example'><body>x</body></message>";
        assert_eq!(with(Direction::ClientToServer, to_ann).as_deref(), Some("ann@a.example"));
    }
}
