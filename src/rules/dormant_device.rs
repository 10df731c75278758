//! Lists devices that get a copy of every message and never sent one.
//!
//! **What it checks.** Over the session, messages were encrypted at least three times for a device id that sent nothing itself.
//!
//! **Why it matters.** A forgotten phone or an old installation keeps the power to read everything. Each further device is also a line in
//! what the server sees.
//!
//! **Evidence.** The last message for each such device, at the end of the session.
//!
//! **Limits.** A device may simply have been silent; the longer the session, the more this says.
//!
//! **References.** XEP-0384 §5.3 and §8.1.

use rustc_hash::{FxHashMap, FxHashSet};

use super::names::{OMEMO, OMEMO_0, OMEMO_1, OMEMO_2, OMEMO_LEGACY};
use super::{Check, World};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "dormant-device",
    title: "devices that are still encrypted to and were never heard of",
    theme: Theme::Recipients,
    severity: Severity::Info,
    confidence: Confidence::Possible,
    avoidability: Avoidability::Optional,
    advice: "remove devices that are no longer used from the account, in the client that lists them",
    source: "XEP-0384 §5.3 and §8.1 (unused devices should be removed)",
    watches: &[(OMEMO_LEGACY, "encrypted"), (OMEMO_2, "encrypted"), (OMEMO_1, "encrypted"), (OMEMO_0, "encrypted")],
    verdicts: &[],
    page: include_str!("dormant_device.rs"),
    check: || Box::new(State::default()),
};

/// Device ids that are followed at most.
const MAX_DEVICES: usize = 10_000;
/// So many messages for a silent device make it worth a line.
const MESSAGES: u32 = 3;

#[derive(Default)]
struct State {
    /// Messages for a device, and the number of the last.
    addressed: FxHashMap<u32, (u32, u64)>,
    heard: FxHashSet<u32>,
}

impl State {
    fn note_key(&mut self, key: Element<'_>, number: u64) {
        let rid = Some(key).filter(|key| key.local() == "key").and_then(|key| key.attr("rid")?.parse().ok());
        let Some(rid) = rid else { return };
        if self.addressed.len() < MAX_DEVICES || self.addressed.contains_key(&rid) {
            let (count, last) = self.addressed.entry(rid).or_default();
            (*count, *last) = (*count + 1, number);
        }
    }
}

impl Check for State {
    fn see(&mut self, seen: &Seen<'_>, _out: &mut Out) {
        for container in seen.watched().filter(|element| OMEMO.contains(&element.uri())) {
            for header in container.children().filter(|child| child.local() == "header") {
                if let Some(sid) = header.attr("sid").and_then(|sid| sid.parse().ok()).filter(|_| self.heard.len() < MAX_DEVICES) {
                    self.heard.insert(sid);
                }
                if !seen.is_sent() {
                    continue;
                }
                for child in header.children() {
                    self.note_key(child, seen.number);
                    child.children().for_each(|key| self.note_key(key, seen.number));
                }
            }
        }
    }

    fn end(&mut self, _world: &World, out: &mut Out) {
        let silent = self.addressed.iter().filter(|(id, (count, _))| *count >= MESSAGES && !self.heard.contains(id));
        let mut silent: Vec<(u32, u32, u64)> = silent.map(|(id, (count, last))| (*id, *count, *last)).collect();
        silent.sort_unstable();
        for (id, count, last) in silent {
            let fact = format!("{count} messages were encrypted for device {id}, which sent nothing in this session");
            out.report(found(fact).about(format!("device {id}")).after(last));
        }
    }
}
