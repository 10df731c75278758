//! Who sends a message and who may read it: accounts, and the members of rooms as far as the session has seen them.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::Scene;
use super::bounded::Lru;
use super::keyed::hash;
use crate::xmpp::Direction;
use crate::xmpp::element::Element;
use crate::xmpp::jid::{Jid, normalised_bare};
use crate::xmpp::ns;

/// Rooms, members of one, and occupants whose account is known.
const MAX_ROOMS: usize = 256;
const MAX_MEMBERS: usize = 4096;
const MAX_OCCUPANTS: usize = 4096;
/// XEP-0033.
const ADDRESSES: &str = "http://jabber.org/protocol/address";
const MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";

/// A bare address, normalised, and its hash: each is asked for by hash several times while a container is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account<'a> {
    /// The address.
    pub name: Cow<'a, str>,
    /// The hash of it.
    pub hash: u64,
}

impl<'a> Account<'a> {
    /// The account of an address.
    pub fn of(address: &'a str) -> Account<'a> {
        Account::named(normalised_bare(address))
    }

    /// The account with this name, which is normalised.
    pub fn named(name: Cow<'a, str>) -> Account<'a> {
        let hash = hash(&*name);
        Account { name, hash }
    }
}

/// The accounts around a message.
#[derive(Debug, Default)]
pub struct Parties<'a> {
    /// Who sent it.
    pub sender: Option<Account<'a>>,
    /// Who is to read it, when all of them are known.
    pub recipients: Option<Recipients<'a>>,
    /// The account whose session it is.
    pub own: Option<Account<'a>>,
    /// It was sent by the client under test, as far as one can tell.
    pub sent: bool,
    /// It goes through a room.
    pub room: bool,
    /// `from` and `to` as written, bare: what a copy is recognised by.
    pub from: Option<Account<'a>>,
    /// See `from`.
    pub to: Option<Account<'a>>,
}

/// Who is to read a message.
#[derive(Debug)]
pub enum Recipients<'a> {
    /// One account.
    One(Account<'a>),
    /// The members of a room, or all that a message is addressed to.
    Members(Vec<Account<'a>>),
}

impl<'a> Recipients<'a> {
    /// All of them.
    pub fn as_slice(&self) -> &[Account<'a>] {
        match self {
            Recipients::One(account) => std::slice::from_ref(account),
            Recipients::Members(members) => members,
        }
    }
}

impl<'a> Parties<'a> {
    /// Sender, recipients and the own account.
    pub fn accounts(&self) -> impl Iterator<Item = &Account<'a>> {
        let own = self.own.as_ref().filter(|own| Some(*own) != self.sender.as_ref());
        self.sender.iter().chain(self.recipients()).chain(own)
    }

    /// The recipients, as far as they are known.
    pub fn recipients(&self) -> &[Account<'a>] {
        self.recipients.as_ref().map_or(&[], Recipients::as_slice)
    }
}

/// Rooms and who is in them.
#[derive(Debug)]
pub struct Rooms {
    /// By the hash of the address.
    rooms: Lru<u64, Room>,
    occupants: Lru<u64, String>,
}

#[derive(Debug, Default)]
struct Room {
    /// With their hashes.
    members: FxHashMap<String, u64>,
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
        if !presence && (root.sym() != scene.known.iq || root.attr("type") != Some("result")) {
            return;
        }
        let is_list = |child: &Element<'_>| if presence { child.sym() == scene.known.muc_user } else { child.uri() == MUC_ADMIN };
        let Some(list) = root.children().find(is_list) else { return };
        for item in list.children().filter(|c| c.local() == "item" && matches!(c.uri(), MUC_ADMIN | ns::MUC_USER)) {
            let Some(jid) = item.attr("jid").map(normalised_bare) else { continue };
            if presence && Jid::split(from).resourcepart().is_some() {
                let occupant = self.occupants.entry(hash(from), String::new);
                if *occupant != jid {
                    *occupant = jid.clone().into_owned();
                }
            }
            let room = self.rooms.entry(Account::of(from).hash, Room::default);
            room.listed |= !presence;
            if matches!(item.attr("affiliation"), Some("none" | "outcast")) && !presence {
                room.members.remove(&*jid);
            } else if room.members.len() < MAX_MEMBERS && !room.members.contains_key(&*jid) {
                let member = hash(&*jid);
                room.members.insert(jid.into_owned(), member);
            }
        }
    }

