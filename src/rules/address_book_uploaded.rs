//! Finds the telephone's address book sent to a service.
//!
//! **What it checks.** The client sends the numbers of the address book to a service that looks up who of them has an account.
//!
//! **Why it matters.** The numbers belong to people who were not asked, most of whom do not use the service. Who knows whom is known to it
//! from then on.
//!
//! **Evidence.** The request; the fact says how many entries it had.
//!
//! **Limits.** Forms of requests are listed in the rule; there is no specification for them. The roster is no address book: it holds who agreed
//! to be in contact.
//!
//! **References.** RFC 6973 §6.1.

use super::names::CLIENT;
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "address-book-uploaded",
    title: "the address book of the telephone is sent to a service",
    theme: Theme::Linkage,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "refuse the client the address book, or use a client that does not ask for it",
    source: "RFC 6973 §6.1 (data minimization: no more than the task needs)",
    watches: &[(CLIENT, "iq")],
    verdicts: &[],
    page: include_str!("address_book_uploaded.rs"),
    check: || Box::new(see),
};

/// Requests that carry an address book: namespace, name, and what an entry is called.
const REQUESTS: [(&str, &str, &str); 1] = [("im.quicksy.synchronization:0", "phone-book", "entry")];

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || !matches!(seen.stanza_type(), Some("get" | "set")) {
        return;
    }
    for book in seen.stanza.children() {
        let Some((.., entry)) = REQUESTS.iter().find(|(uri, local, _)| book.is(uri, local)) else { continue };
        let entries = book.children().filter(|child| child.local() == *entry).count();
        if entries > 0 {
            let to = seen.peer_bare().or(seen.world.own()).unwrap_or("the server");
            out.report(found(format!("{entries} entries of the address book went to {to}")).about(to));
        }
    }
}
