//! Finds readable text in a conversation that was encrypted before.
//!
//! **What it checks.** A message with readable content goes to (or comes from) somebody with whom a message in the same direction was
//! end-to-end encrypted earlier in the session.
//!
//! **Why it matters.** People believe that a conversation which showed a lock stays locked. A client that falls back without a word hands
//! the rest of it to the servers.
//!
//! **Evidence.** The readable message, and the last encrypted one before it.
//!
//! **Limits.** The wire does not show whether the person switched encryption off on purpose, or was told. A recipient who removed all
//! devices leaves the client no choice but to ask; then nothing is found. Encryption before the session began is not known.
//!
//! **References.** XEP-0384 §5.7, OPACITY rule L6.

use super::names::CLIENT;
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "clear-text-after-encryption",
    title: "readable text in a conversation that was encrypted before",
    theme: Theme::Content,
    severity: Severity::High,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "see whether the client shows clearly that encryption is off, and whether it can require encryption",
    source: "XEP-0384 §5.7 (encryption, once used, is not given up silently)",
    watches: &[],
    verdicts: &["L6"],
    page: include_str!("clear_text_after_encryption.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let (Some(with), Some(direction), false) = (seen.conversation, seen.direction, seen.is_copy()) else { return };
    // The subject of a room cannot be encrypted, and has a rule of its own.
    if seen.stanza_type() == Some("groupchat") && seen.child(CLIENT, "body").is_none() {
        return;
    }
    let who = seen.sender();
    let finding = found(format!("{who} sent readable text in the conversation with {with}, which was encrypted before")).about(with);
    out.report(match seen.world.encrypted(with, direction) {
        Some(before) => finding.after(before.number),
        None => finding,
    });
}
