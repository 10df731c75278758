//! A run from start to end: its files, its signals, its marks.

use std::io::Write as _;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::rig::{Bench, Ended, Proxy, Server, http, mode};

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
