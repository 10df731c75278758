//! Finds the idle time told to somebody who may not see the account's presence.
//!
//! **What it checks.** The client answers a last activity request (`jabber:iq:last`) of somebody without a presence subscription to the
//! account. An occupant of a room is one: presence in a room is no subscription, and says nothing of other devices.
//!
//! **Why it matters.** The answer tells to the second when the person last touched the device, and that it is online.
//!
//! **Evidence.** The answer.
//!
//! **Limits.** Says nothing before the roster was seen.
//!
//! **References.** XEP-0012 §4 and §8.

use super::names::{LAST};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "last-activity-to-stranger",
    title: "the idle time told to somebody who may not see the account's presence",
    theme: Theme::Presence,
    severity: Severity::High,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "switch answers about the idle time off, or limit them to contacts; report it",
    source: "XEP-0012 §8 (only to those who may see the presence)",
    watches: &[(LAST, "query")],
    verdicts: &[],
    page: include_str!("last_activity_to_stranger.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(to) = seen.peer_bare() else { return };
    let told = seen.child(LAST, "query").is_some_and(|query| query.attr("seconds").is_some());
    if !told || !seen.is_sent() || seen.stanza_type() != Some("result") {
        return;
    }
    if seen.peer_is_known_room() {
        out.report(found(format!("the idle time was told to an occupant of the room {to}")).severity(Severity::Medium).about(to));
    } else if seen.peer_is_stranger() {
        out.report(found(format!("the idle time was told to {to}, who may not see the account's presence")).about(to));
    }
}
