//! `stanzascope export`: the three formats, and what a shared export does not tell.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use rusqlite::Connection;
use serde_json::Value;

use crate::rig::{Bench, PATIENCE, mode};
use crate::secrets::disguises;

const RUN: &str = "runs/20260302T100000Z-reed";

/// A bench with a run: what a scan of these stanzas gives, in a directory of its own.
pub fn recorded(bench: &Bench, run: &str, stanzas: &str, manifest: &str) {
    let directory = bench.path(run);
    std::fs::create_dir_all(&directory).unwrap();
    let records = format!("{run}/records.jsonl");
    bench.feed(&["scan", "-o", &records], stanzas).ended(0, &[]);
    std::fs::write(directory.join("run.json"), manifest).unwrap();
}

fn ordinary() -> Bench {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path(RUN)).unwrap();
    std::fs::write(bench.path(RUN).join("records.jsonl"), include_str!("../records/ordinary.jsonl")).unwrap();
    std::fs::write(bench.path(RUN).join("run.json"), r#"{"schema":1,"label":"Reed 1.4","accounts":["wren@moss.example"]}"#).unwrap();
    bench
}

/// Reads CSV strictly: every row as wide as the header, nothing after a closing quote.
fn csv(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for line in text.split_terminator("\r\n") {
        assert!(!line.contains(['\r', '\n']), "{line:?}");
        let (mut row, mut rest) = (Vec::new(), line);
        loop {
            if let Some(quoted) = rest.strip_prefix('"') {
                let mut cell = String::new();
                let mut chars = quoted.char_indices().peekable();
                let end = loop {
                    match chars.next().expect("a closing quote") {
                        (_, '"') if chars.peek().is_some_and(|(_, c)| *c == '"') => cell.push(chars.next().unwrap().1),
                        (at, '"') => break at + 1,
                        (_, c) => cell.push(c),
                    }
                };
                row.push(cell);
                rest = &quoted[end..];
            } else {
                let end = rest.find(',').unwrap_or(rest.len());
                assert!(!rest[..end].contains('"'), "{line:?}");
                row.push(rest[..end].to_owned());
                rest = &rest[end..];
            }
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break assert_eq!(rest, "", "{line:?}"),
            }
        }
        rows.push(row);
    }
    rows
}

#[test]
fn the_three_formats_say_the_same() {
    let bench = ordinary();
    let cells = bench.run(&["export", RUN, "--format", "csv"]);
    cells.ended(0, &["exposures of", "records"]);
    let rows = csv(&cells.out);
    let header = rows[0].clone();
    let lines: Vec<Value> =
        bench.run(&["export", RUN, "--format", "jsonl"]).out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len() - 1, lines.len());
    assert!(lines.len() > 50);
    bench.run(&["export", RUN, "--format", "sqlite", "-o", "run.sqlite"]).ended(0, &[]);
    let database = Connection::open(bench.path("run.sqlite")).unwrap();
    let mut statement = database.prepare("SELECT * FROM exposures").unwrap();
    assert_eq!(statement.column_names(), header);
    let (field, value) = (header.iter().position(|name| name == "field").unwrap(), header.iter().position(|name| name == "value").unwrap());
    let pairs: Vec<(String, String)> =
        statement.query_map([], |row| Ok((row.get(field)?, row.get(value)?))).unwrap().map(Result::unwrap).collect();
    assert_eq!(pairs.len(), lines.len());
    for ((pair, line), row) in pairs.iter().zip(&lines).zip(&rows[1..]) {
        assert_eq!(row.len(), header.len());
        assert_eq!((pair.0.as_str(), pair.1.as_str()), (line["field"].as_str().unwrap(), line["value"].as_str().unwrap()));
        assert_eq!((row[field].as_str(), row[value].trim_start_matches('\'')), (pair.0.as_str(), pair.1.as_str()));
    }
    // The mark divides the run into steps.
    assert!(lines.iter().any(|line| line["step"] == "send the score") && lines[0].get("step").is_none());
    assert!(
        lines
            .iter()
            .any(|line| line["field"] == "presence.status" && line["sensitivity"] == "high" && line["observers"] == "own_server contacts")
    );
}

