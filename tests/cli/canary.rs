//! `stanzascope canary`, and what canaries do in `scan` and `run`: docs/canaries.md from the first command to the last.

use serde_json::Value;

use crate::rig::{Bench, Proxy, Said, Server, http, mode};

fn toml(bench: &Bench, name: &str) -> toml::Table {
    std::fs::read_to_string(bench.path(name)).unwrap().parse().unwrap()
}

/// Texts of the canaries in a session file, by field, the first of each.
fn texts(file: &toml::Table) -> std::collections::BTreeMap<String, String> {
    let mut texts = std::collections::BTreeMap::new();
    for canary in file["canary"].as_array().unwrap() {
        let word = |key: &str| canary[key].as_str().unwrap().to_owned();
        texts.entry(word("field")).or_insert(word("text"));
    }
    texts
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;")
}

#[track_caller]
fn records(said: &Said) -> Vec<Value> {
    said.ended(0, &[]);
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// No part of a canary is in any of these.
#[track_caller]
fn nowhere(bench: &Bench, file: &str, artefacts: &[(String, String)]) {
    for canary in toml(bench, file)["canary"].as_array().unwrap() {
        let text = canary["text"].as_str().unwrap();
        for part in [text, &text[..16.min(text.len())]].into_iter().filter(|part| part.is_ascii()) {
            for (name, artefact) in artefacts {
                assert!(!artefact.to_lowercase().contains(&part.to_lowercase()), "{part} in {name}: {artefact}");
            }
        }
    }
}

#[test]
fn new_ones_are_private_files_and_a_section_of_a_session_file() {
    let bench = Bench::new();
    let said = bench.run(&["canary", "new", "--count", "2", "--with", "ben@lab.test", "--out", "canaries"]);
    said.ended(0, &[]);
    assert_eq!(mode(&bench.path("canaries")), 0o700);
    let files: Vec<_> = std::fs::read_dir(bench.path("canaries")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.iter().filter(|path| path.extension().is_some_and(|e| e == "png")).count(), 2, "{files:?}");
    assert!(files.len() == 4 && files.iter().all(|path| mode(path) == 0o600));
    let file = toml(&bench, "canaries/canaries.toml");
    assert_eq!(file["canary"].as_array().unwrap().len(), 30);
    let picture = file["canary"].as_array().unwrap().iter().find(|canary| canary["field"].as_str() == Some("file")).unwrap();
    assert_eq!(picture["file"]["sha256"].as_str().unwrap().len(), 64);
    // Nothing is overwritten, and each call makes others.
    bench.run(&["canary", "new", "--out", "canaries"]).ended(2, &["cannot write canaries.toml", "another directory"]);
    let (one, other) = (bench.run(&["canary", "new"]), bench.run(&["canary", "new"]));
    assert!(one.out.contains("[[canary]]") && one.out != other.out);
    one.ended(0, &["--out DIR"]);
    bench.run(&["canary", "new", "--count", "0"]).ended(2, &["--count"]);
}

#[test]
fn what_cannot_be_used_is_refused() {
    let bench = Bench::new();
    bench.feed(&["scan", "--canary", "ok"], "").ended(2, &["2 characters", "canary new"]);
    bench.feed(&["scan", "--canary", "CANARY-91bc"], "").ended(0, &[]);
    bench.feed(&["scan", "--canary", "the heron lands", "--canary", "the heron lands"], "").ended(2, &["c1 and c2 are the same"]);
    std::fs::write(bench.path("short.toml"), "[[canary]]\ntext = 'ok'\n").unwrap();
    bench.feed(&["scan", "--canaries", "short.toml"], "").ended(2, &["short.toml:", "2 characters"]);
    std::fs::write(bench.path("stanzascope.toml"), "domain = 'lab.test'\nupstream = '127.0.0.1:1'\ncanaries = ['ok']\n").unwrap();
    bench.run(&["run", "--yes"]).ended(2, &["stanzascope.toml:3", "2 characters"]);
    std::fs::write(bench.path("w.jsonl"), "{\"id\":\"m1\",\"canary\":\"c9\"}\n").unwrap();
    let args = ["scan", "--canary", "the heron lands", "--witness"];
    bench.feed(&[&args[..], &["w.jsonl"]].concat(), "").ended(2, &["w.jsonl, line 1", "declared: c1"]);
    bench.feed(&[&args[..], &["none.jsonl"]].concat(), "").ended(2, &["cannot read the witness file none.jsonl"]);
}

#[test]
fn each_field_of_a_scan_is_found_and_none_is_written_out() {
    let bench = Bench::new();
    bench.run(&["canary", "new", "--out", "canaries"]).ended(0, &[]);
    let text = texts(&toml(&bench, "canaries/canaries.toml"));
    let stanzas = [
        format!("<message to='ben@lab.test' type='chat'><body>{}</body></message>", escape(&text["body"])),
        format!("<message to='room@muc.lab.test' type='groupchat'><subject>{}</subject></message>", text["room_subject"]),
        format!("<presence to='room@muc.lab.test/{}'><x xmlns='http://jabber.org/protocol/muc'/></presence>", text["nickname"]),
        format!("<presence><status>{}</status></presence>", text["status"]),
        format!(
            "<iq type='get' to='up.lab.test' id='1'><request xmlns='urn:xmpp:http:upload:0' filename='{}.png' size='9' content-type='image/png'/></iq>",
            text["file_name"]
        ),
        format!(
            "<iq type='set' id='2'><query xmlns='jabber:iq:roster'><item jid='ben@lab.test' name='{}'/></query></iq>",
            text["contact_alias"]
        ),
        format!("<message to='{}@muc.lab.test' type='chat'><body>x</body></message>", text["search"]),
        format!("<message to='ben@lab.test'><x xmlns='urn:example:unknown' at='xmpp:{}@lab.test'/><body>x</body></message>", text["draft"]),
        format!("<message to='ben@lab.test'><{0}>y</{0}></message>", &text["reply"][..16]),
        format!("<message to='ben@lab.test'><x xmlns='urn:{}'/></message>", text["edit"]),
        format!("<message to='ben@lab.test' type='{}'><body>x</bod></message>", text["caption"]),
        format!(
            "<iq type='set' id='3'><x xmlns='urn:example:x' a='{}'><y b='{}'/></x></iq>",
            &text["reaction"][..9],
            &text["reaction"][9..]
        ),
        format!("<message to='ben@lab.test'><a>{}</a><a>{}</a></message>", &text["reaction"][..9], &text["reaction"][9..]),
    ];
    for extra in [&[][..], &["--keep-content"]] {
        let said = bench.feed(
            &[&["scan", "--direction", "client_to_server", "--canaries", "canaries/canaries.toml"], extra].concat(),
            &stanzas.concat(),
        );
        let records = records(&said);
        let rules: Vec<String> =
            records.iter().filter(|r| r["type"] == "stanza").map(|r| r["verdict"]["rules"][0].as_str().unwrap_or("-").to_owned()).collect();
        // Two attributes are no text that somebody reads.
        assert_eq!(rules.join(" "), "L1 L7 L7 L7 L7 L7 L1 L1 L7 L7 L1 - L7", "{}", said.out);
        assert_eq!(records.iter().filter(|r| r["rule"] == "canary-readable").count(), 12);
        let name = records.iter().find(|r| r["input"] == 4).unwrap();
        assert!(name["exposures"].to_string().contains("[canary c5].png"), "{name}");
        let findings: Vec<&Value> = records.iter().filter(|r| r["type"] == "finding").collect();
        assert!(findings[0]["fact"].as_str().unwrap().contains("typed as body"), "{findings:?}");
        nowhere(&bench, "canaries/canaries.toml", &[("scan".into(), said.out.clone() + &said.err)]);
        let run = records.last().unwrap();
        assert_eq!(run["type"], "assessment");
        assert_eq!(run["search"]["readable"].as_array().unwrap().len(), 12, "{run}");
        std::fs::write(bench.path("records.jsonl"), &said.out).unwrap();
        let report = bench.run(&["report", "records.jsonl"]);
        report.ended(0, &[]);
        nowhere(&bench, "canaries/canaries.toml", &[("report".into(), report.out)]);
    }
}

/// A message that a client encrypted, with its text, of 25 bytes.
const OPAQUE: &str = include_str!("../vectors/axolotl-01-kex.xml");
const TEXT: &str = "CANARY-7f3a-first-message";
const DIRECTORY: &str = include_str!("../vectors/axolotl-directory.json");

#[track_caller]
fn assessment(records: &[Value], with: &str) -> Value {
    records.iter().find(|r| r["conversation"] == with && r["type"] == "assessment").unwrap().clone()
}

#[test]
fn an_opaque_message_is_raised_at_the_end() {
    let bench = Bench::new();
    std::fs::write(bench.path("w.jsonl"), "{\"id\":\"m1\",\"from\":\"alice@a.example/phone\",\"canary\":\"c1\"}\n").unwrap();
    std::fs::write(bench.path("directory.json"), DIRECTORY).unwrap();
    let blind = ["scan", "--direction", "client_to_server", "--account", "alice@a.example", "--canary", TEXT];
    let base = [&blind[..], &["--directory", "directory.json"]].concat();
    for (more, top) in [(&[][..], "E3"), (&["--witness", "w.jsonl"], "E4")] {
        let records = records(&bench.feed(&[&base[..], more].concat(), OPAQUE));
        assert_eq!(records[0]["verdict"]["level"], "E2", "the verdict itself stays");
        let talk = assessment(&records, "bob@b.example");
        assert_eq!((talk["session"].as_str(), talk["verdicts"]["OPAQUE"].as_u64()), (Some("run"), Some(1)));
        assert_eq!((talk["level"].as_str(), talk["raised"][0]["level"].as_str()), (Some(top), Some(top)), "{talk}");
        assert_eq!(talk["raised"][0]["canaries"][0], "c1");
        std::fs::write(bench.path("records.jsonl"), records.iter().map(|r| format!("{r}\n")).collect::<String>()).unwrap();
        let report = bench.run(&["report", "records.jsonl"]);
        assert!(report.out.contains(&format!("raised at the end by canaries: 1 message to {top}")), "{report:#?}");
    }
    // Without device lists there is nothing to raise, and the witness is told so.
    let said = bench.feed(&[&blind[..], &["--witness", "w.jsonl"]].concat(), OPAQUE);
    let talk = assessment(&records(&said), "bob@b.example");
    assert!(talk["level"] == "E1" && talk["because"].as_str().unwrap().contains("not E2"), "{talk}");
    said.ended(0, &["witness line 1", "E4 needs E3 first"]);
    // A canary that was found elsewhere raises nothing, nor does one that does not fit in.
    let leaky = format!("{OPAQUE}<presence><status>{TEXT}</status></presence>");
    let found = records(&bench.feed(&base, &leaky));
    assert!(found.iter().all(|r| r["raised"].is_null()));
    assert_eq!(found.last().unwrap()["search"]["readable"][0], "c1");
    let long = [&base[..], &["--canary", "the heron lands at noon or a little later"]].concat();
    assert_eq!(assessment(&records(&bench.feed(&long, OPAQUE)), "bob@b.example")["raised"][0]["canaries"], serde_json::json!(["c1"]));
}

#[test]
fn a_run_looks_for_them_and_says_what_it_came_to() {
    let (bench, server) = (Bench::new(), Server::new());
    bench.run(&["canary", "new", "--with", "ben@lab.test", "--out", "canaries"]).ended(0, &[]);
    std::fs::copy(bench.path("canaries/canaries.toml"), bench.path("stanzascope.toml")).unwrap();
    let text = texts(&toml(&bench, "stanzascope.toml"));
    std::fs::write(bench.path("shown.jsonl"), "{\"id\":\"m1\",\"canary\":\"c1\"}\n").unwrap();
    let proxy = Proxy::start_with(&bench, &server, &["--witness", "shown.jsonl"], |command| _ = command.env("STANZASCOPE_LOG", "trace"));
    let (mut client, mut upstream) = proxy.log_in(&server);
    client.says(OPAQUE, &mut upstream);
    client.says(&format!("<presence><status>{}</status></presence>", text["status"]), &mut upstream);
    client.says(&format!("<presence to='room@muc.lab.test/{}'/>", text["nickname"]), &mut upstream);
    upstream.says(
        &format!("<message from='room@muc.lab.test' type='groupchat'><subject>{}</subject></message>", text["room_subject"]),
        &mut client,
    );
    http(
        proxy.metrics(),
        &format!("POST /mark HTTP/1.1\r\nHost: HOST\r\nContent-Length: {}\r\n\r\n{}", text["draft"].len(), text["draft"]),
    );
    drop((client, upstream));
    std::thread::sleep(std::time::Duration::from_millis(300));
    let metrics = http(proxy.metrics(), "GET /metrics HTTP/1.1\r\nHost: HOST\r\n\r\n");
    let ended = proxy.stop(&bench);
    ended.said.ended(0, &["witness line 1"]);
    let records = ended.records();
    let run = records.iter().rfind(|r| r["type"] == "assessment").unwrap();
    assert_eq!(run["search"]["readable"].as_array().unwrap().len(), 3, "{run}");
    assert_eq!(run["session"], "run");
    assert_eq!(ended.manifest()["canary_search"]["readable"], run["search"]["readable"]);
    assert!(records.iter().any(|r| r["conversation"] == "bob@b.example" && r["type"] == "assessment"));
    let mut artefacts =
        vec![("stdout".into(), ended.said.out.clone()), ("stderr".into(), ended.said.err.clone()), ("metrics".into(), metrics)];
    for name in ["records.jsonl", "run.json", "catalog.json"] {
        artefacts.push((name.into(), ended.file(name)));
    }
    artefacts.push(("report".into(), bench.run(&["report", ended.directory.to_str().unwrap()]).out));
    nowhere(&bench, "stanzascope.toml", &artefacts);
}

/// A witness file that cannot be used ends the command with an error, and the run is complete all the same.
#[test]
fn a_witness_file_that_is_missing_at_the_end_is_told() {
    let (bench, server) = (Bench::new(), Server::new());
    std::fs::write(bench.path("stanzascope.toml"), "canaries = ['the heron lands']\n").unwrap();
    let proxy = Proxy::start(&bench, &server, &["--witness", "none.jsonl"]);
    let ended = proxy.stop(&bench);
    ended.said.ended(3, &["cannot read the witness file none.jsonl", "complete without it"]);
    assert!(ended.manifest()["ended"].is_string());
}

/// The commands of the manual, in their order. `run` gets no further than to the server, which is not there.
#[test]
fn the_manual_is_followed() {
    let bench = Bench::new();
    std::fs::write(bench.path("stanzascope.toml"), "domain = 'lab.test'\nupstream = '127.0.0.1:1'\nupstream_tls = 'none'\n").unwrap();
    std::fs::write(bench.path("shown.jsonl"), "{\"id\": \"m1\", \"from\": \"ann@lab.test\", \"canary\": \"c1\"}\n").unwrap();
    std::fs::write(bench.path("transcript.jsonl"), serde_json::json!({ "xml": OPAQUE }).to_string()).unwrap();
    let manual = include_str!("../../docs/canaries.md");
    let blocks = manual.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let mut followed = Vec::new();
    for line in blocks.flat_map(str::lines) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["stanzascope", "run", rest @ ..] => {
                let ports = ["--starttls-port", "0", "--direct-port", "0", "--metrics", "off", "--check"];
                bench.run(&[&["run"], rest, &ports].concat()).ended(3, &["127.0.0.1:1"]);
            }
            ["stanzascope", rest @ ..] => _ = bench.run(rest).ended(0, &[]),
            ["cat", from, ">>", to] => {
                let both = std::fs::read_to_string(bench.path(to)).unwrap() + &std::fs::read_to_string(bench.path(from)).unwrap();
                std::fs::write(bench.path(to), both).unwrap();
            }
            ["jq", ..] => continue,
            _ => panic!("who runs {line:?}?"),
        }
        followed.push(words[1]);
    }
    assert_eq!(followed, ["canary", "canaries/canaries.toml", "run", "scan"]);
}
