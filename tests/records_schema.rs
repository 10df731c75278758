//! Every record the program writes is what `docs/records.schema.json` says, and the schema refuses what it does not say.

#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

use std::sync::Arc;

use jsonschema::Validator;
use serde_json::{Value, json};
use stanzascope::audit::canary::Canaries;
use stanzascope::audit::{Auditor, Settings};
use stanzascope::catalog::Catalog;
use stanzascope::record::{
    Assessment, Body, Exposures, Finding, Gap, Intervention, Moment, Raised, Record, SearchFacts, SessionEvent, Totals,
};
use stanzascope::scan::{Options, scan};
use stanzascope::xmpp::Direction;

const SCHEMA: &str = include_str!("../docs/records.schema.json");
const DOCUMENT: &str = include_str!("../docs/records.md");

fn validator() -> Validator {
    jsonschema::draft202012::new(&serde_json::from_str(SCHEMA).unwrap()).unwrap()
}

/// Checks one record. The errors of `oneOf` name every alternative, so the one that was meant is asked again.
fn check(validator: &Validator, line: &str) {
    let record: Value = serde_json::from_str(line).unwrap();
    if validator.is_valid(&record) {
        return;
    }
    let meant = record["type"].as_str().map(|kind| if kind == "gap" { "gap_record" } else { kind }).unwrap_or("stanza");
    let mut schema: Value = serde_json::from_str(SCHEMA).unwrap();
    schema.as_object_mut().unwrap().remove("oneOf");
    schema["$ref"] = json!(format!("#/$defs/{meant}"));
    let errors: Vec<String> =
        jsonschema::draft202012::new(&schema).unwrap().iter_errors(&record).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    panic!("{line}\nis not what the schema says:\n{}", errors.join("\n"));
}

