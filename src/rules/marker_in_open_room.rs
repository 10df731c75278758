//! Finds displayed markers in rooms that anybody may enter.
//!
//! **What it checks.** The client sends a displayed marker to a room that is not for members only.
//!
//! **Why it matters.** Everybody in the room, known or not, sees up to where and when the person has read.
//!
//! **Evidence.** The message with the marker.
//!
//! **Limits.** Whether a room is for members only is known when the client asked it; otherwise the finding is `possible`.
//!
//! **References.** XEP-0333 §4.3 and §8.

use super::names::{MARKERS};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "marker-in-open-room",
    title: "displayed markers in rooms that anybody may enter",
    theme: Theme::Presence,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "switch markers off for public rooms",
    source: "XEP-0333 §8 (a way to opt out); §7 (not to those who may not see the presence)",
    watches: &[(MARKERS, "displayed"), (MARKERS, "received"), (MARKERS, "acknowledged")],
    verdicts: &[],
    page: include_str!("marker_in_open_room.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(room) = seen.peer_bare().filter(|_| seen.is_sent() && seen.stanza_type() == Some("groupchat")) else { return };
    let marker = seen.stanza.children().any(|child| child.uri() == MARKERS && child.local() != "markable");
    let kind = seen.world.room_kind(room);
    if marker && !kind.is_some_and(|kind| kind.members_only) {
        let finding = found(format!("displayed markers went to the room {room}")).about(room);
        out.report(if kind.is_some() { finding } else { finding.confidence(Confidence::Possible) });
    }
}
