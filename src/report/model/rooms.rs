//! What the server knows of rooms: who is in them, as what, under which real address, and how they are set up.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::clip;
use super::place::Places;
use super::{At, Value};
use crate::report::read::ReadStanza;
use crate::xmpp::Direction;

/// Rooms that are told apart.
const MAX_ROOMS: usize = 512;
/// Occupants and members that are told apart per room.
const MAX_OCCUPANTS: usize = 512;
/// Settings that are kept per room.
const MAX_SETTINGS: usize = 32;

/// Somebody in a room.
#[derive(Debug, Clone, Default)]
pub struct Occupant {
    /// Affiliation: owner, admin, member, none, outcast.
    pub affiliation: Option<String>,
    /// Role: moderator, participant, visitor, none.
    pub role: Option<String>,
    /// Real address, when the room shows it.
    pub real: Option<String>,
    /// Stable id that the room gave (XEP-0421).
    pub stable_id: Option<String>,
    /// Messages seen.
    pub messages: u64,
    /// Records.
    pub places: Places,
}

/// A room.
#[derive(Debug, Clone, Default)]
pub struct Room {
    /// Accounts that joined, with the nick and the records.
    pub joined: BTreeMap<String, (String, Places)>,
    /// Occupants by nick.
    pub occupants: BTreeMap<String, Occupant>,
    /// Members by address: affiliation and records.
    pub members: BTreeMap<String, (String, Places)>,
    /// Settings by field: the latest value and the records.
    pub settings: BTreeMap<String, (String, Places)>,
    /// Status codes that the room gave.
    pub codes: BTreeMap<String, Places>,
    /// Messages with content from the client.
    pub sent: u64,
    /// Messages with content to the client.
    pub received: u64,
    /// Messages of the room's history.
    pub history: u64,
    /// Every record about it.
    pub places: Places,
    /// First and last time, as written.
    pub span: Option<(String, String)>,
    /// Occupants and members beyond the limit.
    pub overflow: u64,
}

impl Room {
    /// Whether occupants see each other's real addresses.
    pub fn shows_addresses(&self) -> bool {
        self.codes.contains_key("100")
            || self.settings.get("muc.config.whois").is_some_and(|(value, _)| value == "anyone")
            || self.occupants.values().any(|occupant| occupant.real.is_some())
    }

    /// Different people, by real address where it is known.
    pub fn people(&self) -> usize {
        let mut people: BTreeSet<&str> = self.members.keys().map(String::as_str).collect();
        people.extend(self.occupants.iter().map(|(nick, occupant)| occupant.real.as_deref().unwrap_or(nick)));
        people.len()
    }
}

/// All rooms.
#[derive(Debug, Clone, Default)]
pub struct Rooms {
    rooms: BTreeMap<String, Room>,
    /// Records about rooms beyond the limit.
    pub overflow: u64,
}

/// Rows whose value is the address of the room that a stanza is about.
const ADDRESSES: &[&str] = &[
    "muc.join.room",
    "muc.occupant.address",
    "muc.message.room",
    "muc.message.sender",
    "muc.admin.room",
    "muc.config.room",
    "muc.leave",
    "muc.direct_invite.room",
    "mix.join.channel",
];

