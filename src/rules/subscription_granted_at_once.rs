//! Finds subscription requests of strangers that are granted without anybody being asked.
//!
//! **What it checks.** A request to see the presence, of somebody who is not on the roster, is granted within a second.
//!
//! **Why it matters.** Whoever asks gets to see when the account is online, from then on and on every device, and so counts as entitled
//! to receipts, typing notices and calls.
//!
//! **Evidence.** The request and the answer.
//!
//! **Limits.** A person can be quick, and some accounts (bots, services) are open on purpose. A request that waited for the login and
//! is granted from memory looks the same. Silent when the contact is on the roster, or when the times are not known.
//!
//! **References.** RFC 6121 §3.1.3 and §3.1.4.

use rustc_hash::FxHashMap;

use super::names::{CLIENT};
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "subscription-granted-at-once",
    title: "subscription requests are granted without asking",
    theme: Theme::Presence,
    severity: Severity::Medium,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Optional,
    advice: "switch automatic approval off, or limit it to people the person has added",
    source: "RFC 6121 §3.1.4 (the person decides, unless asked to approve by a setting)",
    watches: &[(CLIENT, "presence")],
    verdicts: &[],
    page: include_str!("subscription_granted_at_once.rs"),
    check: || Box::<Requests>::default(),
};

/// Nobody reads a name and decides faster.
const AT_ONCE_MICROS: u64 = 1_000_000;

/// Open requests, at most.
const MAX_OPEN: usize = 2_000;

#[derive(Default)]
struct Requests {
    open: FxHashMap<String, (u64, u64)>,
}

impl Check for Requests {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        let (Some(peer), Some(at)) = (seen.peer_bare(), seen.at) else { return };
        match (seen.is_sent(), seen.stanza_type()) {
            (false, Some("subscribe")) if self.open.len() < MAX_OPEN => {
                self.open.insert(peer.into_owned(), (seen.number, at));
            }
            (true, Some("subscribed")) => {
                let Some((request, asked_at)) = self.open.remove(&*peer) else { return };
                let unknown = seen.world.knows_roster() && !seen.world.is_contact(&peer) && !seen.world.wrote_to(&peer);
                if unknown && at.saturating_sub(asked_at) < AT_ONCE_MICROS {
                    let fact = format!("the request of {peer}, who is not a contact, to see the presence was granted at once");
                    out.report(found(fact).after(request).about(peer));
                }
            }
            _ => {}
        }
    }
}
