//! What a session has taught the rules: who is entitled to what, which rooms, which devices, what was encrypted.
//!
//! Learned from the stanzas themselves, redacted ones included, and bounded: beyond [`MAX_ENTRIES`] nothing is added.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::asked::{Asked, Question};
use super::device_lists::{DeviceLists, family};
use super::names::{
    BIND, CLIENT, DISCO_INFO, MUC, MUC_ADMIN, MUC_USER, OMEMO, OPENPGP, PGP_ENCRYPTED, PUBSUB, PUBSUB_EVENT, ROSTER, SASL, SASL2, STREAM,
};
use super::seen::{Facts, child};
use super::shared::Shared;
use super::{Judged, Sight};
use crate::audit::way;
use crate::record::Verdict;
use crate::xmpp::Direction;
use crate::xmpp::element::Element;
use crate::xmpp::jid::{Jid, normalised_bare};

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

    /// Learns whose session it is, before the server has said so; and before the rules see the stanza. Of several accounts under test it has
    /// to be one.
    pub(super) fn learn_own(&mut self, sight: &Sight<'_>) {
        if self.own.is_some() {
            return;
        }
        let Some(direction) = self.way(sight.stanza, sight.direction) else { return };
        let Some(address) = way::own_address(sight.stanza, direction) else { return };
        if self.accounts.is_empty() || self.is_own(address) {
            self.set_own(address);
        }
    }

    /// Learns from a stanza, after the rules have seen it.
    pub(super) fn learn(&mut self, seen: &Lesson<'_>) {
        let stanza = seen.stanza;
        match stanza.local() {
            "iq" => self.learn_iq(stanza, seen),
            "presence" => self.learn_presence(stanza, seen),
            "message" => self.learn_message(stanza, seen),
            "success" if stanza.uri() == SASL2 => {
                if let Some(identifier) = child(stanza, SASL2, "authorization-identifier") {
                    self.bind(identifier.own_text().trim());
                }
            }
            "features" if stanza.uri() == STREAM && !seen.sent => self.learn_mechanisms(stanza),
            _ => {}
        }
        for pubsub in stanza.children().filter(|child| child.is_in(PUBSUB) || child.is_in(PUBSUB_EVENT)) {
            self.learn_devices(pubsub, seen);
        }
    }

    fn learn_iq(&mut self, iq: Element<'_>, seen: &Lesson<'_>) {
        let sent = seen.sent;
        if sent {
            self.asked.keep(iq, seen.peer.unwrap_or_default());
        } else if let Some(question) = self.asked.take(iq, seen.peer.unwrap_or_default()) {
            self.learn_answer(iq, question, seen);
        }
        if !sent && let Some(jid) = way::bound_address(iq, None) {
            self.bind(jid.trim());
        }
        let from_own_server = || iq.attr("from").is_none_or(|from| self.is_own(from) || self.is_own_server(from));
        if let Some(query) = child(iq, ROSTER, "query").filter(|_| !sent && from_own_server()) {
            self.roster_seen = true;
            for item in query.children().filter(|item| item.local() == "item") {
                let Some(jid) = item.attr("jid").map(normalised_bare) else { continue };
                let subscription = item.attr("subscription").unwrap_or("none");
                let contact = Contact { sees_us: matches!(subscription, "from" | "both") };
                if subscription == "remove" {
                    if self.roster.remove(&*jid).is_some() {
                        forget_host(&mut self.hosts, &jid);
                    }
                } else if self.roster.len() >= MAX_ENTRIES {
                    // What is known already is not changed either.
                } else if let Some(known) = self.roster.get_mut(&*jid) {
                    *known = contact;
                } else {
                    remember_host(&mut self.hosts, &jid);
                    self.roster.insert(jid.into_owned(), contact);
                }
            }
        }
        if let Some(query) = child(iq, DISCO_INFO, "query").filter(|query| !sent && query.attr("node").is_none()) {
            self.learn_features(iq.attr("from"), query);
        }
        if let Some(query) = child(iq, MUC_ADMIN, "query")
            && let Some(room) = seen.peer
        {
            for item in query.children().filter(|item| item.local() == "item") {
                self.learn_affiliation(room, item);
            }
        }
    }

    /// What the answer to a question says by holding nothing.
    fn learn_answer(&mut self, iq: Element<'_>, question: Question, seen: &Lesson<'_>) {
        let refused = iq.attr("type") == Some("error");
        match question {
            Question::Devices(family) if refused => {
                let missing = |error: Element<'_>| error.children().any(|condition| condition.local() == "item-not-found");
                let Some(owner) = seen.peer.or(self.own.as_deref()) else { return };
                if child(iq, CLIENT, "error").is_some_and(missing) {
                    self.devices.set(family, owner, Vec::new());
                    self.forget_encrypted(owner);
                }
            }
            Question::People(list) if !refused => {
                if let Some(room) = seen.peer.and_then(|room| self.room(room)) {
                    room.lists |= list;
                }
            }
            _ => {}
        }
    }

    /// Somebody who has no device any more cannot be written to as before, in no session.
    fn forget_encrypted(&self, owner: &str) {
        if let Some(own) = self.own.as_deref().filter(|_| !self.devices.any(owner)) {
            self.shared.forget(ENCRYPTED, (own, owner));
        }
    }

    fn learn_features(&mut self, from: Option<&str>, query: Element<'_>) {
        let has = |feature: &str| query.children().any(|child| child.local() == "feature" && child.attr("var") == Some(feature));
        let is = |category: &str, kind: &str| {
            let identity = |child: Element<'_>| child.local() == "identity" && child.attr("category") == Some(category);
            query.children().any(|child| identity(child) && (kind.is_empty() || child.attr("type") == Some(kind)))
        };
        let options = has("http://jabber.org/protocol/pubsub#publish-options");
        if from.is_none_or(|from| self.is_own(from)) {
            // Only an answer that speaks of nodes at all says something about them.
            if options || is("pubsub", "pep") {
                self.publish_options[0] = Some(options);
            }
        } else if let Some(from) = from {
            if self.is_own_server(from) && (options || is("pubsub", "pep") || has("http://jabber.org/protocol/pubsub#publish")) {
                self.publish_options[1] = Some(options || self.publish_options[1] == Some(true));
            }
            if Jid::split(from).localpart().is_some() && is("conference", "") && self.room_kinds.len() < MAX_ENTRIES {
                let kind =
                    RoomKind { members_only: has("muc_membersonly"), listed: has("muc_public"), shows_addresses: has("muc_nonanonymous") };
                self.room_kinds.insert(normalised_bare(from).into_owned(), kind);
            }
        }
    }

    fn learn_presence(&mut self, presence: Element<'_>, seen: &Lesson<'_>) {
        let kind = presence.attr("type");
        if seen.sent {
            match (seen.peer, kind) {
                (None, None) => {
                    let show = presence.children().find(|child| child.local() == "show").map(|show| show.own_text());
                    let away = matches!(show.as_deref().map(str::trim), Some("away" | "xa"));
                    self.away = away.then_some(Away { number: seen.number, wrote_since: false });
                }
                (Some(to), None) if child(presence, MUC, "x").is_some() => _ = self.room(to),
                (Some(to), None | Some("subscribed")) => add(&mut self.shown_presence_to, to),
                (Some(to), Some("unavailable" | "unsubscribed")) => _ = self.shown_presence_to.remove(to),
                _ => {}
            }
        } else if let (Some(from), Some(user)) = (seen.peer, child(presence, MUC_USER, "x")) {
            self.room(from);
            for item in user.children().filter(|item| item.local() == "item") {
                self.learn_affiliation(from, item);
            }
        }
    }

    fn learn_message(&mut self, message: Element<'_>, seen: &Lesson<'_>) {
        if let (true, Some(to), Some(_)) = (seen.sent, seen.peer, seen.verdict) {
            add(&mut self.wrote_to, to);
        }
        if let (true, Some(_), Some(away)) = (seen.sent, seen.verdict, self.away.as_mut()) {
            away.wrote_since = true;
        }
        if let (false, Some(from), Some(user)) = (seen.sent, seen.peer, child(message, MUC_USER, "x")) {
            for item in user.children().filter(|item| item.local() == "item") {
                self.learn_affiliation(from, item);
            }
        }
        if let (Some(conversation), Some(verdict)) = (seen.conversation, seen.verdict)
            && verdict.body != Verdict::NotEncrypted
            && let Some(system) = message.children().find_map(system).or_else(|| verdict.rules.contains(&"O2").then_some("otr"))
        {
            let known = &mut self.encrypted[usize::from(!seen.sent)];
            let encrypted = Encrypted { number: seen.number, system, clear_since: false };
            if let Some(last) = known.get_mut(conversation) {
                *last = encrypted;
            } else if known.len() < MAX_ENTRIES {
                known.insert(conversation.to_owned(), encrypted);
                if let Some(own) = self.own.as_deref().filter(|_| seen.sent) {
                    self.shared.show(ENCRYPTED, (own, conversation), own);
                }
            }
            if seen.sent {
                self.encrypted_last = Some(encrypted);
            }
        } else if let (Some(conversation), Some(verdict)) = (seen.conversation, seen.verdict)
            && verdict.rules.contains(&"N1")
            && let Some(last) = self.encrypted[usize::from(!seen.sent)].get_mut(conversation)
        {
            last.clear_since |= child(message, CLIENT, "body").is_some();
        }
    }

    fn learn_devices(&mut self, pubsub: Element<'_>, seen: &Lesson<'_>) {
        let Some(owner) = seen.peer.or(self.own.as_deref()) else { return };
        let kind = seen.stanza.attr("type");
        if kind == Some("error") {
            return;
        }
        let had_devices = self.devices.any(owner);
        self.devices.learn(pubsub, owner, !seen.sent && kind == Some("result"));
        if had_devices {
            self.forget_encrypted(owner);
        }
    }

    fn learn_mechanisms(&mut self, features: Element<'_>) {
        let lists =
            features.children().filter(|list| matches!((list.uri(), list.local()), (SASL, "mechanisms") | (SASL2, "authentication")));
        let offered: Vec<String> = lists
            .flat_map(Element::children)
            .filter(|mechanism| mechanism.local() == "mechanism")
            .map(|mechanism| mechanism.own_text().trim().to_owned())
            .take(100)
            .collect();
        if !offered.is_empty() {
            self.mechanisms = offered;
        }
    }

    fn learn_affiliation(&mut self, room: &str, item: Element<'_>) {
        let (Some(jid), Some(affiliation)) = (item.attr("jid"), item.attr("affiliation")) else { return };
        let affiliation = match affiliation {
            "owner" | "admin" | "member" => Affiliation::Member,
            "outcast" => Affiliation::Outcast,
            _ => Affiliation::None,
        };
        let full = self.people >= MAX_ENTRIES;
        let person = normalised_bare(jid);
        let Some(room) = self.room(room) else { return };
        room.shows_addresses = true;
        if let Some(known) = room.people.get_mut(&*person) {
            *known = affiliation;
        } else if !full {
            room.people.insert(person.into_owned(), affiliation);
            self.people += 1;
        }
    }

    /// A room, new or known. Takes its normalised address.
    fn room(&mut self, bare: &str) -> Option<&mut Room> {
        if !self.rooms.contains_key(bare) {
            if self.rooms.len() >= MAX_ENTRIES {
                return None;
            }
            remember_host(&mut self.hosts, bare);
            self.rooms.insert(bare.to_owned(), Room::default());
        }
        self.rooms.get_mut(bare)
    }

    /// The server says whose session it is: that overrules what was shown or told, and nothing later overrules it.
    fn bind(&mut self, address: &str) {
        if !self.bound && !address.is_empty() {
            self.bound = true;
            self.set_own(address);
        }
    }

    fn set_own(&mut self, address: &str) {
        if !address.is_empty() {
            self.own = Some(normalised_bare(address).into_owned());
        }
    }
}

