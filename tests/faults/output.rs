//! F-65, F-16 and F-18: what a peer chooses does not grow what we show; time and ends of what is incomplete.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stanzascope::audit::Auditor;
use stanzascope::catalog::Catalog;
use stanzascope::xmpp::Direction;

use crate::rig::Rig;

/// F-65: 10,000 stanzas in 10,000 unknown namespaces → all in the log with their namespace, not one series more in `/metrics`
#[test]
fn unknown_namespaces() {
    let mut rig = Rig::new(&[]);
    let series = |rig: &Rig| {
        let text = crate::cli::http(rig.proxy.metrics(), "GET /metrics HTTP/1.1\r\nHost: HOST\r\n\r\n");
        assert!(text.len() < 1 << 20);
        (text.lines().filter(|line| !line.starts_with('#')).count(), text)
    };
    let before = series(&rig).0;
    let (mut client, mut server, session) = rig.session();
    for hundred in 0..100 {
        let stanzas: String = (0..100).map(|n| format!("<message><x xmlns='urn:unknown:{hundred}:{n}'>y</x></message>")).collect();
        client.says(&stanzas, &mut server);
    }
    drop((client, server));
    let records = rig.records_of(&session);
    let namespaces: std::collections::BTreeSet<String> =
        records.iter().filter(|r| r["kind"] == "message").map(|r| r["payloads"].to_string()).collect();
    assert_eq!(namespaces.len(), 10_000);
    let (after, text) = series(&rig);
    assert_eq!(before, after);
    assert!(text.contains("stanzascope_unclassified_total{direction=\"client_to_server\",run=\"unnamed\"} 10000"), "{text}");
    rig.is_well("unknown namespaces");
    rig.stop();
}

/// F-18: `<message a='` and then nothing for 2 s; the end in mid-stanza → the session stays; one gap `truncated`, with the bytes
#[test]
fn an_element_that_never_ends() {
    let mut rig = Rig::new(&[]);
    let (mut client, mut server, session) = rig.session();
    client.says("<message a='", &mut server);
    std::thread::sleep(Duration::from_secs(2));
    drop((client, server));
    let records = rig.records_of(&session);
    let gaps: Vec<_> = records.iter().filter(|r| r["gap"].is_object()).map(|r| r["gap"].clone()).collect();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!((gaps[0]["reason"].as_str(), gaps[0]["bytes"].as_u64()), (Some("truncated"), Some(12)));
    rig.is_well("an element that never ends");
    rig.stop();
}

/// F-03: the same entities, 632 bytes, in the audit alone → under 5 ms (50 ms in a debug build)
#[test]
fn entities_cost_nothing() {
    let mut dtd = "<!DOCTYPE a [<!ENTITY a0 'ha'>".to_owned();
    (1..10).for_each(|n| dtd += &format!("<!ENTITY a{n} '{}'>", format!("&a{};", n - 1).repeat(10)));
    let text = dtd + "]><message><body>&a9;</body></message>";
    let mut auditor = Auditor::new(Catalog::builtin(), Arc::default(), "s").assume_logged_in();
    let began = Instant::now();
    auditor.feed(Direction::ClientToServer, text.as_bytes(), None);
    while let Some(record) = auditor.poll() {
        assert!(record.to_json().len() < 2000);
    }
    assert!(began.elapsed() < Duration::from_millis(50), "{:?}", began.elapsed());
}

/// F-17: 20,000 stanzas in one go (in full 100,000) → each arrives and is logged once
#[test]
fn a_train_of_stanzas() {
    let mut rig = Rig::new(&[]);
    let (mut client, server, session) = rig.session();
    let count = super::lifecycle::size(20_000, 100_000);
    let stanzas: String = (0..count).map(|n| format!("<presence id='{n}'/>")).collect();
    let len = stanzas.len();
    let reader = std::thread::spawn(move || {
        let mut server = server;
        server.hear(len).unwrap()
    });
    client.send(&stanzas).unwrap();
    assert!(reader.join().unwrap() == stanzas.as_bytes());
    drop(client);
    let records = rig.records_of(&session);
    assert_eq!(records.iter().filter(|r| r["kind"] == "presence").count(), count);
    rig.is_well("a train of stanzas");
    rig.stop();
}

/// Time to take in 10 MiB in chunks of this size.
fn time_for(chunk: usize, open: &str, close: &str) -> Duration {
    let bytes = format!("{open}{}{close}", "x".repeat(10 << 20)).into_bytes();
    let mut auditor = Auditor::new(Catalog::builtin(), Arc::default(), "s").assume_logged_in();
    let began = Instant::now();
    for chunk in bytes.chunks(chunk) {
        auditor.feed(Direction::ServerToClient, chunk, None);
        while auditor.poll().is_some() {}
    }
    began.elapsed()
}

/// F-16: 10 MiB of text, of an attribute, of a name, in single bytes and in pieces of 1,400 → linear: a byte costs less than 2 µs in a debug build, however it comes
#[test]
fn cuts_do_not_multiply_work() {
    for (open, close) in [("<message><body>", "</body></message>"), ("<message a='", "'/>"), ("<message><", "/></message>")] {
        let (single, pieces) = (time_for(1, open, close), time_for(1400, open, close));
        assert!(single < Duration::from_secs(20), "{open} in single bytes: {single:?}");
        assert!(pieces < Duration::from_secs(3), "{open} in pieces: {pieces:?}");
    }
}

/// F-16: 1 MiB of one element name from the server, in pieces of 16 bytes, through the relay that holds back what it must see → passes at the speed of any text
#[test]
fn a_name_that_grows_byte_by_byte() {
    let mut rig = Rig::new(&[]);
    let (client, mut server, session) = rig.session();
    let name = "x".repeat(1 << 20);
    let reader = std::thread::spawn(move || {
        let mut client = client;
        client.hear(1 + (1 << 20) + 2).unwrap()
    });
    let began = Instant::now();
    server.send("<").unwrap();
    for piece in name.as_bytes().chunks(16) {
        server.send_bytes(piece).unwrap();
    }
    server.send("/>").unwrap();
    let heard = reader.join().unwrap();
    let took = began.elapsed();
    assert_eq!(heard.len(), name.len() + 3);
    assert!(took < Duration::from_secs(20), "{took:?}");
    drop(server);
    assert!(rig.records_of(&session).iter().any(|r| r["bytes"].as_u64() == Some(name.len() as u64 + 3)));
    rig.is_well("a long name");
    rig.stop();
}