/// The queries of docs/export.md, and every view.
#[test]
fn the_database_answers() {
    let bench = ordinary();
    bench.run(&["export", RUN, "--format", "sqlite", "-o", "run.sqlite"]).ended(0, &[]);
    assert_eq!(mode(&bench.path("run.sqlite")), 0o600);
    let database = Connection::open(bench.path("run.sqlite")).unwrap();
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/export.md")).unwrap();
    let queries: Vec<&str> =
        page.split("```sql\n").skip(1).flat_map(|part| part.split("```").next().unwrap().split_terminator(";\n")).collect();
    assert!(queries.len() > 3);
    for query in queries {
        let mut statement = database.prepare(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        assert!(statement.query([]).unwrap().next().is_ok(), "{query}");
    }
    let mut names = database.prepare("SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").unwrap();
    let names: Vec<(String, String)> = names.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    for (kind, name) in &names {
        assert!(page.contains(&format!("`{name}`")) || kind == "index", "docs/export.md lacks {kind} {name}");
        if kind == "view" {
            database.prepare(&format!("SELECT * FROM {name}")).unwrap().query([]).unwrap().next().unwrap();
        }
    }
    let foreign: i64 = database.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!(foreign, 0);
    let intact: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(intact, "ok");
}

#[test]
fn columns_are_documented() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/export.md")).unwrap();
    for column in stanzascope::export::flat::COLUMNS {
        let row = format!("| `{}` | {} |", column.name, column.about);
        assert!(page.contains(&row), "docs/export.md lacks {row}");
    }
}

/// F-57: an export made again, and one that fails → the same bytes; the one before stays
#[test]
fn exporting_again_replaces_in_one_step() {
    let bench = ordinary();
    for format in ["sqlite", "csv", "jsonl"] {
        let file = format!("out.{format}");
        bench.run(&["export", RUN, "--format", format, "-o", &file]).ended(0, &[]);
        let first = std::fs::read(bench.path(&file)).unwrap();
        bench.run(&["export", RUN, "--format", format, "-o", &file]).ended(0, &[]);
        assert!(first == std::fs::read(bench.path(&file)).unwrap(), "{format} differs");
        std::fs::write(bench.path("broken.jsonl"), "no records\n").unwrap();
        bench.run(&["export", "broken.jsonl", "--format", format, "-o", &file]).ended(2, &["not a record"]);
        assert!(first == std::fs::read(bench.path(&file)).unwrap(), "{format} was touched");
    }
    let left: Vec<_> = std::fs::read_dir(bench.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with('.')), "{left:?}");
}

/// F-57: an export that is killed on the way → the one before stays; made again it is what it would have been, nothing is left lying about
#[test]
fn a_killed_export_can_be_made_again() {
    let bench = ordinary();
    multiply(&bench, 60_000);
    for format in ["sqlite", "jsonl"] {
        bench.run(&["export", RUN, "--format", format, "-o", "wanted"]).ended(0, &[]);
        let args = ["export", RUN, "--format", format, "-o", "out"];
        std::fs::write(bench.path("out"), "the one before").unwrap();
        let whole = std::fs::metadata(bench.path("wanted")).unwrap().len();
        for part in [0, whole / 4, whole / 2] {
            let mut child = bench.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let partial = bench.path(&format!(".out.{}", child.id()));
            let began = Instant::now();
            while !std::fs::metadata(&partial).is_ok_and(|file| file.len() > part) {
                assert!(
                    began.elapsed() < PATIENCE && child.try_wait().unwrap().is_none(),
                    "{format}: it was not to be killed at {part} of {whole}"
                );
            }
            child.kill().unwrap();
            assert_eq!(child.wait().unwrap().code(), None, "it was killed");
            assert_eq!(std::fs::read(bench.path("out")).unwrap(), b"the one before");
        }
        bench.run(&args).ended(0, &[]);
        assert!(std::fs::read(bench.path("out")).unwrap() == std::fs::read(bench.path("wanted")).unwrap(), "{format} differs");
        let left: Vec<_> = std::fs::read_dir(bench.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".out")), "{left:?}");
    }
}

#[test]
fn mistakes_are_named() {
    let bench = ordinary();
    bench.run(&["export", RUN, "--format", "sqlite"]).ended(2, &["-o FILE"]);
    bench.run(&["export", RUN, "--format", "xls"]).ended(2, &["csv", "sqlite", "jsonl"]);
    bench.run(&["export", "nowhere", "--format", "csv"]).ended(2, &["nowhere does not exist"]);
    bench.run(&["export", RUN, "--format", "csv", "-o", "no/such/file.csv"]).ended(2, &["cannot write no/such/file.csv"]);
    bench.run(&["export", RUN, "--format", "csv", "--keep-times"]).ended(2, &["--share"]);
}

