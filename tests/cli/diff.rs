//! `stanzascope diff`: two recordings of one scenario, with one setting changed.

use serde_json::Value;

use crate::export::recorded;
use crate::rig::Bench;

/// One run of the scenario: `n` makes ids and times differ as they do between recordings.
fn stanzas(n: u32, receipts: bool, states: bool, chatty: bool) -> String {
    let line = |direction: &str, xml: String| serde_json::json!({"xml": xml, "direction": direction, "session": "a"}).to_string() + "\n";
    let out = |xml: String| line("client_to_server", xml);
    let into = |xml: String| line("server_to_client", xml);
    let request = if receipts { "<request xmlns='urn:xmpp:receipts'/>" } else { "" };
    let state = if states { "<active xmlns='http://jabber.org/protocol/chatstates'/>" } else { "" };
    let mut text = out(format!("<presence id='p{n}'><priority>{}</priority></presence>", 5));
    text += &out(format!("<message to='ben@lab.test' type='chat' id='m{n}'><body>hello {n}</body>{request}{state}</message>"));
    if states {
        text += &out(format!(
            "<message to='ben@lab.test' type='chat' id='s{n}'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
        ));
    }
    if chatty {
        text += &out("<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>".into());
    }
    text += &into(format!("<message from='ben@lab.test/x' to='ann@lab.test/y' type='chat' id='b{n}'><body>hello {n}</body></message>"));
    if receipts {
        text +=
            &into(format!("<message from='ben@lab.test/x' to='ann@lab.test/y'><received xmlns='urn:xmpp:receipts' id='m{n}'/></message>"));
    }
    text
}

fn bench() -> Bench {
    let bench = Bench::new();
    for (name, n, receipts, states, chatty) in [
        ("on1", 1, true, true, false),
        ("on2", 2, true, true, true),
        ("off1", 3, false, true, true),
        ("off2", 4, false, true, false),
        ("quiet1", 5, true, false, false),
        ("quiet2", 6, true, false, true),
    ] {
        recorded(&bench, &format!("runs/{name}"), &stanzas(n, receipts, states, chatty), &format!("{{\"schema\":1,\"label\":\"{name}\"}}"));
    }
    bench
}

fn fields(json: &Value, turn: &str) -> Vec<String> {
    let changes = json["changes"].as_array().unwrap().iter().filter(|change| change["turn"] == turn && change["aspect"] == "field");
    changes.map(|change| change["what"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn one_setting_is_the_only_difference() {
    let bench = bench();
    for (b, word) in [(["runs/off1", "runs/off2"], "receipt"), (["runs/quiet1", "runs/quiet2"], "chat")] {
        let said = bench.run(&["diff", "--a", "runs/on1", "runs/on2", "--b", b[0], b[1], "--format", "json"]);
        said.ended(0, &[]);
        let json: Value = serde_json::from_str(&said.out).unwrap();
        let gone = fields(&json, "gone");
        assert!(!gone.is_empty() && gone.iter().all(|field| field.contains(word) || field.contains("state")), "{word}: {gone:?}");
        assert!(fields(&json, "new").is_empty(), "{said:#?}");
        let others: Vec<&Value> = json["changes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|change| !matches!(change["aspect"].as_str().unwrap(), "field" | "value"))
            .collect();
        assert!(others.iter().all(|change| change["turn"] == "less"), "{others:#?}");
        // Every run has another id; one of each side has a ping.
        assert!(json["varying_values"].as_u64().unwrap() > 0);
        assert!(json["chance"].as_array().unwrap().iter().any(|change| change["what"].as_str().unwrap().contains("ping")), "{said:#?}");
    }
}

#[test]
fn two_runs_are_compared_with_a_warning() {
    let bench = bench();
    let said = bench.run(&["diff", "runs/on1", "runs/off1"]);
    said.ended(0, &[]);
    let (gone, new) = (said.out.find("No longer sends").unwrap(), said.out.find("One run on a side").unwrap());
    assert!(new < gone && said.out.contains("receipt"), "{said:#?}");
    // The ping of one run is not told from a difference here, and said to be new.
    let page = bench.run(&["diff", "runs/on1", "runs/off1", "--format", "html", "-o", "diff.html"]);
    page.ended(0, &[]);
    let page = std::fs::read_to_string(bench.path("diff.html")).unwrap();
    assert!(page.contains("Content-Security-Policy") && page.contains("default-src 'none'") && !page.contains("<script"));
    // But for an icon of no bytes, without which browsers ask for one.
    assert!(!page.contains("src=") && !page.replace("href=\"data:,\"", "").contains("href="), "nothing is loaded");
    let same = bench.run(&["diff", "runs/on1", "runs/on1"]);
    assert!(same.out.contains("Nothing that one side shows"), "{same:#?}");
}

#[test]
fn what_peers_write_is_no_markup() {
    let bench = Bench::new();
    let hostile = "<x xmlns='urn:&lt;script&gt;alert(1)&lt;/script&gt;'><y>\u{202e}1</y></x>";
    recorded(&bench, "runs/a", &format!("<message to='a@lab.test'>{hostile}</message>"), r#"{"schema":1,"label":"<b>\u001b[31m"}"#);
    recorded(&bench, "runs/b", "<message to='a@lab.test'/>", "{}");
    for run in ["runs/a", "runs/b"] {
        let path = bench.path(run).join("records.jsonl");
        let mark = "{\"v\":1,\"session\":\"run\",\"seq\":0,\"type\":\"mark\",\"label\":\"<img src=x onerror=alert(1)>\"}\n";
        std::fs::write(&path, mark.to_owned() + &std::fs::read_to_string(&path).unwrap()).unwrap();
    }
    let page = bench.run(&["diff", "runs/a", "runs/b", "--format", "html"]).out;
    for tag in ["<script", "<img", "<b>", "\u{1b}", "\u{202e}"] {
        assert!(!page.contains(tag), "{tag}: {page}");
    }
    let screen = bench.run(&["diff", "runs/a", "runs/b"]).out;
    assert!(!screen.contains('\u{1b}') && !screen.contains('\u{202e}'), "{screen}");
    assert!(screen.contains("<img src=x"), "steps are named: {screen}");
}

#[test]
fn what_was_not_seen_is_not_missing() {
    let bench = bench();
    let path = bench.path("runs/off1/records.jsonl");
    let gap = "{\"v\":1,\"session\":\"a\",\"seq\":99,\"type\":\"gap\",\"reason\":\"malformed\",\"detail\":\"x\",\"bytes\":9}\n";
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + gap).unwrap();
    let said = bench.run(&["diff", "runs/on1", "runs/off1"]);
    assert!(said.out.contains("could not be checked: B was not seen whole"), "{said:#?}");
}

#[test]
fn mistakes_are_named() {
    let bench = bench();
    bench.run(&["diff"]).ended(2, &["--a RUN RUN --b RUN RUN"]);
    bench.run(&["diff", "runs/on1"]).ended(2, &["RUN"]);
    bench.run(&["diff", "runs/on1", "nowhere"]).ended(2, &["nowhere does not exist"]);
    bench.run(&["diff", "--a", "runs/on1"]).ended(2, &["--b"]);
}
