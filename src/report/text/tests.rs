//! Screens of whole runs. The records and the catalog copy are in `tests/records/`, so that a change of the catalog does not change them.

use crate::catalog::rows::Rows;
use crate::report::terminal::{columns, is_unsafe};

use super::layout::WIDTH;
use super::*;
use crate::report::RunInfo;
use crate::report::run::{Tool, Upstream};

const CATALOG: &str = include_str!("../../../tests/records/catalog.json");
const ORDINARY: &str = include_str!("../../../tests/records/ordinary.jsonl");
const LEAKY: &str = include_str!("../../../tests/records/leaky.jsonl");
const HOSTILE: &str = include_str!("../../../tests/records/hostile.jsonl");

fn summary(records: &str, run: RunInfo) -> Summary {
    Summary::read(&mut records.as_bytes(), &Rows::from_json(CATALOG).unwrap(), run).unwrap()
}

fn shown(records: &str, run: RunInfo) -> String {
    let files = [
        FileNote { path: "runs/20260302T100000Z-reed/records.jsonl".into(), holds: "every record, one a line".into() },
        FileNote { path: "runs/20260302T100000Z-reed/run.json".into(), holds: "what the run was".into() },
    ];
    let screen = screen(&summary(records, run), &files);
    assert!(screen.lines().all(|line| columns(line) <= WIDTH), "a line is too long:\n{screen}");
    assert!(!screen.chars().any(|c| is_unsafe(c) && c != '\n'), "a control character got through:\n{screen:?}");
    screen
}

#[test]
fn an_ordinary_run() {
    let run = RunInfo {
        tool: Tool { name: "stanzascope".into(), version: "0.1.0".into() },
        label: "Reed 1.4".into(),
        started: "2026-03-02T10:00:00Z".into(),
        ended: "2026-03-02T10:01:02Z".into(),
        accounts: vec!["wren@moss.example".into()],
        upstream: Upstream { target: "127.0.0.1:15222".into(), tls: "starttls".into(), verified_by: String::new() },
        channel_binding: "observe".into(),
        ..RunInfo::default()
    };
    insta::assert_snapshot!(shown(ORDINARY, run));
}

#[test]
fn a_run_with_a_leak_that_was_cut_off() {
    insta::assert_snapshot!(shown(LEAKY, RunInfo { canaries: 1, started: "2026-03-02T10:00:00Z".into(), ..RunInfo::default() }));
}

/// F-64: ANSI, OSC, C1 and bidi characters in names on the screen → shown escaped
#[test]
fn names_that_attack_the_terminal() {
    let run = RunInfo {
        label: "Reed\u{1b}]0;x\u{7} \u{202e}".into(),
        upstream: Upstream { target: "a\u{9b}b".into(), ..Upstream::default() },
        log_failure: "\u{1b}c".into(),
        ..RunInfo::default()
    };
    insta::assert_snapshot!(shown(HOSTILE, run));
}

#[test]
fn nothing_seen_is_no_verdict() {
    let text = shown("", RunInfo::default());
    assert!(text.contains("Nothing was seen, so there is no verdict."), "{text}");
    assert!(text.contains("nothing was recorded: no verdict"), "{text}");
    assert!(!text.contains("OPAQUE") && !text.contains("complete"), "{text}");
}

#[test]
fn copies_are_no_messages_of_contacts() {
    let summary = summary(ORDINARY, RunInfo::default());
    let with = |name: &str| summary.talks.ranked().into_iter().find(|(with, _)| *with == name).map(|(_, talk)| talk.messages());
    assert_eq!((with("finch@moss.example"), with("heron@fern.example")), (Some(2), Some(0)));
    assert_eq!(verdict_line(&summary), "2 OPAQUE");
}
