//! Finds the same nick in several rooms.
//!
//! **What it checks.** The client enters a second room with the nick it has in another one, or with the local part of the account.
//!
//! **Why it matters.** Who is in both rooms knows that it is the same person, and who knows the account finds it by its name in rooms
//! that hide addresses.
//!
//! **Evidence.** The presences that enter.
//!
//! **Limits.** Many people want to be recognised. A note, no more.
//!
//! **References.** XEP-0045 §7.2.4 and §14.5.

use rustc_hash::FxHashMap;

use super::names::{MUC};
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::jid::{Jid, normalised_bare};

pub(super) const RULE: Rule = Rule {
    id: "same-nick-in-rooms",
    title: "the same nick is used in several rooms",
    theme: Theme::Linkage,
    severity: Severity::Info,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "choose a nick per room where it matters",
    source: "XEP-0045 §14.5 (anonymity in rooms)",
    watches: &[(MUC, "x")],
    verdicts: &[],
    page: include_str!("same_nick_in_rooms.rs"),
    check: || Box::<Nicks>::default(),
};

/// Rooms that are remembered, at most.
const MAX_ROOMS: usize = 2_000;

#[derive(Default)]
struct Nicks {
    rooms: FxHashMap<String, (String, u64)>,
}

impl Check for Nicks {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        let joins = seen.name() == "presence" && seen.is_sent() && seen.stanza_type().is_none() && seen.child(MUC, "x").is_some();
        let Some(to) = seen.peer().filter(|_| joins) else { return };
        let (room, Some(nick)) = (normalised_bare(to), Jid::split(to).resourcepart()) else { return };
        match self.rooms.get(nick) {
            Some((other, number)) if **other != *room => {
                out.report(found("several rooms were entered with the same nick").after(*number));
            }
            None if self.rooms.len() < MAX_ROOMS => {
                self.rooms.insert(nick.to_owned(), (room.into_owned(), seen.number));
            }
            _ => {}
        }
        let own = seen.world.own().and_then(|own| Jid::split(own).localpart());
        if own.is_some_and(|own| own.eq_ignore_ascii_case(nick)) {
            out.report(found("a room was entered with the name of the account as nick"));
        }
    }
}
