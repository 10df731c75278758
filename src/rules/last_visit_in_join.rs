//! Finds the time of the last visit told to a room.
//!
//! **What it checks.** The client enters a room and asks for the history since a point in time.
//!
//! **Why it matters.** The room's service, which may belong to somebody else, learns when the device was last connected.
//!
//! **Evidence.** The presence that enters.
//!
//! **Limits.** A note: the room sees who leaves and when, unless the connection was lost. The time is needed when the room has no archive
//! that can be asked.
//!
//! **References.** XEP-0045 §7.2.14.

use super::names::MUC;
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "last-visit-in-join",
    title: "a room is told when the device was last there",
    theme: Theme::Presence,
    severity: Severity::Info,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "nothing to do; a client can ask for a number of messages instead",
    source: "XEP-0045 §7.2.14 (since; maxstanzas limits the history without a time)",
    watches: &[(MUC, "history")],
    verdicts: &[],
    page: include_str!("last_visit_in_join.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(room) = seen.peer_bare().filter(|_| seen.is_sent() && seen.name() == "presence" && !seen.is_error()) else { return };
    if seen.watched().any(|history| history.attr("since").is_some_and(|since| !since.trim().is_empty())) {
        out.report(found(format!("the room {room} was asked for its history since the last visit")).about(room));
    }
}
