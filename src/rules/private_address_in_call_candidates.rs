//! Finds addresses of the local network in the candidates of calls and transfers.
//!
//! **What it checks.** A Jingle candidate (ICE, raw UDP, SOCKS5) or a SOCKS5 stream host that the client sends holds a private,
//! link-local or shared address; or any address of its own goes to somebody who may not see the account's presence.
//!
//! **Why it matters.** A private address tells how the network at home or at work is made and recognises it again; a public one tells
//! where the person is. Relays show neither, and names ending in `.local` hide the private ones.
//!
//! **Evidence.** The request with the candidates.
//!
//! **Limits.** A direct connection needs public addresses, so they are no finding between contacts. The address that a relay sees is
//! not in the stanza. Loopback addresses say nothing and are passed over.
//!
//! **References.** XEP-0176 §10, XEP-0260 §6, XEP-0177 §6, RFC 8828 §5.

use std::net::IpAddr;

use super::names::{JINGLE_ICE, JINGLE_ICE_UDP, JINGLE_RAW_UDP, JINGLE_S5B, S5B};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::element::Element;
use crate::xmpp::jid::{Jid};
use crate::audit::value::ip_class;

pub(super) const RULE: Rule = Rule {
    id: "private-address-in-call-candidates",
    title: "addresses of the local network in call and transfer candidates",
    theme: Theme::Presence,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "offer relayed candidates only to people who are not trusted, and names ending in .local instead of private addresses",
    source: "XEP-0176 §10 (a way to choose who gets the addresses is required)",
    watches: &[(JINGLE_ICE_UDP, "candidate"), (JINGLE_ICE, "candidate"), (JINGLE_RAW_UDP, "candidate"), (JINGLE_S5B, "candidate"), (S5B, "streamhost")],
    verdicts: &[],
    page: include_str!("private_address_in_call_candidates.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(to) = seen.peer_bare().filter(|_| seen.is_sent() && !seen.is_error()) else { return };
    if seen.peer_is_own() {
        return;
    }
    let kinds = [JINGLE_ICE_UDP, JINGLE_ICE, JINGLE_RAW_UDP, JINGLE_S5B];
    let candidates = kinds.into_iter().flat_map(|kind| seen.each(kind, "candidate")).chain(seen.each(S5B, "streamhost"));
    let (mut private, mut public) = (false, false);
    for candidate in candidates {
        for class in ["ip", "host", "rel-addr"].into_iter().filter_map(|name| candidate.attr(name)).filter_map(class) {
            private |= matches!(class, "private" | "link_local");
            public |= class == "public" && !is_relay(candidate);
        }
    }
    let stranger = seen.peer_is_stranger();
    let what = match (private, public && stranger) {
        (true, true) => "addresses of the local network and of its connection",
        (true, false) => "addresses of the local network",
        (false, true) => "the address of its connection",
        (false, false) => return,
    };
    let finding = found(format!("the client sent {what} to {to}")).about(to);
    out.report(if stranger { finding.severity(Severity::Medium) } else { finding });
}

/// Whether others are reached over this candidate by way of a server.
fn is_relay(candidate: Element<'_>) -> bool {
    matches!(candidate.attr("type"), Some("relay" | "proxy"))
        || candidate.uri() == S5B && candidate.attr("jid").is_some_and(|jid| Jid::split(jid).localpart().is_none())
}

fn class(address: &str) -> Option<&'static str> {
    let plain = address.trim_start_matches('[').trim_end_matches(']');
    let plain = plain.split('%').next().unwrap_or(plain);
    plain.parse::<IpAddr>().ok().map(ip_class)
}
