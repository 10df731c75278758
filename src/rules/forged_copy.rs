//! Finds copies of messages from somebody who may not send them, and what the client does about them.
//!
//! **What it checks.** A carbon copy whose sender is not the own account, or an archive result from an address that was not asked. When the
//! client then confirms the message inside it (receipt or marker), it believed the copy.
//!
//! **Why it matters.** Whoever is believed here puts words into anybody's mouth: the client shows the message as one of the person named
//! inside.
//!
//! **Evidence.** The copy, told once for each sender; and the confirmation.
//!
//! **Limits.** A client that believes without confirming cannot be told from one that ignores the copy: look at its screen. Archives of
//! rooms the account is in are taken as asked.
//!
//! **References.** XEP-0280 §11, XEP-0313 §8.2.

use std::collections::VecDeque;

use super::names::{CARBONS, CLIENT, FORWARD, MAM, MARKERS, RECEIPTS};
use super::pending::Pending;
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};
use crate::xmpp::jid::normalised_bare;

pub(super) const RULE: Rule = Rule {
    id: "forged-copy",
    title: "a copy of a message from somebody who may not send it",
    theme: Theme::Trust,
    severity: Severity::Medium,
    confidence: Confidence::Possible,
    avoidability: Avoidability::Inherent,
    advice: "see whether the client shows the message inside as if the person named there had written it; report it as a security bug if it does",
    source: "XEP-0280 §11 (copies from others have to be ignored); XEP-0313 §8.2 (results that nobody asked for have to be ignored)",
    watches: &[
        (CARBONS, "sent"),
        (CARBONS, "received"),
        (MAM, "result"),
        (MAM, "query"),
        (RECEIPTS, "received"),
        (MARKERS, "received"),
        (MARKERS, "displayed"),
        (MARKERS, "acknowledged"),
    ],
    verdicts: &[],
    page: include_str!("forged_copy.rs"),
    check: || Box::new(ForgedCopy::default()),
};

/// Archives asked, and senders told, that are remembered.
const MAX: usize = 256;

#[derive(Default)]
struct ForgedCopy {
    asked: VecDeque<String>,
    told: VecDeque<String>,
    /// Forged copies, by the id of the message inside; the value is who sent the copy.
    forged: Pending<String>,
}

impl Check for ForgedCopy {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if seen.is_sent() {
            self.sent(seen, out);
        } else if seen.peer_is_foreign() {
            self.received(seen, out);
        }
    }
}

impl ForgedCopy {
    fn sent(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if seen.name() == "iq" {
            if let Some(archive) = seen.peer_bare() {
                remember(&mut self.asked, archive);
            }
            return;
        }
        for confirmed in seen.stanza.children().filter(|child| child.uri() == RECEIPTS || child.uri() == MARKERS) {
            let Some(copy) = confirmed.attr("id").and_then(|id| self.forged.take("", id)) else { continue };
            out.report(
                found(format!("the client confirmed a message that {} made up as a copy", copy.what))
                    .severity(Severity::High)
                    .confidence(Confidence::Certain)
                    .avoidability(Avoidability::Avoidable)
                    .about(copy.what)
                    .after(copy.passed.number)
                    .advice("report it as a security bug: the client believes copies from anybody"),
            );
        }
    }

    fn received(&mut self, seen: &Seen<'_>, out: &mut Out) {
        let Some(from) = seen.peer_bare() else { return };
        let copy = seen.stanza.children().find_map(|child| match (child.uri(), child.local()) {
            (CARBONS, "sent" | "received") => Some((child, "carbon copy")),
            (MAM, "result") => Some((child, "archive result")),
            _ => None,
        });
        let Some((copy, kind)) = copy else { return };
        if kind == "archive result" && (seen.peer_is_known_room() || self.asked.iter().any(|asked| asked == from)) {
            return;
        }
        let inner = child(copy, FORWARD, "forwarded").and_then(|forwarded| child(forwarded, CLIENT, "message"));
        if let Some(id) = inner.and_then(|message| message.attr("id")) {
            self.forged.keep(seen, "", id, from.to_owned());
        }
        if !self.told.iter().any(|told| told == from) {
            remember(&mut self.told, from);
            out.report(found(format!("{from} sent a {kind}, which only the own account may send")).about(from));
        }
    }
}

fn remember(list: &mut VecDeque<String>, address: &str) {
    if list.len() >= MAX {
        list.pop_front();
    }
    list.push_back(normalised_bare(address).into_owned());
}
