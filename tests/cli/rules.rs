//! `stanzascope rules`: the list, the pages, and old records judged again.

use serde_json::Value;

use crate::rig::Bench;

const LOGIN: &str = "{\"xml\":\"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFubgBzZWNyZXQ=</auth>\",\"direction\":\"client_to_server\",\
    \"phase\":\"before_tls\",\"session\":\"a\"}\n";

#[test]
fn rules_are_listed_and_explained() {
    let bench = Bench::new();
    let list = bench.run(&["rules"]);
    list.ended(0, &[]);
    assert!(list.out.lines().any(|line| line.starts_with("login-before-tls ")), "{list:#?}");
    let json: Vec<Value> = serde_json::from_str(&bench.run(&["rules", "--json"]).out).unwrap();
    assert_eq!(json.len(), list.out.lines().count());
    let page = bench.run(&["rules", "show", "login-before-tls"]);
    page.ended(0, &[]);
    assert!(page.out.contains("**Why it matters.**") && page.out.contains("Advice: "), "{page:#?}");
    let unknown = bench.run(&["rules", "show", "login-without-tls"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("login-before-tls"), "{unknown:#?}");
}

#[test]
fn old_records_are_judged_again() {
    let bench = Bench::new();
    let scanned = bench.feed(&["scan", "-o", "records.jsonl", "--fail-on", "critical"], LOGIN);
    assert_eq!(scanned.code, Some(1), "{scanned:#?}");
    let applied = bench.run(&["rules", "apply", "records.jsonl"]);
    applied.ended(0, &[]);
    let finding: Value = serde_json::from_str(applied.out.lines().next().unwrap()).unwrap();
    assert_eq!((finding["rule"].as_str(), finding["session"].as_str()), (Some("login-before-tls"), Some("a")));
    assert_eq!(finding["evidence"], serde_json::json!([0]));
    assert!(!applied.out.contains("secret") && !applied.out.contains("AGFubg"), "{applied:#?}");

    std::fs::write(bench.path("off.toml"), "rules_off = \"login-before-tls\"\n").unwrap();
    assert_eq!(bench.run(&["rules", "apply", "records.jsonl", "--config", "off.toml"]).out, "");
    std::fs::write(bench.path("known.toml"), "[[accepted]]\nrule = \"login-before-tls\"\nbecause = \"the lab has no TLS\"\n").unwrap();
    let accepted = bench.run(&["rules", "apply", "records.jsonl", "--config", "known.toml"]);
    assert!(accepted.out.contains("\"accepted\":\"the lab has no TLS\""), "{accepted:#?}");
    std::fs::write(bench.path("wrong.toml"), "rules_off = \"login-befor-tls\"\n").unwrap();
    let wrong = bench.run(&["rules", "apply", "records.jsonl", "--config", "wrong.toml"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("did you mean \"login-before-tls\""), "{wrong:#?}");

    bench.feed(&["scan", "-o", "bare.jsonl", "--evidence", "none"], LOGIN).ended(0, &[]);
    let bare = bench.run(&["rules", "apply", "bare.jsonl"]);
    assert!(bare.out.is_empty() && bare.err.contains("1 stanza not judged"), "{bare:#?}");
}
