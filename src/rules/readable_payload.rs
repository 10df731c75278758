//! Finds messages that look encrypted and are not.
//!
//! **What it checks.** The payload of a container decodes to text, to a known file format that unpacks, to a declared canary, or opens
//! under a key that everybody knows.
//!
//! **Why it matters.** The container is there for show; the server reads the message.
//!
//! **Evidence.** The message; its verdict names the rule: L2 for a canary, T5 for a format that unpacked, K1 for a trivial key, T1 to T4
//! and T6 for a payload that is too regular to be ciphertext.
//!
//! **Limits.** T1 to T4 and T6 are statistics with an error below one in a thousand million; the finding is then `likely`. That a payload
//! looks random proves nothing.
//!
//! **References.** XEP-0384 §4.4, v0.3.0 §4.5, OPACITY rules L2, T and K.

use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "readable-payload",
    title: "the payload of an encrypted message is readable",
    theme: Theme::Content,
    severity: Severity::Critical,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "report it to the client's developers; until it is mended do not rely on its encryption",
    source: "XEP-0384 §4.4 (the payload is encrypted with fresh random keys)",
    watches: &[],
    verdicts: &["L2", "T", "K"],
    page: include_str!("readable_payload.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if seen.is_copy() {
        return;
    }
    let who = seen.sender();
    let certain = ["L2", "T5", "K"].into_iter().any(|id| seen.has_verdict_rule(id));
    let finding = if seen.has_verdict_rule("K") {
        found(format!("{who} encrypted a message with a key that everybody knows"))
    } else if certain {
        found(format!("{who} sent a payload that can be read without a key"))
    } else {
        found(format!("{who} sent a payload that is too regular to be ciphertext")).severity(Severity::High).confidence(Confidence::Likely)
    };
    out.report(match seen.conversation {
        Some(with) => finding.about(with),
        None => finding,
    });
}
