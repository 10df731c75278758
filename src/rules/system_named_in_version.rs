//! Finds the operating system in answers about the version.
//!
//! **What it checks.** The client answers a version request (XEP-0092) with the operating system.
//!
//! **Why it matters.** Whoever asks learns the system, often with the kernel and processor: which attack fits, and one more mark to
//! recognise the person by.
//!
//! **Evidence.** The answer.
//!
//! **Limits.** The reader decides whether a contact may know it; to somebody who may not even see the presence it is worse.
//!
//! **References.** XEP-0092 §5.

use super::names::{VERSION};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};

pub(super) const RULE: Rule = Rule {
    id: "system-named-in-version",
    title: "the operating system is told to whoever asks for the version",
    theme: Theme::Linkage,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "switch the operating system off in version answers",
    source: "XEP-0092 §5 (a way to leave the operating system out is recommended)",
    watches: &[(VERSION, "os")],
    verdicts: &[],
    page: include_str!("system_named_in_version.rs"),
    check: || Box::new(see),
};

/// What a version has to look like to be one: at least two numbers with a dot.
fn is_detailed(text: &str) -> bool {
    text.split('.').zip(text.split('.').skip(1)).any(|(a, b)| a.ends_with(|c: char| c.is_ascii_digit()) && b.starts_with(|c: char| c.is_ascii_digit()))
}

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(os) = seen.child(VERSION, "query").and_then(|query| child(query, VERSION, "os")) else { return };
    let system = os.own_text();
    if !seen.is_sent() || seen.stanza_type() != Some("result") || system.trim().is_empty() {
        return;
    }
    let Some(to) = seen.peer_bare() else { return };
    let detail = if is_detailed(&system) { "the operating system and its version" } else { "the operating system" };
    let finding = found(format!("{detail} was told to {to}"));
    let finding = finding.about(to);
    out.report(if seen.peer_is_stranger() || is_detailed(&system) { finding.severity(Severity::Medium) } else { finding });
}
