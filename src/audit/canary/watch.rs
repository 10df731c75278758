//! The canaries of one session, from the auditor's side: each frame passes here after it was audited.

use std::collections::BTreeMap;

use super::coding::described;
use super::declare::Canaries;
use super::frame::{self, Seen, Sighting};
use super::ledger::{self, Ledger, Message, Step};
use super::{Coding, mask};
use crate::audit::opacity;
use crate::record::{Body, Detail, Finding, FrameName, Moment, Stanza, Via};
use crate::xmpp::Direction;
use crate::xmpp::element::{Document, Element};

/// What a canary is read against: the purpose of the encryption.
const SOURCE: &str = "XEP-0384 §2.1";
/// Most findings of one frame.
const MAX_FINDINGS: usize = 8;

/// A frame, as far as the audit knows it.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Whether these are all.
    pub complete: bool,
    /// What it was parsed into; none when it could not be.
    pub document: Option<&'a Document>,
    /// The message in it; the innermost where one is copied.
    pub message: Option<Element<'a>>,
    /// Its record.
    pub seq: u64,
    /// What findings point at.
    pub evidence: u64,
    /// When it passed.
    pub at: Option<Moment>,
}

/// Looks at a session. Does nothing when no canary was declared.
#[derive(Debug, Default)]
pub struct Watch {
    canaries: Canaries,
    ledger: Ledger,
    /// What the last frame showed.
    seen: Seen,
}

impl Watch {
    /// For a session.
    pub fn new(canaries: &Canaries) -> Watch {
        Watch { canaries: canaries.clone(), ..Watch::default() }
    }

    /// Whether there is anything to look for.
    pub fn is_active(&self) -> bool {
        !self.canaries.is_empty()
    }

    /// What the session leaves for the end of the run.
    pub fn take_ledger(&mut self, account: Option<&str>) -> Ledger {
        self.ledger.account = account.map(str::to_owned);
        std::mem::take(&mut self.ledger)
    }

    /// A record that is no frame, before it is handed out.
    pub fn note(&mut self, body: &mut Body, at: Option<Moment>) {
        mask::body(&self.canaries, body);
        if let Body::Mark { label } = body {
            self.ledger.steps.push(Step { label: label.clone(), mono_micros: at.map(|at| at.mono_micros) });
        }
        self.ledger.not_searched += u64::from(matches!(body, Body::Gap(gap) if gap.reason == "blind"));
    }

    /// Searches a frame. A canary that can be read turns the verdict into a proven leak, each is a finding, and none of them stays in the
    /// record.
    pub fn frame(&mut self, frame: Frame<'_>, stanza: &mut Stanza) -> Vec<Finding> {
        let Some(search) = self.canaries.search() else { return Vec::new() };
        let seen = frame::look(search, frame.bytes, frame.document);
        self.ledger.frames += 1;
        self.ledger.bytes += frame.bytes.len() as u64;
        self.ledger.not_searched += u64::from(seen.incomplete || !frame.complete);
        let findings = self.leaks(&frame, &seen, stanza);
        self.count(&frame, stanza);
        self.seen = seen;
        findings
    }

    /// Takes what the last frame showed out of the evidence, which is made after everything else.
    pub fn mask_evidence(&self, stanza: &mut Stanza) {
        if !self.seen.sightings.is_empty() {
            mask::evidence(&self.canaries, &self.seen, stanza);
        }
    }

