//! Who sees what: for each observer, how many values of which sort, and how sensitive the worst was.

use std::collections::BTreeMap;

use super::At;
use super::place::Places;
use crate::catalog::rows::Row;
use crate::catalog::{Category, Sensitivity};
use crate::record::Observer;

/// Sorts of values, for people: coarser than the catalog's categories.
pub const SORTS: [(&str, &[Category]); 8] = [
    ("who", &[Category::Identity]),
    ("contacts", &[Category::ContactGraph]),
    ("groups", &[Category::GroupMembership]),
    ("when", &[Category::Activity, Category::Timing, Category::Presence]),
    ("device", &[Category::Device, Category::Software, Category::Preference]),
    ("where", &[Category::Network, Category::Location, Category::Push]),
    ("keys", &[Category::CryptoKey, Category::Credential]),
    ("content", &[Category::Content, Category::ContentDerived, Category::File]),
];

/// Facts about a connection that stay inside TLS; everything else about it can be read on the network.
const INSIDE_TLS: &[&str] = &["transport.tls.client_certificate", "transport.tls.alpn_selected", "transport.tls.early_data"];

/// Number of a category's sort in [`SORTS`].
pub fn sort_of(category: Category) -> usize {
    SORTS.iter().position(|(_, categories)| categories.contains(&category)).unwrap_or(0)
}

/// Values of one sort, read by one observer.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// How many.
    pub values: u64,
    /// The most sensitive.
    pub worst: Option<Sensitivity>,
    /// Records with the most sensitive.
    pub places: Places,
    /// Fields, by how often.
    pub fields: BTreeMap<String, u64>,
}

/// All observers.
#[derive(Debug, Clone, Default)]
pub struct Watchers {
    views: BTreeMap<Observer, [View; SORTS.len()]>,
}

impl Watchers {
    /// Counts a value that is no copy.
    pub(super) fn add(&mut self, at: &At<'_>, row: &Row, observers: &[Observer]) {
        let sort = sort_of(row.category);
        for observer in observers {
            let view = &mut self.views.entry(*observer).or_default()[sort];
            view.values += 1;
            if view.worst < Some(row.sensitivity) {
                view.worst = Some(row.sensitivity);
                view.places = Places::default();
            }
            if view.worst == Some(row.sensitivity) {
                view.places.add(at.place);
            }
            // The catalog bounds how many fields there are.
            match view.fields.get_mut(&row.id) {
                Some(count) => *count += 1,
                None => _ = view.fields.insert(row.id.clone(), 1),
            }
        }
    }

    /// Who reads a fact about a connection.
    pub(super) fn of_fact(id: &str) -> &'static [Observer] {
        if !id.starts_with("transport.") || INSIDE_TLS.iter().any(|inside| id.starts_with(inside)) {
            &[Observer::OwnServer]
        } else {
            &[Observer::Network, Observer::OwnServer]
        }
    }

    /// What an observer saw, by sort.
    pub fn of(&self, observer: Observer) -> Option<&[View; SORTS.len()]> {
        self.views.get(&observer)
    }
}

/// Names in the log as observers.
pub(super) fn observers(names: &[std::borrow::Cow<'_, str>]) -> Vec<Observer> {
    names.iter().filter_map(|name| Observer::ALL.iter().copied().find(|known| known.name() == name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_has_one_sort() {
        for category in Category::ALL {
            assert_eq!(SORTS.iter().filter(|(_, categories)| categories.contains(category)).count(), 1, "{category}");
        }
    }
}
