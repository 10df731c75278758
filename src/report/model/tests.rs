//! What one pass gathers, from small logs.

use super::*;
use crate::catalog::Catalog;
use crate::record::{Observer, Verdict};
use crate::report::sections::words;

const ORDINARY: &str = include_str!("../../../tests/records/ordinary.jsonl");

/// A stanza as a line: session, number, direction, kind, exposures as JSON, further keys.
fn line(seq: u64, direction: &str, kind: &str, exposures: &str, more: &str) -> String {
    format!(
        "{{\"v\":1,\"session\":\"s1\",\"seq\":{seq},\"ts\":\"2026-03-02T10:00:{:02}.000000Z\",\"type\":\"stanza\",\"direction\":\"{direction}\",\
         \"phase\":\"logged_in\",\"kind\":\"{kind}\",\"bytes\":10,\"observers\":[\"own_server\"],\"exposures\":[{exposures}]{more}}}\n",
        seq % 60
    )
}

fn model(records: &str) -> Model {
    let run = RunInfo { accounts: vec!["wren@moss.example".into()], ..RunInfo::default() };
    Model::read(&mut records.as_bytes(), &Rows::of(&Catalog::builtin()), run).unwrap()
}

#[test]
fn an_ordinary_run() {
    let model = model(ORDINARY);
    assert_eq!(model.accounts(), ["wren@moss.example"]);
    let (account, contacts) = model.contacts.by_account().next().unwrap();
    assert_eq!(account, "wren@moss.example");
    let finch = contacts.iter().find(|(address, _)| *address == "finch@moss.example").unwrap().1;
    assert_eq!((finch.name.as_deref(), finch.subscription.as_deref(), finch.sent + finch.received), (Some("Finch"), Some("both"), 2));
    assert_eq!(finch.lowest(), Some(Verdict::Opaque));
    assert!(finch.resources.contains("desk"));
    let room = model.rooms.get("choir@rooms.moss.example").unwrap();
    assert_eq!(room.occupants["Owl"].real.as_deref(), Some("owl@fern.example"));
    assert!(room.shows_addresses());
    assert_eq!(
        model.sessions.of_clients().map(|(_, session)| words::session_name(session)).collect::<Vec<_>>(),
        ["wren@moss.example/Reed.7Q"]
    );
    assert!(model.watchers.of(Observer::Network).is_some() && model.watchers.of(Observer::PushService).is_none());
    // Nothing passed to or from the other domain; the roster names somebody there all the same.
    assert_eq!(model.domains.remote(&model.own_domains()).count(), 0);
    assert_eq!(
        model.remote_contacts().into_iter().map(|(domain, known)| (domain, known.len())).collect::<Vec<_>>(),
        [("fern.example".to_owned(), 2)]
    );
}

#[test]
fn roster_items_keep_their_parts_together() {
    let items = r#"{"field":"roster.item.subscription","value":"both","element":2},{"field":"roster.item.name","value":"Finch"},{"field":"roster.item.jid","value":"finch@moss.example"},{"field":"roster.item.group","value":"Choir","element":3},{"field":"roster.item.jid","value":"heron@fern.example","element":4},{"field":"roster.item.name","value":"Dr Heron"},{"field":"roster.item.subscription","value":"to"}"#;
    let model = model(&line(1, "server_to_client", "iq", items, ""));
    let (_, contacts) = model.contacts.by_account().next().unwrap();
    let facts = |wanted: &str| {
        let (_, contact) = contacts.iter().find(|(address, _)| *address == wanted).unwrap();
        (contact.name.clone().unwrap(), contact.subscription.clone().unwrap(), contact.groups.iter().cloned().collect::<Vec<_>>())
    };
    assert_eq!(facts("finch@moss.example"), ("Finch".into(), "both".into(), vec!["Choir".to_owned()]));
    assert_eq!(facts("heron@fern.example"), ("Dr Heron".into(), "to".into(), vec![]));
}

