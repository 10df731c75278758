//! Finds an upload service that hands out addresses without TLS.
//!
//! **What it checks.** The answer to a request for a slot has an `http:` address to upload to, or to fetch from.
//!
//! **Why it matters.** Everybody on the path reads the file, or its ciphertext, its name and the upload token, and sees who fetches it.
//!
//! **Evidence.** The service's answer. An address below `.onion` is encrypted by the network that carries it, and is told apart.
//!
//! **Limits.** It is the service that is at fault. Whether the client uses the address, and it should not, does not pass this proxy.
//!
//! **References.** XEP-0363 §4 and §9.

use super::names::{HTTP_UPLOAD, HTTP_UPLOAD_OLD};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "upload-without-tls",
    title: "the upload service hands out addresses without TLS",
    theme: Theme::Files,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "send no files over this service; tell its operator, and see in the client's log or on the network whether the client refuses the address",
    source: "XEP-0363 §4 (the host has to provide TLS, both addresses are https)",
    watches: &[(HTTP_UPLOAD, "slot"), (HTTP_UPLOAD_OLD, "slot")],
    verdicts: &[],
    page: include_str!("upload_without_tls.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_received() || seen.stanza_type() != Some("result") {
        return;
    }
    let slots = seen.stanza.children().filter(|slot| slot.local() == "slot" && matches!(slot.uri(), HTTP_UPLOAD | HTTP_UPLOAD_OLD));
    for address in slots.flat_map(|slot| slot.children()).filter(|address| matches!(address.local(), "put" | "get")) {
        let text = address.own_text();
        let Some(host) = host_without_tls(address.attr("url").unwrap_or(text.trim())) else { continue };
        let use_of = if address.local() == "put" { "upload to" } else { "fetch from" };
        let finding = if host.ends_with(".onion") {
            found(format!("an address to {use_of} is http below .onion: the onion service encrypts, not TLS"))
                .severity(Severity::Info)
                .avoidability(Avoidability::Inherent)
                .advice("nothing to do as long as the client reaches it through Tor; elsewhere the address must not resolve")
        } else {
            found(format!("an address to {use_of} is http, without TLS"))
        };
        return out.report(finding.about(host));
    }
}

/// The host of an `http:` address.
fn host_without_tls(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://").filter(|(scheme, _)| scheme.eq_ignore_ascii_case("http"))?;
    debug_assert_eq!(scheme.len(), 4);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = if host.starts_with('[') { host } else { host.split(':').next()? };
    Some(host.to_ascii_lowercase())
}
