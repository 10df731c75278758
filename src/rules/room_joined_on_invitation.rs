//! Finds a room that the client entered as soon as a stranger invited it.
//!
//! **What it checks.** An invitation, by the room or directly, comes from somebody who is not on the roster, and the client enters the room
//! within two seconds.
//!
//! **Why it matters.** A stranger makes the client show up where the stranger reads: that the account is online, its name, in some rooms
//! its address, and from then on its presence.
//!
//! **Evidence.** The invitation and the presence that enters the room.
//!
//! **Limits.** Says nothing before the roster was seen. An invitation inside an encrypted message is not seen.
//! Without a clock, as in `scan`, a few stanzas later counts as soon, and the finding is `possible`.
//!
//! **References.** XEP-0045 §7.8, XEP-0249 §2.

use super::names::{CONFERENCE, MUC, MUC_USER};
use super::pending::Pending;
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};
use crate::xmpp::jid::normalised_bare;

pub(super) const RULE: Rule = Rule {
    id: "room-joined-on-invitation",
    title: "a room was entered as soon as a stranger invited to it",
    theme: Theme::Trust,
    severity: Severity::Medium,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "switch off that the client enters rooms by itself, or limit it to invitations of contacts",
    source: "XEP-0045 §7.8 (an invitation is an offer); XEP-0249 §2",
    watches: &[(MUC_USER, "invite"), (CONFERENCE, "x"), (MUC, "x")],
    verdicts: &[],
    page: include_str!("room_joined_on_invitation.rs"),
    check: || Box::new(RoomJoined::default()),
};

/// Faster than a person reads and decides.
const MICROS: u64 = 2_000_000;

#[derive(Default)]
struct RoomJoined {
    /// Invitations by the room; the value is who invited.
    invitations: Pending<String>,
}

impl Check for RoomJoined {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if seen.is_received() {
            if seen.name() == "message" && !seen.is_error() {
                self.invited(seen);
            }
            return;
        }
        let Some(room) = seen.peer_bare().filter(|_| seen.name() == "presence" && seen.stanza_type().is_none()) else { return };
        let Some(invitation) = self.invitations.take("", room) else { return };
        if let Some(soon) = seen.soon_after(invitation.passed, MICROS) {
            let fact = format!("the client entered {room} as soon as {}, a stranger, invited it", invitation.what);
            out.report(found(fact).about(invitation.what).after(invitation.passed.number).as_soon(soon));
        }
    }
}

impl RoomJoined {
    fn invited(&mut self, seen: &Seen<'_>) {
        let invite = seen.child(MUC_USER, "x").and_then(|user| child(user, MUC_USER, "invite"));
        let direct = seen.child(CONFERENCE, "x").and_then(|invitation| invitation.attr("jid"));
        // The room vouches for a mediated invitation, the sender for a direct one. A room may send both in one message.
        let (room, by) = match (invite, direct, seen.peer()) {
            (Some(invite), _, Some(room)) => (room, invite.attr("from").unwrap_or(room)),
            (None, Some(room), Some(by)) => (room, by),
            _ => return,
        };
        if seen.world.is_stranger(by) && !seen.world.is_contact(by) && !seen.world.is_room(room) {
            self.invitations.keep(seen, "", &normalised_bare(room), normalised_bare(by).into_owned());
        }
    }
}