    fn leaks(&mut self, frame: &Frame<'_>, seen: &Seen, stanza: &mut Stanza) -> Vec<Finding> {
        if seen.sightings.is_empty() {
            return Vec::new();
        }
        // One finding for each canary, which names the first place and how many more there are.
        let mut places: BTreeMap<usize, (&Sighting, usize)> = BTreeMap::new();
        for sighting in &seen.sightings {
            places.entry(sighting.found.canary).or_insert((sighting, 0)).1 += 1;
        }
        self.ledger.readable.extend(places.keys());
        let mut told: Vec<(&'static str, &Sighting, Finding)> = Vec::new();
        for (sighting, count) in places.into_values() {
            let rule = rule(frame, sighting);
            told.push((rule, sighting, self.finding(frame, rule, sighting, count)));
        }
        told.sort_by_key(|(rule, ..)| *rule);
        told.truncate(MAX_FINDINGS);
        for (rule, sighting, finding) in told.iter().rev() {
            let range = &sighting.found.range;
            let (offset, length) = (Some(range.start as u64), Some(range.len() as u64));
            let detail = Detail { rule, path: sighting.place.clone(), offset, length, detail: finding.fact.clone().into(), source: SOURCE };
            opacity::raise(&mut stanza.verdict, detail);
        }
        mask::stanza(&self.canaries, seen, stanza);
        told.into_iter().map(|(.., finding)| finding).collect()
    }

    fn finding(&self, frame: &Frame<'_>, rule: &str, sighting: &Sighting, count: usize) -> Finding {
        let declared = &self.canaries.all()[sighting.found.canary];
        let what = if sighting.found.chain.contains(&Coding::Digest) { "the digest of the file of canary" } else { "canary" };
        let typed = declared.canary.field.map_or_else(String::new, |field| format!(", typed as {field},"));
        // A place can be named after a canary.
        let place = mask::text(&self.canaries, &sighting.place).unwrap_or_else(|| sighting.place.clone());
        let found = &sighting.found;
        let mut fact = format!(
            "{what} {} (sha256 {}…){typed} can be read in {place}, {}, {} bytes from byte {} ({rule})",
            declared.name,
            declared.digest,
            described(&found.chain),
            found.range.len(),
            found.range.start
        );
        if count > 1 {
            fact.push_str(&format!("; and in {} more places", count - 1));
        }
        Finding {
            rule: "canary-readable".into(),
            severity: "critical".into(),
            confidence: "certain".into(),
            avoidability: "avoidable".into(),
            favour: "against".into(),
            about: None,
            fact,
            advice: "look at which feature of the client sent this field, and switch it off or report it".into(),
            source: SOURCE.into(),
            evidence: vec![frame.evidence],
            accepted: None,
        }
    }

    fn count(&mut self, frame: &Frame<'_>, stanza: &Stanza) {
        let (Some(verdict), Some(with), Some(message)) = (&stanza.verdict, &stanza.conversation, frame.message) else { return };
        let copy = |via| matches!(via, Via::CarbonSent | Via::CarbonReceived | Via::Archive | Via::History);
        if message.parent().is_some() || stanza.exposures.iter().any(|exposure| copy(exposure.via)) {
            return;
        }
        let sent = (stanza.direction == Some(Direction::ClientToServer)).then(|| Message {
            seq: frame.seq,
            conversation: with.clone(),
            level: ledger::level(verdict),
            capacity: ledger::capacity(message),
            ids: ledger::ids(message),
            mono_micros: frame.at.map(|at| at.mono_micros),
        });
        self.ledger.count(with, verdict, sent);
    }
}

/// The rule of the procedure: L1 in clear in a message, L2 after decoding in it, L7 in any other stanza, and for the digest of a file.
fn rule(frame: &Frame<'_>, sighting: &Sighting) -> &'static str {
    let content = |message: Element<'_>| {
        message.local() == "message" && message.children().any(|child| matches!(child.local(), "body" | "encrypted" | "openpgp" | "html"))
    };
    let chain = &sighting.found.chain;
    let other = frame.document.is_some() && !frame.message.is_some_and(content);
    if other || chain.contains(&Coding::Digest) {
        "L7"
    } else if chain.iter().all(|coding| coding.is_readable()) {
        "L1"
    } else {
        "L2"
    }
}

/// Whether a frame is searched although it is none of the kinds that are parsed.
pub fn is_parsed(stanza: &Stanza) -> bool {
    stanza.gap.is_none() && !matches!(stanza.kind, FrameName::StreamClose | FrameName::Declaration)
}
