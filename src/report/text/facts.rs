//! Facts: how many values of which layer and pattern, the most telling ones, and the names among them.

use super::layout::{Screen, WIDTH, counted, grouped, padded, some_of};
use crate::catalog::{Layer, Pattern, Sensitivity};
use crate::report::Summary;
use crate::report::seen::{Cell, FieldSeen, Hidden};
use crate::report::terminal::{clipped, columns};
use crate::xmpp::jid::normalised_bare;

/// Fields shown per layer.
const MAX_FIELDS: usize = 6;
/// Values shown per field.
const MAX_VALUES: usize = 4;
/// Names shown per kind.
const MAX_NAMES: usize = 12;
/// Columns of a value or name.
const MAX_VALUE: usize = 60;

/// The matrix of layers and patterns.
pub(super) fn matrix(screen: &mut Screen, summary: &Summary) {
    screen.section("Values by layer and messaging pattern");
    let mut header = padded("", 12);
    for pattern in Pattern::ALL {
        header.push_str(&format!("{:>10} ", short(*pattern)));
    }
    screen.row(&format!("{header}{:>8}", "all"));
    for layer in Layer::ALL {
        let mut line = padded(&format!("  {layer}"), 12);
        let mut all = 0;
        for pattern in Pattern::ALL {
            let cell = summary.matrix.get(&(*layer, *pattern)).copied().unwrap_or_default();
            all += cell.values;
            line.push_str(&format!("{:>10} ", shown_cell(cell)));
        }
        screen.row(&format!("{line}{:>8}", grouped(all)));
    }
    screen.text(2, "The letter is the most sensitive value in the cell: C critical, H high, M medium, L low. Copies are left out.");
}

fn short(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::TransportOnly => "transport",
        Pattern::Omemo => "omemo",
        Pattern::MultiDevice => "devices",
        Pattern::Group => "group",
        Pattern::FileTransfer => "files",
        Pattern::PresenceContact => "presence",
        Pattern::Any => "any",
    }
}

fn shown_cell(cell: Cell) -> String {
    let letter = match cell.worst {
        None => return "·".into(),
        Some(Sensitivity::Critical) => 'C',
        Some(Sensitivity::High) => 'H',
        Some(Sensitivity::Medium) => 'M',
        Some(Sensitivity::Low) => 'L',
    };
    format!("{} {letter}", grouped(cell.values))
}

/// Per layer the fields that say most, with their values.
pub(super) fn telling(screen: &mut Screen, summary: &Summary) {
    screen.section("The most telling values");
    let mut none = true;
    for layer in Layer::ALL {
        let mut fields: Vec<&FieldSeen> = summary
            .fields
            .values()
            .filter(|seen| seen.row.layer == *layer && seen.row.sensitivity >= Sensitivity::High && seen.count > 0)
            .collect();
        if fields.is_empty() {
            continue;
        }
        none = false;
        // What only says that something was there, or names the account itself, comes last.
        let plain = |seen: &FieldSeen| seen.hidden.is_empty() && values(summary, seen).iter().all(|(value, _)| is_plain(summary, value));
        fields.sort_by_cached_key(|seen| {
            (std::cmp::Reverse(seen.row.sensitivity), plain(seen), std::cmp::Reverse(seen.count), seen.row.id.clone())
        });
        screen.row(&format!("  {layer}"));
        for seen in fields.iter().take(MAX_FIELDS) {
            let times = if seen.count > 1 { format!(" ×{}", grouped(seen.count)) } else { String::new() };
            let tail = format!(" [{}]{times}", seen.row.id);
            let reveals = clipped(seen.row.reveals.trim_end_matches('.'), WIDTH.saturating_sub(14 + columns(&tail)));
            screen.row(&format!("    {} {reveals}{tail}", padded(seen.row.sensitivity.name(), 9)));
            let mut shown: Vec<String> = Vec::new();
            let ranked = values(summary, seen);
            if ranked.iter().any(|(value, _)| *value != "present") {
                shown.push(some_of(&ranked, MAX_VALUES, MAX_VALUE));
            }
            shown.extend(seen.hidden.iter().map(|(class, hidden)| left_out(class, *hidden)));
            if !shown.is_empty() {
                screen.text(14, &shown.join(", "));
            }
        }
        if fields.len() > MAX_FIELDS {
            screen.row(&format!("    and {} of high or critical sensitivity", counted((fields.len() - MAX_FIELDS) as u64, "more field")));
        }
    }
    if none {
        screen.text(2, "None of high or critical sensitivity.");
    }
}

/// Values of a field, the account's own addresses last.
fn values<'a>(summary: &Summary, seen: &'a FieldSeen) -> Vec<(&'a str, u64)> {
    let mut ranked = seen.values.ranked();
    ranked.sort_by_key(|(value, _)| is_plain(summary, value));
    ranked
}

fn is_plain(summary: &Summary, value: &str) -> bool {
    value == "present" || summary.people.own.contains(&normalised_bare(value))
}

/// Says that values were there without showing them.
fn left_out(class: &str, hidden: Hidden) -> String {
    let bytes = match hidden {
        Hidden { shortest, longest, .. } if shortest == longest => grouped(longest),
        Hidden { shortest, longest, .. } => format!("{} to {}", grouped(shortest), grouped(longest)),
    };
    format!("not shown: {} × {} of {bytes} bytes", grouped(hidden.count), clipped(class, 20))
}

/// Contacts, rooms, devices and the like.
pub(super) fn names(screen: &mut Screen, summary: &Summary) {
    screen.section("Names");
    let people = &summary.people;
    let lists = [
        ("Own accounts", people.own.ranked()),
        ("Contacts", people.contacts()),
        ("Rooms", people.rooms.ranked()),
        ("Own resources", people.resources.ranked()),
        ("OMEMO device ids", people.devices.ranked()),
        ("Upload hosts", people.upload_hosts.ranked()),
    ];
    for (label, names) in lists {
        // How often a name was seen says little; which names were seen says much.
        let names: Vec<(&str, u64)> = names.into_iter().map(|(name, _)| (name, 1)).collect();
        let text = if names.is_empty() { "none seen".to_owned() } else { some_of(&names, MAX_NAMES, MAX_VALUE) };
        screen.item(&format!("{label} ({})", names.len()), &text);
    }
    if people.overflow() > 0 {
        screen.text(
            2,
            &format!("More addresses were sent than are told apart here: {} not listed.", counted(people.overflow(), "occurrence")),
        );
    }
    let observers = &summary.coverage.observers;
    if !observers.is_empty() {
        let counts: Vec<String> =
            observers.iter().map(|(observer, count)| format!("{} {}", clipped(observer, 30), grouped(*count))).collect();
        screen.item("Frames readable by", &counts.join(", "));
    }
    if !summary.marks.is_empty() {
        let marks: Vec<(&str, u64)> = summary.marks.iter().map(|mark| (mark.as_str(), 1)).collect();
        screen.item(&format!("Marks ({})", marks.len()), &some_of(&marks, MAX_NAMES, MAX_VALUE));
    }
}