#[test]
fn a_device_that_is_listed_and_silent_is_dormant() {
    let list = r#"{"field":"pep.event.from","value":"wren@moss.example"},{"field":"omemo.axolotl.devicelist.event_device_id","value":"1","element":5},{"field":"omemo.axolotl.devicelist.device_count","value":"2","derived":true},{"field":"omemo.axolotl.devicelist.event_device_id","value":"2","element":6}"#;
    let message = r#"{"field":"message.to","value":"finch@moss.example"},{"field":"omemo.axolotl.message.sid","value":"1","element":2},{"field":"omemo.axolotl.message.rid","value":"9"},{"field":"omemo.axolotl.message.payload_len","value":"12"}"#;
    let later = r#"{"field":"pep.event.from","value":"wren@moss.example"},{"field":"omemo.axolotl.devicelist.event_device_id","value":"2","element":5},{"field":"omemo.axolotl.devicelist.device_count","value":"1","derived":true}"#;
    let two = line(1, "server_to_client", "message", list, "") + &line(2, "client_to_server", "message", message, "");
    let seen = model(&two);
    assert_eq!(seen.devices.of("wren@moss.example").unwrap().counts(), (2, 1, 1));
    assert_eq!((seen.sizes.messages(), seen.sizes.ranges()[0], seen.devices.recipients["9"].count), (1, 1, 1));
    // A device that writes and has left the list is told apart from one that is announced.
    let seen = model(&(two + &line(3, "server_to_client", "message", later, "")));
    let devices = &seen.devices.of("wren@moss.example").unwrap().devices;
    assert!(!devices["1"].announced && !devices["1"].wrote.is_empty() && devices["2"].is_dormant());
}

#[test]
fn copies_are_no_new_contacts_nor_messages() {
    let carbon = r#"{"field":"message.from","value":"wren@moss.example"},{"field":"carbons.sent","value":"finch@moss.example","via":"carbon_sent","element":3}"#;
    let verdict = r#","conversation":"finch@moss.example","verdict":{"body":"NOT_ENCRYPTED","rules":["N1"],"because":"clear"}"#;
    let seen = model(&line(1, "server_to_client", "message", carbon, verdict));
    let (_, contacts) = seen.contacts.by_account().next().unwrap();
    let (address, contact) = contacts[0];
    assert_eq!((address, contact.messages(), contact.copies, contact.places.count), ("finch@moss.example", 0, 1, 0));
}

#[test]
fn records_are_fetched_by_number_or_by_input() {
    let seen = model(ORDINARY);
    let wanted = [Place { session: 0, number: 8 }, Place { session: 0, number: 9999 }].into();
    let quotes = quotes::fetch(&mut ORDINARY.as_bytes(), &seen.sessions, false, &wanted).unwrap();
    assert_eq!(quotes.len(), 1);
    let quote = quotes.values().next().unwrap();
    assert_eq!((quote.label.as_str(), quote.what.as_str()), ("s1:8", "presence, client to server"));
    assert!(quote.text.contains("muc.join.room = choir@rooms.moss.example/Wren"), "{quote:?}");

    let scanned = r#"{"v":1,"session":"scan","seq":40,"type":"stanza","input":7,"kind":"message","exposures":[{"field":"message.to","value":"finch@moss.example"}],"evidence":"<message/>"}"#;
    let seen = model(scanned);
    assert!(seen.by_input);
    let wanted = seen.facts.places(&["message.to"]).first.into_iter().collect();
    let quotes = quotes::fetch(&mut scanned.as_bytes(), &seen.sessions, seen.by_input, &wanted).unwrap();
    assert_eq!(quotes.values().map(|quote| quote.label.as_str()).collect::<Vec<_>>(), ["scan:7"]);
}

#[test]
fn a_flood_of_names_takes_bounded_memory() {
    let mut records = String::new();
    for n in 0..6000 {
        let exposures = format!(
            r#"{{"field":"message.from","value":"x{n}@d{n}.example/r","typed":{{"bare":"x{n}@d{n}.example","resource":"r"}}}},{{"field":"omemo.axolotl.message.sid","value":"{n}","element":2}},{{"field":"omemo.axolotl.message.payload_len","value":"{n}"}}"#
        );
        records.push_str(&line(n, "server_to_client", "message", &exposures, "").replace("\"s1\"", &format!("\"s{n}\"")));
    }
    let seen = model(&records);
    assert!(seen.contacts.addresses().len() <= 4096 && seen.contacts.overflow > 0);
    assert!(seen.domains.remote(&[]).count() <= 512 && seen.domains.overflow > 0);
    assert!(seen.sizes.exact.len() <= 4096 && seen.sizes.messages() == 6000);
    assert!(seen.sessions.of_clients().count() <= 4096);
}

#[test]
fn what_comes_later_is_ignored() {
    let later = "{\"v\":1,\"session\":\"s1\",\"seq\":1,\"type\":\"of-tomorrow\",\"level\":\"E3\"}\n";
    let seen = model(&format!("{later}{ORDINARY}"));
    assert_eq!(seen.summary.coverage.damage.unknown, 1);
    assert_eq!(seen.rooms.len(), 1);
}
