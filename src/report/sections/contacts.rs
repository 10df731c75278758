//! Who knows whom: the graph, and a table of contacts.

use super::words;
use crate::report::doc::{Inline, Section, Table};
use crate::report::model::Model;
use crate::report::svg;
use crate::report::text::layout::{counted, grouped};

/// Contacts in the table.
const MAX_ROWS: usize = 100;

/// The section.
pub fn section(model: &Model) -> Section {
    let mut section = Section::new("contacts", "Contacts", "Who knows whom");
    section.picture(svg::graph(model));
    let mut table = Table::new(
        "Addresses the accounts dealt with, the busiest first",
        &["Address", "Seen by", "In the roster", "#Sent", "#Received", "#Presence", "Devices told apart", "Records"],
    );
    let mut rows = Vec::new();
    for (account, contacts) in model.contacts.by_account() {
        rows.extend(
            contacts
                .into_iter()
                .filter(|(address, _)| !model.rooms.contains(address) && *address != account)
                .map(|(address, contact)| (account, address, contact)),
        );
    }
    rows.sort_by_key(|(_, _, contact)| std::cmp::Reverse((contact.messages() + contact.copies, contact.places.count)));
    if rows.is_empty() {
        section.text("No contact was named in this run.");
        return section;
    }
    for (account, address, contact) in rows.iter().take(MAX_ROWS) {
        let mut roster = Inline::new();
        if contact.roster.is_empty() {
            roster = roster.text("no");
        } else {
            roster = roster.text("yes");
            if let Some(name) = &contact.name {
                roster = roster.text(", as ").value(name.clone());
            }
            if let Some(subscription) = &contact.subscription {
                roster = roster.text(", subscription ").value(subscription.clone());
            }
            if !contact.groups.is_empty() {
                roster = roster.text(", in ").values(&contact.groups, 3);
            }
            roster = roster.records(&contact.roster.first[..contact.roster.first.len().min(1)]);
        }
        let mut seen = Inline::new().value(if account.is_empty() { "(the account)" } else { account });
        if !contact.in_rooms.is_empty() {
            seen = seen.text(", also in room ").values(&contact.in_rooms, 2);
        }
        let copies = if contact.copies > 0 { format!(" (+{} as copies)", grouped(contact.copies)) } else { String::new() };
        table.row(vec![
            Inline::new().value(*address),
            seen,
            roster,
            format!("{}{copies}", grouped(contact.sent)).into(),
            grouped(contact.received).into(),
            grouped(contact.presences).into(),
            if contact.resources.is_empty() { "none".into() } else { Inline::new().values(&contact.resources, 4) },
            Inline::new().text(grouped(contact.places.count)).places(&contact.places),
        ]);
    }
    table.left_out(rows.len().saturating_sub(MAX_ROWS), "contacts");
    section.table(table);
    if model.contacts.overflow > 0 {
        section.note(format!(
            "More addresses were named than are told apart here: {} not listed.",
            counted(model.contacts.overflow, "occurrence")
        ));
    }
    section.note(format!(
        "{} in all. A contact is an address with a localpart that a record names; the account's own address is left out.",
        words::plural(rows.len() as u64, "contact", "contacts")
    ));
    section
}
