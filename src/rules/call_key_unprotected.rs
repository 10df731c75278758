//! Finds calls of an encrypted conversation whose key the servers could exchange.
//!
//! **What it checks.** In a conversation that was encrypted before, the client starts or takes a call and sends the fingerprint of its key
//! (XEP-0320) in clear.
//!
//! **Why it matters.** Calls are encrypted between the devices, but with a key that the servers pass on. A server that exchanges the
//! fingerprints can listen, and nothing in the conversation shows it, though both sides hold keys to prevent it.
//!
//! **Evidence.** The request, and the last encrypted message before it.
//!
//! **Limits.** Most clients cannot do otherwise: a fingerprint inside the encryption is an extension that few have.
//!
//! **References.** XEP-0320 §3, RFC 5763 §8.

use super::names::DTLS;
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, class_of};

pub(super) const RULE: Rule = Rule {
    id: "call-key-unprotected",
    title: "the key of a call is not protected by the conversation's encryption",
    theme: Theme::Content,
    severity: Severity::Info,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "compare the fingerprints of a call that matters in another way, or use a client that sends them encrypted",
    source: "XEP-0320 §3 (these stanzas are neither encrypted nor signed; an attacker can modify them)",
    watches: &[(DTLS, "fingerprint")],
    verdicts: &[],
    page: include_str!("call_key_unprotected.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(with) = seen.peer_bare().filter(|_| seen.is_sent() && !seen.is_error()) else { return };
    let Some(before) = seen.world.encrypted_at_all(with) else { return };
    if seen.watched().any(|fingerprint| class_of(&fingerprint.own_text()) != "empty") {
        out.report(found(format!("the fingerprint of a call with {with} went in clear")).about(with).after(before.number));
    }
}
