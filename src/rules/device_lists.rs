//! OMEMO devices that accounts announced in a session: on their lists, and by bundles that were asked for. Bounded.

use rustc_hash::FxHashMap;

use super::names::{OMEMO, OMEMO_2, OMEMO_LEGACY};
use super::world::MAX_ENTRIES;
use crate::xmpp::element::Element;
use crate::xmpp::jid::normalised_bare;

/// Two generations of OMEMO, whose devices are told apart. OMEMO 1 and 2 shared their nodes for a while (XEP-0384 0.8.0).
pub(super) type Family = usize;

/// The family that a namespace of OMEMO, or a node, belongs to.
pub(super) fn family(name: &str) -> Option<Family> {
    let found = OMEMO.into_iter().find(|omemo| name.starts_with(omemo));
    found.map(|omemo| usize::from(omemo.starts_with("urn:xmpp:omemo:")))
}

/// The family whose device lists are in this node.
pub(super) fn list_node(node: &str) -> Option<Family> {
    family(node).filter(|_| node.ends_with("devicelist") || node.ends_with(":devices"))
}

#[derive(Debug, Default)]
pub(super) struct DeviceLists {
    /// Ids last announced, by family and address. Empty when all were removed.
    lists: [FxHashMap<String, Vec<u32>>; 2],
    /// Ids in all lists together.
    ids: usize,
    /// Whose bundle was asked for, by family and device.
    bundles: [FxHashMap<u32, String>; 2],
}

impl DeviceLists {
    /// Ids last announced, if a list was seen.
    pub fn of(&self, family: Family, address: &str) -> Option<&[u32]> {
        self.lists[family].get(&*normalised_bare(address)).map(Vec::as_slice)
    }

    /// Whether an address announced a device in any family.
    pub fn any(&self, address: &str) -> bool {
        [OMEMO_LEGACY, OMEMO_2].into_iter().filter_map(family).any(|family| self.of(family, address).is_some_and(|ids| !ids.is_empty()))
    }

    /// Accounts that a device belongs to.
    pub fn owners(&self, family: Family, device: u32) -> Vec<&str> {
        let listed = self.lists[family].iter().filter(|(_, ids)| ids.contains(&device)).map(|(owner, _)| owner.as_str());
        let mut owners: Vec<&str> = listed.collect();
        if let Some(owner) = self.bundles[family].get(&device).filter(|owner| !owners.contains(&owner.as_str())) {
            owners.push(owner);
        }
        owners
    }

    /// Takes in what a stanza says of the nodes of `owner`. An `answer` without an item says that there is none.
    pub fn learn(&mut self, pubsub: Element<'_>, owner: &str, answer: bool) {
        for part in pubsub.children() {
            let Some(node) = part.attr("node") else { continue };
            if let Some(family) = list_node(node) {
                self.learn_list(family, part, owner, answer);
            } else if let Some(family) = family(node).filter(|_| node.contains("bundles")) {
                let numbered = node.rsplit_once(":bundles:").or_else(|| node.rsplit_once(".bundles:")).map(|(_, id)| id);
                let items = part.children().filter(|item| item.local() == "item").filter_map(|item| item.attr("id"));
                for device in numbered.into_iter().chain(items).take(1000).filter_map(|id| id.parse().ok()) {
                    let bundles = &mut self.bundles[family];
                    if bundles.len() < MAX_ENTRIES || bundles.contains_key(&device) {
                        bundles.insert(device, owner.to_owned());
                    }
                }
            }
        }
    }

    fn learn_list(&mut self, family: Family, part: Element<'_>, owner: &str, answer: bool) {
        let gone = || match part.local() {
            "delete" | "purge" => true,
            "items" => part.children().any(|item| item.local() == "retract") || answer && part.children().next().is_none(),
            _ => false,
        };
        if let Some(list) = part.children().filter_map(|item| item.children().next()).last() {
            self.set(family, owner, list.children().filter_map(|device| device.attr("id")?.parse().ok()).take(1000).collect());
        } else if gone() {
            self.set(family, owner, Vec::new());
        }
    }

    /// The list of an account is now this one.
    pub fn set(&mut self, family: Family, owner: &str, ids: Vec<u32>) {
        let known = self.lists[family].get(owner).map(Vec::len);
        let total = self.ids - known.unwrap_or(0) + ids.len();
        if total <= MAX_ENTRIES && (known.is_some() || self.accounts() < MAX_ENTRIES) {
            self.ids = total;
            self.lists[family].insert(owner.to_owned(), ids);
        }
    }

    fn accounts(&self) -> usize {
        self.lists.iter().map(FxHashMap::len).sum()
    }

    /// Entries kept.
    pub fn entries(&self) -> usize {
        self.accounts() + self.ids + self.bundles.iter().map(FxHashMap::len).sum::<usize>()
    }
}
