//! Finds messages without text that go in clear in an encrypted conversation.
//!
//! **What it checks.** In a conversation that was encrypted before, the client sends a correction, a retraction, a moderation, an edit of
//! an attachment or an extension of its own in clear and without text. The sentence that stands in for a retraction is none.
//!
//! **Why it matters.** Encryption of the text does not cover what such a message tells. The list shows the gaps of the client's encryption.
//!
//! **Evidence.** The message, and the last encrypted one before it. Each kind of element is told once per conversation.
//!
//! **Limits.** Markers, receipts, typing notices, reactions, files, previews and positions have rules of their own. With OMEMO 2 in use the extension could have been
//! encrypted, and the finding is `avoidable`.
//!
//! **References.** XEP-0384 v0.3.0 §3.1, XEP-0420 §3 and §9.

use super::names::{
    BOB, CARBONS, CHAT_STATES, CLIENT, DATA_FORMS, DELAY, EME, FALLBACK, GEOLOC, JINGLE_MESSAGE, MAM, MARKERS, MUC_USER, OMEMO_2, OOB, PGP_ENCRYPTED,
    PUBSUB_EVENT, RDF, REACTIONS, RECEIPTS, SFS,
};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use super::user_text::holds_user_text;
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "uncovered-stanza-in-encrypted-conversation",
    title: "an extension that encryption does not cover",
    theme: Theme::Content,
    severity: Severity::Info,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Inherent,
    advice: "leave the feature off in conversations that must stay private",
    source: "XEP-0384 v0.3.0 §3.1 (legacy encrypts the body only); XEP-0420 §3 (an envelope can hold any extension)",
    watches: &[(CLIENT, "message")],
    verdicts: &[],
    page: include_str!("uncovered_stanza_in_encrypted_conversation.rs"),
    check: || Box::new(see),
};

/// What every message may carry, has a rule of its own, or says nothing of the person.
const COVERED: &[&str] = &[
    CLIENT,
    CHAT_STATES,
    MARKERS,
    RECEIPTS,
    REACTIONS,
    EME,
    DELAY,
    FALLBACK,
    CARBONS,
    MAM,
    PUBSUB_EVENT,
    MUC_USER,
    JINGLE_MESSAGE,
    DATA_FORMS,
    BOB,
    GEOLOC,
    OOB,
    RDF,
    SFS,
    "urn:xmpp:hints",
    "urn:xmpp:sid:0",
    "urn:xmpp:occupant-id:0",
    "jabber:x:delay",
    "urn:ietf:params:xml:ns:xmpp-stanzas",
];

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(with) = seen.peer_bare() else { return };
    let encrypted = |element: Element<'_>| matches!(element.local(), "encrypted" | "openpgp") || element.uri() == PGP_ENCRYPTED;
    let eligible = seen.is_sent() && !seen.is_error() && !seen.is_copy() && (seen.verdict.is_none() || !holds_user_text(seen));
    if !eligible || seen.stanza.children().any(encrypted) {
        return;
    }
    let Some(before) = seen.world.encrypted_at_all(with) else { return };
    for element in seen.stanza.children().filter(|element| !COVERED.contains(&element.uri())) {
        let about = format!("{with}: <{} xmlns='{}'/>", element.local(), element.uri());
        let fact = format!("<{}/> went in clear in the encrypted conversation with {with}", element.local());
        let finding = found(fact).about(about).after(before.number);
        out.report(if before.system == OMEMO_2 { finding.severity(Severity::Low).avoidability(Avoidability::Avoidable) } else { finding });
    }
}
