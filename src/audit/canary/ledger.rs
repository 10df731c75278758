//! What a session leaves for the end of the run: its messages with their verdicts, the canaries that could be read, what was not searched.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{BodyVerdict, Verdict};
use crate::xmpp::element::Element;

/// Messages that can be raised; a session with more says how many it does not know.
pub const MAX_MESSAGES: usize = 20_000;
/// Conversations that are told apart.
const MAX_TALKS: usize = 4096;

/// A message that was sent and is opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its record.
    pub seq: u64,
    /// Bare address it went to.
    pub conversation: String,
    /// Level its verdict has.
    pub level: u8,
    /// Bytes of its ciphertext: no longer text is in it.
    pub capacity: usize,
    /// Its id and origin id.
    pub ids: Vec<String>,
    /// Microseconds since the run began.
    pub mono_micros: Option<u64>,
}

/// A conversation in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Talk {
    /// Messages by verdict, copies left out.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Opaque messages that were received, or whose direction is not known, by level.
    pub received: BTreeMap<u8, u64>,
}

/// A step of the scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What the evaluator called it.
    pub label: String,
    /// Microseconds since the run began.
    pub mono_micros: Option<u64>,
}

/// One session.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Messages that were sent and are opaque.
    pub messages: Vec<Message>,
    /// Conversations by bare address.
    pub talks: BTreeMap<String, Talk>,
    /// Canaries that could be read.
    pub readable: BTreeSet<usize>,
    /// Marks.
    pub steps: Vec<Step>,
    /// Frames that were searched, and their bytes.
    pub frames: u64,
    /// Bytes of those frames.
    pub bytes: u64,
    /// Frames that were not searched, or not in all decodings.
    pub not_searched: u64,
    /// Messages beyond the limits: counted nowhere else.
    pub overflow: u64,
    /// Bare address of the account.
    pub account: Option<String>,
}

impl Ledger {
    /// Counts a message that is no copy. `sent` is what can be raised: there for what the client sent.
    pub fn count(&mut self, with: &str, verdict: &BodyVerdict, sent: Option<Message>) {
        if self.talks.len() >= MAX_TALKS && !self.talks.contains_key(with) {
            self.overflow += 1;
            return;
        }
        let talk = self.talks.entry(with.to_owned()).or_default();
        *talk.verdicts.entry(verdict.body).or_default() += 1;
        match sent {
            _ if verdict.body != Verdict::Opaque => {}
            Some(message) if self.messages.len() < MAX_MESSAGES => self.messages.push(message),
            Some(_) => self.overflow += 1,
            None => *talk.received.entry(level(verdict)).or_default() += 1,
        }
    }
}

/// The level of a verdict as a number.
pub fn level(verdict: &BodyVerdict) -> u8 {
    verdict.level.and_then(|level| level.strip_prefix('E')).and_then(|digit| digit.parse().ok()).unwrap_or(1)
}

/// Bytes of the longest payload among the containers of a message.
pub fn capacity(message: Element<'_>) -> usize {
    let containers = message.children().filter(|child| child.local() == "encrypted");
    let payloads = containers.flat_map(|container| container.children().filter(|child| child.local() == "payload"));
    payloads.filter_map(|payload| crate::audit::value::base64_length(payload.own_text().trim())).max().unwrap_or(0)
}

/// The ids by which a receiving device can name a message.
pub fn ids(message: Element<'_>) -> Vec<String> {
    let origin = message.children().filter(|child| child.local() == "origin-id" && child.uri() == "urn:xmpp:sid:0");
    let mut ids: Vec<String> =
        message.attr("id").into_iter().chain(origin.filter_map(|child| child.attr("id"))).map(str::to_owned).collect();
    ids.dedup();
    ids
}
