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

/// What the values of a row name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// A resource of the account's own, or its full address.
    Resource,
    /// The address of an upload service.
    UploadService,
    /// A URL on an upload host.
    UploadUrl,
    /// An OMEMO device.
    Device,
    /// A room, or an occupant in it.
    Room,
    /// Any other address: a contact's when it has a localpart and is not the account's own.
    Address,
}

/// What the values of the row with this id and type name, if they name anything.
pub fn naming(id: &str, value_type: ValueType) -> Option<Naming> {
    Some(match id {
        _ if RESOURCES.contains(&id) => Naming::Resource,
        _ if UPLOAD_SERVICES.contains(&id) => Naming::UploadService,
        _ if UPLOAD_URLS.contains(&id) => Naming::UploadUrl,
        _ if names_device(id) => Naming::Device,
        _ if value_type != ValueType::Jid => return None,
        _ if ROOMS.contains(&id) => Naming::Room,
        _ => Naming::Address,
    })
}

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
        let value = &*exposure.value;
        let typed = exposure.typed.as_ref();
        match naming(&row.id, row.value_type) {
            Some(Naming::Resource) => match typed {
                Some(typed) => {
                    if let Some(bare) = &typed.bare {
                        self.add_own(bare);
                    }
                    typed.resource.iter().for_each(|resource| self.resources.add(resource));
                }
                None if row.value_type != ValueType::Jid => self.resources.add(value),
                None => {}
            },
            Some(Naming::UploadService) => self.upload_hosts.add(Jid::split(value).domainpart()),
            Some(Naming::UploadUrl) => host_of(value).into_iter().for_each(|host| self.upload_hosts.add(host)),
            Some(Naming::Device) => self.devices.add(value),
            Some(named @ (Naming::Room | Naming::Address)) if !exposure.derived => {
                let bare = typed.and_then(|typed| typed.bare.as_deref()).unwrap_or(value);
                if named == Naming::Room {
                    self.rooms.add(bare);
                } else if Jid::split(bare).localpart().is_some() {
                    self.others.add(bare);
                }
            }
            Some(Naming::Room | Naming::Address) | None => {}
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

/// The host of a URL, with its port if it names one.
pub fn host_of(url: &str) -> Option<&str> {
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
