//! Finds markers, receipts and typing notices in clear where both sides could encrypt them.
//!
//! **What it checks.** In a conversation that was encrypted before, the client sends a marker, receipt or chat state in clear, and the
//! other side has announced devices for OMEMO 2, or sent its last message with it.
//!
//! **Why it matters.** When a person reads, and when they type, is what remains to be seen of an encrypted conversation.
//!
//! **Evidence.** The message, and the last encrypted one before it.
//!
//! **Limits.** Contacts with devices for legacy OMEMO only cannot receive them encrypted, and are not reported. Whether every device of the
//! contact understands OMEMO 2 is not known.
//!
//! **References.** XEP-0420 §9, XEP-0333 §7, XEP-0085, XEP-0184.

use super::names::{CHAT_STATES, MARKERS, OMEMO_2, RECEIPTS};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::Direction;

pub(super) const RULE: Rule = Rule {
    id: "marker-in-clear-though-it-could-be-encrypted",
    title: "a readable marker, receipt or typing notice to somebody with OMEMO 2",
    theme: Theme::Content,
    severity: Severity::Low,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "switch markers and typing notices off, or update the client",
    source: "XEP-0420 §9 and XEP-0333 §7, XEP-0384 §5.5 (everything sensitive goes into the envelope)",
    watches: &[
        (MARKERS, "displayed"),
        (MARKERS, "received"),
        (MARKERS, "acknowledged"),
        (RECEIPTS, "received"),
        (CHAT_STATES, "active"),
        (CHAT_STATES, "composing"),
        (CHAT_STATES, "paused"),
        (CHAT_STATES, "inactive"),
        (CHAT_STATES, "gone"),
    ],
    verdicts: &[],
    page: include_str!("marker_in_clear_though_it_could_be_encrypted.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(with) = seen.peer_bare() else { return };
    if !seen.is_sent() || seen.name() != "message" || seen.is_error() || seen.is_copy() || seen.omemo().is_some() {
        return;
    }
    let Some(before) = seen.world.encrypted_at_all(with) else { return };
    // Without a list, what they sent last tells.
    let sends = || seen.world.encrypted(with, Direction::ServerToClient).is_some_and(|last| last.system == OMEMO_2);
    if seen.world.devices(with, OMEMO_2).map_or_else(|| !sends(), <[u32]>::is_empty) {
        return;
    }
    let told = seen.stanza.children().find(|child| [MARKERS, RECEIPTS, CHAT_STATES].contains(&child.uri()) && !matches!(child.local(), "request" | "markable"));
    if let Some(told) = told {
        let fact = format!("<{}/> went in clear to {with}, whose devices could receive it encrypted", told.local());
        out.report(found(fact).about(with).after(before.number));
    }
}
