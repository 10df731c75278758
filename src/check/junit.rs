//! Outcomes as JUnit XML, which CI systems show. What could not be checked is an error, not a pass and not skipped.

use std::fmt::Write as _;

use super::{Checked, Outcome, Status};
use crate::report::terminal::shown;

/// The file. `run` is what the run is called.
pub fn xml(checked: &Checked, run: &str, plan: &str) -> String {
    let count = |status: Status| checked.outcomes.iter().filter(|outcome| outcome.status == status).count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (tests, failures, errors) = (checked.outcomes.len(), count(Status::Failed), count(Status::NotChecked));
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    put(&mut out, format_args!("<testsuites {counts}>\n<testsuite name=\"stanzascope {}\" {counts}>\n", escaped(run)));
    for outcome in &checked.outcomes {
        case(&mut out, outcome, plan);
    }
    out.push_str("</testsuite>\n</testsuites>\n");
    out
}

fn case(out: &mut String, outcome: &Outcome, plan: &str) {
    let place = outcome.line.map_or_else(String::new, |line| format!(" file=\"{}\" line=\"{line}\"", escaped(plan)));
    put(out, format_args!("<testcase classname=\"stanzascope.check\" name=\"{}\"{place}", escaped(&outcome.text)));
    let element = match outcome.status {
        Status::Passed => return out.push_str("/>\n"),
        Status::Failed => "failure",
        Status::NotChecked => "error",
    };
    let detail = [outcome.because.as_str(), &records(outcome)].join("\n");
    put(out, format_args!("><{element} message=\"{}\">{}</{element}></testcase>\n", escaped(&outcome.seen), escaped(detail.trim())));
}

/// The records an outcome rests on, in words; empty when there are none.
pub fn records(outcome: &Outcome) -> String {
    let places: Vec<String> = outcome.evidence.iter().map(|(session, seq)| format!("{session}#{seq}")).collect();
    if places.is_empty() { String::new() } else { format!("records {}", places.join(", ")) }
}

fn escaped(text: &str) -> String {
    // Line ends of our own stay; everything else that XML or a terminal would trip over is spelled out.
    let lines: Vec<String> = text.split('\n').map(shown).collect();
    lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string");
}
