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

mod base64;
pub mod canary;
pub mod decode;
pub mod decoded;
pub mod evidence;
pub mod examples;
pub mod extract;
pub mod file;
mod frame;
pub mod generate;
pub mod memory;
pub mod observers;
pub mod opacity;
mod resumption;
mod spare;
pub mod value;
pub mod way;

use std::collections::VecDeque;
use std::sync::Arc;

use extract::Extractor;
use memory::Memory;
use opacity::Opacity;
use spare::Spare;

pub use opacity::{Announced, DeviceList};
pub use resumption::Resumable;

use crate::catalog::Catalog;
use crate::record::{Assessment, Body, Gap, Moment, Phase, Record, SessionEvent, Stanza, Totals};
use crate::rules::{Choice, Engine, RuleSet};
use crate::xmpp::Direction;
use crate::xmpp::element::{Document, Inherited};
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
    /// Sessions that a later one may continue, among those with these settings.
    pub resumable: Resumable,
    /// The leak rules; every rule when left out. Sessions that are given one set are compared with each other; a session without has one of its own.
    pub rules: Option<Arc<RuleSet>>,
}

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
    spare: Spare,
    seq: u64,
    /// The last features of a stream offered STARTTLS, and nothing else said that the stream is in clear.
    tls_offered: bool,
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
            opacity: Opacity::new(&settings.device_lists, &settings.announced, &catalog),
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
            spare: Spare::default(),
            seq: 0,
            tls_offered: false,
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

    /// One direction has ended; what is incomplete becomes a gap. Saying it twice changes nothing.
    pub fn finish(&mut self, direction: Direction, now: Option<Moment>) {
        let side = &mut self.sides[direction.index()];
        if side.finished {
            return;
        }
        while let Some(frame) = side.framer.finish() {
            self.queue.push_back(Queued::Frame { direction, frame, at: now });
        }
        side.finished = true;
        if self.sides.iter().all(|side| side.finished) {
            self.queue.push_back(Queued::End { at: now });
        }
    }

    /// Whether a direction has ended.
    pub fn is_finished(&self, direction: Direction) -> bool {
        self.sides[direction.index()].finished
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
            resumed_from: None,
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

    /// Bytes fed in a direction so far.
    pub fn received(&self, direction: Direction) -> u64 {
        self.sides[direction.index()].bytes
    }

    /// Whether the frame that is not complete has passed the limit.
    pub fn is_over_limit(&self, direction: Direction) -> bool {
        self.sides[direction.index()].framer.is_over_limit()
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
            self.rules.shrink();
            self.spare = Spare::default();
        }
    }

    /// Takes a record back that was written: its memory serves for the next one. One that was huge is let go.
    pub fn recycle(&mut self, record: Record) {
        if let Body::Stanza(stanza) = record.body {
            // One of another auditor may be of another catalog.
            if std::ptr::eq(stanza.exposures.catalog(), &*self.catalog) {
                self.spare.keep(stanza);
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
        Some(Body::Stanza(stanza))
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
        if let Some(phase) = phase {
            // Without a direction it is true of both.
            let sides = Direction::BOTH.into_iter().filter(|side| direction.is_none_or(|direction| direction == *side));
            sides.for_each(|side| self.sides[side.index()].phase = phase);
        }
        let mut stanza = match found {
            Some(frame) => self.audit_watched(framer.bytes(&frame), &frame, direction, Some(input)),
            None => {
                let mut empty = self.blank(direction);
                empty.gap = Some(Gap { reason: "malformed".into(), detail: "no element".into(), bytes: xml.len() as u64 });
                empty
            }
        };
        stanza.input = Some(input);
        if direction != Some(Direction::ClientToServer) {
            self.follow_tls(&stanza, phase);
            self.follow_phase(Direction::ServerToClient, &stanza);
        }
        let record = Record { session: self.session.clone(), seq: self.seq, at: self.at, body: Body::Stanza(stanza) };
        self.seq += 1;
        record
    }

    /// Takes over the declarations of an element that stands around the stanzas to come; `tag` is how it begins. Returns whether it only
    /// wraps them: the header of a stream says whom it is for.
    pub fn inherit(&mut self, tag: &[u8]) -> bool {
        if self.document.parse(tag, true, &Inherited::client(), &self.catalog.names, &self.settings.limits).is_err() {
            return false;
        }
        let inherited = Inherited::from_wrapper(&self.document);
        self.sides.iter_mut().for_each(|side| side.inherited = inherited.clone());
        let root = self.document.root();
        root.attr_indices().is_empty() || !root.is_in(ns::STREAM)
    }

    /// Adds a gap for bytes between stanzas that belong to none.
    pub fn skip(&mut self, detail: &str, bytes: u64) {
        let gap = Gap { reason: "malformed".into(), detail: detail.to_owned(), bytes };
        self.queue.push_back(Queued::Body { body: Body::Gap(gap), at: None });
    }

    /// Where no relay says when TLS begins, what the server says does: `<proceed/>` is the last thing in clear (RFC 6120 §5.4.2.3), and a
    /// stream on which STARTTLS is offered is not inside TLS (§5.4.3.3), unless the input `said` its phase.
    fn follow_tls(&mut self, stanza: &Stanza, said: Option<Phase>) {
        let phase = match (stanza.name.as_str(), stanza.namespace.as_str()) {
            ("proceed", ns::TLS) => {
                self.tls_offered = false;
                Phase::BeforeLogin
            }
            ("features", ns::STREAM) if said.is_none() => {
                let offers = stanza.payloads.iter().any(|payload| payload == ns::TLS);
                if !offers && !self.tls_offered {
                    return;
                }
                // Features without the offer follow on TLS, though it was not shown how that began.
                self.tls_offered = offers;
                if offers { Phase::BeforeTls } else { Phase::BeforeLogin }
            }
            _ => return,
        };
        self.sides.iter_mut().for_each(|side| side.phase = phase);
    }

    /// Login ends the phase with small limits (SASL success, SASL2 success).
    fn follow_phase(&mut self, direction: Direction, stanza: &Stanza) {
        if direction == Direction::ServerToClient && stanza.name == "success" && matches!(stanza.namespace.as_str(), ns::SASL | ns::SASL2) {
            self.tls_offered = false;
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

#[cfg(test)]
mod tests;
