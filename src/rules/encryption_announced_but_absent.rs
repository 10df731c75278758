//! Finds messages that announce encryption and carry none.
//!
//! **What it checks.** A message has an `<encryption/>` tag (XEP-0380) and readable content, or the sentence that stands in for an
//! encrypted text, but no encrypted container.
//!
//! **Why it matters.** The person believes that an encrypted message was sent. Either its text went in clear, or nothing but the sentence
//! did.
//!
//! **Evidence.** The message.
//!
//! **Limits.** When only the known sentence was sent nothing has leaked; the finding is `info` then.
//!
//! **References.** XEP-0380 §3.1 and §4, OPACITY rules N2 and L6.

use super::names::EME;
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "encryption-announced-but-absent",
    title: "a message says that it is encrypted, and is not",
    theme: Theme::Content,
    severity: Severity::High,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "see what the recipient shows, and whether the sender was told; report it",
    source: "XEP-0380 §3.1 (the tag says that the stanza is encrypted)",
    watches: &[(EME, "encryption")],
    verdicts: &["N2"],
    page: include_str!("encryption_announced_but_absent.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let absent = ["N2", "N1", "L6"].into_iter().any(|rule| seen.has_verdict_rule(rule));
    if !absent || seen.is_copy() || seen.is_error() || seen.name() != "message" {
        return;
    }
    let announced = seen.child(EME, "encryption").is_some();
    let who = seen.sender();
    if seen.has_verdict_rule("N2") {
        out.report(found(format!("{who} sent the sentence for an encrypted message without the message: nothing was sent")).severity(Severity::Info));
    } else if announced {
        let finding = found(format!("{who} sent readable text in a message that says it is encrypted"));
        out.report(match seen.conversation {
            Some(with) => finding.about(with),
            None => finding,
        });
    }
}
