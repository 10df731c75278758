//! Finds the time zone told to whoever asks.
//!
//! **What it checks.** The client answers a request for its time (XEP-0202, or the older XEP-0090) with the zone.
//!
//! **Why it matters.** The zone tells roughly where the person is, and when they travel. The clock's deviation helps to recognise the
//! device.
//!
//! **Evidence.** The answer.
//!
//! **Limits.** Contacts may be meant to know it. An answer in UTC that is the same for everybody is not reported.
//!
//! **References.** XEP-0202 §6.

use super::names::{TIME, TIME_LEGACY};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "time-zone-answered",
    title: "the time zone is told to whoever asks",
    theme: Theme::Linkage,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "switch answers about the time off",
    source: "XEP-0202 §6 (the time reveals where somebody is)",
    watches: &[(TIME, "tzo"), (TIME_LEGACY, "tz")],
    verdicts: &[],
    page: include_str!("time_zone_answered.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let answer = seen.is_sent() && seen.stanza_type() == Some("result");
    let zone = seen.each(TIME, "tzo").chain(seen.each(TIME_LEGACY, "tz")).next().map(|zone| zone.own_text());
    let (Some(to), Some(zone)) = (seen.peer_bare().filter(|_| answer), zone) else { return };
    if matches!(zone.trim(), "" | "Z" | "+00:00" | "-00:00" | "UTC") {
        return;
    }
    let finding = found(format!("the time zone was told to {to}")).about(to);
    out.report(if seen.peer_is_stranger() { finding.severity(Severity::Medium) } else { finding });
}
