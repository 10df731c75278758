//! Finds version requests that are answered with the client's name and version.
//!
//! **What it checks.** The client answers a version request (XEP-0092) with its name and version.
//!
//! **Why it matters.** Whoever asks learns whether a known hole is still open, and can follow the person by the day they update.
//!
//! **Evidence.** The answer.
//!
//! **Limits.** The name alone stands in the capabilities too. Answers to strangers and the operating system have rules of their own.
//!
//! **References.** XEP-0092 §5, XEP-0115 §9.4.

use super::names::{VERSION};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};

pub(super) const RULE: Rule = Rule {
    id: "software-version-answered",
    title: "name and version of the client are told to whoever asks",
    theme: Theme::Linkage,
    severity: Severity::Info,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "switch version answers off if the client has a setting; nothing else in the protocol needs them",
    source: "XEP-0092 §5 (knowing the version helps attackers)",
    watches: &[(VERSION, "version")],
    verdicts: &[],
    page: include_str!("software_version_answered.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let version = seen.child(VERSION, "query").and_then(|query| child(query, VERSION, "version"));
    let told = version.is_some_and(|version| !version.own_text().trim().is_empty());
    if let (Some(to), true) = (seen.peer_bare(), told && seen.is_sent() && seen.stanza_type() == Some("result")) {
        out.report(found("the version of the client is told to those who ask").about(to));
    }
}
