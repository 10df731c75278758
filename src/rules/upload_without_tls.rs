//! Finds an upload service that hands out addresses without TLS.
//!
//! **What it checks.** The answer to a request for a slot has an `http:` address to upload to, or to fetch from; and the client sends such an
//! address on.
//!
//! **Why it matters.** Everybody on the path reads the file, or its ciphertext, its name and the upload token, and sees who fetches it.
//!
//! **Evidence.** The service's answer, and the message with the address. An address below `.onion` is encrypted by the network that carries it, and is told apart.
//!
//! **Limits.** It is the service that is at fault. Whether the client uploads to the address, and it should not, does not pass this proxy; a
//! client that sends it on, in clear, did. An address with a query is not recognised.
//!
//! **References.** XEP-0363 §4 and §9.

use std::collections::VecDeque;

use super::names::{CLIENT, HTTP_UPLOAD, HTTP_UPLOAD_OLD, OOB};
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, class_of, length_of};

pub(super) const RULE: Rule = Rule {
    id: "upload-without-tls",
    title: "the upload service hands out addresses without TLS",
    theme: Theme::Files,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "send no files over this service; tell its operator, and see in the client's log or on the network whether the client refuses the address",
    source: "XEP-0363 §4 (the host has to provide TLS, both addresses are https)",
    watches: &[(HTTP_UPLOAD, "slot"), (HTTP_UPLOAD_OLD, "slot"), (CLIENT, "body"), (OOB, "url")],
    verdicts: &[],
    page: include_str!("upload_without_tls.rs"),
    check: || Box::new(UploadWithoutTls::default()),
};

/// Addresses to fetch from that are remembered: a client uploads one file after the other.
const MAX: usize = 16;

/// An address to fetch from that has no TLS. Its text is hidden where it is content: its length has to do.
struct Given {
    length: usize,
    host: String,
    number: u64,
}

#[derive(Default)]
struct UploadWithoutTls(VecDeque<Given>);

impl Check for UploadWithoutTls {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if seen.is_received() {
            if seen.stanza_type() == Some("result") {
                self.given(seen, out);
            }
        } else if !self.0.is_empty() && seen.name() == "message" && !seen.is_error() {
            self.sent(seen, out);
        }
    }
}

impl UploadWithoutTls {
    fn given(&mut self, seen: &Seen<'_>, out: &mut Out) {
        let slots = seen.stanza.children().filter(|slot| slot.local() == "slot" && matches!(slot.uri(), HTTP_UPLOAD | HTTP_UPLOAD_OLD));
        let mut told = false;
        for address in slots.flat_map(|slot| slot.children()).filter(|address| matches!(address.local(), "put" | "get")) {
            let text = address.own_text();
            let url = address.attr("url").unwrap_or(text.trim());
            let Some(host) = host_without_tls(url) else { continue };
            let (upload, onion) = (address.local() == "put", host.ends_with(".onion"));
            if !upload && !onion {
                // A query is not on the record, and must not be needed.
                let length = url.split(['?', '#']).next().map_or(0, str::len);
                self.0.truncate(MAX - 1);
                self.0.push_front(Given { length, host: host.clone(), number: seen.number });
            }
            if std::mem::replace(&mut told, true) {
                continue;
            }
            let use_of = if upload { "upload to" } else { "fetch from" };
            let finding = if onion {
                found(format!("an address to {use_of} is http below .onion: the onion service encrypts, not TLS"))
                    .severity(Severity::Info)
                    .avoidability(Avoidability::Inherent)
                    .advice("nothing to do as long as the client reaches it through Tor; elsewhere the address must not resolve")
            } else {
                found(format!("an address to {use_of} is http, without TLS"))
            };
            out.report(finding.about(host));
        }
    }

    fn sent(&mut self, seen: &Seen<'_>, out: &mut Out) {
        let texts = seen.watched().map(|element| element.own_text());
        let lengths: Vec<usize> = texts.filter(|text| class_of(text) == "link").map(|text| length_of(&text)).collect();
        let Some(at) = self.0.iter().position(|given| lengths.contains(&given.length)) else { return };
        let given = self.0.remove(at).expect("it was found there");
        let finding = found("the client used an address without TLS that the upload service gave, and sent it on").after(given.number);
        out.report(finding.confidence(Confidence::Likely).avoidability(Avoidability::Avoidable).about(given.host));
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