fn scanned(settings: &Settings, input: &str) -> Vec<String> {
    let options = Options { settings: settings.clone(), ..Options::default() };
    let mut out = Vec::new();
    scan(&Catalog::builtin(), &options, &mut input.as_bytes(), &mut out).unwrap();
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn every_example_of_the_catalog() {
    let validator = validator();
    let mut records = 0;
    for spec in &Catalog::builtin().specs {
        for example in &spec.examples {
            let before = example.before.iter().map(|b| (b.direction, &b.xml));
            let stanzas = before.chain([(example.direction, &example.xml)]);
            let input: String =
                stanzas.map(|(direction, xml)| json!({"xml": xml, "direction": direction, "session": "s"}).to_string() + "\n").collect();
            let settings = Settings { accounts: example.account.iter().cloned().collect(), ..Settings::default() };
            for line in scanned(&settings, &input) {
                check(&validator, &line);
                records += 1;
            }
        }
    }
    assert!(records > 100, "{records}");
}

/// Input of every odd sort: what cannot be read, what nobody knows, copies, and whatever else changes a record's keys.
const ODD: &[&str] = &[
    "",
    "not xml",
    "<",
    "<message",
    "</message>",
    "<a/><b/>",
    "<message><body>torn</message>",
    "<message xmlns:x='urn:example:x'><x:y z='1'>free text</x:y></message>",
    "<message><!-- a comment --><?pi?><body>&undefined;</body></message>",
    "<!DOCTYPE a [<!ENTITY b 'c'>]><message/>",
    "<message to='a' to='b'><p:q/><body>&#0;\u{1}</body></message>",
    "<message xmlns=''><body>x</body></message>",
    "<?xml version='1.0'?>",
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='moss.example' version='1.0'>",
    "</stream:stream>",
    "<unheard xmlns='urn:example:of' from='finch@moss.example/\u{202e}x' at='2026-03-02T10:00:00Z' ip='fe80::1' url='https://u:p@h.example/?k=v'/>",
    "<nowhere/>",
    "<iq type='result' id='1'/>",
    "<iq type='error' id='1'><query xmlns='jabber:iq:roster'/><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    "<presence type='probe' to='\u{1b}[31m@moss.example'/>",
    "<message type='groupchat' from='den@rooms.moss.example/Owl'><body>old</body><delay xmlns='urn:xmpp:delay' stamp='2026-03-01T00:00:00Z'/></message>",
    "<message from='wren@moss.example'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='finch@moss.example/d' to='wren@moss.example/r'><body>hi</body></message></forwarded></received></message>",
    "<message from='wren@moss.example'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' to='finch@moss.example'><body>hi</body></message></forwarded></sent></message>",
    "<message><result xmlns='urn:xmpp:mam:2' id='7' queryid='q'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='20260301T00:00:00'/><message xmlns='jabber:client' from='finch@moss.example/d' to='wren@moss.example'><body>old</body></message></forwarded></result></message>",
    "<message to='finch@moss.example'><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2'>AAAA</key><iv>QUJDREVGR0hJSktM</iv></header><payload>AAAA</payload></encrypted></message>",
    "<message to='finch@moss.example'><encrypted xmlns='urn:xmpp:omemo:2'><header sid='0'/><payload>%%%</payload></encrypted><body>beside</body></message>",
    "<message to='finch@moss.example'><openpgp xmlns='urn:xmpp:openpgp:0'>AAAA</openpgp></message>",
    "<message to='finch@moss.example'><subject>see the lantern</subject><content xmlns='urn:xmpp:sce:1'/></message>",
    "<message to='finch@moss.example'><body>aesgcm://h.example/f#00</body></message>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHdyZW4AaHVudGVyMg==</auth>",
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<r xmlns='urn:xmpp:sm:3'/>",
];

#[test]
fn odd_and_hostile_input() {
    let validator = validator();
    let settings = Settings {
        canaries: Canaries::of_texts(["see the lantern"]).unwrap(),
        accounts: vec!["wren@moss.example".into()],
        ..Settings::default()
    };
    let kept = Settings { keep_content: true, evidence: stanzascope::audit::Evidence::None, ..settings.clone() };
    let deep = "<a>".repeat(400) + &"</a>".repeat(400);
    let mut seen = String::new();
    for direction in [None, Some("client_to_server"), Some("server_to_client")] {
        for phase in ["before_tls", "logged_in"] {
            for xml in ODD.iter().copied().chain([deep.as_str()]) {
                let input = json!({"xml": xml, "direction": direction, "phase": phase, "session": "s"}).to_string() + "\n";
                for line in scanned(&settings, &input).into_iter().chain(scanned(&kept, &input)) {
                    check(&validator, &line);
                    seen.push_str(&line);
                }
            }
        }
    }
    // The list is worth something only if it reaches the keys that are rare.
    for key in [
        "\"gap\"",
        "\"irregular\"",
        "\"unclassified\"",
        "\"via\"",
        "\"finding\"",
        "\"ip\":",
        "\"time\":",
        "\"class\":\"secret\"",
        "\"PROVEN_LEAK\"",
        "\"network\"",
    ] {
        assert!(seen.contains(key), "no record has {key}");
    }
}

fn bodies() -> Vec<Body> {
    let catalog = Catalog::builtin();
    let event = |event: &'static str| SessionEvent { event: event.into(), ..SessionEvent::default() };
    let gap = |reason: &'static str| Body::Gap(Gap { reason: reason.into(), detail: "why".into(), bytes: 7 });
    let finding = |severity: &'static str, confidence: &'static str, avoidability: &'static str, favour: &'static str| {
        Body::Finding(Box::new(Finding {
            rule: "canary-readable".into(),
            severity: severity.into(),
            confidence: confidence.into(),
            avoidability: avoidability.into(),
            favour: favour.into(),
            about: None,
            fact: "it was".into(),
            advice: "do".into(),
            source: "RFC 6120 §1".into(),
            evidence: vec![0, 3],
            accepted: None,
        }))
    };
    let mut bodies = vec![
        Body::Session(event("open")),
        Body::Session(SessionEvent { account: Some("wren@moss.example".into()), ..event("login") }),
        Body::Session(SessionEvent { resumed_from: Some("3f2a-6".into()), ..event("resume") }),
        Body::Session(SessionEvent {
            reason: Some("client_refused_certificate".into()),
            detail: "the client sent the alert unknown_ca".into(),
            totals: Some(Totals { bytes_client_to_server: 517, ..Totals::default() }),
            ..event("close")
        }),
        Body::Keepalive { direction: Direction::ClientToServer, bytes: 1 },
        Body::Transport { direction: None, exposures: Exposures::of_facts(&catalog, &[("transport.tls.sni", "moss.example")]) },
        Body::Transport { direction: Some(Direction::ClientToServer), exposures: Exposures::of_facts::<&str, &str>(&catalog, &[]) },
        Body::Intervention(Intervention {
            action: "starttls_ended".into(),
            direction: None,
            detail: "answered <starttls/>".into(),
            bytes: None,
        }),
        Body::Intervention(Intervention {
            action: "compression_removed".into(),
            direction: Some(Direction::ServerToClient),
            detail: "took it out".into(),
            bytes: Some(94),
        }),
        Body::Mark { label: "step\u{1b}[0m".into() },
        Body::Assessment(Box::default()),
        Body::Assessment(Box::new(Assessment {
            conversation: Some("finch@moss.example".into()),
            verdicts: [("OPAQUE".to_owned(), 2)].into(),
            lowest: Some("OPAQUE".into()),
            level: Some("E3".into()),
            sent_level: Some("E4".into()),
            raised: vec![Raised { session: "s1".into(), seq: 4, level: "E4".into(), canaries: vec!["c1".into()] }],
            raised_more: 1,
            because: "why".into(),
            search: Some(SearchFacts { readable: vec!["c2".into()], not_found: vec!["c1".into()], ..SearchFacts::default() }),
        })),
        finding("info", "certain", "none", "for"),
        finding("low", "likely", "inherent", "against"),
        finding("medium", "possible", "optional", "against"),
    ];
    bodies.extend(["malformed", "limit", "truncated", "blind", "log_failure"].map(gap));
    bodies
}

#[test]
fn every_other_kind_of_record() {
    let validator = validator();
    let moment = Moment { unix_micros: 1_772_445_600_000_001, mono_micros: 12 };
    for (seq, body) in bodies().into_iter().enumerate() {
        for at in [None, Some(moment)] {
            check(&validator, &Record { session: "s1".into(), seq: seq as u64, at, body: body.clone() }.to_json());
        }
    }
}

#[test]
fn records_of_a_live_session() {
    let validator = validator();
    let mut auditor = Auditor::new(Catalog::builtin(), Arc::new(Settings::default()), "s1");
    let now = |micros: u64| Moment { unix_micros: 1_772_445_600_000_000 + micros as i64, mono_micros: micros };
    let mut lines = Vec::new();
    auditor.set_opened(now(0));
    auditor.note(Body::opened(), now(0));
    for (index, (direction, bytes)) in [
        (
            Direction::ClientToServer,
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
        ),
        (Direction::ServerToClient, "<iq type='set' id='1' xmlns='jabber:client'><query xmlns='jabber:iq:roster'/></iq> \n"),
        (Direction::ClientToServer, "<iq type='result' id='1'/>  <message><bo"),
    ]
    .into_iter()
    .enumerate()
    {
        auditor.feed(direction, bytes.as_bytes(), Some(now(index as u64 + 1)));
        while let Some(record) = auditor.poll() {
            lines.push(record.to_json());
        }
    }
    Direction::BOTH.into_iter().for_each(|direction| auditor.finish(direction, Some(now(9))));
    while let Some(record) = auditor.poll() {
        lines.push(record.to_json());
    }
    auditor.note(auditor.closing("client_vanished", "", now(10)), now(10));
    lines.extend(auditor.poll().map(|record| record.to_json()));
    lines.iter().for_each(|line| check(&validator, line));
    assert!(lines.iter().any(|l| l.contains("\"answers\"")) && lines.iter().any(|l| l.contains("\"keepalive\"")), "{lines:#?}");
}

#[test]
fn the_records_that_reports_are_tested_with() {
    let validator = validator();
    for records in [include_str!("records/ordinary.jsonl"), include_str!("records/leaky.jsonl"), include_str!("records/hostile.jsonl")] {
        // A torn line is no record; an escape sequence in a rule's name is what the hostile log is about.
        for line in records.split('\n').filter(|line| line.ends_with('}') && !line.contains("odd-names")) {
            check(&validator, line);
        }
    }
}

#[test]
fn the_schema_refuses_what_it_does_not_say() {
    let validator = validator();
    let line = Record { session: "s".into(), seq: 0, at: None, body: Body::Mark { label: "x".into() } }.to_json();
    let good: Value = serde_json::from_str(&line).unwrap();
    let stanza: Value = serde_json::from_str(&scanned(&Settings::default(), "<message><body>hi</body></message>")[0]).unwrap();
    assert!(validator.is_valid(&good) && validator.is_valid(&stanza));
    let changed = |base: &Value, pointer: &str, key: &str, value: Value| {
        let mut record = base.clone();
        record.pointer_mut(pointer).unwrap()[key] = value;
        record
    };
    for (what, record) in [
        ("an extra key", changed(&good, "", "extra", json!(1))),
        ("an extra key in an exposure", changed(&stanza, "/exposures/0", "layer", json!("e2ee"))),
        ("an extra key in a verdict", changed(&stanza, "/verdict", "score", json!(7))),
        ("an unknown type", changed(&good, "", "type", json!("dream"))),
        ("another version", changed(&good, "", "v", json!(2))),
        ("a sequence number that is none", changed(&good, "", "seq", json!(-1))),
        ("a time without its clock", changed(&good, "", "ts", json!("2026-03-02T10:00:00.000000Z"))),
        ("an unknown verdict", changed(&stanza, "/verdict", "body", json!("FINE"))),
        ("an opaque verdict without level", changed(&stanza, "/verdict", "body", json!("OPAQUE"))),
        ("an unknown observer", changed(&stanza, "", "observers", json!(["nobody"]))),
        ("an unclassified value without path", changed(&stanza, "/exposures/0", "field", json!("unclassified"))),
        ("a key of another type", changed(&good, "", "exposures", json!([]))),
    ] {
        assert!(!validator.is_valid(&record), "{what} passed: {record}");
    }
}

/// Metrics count the same words; a new one has to be on both lists.
#[cfg(feature = "proxy")]
#[test]
fn the_closed_lists_are_those_of_the_metrics() {
    use stanzascope::metrics::{END_REASONS, GAP_REASONS, INTERVENTIONS};
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for (list, pointer) in [
        (END_REASONS, "/$defs/session/properties/reason/enum"),
        (GAP_REASONS, "/$defs/gap/properties/reason/enum"),
        (GAP_REASONS, "/$defs/gap_record/properties/reason/enum"),
        (INTERVENTIONS, "/$defs/intervention/properties/action/enum"),
    ] {
        assert_eq!(schema.pointer(pointer), Some(&json!(list)), "{pointer}");
    }
}

/// Every key and every closed value of the schema is explained.
#[test]
fn the_document_names_every_key_and_value() {
    fn walk(schema: &Value, words: &mut Vec<String>) {
        match schema {
            Value::Object(map) => {
                if let Some(Value::Object(properties)) = map.get("properties") {
                    words.extend(properties.keys().cloned());
                }
                for (key, value) in map {
                    match (key.as_str(), value) {
                        ("enum", Value::Array(values)) => words.extend(values.iter().filter_map(|v| v.as_str().map(str::to_owned))),
                        ("if", _) => {}
                        _ => walk(value, words),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, words)),
            _ => {}
        }
    }
    let mut words = Vec::new();
    walk(&serde_json::from_str(SCHEMA).unwrap(), &mut words);
    words.sort();
    words.dedup();
    let missing: Vec<&String> = words.iter().filter(|word| !DOCUMENT.contains(&format!("`{word}`"))).collect();
    assert!(words.len() > 80 && missing.is_empty(), "docs/records.md does not explain {missing:?}");
}