impl Rooms {
    /// Rooms by address.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Room)> {
        self.rooms.iter().map(|(address, room)| (address.as_str(), room))
    }

    /// Whether an address is a room's.
    pub fn contains(&self, address: &str) -> bool {
        self.rooms.contains_key(address)
    }

    /// A room.
    pub fn get(&self, address: &str) -> Option<&Room> {
        self.rooms.get(address)
    }

    /// Number of rooms.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether there is no room.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    pub(super) fn stanza(&mut self, at: &At<'_>, stanza: &ReadStanza<'_>, values: &[Value<'_>]) {
        let named = values.iter().find(|value| ADDRESSES.contains(&value.row.id.as_str()));
        let sender = values.iter().find(|value| matches!(value.row.id.as_str(), "message.from" | "stanza.from" | "stanza.to"));
        let address = match (named, sender) {
            (Some(value), _) => value.bare(),
            (None, Some(value)) if self.rooms.contains_key(value.bare()) => value.bare(),
            _ => return,
        };
        let address = clip(address, 1024);
        if !self.rooms.contains_key(address) {
            if self.rooms.len() >= MAX_ROOMS {
                self.overflow += 1;
                return;
            }
            self.rooms.insert(address.to_owned(), Room::default());
        }
        let Some(room) = self.rooms.get_mut(address) else { return };
        room.places.add(at.place);
        if let Some(ts) = at.ts {
            match &mut room.span {
                Some((_, last)) => ts.clone_into(last),
                span => *span = Some((ts.to_owned(), ts.to_owned())),
            }
        }
        if stanza.verdict.is_some() {
            let history = values.iter().any(|value| value.via().is_some());
            match at.direction {
                _ if history => room.history += 1,
                Some(Direction::ClientToServer) => room.sent += 1,
                _ => room.received += 1,
            }
        }
        room.occupant(at, stanza, values);
        room.others(at, values);
    }
}

impl Room {
    fn occupant(&mut self, at: &At<'_>, stanza: &ReadStanza<'_>, values: &[Value<'_>]) {
        let named = values.iter().find(|value| matches!(value.row.id.as_str(), "muc.occupant.address" | "muc.message.sender"));
        let Some(nick) = named.and_then(Value::resource) else { return };
        if !self.occupants.contains_key(nick) && self.occupants.len() >= MAX_OCCUPANTS {
            self.overflow += 1;
            return;
        }
        let occupant = self.occupants.entry(clip(nick, 256).to_owned()).or_default();
        occupant.places.add(at.place);
        occupant.messages += u64::from(stanza.verdict.is_some());
        for value in values {
            let text = || Some(clip(&value.exposure.value, 256).to_owned());
            match value.row.id.as_str() {
                "muc.occupant.affiliation" => occupant.affiliation = text(),
                "muc.occupant.role" => occupant.role = text(),
                "muc.occupant.real_jid" => occupant.real = Some(clip(value.bare(), 256).to_owned()),
                "muc.occupant_id.presence" => occupant.stable_id = text(),
                _ => {}
            }
        }
    }

    fn others(&mut self, at: &At<'_>, values: &[Value<'_>]) {
        for value in values {
            let id = value.row.id.as_str();
            match id {
                "muc.join.nick" => {
                    let account = at.account.unwrap_or("").to_owned();
                    let (nick, places) = self.joined.entry(account).or_default();
                    clip(&value.exposure.value, 256).clone_into(nick);
                    places.add(at.place);
                }
                "muc.member.jid" | "muc.admin.item.jid" => {
                    if !self.members.contains_key(value.bare()) && self.members.len() >= MAX_OCCUPANTS {
                        self.overflow += 1;
                        continue;
                    }
                    let member = |other: &&Value<'_>| other.element == value.element && other.row.id.ends_with(".affiliation");
                    let affiliation = values.iter().find(member).map_or("", |other| &other.exposure.value);
                    let (had, places) = self.members.entry(clip(value.bare(), 256).to_owned()).or_default();
                    clip(affiliation, 64).clone_into(had);
                    places.add(at.place);
                }
                "muc.status_code" | "muc.status_code.message" if self.codes.len() < MAX_SETTINGS => {
                    self.codes.entry(clip(&value.exposure.value, 16).to_owned()).or_default().add(at.place);
                }
                _ if id.starts_with("muc.config.")
                    && !matches!(id, "muc.config.room" | "muc.config.field")
                    && self.settings.len() < MAX_SETTINGS =>
                {
                    let (had, places) = self.settings.entry(id.to_owned()).or_default();
                    clip(&value.exposure.value, 256).clone_into(had);
                    places.add(at.place);
                }
                _ => {}
            }
        }
    }
}
