//! How the world learns: from each stanza after the rules have seen it, and whose session it is before.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Affiliation, Away, Contact, ENCRYPTED, Encrypted, MAX_ENTRIES, Room, RoomKind, World};
use crate::audit::way;
use crate::record::Verdict;
use crate::rules::asked::Question;
use crate::rules::names::{
    CLIENT, DISCO_INFO, MUC, MUC_ADMIN, MUC_USER, OMEMO, OPENPGP, PGP_ENCRYPTED, PUBSUB, PUBSUB_EVENT, ROSTER, SASL, SASL2, STREAM,
};
use crate::rules::seen::{Facts, child};
use crate::rules::{Judged, Sight};
use crate::xmpp::Direction;
use crate::xmpp::element::Element;
use crate::xmpp::jid::{Jid, normalised_bare};

impl World {
    /// Learns whose session it is, before the server has said so; and before the rules see the stanza. Of several accounts under test it has
    /// to be one.
    pub(in crate::rules) fn learn_own(&mut self, sight: &Sight<'_>) {
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
    pub(in crate::rules) fn learn(&mut self, seen: &Lesson<'_>) {
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
        // What another device of the account said or heard belongs to the conversation too.
        let carbon = if seen.is_from_account(self) { way::carbon(message) } else { None };
        let (said, sent) = carbon.map_or((message, seen.sent), |(copied, way)| (copied, way == Direction::ClientToServer));
        if let (Some(conversation), Some(verdict)) = (seen.conversation, seen.verdict)
            && verdict.body != Verdict::NotEncrypted
            && let Some(system) = said.children().find_map(system).or_else(|| verdict.rules.contains(&"O2").then_some("otr"))
        {
            let known = &mut self.encrypted[usize::from(!sent)];
            let encrypted = Encrypted { number: seen.number, system, clear_since: false };
            if let Some(last) = known.get_mut(conversation) {
                *last = encrypted;
            } else if known.len() < MAX_ENTRIES {
                known.insert(conversation.to_owned(), encrypted);
                if let Some(own) = self.own.as_deref().filter(|_| sent) {
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
pub(in crate::rules) struct Lesson<'a> {
    pub stanza: Element<'a>,
    pub sent: bool,
    /// Whom it is to, or from, normalised.
    pub peer: Option<&'a str>,
    pub verdict: Option<Judged<'a>>,
    pub conversation: Option<&'a str>,
    pub number: u64,
}

impl<'a> Lesson<'a> {
    /// Whether the own account sent it to the client. It alone may send carbons (XEP-0280 §11).
    fn is_from_account(&self, world: &World) -> bool {
        !self.sent && self.peer.is_none_or(|peer| world.is_own_bare(peer))
    }

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
