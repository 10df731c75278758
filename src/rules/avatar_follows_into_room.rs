//! Finds the account's avatar in the presence of rooms.
//!
//! **What it checks.** Presence to a room carries the hash of the account's avatar (XEP-0153).
//!
//! **Why it matters.** A picture, even its hash, is the same wherever it is shown. Somebody who knows the account finds the nick in a
//! room that hides addresses, and the other way round.
//!
//! **Evidence.** The presence.
//!
//! **Limits.** Servers may add the hash by themselves (XEP-0398); that is not in the client's stanza. In rooms that show addresses
//! anyway it tells nothing new, and whether a room does is often not known.
//!
//! **References.** XEP-0153 §4.1, XEP-0045 §7.2.4, XEP-0398 §4.

use super::names::{MUC, VCARD_UPDATE};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};

pub(super) const RULE: Rule = Rule {
    id: "avatar-follows-into-room",
    title: "the avatar goes into rooms and ties the nick to the account",
    theme: Theme::Linkage,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "leave the avatar out of presence to rooms, or use a different one",
    source: "XEP-0153 §4.1 (presence carries the hash); XEP-0045 §14.5 (anonymity)",
    watches: &[(VCARD_UPDATE, "photo")],
    verdicts: &[],
    page: include_str!("avatar_follows_into_room.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(room) = seen.peer_bare().filter(|_| seen.is_sent() && seen.name() == "presence") else { return };
    let to_room = seen.child(MUC, "x").is_some() || seen.peer_is_room();
    let photo = seen.child(VCARD_UPDATE, "x").and_then(|update| child(update, VCARD_UPDATE, "photo"));
    if to_room && photo.is_some_and(|photo| !photo.own_text().trim().is_empty()) {
        out.report(found(format!("the account's avatar is named in the presence to the room {room}")).about(room));
    }
}