/// Adds an address, unless there are too many.
fn add(addresses: &mut FxHashSet<String>, bare: &str) {
    if addresses.len() < MAX_ENTRIES && !addresses.contains(bare) {
        addresses.insert(bare.to_owned());
    }
}

fn remember_host(hosts: &mut FxHashMap<String, usize>, bare: &str) {
    let host = Jid::split(bare).domainpart();
    match hosts.get_mut(host) {
        Some(count) => *count += 1,
        None => _ = hosts.insert(host.to_owned(), 1),
    }
}

fn forget_host(hosts: &mut FxHashMap<String, usize>, bare: &str) {
    let host = Jid::split(bare).domainpart();
    if let Some(count) = hosts.get_mut(host) {
        *count -= 1;
        if *count == 0 {
            hosts.remove(host);
        }
    }
}

/// The system of an encryption container.
fn system(container: Element<'_>) -> Option<&'static str> {
    match container.local() {
        "encrypted" => OMEMO.into_iter().find(|omemo| container.is_in(omemo)),
        "openpgp" => Some(OPENPGP).filter(|openpgp| container.is_in(openpgp)),
        "x" => Some(PGP_ENCRYPTED).filter(|pgp| container.is_in(pgp)),
        _ => None,
    }
}

/// What learning needs of a stanza, without the world that learns.
#[derive(Debug)]
pub(super) struct Lesson<'a> {
    pub stanza: Element<'a>,
    pub sent: bool,
    /// Whom it is to, or from, normalised.
    pub peer: Option<&'a str>,
    pub verdict: Option<Judged<'a>>,
    pub conversation: Option<&'a str>,
    pub number: u64,
}

impl<'a> Lesson<'a> {
    pub fn of(sight: &Sight<'a>, facts: &'a Facts<'a>) -> Lesson<'a> {
        Lesson {
            stanza: sight.stanza,
            sent: facts.sent,
            peer: facts.peer_bare.as_deref(),
            verdict: sight.verdict,
            conversation: sight.conversation,
            number: sight.number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_known_as_long_as_somebody_is_there() {
        let mut hosts = FxHashMap::default();
        for bare in ["ann@a.example", "ben@a.example", "harbour@rooms.example"] {
            remember_host(&mut hosts, bare);
        }
        forget_host(&mut hosts, "ann@a.example");
        assert!(hosts.contains_key("a.example"));
        forget_host(&mut hosts, "ben@a.example");
        assert!(!hosts.contains_key("a.example") && hosts.contains_key("rooms.example"));
    }
}
