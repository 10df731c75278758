//! Finds delivery receipts to somebody who may not see the account's presence.
//!
//! **What it checks.** The client answers a message with a delivery receipt (XEP-0184), and the sender has no presence subscription to
//! the account.
//!
//! **Why it matters.** The receipt tells a stranger that the account is online, when its device got the message, and with a server in
//! between where it is in time.
//!
//! **Evidence.** The message with the receipt.
//!
//! **Limits.** Says nothing before the roster was seen. In a conversation that the person has written in the finding is mild: the other
//! side knows that somebody is there, and still learns when the device is online.
//!
//! **References.** XEP-0184 §8, RFC 6121 §11.

use super::names::{RECEIPTS};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "receipt-to-stranger",
    title: "delivery receipts to somebody who may not see the account's presence",
    theme: Theme::Presence,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "send receipts to contacts only; switch them off if the client cannot tell the difference, and report it",
    source: "XEP-0184 §8 (no receipts to senders who may not see the presence)",
    watches: &[(RECEIPTS, "received")],
    verdicts: &[],
    page: include_str!("receipt_to_stranger.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(to) = seen.peer_bare() else { return };
    let receipt = seen.is_sent() && !seen.is_error() && seen.child(RECEIPTS, "received").is_some();
    if !receipt || seen.peer_is_room() || !seen.peer_is_stranger() {
        return;
    }
    let talking = seen.world.wrote_to(to);
    let finding = found(format!("a delivery receipt went to {to}, who may not see the account's presence")).about(to);
    out.report(if talking { finding.severity(Severity::Low).avoidability(Avoidability::Optional) } else { finding });
}
