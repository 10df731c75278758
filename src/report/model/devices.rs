//! Devices as the server sees them: OMEMO device ids that are announced, published for, written from and written to; and resources.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::clip;
use super::place::Places;
use super::{At, Value};
use crate::report::read::ReadStanza;
use crate::xmpp::Direction;

/// Accounts that are told apart.
const MAX_ACCOUNTS: usize = 2048;
/// Devices that are told apart per account.
const MAX_DEVICES: usize = 256;

/// One OMEMO device.
#[derive(Debug, Clone, Default)]
pub struct Device {
    /// Whether the latest device list names it.
    pub announced: bool,
    /// Lists that name it.
    pub lists: Places,
    /// Label that its owner published.
    pub label: Option<String>,
    /// Publications of its keys.
    pub published: Places,
    /// Times its keys were fetched.
    pub fetched: Places,
    /// One-time keys in the latest publication.
    pub prekeys: Option<u64>,
    /// Messages it wrote.
    pub wrote: Places,
    /// First and last time it wrote.
    pub span: Option<(String, String)>,
}

impl Device {
    /// Whether it is announced, and never wrote a message in the run.
    pub fn is_dormant(&self) -> bool {
        self.announced && self.wrote.is_empty()
    }
}

/// The devices of one account.
#[derive(Debug, Clone, Default)]
pub struct AccountDevices {
    /// By device id.
    pub devices: BTreeMap<String, Device>,
    /// Lists seen.
    pub lists: Places,
    /// Device ids beyond the limit.
    pub overflow: u64,
}

impl AccountDevices {
    /// Announced, active and dormant devices.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |which: fn(&Device) -> bool| self.devices.values().filter(|device| which(device)).count();
        (count(|device| device.announced), count(|device| !device.wrote.is_empty()), count(Device::is_dormant))
    }

    fn device(&mut self, id: &str) -> Option<&mut Device> {
        let id = clip(id, 32);
        if !self.devices.contains_key(id) && self.devices.len() >= MAX_DEVICES {
            self.overflow += 1;
            return None;
        }
        Some(self.devices.entry(id.to_owned()).or_default())
    }
}

/// Devices of every account that was seen, and whom messages were encrypted for.
#[derive(Debug, Clone, Default)]
pub struct Devices {
    accounts: BTreeMap<String, AccountDevices>,
    /// Device ids that messages were encrypted for.
    pub recipients: BTreeMap<String, Places>,
    /// Most recipients of one message, and that message.
    pub most_recipients: (usize, Places),
}

