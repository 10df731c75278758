//! Finds what a client says in clear about a message whose text is encrypted.
//!
//! **What it checks.** Beside an OMEMO container stand chat states, receipt requests, markers, the id of a corrected or answered message,
//! ranges of quoted text, thread ids and the like.
//!
//! **Why it matters.** They tell that the person types, has read, answers what, corrects what, and how long a quote is, although the text
//! is hidden.
//!
//! **Evidence.** The message. The finding names the elements; each combination is told once per conversation.
//!
//! **Limits.** With OMEMO 1 and 2 they belong inside the envelope, and the finding is `avoidable` and of severity low.
//!
//! **References.** XEP-0420 §9, XEP-0384 v0.3.0 §3.1, OPACITY §4 class M.

use super::names::{CHAT_STATES, CLIENT, CORRECT, FALLBACK, MARKERS, MESSAGE_RETRACT, OMEMO_0, OMEMO_1, OMEMO_2, OMEMO_LEGACY, RECEIPTS, REPLY};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "metadata-beside-ciphertext",
    title: "facts about an encrypted message stand beside it in clear",
    theme: Theme::Content,
    severity: Severity::Info,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Inherent,
    advice: "with legacy OMEMO nothing but leaving the feature off helps; OMEMO 2 has room for them inside",
    source: "XEP-0420 §9 (what may stay outside is listed); XEP-0384 v0.3.0 §3.1 (legacy encrypts the body only)",
    watches: &[(OMEMO_LEGACY, "encrypted"), (OMEMO_2, "encrypted"), (OMEMO_1, "encrypted"), (OMEMO_0, "encrypted")],
    verdicts: &[],
    page: include_str!("metadata_beside_ciphertext.rs"),
    check: || Box::new(see),
};

/// Elements that tell about a message: namespace, and names where it has others too. From OPACITY §4, class M.
const FACTS: &[(&str, &[&str])] = &[
    (CHAT_STATES, &[]),
    (RECEIPTS, &[]),
    (MARKERS, &[]),
    (CORRECT, &["replace"]),
    (MESSAGE_RETRACT, &["retract"]),
    (REPLY, &["reply"]),
    ("urn:xmpp:fasten:0", &["apply-to"]),
    ("urn:xmpp:message-attaching:1", &["attach-to"]),
    ("urn:xmpp:attention:0", &["attention"]),
    ("urn:xmpp:styling:0", &["unstyled"]),
    ("urn:xmpp:ephemeral:0", &[]),
    ("urn:xmpp:markup:0", &["markup"]),
    (CLIENT, &["thread"]),
];

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.is_copy() {
        return;
    }
    let Some(container) = seen.omemo() else { return };
    let is_fact = |element: &Element<'_>| {
        let named = FACTS.iter().any(|(uri, names)| element.is_in(uri) && (names.is_empty() || names.contains(&element.local())));
        named || element.is_in(FALLBACK) && element.attr("for") == Some(REPLY)
    };
    let mut names: Vec<&str> = seen.stanza.children().filter(is_fact).map(Element::local).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return;
    }
    let shown = format!("<{}/>", names.join("/>, <"));
    let to = seen.conversation.unwrap_or("somebody");
    let finding = found(format!("beside a message encrypted for {to} stand in clear: {shown}")).about(format!("{to}: {shown}"));
    let legacy = matches!(container.uri(), OMEMO_LEGACY | OMEMO_0);
    out.report(if legacy { finding } else { finding.severity(Severity::Low).avoidability(Avoidability::Avoidable) });
}
