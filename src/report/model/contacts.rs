//! Who knows whom, as the server sees it: for each account under test the addresses it deals with, and how.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::facts::clip;
use super::place::Places;
use super::{At, Value};
use crate::catalog::ValueType;
use crate::record::Verdict;
use crate::report::read::ReadStanza;
use crate::xmpp::Direction;
use crate::xmpp::jid::Jid;

/// Pairs of account and address that are told apart; a hostile peer can invent any number.
const MAX_CONTACTS: usize = 4096;
/// Groups and resources that are kept per contact.
const MAX_FEW: usize = 8;

/// One address, seen from one account.
#[derive(Debug, Clone, Default)]
pub struct Contact {
    /// Name in the roster.
    pub name: Option<String>,
    /// Subscription in the roster.
    pub subscription: Option<String>,
    /// Groups in the roster.
    pub groups: BTreeSet<String>,
    /// Resources, which tell its devices apart.
    pub resources: BTreeSet<String>,
    /// Messages with content that went there.
    pub sent: u64,
    /// Messages with content that came from there.
    pub received: u64,
    /// Messages with content that were seen as copies only.
    pub copies: u64,
    /// Presence that came from there.
    pub presences: u64,
    /// Every record that names it.
    pub places: Places,
    /// The roster entry.
    pub roster: Places,
    /// Requests to see each other's presence.
    pub asked: Places,
    /// Rooms in which its address was shown.
    pub in_rooms: BTreeSet<String>,
    /// Records with messages, by verdict.
    pub verdicts: BTreeMap<Verdict, Places>,
}

impl Contact {
    /// Messages both ways.
    pub fn messages(&self) -> u64 {
        self.sent + self.received
    }

    /// The worst verdict on a message.
    pub fn lowest(&self) -> Option<Verdict> {
        self.verdicts.keys().next().copied()
    }
}

/// Contacts by account.
#[derive(Debug, Clone, Default)]
pub struct Contacts {
    accounts: BTreeMap<String, FxHashMap<String, Contact>>,
    count: usize,
    /// Times an address beyond the limit was named.
    pub overflow: u64,
}

impl Contacts {
    pub(super) fn contact(&mut self, account: &str, address: &str) -> Option<&mut Contact> {
        if !self.accounts.contains_key(account) {
            if self.accounts.len() >= MAX_CONTACTS {
                return None;
            }
            self.accounts.insert(account.to_owned(), FxHashMap::default());
        }
        let known = self.accounts.get_mut(account)?;
        let address = clip(address, 1024);
        if !known.contains_key(address) {
            if self.count >= MAX_CONTACTS {
                self.overflow += 1;
                return None;
            }
            self.count += 1;
            known.insert(address.to_owned(), Contact::default());
        }
        known.get_mut(address)
    }

