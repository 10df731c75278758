//! Finds words that the person looks for, shown to a server.
//!
//! **What it checks.** The client of an account that encrypts lets the server search its archive for words (XEP-0431), or it looks for people
//! or rooms (XEP-0055, XEP-0433) at a host that is not its own server.
//!
//! **Why it matters.** What somebody looks for says much about them. In an archive of encrypted messages such a search finds nothing, and tells
//! the server the words all the same. A directory elsewhere learns who looks for whom.
//!
//! **Evidence.** The request.
//!
//! **Limits.** The person asked for it. What is looked for is not written down. A directory of the own server is not reported.
//!
//! **References.** XEP-0431 §2.2, XEP-0433 §7, XEP-0055 §2.1.

use super::names::{CHANNEL_SEARCH, DATA_FORMS, MAM, SEARCH};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, class_of};
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "search-shown-to-server",
    title: "a server reads what the person looks for",
    theme: Theme::Content,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "search on the device; use a directory only where its operator may know",
    source: "XEP-0433 §7 (a search transmits potentially sensitive information to a third party)",
    watches: &[(MAM, "query"), (SEARCH, "query"), (CHANNEL_SEARCH, "search")],
    verdicts: &[],
    page: include_str!("search_shown_to_server.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.name() != "iq" || !matches!(seen.stanza_type(), Some("get" | "set")) {
        return;
    }
    for request in seen.watched() {
        let forms = || request.children().filter(|form| form.is(DATA_FORMS, "x")).flat_map(Element::children);
        if request.is_in(MAM) {
            let words = |field: Element<'_>| field.attr("var").is_some_and(|var| var.ends_with("fulltext") || var == "withtext");
            if seen.world.encrypts() && forms().any(|field| words(field) && is_filled(field)) {
                out.report(found("the server was told for which words to search the archive, though the account encrypts"));
            }
        } else if seen.peer_is_foreign() {
            let asked = |field: Element<'_>| {
                let var = field.attr("var").unwrap_or_default();
                let is_word = if request.is_in(CHANNEL_SEARCH) { var == "q" } else { var != "FORM_TYPE" };
                is_word && is_filled(field)
            };
            let plain = |field: Element<'_>| field.is_in(SEARCH) && class_of(&field.own_text()) != "empty";
            if forms().any(asked) || request.children().any(plain) {
                let to = seen.peer_bare().unwrap_or_default();
                out.report(found(format!("the directory {to} was told for whom or what the person looks")).about(to));
            }
        }
    }
}

/// Whether a field of a form has a value.
fn is_filled(field: Element<'_>) -> bool {
    field.children().any(|value| value.local() == "value" && class_of(&value.own_text()) != "empty")
}
