//! Finds delivery receipts in rooms.
//!
//! **What it checks.** The client sends a delivery receipt to a room, or asks a whole room for receipts.
//!
//! **Why it matters.** Every occupant learns that the person's device is online and got the message; asking a room makes all others do
//! the same.
//!
//! **Evidence.** The message.
//!
//! **Limits.** Receipts in private messages to one occupant are not looked at.
//!
//! **References.** XEP-0184 §5.3.

use super::names::{RECEIPTS};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "receipt-in-room",
    title: "delivery receipts in rooms",
    theme: Theme::Presence,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "switch receipts off for rooms; report it if the client offers no such setting",
    source: "XEP-0184 §5.3 (receipts in rooms are not recommended)",
    watches: &[(RECEIPTS, "received"), (RECEIPTS, "request")],
    verdicts: &[],
    page: include_str!("receipt_in_room.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(room) = seen.peer_bare().filter(|_| seen.is_sent() && seen.stanza_type() == Some("groupchat")) else { return };
    if seen.child(RECEIPTS, "received").is_some() {
        out.report(found(format!("a delivery receipt went to the room {room}")).about(room));
    } else if seen.child(RECEIPTS, "request").is_some() {
        out.report(found(format!("everybody in the room {room} was asked for a receipt")).severity(Severity::Info).about(room));
    }
}
