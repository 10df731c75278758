//! Federation: what each remote domain learned.

use crate::report::doc::{Inline, Section, Table};
use crate::report::model::Model;
use crate::report::model::domains::Domain;
use crate::report::model::place::Places;
use crate::report::model::watchers::SORTS;
use crate::report::text::layout::{counted, grouped};

/// Domains in a table.
const MAX_DOMAINS: usize = 60;

/// The section.
pub fn section(model: &Model) -> Section {
    let mut section = Section::new("federation", "Other servers", "Other servers");
    let own = model.own_domains();
    let remote: Vec<(&str, &Domain)> = model.domains.remote(&own).collect();
    if remote.is_empty() {
        section.text("Nothing went to or came from another domain: this run says nothing about what servers of others learn.");
    } else {
        section.text("Each server of a contact or room sees its half: the addresses, times and sizes, and whatever is not encrypted.");
        section.table(table("What each remote domain learned", &remote));
    }
    let known = model.remote_contacts();
    let mut named = Table::new("Contacts on other domains", &["Domain", "Addresses", "Gets the account's presence", "Records"]);
    for (domain, contacts) in known.iter().take(MAX_DOMAINS) {
        let told = contacts.values().filter(|(told, _)| *told).count() as u64;
        let places = contacts.values().fold(Places::default(), |mut places, (_, more)| {
            places.extend(more);
            places
        });
        named.row(vec![
            Inline::new().value(domain.clone()),
            Inline::new().values(contacts.keys(), 4),
            if told > 0 { format!("yes, for {}", counted(told, "contact")).into() } else { "not by subscription".into() },
            Inline::new().places(&places),
        ]);
    }
    named.left_out(known.len().saturating_sub(MAX_DOMAINS), "domains");
    section.table(named);
    let services: Vec<(&str, &Domain)> = model.domains.services(&own).collect();
    if !services.is_empty() {
        section.table(table("Services of the own server", &services));
    }
    section
}

fn table(caption: &'static str, domains: &[(&str, &Domain)]) -> Table {
    let mut table = Table::new(caption, &["Domain", "Addresses", "#Messages", "#Presence", "#Queries", "Sorts of values", "Records"]);
    let mut ranked = domains.to_vec();
    ranked.sort_by_key(|(name, domain)| (std::cmp::Reverse(domain.places.count), *name));
    for (name, domain) in ranked.iter().take(MAX_DOMAINS) {
        let stanzas = |kind: &str| {
            let [sent, received] = domain.stanzas.get(kind).copied().unwrap_or_default();
            if sent + received == 0 {
                Inline::new().text("0")
            } else {
                Inline::new().text(format!("{} out, {} in", grouped(sent), grouped(received)))
            }
        };
        let sorts: Vec<String> = SORTS
            .iter()
            .zip(domain.sorts)
            .filter(|(_, count)| *count > 0)
            .map(|((sort, _), count)| format!("{sort} {}", grouped(count)))
            .collect();
        table.row(vec![
            Inline::new().value(*name),
            Inline::new().values(&domain.addresses, 4),
            stanzas("message"),
            stanzas("presence"),
            stanzas("iq"),
            sorts.join(", ").into(),
            Inline::new().places(&domain.places),
        ]);
    }
    table.left_out(domains.len().saturating_sub(MAX_DOMAINS), "domains");
    table
}
