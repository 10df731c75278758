//! `report`, `runs` and `catalog` as a person runs them: output, exit codes, messages.

#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Exit code, standard output, standard error.
fn stanzascope(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_stanzascope")).current_dir(directory).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn with_a_run() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("runs/20260302T100000Z-reed");
    fs::create_dir_all(&run).unwrap();
    fs::write(run.join("records.jsonl"), include_str!("records/ordinary.jsonl")).unwrap();
    fs::write(run.join("catalog.json"), include_str!("records/catalog.json")).unwrap();
    fs::write(run.join("run.json"), r#"{"schema":1,"label":"Reed\u001b[31m 1.4"}"#).unwrap();
    dir
}

#[test]
fn a_run_is_listed_and_reported() {
    let dir = with_a_run();
    let (code, out, _) = stanzascope(dir.path(), &["runs"]);
    assert_eq!(code, 0);
    assert_eq!(out, "20260302T100000Z-reed  Reed\\u{1b}[31m 1.4  wren@moss.example  11 stanzas  2 OPAQUE\n");
    let (code, out, _) = stanzascope(dir.path(), &["report", "runs/20260302T100000Z-reed"]);
    assert_eq!(code, 0);
    assert!(out.contains("What the server learned: Reed\\u{1b}[31m 1.4") && out.contains("finch@moss.example"), "{out}");
    let (code, silent, _) = stanzascope(dir.path(), &["report", "runs/20260302T100000Z-reed/records.jsonl", "-o", "screen.txt"]);
    assert_eq!((code, silent.as_str()), (0, ""));
    let written = fs::read_to_string(dir.path().join("screen.txt")).unwrap();
    assert!(written.starts_with("What the server learned: Reed"), "{written}");
}

#[test]
fn errors_name_the_thing_and_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("notes.txt"), "hello\n").unwrap();
    for (arguments, code, words) in [
        (&["report", "nowhere"][..], 2, ["nowhere does not exist", "stanzascope runs"]),
        (&["report", "."], 2, ["no records.jsonl", "stanzascope runs"]),
        (&["report", "notes.txt"], 2, ["notes.txt", "not a record"]),
        (&["catalog", "show", "message.boddy"], 2, ["message.boddy", "stanzascope catalog"]),
        (&["catalog", "--spec", "XEP-9999"], 2, ["XEP-9999", "catalog coverage"]),
        (&["catalog", "--layer", "astral"], 2, ["astral", "transport"]),
        (&["catalog", "check", "missing.toml"], 2, ["missing.toml", "cannot read"]),
        (&["catalog", "check", "notes.txt"], 2, ["notes.txt", "line 1"]),
    ] {
        let (found, _, error) = stanzascope(dir.path(), arguments);
        assert_eq!(found, code, "{arguments:?}: {error}");
        assert!(words.iter().all(|word| error.contains(word)), "{arguments:?}: {error}");
    }
    assert_eq!(stanzascope(dir.path(), &["runs"]).1, "no runs in runs (`stanzascope run` makes them, `--runs DIR` looks elsewhere)\n");
}
