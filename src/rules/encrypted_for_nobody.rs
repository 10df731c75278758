//! Finds messages that nobody can decrypt.
//!
//! **What it checks.** A container has a payload and no key, typically in a room that hides the addresses of its occupants.
//!
//! **Why it matters.** The person believes that the message was sent. Clients that notice it later tend to send it again, in clear.
//!
//! **Evidence.** The message; its verdict names rule S5.
//!
//! **Limits.** A container without payload (a heartbeat, a new key) is not reported.
//!
//! **References.** XEP-0384 §5.5.2 and §6, OPACITY rule S5.

use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "encrypted-for-nobody",
    title: "an encrypted message without a single key",
    theme: Theme::Recipients,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "see whether the client told the person that nobody can read the message; report it",
    source: "XEP-0384 §5.5.2 and §6 (a message is encrypted for every device of every recipient)",
    watches: &[],
    verdicts: &["S5"],
    page: include_str!("encrypted_for_nobody.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(container) = seen.omemo().filter(|_| !seen.is_copy()) else { return };
    let header = container.children().filter(|child| child.local() == "header").flat_map(Element::children);
    let keys = header.filter(|child| child.local() == "key" || child.local() == "keys" && child.children().next().is_some()).count();
    let payload = container.children().any(|child| child.local() == "payload");
    if keys == 0 && payload {
        let to = seen.conversation.unwrap_or("somebody");
        out.report(found(format!("a message to {to} is encrypted for no device at all")).about(to));
    }
}
