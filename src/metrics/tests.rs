use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::audit::{Auditor, Settings};
use crate::record::{Finding, Intervention};

/// The samples of a family: `{labels} value`, those above 0 only, without the label of the run.
fn counted(metrics: &Metrics, family: &str) -> Vec<String> {
    let text = metrics.encode().replace(r#"{run="unnamed"}"#, "").replace(r#",run="unnamed""#, "").replace(r#"run="unnamed","#, "");
    let samples = text.lines().filter_map(|line| line.strip_prefix(family)).filter(|rest| rest.starts_with(['{', ' ']));
    samples.map(|s| s.trim().to_owned()).filter(|s| !s.ends_with(" 0") && s != "0").collect()
}

fn series(metrics: &Metrics) -> usize {
    metrics.encode().lines().filter(|line| !line.starts_with('#')).count()
}

fn metrics() -> Metrics {
    Metrics::new(&Catalog::builtin())
}

fn audit(metrics: &Metrics, direction: Direction, xml: &str) {
    let mut auditor = Auditor::new(Catalog::builtin(), Arc::new(Settings::default()), "s").assume_logged_in();
    auditor.feed(direction, xml.as_bytes(), None);
    while let Some(record) = auditor.poll() {
        metrics.observe(&record);
    }
}

fn observe(metrics: &Metrics, body: Body) {
    metrics.observe(&Record { session: "s".into(), seq: 0, at: None, body });
}

#[test]
fn names_follow_the_rules_of_prometheus() {
    let text = metrics().encode();
    let mut families = BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        // The process has names that every program uses.
        assert!(name.starts_with("stanzascope_") || name.starts_with("process_"), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
        assert!(families.insert(name), "{name} appears twice");
    }
    assert!(families.len() >= 30, "{families:?}");
}

#[test]
fn every_series_is_there_from_the_start_with_0() {
    let metrics = metrics();
    let catalog = Catalog::builtin();
    let layers: BTreeSet<_> = catalog.fields.iter().map(|f| (f.layer, f.category, f.sensitivity)).collect();
    let patterns: BTreeSet<_> = catalog.fields.iter().map(|f| (f.layer, f.pattern)).collect();
    let text = metrics.encode();
    let of = |family: &str| text.lines().filter(|line| line.starts_with(&format!("{family}{{"))).count();
    assert_eq!(of("stanzascope_exposures_total"), layers.len());
    assert_eq!(of("stanzascope_exposures_by_pattern_total"), patterns.len());
    assert_eq!(of("stanzascope_verdicts_total"), Verdict::ALL.len());
    assert_eq!(of("stanzascope_interventions_total"), INTERVENTIONS.len() + 1);
    let starts_with_0 =
        |line: &&str| !["#", "process_", "stanzascope_build_info", "stanzascope_run_start"].iter().any(|s| line.starts_with(s));
    assert!(text.lines().filter(starts_with_0).all(|l| l.ends_with(" 0")), "{text}");
}

#[test]
fn a_stanza_is_counted_by_kind_direction_exposures_and_verdict() {
    let metrics = metrics();
    let xml = "<message to='b@b.example' type='chat'><body>hello</body><x xmlns='urn:example:unknown'/></message>";
    audit(&metrics, Direction::ClientToServer, xml);
    assert_eq!(counted(&metrics, "stanzascope_stanzas_total"), [r#"{direction="client_to_server",kind="message"} 1"#]);
    assert_eq!(counted(&metrics, "stanzascope_verdicts_total"), [r#"{verdict="NOT_ENCRYPTED"} 1"#]);
    assert_eq!(counted(&metrics, "stanzascope_unclassified_total"), [r#"{direction="client_to_server"} 1"#]);
    assert_eq!(counted(&metrics, "stanzascope_records_total"), [r#"{type="stanza"} 1"#]);
    let total =
        |family: &str| -> u64 { counted(&metrics, family).iter().map(|s| s.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum() };
    let exposures = total("stanzascope_exposures_total");
    assert!(exposures >= 3, "{exposures}");
    assert_eq!(exposures, total("stanzascope_exposures_by_pattern_total"), "two views of the same values");
}

#[test]
fn copies_and_gaps_are_counted() {
    let metrics = metrics();
    let carbon = "<message from='a@a.example'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>\
                  <message xmlns='jabber:client' to='b@b.example'><body>x</body></message></forwarded></sent></message>";
    audit(&metrics, Direction::ServerToClient, carbon);
    audit(&metrics, Direction::ServerToClient, "<message></body>");
    observe(&metrics, Body::Gap(Gap { reason: "a reason of tomorrow".into(), detail: String::new(), bytes: 1 }));
    assert_eq!(counted(&metrics, "stanzascope_copies_total"), ["1"]);
    assert_eq!(counted(&metrics, "stanzascope_gaps_total"), [r#"{reason="malformed"} 1"#, r#"{reason="other"} 1"#]);
}

#[test]
fn findings_and_interventions_are_counted() {
    let metrics = metrics();
    let word = |w: &'static str| w.into();
    observe(
        &metrics,
        Body::Finding(Box::new(Finding {
            rule: word("r"),
            severity: word("high"),
            confidence: word("certain"),
            avoidability: word("avoidable"),
            favour: word("for"),
            about: None,
            fact: String::new(),
            advice: String::new(),
            source: word(""),
            evidence: vec![],
            accepted: None,
        })),
    );
    let action = word("compression_removed");
    observe(&metrics, Body::Intervention(Intervention { action, direction: None, detail: String::new(), bytes: None }));
    assert_eq!(counted(&metrics, "stanzascope_findings_total"), [r#"{favour="for",severity="high"} 1"#]);
    assert_eq!(counted(&metrics, "stanzascope_interventions_total"), [r#"{action="compression_removed"} 1"#]);
}

#[test]
fn sessions_bytes_waits_and_failures_are_counted() {
    let metrics = metrics();
    metrics.session_opened(Entry::Direct);
    metrics.session_opened(Entry::StartTls);
    metrics.session_ended("closed", true);
    metrics.bytes(Direction::ServerToClient, 70);
    metrics.queue_wait(Duration::from_millis(1500));
    metrics.log_failure(3);
    assert_eq!(counted(&metrics, "stanzascope_sessions_total"), [r#"{entry="direct"} 1"#, r#"{entry="starttls"} 1"#]);
    assert_eq!(counted(&metrics, "stanzascope_sessions_active"), ["1"]);
    assert_eq!(counted(&metrics, "stanzascope_session_ends_total"), [r#"{reason="closed"} 1"#]);
    assert_eq!(counted(&metrics, "stanzascope_bytes_total"), [r#"{direction="server_to_client"} 70"#]);
    assert_eq!(counted(&metrics, "stanzascope_queue_wait_seconds_total"), ["1.5"]);
    assert_eq!(counted(&metrics, "stanzascope_log_records_lost_total"), ["3"]);
}

#[test]
fn counters_never_fall_between_scrapes() {
    let metrics = metrics();
    audit(&metrics, Direction::ClientToServer, "<presence/>");
    let first = counted(&metrics, "stanzascope_exposures_total");
    assert_eq!(counted(&metrics, "stanzascope_exposures_total"), first);
}

#[test]
fn every_series_carries_the_label_of_the_run() {
    let metrics = Metrics::of_run(&Catalog::builtin(), &RunLabel::new("dino-0.5"));
    let text = metrics.encode();
    let without: Vec<_> = text.lines().filter(|line| !line.starts_with('#') && !line.contains(r#"run="dino-0.5""#)).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn tls_and_login_are_counted_by_word() {
    let metrics = metrics();
    let facts = [
        ("transport.tls.version_negotiated", "TLS 1.3"),
        ("transport.tls.cipher_negotiated", "TLS13_AES_256_GCM_SHA384"),
        ("transport.tls.alpn_selected", "a protocol of the peer's own"),
    ];
    observe(&metrics, Body::Transport { direction: None, exposures: Exposures::of_facts(&Catalog::builtin(), &facts) });
    let mut auditor = Auditor::new(Catalog::builtin(), Arc::new(Settings::default()), "s");
    auditor.feed(
        Direction::ClientToServer,
        b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example' version='1.0'>\
          <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>biws</auth>",
        None,
    );
    while let Some(record) = auditor.poll() {
        metrics.observe(&record);
    }
    assert_eq!(counted(&metrics, "stanzascope_tls_versions_total"), [r#"{version="TLS 1.3"} 1"#]);
    assert_eq!(counted(&metrics, "stanzascope_tls_ciphers_total"), [r#"{cipher="TLS13_AES_256_GCM_SHA384"} 1"#]);
    assert_eq!(counted(&metrics, "stanzascope_tls_alpn_total"), [r#"{protocol="other"} 1"#]);
    assert_eq!(counted(&metrics, "stanzascope_logins_total"), [r#"{mechanism="SCRAM-SHA-256"} 1"#]);
}

#[test]
fn presence_and_signs_of_activity_are_counted() {
    let metrics = metrics();
    for xml in [
        "<presence/>",
        "<presence><show>away</show></presence>",
        "<presence><show>a word of tomorrow</show></presence>",
        "<presence type='unavailable'/>",
        "<presence to='b@b.example' type='subscribe'/>",
        "<message to='b@b.example' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
        "<inactive xmlns='urn:xmpp:csi:0'/>",
    ] {
        audit(&metrics, Direction::ClientToServer, xml);
    }
    let states = ["available", "away", "other", "subscription", "unavailable"];
    assert_eq!(
        counted(&metrics, "stanzascope_presences_total"),
        states.map(|state| format!(r#"{{direction="client_to_server",state="{state}"}} 1"#))
    );
    assert_eq!(
        counted(&metrics, "stanzascope_signals_total"),
        ["client_inactive", "composing"].map(|signal| format!(r#"{{direction="client_to_server",signal="{signal}"}} 1"#))
    );
}

#[test]
fn different_names_are_counted_once_and_never_shown() {
    let metrics = metrics();
    let mut auditor = Auditor::new(Catalog::builtin(), Arc::new(Settings::default()), "s").assume_logged_in();
    for (direction, xml) in [
        (
            Direction::ClientToServer,
            "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>desk</resource></bind></iq>",
        ),
        (
            Direction::ServerToClient,
            "<iq type='result' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>me@a.example/desk</jid></bind></iq>",
        ),
        (Direction::ClientToServer, "<message to='Ben@b.example' type='chat'><body>x</body></message>"),
        (Direction::ServerToClient, "<message from='ben@b.example/1' to='me@a.example/desk' type='chat'><body>x</body></message>"),
        (Direction::ClientToServer, "<message to='cy@b.example' type='chat'><body>x</body></message>"),
        (Direction::ClientToServer, "<presence to='r@rooms.example/me'><x xmlns='http://jabber.org/protocol/muc'/></presence>"),
        (
            Direction::ClientToServer,
            "<iq type='get' to='up.example' id='2'><request xmlns='urn:xmpp:http:upload:0' filename='f' size='1'/></iq>",
        ),
    ] {
        auditor.feed(direction, xml.as_bytes(), None);
        while let Some(record) = auditor.poll() {
            metrics.observe(&record);
        }
    }
    assert_eq!(
        counted(&metrics, "stanzascope_names"),
        ["contact\"} 2", "resource\"} 1", "room\"} 1", "upload_host\"} 1"].map(|kind| format!("{{kind=\"{kind}"))
    );
    assert!(!metrics.encode().contains(".example"));
}

#[test]
fn the_way_through_the_proxy_is_timed() {
    let metrics = metrics();
    metrics.forwarded(Direction::ServerToClient, Duration::from_micros(200));
    metrics.audited(Direction::ClientToServer, Duration::from_millis(2));
    let text = metrics.encode();
    for sample in [
        r#"stanzascope_forward_seconds_bucket{direction="server_to_client",run="unnamed",le="0.0001"} 0"#,
        r#"stanzascope_forward_seconds_bucket{direction="server_to_client",run="unnamed",le="0.00025"} 1"#,
        r#"stanzascope_audit_seconds_sum{direction="client_to_server",run="unnamed"} 0.002"#,
    ] {
        assert!(text.lines().any(|line| line == sample), "{sample}\n{text}");
    }
}

/// F-63: 100,000 addresses, devices, nodes and features → not one series more
#[test]
fn the_number_of_series_does_not_depend_on_traffic() {
    let metrics = metrics();
    let before = series(&metrics);
    assert!(before <= 2000, "{before}");
    let mut auditor = Auditor::new(Catalog::builtin(), Arc::new(Settings::default()), "s").assume_logged_in();
    for i in 0..100_000 {
        let xml = format!("<message to='u{i}@h{i}.example/r{i}'><e{i} xmlns='urn:example:{i}' node='n{i}'/></message>");
        auditor.feed(Direction::ServerToClient, xml.as_bytes(), None);
        while let Some(record) = auditor.poll() {
            metrics.observe(&record);
        }
    }
    for i in 0..1000 {
        let word = format!("word-{i}");
        metrics.session_ended(&word, true);
        observe(&metrics, Body::Gap(Gap { reason: word.into(), detail: String::new(), bytes: 0 }));
    }
    assert_eq!(series(&metrics), before);
    let text = metrics.encode();
    assert!(text.len() <= 200_000, "{} bytes", text.len());
    assert_eq!(counted(&metrics, "stanzascope_names_capped"), [r#"{kind="contact"} 1"#], "more than are told apart");
    assert_eq!(counted(&metrics, "stanzascope_names"), [format!(r#"{{kind="contact"}} {}"#, names::MAX_NAMES)]);
    assert!(!text.contains("example"), "no name of a peer");
}
