//! Finds a transfer or call from a stranger that was accepted faster than a person can.
//!
//! **What it checks.** Somebody who is not on the roster offers a file, a byte stream or a call, and the client accepts within two seconds.
//!
//! **Why it matters.** Accepting shows that somebody is there, mostly opens a connection that shows the network address, and lets the
//! stranger put bytes on the device or listen.
//!
//! **Evidence.** The offer and the acceptance. A byte stream that belongs to an offer which was accepted before, or made by the client, is
//! not reported.
//!
//! **Limits.** Says nothing before the roster was seen. A quick person looks the same: the finding is `likely`.
//! Without a clock, as in `scan`, a few stanzas later counts as soon, and the finding is `possible`.
//!
//! **References.** XEP-0166 §6, XEP-0095 §3, XEP-0047 §2.1, XEP-0065 §5, XEP-0353 §5.

use std::collections::VecDeque;

use super::names::{CLIENT, IBB, JINGLE, JINGLE_MESSAGE, S5B, SI};
use super::pending::Pending;
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};

pub(super) const RULE: Rule = Rule {
    id: "transfer-accepted-from-stranger",
    title: "a transfer or call from a stranger was accepted at once",
    theme: Theme::Trust,
    severity: Severity::High,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "switch automatic acceptance off, or limit it to contacts; report it if the client offers neither",
    source: "XEP-0166 §6 (the person decides on a session); XEP-0095 §3; XEP-0047 §2.1",
    watches: &[
        (CLIENT, "iq"),
        (JINGLE, "jingle"),
        (SI, "si"),
        (IBB, "open"),
        (S5B, "query"),
        (JINGLE_MESSAGE, "propose"),
        (JINGLE_MESSAGE, "proceed"),
    ],
    verdicts: &[],
    page: include_str!("transfer_accepted_from_stranger.rs"),
    check: || Box::new(TransferFromStranger::default()),
};

/// Faster than a person reads and decides.
const MICROS: u64 = 2_000_000;

/// Others with whom something was agreed that are remembered.
const MAX: usize = 256;

#[derive(Default)]
struct TransferFromStranger {
    /// Requests whose result accepts them.
    requests: Pending<&'static str>,
    /// Sessions, by the other side and their id, which another stanza accepts.
    sessions: Pending<&'static str>,
    agreed: VecDeque<String>,
}

impl Check for TransferFromStranger {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        let Some(with) = seen.peer_bare() else { return };
        if seen.is_received() {
            self.received(seen, with);
            return;
        }
        let jingle = seen.child(JINGLE, "jingle");
        let action = jingle.and_then(|jingle| jingle.attr("action"));
        let message = seen.stanza.children().find(|child| child.uri() == JINGLE_MESSAGE && seen.name() == "message");
        let accepted = match (action, message) {
            (Some("session-accept"), _) => jingle.and_then(|jingle| self.sessions.take(with, jingle.attr("sid")?)),
            (_, Some(message)) if message.local() == "proceed" => self.sessions.take(with, message.attr("id").unwrap_or("")),
            (Some("session-initiate"), _) => return self.agree(with),
            _ if seen.child(SI, "si").is_some() && seen.stanza_type() == Some("set") => return self.agree(with),
            _ => self.requests.take_answered(seen).filter(|_| seen.stanza_type() == Some("result")),
        };
        if let Some(offer) = accepted {
            self.agree(with);
            if let Some(soon) = seen.soon_after(offer.passed, MICROS) {
                let fact = format!("the client accepted {} from the stranger {with} at once", offer.what);
                out.report(found(fact).about(with).after(offer.passed.number).as_soon(soon));
            }
        } else if message.is_some() || action == Some("session-accept") {
            self.agree(with);
        }
    }
}

impl TransferFromStranger {
    fn received(&mut self, seen: &Seen<'_>, with: &str) {
        if !seen.peer_is_unknown() || seen.is_copy() || self.agreed.iter().any(|known| known == with) {
            return;
        }
        if let Some(propose) = seen.child(JINGLE_MESSAGE, "propose") {
            self.sessions.keep(seen, with, propose.attr("id").unwrap_or(""), "a call");
            return;
        }
        if seen.stanza_type() != Some("set") {
            return;
        }
        let initiate = seen.child(JINGLE, "jingle").filter(|jingle| jingle.attr("action") == Some("session-initiate"));
        let stream = seen.child(IBB, "open").or_else(|| seen.child(S5B, "query").filter(|query| child(*query, S5B, "streamhost").is_some()));
        if let Some(jingle) = initiate {
            self.sessions.keep(seen, with, jingle.attr("sid").unwrap_or(""), "a call or transfer");
        } else if seen.child(SI, "si").is_some() {
            self.requests.keep_request(seen, "a file");
        } else if stream.is_some() {
            self.requests.keep_request(seen, "a byte stream");
        }
    }

    fn agree(&mut self, with: &str) {
        if self.agreed.len() >= MAX {
            self.agreed.pop_front();
        }
        self.agreed.push_back(with.to_owned());
    }
}
