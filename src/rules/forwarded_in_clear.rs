//! Finds messages of an encrypted conversation that are passed on readable.
//!
//! **What it checks.** The client sends a message (XEP-0297) with a readable text on to somebody, outside encryption, and the conversation it
//! comes from was encrypted.
//!
//! **Why it matters.** What the sender encrypted is now in clear for two more servers, with the sender's address and the time beside it.
//!
//! **Evidence.** The message, and the last encrypted one of the conversation it comes from.
//!
//! **Limits.** Whether the very message was encrypted is not known, only that the conversation was. A message that is copied into the text of
//! another one is not recognised.
//!
//! **References.** XEP-0297 §7.

use super::names::{CARBONS, FORWARD, MAM, OMEMO, OPENPGP, PGP_ENCRYPTED};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, class_of};
use crate::xmpp::element::Element;
use crate::xmpp::jid::normalised_bare;

pub(super) const RULE: Rule = Rule {
    id: "forwarded-in-clear",
    title: "a message of an encrypted conversation is forwarded in clear",
    theme: Theme::Content,
    severity: Severity::High,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "do not forward from encrypted conversations with this client; report it",
    source: "XEP-0297 §7 (forwarding can reveal who sent a stanza, and what is in it)",
    watches: &[(FORWARD, "forwarded")],
    verdicts: &[],
    page: include_str!("forwarded_in_clear.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.name() != "message" || seen.is_error() {
        return;
    }
    for forwarded in seen.watched() {
        if forwarded.parent().is_some_and(|around| around.is_in(CARBONS) || around.is_in(MAM)) {
            continue;
        }
        // Many leave the namespace of the inner stanza out.
        let Some(message) = forwarded.children().find(|stanza| stanza.local() == "message") else { continue };
        let readable = message.children().any(|body| body.local() == "body" && class_of(&body.own_text()) != "empty");
        if !readable || message.children().any(is_container) {
            continue;
        }
        let others = ["from", "to"].into_iter().filter_map(|side| message.attr(side)).map(normalised_bare);
        let Some((with, before)) =
            others.filter(|with| !seen.world.is_own(with)).find_map(|with| seen.world.encrypted_at_all(&with).map(|before| (with, before)))
        else {
            continue;
        };
        let to = seen.peer_bare().unwrap_or("the own account");
        let fact = format!("a message of the encrypted conversation with {with} was forwarded to {to} in clear");
        out.report(found(fact).about(with).after(before.number));
    }
}

fn is_container(element: Element<'_>) -> bool {
    element.local() == "encrypted" && OMEMO.contains(&element.uri()) || element.is_in(OPENPGP) || element.is_in(PGP_ENCRYPTED)
}
