//! `stanzascope check`: a run held against a plan, for CI.

use crate::export::recorded;
use crate::rig::{Bench, Said};

const STANZAS: &str = "<presence><status>at home</status></presence>\
    <message to='ben@lab.test' type='chat'><body>hello</body></message>\
    <message to='ben@lab.test' type='chat'><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1001'><key rid='2002'>QUJD</key>\
    <iv>QUJDREVGR0hJSktM</iv></header></encrypted></message>";

fn bench() -> Bench {
    let bench = Bench::new();
    recorded(&bench, "runs/one", STANZAS, r#"{"schema":1,"label":"reed","accounts":["ann@lab.test"]}"#);
    bench
}

fn append(bench: &Bench, line: &str) {
    let path = bench.path("runs/one/records.jsonl");
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + line).unwrap();
}

const GAP: &str = "{\"v\":1,\"session\":\"a\",\"seq\":99,\"type\":\"gap\",\"reason\":\"malformed\",\"detail\":\"x\",\"bytes\":9}\n";

fn check(bench: &Bench, plan: &str, more: &[&str]) -> Said {
    std::fs::write(bench.path("plan.toml"), plan).unwrap();
    bench.run(&[&["check", "runs/one", "--plan", "plan.toml"], more].concat())
}

#[test]
fn expectations_pass_and_fail_with_evidence() {
    let bench = bench();
    for (plan, passes, words) in [
        ("no_field = 'geoloc.*'", true, "none seen"),
        ("no_field = 'presence.status'\nbecause = 'nobody needs it'", false, "because nobody needs it"),
        ("no_field = 'presence.status'\nvalue = 'away'", true, ""),
        ("no_field = 'presence.status'\nstep = 'later'", false, "no step of the run is marked"),
        ("has_field = ['presence.status', 'message.to']", true, "seen 3 times"),
        ("has_field = 'muc.join.room'", false, "not seen: muc.join.room"),
        ("only_fields = ['presence.*', 'message.*', 'sibling.*', 'omemo.*', 'eme.*', 'stanza.*', 'unclassified']", true, ""),
        ("only_fields = 'presence.*'", false, "message.to"),
        ("verdict_at_least = 'PROVEN_LEAK'", true, ""),
        ("verdict_at_least = 'OPAQUE(E1)'", false, "NOT_ENCRYPTED"),
        ("verdict_at_least = 'OPAQUE'\nconversation = 'nobody@lab.test'", false, "no message with content was seen"),
        ("max_devices = 2", true, "2 device ids"),
        ("max_devices = 1", false, "2 device ids: 1001, 2002"),
        ("max_contacts = 0", false, "ben@lab.test"),
        ("max_rooms = 0", true, ""),
        ("max_sensitivity = 'low'\nexcept = ['message.*', 'omemo.*', 'sibling.*', 'presence.*', 'eme.*', 'stanza.*']", true, ""),
        ("max_sensitivity = 'low'\nexcept = ['message.*', 'omemo.*']", false, "presence.status"),
        ("observer.push_service = 'none'", true, ""),
        ("observer.contacts = 'none'", false, "contacts: message.to"),
        ("no_finding = 'login-*'", true, ""),
        ("max_unclassified = 0", true, ""),
    ] {
        let said = check(&bench, &format!("[[expect]]\n{plan}\n"), &[]);
        assert_eq!(said.code, Some(i32::from(!passes)), "{plan}: {said:#?}");
        assert!(said.out.contains(words) && said.out.contains("[line 1]"), "{plan}: {said:#?}");
        assert_eq!(passes, said.out.starts_with("passed: "), "{plan}: {said:#?}");
    }
    let failed = check(&bench, "[[expect]]\nno_field = 'presence.status'\n", &[]);
    assert!(failed.out.contains("(records ") && failed.out.contains("0 passed, 1 failed, 0 could not be checked"), "{failed:#?}");
}

#[test]
fn gaps_do_not_pass() {
    let bench = bench();
    append(&bench, GAP);
    let plan = "[[expect]]\nno_field = 'geoloc.*'\n[[expect]]\nhas_field = 'presence.status'\n[[expect]]\nno_field = 'presence.status'\n";
    let said = check(&bench, plan, &["--fail-on", "high"]);
    assert_eq!(said.code, Some(1), "{said:#?}");
    let starts: Vec<&str> = said.out.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(starts[..4], ["could not be checked", "passed", "FAILED", "could not be checked"], "{said:#?}");
    assert!(said.out.contains("partial: 1 × malformed gap"), "{said:#?}");
    assert_eq!(check(&bench, "[[expect]]\nno_field = 'geoloc.*'\n", &[]).code, Some(1));
    assert_eq!(check(&bench, "[[expect]]\nno_field = 'geoloc.*'\n", &["--accept-gaps"]).code, Some(0));
}

