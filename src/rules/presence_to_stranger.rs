//! Finds available presence sent to somebody who is not a contact.
//!
//! **What it checks.** The client sends available presence to an address that is no contact, no room it joins, and no service.
//!
//! **Why it matters.** The other side sees when the account comes and goes, its status, its client and its capabilities, until it is
//! told otherwise.
//!
//! **Evidence.** The presence.
//!
//! **Limits.** Sending presence to somebody is often the person's own decision, and part of a call (XEP-0353). A room joined in the old
//! way, without the room's element, looks the same. Says nothing before the roster was seen.
//!
//! **References.** RFC 6121 §4.6, XEP-0353 §3.

use super::names::{CLIENT, MUC};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::jid::{Jid};

pub(super) const RULE: Rule = Rule {
    id: "presence-to-stranger",
    title: "available presence to somebody who is not a contact",
    theme: Theme::Presence,
    severity: Severity::Low,
    confidence: Confidence::Possible,
    avoidability: Avoidability::Optional,
    advice: "see whether the person asked for it; a client should not send presence to strangers by itself",
    source: "RFC 6121 §4.6 (directed presence is for those the person chooses); RFC 6121 §11",
    watches: &[(CLIENT, "presence")],
    verdicts: &[],
    page: include_str!("presence_to_stranger.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(to) = seen.peer_bare() else { return };
    if !seen.is_sent() || seen.stanza_type().is_some() || seen.child(MUC, "x").is_some() {
        return;
    }
    let person = Jid::split(to).localpart().is_some();
    if person && !seen.world.is_contact(to) && !seen.world.wrote_to(to) && seen.peer_is_stranger() {
        out.report(found(format!("available presence went to {to}, who is not a contact")).about(to));
    }
}
