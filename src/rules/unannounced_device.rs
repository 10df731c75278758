//! Finds ciphertext for devices that are on no list, and devices that appear from nowhere.
//!
//! **What it checks.** A container holds a key for a device id that is on none of the lists seen for the recipients and the account, or its
//! sender is on none; a device appears on the own list during the session without having been announced through the proxy, and messages are encrypted for it.
//!
//! **Why it matters.** Whoever can put a device on a list, or into a client's memory, reads along from then on.
//!
//! **Evidence.** The message; its verdict names rule D1, D2 or D5.
//!
//! **Limits.** A list that changed less than a minute before does not count. Lists that were not seen cannot be compared.
//!
//! **References.** XEP-0384 §5.3.1 and §5.5.2, OPACITY rules D1, D2, D5.

use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::record::Verdict;

pub(super) const RULE: Rule = Rule {
    id: "unannounced-device",
    title: "a message encrypted for a device that nobody announced",
    theme: Theme::Recipients,
    severity: Severity::High,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "compare the fingerprints of all devices on both sides; a device that nobody knows may be the server's",
    source: "XEP-0384 §5.5.2 (only devices on the list are recipients); §5.3.1",
    watches: &[],
    verdicts: &["D1", "D2", "D5"],
    page: include_str!("unannounced_device.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    // What the procedure only notes (an own device from before the session, a list that has just changed) is no finding.
    if seen.is_copy() || seen.verdict.is_none_or(|verdict| verdict.body == Verdict::Opaque) {
        return;
    }
    let finding = if seen.has_verdict_rule("D1") {
        found(format!("{} encrypted for a device that is on no list that was seen", seen.sender()))
    } else if seen.has_verdict_rule("D2") {
        found("a message comes from a device that its account did not announce").severity(Severity::Medium)
    } else {
        found("messages are encrypted for an own device that appeared during the session").severity(Severity::Medium)
    };
    out.report(match seen.conversation {
        Some(with) => finding.about(with),
        None => finding,
    });
}