#[test]
fn findings_count_unless_accepted() {
    let bench = bench();
    append(
        &bench,
        "{\"v\":1,\"session\":\"0\",\"seq\":3,\"type\":\"finding\",\"rule\":\"login-before-tls\",\"severity\":\"high\",\"confidence\":\"certain\",\
         \"avoidability\":\"avoidable\",\"favour\":\"against\",\"about\":\"ann@lab.test\",\"fact\":\"f\",\"advice\":\"a\",\"source\":\"s\",\"evidence\":[0]}\n",
    );
    let high = bench.run(&["check", "runs/one", "--fail-on", "high"]);
    assert_eq!(high.code, Some(1), "{high:#?}");
    assert!(high.out.contains("login-before-tls (high)"), "{high:#?}");
    bench.run(&["check", "runs/one", "--fail-on", "critical"]).ended(0, &[]);
    let accepted = "[[accepted]]\nrule = 'login-before-tls'\nbecause = 'the lab has no TLS'\n";
    check(&bench, accepted, &["--fail-on", "high"]).ended(0, &[]);
    check(&bench, "rules_off = 'login-before-tls'\n", &["--fail-on", "high"]).ended(0, &[]);
    let named = check(&bench, "[[expect]]\nno_finding = '*'\n", &[]);
    assert_eq!(named.code, Some(1), "{named:#?}");
}

#[test]
fn a_plan_written_from_a_run_passes_on_it() {
    let bench = bench();
    // As a proxy's log has it, and one of a scan has not.
    let transport = r#"{"v":1,"session":"s1","seq":9000,"type":"transport","direction":"client_to_server","exposures":[{"field":"transport.tls.sni","value":"lab.test"}]}"#;
    append(&bench, &format!("{transport}\n"));
    let plan = bench.run(&["check", "runs/one", "--init"]);
    plan.ended(0, &[]);
    assert!(plan.out.contains("[[expect]]") && plan.out.contains("max_devices = 2"), "{plan:#?}");
    check(&bench, &plan.out, &[]).ended(0, &[]);
    // It is found where it is looked for, beside keys for other commands.
    std::fs::write(bench.path("stanzascope.toml"), format!("domain = 'lab.test'\n[plan]\ngoal = 'hide'\n{}", plan.out)).unwrap();
    bench.run(&["check", "runs/one"]).ended(0, &[]);
    // One field more, and it fails.
    recorded(
        &bench,
        "runs/one",
        &format!("{STANZAS}<presence><show>away</show></presence>"),
        "{\"schema\":1,\"accounts\":[\"ann@lab.test\"]}",
    );
    let lines = std::fs::read_to_string(bench.path("runs/one/records.jsonl")).unwrap();
    assert!(lines.contains("presence.show"));
}

#[test]
fn ci_gets_a_file() {
    let bench = bench();
    append(&bench, GAP);
    let plan =
        "[[expect]]\nno_field = 'presence.status'\nbecause = 'a < b'\n[[expect]]\nmax_rooms = 0\n[[expect]]\nhas_field = 'message.to'\n";
    let said = check(&bench, plan, &["--junit", "out.xml"]);
    assert_eq!(said.code, Some(1), "{said:#?}");
    let xml = std::fs::read_to_string(bench.path("out.xml")).unwrap();
    assert!(xml.contains("tests=\"3\" failures=\"1\" errors=\"1\"") && xml.contains("a &lt; b") && xml.contains("line=\"1\""), "{xml}");
    assert_eq!(xml.matches("<testcase").count(), 3);
}

#[test]
fn mistakes_name_line_and_remedy() {
    let bench = bench();
    bench.run(&["check", "runs/one"]).ended(2, &["nothing to check", "--init", "--fail-on"]);
    bench.run(&["check", "nowhere", "--init"]).ended(2, &["nowhere does not exist"]);
    for (plan, words) in [
        ("domain = 'lab.test'\n\n[[expect]]\nno_fields = 'x'\n", ["plan.toml:4", "did you mean `no_field`?"]),
        ("domain = 'lab.test'\n\n[[expect]]\nbecause = 'x'\n", ["plan.toml:3", "add one of no_field"]),
        ("[[expect]]\nmax_rooms = 0\n\n[[expect]]\nno_field = 'presense.status'\n", ["plan.toml:4", "presence.status"]),
        ("[[expect]]\nverdict_at_least = 'SECRET'\n", ["plan.toml:1", "OPAQUE(E1)"]),
        ("[[expect]]\nmax_rooms = 'many'\n", ["plan.toml:2", "max_rooms"]),
    ] {
        check(&bench, plan, &[]).ended(2, &words);
    }
    bench.run(&["check", "runs/one", "--plan", "none.toml"]).ended(2, &["none.toml"]);
    bench.run(&["check", "runs/one", "--fail-on", "awful"]).ended(2, &["critical"]);
}
