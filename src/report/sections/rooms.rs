//! Group chat: membership, roles, timing and real addresses.

use super::words;
use crate::report::doc::{Inline, Section, Table, Tone};
use crate::report::model::Model;
use crate::report::model::rooms::Room;
use crate::report::text::layout::{counted, grouped};

/// Rooms that are described.
const MAX_ROOMS: usize = 20;
/// Occupants in a room's table.
const MAX_OCCUPANTS: usize = 40;

/// Status codes that say something about privacy (XEP-0045 §15.6).
const CODES: [(&str, &str); 5] = [
    ("100", "everybody may see the real address of whoever enters"),
    ("170", "the room keeps a public log"),
    ("172", "the room is now non-anonymous"),
    ("173", "the room is now semi-anonymous"),
    ("201", "the room was created"),
];

/// The section.
pub fn section(model: &Model) -> Section {
    let mut section = Section::new("rooms", "Rooms", "Group chat");
    if model.rooms.is_empty() {
        section.text("No room was seen.");
        return section;
    }
    section.text("A room service sees the members and their roles, who comes and goes and when, and who writes how much. Encryption changes none of it.");
    for (address, room) in model.rooms.iter().take(MAX_ROOMS) {
        section.heading(format!("Room {address}"));
        section.list(about(room, model, address));
        section.table(people(address, room));
    }
    if model.rooms.len() > MAX_ROOMS {
        section.note(format!("{} are not shown here.", counted((model.rooms.len() - MAX_ROOMS) as u64, "more room")));
    }
    section
}

fn about(room: &Room, model: &Model, address: &str) -> Vec<Inline> {
    let mut items = Vec::new();
    let shown = if room.shows_addresses() {
        Inline::new().badge(Tone::High, "real addresses shown").text(" Occupants or the service see the address behind each nick")
    } else {
        Inline::new().badge(Tone::Plain, "real addresses not seen").text(" The service itself always knows them")
    };
    items.push(shown);
    for (account, (nick, places)) in &room.joined {
        items.push(Inline::new().value(account.clone()).text(" joined as ").value(nick.clone()).places(places));
    }
    for (code, places) in &room.codes {
        if let Some((_, meaning)) = CODES.iter().find(|(known, _)| known == code) {
            items.push(Inline::new().text(format!("Status {code}: {meaning}")).places(places));
        }
    }
    if !room.settings.is_empty() {
        let mut text = Inline::new().text("Settings that were sent: ");
        for (index, (id, (value, places))) in room.settings.iter().take(8).enumerate() {
            text = if index == 0 { text } else { text.text(", ") };
            text = text.text(id.trim_start_matches("muc.config.").replace('_', " ")).text(" ").value(value.clone()).places(places);
        }
        items.push(text);
    }
    let verdict = model.summary.talks.ranked().into_iter().find(|(with, _)| *with == address).and_then(|(_, talk)| talk.lowest());
    let mut messages = Inline::new().text(format!(
        "{} sent, {} received, {} from its history",
        counted(room.sent, "message"),
        grouped(room.received),
        grouped(room.history)
    ));
    if let Some(verdict) = verdict {
        messages = messages.text("; worst: ").badge(verdict.into(), words::verdict(verdict));
    }
    items.push(messages.places(&room.places));
    if let Some((first, last)) = &room.span {
        items.push(Inline::new().text("Seen from ").value(words::clock(first)).text(" to ").value(words::clock(last)).text(" UTC"));
    }
    items
}

fn people(address: &str, room: &Room) -> Table {
    let mut table = Table::new(
        format!("People the service knows in {address}"),
        &["Nick or address", "Affiliation", "Role", "Real address", "#Messages", "Records"],
    );
    let or_dash = |text: &Option<String>| text.clone().map_or("–".into(), |text| Inline::new().value(text));
    for (nick, occupant) in room.occupants.iter().take(MAX_OCCUPANTS) {
        table.row(vec![
            Inline::new().value(nick.clone()),
            or_dash(&occupant.affiliation),
            or_dash(&occupant.role),
            or_dash(&occupant.real),
            grouped(occupant.messages).into(),
            Inline::new().places(&occupant.places),
        ]);
    }
    let known = |member: &String| room.occupants.values().any(|occupant| occupant.real.as_ref() == Some(member));
    for (member, (affiliation, places)) in room.members.iter().filter(|(member, _)| !known(member)).take(MAX_OCCUPANTS) {
        let affiliation = Some(affiliation.clone()).filter(|text| !text.is_empty());
        table.row(vec![
            Inline::new().value(member.clone()),
            or_dash(&affiliation),
            "–".into(),
            Inline::new().value(member.clone()),
            "0".into(),
            Inline::new().places(places),
        ]);
    }
    table.left_out((room.occupants.len().saturating_sub(MAX_OCCUPANTS)) + usize::try_from(room.overflow).unwrap_or(usize::MAX), "people");
    table
}
