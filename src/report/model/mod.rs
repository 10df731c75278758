//! Everything a report says about a run, gathered in one pass over its records and in bounded memory.
//!
//! [`Model::read`] counts; it keeps names and numbers, and for each statement the first few records it rests on. Which of these a report
//! quotes is known once it is written, so a second, much cheaper pass fetches them: [`quotes::fetch`].

pub mod contacts;
pub mod devices;
pub mod domains;
pub mod facts;
pub mod files;
pub mod findings;
pub mod place;
pub mod quotes;
pub mod rooms;
pub mod sizes;
pub mod timeline;
pub mod watchers;

use std::collections::BTreeMap;
use std::io::BufRead;

use contacts::Contacts;
use devices::Devices;
use domains::Domains;
use facts::{Facts, clip};
use files::Files;
use findings::Findings;
use place::{Place, Places, Sessions};
use rooms::Rooms;
use sizes::Sizes;
use timeline::Timeline;
use watchers::Watchers;

use super::read::{self, Exposure, Head, ReadBody, ReadError, ReadStanza};
use super::{RunInfo, Summary};
use crate::catalog::rows::{Row, Rows};
use crate::catalog::{Layer, Pattern, Sensitivity};
use crate::xmpp::Direction;
use crate::xmpp::jid::{Jid, normalised_bare};

/// What a session says of itself, kept per session: its connection, its login and its client.
const SESSION_FACTS: &[&str] = &[
    "transport.",
    "sasl.mechanism",
    "sasl2.mechanism",
    "sasl2.user_agent.",
    "bind2.tag",
    "bind.resource_requested",
    "caps.node",
    "caps.ver",
    "version.",
    "disco.identity.name",
    "stream.lang",
];

/// A run, ready to be reported on.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Numbers and names, as the text summary shows them.
    pub summary: Summary,
    /// Sessions by number.
    pub sessions: Sessions,
    /// Fields, by direction.
    pub facts: Facts,
    /// Records with the most sensitive values, by layer and pattern.
    pub matrix: BTreeMap<(Layer, Pattern), (Option<Sensitivity>, Places)>,
    /// Who knows whom.
    pub contacts: Contacts,
    /// Rooms.
    pub rooms: Rooms,
    /// Devices.
    pub devices: Devices,
    /// Traffic over time.
    pub timeline: Timeline,
    /// Who sees what.
    pub watchers: Watchers,
    /// What remote domains learned.
    pub domains: Domains,
    /// Files and links.
    pub files: Files,
    /// Sizes of encrypted bodies.
    pub sizes: Sizes,
    /// Findings.
    pub findings: Findings,
    /// Messages with an OMEMO container.
    pub omemo: Places,
    /// Whether records are named by their place in a scan's input.
    pub by_input: bool,
}

/// Where and when something was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    place: Option<Place>,
    ts: Option<&'a str>,
    account: Option<&'a str>,
    direction: Option<Direction>,
}

/// A value that a row claims.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'a> {
    row: &'a Row,
    exposure: &'a Exposure<'a>,
    element: u32,
}

impl<'a> Value<'a> {
    /// The value as an address without its resource.
    fn bare(&self) -> &'a str {
        self.exposure.typed.as_ref().and_then(|typed| typed.bare.as_deref()).unwrap_or(&self.exposure.value)
    }

    fn resource(&self) -> Option<&'a str> {
        match self.exposure.typed.as_ref().and_then(|typed| typed.resource.as_deref()) {
            Some(resource) => Some(resource),
            None => Jid::split(&self.exposure.value).resourcepart(),
        }
    }

    fn text(&self) -> &'a str {
        &self.exposure.value
    }

    fn via(&self) -> Option<&'a str> {
        self.exposure.via.as_deref()
    }
}