/// F-61: cells that begin like formulas, quotes, CR LF, bidi → a strict reader gets them back, no cell begins a formula
#[test]
fn cells_are_no_formulas() {
    let bench = Bench::new();
    let hostile =
        ["=HYPERLINK(\"http://x\")", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "  =1", "'=1", "a\r\n=1,2", "\"\",=1", "\u{202e}=1"];
    let stanzas: String = hostile
        .iter()
        .map(|text| {
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('\r', "&#13;").replace('\n', "&#10;");
            format!("<presence><status>{text}</status></presence>")
        })
        .collect();
    recorded(&bench, RUN, &stanzas, "{}");
    let said = bench.run(&["export", RUN, "--format", "csv"]);
    let rows = csv(&said.out);
    let width = rows[0].len();
    assert!(rows.iter().all(|row| row.len() == width));
    assert!(!rows.iter().flatten().any(|cell| cell.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r'])), "{said:#?}");
    let seen: Vec<&str> = rows.iter().flatten().map(|cell| cell.strip_prefix('\'').unwrap_or(cell)).collect();
    for text in ["=HYPERLINK(\"http://x\")", "'=1", "a\\u{d}\\u{a}=1,2", "\\u{202e}=1"] {
        assert!(seen.contains(&text), "{text}: {said:#?}");
    }
}

/// A session full of names that nothing else has in it.
fn telling() -> (String, Vec<String>) {
    let stanzas = "\
        <iq type='result' id='idQWXZ1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>annQWXZ2@domQWXZ3.example/resQWXZ4</jid></bind></iq>\
        <iq type='result' id='r'><query xmlns='jabber:iq:roster'><item jid='benQWXZ5@domQWXZ3.example' name='Ben QWXZ6' subscription='both'>\
        <group>Group QWXZ7</group></item></query></iq>\
        <presence><status>status QWXZ8</status><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://clientQWXZ9.example/' ver='verQWXZ10'/></presence>\
        <presence to='roomQWXZ11@mucQWXZ12.example/nickQWXZ13'><x xmlns='http://jabber.org/protocol/muc'/></presence>\
        <message to='benQWXZ5@domQWXZ3.example/resQWXZ14' type='chat' id='midQWXZ15'><body>body QWXZ16</body><thread>thrQWXZ17</thread></message>\
        <message to='benQWXZ5@domQWXZ3.example' type='chat'><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='770011223'>\
        <key rid='770044556'>QUJD</key><iv>QUJDREVGR0hJSktM</iv></header><payload>QUJD</payload></encrypted></message>\
        <iq type='result' id='u' from='upQWXZ18.example'><slot xmlns='urn:xmpp:http:upload:0'><put url='https://upQWXZ18.example/p/fileQWXZ19.pdf'/>\
        <get url='https://upQWXZ18.example/g/fileQWXZ19.pdf'/></slot></iq>\
        <iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>Ann QWXZ20</FN><EMAIL><USERID>mailQWXZ21@mail.example</USERID></EMAIL><TEL><NUMBER>+49770077889</NUMBER></TEL></vCard></iq>\
        <iq type='set' id='n'><enable xmlns='urn:xmpp:push:0' jid='pushQWXZ22.example' node='nodeQWXZ23'/></iq>\
        <iq type='result' id='w'><query xmlns='jabber:iq:version'><name>ClientQWXZ24</name><version>1.QWXZ25</version><os>OsQWXZ26</os></query></iq>\
        <message to='benQWXZ5@domQWXZ3.example'><x xmlns='urn:secretQWXZ27:ns' attr='attrQWXZ28'>urn:xmpp:omemo:2:QWXZ29</x></message>\
        <iq type='set' id='g'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='http://jabber.org/protocol/geoloc'><item>\
        <geoloc xmlns='http://jabber.org/protocol/geoloc'><lat>52.770099</lat><lon>13.770098</lon><locality>TownQWXZ30</locality></geoloc></item></publish></pubsub></iq>\
        <presence type='typeQWXZ31'/>\
        <message type='groupchat' from='roomQWXZ11@mucQWXZ12.example/nickQWXZ13'><subject>subject QWXZ32</subject></message>";
    let mut names: Vec<String> = (1..=32).map(|n| format!("QWXZ{n}")).collect();
    names.extend(["770011223", "770044556", "770077889", "770099", "770098", "mail.example"].map(str::to_owned));
    (stanzas.to_owned(), names)
}

/// Everything a shared export consists of.
fn shared(bench: &Bench, run: &str, more: &[&str]) -> String {
    let mut all = String::new();
    for format in ["csv", "jsonl", "sqlite"] {
        let said = bench.run(&[&["export", run, "--format", format, "--share", "-o", "shared"], more].concat());
        said.ended(0, &[]);
        all.push_str(&(said.out + &said.err));
        all.push_str(&String::from_utf8_lossy(&std::fs::read(bench.path("shared")).unwrap()));
    }
    all
}

/// The tokens in a text.
fn tokens(text: &str) -> BTreeSet<&str> {
    let word = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let kinds = ["u-", "room-", "d-", "r-", "dev-", "url-", "fp-", "id-", "path-"];
    text.split(word).filter(|word| kinds.iter().any(|kind| word.strip_prefix(kind).is_some_and(|rest| rest.len() == 16))).collect()
}

/// S-17: no identifier of the session is in a shared export, in any disguise; equal stays equal; two runs have no token in common.
#[test]
fn a_shared_export_names_nobody() {
    let bench = Bench::new();
    let (stanzas, names) = telling();
    let manifest = r#"{"schema":1,"label":"LabelQWXZ40","started":"2026-03-02T10:00:00Z","accounts":["annQWXZ2@domQWXZ3.example"],
        "domains":["domQWXZ3.example"],"upstream":{"target":"hostQWXZ41:5222"},"log_failure":"no space at QWXZ42"}"#;
    recorded(&bench, "runs/one", &stanzas, manifest);
    recorded(&bench, "runs/two", &stanzas, manifest);
    // Everything else that a record may say in words, and the sessions' own names.
    let more = "{\"v\":1,\"session\":\"sessQWXZ43\",\"seq\":0,\"ts\":\"2026-03-02T10:00:00.123456Z\",\"type\":\"session\",\"event\":\"close\",\"reason\":\"closed\",\"detail\":\"at QWXZ44\",\"account\":\"annQWXZ2@domQWXZ3.example\"}\n\
        {\"v\":1,\"session\":\"sessQWXZ43\",\"seq\":1,\"type\":\"gap\",\"reason\":\"malformed\",\"detail\":\"near QWXZ45\",\"bytes\":3}\n\
        {\"v\":1,\"session\":\"sessQWXZ43\",\"seq\":2,\"type\":\"intervention\",\"action\":\"starttls_ended\",\"detail\":\"for QWXZ46\"}\n\
        {\"v\":1,\"session\":\"sessQWXZ43\",\"seq\":3,\"type\":\"finding\",\"rule\":\"login-before-tls\",\"severity\":\"high\",\"confidence\":\"certain\",\"avoidability\":\"avoidable\",\"favour\":\"against\",\"about\":\"benQWXZ5@domQWXZ3.example\",\"fact\":\"said QWXZ47\",\"advice\":\"tell QWXZ48\",\"source\":\"QWXZ49\",\"evidence\":[0],\"accepted\":\"by QWXZ50\"}\n\
        {\"v\":1,\"session\":\"run\",\"seq\":0,\"type\":\"mark\",\"label\":\"write to QWXZ51\"}\n\
        {\"v\":1,\"session\":\"x\",\"seq\":0,\"type\":\"dream\",\"of\":\"QWXZ52\"}\n";
    for run in ["runs/one", "runs/two"] {
        let path = bench.path(run).join("records.jsonl");
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + more).unwrap();
    }
    let mut names = names;
    names.extend((40..=52).map(|n| format!("QWXZ{n}")));

    let plain = bench.run(&["export", "runs/one", "--format", "jsonl"]);
    assert!(plain.out.contains("QWXZ5@domQWXZ3") && plain.out.contains("770011223"), "the session does name them");
    let one = shared(&bench, "runs/one", &["--keep-times"]);
    for name in &names {
        for disguise in disguises(name).into_iter().chain([name.to_lowercase()]) {
            if disguise.len() > 4 {
                assert!(!one.contains(&disguise), "{name} as {disguise}: {}", around(&one, &disguise));
            }
        }
    }
    assert!(one.contains("2026-03-02T10:00:00.123456Z"), "asked to keep times");
    let moved = shared(&bench, "runs/one", &[]);
    assert!(!moved.contains("2026-03-02") && !moved.contains("10:00:00.123456"), "times move");

    let two = shared(&bench, "runs/two", &[]);
    let (ours, theirs) = (tokens(&one), tokens(&two));
    assert!(ours.len() > 10 && ours.len() == theirs.len(), "{} {}", ours.len(), theirs.len());
    assert_eq!(ours.intersection(&theirs).count(), 0);
    assert_eq!(ours, tokens(&moved), "equal values have equal tokens, export after export");

    // The key stays beside the run, for nobody else, until it is forgotten.
    assert_eq!(mode(&bench.path("runs/one/share.key")), 0o600);
    bench.run(&["runs", "forget-key", "runs/one"]).ended(0, &["destroyed"]);
    assert!(!bench.path("runs/one/share.key").exists());
    bench.run(&["runs", "forget-key", "runs/one"]).ended(0, &["no key"]);
    let again = shared(&bench, "runs/one", &[]);
    assert_eq!(tokens(&again).intersection(&ours).count(), 0);
}

