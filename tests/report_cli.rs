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

/// Each format, by flag and by the name of the file; text stays the default.
#[test]
fn a_report_in_every_format() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = with_a_run();
    let run = "runs/20260302T100000Z-reed";
    for (format, file, begins) in [
        ("html", "r.html", "<!doctype html>"),
        ("md", "r.md", "# What the server learned: Reed"),
        ("json", "r.json", "{\n"),
        ("text", "r.txt", "What the server learned: Reed"),
    ] {
        let (code, out, error) = stanzascope(dir.path(), &["report", run, "--format", format]);
        assert_eq!(code, 0, "{error}");
        assert!(out.starts_with(begins) && out.contains("finch") && !out.contains('\u{1b}'), "{format}: {out}");
        let (code, silent, error) = stanzascope(dir.path(), &["report", run, "-o", file]);
        assert_eq!((code, silent.as_str()), (0, ""), "{error}");
        let path = dir.path().join(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), out, "{format}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // The flag wins over the name, and an unknown format is a mistake of use.
    let (_, _, _) = stanzascope(dir.path(), &["report", run, "--format", "text", "-o", "odd.html"]);
    assert!(fs::read_to_string(dir.path().join("odd.html")).unwrap().starts_with("What the server learned"));
    assert_eq!(stanzascope(dir.path(), &["report", run, "--format", "pdf"]).0, 2);
}

/// Records that come through a pipe can be read once only; the report quotes them all the same.
#[test]
fn a_report_on_a_pipe() {
    let dir = with_a_run();
    let fifo = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let records = fs::read(dir.path().join("runs/20260302T100000Z-reed/records.jsonl")).unwrap();
    let writer = std::thread::spawn({
        let fifo = fifo.clone();
        move || fs::write(fifo, records)
    });
    let (code, out, error) = stanzascope(dir.path(), &["report", "pipe", "--format", "html"]);
    writer.join().unwrap().unwrap();
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("<article class=\"record\""), "no record is quoted");
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
