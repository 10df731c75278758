//! `stanzascope scan`, as other programs use it (DESIGN 5).

use std::process::Stdio;

use serde_json::Value;

use crate::rig::{Bench, Said};

const MESSAGE: &str = "<message to='ben@lab.test' type='chat'><body>the heron lands at noon</body></message>";

#[track_caller]
fn lines(said: &Said) -> Vec<Value> {
    said.ended(0, &[]);
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn one_line_for_each_stanza_in_order() {
    let bench = Bench::new();
    let input = format!("{MESSAGE}<presence/><iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq><message");
    for stdin in [&["scan"][..], &["scan", "-"]] {
        let rows = lines(&bench.feed(stdin, &input));
        let stanzas: Vec<_> = rows.iter().filter(|row| row["type"] == "stanza").collect();
        assert_eq!(stanzas.iter().map(|row| row["input"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(stanzas[0]["verdict"]["body"], "NOT_ENCRYPTED");
        assert!(stanzas[3]["gap"].is_object());
        assert!(!rows[0].to_string().contains("heron"), "content is class and length");
    }
    std::fs::write(bench.path("in.xml"), &input).unwrap();
    let from_file = bench.run(&["scan", "in.xml"]);
    assert_eq!(lines(&from_file), lines(&bench.feed(&["scan"], &input)));
    bench.run(&["scan", "in.xml", "-o", "out.jsonl"]).ended(0, &[]);
    assert_eq!(std::fs::read_to_string(bench.path("out.jsonl")).unwrap(), from_file.out);
    let kept = bench.run(&["scan", "in.xml", "--keep-content"]);
    assert!(kept.out.contains("heron"));
}

#[test]
fn a_canary_decides_the_exit_code() {
    let bench = Bench::new();
    let canary = ["scan", "--canary", "the heron lands"];
    bench.feed(&canary, MESSAGE).ended(0, &[]);
    let found = bench.feed(&[&canary[..], &["--fail-on", "critical"]].concat(), MESSAGE);
    assert_eq!(found.code, Some(1), "{found:#?}");
    assert!(found.out.contains("PROVEN_LEAK") && found.out.contains("\"finding\""), "{found:#?}");
    assert!(!found.out.contains("the heron lands"), "a finding does not repeat the canary");
    bench.feed(&["scan", "--canary", "another bird", "--fail-on", "info"], MESSAGE).ended(0, &[]);
}

/// `--keep-content` keeps what people wrote, and not the keys of the files they sent with it.
#[test]
fn no_flag_shows_the_key_of_a_file() {
    let bench = Bench::new();
    let key = "0123456789abcdef0123456789abcdef";
    for body in ["aesgcm://up.lab.test/f#KEY", "look at this: aesgcm://up.lab.test/f#KEY", "one\naesgcm://up.lab.test/f#KEY\ntwo"] {
        let input = MESSAGE.replace("the heron lands at noon", &body.replace("KEY", key));
        let kept = bench.feed(&["scan", "--keep-content"], &input);
        assert!(kept.out.contains("up.lab.test/f") && !kept.out.contains(key), "{kept:#?}");
    }
}

#[test]
fn mistakes_are_named() {
    let bench = Bench::new();
    bench.run(&["scan", "nowhere.xml"]).ended(2, &["cannot read nowhere.xml"]);
    bench.feed(&["scan"], "{\"xml\": 1}\n").ended(2, &["input line 1"]);
    bench.feed(&["scan", "--fail-on", "awful"], "").ended(2, &["critical"]);
    bench.feed(&["scan", "--directory", "/dev/null"], "").ended(2, &["device_lists"]);
    bench.feed(&["scan", "-o", "no/such/dir.jsonl"], "").ended(2, &["cannot write no/such/dir.jsonl"]);
}

/// `stanzascope scan … | head -1`, and the same with every other command that writes.
#[test]
fn a_reader_that_goes_away_is_no_news() {
    let bench = Bench::new();
    bench.run(&["ca", "init", "--domain", "lab.test"]).ended(0, &[]);
    std::fs::write(bench.path("in.xml"), MESSAGE.repeat(2000)).unwrap();
    for args in [&["scan", "in.xml"][..], &["ca", "show"], &["ca", "export"], &["run", "--example-config"]] {
        let mut command = bench.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, "", "{args:?}");
        assert_ne!(output.status.code(), Some(101), "{args:?}");
    }
}

/// `--catalog DIR` adds rows of one's own; a mistake in them is told with file and place.
#[test]
fn a_catalog_of_ones_own_is_used() {
    let bench = Bench::new();
    let dir = bench.path("own");
    std::fs::create_dir(&dir).unwrap();
    let spec = "spec = \"OWN-1\"\ntitle = \"Own\"\n[prefixes]\nown = \"urn:example:own\"\n[[field]]\nid = \"own.thing\"\npath = \"message/own:thing/@kind\"\n\
        layer = \"client\"\npattern = \"any\"\ncategory = \"activity\"\nsensitivity = \"low\"\nreveals = \"A thing.\"\n";
    std::fs::write(dir.join("own.toml"), spec).unwrap();
    let args = ["scan", "--catalog", dir.to_str().unwrap()];
    let stanza = "<message><thing xmlns='urn:example:own' kind='a kind'/></message>";
    let found = bench.feed(&args, stanza);
    assert!(found.out.contains("{\"field\":\"own.thing\",\"value\":\"a kind\",\"element\":1}"), "{found:#?}");
    assert!(bench.feed(&["scan"], stanza).out.contains("unclassified"));
    std::fs::write(dir.join("own.toml"), spec.replace("own:thing", "nope:thing")).unwrap();
    bench.feed(&args, stanza).ended(2, &["own.toml", "nope"]);
}
