//! Finds readable text in a conversation that was encrypted before.
//!
//! **What it checks.** A message with readable text goes to (or comes from) somebody with whom a message in the same direction was
//! end-to-end encrypted earlier in the session, by another device of the account too, as carbons show. So does a readable answer of the
//! client to somebody, or to a room, whose last message was encrypted; and readable text to somebody to whom the account wrote encrypted
//! in another session of the run.
//!
//! **Why it matters.** People believe that a conversation which showed a lock stays locked. A client that falls back without a word hands
//! the rest of it to the servers.
//!
//! **Evidence.** The readable message, and the last encrypted one before it in this session.
//!
//! **Limits.** The wire does not show whether the person switched encryption off on purpose, or was told. A recipient who removed all
//! devices leaves the client no choice but to ask; then nothing is found. Encryption before the run began is not known. An answer is
//! `possible` as long as nothing shows that the account can encrypt; so is a session after another, for it may be of another client of
//! the account. Reactions, markers and the like have rules of their own.
//!
//! **References.** XEP-0384 §5.7, OPACITY rule L6.

use super::names::EME;
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use super::user_text::holds_user_text;
use crate::xmpp::Direction;

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
    verdicts: &["L6", "N1"],
    page: include_str!("clear_text_after_encryption.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(with) = seen.conversation else { return };
    if seen.is_copy() || seen.world.is_own(with) {
        return;
    }
    let (world, who) = (seen.world, seen.sender());
    let same_way = world.encrypted(with, seen.way());
    // Text that only claims to be encrypted has a rule of its own.
    let answers = seen.is_sent() && seen.child(EME, "encryption").is_none();
    let answered = same_way.or_else(|| {
        world.encrypted(with, Direction::ServerToClient).filter(|before| answers && !before.clear_since)
    });
    let finding = match (same_way, answered) {
        (Some(before), _) => found(format!("{who} sent readable text in the conversation with {with}, which was encrypted before")).after(before.number),
        (None, Some(before)) => {
            let finding = found(format!("{who} answered an encrypted message from {with} with readable text")).after(before.number);
            if world.encrypts() { finding } else { finding.confidence(Confidence::Possible) }
        }
        (None, None) if answers && world.encrypted_in_any_session(with) => {
            let fact = format!("{who} sent readable text to {with}, to whom the account wrote encrypted in another session");
            found(fact).confidence(Confidence::Possible)
        }
        (None, None) => return,
    };
    if answered.is_some_and(|before| world.cannot_decrypt(with, before.system)) || !holds_user_text(seen) {
        return;
    }
    out.report(finding.about(with));
}
