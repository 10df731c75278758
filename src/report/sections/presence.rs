//! Presence: what the account told about itself, and who is told.

use crate::report::doc::{Inline, Section, Table};
use crate::report::model::Model;
use crate::report::model::place::Places;
use crate::report::text::layout::{counted, grouped};

/// The section.
pub fn section(model: &Model) -> Section {
    let mut section = Section::new("presence", "Presence", "Presence");
    let mut table = Table::new("What the accounts told about themselves", &["What", "#Times", "Values", "Records"]);
    for (what, ids) in [
        ("Came online", &["presence.initial"][..]),
        ("Went away", &["presence.unavailable"]),
        ("Availability", &["presence.show"]),
        ("Status text", &["presence.status", "presence.unavailable.status"]),
        ("Priority among devices", &["presence.priority"]),
        ("Idle since", &["presence.idle_since", "presence.last_activity"]),
        ("Presence to one address", &["presence.directed"]),
        ("Asked to see someone's presence", &["subscription.subscribe"]),
        ("Let someone see the own presence", &["subscription.subscribed"]),
        ("Avatar in presence", &["vcard_avatar.hash"]),
        ("Activity, mood, tune, place", &["activity.", "mood.", "tune.", "geoloc.", "user_location."]),
    ] {
        let sent = model.facts.sent(ids);
        if sent.is_empty() {
            continue;
        }
        let values: Vec<&str> = model.facts.sent_values(ids).into_iter().filter(|value| *value != "present").collect();
        let values = if values.is_empty() { "–".into() } else { Inline::new().values(values, 5) };
        table.row(vec![what.into(), grouped(sent.count).into(), values, Inline::new().places(&sent)]);
    }
    if table.rows.is_empty() {
        section.text("The client sent no presence.");
    }
    section.table(table);
    let mut audience = Places::default();
    let mut told = 0u64;
    for contact in model.contacts.by_account().flat_map(|(_, contacts)| contacts).map(|(_, contact)| contact) {
        if matches!(contact.subscription.as_deref(), Some("from" | "both")) {
            told += 1;
            audience.extend(&contact.roster);
        }
    }
    let mut items = Vec::new();
    if told > 0 {
        let text = format!("{} see the account's presence by subscription, and so do their servers", counted(told, "roster entry"));
        items.push(Inline::new().text(text).places(&audience));
    }
    let seen = model.facts.get("presence.contact.available");
    if let Some(facts) = seen {
        items.push(
            Inline::new()
                .text(format!(
                    "The presence of contacts came {}: the server knows it of them too",
                    counted(facts.received.places.count, "time")
                ))
                .places(&facts.received.places),
        );
    }
    section.list(items);
    section
}
