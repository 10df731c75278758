//! What a session knows: who the account is, whom it knows, which rooms it is in. What it knows of devices is in `opacity`.

use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;
use rustc_hash::{FxHashMap, FxHashSet};

use super::way;
use crate::catalog::Known;
use crate::xmpp::Direction;
use crate::xmpp::element::Element;
use crate::xmpp::jid::{Jid, normalised_bare};
use crate::xmpp::names::Sym;

/// A hostile server must not be able to fill the memory: beyond this many entries nothing is added.
const MAX_ENTRIES: usize = 100_000;
/// Requests waiting for an answer.
const MAX_PENDING: usize = 4096;

/// Session memory.
#[derive(Debug, Default)]
pub struct Memory {
    /// Bare address of the account, normalised, once known.
    pub own: Option<String>,
    /// The server said so.
    bound: bool,
    /// Resource that was bound.
    pub resource: Option<String>,
    /// Addresses named as accounts under test.
    pub accounts: Vec<String>,
    roster: FxHashSet<String>,
    rooms: FxHashSet<String>,
    /// Conversations with a message that was end-to-end encrypted, by direction.
    encrypted: [FxHashSet<String>; 2],
    /// By a hash of the requested party, the id and the direction of the request: an id may be long, and waits only to be compared.
    pending: FxHashMap<u64, Request>,
    /// Nobody but this process knows which requests have the same hash.
    keys: RandomState,
}

/// An IQ that waits for its answer.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// `seq` of its record.
    pub seq: u64,
    /// Its payload.
    pub payload: Sym,
}

/// What the session knows about the other party of a stanza.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Peer {
    /// A room, or somebody in it.
    pub room: bool,
    /// The own account.
    pub own: bool,
    /// The own server.
    pub server: bool,
    /// On the roster.
    pub contact: bool,
}

impl Memory {
    /// Knows nothing but the accounts under test.
    pub fn new(accounts: &[String]) -> Memory {
        let accounts: Vec<String> = accounts.iter().map(|a| normalised_bare(a).into_owned()).collect();
        Memory { own: (accounts.len() == 1).then(|| accounts[0].clone()), accounts, ..Memory::default() }
    }

    /// Whether this is the session's own account; before that is known, whether it is one of the accounts under test.
    pub fn is_own(&self, address: &str) -> bool {
        self.is_own_bare(&normalised_bare(address))
    }

    /// The same for an address that is normalised already.
    pub fn is_own_bare(&self, bare: &str) -> bool {
        match self.own.as_deref() {
            Some(own) => own == bare,
            None => self.accounts.iter().any(|account| account == bare),
        }
    }

    /// Whether a message of this conversation was encrypted before, in this direction.
    pub fn encrypted_with(&self, address: &str, direction: Direction) -> bool {
        self.encrypted[direction.index()].contains(address)
    }

    /// A message of this conversation is encrypted.
    pub fn remember_encrypted(&mut self, address: &str, direction: Direction) {
        let known = &mut self.encrypted[direction.index()];
        add(known, address);
    }

    /// Whether this is a room the account joined.
    pub fn is_room(&self, address: &str) -> bool {
        !self.rooms.is_empty() && self.rooms.contains(&*normalised_bare(address))
    }

    /// Whether this is on the roster.
    pub fn is_contact(&self, address: &str) -> bool {
        !self.roster.is_empty() && self.roster.contains(&*normalised_bare(address))
    }

    /// The other party of a stanza, as far as the session knows it.
    pub fn peer(&self, stanza: Element<'_>, direction: Option<Direction>, known: &Known) -> Peer {
        let (to, from) = (stanza.attr("to"), stanza.attr("from"));
        let address = match direction {
            Some(Direction::ClientToServer) => to,
            Some(Direction::ServerToClient) => from,
            None => match (from, to) {
                (Some(from), Some(to)) if self.is_own(from) => Some(to),
                (Some(from), Some(_)) => Some(from),
                (from, to) => from.or(to),
            },
        };
        let Some(address) = address else {
            return Peer { server: true, ..Peer::default() };
        };
        let (jid, bare) = (Jid::split(address), normalised_bare(address));
        let own_domain = || self.own.as_deref().map(|own| Jid::split(own).domainpart());
        let groupchat = stanza.sym() == known.message && stanza.attr("type") == Some("groupchat");
        Peer {
            room: groupchat
                || self.rooms.contains(&*bare)
                || stanza.children().any(|child| [known.muc_join, known.muc_user].contains(&child.sym())),
            own: self.is_own_bare(&bare),
            server: jid.localpart().is_none() && own_domain().is_some_and(|own| own.eq_ignore_ascii_case(jid.domainpart())),
            contact: self.roster.contains(&*bare),
        }
    }

