//! Finds a readable subject in a room in which messages are encrypted.
//!
//! **What it checks.** The client sets the subject of a room where a message was encrypted before.
//!
//! **Why it matters.** The room service, its archive and every occupant read it; it stays until it is changed.
//!
//! **Evidence.** The message with the subject, and the last encrypted one before it.
//!
//! **Limits.** A subject cannot be encrypted: the finding says that it is there, not that the client did wrong.
//!
//! **References.** XEP-0045 §8.1.

use super::names::CLIENT;
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "room-subject-in-clear",
    title: "the subject of a room whose messages are encrypted",
    theme: Theme::Content,
    severity: Severity::Info,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Inherent,
    advice: "keep the subject empty, or say nothing in it that the messages hide",
    source: "XEP-0045 §8.1; XEP-0384 v0.3.0 §3.1",
    watches: &[(CLIENT, "subject")],
    verdicts: &[],
    page: include_str!("room_subject_in_clear.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let (Some(room), Some(subject)) = (seen.peer_bare(), seen.child(CLIENT, "subject")) else { return };
    let sets = seen.is_sent() && seen.stanza_type() == Some("groupchat") && !subject.own_text().trim().is_empty();
    if let Some(before) = seen.world.encrypted_at_all(room).filter(|_| sets) {
        out.report(found(format!("a readable subject was set in {room}, where messages are encrypted")).about(room).after(before.number));
    }
}
