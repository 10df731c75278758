//! What each remote domain learned: servers of contacts, rooms and services elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::clip;
use super::place::Places;
use super::watchers::{SORTS, sort_of};
use super::{At, Value};
use crate::catalog::ValueType;
use crate::report::read::ReadStanza;
use crate::xmpp::jid::Jid;

/// Domains that are told apart.
const MAX_DOMAINS: usize = 512;
/// Addresses that are kept per domain.
const MAX_ADDRESSES: usize = 64;

/// What one domain saw.
#[derive(Debug, Clone, Default)]
pub struct Domain {
    /// Addresses there.
    pub addresses: BTreeSet<String>,
    /// Messages, presence and IQs to it and from it.
    pub stanzas: BTreeMap<String, [u64; 2]>,
    /// Values by sort.
    pub sorts: [u64; SORTS.len()],
    /// Records.
    pub places: Places,
}

/// All domains that stanzas were exchanged with, the own ones included.
#[derive(Debug, Clone, Default)]
pub struct Domains {
    domains: BTreeMap<String, Domain>,
    /// Stanzas of domains beyond the limit.
    pub overflow: u64,
}

impl Domains {
    pub(super) fn stanza(&mut self, at: &At<'_>, stanza: &ReadStanza<'_>, values: &[Value<'_>]) {
        if !matches!(&*stanza.kind, "message" | "presence" | "iq") {
            return;
        }
        // The other party's address stands on the stanza's own element.
        let own = at.account.unwrap_or("");
        let other = values.iter().find(|value| {
            value.element == 0
                && value.row.value_type == ValueType::Jid
                && !value.exposure.derived
                && value.via().is_none()
                && value.row.id.as_str() != "stanza.to.own"
                && value.bare() != own
        });
        let Some(other) = other else { return };
        let address = other.bare();
        let name = clip(Jid::split(address).domainpart(), 256);
        if !self.domains.contains_key(name) && self.domains.len() >= MAX_DOMAINS {
            self.overflow += 1;
            return;
        }
        let domain = self.domains.entry(name.to_owned()).or_default();
        domain.places.add(at.place);
        if domain.addresses.len() < MAX_ADDRESSES {
            domain.addresses.insert(clip(address, 256).to_owned());
        }
        let direction = at.direction.map_or(1, |direction| direction.index().min(1));
        domain.stanzas.entry(stanza.kind.to_string()).or_default()[direction] += 1;
        for value in values.iter().filter(|value| value.via().is_none() && !value.exposure.derived) {
            domain.sorts[sort_of(value.row.category)] += 1;
        }
    }

    /// Domains that are not among `own` nor below one of them.
    pub fn remote<'a>(&'a self, own: &'a [String]) -> impl Iterator<Item = (&'a str, &'a Domain)> {
        self.domains.iter().map(|(name, domain)| (name.as_str(), domain)).filter(|(name, _)| !is_own(name, own))
    }

    /// Services of the own server: domains below one of `own`.
    pub fn services<'a>(&'a self, own: &'a [String]) -> impl Iterator<Item = (&'a str, &'a Domain)> {
        self.domains
            .iter()
            .map(|(name, domain)| (name.as_str(), domain))
            .filter(|(name, _)| is_own(name, own) && !own.iter().any(|own| own == name))
    }
}

/// Whether a domain is the own server's, or a service below it.
pub(super) fn is_own(name: &str, own: &[String]) -> bool {
    own.iter().any(|own| name == own || name.strip_suffix(own.as_str()).is_some_and(|rest| rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_of_the_own_server_are_no_strangers() {
        let own = ["lab.test".to_owned()];
        assert!(is_own("lab.test", &own) && is_own("conference.lab.test", &own));
        assert!(!is_own("evillab.test", &own) && !is_own("other.test", &own));
    }
}
