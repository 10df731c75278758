//! Finds the person's own address, or real name, in what goes to a room that hides addresses.
//!
//! **What it checks.** The client sends a message or presence to a semi-anonymous room, or to one occupant, in which the bare address of the
//! account stands: as recipient of a key, as original sender, in a link, in a quoted stanza. Or a nickname (XEP-0172) other than the one in
//! the room.
//!
//! **Why it matters.** People enter such a room under a nick because it hides who they are. One attribute tells every occupant, and stays in
//! the archive of the room.
//!
//! **Evidence.** The stanza. That the room is semi-anonymous follows from its features, or from an entry without status 100.
//!
//! **Limits.** Where neither was seen the finding is `possible`. The text of a message is not looked at: what the person writes is theirs to
//! decide. Moderators see the addresses anyway.
//!
//! **References.** XEP-0045 §4.2, §7.2.3 and §14.5, XEP-0384 §5.8, XEP-0172 §6.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::names::{
    ADDRESS, DELAY, DISCO_INFO, FORWARD, MUC, MUC_USER, NICK, OMEMO_0, OMEMO_1, OMEMO_2, OOB, REFERENCE, REPLY, SFS, URL_DATA,
};
use super::rule::{Avoidability, Check, Confidence, Found, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};
use crate::audit::value;
use crate::xmpp::element::Element;
use crate::xmpp::jid::{Jid, normalised_bare};

pub(super) const RULE: Rule = Rule {
    id: "own-address-in-anonymous-room",
    title: "the own address is told to a room that hides it",
    theme: Theme::Linkage,
    severity: Severity::High,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "do not use encryption or files in such a room; report it",
    source: "XEP-0045 §4.2 (in a semi-anonymous room only admins can discover an address); XEP-0384 §5.8 (a room with OMEMO must be non-anonymous); \
             XEP-0172 §6 (nicknames in rooms are discouraged)",
    watches: &[
        (DISCO_INFO, "query"),
        (MUC, "x"),
        (MUC_USER, "x"),
        (OMEMO_2, "keys"),
        (OMEMO_1, "keys"),
        (OMEMO_0, "keys"),
        (ADDRESS, "address"),
        (DELAY, "delay"),
        (FORWARD, "forwarded"),
        (NICK, "nick"),
        (OOB, "url"),
        (REFERENCE, "reference"),
        (REPLY, "reply"),
        (SFS, "sources"),
        (URL_DATA, "url-data"),
    ],
    verdicts: &[],
    page: include_str!("own_address_in_anonymous_room.rs"),
    check: || Box::<Rooms>::default(),
};

/// Rooms that are remembered, at most.
const MAX_ROOMS: usize = 2_000;

#[derive(Default)]
struct Rooms(FxHashMap<String, Room>);

#[derive(Default)]
struct Room {
    addresses: Addresses,
    nick: Option<String>,
}

/// Who sees the addresses of a room's occupants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Addresses {
    #[default]
    Unknown,
    /// It did not warn of the opposite.
    ProbablyHidden,
    Hidden,
    Shown,
}

impl Check for Rooms {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if seen.is_error() {
        } else if seen.is_received() {
            self.learn(seen);
        } else if seen.name() == "presence" && seen.child(MUC, "x").is_some() || seen.name() == "message" && seen.peer_is_room() {
            self.enter(seen);
            out.found.extend(self.told(seen));
        }
    }
}

impl Rooms {
    fn room(&mut self, bare: &str) -> Option<&mut Room> {
        if !self.0.contains_key(bare) {
            if self.0.len() >= MAX_ROOMS {
                return None;
            }
            self.0.insert(bare.to_owned(), Room::default());
        }
        self.0.get_mut(bare)
    }

    /// What the room says of itself (XEP-0045 §6.4), and its status codes (§16.6).
    fn learn(&mut self, seen: &Seen<'_>) {
        let Some(from) = seen.peer_bare().filter(|from| Jid::split(from).localpart().is_some()) else { return };
        let said = if let Some(query) = seen.child(DISCO_INFO, "query") {
            let has = |feature: &str| query.children().any(|child| child.attr("var") == Some(feature));
            match (has("muc_semianonymous"), has("muc_nonanonymous")) {
                (true, _) => Addresses::Hidden,
                (_, true) => Addresses::Shown,
                _ => return,
            }
        } else if let Some(user) = seen.child(MUC_USER, "x") {
            let has = |code: &str| user.children().any(|status| status.local() == "status" && status.attr("code") == Some(code));
            if has("100") || has("172") {
                Addresses::Shown
            } else if has("173") {
                Addresses::Hidden
            } else if has("110") {
                Addresses::ProbablyHidden
            } else {
                return;
            }
        } else {
            return;
        };
        let Some(room) = self.room(from) else { return };
        if said != Addresses::ProbablyHidden || room.addresses == Addresses::Unknown {
            room.addresses = said;
        }
    }

    /// Remembers the nick.
    fn enter(&mut self, seen: &Seen<'_>) {
        let Some(to) = seen.peer().filter(|_| seen.name() == "presence" && seen.stanza_type().is_none()) else { return };
        if let (Some(nick), Some(room)) = (Jid::split(to).resourcepart(), self.room(&normalised_bare(to))) {
            room.nick = Some(nick.to_owned());
        }
    }

    fn told(&self, seen: &Seen<'_>) -> Option<Found> {
        let (to, own) = (seen.peer_bare()?, seen.world.own()?);
        let room = self.0.get(to);
        let addresses = room.map_or(Addresses::Unknown, |room| room.addresses);
        if addresses == Addresses::Shown {
            return None;
        }
        let finding = if let Some(name) = seen.elements().skip(1).find_map(|element| holds(element, own)) {
            found(format!("the account's address stands in <{name}/>, sent to the room {to}"))
        } else {
            let nick = child(seen.stanza, NICK, "nick")?.own_text();
            let entered = room?.nick.as_deref()?;
            if nick.trim().is_empty() || nick.trim() == entered {
                return None;
            }
            found(format!("a nickname other than the one in the room {to} was sent to it")).severity(Severity::Medium)
        };
        let finding = finding.about(to);
        Some(match addresses {
            Addresses::Hidden | Addresses::Shown => finding,
            Addresses::ProbablyHidden => finding.confidence(Confidence::Likely),
            Addresses::Unknown => finding.confidence(Confidence::Possible).severity(Severity::Medium),
        })
    }
}

/// The name of an element that carries the address: in an attribute, or in a link.
fn holds<'a>(element: Element<'a>, own: &str) -> Option<&'a str> {
    let document = element.document();
    let mut attrs = element.attr_indices().map(|attr| document.attr_value(attr));
    let link = || matches!(element.local(), "url" | "uri").then(|| element.own_text());
    (attrs.any(|value| names(value, own)) || link().is_some_and(|link| names(&link, own))).then(|| element.local())
}

/// Whether an address or a link names the account. What redaction takes out of a link does not count.
fn names(value: &str, own: &str) -> bool {
    if value.len() < own.len() {
        return false;
    }
    let shown = |value: &str| {
        let mut shown = String::new();
        value::sanitised_uri(value, &mut shown);
        shown.replace("%40", "@").to_ascii_lowercase().contains(own)
    };
    let bare = || -> Cow<'_, str> { normalised_bare(value) };
    value.contains('@') && bare() == own || value.contains(':') && (value.contains('@') || value.contains("%40")) && shown(value)
}
