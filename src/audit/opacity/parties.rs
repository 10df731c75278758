//! Who sends a message and who may read it: accounts, and the members of rooms as far as the session has seen them.

use std::borrow::Cow;

use rustc_hash::FxHashSet;

use super::Scene;
use super::bounded::Lru;
use crate::xmpp::Direction;
use crate::xmpp::element::Element;
use crate::xmpp::jid::{Jid, normalised_bare};
use crate::xmpp::ns;

/// Rooms, members of one, and occupants whose account is known.
const MAX_ROOMS: usize = 256;
const MAX_MEMBERS: usize = 4096;
const MAX_OCCUPANTS: usize = 4096;
const MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";

/// The accounts around a message, bare and normalised.
#[derive(Debug, Default)]
pub struct Parties<'a> {
    /// Who sent it.
    pub sender: Option<Cow<'a, str>>,
    /// Who is to read it, when all of them are known.
    pub recipients: Option<Vec<Cow<'a, str>>>,
    /// The account whose session it is.
    pub own: Option<&'a str>,
    /// It went through a room.
    pub room: bool,
    /// It was sent by the client under test, as far as one can tell.
    pub sent: bool,
    /// `from` and `to` as written, bare: what a copy is recognised by.
    pub from: Option<Cow<'a, str>>,
    /// See `from`.
    pub to: Option<Cow<'a, str>>,
}

impl Parties<'_> {
    /// Sender, recipients and the own account.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        let recipients = self.recipients.iter().flatten().map(|recipient| &**recipient);
        let own = self.own.filter(|own| Some(*own) != self.sender.as_deref());
        self.sender.as_deref().into_iter().chain(recipients).chain(own)
    }
}

/// Rooms and who is in them.
#[derive(Debug)]
pub struct Rooms {
    /// By [`super::hash`] of the address.
    rooms: Lru<u64, Room>,
    occupants: Lru<u64, String>,
}

#[derive(Debug, Default)]
struct Room {
    members: FxHashSet<String>,
    /// The room's list of members was seen (XEP-0384 §5.8.1 wants clients to ask for it).
    listed: bool,
}

impl Default for Rooms {
    fn default() -> Rooms {
        Rooms { rooms: Lru::new(MAX_ROOMS), occupants: Lru::new(MAX_OCCUPANTS) }
    }
}

impl Rooms {
    /// Learns members and occupants from presence and from lists of affiliations.
    pub fn learn(&mut self, root: Element<'_>, scene: &Scene<'_>) {
        let (Some(from), false) = (root.attr("from"), scene.direction == Some(Direction::ClientToServer)) else { return };
        let presence = root.sym() == scene.known.presence;
        let list = match root.children().find(|c| if presence { c.sym() == scene.known.muc_user } else { c.uri() == MUC_ADMIN }) {
            Some(list) if presence || (root.sym() == scene.known.iq && root.attr("type") == Some("result")) => list,
            _ => return,
        };
        for item in list.children().filter(|c| c.local() == "item" && matches!(c.uri(), MUC_ADMIN | ns::MUC_USER)) {
            let Some(jid) = item.attr("jid").map(normalised_bare) else { continue };
            if presence && Jid::split(from).resourcepart().is_some() {
                *self.occupants.entry(super::hash(from), String::new) = jid.clone().into_owned();
            }
            let room = self.rooms.entry(super::hash(&*normalised_bare(from)), Room::default);
            room.listed |= !presence;
            if matches!(item.attr("affiliation"), Some("none" | "outcast")) && !presence {
                room.members.remove(&*jid);
            } else if room.members.len() < MAX_MEMBERS {
                room.members.insert(jid.into_owned());
            }
        }
    }

    /// The parties of a message or IQ. A forwarded one does not show which way it went.
    pub fn parties<'a>(&self, stanza: Element<'a>, forwarded: bool, scene: &Scene<'a>) -> Parties<'a> {
        let bare = |name: &str| stanza.attr(name).map(normalised_bare);
        let own = scene.memory.own.as_deref();
        let (from, to) = (bare("from"), bare("to"));
        let outgoing = match (forwarded, scene.direction) {
            (false, Some(direction)) => direction == Direction::ClientToServer,
            _ => from.as_deref().is_some_and(|from| Some(from) == own || (own.is_none() && scene.memory.is_own(from))),
        };
        let from = from.or_else(|| own.filter(|_| outgoing).map(Cow::Borrowed));
        let unknown = !forwarded && scene.direction.is_none() && own.is_none();
        let mut parties = Parties { sent: (outgoing || unknown) && !forwarded, own, from, to, ..Parties::default() };
        let groupchat = stanza.attr("type") == Some("groupchat");
        let room_at = |address: &Option<Cow<'_, str>>| {
            address.as_deref().is_some_and(|a| scene.memory.is_room(a) || self.rooms.get(&super::hash(a)).is_some())
        };
        let resource = |name: &str| stanza.attr(name).is_some_and(|jid| Jid::split(jid).resourcepart().is_some());
        // A message from a room comes from an occupant; one to it goes to the room itself.
        let from_room = !outgoing
            && ((groupchat && resource("from") && (scene.direction.is_some() || !room_at(&parties.to))) || room_at(&parties.from));
        let to_room = !from_room && (groupchat || room_at(&parties.to));
        parties.room = from_room || to_room;
        parties.sender = match () {
            () if from_room => stanza.attr("from").and_then(|from| self.occupants.get(&super::hash(from))).cloned().map(Cow::Owned),
            () if outgoing => own.map(Cow::Borrowed).or_else(|| parties.from.clone()),
            () => parties.from.clone().or_else(|| own.map(Cow::Borrowed)),
        };
        let room = if from_room { &parties.from } else { &parties.to };
        parties.recipients = if parties.room {
            let members = room.as_deref().and_then(|room| self.rooms.get(&super::hash(room))).filter(|room| room.listed);
            members.map(|room| room.members.iter().cloned().map(Cow::Owned).collect())
        } else {
            let to = parties.to.clone().or_else(|| own.filter(|_| !outgoing).map(Cow::Borrowed));
            to.map(|to| vec![to])
        };
        parties
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.occupants.len() + self.rooms.iter().map(|(_, room)| room.members.len() + 1).sum::<usize>()
    }
}
