//! Finds reports of abuse that carry a text.
//!
//! **What it checks.** The client blocks somebody with a report (XEP-0377), and the report has a text.
//!
//! **Why it matters.** The operator reads it, and may pass it on to the other server or to a service that fights spam. What was said in an
//! encrypted conversation is often quoted there.
//!
//! **Evidence.** The request. The text is not written down.
//!
//! **Limits.** The person wrote it on purpose; whether they know how far it goes is not known.
//!
//! **References.** XEP-0377 §4 and §5.

use super::names::REPORTING;
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, class_of};

pub(super) const RULE: Rule = Rule {
    id: "report-with-content",
    title: "a report of abuse carries a text",
    theme: Theme::Content,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "report without a text, or write nothing into it that the operators of both servers may not read",
    source: "XEP-0377 §4 (a report may contain a message of the user)",
    watches: &[(REPORTING, "report")],
    verdicts: &[],
    page: include_str!("report_with_content.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.stanza_type() != Some("set") {
        return;
    }
    for report in seen.watched() {
        if report.children().any(|text| text.local() == "text" && class_of(&text.own_text()) != "empty") {
            let whom = report.parent().and_then(|item| item.attr("jid")).unwrap_or("somebody");
            out.report(found(format!("a report about {whom} carries a text")).about(whom));
        }
    }
}
