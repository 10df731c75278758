//! Finds notes about contacts stored on the server.
//!
//! **What it checks.** The client stores notes about contacts (XEP-0145) in private storage or in a node.
//!
//! **Why it matters.** Notes say what people think of each other. The server reads them.
//!
//! **Evidence.** The request that stores the notes; the text is not kept.
//!
//! **Limits.** The person wrote them; that the client keeps them on the server is rarely shown.
//!
//! **References.** XEP-0145 §3, XEP-0049 §4.

use super::names::{ROSTER_NOTES};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, class_of};

pub(super) const RULE: Rule = Rule {
    id: "private-notes-on-server",
    title: "notes about contacts are stored readably",
    theme: Theme::Storage,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "keep notes on the device",
    source: "XEP-0049 §4 (private storage is not encrypted); XEP-0145 §3",
    watches: &[(ROSTER_NOTES, "note")],
    verdicts: &[],
    page: include_str!("private_notes_on_server.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let stores = seen.is_sent() && seen.stanza_type() == Some("set");
    let notes = seen.each(ROSTER_NOTES, "note").filter(|note| stores && class_of(&note.own_text()) != "empty").count();
    if notes > 0 {
        out.report(found("notes about contacts were stored on the server"));
    }
}
