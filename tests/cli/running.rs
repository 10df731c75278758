//! A run from start to end: its files, its signals, its marks.

use std::io::Write as _;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::rig::{AUTH, Bench, Ended, HEADER, OFFER, Proxy, SERVER_HEADER, Server, http, mode};

/// F-53: SIGTERM, SIGINT, SIGHUP with a session open → the session ends as `stopped`, the summary appears, exit code 0
#[test]
fn signals_end_it_in_order_and_its_files_are_private() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let (bench, server) = (Bench::new(), Server::new());
        let proxy = Proxy::start(&bench, &server, &["--label", "a client"]);
        let (mut client, mut upstream) = proxy.log_in(&server);
        client.says("<message to='ben@lab.test'><body>hello</body></message>", &mut upstream);
        proxy.signal(signal);
        let ended = proxy.end(&bench);
        ended.said.ended(0, &[]);
        assert!(ended.said.out.contains("What the server learned"), "{:#?}", ended.said);
        let records = ended.records();
        let close = records.iter().find(|r| r["type"] == "session" && r["event"] == "close").unwrap();
        assert_eq!(close["reason"], "stopped", "{signal:?}");
        let manifest = ended.manifest();
        assert!(manifest["ended"].is_string(), "{manifest}");
        assert_eq!(manifest["counts"]["messages"], 1);
        assert_eq!(mode(&ended.directory), 0o700);
        for entry in std::fs::read_dir(&ended.directory).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        assert!(ended.directory.file_name().unwrap().to_str().unwrap().ends_with("-a-client"));
    }
}

#[test]
fn a_transcript_is_announced_and_gives_the_same_records_again() {
    let (bench, server) = (Bench::new(), Server::new());
    let proxy = Proxy::start(&bench, &server, &["--transcript"]);
    assert!(proxy.said().contains("KEEPING A TRANSCRIPT") && proxy.said().contains("passwords"), "{}", proxy.said());
    let (mut client, mut upstream) = proxy.log_in(&server);
    client.says("<presence/>", &mut upstream);
    let ended = proxy.stop(&bench);
    assert_eq!(mode(&ended.directory.join("transcript.jsonl")), 0o600);
    assert!(ended.manifest()["transcript"].as_bool().unwrap());
    let again = bench.run(&["scan", ended.directory.join("transcript.jsonl").to_str().unwrap()]);
    again.ended(0, &[]);
    let strip = |line: &str| {
        let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
        record.as_object_mut().unwrap().remove("input");
        record
    };
    let again: Vec<_> = again.out.lines().map(strip).collect();
    assert_eq!(again, ended.records());
}

#[test]
fn without_a_transcript_there_is_none() {
    let (bench, server) = (Bench::new(), Server::new());
    let proxy = Proxy::start(&bench, &server, &[]);
    let ended = proxy.stop(&bench);
    assert!(!ended.directory.join("transcript.jsonl").exists());
    assert!(!ended.said.err.contains("TRANSCRIPT"));
}

#[test]
fn without_the_audit_the_log_says_that_nothing_was_looked_at() {
    let (bench, server) = (Bench::new(), Server::new());
    let proxy = Proxy::start(&bench, &server, &["--no-audit", "--account", "ann@lab.test"]);
    assert!(proxy.said().contains("NOT AUDITING"), "{}", proxy.said());
    let (mut client, mut upstream) = proxy.log_in(&server);
    let message = "<message to='ben@lab.test'><body>hello</body></message>";
    client.says(message, &mut upstream);
    let ended = proxy.stop(&bench);
    assert_eq!(ended.manifest()["audit"], false);
    let records = ended.records();
    let of = |kind: &str| records.iter().filter(|record| record["type"] == kind).collect::<Vec<_>>();
    assert!(of("stanza").iter().all(|stanza| stanza["name"] != "message"), "{records:#?}");
    // The login is audited: who may pass does not depend on the flag.
    assert!(of("stanza").iter().any(|stanza| stanza["name"] == "auth"), "{records:#?}");
    let passed: u64 = of("gap").iter().filter(|gap| gap["reason"] == "not_audited").map(|gap| gap["bytes"].as_u64().unwrap()).sum();
    assert_eq!(passed, message.len() as u64, "{records:#?}");
    assert!(ended.said.out.contains("not_audited") && ended.said.out.contains("PARTIAL"), "{}", ended.said.out);
}

