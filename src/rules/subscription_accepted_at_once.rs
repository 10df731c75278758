//! Finds a subscription that was granted faster than a person can.
//!
//! **What it checks.** Somebody who is not on the roster asks to see the account's presence, and the client grants it within one and a half
//! seconds.
//!
//! **Why it matters.** From then on the stranger sees when the person is online, on which devices, and whatever else is shown to contacts.
//!
//! **Evidence.** The request and the grant.
//!
//! **Limits.** The person may have agreed in advance, or be quick: the finding is `possible`. Somebody the client asked itself, and
//! services of the own server, are not reported. A server that grants by itself is not seen.
//! Without a clock, as in `scan`, a few stanzas later counts as soon, and the finding is `possible`.
//!
//! **References.** RFC 6121 §3.1.3, §3.4 and §13.

use super::names::CLIENT;
use super::pending::Pending;
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, Soon};

pub(super) const RULE: Rule = Rule {
    id: "subscription-accepted-at-once",
    title: "a stranger was allowed to see the presence at once",
    theme: Theme::Trust,
    severity: Severity::Medium,
    confidence: Confidence::Possible,
    avoidability: Avoidability::Avoidable,
    advice: "switch off that requests are granted by themselves; see whether the client asked",
    source: "RFC 6121 §3.1.3 (the contact's person approves, or agreed before)",
    watches: &[(CLIENT, "presence")],
    verdicts: &[],
    page: include_str!("subscription_accepted_at_once.rs"),
    check: || Box::new(SubscriptionAccepted::default()),
};

/// Faster than a person reads and decides.
const MICROS: u64 = 1_500_000;

#[derive(Default)]
struct SubscriptionAccepted {
    asked: Pending<()>,
    /// Whom the client itself asked, or granted in advance.
    wanted: Pending<()>,
}

impl Check for SubscriptionAccepted {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        let (Some(kind @ ("subscribe" | "subscribed")), Some(with)) = (seen.stanza_type(), seen.peer_bare()) else { return };
        match (seen.is_sent(), kind) {
            (false, "subscribe") if seen.peer_is_unknown() && self.wanted.take("", with).is_none() => self.asked.keep(seen, "", with, ()),
            (true, "subscribe") => self.wanted.keep(seen, "", with, ()),
            (true, "subscribed") => {
                let Some(request) = self.asked.take("", with) else { return self.wanted.keep(seen, "", with, ()) };
                let Some(soon) = seen.soon_after(request.passed, MICROS) else { return };
                let fact = format!("the client let {with}, a stranger, see its presence at once");
                let finding = found(fact).about(with).after(request.passed.number).as_soon(soon);
                // Requests come from strangers by nature: only the time tells a person's consent from the client's own.
                out.report(if soon == Soon::ByOrder { finding.avoidability(Avoidability::Optional) } else { finding });
            }
            _ => {}
        }
    }
}