#[test]
fn software_is_named_only_on_request() {
    let bench = Bench::new();
    recorded(&bench, "runs/one", &telling().0, r#"{"schema":1,"label":"LabelQWXZ40"}"#);
    let kept = shared(&bench, "runs/one", &["--keep-client"]);
    assert!(kept.contains("ClientQWXZ24") && kept.contains("LabelQWXZ40"));
    assert!(!kept.contains("QWXZ5") && !kept.contains("QWXZ20"));
}

fn around(text: &str, part: &str) -> String {
    let at = text.find(part).unwrap();
    String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(200)..(at + 200).min(text.len())]).into_owned()
}

/// Makes the ordinary run one of at least so many exposures.
fn multiply(bench: &Bench, count: usize) {
    let lines: Vec<&str> = include_str!("../records/ordinary.jsonl").lines().filter(|line| line.contains("\"stanza\"")).collect();
    let exposures: usize = lines.iter().map(|line| line.matches("\"field\"").count()).sum();
    let mut text = String::new();
    for n in 0..count.div_ceil(exposures) {
        for (at, line) in lines.iter().enumerate() {
            let line = line.split_once("\"seq\":").unwrap();
            let rest = line.1.split_once(',').unwrap().1;
            text.push_str(&format!("{}\"seq\":{},{rest}\n", line.0, n * lines.len() + at));
        }
    }
    std::fs::write(bench.path(RUN).join("records.jsonl"), text).unwrap();
}

