//! What a session has taught the rules: who is entitled to what, which rooms, which devices, what was encrypted.
//!
//! Learned from the stanzas themselves, redacted ones included, and bounded: beyond [`MAX_ENTRIES`] nothing is added.

mod learn;

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::asked::{Asked, Question};
use super::device_lists::{DeviceLists, family};
use super::names::{BIND, CLIENT, DISCO_INFO, MUC_ADMIN, PUBSUB, PUBSUB_EVENT, ROSTER, SASL2, STREAM};
use super::shared::Shared;
use crate::audit::way;
use crate::xmpp::Direction;
use crate::xmpp::element::Element;
use crate::xmpp::jid::{Jid, normalised_bare};

pub(super) use learn::Lesson;

/// Entries of each sort that are kept at most.
pub const MAX_ENTRIES: usize = 20_000;

/// A roster item, as far as it says who sees what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Contact {
    /// The contact sees the account's presence (subscription `from` or `both`).
    sees_us: bool,
}

/// What somebody is in a room (XEP-0045 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affiliation {
    /// Owner, admin or member.
    Member,
    /// No affiliation.
    None,
    /// Banned.
    Outcast,
}

#[derive(Debug, Default)]
struct Room {
    people: FxHashMap<String, Affiliation>,
    /// Whether somebody's real address was ever shown by it.
    shows_addresses: bool,
    /// Lists of people that were seen whole: bits of [`Question::EVERY_LIST`].
    lists: u8,
}

/// What a room says of itself (XEP-0045 §16.3): who gets in, and whether it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoomKind {
    /// Only members get in.
    pub members_only: bool,
    /// Everybody may find it in the list of rooms.
    pub listed: bool,
    /// Everybody in it sees the real addresses of the others.
    pub shows_addresses: bool,
}

/// When the account went away, and whether the person wrote something since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Away {
    /// Number of the presence.
    pub number: u64,
    /// Something was written since.
    pub wrote_since: bool,
}

/// A message that was end-to-end encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encrypted {
    /// Number of the last one.
    pub number: u64,
    /// Which system: the namespace of the container, or `otr`.
    pub system: &'static str,
    /// A readable message in the same direction came after it.
    pub clear_since: bool,
}

/// Sort of what sessions of a run know of each other: with whom an account exchanged encrypted messages.
const ENCRYPTED: &str = "encrypted";

/// What the session taught.
#[derive(Debug, Default)]
pub struct World {
    own: Option<String>,
    /// The server said so.
    bound: bool,
    accounts: Vec<String>,
    roster: FxHashMap<String, Contact>,
    roster_seen: bool,
    shown_presence_to: FxHashSet<String>,
    wrote_to: FxHashSet<String>,
    rooms: FxHashMap<String, Room>,
    /// People in all rooms together.
    people: usize,
    /// Servers of contacts and rooms, with how many of them are there.
    hosts: FxHashMap<String, usize>,
    room_kinds: FxHashMap<String, RoomKind>,
    away: Option<Away>,
    /// Whether the account's nodes, and its server, say that they honour publish-options.
    publish_options: [Option<bool>; 2],
    shared: Arc<Shared>,
    devices: DeviceLists,
    asked: Asked,
    encrypted: [FxHashMap<String, Encrypted>; 2],
    /// The last message that the client itself encrypted.
    encrypted_last: Option<Encrypted>,
    /// Login mechanisms last offered.
    mechanisms: Vec<String>,
    /// Whether the proxy took channel binding out of what the client was offered.
    binding_stripped: bool,
}

/// Elements the world learns from, by namespace and name. Messages and presences teach by themselves.
pub(super) const WATCHES: &[(&str, &str)] = &[
    (BIND, "bind"),
    (SASL2, "success"),
    (STREAM, "features"),
    (ROSTER, "query"),
    (PUBSUB, "pubsub"),
    (PUBSUB_EVENT, "event"),
    (MUC_ADMIN, "query"),
    (DISCO_INFO, "query"),
    (CLIENT, "message"),
    (CLIENT, "presence"),
    (CLIENT, "error"),
];

impl World {
    pub(super) fn new(accounts: &[String], shared: Arc<Shared>) -> World {
        let accounts: Vec<String> = accounts.iter().map(|account| normalised_bare(account).into_owned()).collect();
        World { own: (accounts.len() == 1).then(|| accounts[0].clone()), accounts, shared, ..World::default() }
    }

