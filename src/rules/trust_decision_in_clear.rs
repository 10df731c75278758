//! Finds trust messages outside encryption.
//!
//! **What it checks.** A `<trust-message/>` (XEP-0434) stands in a stanza that is not inside an envelope.
//!
//! **Why it matters.** It tells whose keys the person has checked, that is whom they meet, and lets the server tell checked contacts from
//! others.
//!
//! **Evidence.** The stanza.
//!
//! **Limits.** None.
//!
//! **References.** XEP-0434 §5, XEP-0450 §7, OPACITY §8.

use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "trust-decision-in-clear",
    title: "which keys a person trusts is readable",
    theme: Theme::Content,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "switch automatic trust management off, and report it",
    source: "XEP-0434 §5 (trust messages are sent encrypted); XEP-0450 §7",
    watches: &[("urn:xmpp:tm:1", "trust-message")],
    verdicts: &[],
    page: include_str!("trust_decision_in_clear.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_copy() && !seen.is_error() && seen.child("urn:xmpp:tm:1", "trust-message").is_some() {
        let finding = found(format!("{} sent in clear whose keys are trusted", seen.sender()));
        out.report(match seen.conversation {
            Some(with) => finding.about(with),
            None => finding,
        });
    }
}