/// What a million exposures may cost, a tenth of them without optimisation: `cargo test --release --test cli -- --ignored million`.
#[test]
#[ignore = "takes its time"]
fn a_million_exposures() {
    let bench = ordinary();
    multiply(&bench, if cfg!(debug_assertions) { 100_000 } else { 1_000_000 });
    let measured = |args: &[&str], seconds: f64| {
        let began = Instant::now();
        let mut child = bench.command(&[args, &["-o", "out"]].concat()).spawn().unwrap();
        // The high-water mark of a process is readable as long as nobody has waited for it.
        let mut most = 0;
        while child.try_wait().unwrap().is_none() {
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            most = most.max(mark.unwrap_or(0));
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let (took, size) = (began.elapsed(), std::fs::metadata(bench.path("out")).unwrap().len());
        println!("{}: {took:.1?}, {} MB of memory, {:.1} MB written", args.join(" "), most / 1024, size as f64 / 1e6);
        assert!(child.wait().unwrap().success() && most > 0);
        assert!(took.as_secs_f64() < seconds && most < 500 * 1024, "{args:?}");
        size
    };
    for format in ["sqlite", "csv", "jsonl"] {
        measured(&["export", RUN, "--format", format], 60.0);
    }
    for format in ["html", "md", "json", "text"] {
        let size = measured(&["report", RUN, "--format", format], 10.0);
        assert!(size < 5_000_000, "{format}");
    }
}