    /// What the sessions of the run know of each other.
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Bare address of the account, once known.
    pub fn own(&self) -> Option<&str> {
        self.own.as_deref()
    }

    /// Whether this is the own account.
    pub fn is_own(&self, address: &str) -> bool {
        self.is_own_bare(&normalised_bare(address))
    }

    /// The same for an address that is normalised already.
    pub(super) fn is_own_bare(&self, bare: &str) -> bool {
        match self.own.as_deref() {
            Some(own) => own == bare,
            None => self.accounts.iter().any(|account| account == bare),
        }
    }

    /// Which way a stanza went: as one was told, or as it shows by itself.
    pub(super) fn way(&self, stanza: Element<'_>, direction: Option<Direction>) -> Option<Direction> {
        let knows = self.own.is_some() || !self.accounts.is_empty();
        direction.or_else(|| way::shown(stanza, |address| knows.then(|| self.is_own(address))))
    }

    /// Whether this is the own server or a host below it.
    pub fn is_own_server(&self, address: &str) -> bool {
        let jid = Jid::split(address);
        let (Some(own), None) = (self.own.as_deref(), jid.localpart()) else { return false };
        let (own, host) = (Jid::split(own).domainpart(), jid.domainpart());
        host.len().checked_sub(own.len()).is_some_and(|at| {
            host.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(own)) && (at == 0 || host.as_bytes()[at - 1] == b'.')
        })
    }

    /// Whether this is a room the account joined, or somebody in it.
    pub fn is_room(&self, address: &str) -> bool {
        self.is_room_bare(&normalised_bare(address))
    }

    /// The same for an address that is normalised already.
    pub(super) fn is_room_bare(&self, bare: &str) -> bool {
        self.rooms.contains_key(bare)
    }

    /// Whether somebody may see the account's presence: by subscription, because it was sent to them, or because they share a room.
    pub fn sees_presence(&self, address: &str) -> bool {
        let bare = normalised_bare(address);
        self.is_own_bare(&bare)
            || self.roster.get(&*bare).is_some_and(|contact| contact.sees_us)
            || self.shown_presence_to.contains(&*bare)
            || self.rooms.contains_key(&*bare)
    }

    /// Whether somebody is not entitled to the account's presence. False as long as the roster was not seen: then nobody can tell.
    pub fn is_stranger(&self, address: &str) -> bool {
        self.roster_seen && !self.is_own_server(address) && !self.sees_presence(address) && !self.is_known_host(address)
    }

    /// Whether this is the server of a contact or of a room the account is in: not a person.
    fn is_known_host(&self, address: &str) -> bool {
        let jid = Jid::split(address);
        jid.localpart().is_none() && self.hosts.contains_key(&jid.domainpart().to_ascii_lowercase())
    }

    /// Whether somebody is on the roster, whatever the subscription.
    pub fn is_contact(&self, address: &str) -> bool {
        self.is_contact_bare(&normalised_bare(address))
    }

    /// The same for an address that is normalised already.
    pub(super) fn is_contact_bare(&self, bare: &str) -> bool {
        self.roster.contains_key(bare)
    }

    /// Whether the roster was seen.
    pub fn knows_roster(&self) -> bool {
        self.roster_seen
    }

    /// Whether the person wrote to this address in this session.
    pub fn wrote_to(&self, address: &str) -> bool {
        self.wrote_to.contains(&*normalised_bare(address))
    }

    /// Whether the account's last presence to everybody said away, or extended away.
    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// Since when the account is away.
    pub fn away(&self) -> Option<Away> {
        self.away
    }

    /// What a room said of itself, if it was asked.
    pub fn room_kind(&self, room: &str) -> Option<RoomKind> {
        self.room_kinds.get(&*normalised_bare(room)).copied()
    }

    /// Whether publish-options are honoured for the account's nodes; none when neither the account nor its server was asked.
    pub fn honours_publish_options(&self) -> Option<bool> {
        match self.publish_options {
            [None, None] => None,
            [account, server] => Some(account == Some(true) || server == Some(true)),
        }
    }

    /// Whether a room was seen that never showed a real address.
    pub fn hides_addresses(&self, room: &str) -> bool {
        self.rooms.get(&*normalised_bare(room)).is_some_and(|room| !room.shows_addresses)
    }

    /// Device ids last announced for an address in an OMEMO namespace, if a list was seen.
    pub fn devices(&self, address: &str, namespace: &str) -> Option<&[u32]> {
        self.devices.of(family(namespace)?, if address.is_empty() { self.own.as_deref()? } else { address })
    }

    /// Whether an address announced a device in any OMEMO namespace.
    pub fn has_devices(&self, address: &str) -> bool {
        let address = if address.is_empty() { self.own.as_deref() } else { Some(address) };
        address.is_some_and(|address| self.devices.any(address))
    }

    /// Whether somebody who was written to with a system cannot be any more: they removed their last device.
    pub fn cannot_decrypt(&self, address: &str, system: &str) -> bool {
        self.devices(address, system).is_some_and(<[u32]>::is_empty) && !self.devices.any(address)
    }

    /// Accounts that a device belongs to, in the family of an OMEMO namespace: it is on their last list, or their bundle for it was asked for.
    pub fn owners(&self, device: u32, namespace: &str) -> Vec<&str> {
        family(namespace).map_or_else(Vec::new, |family| self.devices.owners(family, device))
    }

    /// Whether everybody in a room could decrypt: only members get in, all see each other's address, and each that was seen has a device.
    pub fn can_all_decrypt(&self, room: &str) -> bool {
        let fit = self.room_kind(room).is_some_and(|kind| kind.members_only && kind.shows_addresses);
        let people = self.rooms.get(&*normalised_bare(room)).filter(|_| fit).map(|room| &room.people);
        people.is_some_and(|people| {
            let mut others = people.iter().filter(|(person, what)| **what == Affiliation::Member && !self.is_own_bare(person)).peekable();
            others.peek().is_some() && others.all(|(person, _)| self.devices.any(person))
        })
    }

    /// Whether somebody is known not to be a member of a room: by what was seen of them, or because every list was seen without them.
    pub fn is_no_member(&self, room: &str, person: &str) -> bool {
        let Some(room) = self.rooms.get(&*normalised_bare(room)) else { return false };
        match room.people.get(&*normalised_bare(person)) {
            Some(affiliation) => *affiliation != Affiliation::Member,
            None => room.lists == Question::EVERY_LIST,
        }
    }

    /// Whether the account wrote encrypted to somebody in any session of the run, and they had devices when one last heard of them.
    pub fn encrypted_in_any_session(&self, conversation: &str) -> bool {
        self.own.as_deref().is_some_and(|own| self.shared.who_showed(ENCRYPTED, (own, conversation)).is_some())
    }

    /// The last message of a conversation, in a direction, that was end-to-end encrypted.
    pub fn encrypted(&self, conversation: &str, direction: Direction) -> Option<Encrypted> {
        self.encrypted[direction.index()].get(conversation).copied()
    }

    /// The last encrypted message of a conversation in either direction.
    pub fn encrypted_at_all(&self, conversation: &str) -> Option<Encrypted> {
        Direction::BOTH.into_iter().filter_map(|direction| self.encrypted(conversation, direction)).max_by_key(|last| last.number)
    }

    /// Whether the account uses end-to-end encryption: the client encrypted a message in this session, or the account has OMEMO devices.
    pub fn encrypts(&self) -> bool {
        self.encrypted_last.is_some() || self.has_devices("")
    }

    /// The last message that the client encrypted, to anybody.
    pub fn encrypted_last(&self) -> Option<Encrypted> {
        self.encrypted_last
    }

    /// Login mechanisms that the server last offered; empty as long as no offer was seen.
    pub fn mechanisms(&self) -> &[String] {
        &self.mechanisms
    }

    /// Whether the proxy took channel binding out of what the server offered.
    pub fn binding_stripped(&self) -> bool {
        self.binding_stripped
    }

    /// Learns what the proxy did to the stream: the rules see what the server sent, the client what was left of it.
    pub(super) fn learn_intervention(&mut self, action: &str) {
        self.binding_stripped |= action == "channel_binding_stripped";
    }

    /// Entries kept, of all sorts together. Bounded whatever a session brings.
    pub fn entries(&self) -> usize {
        let encrypted: usize = self.encrypted.iter().map(FxHashMap::len).sum();
        let sets = self.roster.len() + self.shown_presence_to.len() + self.wrote_to.len() + self.rooms.len();
        sets + encrypted + self.people + self.devices.entries()
    }
}