    /// Takes in a stanza: roster entries, messages, presence, requests.
    pub(super) fn stanza(&mut self, at: &At<'_>, stanza: &ReadStanza<'_>, values: &[Value<'_>]) {
        let account = at.account.unwrap_or("");
        // What stands on one item belongs together. Records without element numbers have only the order, in which the address comes first.
        let jids: Vec<(usize, u32, &str)> = values
            .iter()
            .enumerate()
            .filter(|(_, value)| value.row.id.as_str() == "roster.item.jid")
            .map(|(at, value)| (at, value.element, value.bare()))
            .collect();
        let numbered = jids.windows(2).all(|pair| pair[0].1 < pair[1].1);
        for (index, value) in values.iter().enumerate() {
            let id = value.row.id.as_str();
            let item = || {
                let before = jids.partition_point(|(at, element, _)| if numbered { *element <= value.element } else { *at <= index });
                jids.get(before.saturating_sub(1)).map(|(_, _, bare)| *bare)
            };
            if let Some(field) = id.strip_prefix("roster.item.")
                && let Some(address) = item()
                && let Some(contact) = self.contact(account, address)
            {
                let text = || clip(&value.exposure.value, 256).to_owned();
                match field {
                    "jid" => contact.roster.add(at.place),
                    "name" => contact.name = Some(text()),
                    "subscription" => contact.subscription = Some(text()),
                    "group" if contact.groups.len() < MAX_FEW => _ = contact.groups.insert(text()),
                    _ => {}
                }
            }
            self.named(at, account, id, value, values);
        }
        if let (Some(verdict), Some(with)) = (&stanza.verdict, stanza.conversation.as_deref()) {
            let copy = values.iter().any(|value| value.via().is_some_and(is_copy));
            if let Some(contact) = self.contact(account, with) {
                match at.direction {
                    _ if copy => contact.copies += 1,
                    Some(Direction::ClientToServer) => contact.sent += 1,
                    _ => contact.received += 1,
                }
                let known = Verdict::ALL.iter().copied().find(|known| known.name() == verdict.body).unwrap_or(Verdict::Suspect);
                if !copy {
                    contact.verdicts.entry(known).or_default().add(at.place);
                }
            }
        }
    }

    /// An address in a stanza makes a contact when it has a localpart and is not the account itself.
    fn named(&mut self, at: &At<'_>, account: &str, id: &str, value: &Value<'_>, values: &[Value<'_>]) {
        if value.row.value_type != ValueType::Jid || value.exposure.derived || id == "stanza.to.own" {
            return;
        }
        let bare = value.bare();
        if Jid::split(bare).localpart().is_none() || bare == account {
            return;
        }
        let Some(contact) = self.contact(account, bare) else { return };
        if value.via().is_none() {
            contact.places.add(at.place);
        }
        let few = |set: &mut BTreeSet<String>, text: &str| {
            if set.len() < MAX_FEW {
                set.insert(clip(text, 256).to_owned());
            }
        };
        if id == "muc.occupant.real_jid" || id == "muc.member.jid" {
            let room = values.iter().find(|value| matches!(value.row.id.as_str(), "muc.occupant.address" | "message.from"));
            if let Some(room) = room {
                few(&mut contact.in_rooms, room.bare());
            }
        }
        if id.starts_with("presence.contact.") && at.direction == Some(Direction::ServerToClient) {
            contact.presences += 1;
        }
        if id.starts_with("subscription.") {
            contact.asked.add(at.place);
        }
        let says_where = id.starts_with("presence.") || id.starts_with("message.") || id == "muc.occupant.real_jid";
        if let (true, Some(resource)) = (says_where, value.exposure.typed.as_ref().and_then(|typed| typed.resource.as_deref())) {
            few(&mut contact.resources, resource);
        }
    }

    /// Accounts with what they deal with: rooms and services included, the busiest first.
    pub fn by_account(&self) -> impl Iterator<Item = (&str, Vec<(&str, &Contact)>)> {
        self.accounts.iter().map(|(account, known)| {
            let mut known: Vec<(&str, &Contact)> = known.iter().map(|(address, contact)| (address.as_str(), contact)).collect();
            known.sort_by(|a, b| {
                let busy = |contact: &Contact| (contact.messages(), contact.copies, contact.places.count);
                busy(b.1).cmp(&busy(a.1)).then(a.0.cmp(b.0))
            });
            (account.as_str(), known)
        })
    }

    /// Different addresses over all accounts, each other's included.
    pub fn addresses(&self) -> BTreeSet<&str> {
        self.accounts
            .iter()
            .flat_map(|(account, known)| known.keys().filter(move |address| *address != account).map(String::as_str))
            .collect()
    }

    /// Records with messages of one verdict, over all conversations.
    pub fn with_verdict(&self, verdict: Verdict) -> Places {
        let mut places = Places::default();
        for contact in self.by_account().flat_map(|(_, known)| known) {
            if let Some(more) = contact.1.verdicts.get(&verdict) {
                places.extend(more);
            }
        }
        places
    }

    /// Records with messages of one verdict, by address.
    pub fn verdict_places(&self, address: &str, verdict: Verdict) -> Places {
        let mut places = Places::default();
        for contact in self.accounts.values().filter_map(|known| known.get(address)) {
            if let Some(more) = contact.verdicts.get(&verdict) {
                places.extend(more);
            }
        }
        places
    }
}

/// Whether a value came as a copy of a message, and not inside a new one.
pub(super) fn is_copy(via: &str) -> bool {
    matches!(via, "carbon_sent" | "carbon_received" | "archive" | "history")
}
