//! A comparison on a screen.

use std::fmt::Write as _;

use super::compare::{Change, Comparison, RunName, Turn};
use super::profile::Aspect;
use crate::report::terminal::{clipped, shown};

/// Changes that are listed of one sort; the rest is counted. JSON and HTML have all.
const MAX_LISTED: usize = 40;
/// Steps that are listed of one change.
const MAX_STEPS: usize = 8;

/// The heading that a change stands under.
pub(super) fn heading(change: &Change) -> &'static str {
    match (change.turn, change.aspect, change.direction) {
        (Turn::Less | Turn::More, ..) => "More often, or more rarely",
        (Turn::Gone, Aspect::Field, "client_to_server") => "No longer sends",
        (Turn::New, Aspect::Field, "client_to_server") => "Now sends",
        (Turn::Gone, Aspect::Field, "server_to_client") => "No longer receives",
        (Turn::New, Aspect::Field, "server_to_client") => "Now receives",
        (Turn::Gone, Aspect::Field, _) => "No longer shows (connection, or direction unknown)",
        (Turn::New, Aspect::Field, _) => "Now shows (connection, or direction unknown)",
        (Turn::Gone, Aspect::Observer, _) => "No longer read by",
        (Turn::New, Aspect::Observer, _) => "Now also read by",
        (_, Aspect::Verdict, _) => "Messages: verdicts of one side only",
        (Turn::Gone, Aspect::Finding, _) => "Findings that are gone",
        (Turn::New, Aspect::Finding, _) => "New findings",
        (Turn::Gone, Aspect::Value, _) => "Values of A only",
        (Turn::New, Aspect::Value, _) => "Values of B only",
        (Turn::Chance, ..) => "By chance, or not: differs within a side, or cannot be told from chance",
    }
}

/// The screen.
pub fn screen(comparison: &Comparison) -> String {
    let mut out = String::from("From A to B\n");
    for (name, side) in [("A", &comparison.a), ("B", &comparison.b)] {
        for run in side {
            line(&mut out, &format!("  {name}  {}", run_line(run)));
        }
    }
    for note in &comparison.notes {
        line(&mut out, &format!("  Note: {note}"));
    }
    if comparison.changes.is_empty() {
        out.push_str("\nNothing that one side shows and the other does not.\n");
    }
    list(&mut out, &comparison.changes);
    list(&mut out, &comparison.chance);
    if comparison.varying_values > 0 {
        line(&mut out, &format!("\nNot listed: {} values that differ from run to run, such as ids and times.", comparison.varying_values));
    }
    out
}

fn run_line(run: &RunName) -> String {
    let label = if run.label.is_empty() { String::new() } else { format!("  {}", clipped(&run.label, 40)) };
    let partial = if run.partial.is_empty() { "" } else { ", partial" };
    format!("{}{label}  {} stanzas{partial}", shown(&run.name), run.stanzas)
}

fn list(out: &mut String, changes: &[Change]) {
    let mut rest = changes;
    while let Some(first) = rest.first() {
        let title = heading(first);
        let end = rest.iter().position(|change| heading(change) != title).unwrap_or(rest.len());
        line(out, &format!("\n{title} ({end})"));
        rest[..end].iter().take(MAX_LISTED).for_each(|change| entry(out, change));
        if end > MAX_LISTED {
            line(out, &format!("  and {} more (--format json has all)", end - MAX_LISTED));
        }
        rest = &rest[end..];
    }
}

fn entry(out: &mut String, change: &Change) {
    let what = match (change.aspect, change.detail.is_empty()) {
        (Aspect::Verdict, _) => format!("{} {}", way(change.direction), shown(&change.detail)),
        (_, true) => shown(&change.what),
        (Aspect::Field, false) => format!("{} {}", shown(&change.what), clipped(&change.detail, 80)),
        (Aspect::Value, false) => format!("{} = {}", shown(&change.what), clipped(&change.detail, 80)),
        (_, false) => format!("{}: {}", shown(&change.what), clipped(&change.detail, 60)),
    };
    let sensitivity = if change.sensitivity.is_empty() { "·" } else { change.sensitivity };
    line(out, &format!("  {sensitivity:8}  {what}  {} → {}", change.a, change.b));
    let observers = if change.observers.is_empty() { String::new() } else { format!("; read by {}", shown(&change.observers.join(", "))) };
    if !change.reveals.is_empty() {
        line(out, &format!("            {}{observers}", clipped(&change.reveals, 100)));
    }
    if !change.doubt.is_empty() {
        line(out, &format!("            could not be checked: {}", change.doubt));
    }
    let marked = change.steps.iter().any(|step| !step.step.is_empty());
    for step in change.steps.iter().take(if marked { MAX_STEPS } else { 0 }) {
        line(out, &format!("            {}: {} → {}", clipped(step_name(&step.step), 60), step.a, step.b));
    }
}

pub(super) fn way(direction: &str) -> &'static str {
    match direction {
        "client_to_server" => "sent",
        "server_to_client" => "received",
        _ => "seen",
    }
}

pub(super) fn step_name(step: &str) -> &str {
    if step.is_empty() { "before the first mark" } else { step }
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("writing to a string");
}
