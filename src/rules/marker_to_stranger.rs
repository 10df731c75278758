//! Finds displayed markers to somebody who may not see the account's presence.
//!
//! **What it checks.** The client sends a chat marker (XEP-0333: `displayed`, or the older `received` and `acknowledged`) to somebody
//! without a presence subscription to the account.
//!
//! **Why it matters.** The marker tells a stranger that the account is online and that the person has opened the message, and when.
//!
//! **Evidence.** The message with the marker.
//!
//! **Limits.** Says nothing before the roster was seen. In a conversation that the person has written in the finding is mild.
//!
//! **References.** XEP-0333 §7 and §8, RFC 6121 §11.

use super::names::{MARKERS};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "marker-to-stranger",
    title: "displayed markers to somebody who may not see the account's presence",
    theme: Theme::Presence,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "send markers to contacts only; switch them off if the client cannot tell the difference, and report it",
    source: "XEP-0333 §7 (no markers to those who may not see the presence)",
    watches: &[(MARKERS, "displayed"), (MARKERS, "received"), (MARKERS, "acknowledged")],
    verdicts: &[],
    page: include_str!("marker_to_stranger.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(to) = seen.peer_bare() else { return };
    let marker = seen.stanza.children().find(|child| child.uri() == MARKERS && child.local() != "markable");
    let Some(marker) = marker.filter(|_| seen.is_sent() && !seen.is_error()) else { return };
    if seen.peer_is_room() || !seen.peer_is_stranger() {
        return;
    }
    let talking = seen.world.wrote_to(to);
    let finding = found(format!("a marker (<{}/>) went to {to}, who may not see the account's presence", marker.local())).about(to);
    out.report(if talking { finding.severity(Severity::Low).avoidability(Avoidability::Optional) } else { finding });
}
