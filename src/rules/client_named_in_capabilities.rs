//! Finds the client's name in its capabilities.
//!
//! **What it checks.** Presence carries the client's web address in its capabilities (XEP-0115), or a disco#info answer carries its
//! name.
//!
//! **Why it matters.** Everybody who sees the presence knows which client it is, and by the hash often which version.
//!
//! **Evidence.** The presence or the answer.
//!
//! **Limits.** A note, no fault: capabilities need some node, and the set of features gives a client away without any name.
//!
//! **References.** XEP-0115 §9.4, XEP-0390 §8.

use super::names::{CAPS, DISCO_INFO};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "client-named-in-capabilities",
    title: "capabilities name the client",
    theme: Theme::Linkage,
    severity: Severity::Info,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Inherent,
    advice: "nothing to do: a client that hid its name would be recognised by its features",
    source: "XEP-0115 §9.4 (capabilities tell the type of client)",
    watches: &[(CAPS, "c"), (DISCO_INFO, "identity")],
    verdicts: &[],
    page: include_str!("client_named_in_capabilities.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.is_error() {
        return;
    }
    if seen.child(CAPS, "c").and_then(|caps| caps.attr("node")).is_some_and(|node| !node.is_empty()) {
        out.report(found("the presence names the client in its capabilities"));
    }
    let info = seen.child(DISCO_INFO, "query").filter(|_| seen.stanza_type() == Some("result"));
    let named = |identity: Element<'_>| identity.attr("category") == Some("client") && identity.attr("name").is_some_and(|name| !name.is_empty());
    if info.is_some_and(|query| query.children().any(named)) {
        out.report(found("answers about capabilities name the client"));
    }
}
