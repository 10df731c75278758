//! Whom and what the records name: contacts, rooms, devices, resources, upload hosts.
//!
//! An address is a contact when a row of type `jid` reads it, it has a localpart, and it is neither the account's own nor a room's. Which
//! rows name rooms stands in a list here, because the catalog's categories say what a value is about, not what it names.

use super::read::Exposure;
use super::tally::Tally;
use crate::catalog::ValueType;
use crate::catalog::rows::Row;
use crate::xmpp::jid::{Jid, normalised_bare};

/// Rows whose value is a room's address, or an occupant's in it.
const ROOMS: &[&str] = &[
    "bookmarks.conference.jid",
    "bookmarks2.room",
    "mix.join.channel",
    "mix.pam.roster_channel",
    "muc.direct_invite.room",
    "muc.join.room",
    "muc.leave",
    "muc.message.room",
    "muc.message.sender",
    "muc.occupant.address",
    "private.bookmarks.jid",
];

/// Rows whose value is the address of an upload service.
const UPLOAD_SERVICES: &[&str] = &["upload.request.to", "upload.service_jid"];
/// Rows whose value is a URL on an upload host.
const UPLOAD_URLS: &[&str] = &["upload.slot.get_url", "upload.slot.put_url"];
/// Rows that announce an account's own resource.
const RESOURCES: &[&str] = &["bind.jid_assigned", "bind.resource_requested", "legacy_auth.resource"];

/// Names found in the records. Copies (carbons, archives, history) are not looked at.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// Bare addresses of the accounts.
    pub own: Tally,
    /// Bare addresses of rooms.
    pub rooms: Tally,
    /// OMEMO device ids, of the account and of others.
    pub devices: Tally,
    /// Resources the account used.
    pub resources: Tally,
    /// Hosts that files were uploaded to or announced on.
    pub upload_hosts: Tally,
    others: Tally,
}

impl People {
    /// Names an account.
    pub fn add_own(&mut self, address: &str) {
        self.own.add(&normalised_bare(address));
    }

    /// Looks at an exposure that is no copy.
    pub fn look(&mut self, row: &Row, exposure: &Exposure<'_>) {
        let (id, value) = (row.id.as_str(), &*exposure.value);
        if RESOURCES.contains(&id) {
            match exposure.typed.as_ref() {
                Some(typed) => {
                    if let Some(bare) = &typed.bare {
                        self.add_own(bare);
                    }
                    typed.resource.iter().for_each(|resource| self.resources.add(resource));
                }
                None if row.value_type != ValueType::Jid => self.resources.add(value),
                None => {}
            }
        } else if UPLOAD_SERVICES.contains(&id) {
            self.upload_hosts.add(Jid::split(value).domainpart());
        } else if UPLOAD_URLS.contains(&id) {
            if let Some(host) = host_of(value) {
                self.upload_hosts.add(host);
            }
        } else if names_device(id) {
            self.devices.add(value);
        } else if row.value_type == ValueType::Jid && !exposure.derived {
            let bare = exposure.typed.as_ref().and_then(|typed| typed.bare.as_deref()).unwrap_or(value);
            if ROOMS.contains(&id) {
                self.rooms.add(bare);
            } else if Jid::split(bare).localpart().is_some() {
                self.others.add(bare);
            }
        }
    }

    /// Bare addresses of contacts, most frequent first.
    pub fn contacts(&self) -> Vec<(&str, u64)> {
        let mut ranked = self.others.ranked();
        ranked.retain(|(address, _)| !self.own.contains(address) && !self.rooms.contains(address));
        ranked
    }

    /// Occurrences of addresses that were not kept, for saying "at least".
    pub fn overflow(&self) -> u64 {
        self.others.overflow() + self.rooms.overflow()
    }
}

/// Whether values of the row are addresses of rooms, or of occupants in them.
pub fn names_room(id: &str) -> bool {
    ROOMS.contains(&id)
}

/// Device ids of OMEMO: whoever sends, whoever is sent to, whoever is announced.
fn names_device(id: &str) -> bool {
    id.starts_with("omemo.") && id.rsplit('.').next().is_some_and(|last| matches!(last, "sid" | "rid" | "device_id" | "event_device_id"))
}

fn host_of(url: &str) -> Option<&str> {
    let authority = url.split_once("//")?.1;
    Some(authority.split(['/', '?']).next().unwrap_or(authority)).filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn the_rows_named_here_exist() {
        let catalog = Catalog::builtin();
        for id in [ROOMS, UPLOAD_SERVICES, UPLOAD_URLS, RESOURCES].concat() {
            assert!(catalog.by_id(id).is_some(), "{id} is not in the catalog");
        }
        assert!(catalog.fields.iter().any(|field| names_device(&field.id)));
    }

    #[test]
    fn hosts_of_urls() {
        for (url, host) in
            [("https://up.example:5443/a/b", Some("up.example:5443")), ("https://up.example", Some("up.example")), ("up.example", None)]
        {
            assert_eq!(host_of(url), host, "{url}");
        }
    }
}
