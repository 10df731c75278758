//! Finds stanza ids by which the client is recognised.
//!
//! **What it checks.** The id of a stanza begins or ends as only one client or library makes it.
//!
//! **Why it matters.** A client that hides its name in resource and version is still known to everybody it writes to.
//!
//! **Evidence.** The first such stanza.
//!
//! **Limits.** Forms are listed in `data/id-prefixes.toml`; random ids of different clients cannot be told apart and are not listed.
//!
//! **References.** RFC 6120 §8.1.3, XEP-0359 §3.

use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use super::words::{client_of_id};

pub(super) const RULE: Rule = Rule {
    id: "client-named-in-ids",
    title: "stanza ids give the client away",
    theme: Theme::Linkage,
    severity: Severity::Info,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "make ids random, without a prefix",
    source: "RFC 6120 §8.1.3 (ids are opaque to others)",
    watches: &[("jabber:client", "iq"), ("jabber:client", "message"), ("jabber:client", "presence")],
    verdicts: &[],
    page: include_str!("client_named_in_ids.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || matches!(seen.stanza_type(), Some("result" | "error")) {
        return;
    }
    if let Some(client) = seen.stanza.attr("id").and_then(client_of_id) {
        out.report(found(format!("the ids of stanzas look like those of {client}")));
    }
}
