//! Labs from small logs: answers come from records, and say so when there is none.

use super::*;
use crate::catalog::Catalog;
use crate::catalog::rows::Rows;
use crate::report::RunInfo;

const ORDINARY: &str = include_str!("../../../tests/records/ordinary.jsonl");

fn model(records: &str, run: &str) -> Model {
    Model::read(&mut records.as_bytes(), &Rows::of(&Catalog::builtin()), RunInfo::from_json(run).unwrap()).unwrap()
}

fn check(model: &Model, expected: &[(&str, &str, &str)]) {
    let labs = all(model);
    for (key, short, basis) in expected {
        let answers: Vec<&Answer> = labs.iter().flat_map(|lab| &lab.answers).filter(|answer| answer.key == *key).collect();
        let answer = answers.last().unwrap_or_else(|| panic!("no answer {key}"));
        assert_eq!((answer.short.1, answer.basis.name()), (*short, *basis), "{key}: {}", answer.answer.plain());
    }
}

#[test]
fn an_ordinary_run() {
    check(
        &model(ORDINARY, r#"{"accounts":["wren@moss.example"]}"#),
        &[
            ("service", "", "observed"),
            ("server_sees_content", "not seen", "observed"),
            ("server_sees_metadata", "yes", "observed"),
            ("uses_omemo", "yes", "observed"),
            ("group_chat", "yes", "observed"),
            ("threat_model", "unknown", "ask_the_evaluator"),
            ("transport_encrypted", "yes", "observed"),
            ("content_encrypted", "it seems so", "observed"),
            ("server_sees_parties", "yes", "observed"),
            ("server_sees_presence", "yes", "observed"),
            ("recipient_trust", "unknown", "ask_the_evaluator"),
            ("client_apps", "", "observed"),
            ("notifications", "not observed", "not_observed"),
            ("backups", "unknown", "ask_the_evaluator"),
            ("goal", "ask the evaluator", "ask_the_evaluator"),
        ],
    );
}

#[test]
fn nothing_seen_is_no_answer() {
    let model = model("", "{}");
    for answer in all(&model).iter().flat_map(|lab| &lab.answers) {
        assert!(matches!(answer.basis, Basis::NotObserved(_) | Basis::Ask(_)), "{}: {:?}", answer.key, answer.basis);
        assert!(!matches!(answer.short.1, "yes" | "no" | "met" | "it seems so" | "nothing against it"), "{}", answer.key);
    }
}

#[test]
fn what_the_evaluator_says_is_marked_as_theirs() {
    let run = r#"{"accounts":["wren@moss.example"],"profile":{"backups":"none, checked","threat_model":"the landlord"}}"#;
    check(&model(ORDINARY, run), &[("backups", "", "said_by_evaluator"), ("threat_model", "yours to weigh", "said_by_evaluator")]);
}

#[test]
fn the_plan_is_judged_line_by_line() {
    let run = r#"{"accounts":["wren@moss.example"],"plan":{"goal":"rehearse","recipient":"finch@moss.example","need_anonymity":true,"content_secrecy":true,
        "metadata_secrecy":"yes","attachments":false,"allowed_clients":["other"],"backup_policy":"none","steps":["a","b"]}}"#;
    let judged = [
        ("goal", "yours to weigh", "said_by_evaluator"),
        ("recipient", "yours to weigh", "observed"),
        ("need_anonymity", "not met", "observed"),
        ("content_secrecy", "nothing against it", "observed"),
        ("metadata_secrecy", "not met", "observed"),
        ("allowed_clients", "not met", "observed"),
        ("backup_policy", "ask the evaluator", "said_by_evaluator"),
        ("steps", "yours to weigh", "said_by_evaluator"),
    ];
    check(&model(ORDINARY, run), &judged);
    // A plan says nothing about a run in which nothing happened.
    check(
        &model("", run),
        &[("content_secrecy", "not observed", "said_by_evaluator"), ("need_anonymity", "not observed", "said_by_evaluator")],
    );
    let lab = plan::lab(&model(ORDINARY, run));
    let text = lab.answers.iter().find(|answer| answer.key == "content_secrecy").unwrap().answer.plain();
    assert!(text.contains("no proof"), "{text}");
}

#[test]
fn a_message_in_clear_breaks_the_plan() {
    let clear = ORDINARY.replace("\"body\":\"OPAQUE\"", "\"body\":\"NOT_ENCRYPTED\"");
    let run = r#"{"accounts":["wren@moss.example"],"plan":{"content_secrecy":true}}"#;
    check(
        &model(&clear, run),
        &[("content_secrecy", "not met", "observed"), ("server_sees_content", "yes", "observed"), ("content_encrypted", "no", "observed")],
    );
}
