//! Finds bundles and identity keys that cannot protect anybody.
//!
//! **What it checks.** A bundle lacks keys or has too few, its signature fails, a key is weak or repeats; the identity key in a message
//! differs from the published one or changes; a device label is unsigned.
//!
//! **Why it matters.** Keys are what the server can swap to read along. A faulty bundle is the first sign.
//!
//! **Evidence.** The stanza; its verdict names the B rules, or D3, D4, D6.
//!
//! **Limits.** Only bundles that pass through the session are seen. An identity key changes when a client is installed anew: then the
//! person should say so.
//!
//! **References.** XEP-0384 §4.2, §5.3.1 and §5.3.2, OPACITY rules B1 to B4, D3, D4, D6.

use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "untrustworthy-keys",
    title: "published keys that cannot be right",
    theme: Theme::Recipients,
    severity: Severity::High,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "compare the fingerprints with the person; do not write until they agree",
    source: "XEP-0384 §4.2 and §5.3.2 (bundles are signed and complete), v0.3.0 §4.3",
    watches: &[],
    verdicts: &["B1", "B2", "B3", "B4", "D3", "D4", "D6"],
    page: include_str!("untrustworthy_keys.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let whose = if seen.is_sent() { "the account's".to_owned() } else { format!("{}'s", seen.peer().unwrap_or("the account")) };
    let finding = if seen.has_verdict_rule("D3") {
        found(format!("the identity key in a message is not the one that was published ({whose})"))
    } else if seen.has_verdict_rule("D6") {
        found(format!("{whose} identity key has changed")).confidence(Confidence::Likely)
    } else if seen.has_verdict_rule("D4") {
        found(format!("{whose} device label carries no valid signature")).severity(Severity::Low)
    } else if seen.has_verdict_rule("B2") || seen.has_verdict_rule("B3") {
        found(format!("{whose} bundle has a signature that fails, or a key that protects nothing"))
    } else {
        found(format!("{whose} bundle is not complete")).severity(Severity::Medium)
    };
    let about = seen.peer_bare().or(seen.world.own()).map(str::to_owned);
    out.report(match about {
        Some(about) => finding.about(about),
        None => finding,
    });
}
