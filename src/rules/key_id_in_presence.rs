//! Finds presence that is signed with an OpenPGP key.
//!
//! **What it checks.** The client signs its presence in the old way (`jabber:x:signed`, XEP-0027).
//!
//! **Why it matters.** The signature names the key to everybody who sees the presence, rooms included, and the key's user ids on key
//! servers name the person. It is the same on every account that uses the key.
//!
//! **Evidence.** The presence.
//!
//! **Limits.** The key id stands inside the signature and is not taken out.
//!
//! **References.** XEP-0027 §2 and §4.

use super::names::{MUC, PGP_SIGNED};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "key-id-in-presence",
    title: "the presence is signed with a key that names the person",
    theme: Theme::Linkage,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "switch the signing of presence off, or use OMEMO or XEP-0373 instead",
    source: "XEP-0027 §4 (obsolete; signed presence can be replayed)",
    watches: &[(PGP_SIGNED, "x")],
    verdicts: &[],
    page: include_str!("key_id_in_presence.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if seen.name() != "presence" || !seen.is_sent() || seen.child(PGP_SIGNED, "x").is_none() {
        return;
    }
    let to_room = seen.child(MUC, "x").is_some() || seen.peer_is_room();
    match seen.peer_bare().filter(|_| to_room) {
        Some(room) => out.report(found(format!("signed presence went to the room {room}")).severity(Severity::Medium).about(room)),
        None => out.report(found("the presence is signed with an OpenPGP key")),
    }
}
