//! Finds OMEMO containers whose form breaks the specification.
//!
//! **What it checks.** Headers, keys, initialisation vector and payload of a container have the elements, lengths and encodings that the
//! specification gives them.
//!
//! **Why it matters.** What is malformed in form may be so in substance: truncated, encoded instead of encrypted, or made for nobody.
//!
//! **Evidence.** The message; its verdict names the S rules.
//!
//! **Limits.** Old clients are known by some of these signs and are not reported for them: 16-byte vectors, the tag behind the payload.
//!
//! **References.** XEP-0384 §5.5.3 and §12, v0.3.0 §4.5 and §4.6, OPACITY rules S.

use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "malformed-ciphertext",
    title: "an OMEMO container that cannot be right",
    theme: Theme::Content,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "compare with what the recipient shows; report it with the redacted stanza",
    source: "XEP-0384 §5.5.3 and §12 (the form of a container)",
    watches: &[],
    verdicts: &["S1", "S2", "S3", "S4", "S6", "S7", "S8", "S9"],
    page: include_str!("malformed_ciphertext.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if seen.is_copy() || !RULE.verdicts.iter().any(|rule| seen.is_decided_by(rule)) {
        return;
    }
    out.report(found(format!("{} sent an OMEMO container whose form breaks the specification", seen.sender())));
}
