//! Finds the account's name in the stream header before TLS.
//!
//! **What it checks.** The header that opens the stream carries a `from` address with a name in it, outside TLS.
//!
//! **Why it matters.** Everybody on the path learns which account this is, although the rest of the session is encrypted.
//!
//! **Evidence.** The header.
//!
//! **Limits.** With TLS from the first byte there is no such header.
//!
//! **References.** RFC 6120 §4.7.1 and §13.

use super::names::{FRAMING, STREAM};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::record::Phase;
use crate::xmpp::jid::Jid;

pub(super) const RULE: Rule = Rule {
    id: "address-before-tls",
    title: "the account's name in the stream header before TLS",
    theme: Theme::Login,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "use direct TLS (xmpps) if the client can; report it: the address belongs into the header after TLS only",
    source: "RFC 6120 §4.7.1 (no from before TLS where the identity is private)",
    watches: &[(STREAM, "stream"), (FRAMING, "open")],
    verdicts: &[],
    page: include_str!("address_before_tls.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if seen.phase == Phase::BeforeTls && seen.is_sent() && seen.stanza.attr("from").is_some_and(|from| Jid::split(from).localpart().is_some())
    {
        out.report(found("the stream header names the account before TLS: the network reads it"));
    }
}
