//! Finds an archive that the client tells to keep everything.
//!
//! **What it checks.** The client sets the archive's preferences (XEP-0441) so that messages of everybody are kept.
//!
//! **Why it matters.** The server keeps who wrote to whom and when, for as long as it likes, and the text of all that was not
//! encrypted.
//!
//! **Evidence.** The request that sets the preferences.
//!
//! **Limits.** Many servers keep everything without being asked, which is not seen here. An archive is also what lets several devices
//! read the same messages.
//!
//! **References.** XEP-0441 §2.1.1, XEP-0313 §8.1.

use super::names::{MAM};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "archive-keeps-everything",
    title: "the archive is told to keep everything",
    theme: Theme::Storage,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "set the archive to contacts only (roster) or off, and exclude the conversations that matter most",
    source: "XEP-0313 §8.1 (a way to switch archiving off); XEP-0441 §2.1.1",
    watches: &[(MAM, "prefs")],
    verdicts: &[],
    page: include_str!("archive_keeps_everything.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let prefs = seen.child(MAM, "prefs").filter(|_| seen.is_sent() && seen.stanza_type() == Some("set"));
    if prefs.is_some_and(|prefs| prefs.attr("default") == Some("always")) {
        out.report(found("the archive was told to keep messages of everybody"));
    }
}