#[test]
fn without_the_audit_only_the_named_account_passes_all_the_same() {
    let (bench, server) = (Bench::new(), Server::new());
    let proxy = Proxy::start(&bench, &server, &["--no-audit", "--account", "ben@lab.test"]);
    let (mut client, mut upstream) = proxy.connect(&server);
    client.says(HEADER, &mut upstream);
    upstream.says(&format!("{SERVER_HEADER}{OFFER}"), &mut client);
    client.send(AUTH).unwrap();
    let (said, _) = client.rest();
    assert!(said.contains("policy-violation"), "{said}");
    let ended = proxy.stop(&bench);
    assert!(ended.records().iter().any(|record| record["reason"] == "account_refused"));
}

#[test]
fn marks_come_from_the_keyboard_and_over_http() {
    let (bench, server) = (Bench::new(), Server::new());
    let mut proxy = Proxy::start(&bench, &server, &[]);
    writeln!(proxy.stdin(), "the first step\n\n  \u{1b}[31mred\u{7}  ").unwrap();
    let request = "POST /mark HTTP/1.1\r\nHost: HOST\r\nX-Stanzascope: mark\r\nContent-Length: 15\r\n\r\nthe second step";
    let answer = http(proxy.metrics(), request);
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let foreign = "POST /mark HTTP/1.1\r\nHost: evil.example\r\nX-Stanzascope: mark\r\nContent-Length: 4\r\n\r\nevil";
    assert!(http(proxy.metrics(), foreign).starts_with("HTTP/1.1 421"));
    // The keyboard is read by another thread: a mark is there once it is in the log.
    let log = proxy.directory(&bench).join("records.jsonl");
    let began = Instant::now();
    while std::fs::read_to_string(&log).unwrap().lines().count() < 3 && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = proxy.stop(&bench);
    let mut marks: Vec<String> =
        ended.records().iter().filter(|r| r["type"] == "mark").map(|r| r["label"].as_str().unwrap().to_owned()).collect();
    marks.sort();
    assert_eq!(marks, ["[31mred", "the first step", "the second step"]);
}

/// S-14: keys are written only when the flag and the variable ask for it, and for nobody else to read.
#[test]
fn tls_keys_are_kept_only_on_request() {
    let session = |more: &[&str]| -> (Bench, Ended) {
        let (bench, server) = (Bench::new(), Server::new());
        let keys = bench.path("keys.log");
        let proxy = Proxy::start_with(&bench, &server, more, |command| _ = command.env("SSLKEYLOGFILE", &keys));
        drop(proxy.log_in(&server));
        let ended = proxy.stop(&bench);
        (bench, ended)
    };
    let (bench, ended) = session(&[]);
    assert!(!bench.path("keys.log").exists());
    assert_eq!(ended.manifest()["tls_keys_logged"], false);
    let (bench, ended) = session(&["--tls-keylog"]);
    let keys = std::fs::read_to_string(bench.path("keys.log")).unwrap();
    assert!(keys.contains("CLIENT_TRAFFIC_SECRET_0"), "{keys}");
    assert_eq!(mode(&bench.path("keys.log")), 0o600);
    assert_eq!(ended.manifest()["tls_keys_logged"], true);
    assert!(ended.said.err.contains("WRITING TLS KEYS"), "{:#?}", ended.said);
}

/// Without TLS to the server nothing is verified, and the run does not claim it.
#[test]
fn clear_text_needs_no_roots_and_claims_no_verification() {
    let (bench, server) = (Bench::new(), Server::new());
    let empty = bench.path("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let proxy = Proxy::start_with(&bench, &server, &[], |command| {
        command.env("SSL_CERT_FILE", &empty).env("SSL_CERT_DIR", "/nonexistent");
    });
    drop(proxy.log_in(&server));
    let ended = proxy.stop(&bench);
    ended.said.ended(0, &[]);
    let verified_by = ended.manifest()["upstream"]["verified_by"].as_str().unwrap().to_owned();
    assert!(verified_by.starts_with("nothing"), "{verified_by}");
}
