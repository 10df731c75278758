//! Finds keys for people who do not belong to the room.
//!
//! **What it checks.** A message to a room holds a key for a device of somebody whom the room lists as banned or without affiliation, or who
//! is on none of its lists though the client has seen all of them; for legacy OMEMO the device lists that were seen, and the bundles that were
//! asked for, tell whose it is.
//!
//! **Why it matters.** People who were removed go on reading.
//!
//! **Evidence.** The message.
//!
//! **Limits.** Affiliations and device lists must have been seen in the session. A device id that several accounts share is reported only
//! when all of them are outside.
//!
//! **References.** XEP-0384 §6, XEP-0045 §5.2, OPACITY rule D7.

use super::names::{OMEMO_0, OMEMO_1, OMEMO_2, OMEMO_LEGACY};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::element::Element;
use crate::xmpp::jid::normalised_bare;

pub(super) const RULE: Rule = Rule {
    id: "key-for-non-member",
    title: "a message in a room is encrypted for somebody who is no member",
    theme: Theme::Recipients,
    severity: Severity::High,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "see whom the client lists as recipients in the room; report it",
    source: "XEP-0384 §6 (recipients in a room are its members, admins and owners)",
    watches: &[(OMEMO_LEGACY, "encrypted"), (OMEMO_2, "encrypted"), (OMEMO_1, "encrypted"), (OMEMO_0, "encrypted")],
    verdicts: &["D7"],
    page: include_str!("key_for_non_member.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let room = seen.peer_bare().unwrap_or_default();
    for person in non_members(seen) {
        out.report(found(format!("a message in {room} is encrypted for {person}, who is no member")).about(person));
    }
}

/// Those for whom a message of the client to a room is encrypted though they are known not to be members.
pub(super) fn non_members(seen: &Seen<'_>) -> Vec<String> {
    let (Some(room), Some(container)) = (seen.peer_bare(), seen.omemo()) else { return Vec::new() };
    if !seen.is_sent() || seen.is_copy() || seen.stanza_type() != Some("groupchat") {
        return Vec::new();
    }
    let world = seen.world;
    let outside = |person: &str| !world.is_own(person) && world.is_no_member(room, person);
    let header = container.children().filter(|child| child.local() == "header").flat_map(Element::children);
    let mut people: Vec<String> = Vec::new();
    for child in header {
        match child.local() {
            "keys" => people.extend(child.attr("jid").filter(|jid| outside(jid)).map(|jid| normalised_bare(jid).into_owned())),
            "key" => {
                let owners = child.attr("rid").and_then(|rid| rid.parse().ok()).map(|rid| world.owners(rid, container.uri())).unwrap_or_default();
                if !owners.is_empty() && owners.iter().all(|owner| outside(owner)) {
                    people.extend(owners.into_iter().map(str::to_owned));
                }
            }
            _ => {}
        }
    }
    people.sort_unstable();
    people.dedup();
    people
}
