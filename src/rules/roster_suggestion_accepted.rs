//! Finds contacts that the client took over because a stranger suggested them.
//!
//! **What it checks.** Somebody who is not on the roster suggests contacts (roster item exchange), and within two seconds the client
//! changes its roster accordingly, or asks one of them for their presence.
//!
//! **Why it matters.** A stranger fills the contact list, replaces addresses under known names, and makes the client show itself to people
//! of the stranger's choice.
//!
//! **Evidence.** The suggestion and the change.
//!
//! **Limits.** Says nothing before the roster was seen. Gateways and group services on the roster, or of the own server, may be trusted.
//! Without a clock, as in `scan`, a few stanzas later counts as soon, and the finding is `possible`.
//!
//! **References.** XEP-0144 §6 and §8.1.

use super::names::{CLIENT, ROSTER, ROSTER_EXCHANGE};
use super::pending::Pending;
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::jid::normalised_bare;

pub(super) const RULE: Rule = Rule {
    id: "roster-suggestion-accepted",
    title: "contacts suggested by a stranger were taken over at once",
    theme: Theme::Trust,
    severity: Severity::High,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "check the contact list; switch roster item exchange off, and report that the client does not ask",
    source: "XEP-0144 §8.1 (automatic processing only for trusted gateways and group services)",
    watches: &[(ROSTER_EXCHANGE, "x"), (ROSTER, "query"), (CLIENT, "presence")],
    verdicts: &[],
    page: include_str!("roster_suggestion_accepted.rs"),
    check: || Box::new(RosterSuggestion::default()),
};

/// Faster than a person reads and decides.
const MICROS: u64 = 2_000_000;

#[derive(Default)]
struct RosterSuggestion {
    /// Addresses suggested; the value is who did.
    suggested: Pending<String>,
}

impl Check for RosterSuggestion {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if seen.is_received() {
            let Some(list) = seen.child(ROSTER_EXCHANGE, "x").filter(|_| seen.peer_is_unknown() && !seen.is_error()) else { return };
            let from = seen.peer_bare().unwrap_or_default();
            for jid in list.children().take(100).filter_map(|item| item.attr("jid")) {
                self.suggested.keep(seen, "", &normalised_bare(jid), from.to_owned());
            }
            return;
        }
        let subscribe = seen.peer().filter(|_| seen.name() == "presence" && seen.stanza_type() == Some("subscribe"));
        let roster = seen.child(ROSTER, "query").filter(|_| seen.stanza_type() == Some("set"));
        let changed = roster.into_iter().flat_map(|query| query.children()).filter_map(|item| item.attr("jid"));
        for address in changed.chain(subscribe) {
            let Some(suggestion) = self.suggested.take("", &normalised_bare(address)) else { continue };
            if let Some(soon) = seen.soon_after(suggestion.passed, MICROS) {
                let fact = format!("the client took over a contact that {}, a stranger, had suggested", suggestion.what);
                return out.report(found(fact).about(suggestion.what).after(suggestion.passed.number).as_soon(soon));
            }
        }
    }
}
