//! Finds ciphertext for devices that are on no list, and devices that appear from nowhere.
//!
//! **What it checks.** A container holds a key for a device id that is on none of the lists seen for the recipients and the account, or its
//! sender is on none; a device appears on the own list during the session without having been announced through the proxy, and messages are encrypted for it.
//!
//! **Why it matters.** Whoever can put a device on a list, or into a client's memory, reads along from then on.
//!
//! **Evidence.** The message; its verdict names rule D1, D2 or D5.
//!
//! **Limits.** A list that changed less than a minute before does not count; without a clock the next message is only told as `possible`.
//! Lists that were not seen cannot be compared. A new own device may well be the person's second client: the finding is `possible`.
//!
//! **References.** XEP-0384 §5.3.1 and §5.5.2, OPACITY rules D1, D2, D5.

use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::key_for_non_member::non_members;
use super::seen::Seen;

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
    if seen.is_copy() {
        return;
    }
    let who = seen.sender();
    // What the procedure only notes (an own device from before the session, a list that has just changed) is no finding.
    let finding = if seen.is_decided_by("D1") {
        // Whoever is no member of the room has a device that is known: that is the matter of key-for-non-member.
        if !non_members(seen).is_empty() {
            return;
        }
        found(format!("{who} encrypted for a device that is on no list of a recipient"))
    } else if seen.is_decided_by("D2") {
        found("a message comes from a device that its account did not announce").severity(Severity::Medium)
    } else if seen.is_decided_by("D5") {
        // XEP-0384 §5.7 wants every listed device of the account to be a recipient: the client may do right, and the list be wrong.
        found("messages are encrypted for an own device that appeared during the session")
            .severity(Severity::Medium)
            .confidence(Confidence::Possible)
            .avoidability(Avoidability::Optional)
    } else if seen.has_verdict_rule("D1") {
        found(format!("{who} encrypted for a device that was taken off its list just before"))
            .severity(Severity::Low)
            .confidence(Confidence::Possible)
            .avoidability(Avoidability::Optional)
    } else {
        return;
    };
    out.report(match seen.conversation {
        Some(with) => finding.about(with),
        None => finding,
    });
}
