//! Finds the status text and the idle time in the presence of rooms.
//!
//! **What it checks.** Presence that the client sends to a room carries a status text or the time of the last interaction.
//!
//! **Why it matters.** Everybody in the room reads it, strangers too. A status text that is the same in several rooms, or known to
//! contacts, ties the nick to the account.
//!
//! **Evidence.** The presence.
//!
//! **Limits.** A status may be written for the room on purpose.
//!
//! **References.** XEP-0045 §7.2.4 and §7.7, XEP-0319 §5.

use super::names::{IDLE, MUC};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "status-in-room-presence",
    title: "status text or idle time shown to rooms",
    theme: Theme::Presence,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "send plain presence to rooms; leave status text and idle time to contacts",
    source: "XEP-0045 §7.2.2 (what is sent to a room goes to every occupant); XEP-0319 §5",
    watches: &[("jabber:client", "status"), (IDLE, "idle")],
    verdicts: &[],
    page: include_str!("status_in_room_presence.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(room) = seen.peer_bare() else { return };
    if seen.name() != "presence" || !seen.is_sent() || seen.stanza_type().is_some() {
        return;
    }
    if seen.child(MUC, "x").is_none() && !seen.peer_is_room() {
        return;
    }
    let idle = seen.child(IDLE, "idle").is_some();
    let status = seen.stanza.children().any(|child| child.local() == "status" && !child.own_text().trim().is_empty());
    let what = match (status, idle) {
        (true, true) => "a status text and the idle time",
        (true, false) => "a status text",
        (false, true) => "the idle time",
        (false, false) => return,
    };
    out.report(found(format!("{what} went to the room {room}")).about(room));
}
