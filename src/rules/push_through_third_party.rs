//! Finds push notifications that go through somebody else's service.
//!
//! **What it checks.** The client registers for push notifications (XEP-0357) at a service that is not the account's own server.
//!
//! **Why it matters.** The service learns from the server when the account gets messages, and knows the device behind the registration;
//! with one registration for several accounts it knows that they belong together.
//!
//! **Evidence.** The request that registers.
//!
//! **Limits.** Phones leave no other way: only the maker of the client may wake it up. The full address of the account is told by some
//! servers and not by others.
//!
//! **References.** XEP-0357 §3 and §9.

use super::names::{PUSH};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::jid::Jid;

pub(super) const RULE: Rule = Rule {
    id: "push-through-third-party",
    title: "push notifications go through somebody else's service",
    theme: Theme::Storage,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "switch push off where the client can stay connected, or use a push service of your own choice",
    source: "XEP-0357 §9 (push routes private information through third parties)",
    watches: &[(PUSH, "enable")],
    verdicts: &[],
    page: include_str!("push_through_third_party.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(service) = seen.each(PUSH, "enable").find_map(|enable| enable.attr("jid")).filter(|_| seen.is_sent()) else { return };
    if seen.world.own().is_some() && !seen.world.is_own_server(service) && !seen.world.is_own(service) {
        let service = Jid::split(service).domainpart().to_ascii_lowercase();
        out.report(found(format!("{service} is told when the account gets messages")).about(service));
    }
}
