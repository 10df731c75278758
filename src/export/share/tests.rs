use super::*;
use crate::catalog::Catalog;
use crate::export::{csv, jsonl};

const RECORDS: &str = include_str!("../../../tests/records/ordinary.jsonl");

fn shared(key: &[u8], options: ShareOptions) -> String {
    let rows = Rows::of(&Catalog::builtin());
    let mut share = Share::new(key, &rows, options);
    share.learn(&mut RECORDS.as_bytes()).unwrap();
    let (mut lines, mut cells) = (Vec::new(), Vec::new());
    jsonl::write(&mut RECORDS.as_bytes(), &rows, Some(&mut share), &mut lines).unwrap();
    csv::write(&mut RECORDS.as_bytes(), &rows, Some(&mut share), &mut cells).unwrap();
    String::from_utf8([lines, cells].concat()).unwrap()
}

fn value(key: &[u8], field: &str, value: &str) -> String {
    let rows = Rows::of(&Catalog::builtin());
    let mut share = Share::new(key, &rows, ShareOptions::default());
    let mut exposure = Exposure {
        field: field.to_owned().into(),
        value: value.to_owned().into(),
        path: None,
        via: None,
        derived: false,
        typed: None,
        element: None,
    };
    let row = rows.get(field).unwrap_or_else(|| panic!("{field} is not in the catalog")).clone();
    share.exposure(&mut exposure, Some(&row));
    exposure.value.into_owned()
}

#[test]
fn what_people_are_called_is_gone() {
    let out = shared(b"a key", ShareOptions::default());
    for name in [
        "wren",
        "finch",
        "heron",
        "owl",
        "Finch",
        "Dr Heron",
        "Choir",
        "choir",
        "moss.example",
        "fern.example",
        "Reed",
        "desk",
        "4711",
        "2001",
        "score.pdf",
        "rehearsing",
        "a81f",
        "m4711",
        "23456",
        "2026",
        "send the score",
        "reed.example",
    ] {
        // The catalog's own words are not the run's.
        let lines: Vec<&str> = out.lines().filter(|line| line.contains(name)).collect();
        assert!(lines.is_empty(), "{name}: {lines:#?}");
    }
    assert!(out.contains("step-1") && out.contains("\"room-") && out.contains("u-") && out.contains("dev-"));
}

#[test]
fn equal_stays_equal_in_a_run_and_only_there() {
    let tokens = |out: &str| -> std::collections::BTreeSet<String> {
        out.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .filter(|word| word.rsplit('-').next().is_some_and(|last| last.len() == 16) && word.contains('-'))
            .map(str::to_owned)
            .collect()
    };
    let (once, again, other) =
        (shared(b"a key", ShareOptions::default()), shared(b"a key", ShareOptions::default()), shared(b"another", ShareOptions::default()));
    assert_eq!(once, again);
    let (ours, theirs) = (tokens(&once), tokens(&other));
    assert!(ours.len() > 20, "{ours:?}");
    assert_eq!(ours.intersection(&theirs).count(), 0);
    assert_eq!(ours.len(), theirs.len());
    // The same person in the roster, in a presence and in a conversation.
    let address = |field: &str| {
        let line = once.lines().find(|line| line.contains(&format!("\"field\":\"{field}\""))).unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["bare"].as_str().unwrap().to_owned()
    };
    assert_eq!(address("roster.item.jid"), address("presence.contact.available"));
}

#[test]
fn each_sort_of_value_is_treated_as_it_has_to_be() {
    for (field, given, expected) in [
        ("message.type", "chat", "chat"),
        ("message.type", "my own type", "[text, up to 16 bytes]"),
        ("presence.status", "at home", "[text, up to 8 bytes]"),
        ("nick.pep", "Ann", "[text, up to 8 bytes]"),
        ("disco.info.feature", "urn:xmpp:receipts", "urn:xmpp:receipts"),
        ("pep.geoloc.lat", "52", "[text, up to 8 bytes]"),
    ] {
        if Catalog::builtin().by_id(field).is_some() {
            assert_eq!(value(b"k", field, given), expected, "{field}");
        }
    }
    let url = value(b"k", "upload.slot.put_url", "https://up.moss.example/a/b.pdf");
    assert!(url.starts_with("https://d-") && !url.contains("moss") && !url.contains("b.pdf"), "{url}");
    let device = value(b"k", "omemo.axolotl.message.sid", "4711");
    assert!(device.starts_with("dev-"), "{device}");
    let address = value(b"k", "message.to", "Ann@Moss.example/desk");
    assert_eq!(address.split('/').next(), value(b"k", "message.to", "ann@moss.example").split('/').next());
}

#[test]
fn times_move_together_or_stay() {
    let rows = Rows::of(&Catalog::builtin());
    let share = Share::new(b"k", &rows, ShareOptions::default());
    let at = |text: &str| OffsetDateTime::parse(&share.time(text).unwrap(), &Rfc3339).unwrap();
    let (first, second) = (at("2026-03-02T10:00:00.500000Z"), at("2026-03-02T10:00:02Z"));
    assert_eq!(second - first, Duration::milliseconds(1500));
    assert!(first.year() < 2026);
    let kept = Share::new(b"k", &rows, ShareOptions { keep_times: true, ..ShareOptions::default() });
    assert_eq!(kept.time("2026-03-02T10:00:00.500000Z").as_deref(), Some("2026-03-02T10:00:00.500000Z"));
}
