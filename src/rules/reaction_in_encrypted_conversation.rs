//! Finds reactions in clear in a conversation whose messages are encrypted.
//!
//! **What it checks.** The client sends an emoji reaction (XEP-0444) in clear in a conversation in which a message was encrypted before.
//!
//! **Why it matters.** A reaction answers: yes, no, laughter, anger. It also names the message it belongs to.
//!
//! **Evidence.** The reaction, and the last encrypted message before it.
//!
//! **Limits.** Legacy OMEMO cannot carry a reaction; then leaving it out is all that helps and the finding is `optional`. With OMEMO 2 in
//! use it is `avoidable`.
//!
//! **References.** XEP-0444 §3, XEP-0420 §9.

use super::names::{OMEMO_2, REACTIONS};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "reaction-in-encrypted-conversation",
    title: "a readable reaction to an encrypted message",
    theme: Theme::Content,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "do not react in conversations that must stay private, or use a client and contacts with OMEMO 2, which can encrypt reactions",
    source: "XEP-0444 §3; XEP-0420 §9 (reactions are sensitive)",
    watches: &[(REACTIONS, "reactions")],
    verdicts: &[],
    page: include_str!("reaction_in_encrypted_conversation.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let (Some(with), Some(reactions)) = (seen.peer_bare(), seen.child(REACTIONS, "reactions")) else { return };
    if seen.is_copy() || seen.is_error() || seen.omemo().is_some() || reactions.children().next().is_none() {
        return;
    }
    let Some(before) = seen.world.encrypted_at_all(with) else { return };
    let finding = found(format!("{} sent a readable reaction in the encrypted conversation with {with}", seen.sender()));
    let finding = finding.about(with).after(before.number);
    out.report(if before.system == OMEMO_2 { finding.avoidability(Avoidability::Avoidable) } else { finding });
}
