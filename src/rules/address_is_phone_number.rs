//! Finds addresses that are telephone numbers.
//!
//! **What it checks.** The account, or contacts of its roster, have an address whose local part is a telephone number or a mail
//! address.
//!
//! **Why it matters.** Such an address names a person to everybody who sees it, and a roster of them is an address book on the server.
//!
//! **Evidence.** The stanza in which the number was seen first.
//!
//! **Limits.** Services that make accounts from telephone numbers cannot do otherwise; gateways to the telephone network neither.
//!
//! **References.** RFC 6121 §2.1, XEP-0106 §3, XEP-0100 §4.

use super::names::{BIND, ROSTER};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::jid::{Jid};

pub(super) const RULE: Rule = Rule {
    id: "address-is-phone-number",
    title: "addresses are telephone numbers",
    theme: Theme::Linkage,
    severity: Severity::Info,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Inherent,
    advice: "know that the server learns telephone numbers; a service with freely chosen names does not need them",
    source: "RFC 7622 §3.3 (what a local part may be); XEP-0106 §3 (mail addresses in local parts)",
    watches: &[(ROSTER, "item"), (BIND, "jid")],
    verdicts: &[],
    page: include_str!("address_is_phone_number.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let own = seen.each(BIND, "jid").any(|jid| is_number(&jid.own_text()));
    if own {
        out.report(found("the account's address is a telephone number or mail address"));
    }
    let contacts = seen.each(ROSTER, "item").filter_map(|item| item.attr("jid")).filter(|jid| is_number(jid)).count();
    if contacts > 0 {
        out.report(found("contacts have telephone numbers or mail addresses as addresses"));
    }
}

fn is_number(address: &str) -> bool {
    let Some(name) = Jid::split(address.trim()).localpart() else { return false };
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let number = name.starts_with('+') && digits >= 7 && digits + 1 == name.len();
    number || name.contains("\\40") && name.contains('.')
}
