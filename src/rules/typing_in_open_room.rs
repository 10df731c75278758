//! Finds typing notices in rooms that anybody may enter.
//!
//! **What it checks.** The client sends a chat state to a room that is not for members only.
//!
//! **Why it matters.** Everybody in the room, known or not, sees when the person reads and writes, also when nothing is sent in the
//! end.
//!
//! **Evidence.** The message with the chat state.
//!
//! **Limits.** Whether a room is for members only is known when the client asked it; otherwise the finding is `possible`.
//!
//! **References.** XEP-0085 §5.5, XEP-0045 §16.3.

use super::names::{CHAT_STATES};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "typing-in-open-room",
    title: "typing notices in rooms that anybody may enter",
    theme: Theme::Presence,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "switch typing notices off for rooms that anybody may enter",
    source: "XEP-0085 §5.5 (notices in rooms go to every occupant)",
    watches: &[(CHAT_STATES, "active"), (CHAT_STATES, "composing"), (CHAT_STATES, "paused"), (CHAT_STATES, "inactive"), (CHAT_STATES, "gone")],
    verdicts: &[],
    page: include_str!("typing_in_open_room.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(room) = seen.peer_bare().filter(|_| seen.is_sent() && seen.stanza_type() == Some("groupchat")) else { return };
    let notice = seen.stanza.children().any(|child| child.is_in(CHAT_STATES));
    let kind = seen.world.room_kind(room);
    if !notice || seen.verdict.is_some() || kind.is_some_and(|kind| kind.members_only) {
        return;
    }
    let finding = found(format!("typing notices went to the room {room}")).about(room);
    out.report(if kind.is_some() { finding } else { finding.confidence(Confidence::Possible) });
}
