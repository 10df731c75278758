//! Finds content that a client sends in clear beside the ciphertext of the same message.
//!
//! **What it checks.** A message with an OMEMO container also carries a subject, XHTML, a link, a file description, a reaction, a mention,
//! a sticker, a spoiler text or the like, readable.
//!
//! **Why it matters.** What the body hides is told again, in part or in whole, by its neighbour.
//!
//! **Evidence.** The message; its verdict names rule L4 and the element.
//!
//! **Limits.** Legacy OMEMO encrypts the body only, so that a client which offers these features beside it has no place to put them; it
//! could still leave them out.
//!
//! **References.** XEP-0420 §5 and §9, XEP-0384 v0.3.0 §3.1, OPACITY rule L4.

use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "content-beside-ciphertext",
    title: "readable content stands beside an encrypted message",
    theme: Theme::Content,
    severity: Severity::High,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "leave the feature that sent it unused in encrypted conversations, and report it",
    source: "XEP-0420 §5 (an OOB URL beside ciphertext is a leak) and §9 (every element that is not named there is sensitive)",
    watches: &[],
    verdicts: &["L4"],
    page: include_str!("content_beside_ciphertext.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if seen.is_copy() {
        return;
    }
    let finding = found(format!("{} sent readable content beside an encrypted message", seen.sender()));
    out.report(match seen.conversation {
        Some(with) => finding.about(with),
        None => finding,
    });
}