    /// The parties of a message or IQ. A forwarded one does not show which way it went.
    pub fn parties<'a>(&'a self, stanza: Element<'a>, forwarded: bool, scene: &Scene<'a>) -> Parties<'a> {
        let (full_from, full_to) = (stanza.attr("from"), stanza.attr("to"));
        let own = scene.memory.own.as_deref().map(|own| Account::named(own.into()));
        let (from, to) = (full_from.map(Account::of), full_to.map(Account::of));
        let is_own = |from: &Account<'_>| match &own {
            Some(own) => own == from,
            None => scene.memory.is_own(&from.name),
        };
        let outgoing = match (forwarded, scene.direction) {
            (false, Some(direction)) => direction == Direction::ClientToServer,
            _ => from.as_ref().is_some_and(is_own),
        };
        let from = from.or_else(|| own.clone().filter(|_| outgoing));
        let unknown = !forwarded && scene.direction.is_none() && own.is_none();
        let groupchat = stanza.attr("type") == Some("groupchat");
        let room_at = |account: &Option<Account<'_>>| {
            account.as_ref().is_some_and(|account| scene.memory.is_room(&account.name) || self.rooms.get(&account.hash).is_some())
        };
        let has_resource = |address: Option<&str>| address.is_some_and(|jid| Jid::split(jid).resourcepart().is_some());
        // A message from a room comes from an occupant; one to it goes to the room itself.
        // Between occupants it is marked (XEP-0045 §7.5), also where the room is not known yet.
        let private = !groupchat && stanza.child(scene.known.muc_user).is_some();
        let from_room = !outgoing
            && ((groupchat && has_resource(full_from) && (scene.direction.is_some() || !room_at(&to)))
                || room_at(&from)
                || (private && !unknown && !room_at(&to)));
        let to_room = !from_room && (groupchat || private || room_at(&to));
        let room = from_room || to_room;
        let sender = match () {
            () if from_room => full_from.and_then(|from| self.occupants.get(&hash(from))).map(|name| Account::named(name.into())),
            () if outgoing => own.clone().or_else(|| from.clone()),
            () => from.clone().or_else(|| own.clone()),
        };
        let recipients = if room {
            let room = if from_room { &from } else { &to };
            let room = room.as_ref().and_then(|room| self.rooms.get(&room.hash)).filter(|room| room.listed);
            let member = |(name, hash): (&'a String, &u64)| Account { name: name.into(), hash: *hash };
            room.map(|room| Recipients::Members(room.members.iter().map(member).collect()))
        } else if let Some(addresses) = stanza.children().find(|child| child.is(ADDRESSES, "addresses")) {
            Some(Recipients::Members(addressees(addresses, to.as_ref())))
        } else {
            to.clone().or_else(|| own.clone().filter(|_| !outgoing)).map(Recipients::One)
        };
        Parties { sender, recipients, own, sent: (outgoing || unknown) && !forwarded, room, from, to }
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.occupants.len() + self.rooms.iter().map(|(_, room)| room.members.len() + 1).sum::<usize>()
    }
}

/// Who a message is for besides its `to`, which may be only the service that hands it on.
fn addressees<'a>(addresses: Element<'a>, to: Option<&Account<'a>>) -> Vec<Account<'a>> {
    let named = addresses.children().filter(|address| matches!(address.attr("type"), Some("to" | "cc" | "bcc")));
    let mut all: Vec<Account<'a>> = named.filter_map(|address| address.attr("jid")).take(MAX_MEMBERS).map(Account::of).collect();
    all.extend(to.filter(|to| Jid::split(&to.name).localpart().is_some() || all.is_empty()).cloned());
    all
}
