//! Finds since when the person is away, told beside the presence.
//!
//! **What it checks.** The presence carries the time of the last interaction (XEP-0319), or a contact's request for the idle time
//! (`jabber:iq:last`) is answered while the presence says away.
//!
//! **Why it matters.** Everybody who sees the presence learns to the second when the person put the device down. Over some days that is
//! a timetable of sleep, work and travel.
//!
//! **Evidence.** The presence, or the answer and the presence before it.
//!
//! **Limits.** Contacts are entitled to it when the person wants that: whether the setting is on by choice cannot be seen. Hence a note
//! for answers to contacts, and a mild finding for what is sent to everybody.
//!
//! **References.** XEP-0319 §2.1 and §5, XEP-0012 §4 and §8.

use super::names::{IDLE, LAST};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "last-activity-while-away",
    title: "tells since when the person is away",
    theme: Theme::Presence,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "switch the idle time (last interaction) off if contacts need not know since when you are away; see that the rest of the presence stays the same",
    source: "XEP-0319 §5 (recipients learn exactly when the interaction stopped); XEP-0012 §8",
    watches: &[(IDLE, "idle"), (LAST, "query")],
    verdicts: &[],
    page: include_str!("last_activity_while_away.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.peer_is_stranger() || seen.peer_is_room() {
        return;
    }
    match (seen.name(), seen.stanza_type()) {
        ("presence", None) if seen.child(IDLE, "idle").is_some() => {
            out.report(found("the presence tells when the person last used the device"));
        }
        ("iq", Some("result")) if seen.child(LAST, "query").is_some_and(|query| query.attr("seconds").is_some()) => {
            let (Some(to), Some(away)) = (seen.peer_bare(), seen.world.away()) else { return };
            let finding = found(format!("the idle time was told to {to} while the presence says away")).after(away.number).about(to);
            out.report(finding.severity(Severity::Info).confidence(Confidence::Possible));
        }
        _ => {}
    }
}