impl Model {
    /// Reads records, with the catalog they refer to.
    ///
    /// # Errors
    /// Failures of reading, and input that is no record log. A log that was cut off is no error; [`Summary::partial`] says so.
    pub fn read(records: &mut dyn BufRead, rows: &Rows, run: RunInfo) -> Result<Model, ReadError> {
        let mut model = Model { summary: Summary::begin(run), ..Model::default() };
        let damage = read::each(records, |head, body| model.take(rows, head, &body))?;
        model.summary.coverage.damage = damage;
        Ok(model)
    }

    /// Own domains: those of the run, or of the accounts that were seen.
    pub fn own_domains(&self) -> Vec<String> {
        let mut domains: Vec<String> = self.summary.run.domains.iter().map(|domain| domain.to_lowercase()).collect();
        for (account, _) in self.summary.people.own.ranked() {
            let domain = Jid::split(account).domainpart().to_owned();
            if !domain.is_empty() && !domains.contains(&domain) {
                domains.push(domain);
            }
        }
        domains
    }

    /// Contacts on other domains, by domain: address, whether that server is sent the account's presence, and the records.
    pub fn remote_contacts(&self) -> BTreeMap<String, BTreeMap<&str, (bool, Places)>> {
        let own = self.own_domains();
        let mut remote: BTreeMap<String, BTreeMap<&str, (bool, Places)>> = BTreeMap::new();
        for (address, contact) in self.contacts.by_account().flat_map(|(_, known)| known) {
            let domain = Jid::split(address).domainpart();
            if self.rooms.contains(address) || domains::is_own(domain, &own) {
                continue;
            }
            let (told, places) = remote.entry(domain.to_owned()).or_default().entry(address).or_default();
            *told |= matches!(contact.subscription.as_deref(), Some("from" | "both"));
            places.extend(&contact.places);
        }
        remote
    }

    /// Accounts under test, in order.
    pub fn accounts(&self) -> Vec<&str> {
        let mut accounts: Vec<&str> = self.summary.people.own.ranked().into_iter().map(|(account, _)| account).collect();
        accounts.sort_unstable();
        accounts
    }

    fn take(&mut self, rows: &Rows, head: &Head<'_>, body: &ReadBody<'_>) {
        self.summary.take(rows, head, body);
        let session = match body {
            // Marks and gaps of the log itself belong to no client's session.
            ReadBody::Other | ReadBody::Mark(_) | ReadBody::Assessment(_) | ReadBody::Keepalive => return,
            _ => self.sessions.number(&head.session),
        };
        let mut place = session.map(|session| Place { session, number: head.seq });
        match body {
            ReadBody::Stanza(stanza) => {
                if let (Some(input), Some(place)) = (stanza.input, &mut place) {
                    self.by_input = true;
                    place.number = input;
                }
                self.stanza(rows, head, place, stanza);
            }
            ReadBody::Transport(transport) => {
                let at = At { place, ts: head.ts.as_deref(), account: None, direction: None };
                for exposure in &transport.exposures {
                    let Some(row) = rows.get(&exposure.field) else { continue };
                    let value = Value { row, exposure, element: 0 };
                    self.value(&at, &value);
                    self.session_fact(&at, &value);
                    self.watchers.add(&at, row, Watchers::of_fact(&row.id));
                }
                self.opened(place);
            }
            ReadBody::Session(event) => {
                if let (Some(place), Some(account)) = (place, &event.account) {
                    self.sessions.get_mut(place.session).account = Some(normalised_bare(account).into_owned());
                }
                match &*event.event {
                    "close" => place.iter().for_each(|place| self.sessions.get_mut(place.session).closed = Some(*place)),
                    _ => self.opened(place),
                }
            }
            ReadBody::Finding(finding) => self.findings.add(&mut self.sessions, &head.session, finding),
            _ => {}
        }
    }

    fn opened(&mut self, place: Option<Place>) {
        if let Some(place) = place {
            let session = self.sessions.get_mut(place.session);
            session.opened = session.opened.or(Some(place));
        }
    }