    /// Which way a stanza went: as one was told, or as it shows by itself.
    pub fn way(&self, stanza: Element<'_>, direction: Option<Direction>) -> Option<Direction> {
        let knows = self.own.is_some() || !self.accounts.is_empty();
        direction.or_else(|| way::shown(stanza, |address| knows.then(|| self.is_own(address))))
    }

    /// Learns from a stanza. Without a direction only what the stanza itself proves is taken as the account's own.
    pub fn learn(&mut self, stanza: Element<'_>, direction: Option<Direction>, known: &Known) {
        if self.own.is_none() {
            self.learn_own(stanza, direction);
        }
        let sym = stanza.sym();
        if sym == known.iq {
            self.learn_iq(stanza, direction, known);
        } else if sym == known.presence {
            self.learn_presence(stanza, direction, known);
        } else if sym == known.sasl2_success {
            if let Some(identifier) = stanza.child(known.sasl2_identifier) {
                self.bind(identifier.own_text().trim());
            }
        } else if sym == known.message && stanza.attr("type") == Some("groupchat") {
            let room = if direction == Some(Direction::ServerToClient) { stanza.attr("from") } else { stanza.attr("to") };
            self.add_room(room);
        }
    }

    fn learn_iq(&mut self, iq: Element<'_>, direction: Option<Direction>, known: &Known) {
        if iq.child(known.bind).is_some()
            && let Some(jid) = way::bound_address(iq, direction)
        {
            self.bind(jid.trim());
        }
        if let Some(query) = iq.child(known.roster_query) {
            for item in query.children().filter(|child| child.sym() == known.roster_item) {
                let Some(jid) = item.attr("jid").map(normalised_bare) else { continue };
                if item.attr("subscription") == Some("remove") {
                    self.roster.remove(&*jid);
                } else {
                    add(&mut self.roster, &jid);
                }
            }
        }
    }

    fn learn_presence(&mut self, presence: Element<'_>, direction: Option<Direction>, known: &Known) {
        if direction == Some(Direction::ServerToClient) {
            if presence.child(known.muc_user).is_some() {
                self.add_room(presence.attr("from"));
            }
        } else if presence.attr("type").is_none() && presence.child(known.muc_join).is_some() {
            self.add_room(presence.attr("to"));
        }
    }

    /// Whose session it is, before the server has said so. Of several accounts under test it has to be one.
    fn learn_own(&mut self, stanza: Element<'_>, direction: Option<Direction>) {
        let Some(direction) = self.way(stanza, direction) else { return };
        let Some(address) = way::own_address(stanza, direction) else { return };
        if self.accounts.is_empty() || self.is_own(address) {
            self.set_own(address);
        }
    }

    /// The server says whose session it is: that overrules what was shown or told, and nothing later overrules it but the same account.
    fn bind(&mut self, address: &str) {
        if !self.bound || self.is_own(address) {
            self.bound = true;
            self.set_own(address);
        }
    }

    fn set_own(&mut self, address: &str) {
        if address.is_empty() {
            return;
        }
        self.own = Some(normalised_bare(address).into_owned());
        self.resource = Jid::split(address).resourcepart().map(str::to_owned);
    }

    fn add_room(&mut self, address: Option<&str>) {
        if let Some(address) = address {
            add(&mut self.rooms, &normalised_bare(address));
        }
    }

    /// Remembers a request, or finds the one that an answer belongs to. Returns the request that `iq` answers.
    pub fn link(&mut self, iq: Element<'_>, direction: Direction, seq: u64) -> Option<Request> {
        let id = iq.attr("id")?;
        // The own server may answer for the account with or without an address.
        let peer = match direction {
            Direction::ClientToServer => iq.attr("to"),
            Direction::ServerToClient => iq.attr("from"),
        };
        let peer = peer.map(normalised_bare).filter(|peer| Some(&**peer) != self.own.as_deref()).unwrap_or_default();
        let key = |asked: Direction| self.keys.hash_one((&*peer, asked.index(), id));
        match iq.attr("type") {
            Some("get" | "set") => {
                if self.pending.len() >= MAX_PENDING {
                    self.pending.clear();
                }
                let payload = iq.children().next().map_or(Sym::UNKNOWN, Element::sym);
                self.pending.insert(key(direction), Request { seq, payload });
                None
            }
            Some("result" | "error") => self.pending.remove(&key(Direction::BOTH[1 - direction.index()])),
            _ => None,
        }
    }
}

/// Adds an address, unless there are too many.
fn add(addresses: &mut FxHashSet<String>, bare: &str) {
    if addresses.len() < MAX_ENTRIES && !addresses.contains(bare) {
        addresses.insert(bare.to_owned());
    }
}