impl Devices {
    /// Accounts with their devices.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AccountDevices)> {
        self.accounts.iter().map(|(account, devices)| (account.as_str(), devices))
    }

    /// The devices of an account.
    pub fn of(&self, account: &str) -> Option<&AccountDevices> {
        self.accounts.get(account)
    }

    fn account(&mut self, address: &str) -> Option<&mut AccountDevices> {
        let address = clip(address, 1024);
        if !self.accounts.contains_key(address) && self.accounts.len() >= MAX_ACCOUNTS {
            return None;
        }
        Some(self.accounts.entry(address.to_owned()).or_default())
    }

    pub(super) fn stanza(&mut self, at: &At<'_>, _stanza: &ReadStanza<'_>, values: &[Value<'_>]) {
        if !values.iter().any(|value| value.row.id.starts_with("omemo.")) {
            return;
        }
        let own = at.account.unwrap_or("");
        let sent = at.direction == Some(Direction::ClientToServer);
        // Whose node: named by the event or the request; an answer without sender is about the own account.
        let node_of = values
            .iter()
            .find(|value| matches!(value.row.id.as_str(), "pep.event.from" | "pep.items.from" | "pep.request.target" | "stanza.from"))
            .map_or(own, Value::bare)
            .to_owned();
        self.list(at, &node_of, values);
        self.keys(at, sent, &node_of, values);
        self.message(at, sent, own, values);
    }

    fn list(&mut self, at: &At<'_>, owner: &str, values: &[Value<'_>]) {
        let ids: BTreeSet<&str> = values.iter().filter(|value| is_listed(&value.row.id)).map(|value| value.text()).collect();
        let published = |value: &Value<'_>| value.row.id.contains(".devicelist.device_count") || value.row.id.ends_with(".devices.count");
        if ids.is_empty() && !values.iter().any(published) {
            return;
        }
        let Some(account) = self.account(owner) else { return };
        account.lists.add(at.place);
        account.devices.values_mut().for_each(|device| device.announced = false);
        for id in ids {
            let Some(device) = account.device(id) else { continue };
            device.announced = true;
            device.lists.add(at.place);
            let element = values.iter().find(|value| is_listed(&value.row.id) && value.text() == id).map(|value| value.element);
            let label = |value: &&Value<'_>| Some(value.element) == element && value.row.id.ends_with("label");
            if let Some(label) = values.iter().find(label) {
                device.label = Some(clip(label.text(), 128).to_owned());
            }
        }
    }

    fn keys(&mut self, at: &At<'_>, sent: bool, owner: &str, values: &[Value<'_>]) {
        for value in values {
            let id = value.row.id.as_str();
            let published = id.ends_with(".bundle.publish_node") || (id == "omemo.v2.bundle.item_id" && sent);
            let fetched = id.ends_with(".bundle.fetch_node") || id == "omemo.v2.bundle.fetch_item";
            if !published && !fetched {
                continue;
            }
            let number = value.text().rsplit(':').next().unwrap_or("");
            let prekeys = values.iter().find(|value| value.row.id.ends_with("prekey_count") || value.row.id.ends_with("pk_count"));
            let prekeys = prekeys.and_then(|value| value.text().parse().ok());
            let Some(device) = self.account(owner).and_then(|account| account.device(number)) else { continue };
            if published && sent {
                device.published.add(at.place);
                device.prekeys = prekeys.or(device.prekeys);
            } else if fetched && sent {
                device.fetched.add(at.place);
            }
        }
    }

    fn message(&mut self, at: &At<'_>, sent: bool, own: &str, values: &[Value<'_>]) {
        let mut recipients = 0;
        for value in values {
            let id = value.row.id.as_str();
            if id.ends_with(".message.rid") && value.via().is_none() {
                recipients += 1;
                if self.recipients.len() < MAX_ACCOUNTS || self.recipients.contains_key(value.text()) {
                    self.recipients.entry(clip(value.text(), 32).to_owned()).or_default().add(at.place);
                }
            }
            if !id.ends_with(".message.sid") {
                continue;
            }
            let from = values.iter().find(|value| matches!(value.row.id.as_str(), "message.from" | "muc.message.sender"));
            let author = match (sent, value.via(), from) {
                (true, _, _) | (_, Some("carbon_sent"), _) => own.to_owned(),
                // An occupant's device belongs to whoever announced it.
                (_, _, Some(from)) if from.row.id == "muc.message.sender" => self.owner(value.text()).unwrap_or_default(),
                (_, None, Some(from)) => from.bare().to_owned(),
                _ => continue,
            };
            if author.is_empty() {
                continue;
            }
            let copy = value.via().is_some();
            let Some(device) = self.account(&author).and_then(|account| account.device(value.text())) else { continue };
            if copy {
                continue;
            }
            device.wrote.add(at.place);
            if let Some(ts) = at.ts {
                match &mut device.span {
                    Some((_, last)) => ts.clone_into(last),
                    span => *span = Some((ts.to_owned(), ts.to_owned())),
                }
            }
        }
        if recipients > self.most_recipients.0 {
            let mut places = Places::default();
            places.add(at.place);
            self.most_recipients = (recipients, places);
        }
    }

    fn owner(&self, id: &str) -> Option<String> {
        self.accounts.iter().find(|(_, account)| account.devices.contains_key(id)).map(|(address, _)| address.clone())
    }
}

/// Rows that name a device in a device list.
fn is_listed(id: &str) -> bool {
    id.starts_with("omemo.") && (id.ends_with(".device_id") || id.ends_with(".event_device_id"))
}