    fn stanza(&mut self, rows: &Rows, head: &Head<'_>, place: Option<Place>, stanza: &ReadStanza<'_>) {
        self.opened(place);
        let mut element = 0;
        let mut values: Vec<Value<'_>> = Vec::with_capacity(stanza.exposures.len());
        for exposure in &stanza.exposures {
            element = exposure.element.unwrap_or(element);
            values.extend(rows.get(&exposure.field).map(|row| Value { row, exposure, element }));
        }
        let account = self.account(place, &values);
        let at = At { place, ts: head.ts.as_deref(), account: account.as_deref(), direction: stanza.direction };
        if let Some(seconds) = head.ts.as_deref().and_then(unix_seconds) {
            self.timeline.add(seconds, &stanza.kind);
        }
        let observers = watchers::observers(&stanza.observers);
        for value in &values {
            self.value(&at, value);
            self.sizes.value(&at, value);
            if value.via().is_none() {
                self.watchers.add(&at, value.row, &observers);
                if stanza.direction == Some(Direction::ClientToServer) {
                    self.session_fact(&at, value);
                }
            }
        }
        if values.iter().any(|value| value.row.id.starts_with("omemo.") && value.row.id.ends_with(".message.sid") && value.via().is_none())
        {
            self.omemo.add(place);
        }
        self.contacts.stanza(&at, stanza, &values);
        self.rooms.stanza(&at, stanza, &values);
        self.devices.stanza(&at, stanza, &values);
        self.domains.stanza(&at, stanza, &values);
        self.files.stanza(&at, &values);
    }

    /// Counts a value for its field and its cell of the matrix.
    fn value(&mut self, at: &At<'_>, value: &Value<'_>) {
        self.facts.add(at, value.row, value.exposure);
        if value.via().is_some() {
            return;
        }
        let (worst, places) = self.matrix.entry((value.row.layer, value.row.pattern)).or_default();
        if *worst < Some(value.row.sensitivity) {
            *worst = Some(value.row.sensitivity);
            *places = Places::default();
        }
        if *worst == Some(value.row.sensitivity) {
            places.add(at.place);
        }
    }

    fn session_fact(&mut self, at: &At<'_>, value: &Value<'_>) {
        let id = value.row.id.as_str();
        let wanted = |fact: &str| if fact.ends_with('.') { id.starts_with(fact) } else { id == fact };
        if let (Some(place), true) = (at.place, SESSION_FACTS.iter().any(|fact| wanted(fact))) {
            let facts = &mut self.sessions.get_mut(place.session).facts;
            if !facts.contains_key(id) {
                facts.insert(id.to_owned(), (clip(value.text(), 256).to_owned(), place));
            }
        }
    }

    /// The account of a stanza's session: what the server bound, or whom it writes to; the only account of the run otherwise.
    fn account(&mut self, place: Option<Place>, values: &[Value<'_>]) -> Option<String> {
        if let Some(place) = place {
            let bound = values.iter().find(|value| matches!(value.row.id.as_str(), "bind.jid_assigned" | "sasl2.authorization_identifier"));
            let session = self.sessions.get_mut(place.session);
            if let Some(value) = bound {
                session.account = Some(value.bare().to_owned());
                session.resource = value.resource().map(|resource| clip(resource, 256).to_owned()).or(session.resource.take());
            } else if session.account.is_none()
                && let Some(value) = values.iter().find(|value| value.row.id.as_str() == "stanza.to.own")
                && Jid::split(value.bare()).localpart().is_some()
            {
                session.account = Some(value.bare().to_owned());
            }
            if session.account.is_some() {
                return session.account.clone();
            }
        }
        match self.summary.run.accounts.as_slice() {
            [only] => Some(normalised_bare(only).into_owned()),
            _ => None,
        }
    }
}

/// A time of the log in Unix seconds.
pub fn unix_seconds(ts: &str) -> Option<i64> {
    use time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::parse(ts, &Rfc3339).ok().map(time::OffsetDateTime::unix_timestamp)
}

#[cfg(test)]
mod tests;
