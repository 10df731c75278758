//! A comparison as one page: no scripts, nothing loaded from elsewhere, everything from the wire escaped.

use std::fmt::Write as _;

use super::compare::{Change, Comparison, RunName};
use super::profile::Aspect;
use super::text::{heading, step_name, way};
use crate::report::terminal::shown;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#1b1b1b;background:#fff;overflow-wrap:anywhere}\
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #bbb}table{border-collapse:collapse;width:100%}\
td,th{text-align:left;vertical-align:top;padding:.3em .6em;border-bottom:1px solid #ddd}th{overflow-wrap:normal}td.n{text-align:right}caption{text-align:left;color:#444;font-size:.9em}\
code{font-family:ui-monospace,monospace}.doubt{font-style:italic}.steps{color:#444;font-size:.9em}.critical,.high{font-weight:600}\
@media screen and (max-width:30em){td,th{padding:.3em .25em}table{font-size:.85em}}\
@media screen and (prefers-color-scheme:dark){body{color:#ddd;background:#161616}td,th{border-color:#333}.steps,caption{color:#aaa}}";

/// The page.
pub fn page(comparison: &Comparison) -> String {
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\"><title>What differs</title><style>",
    );
    out.push_str(STYLE);
    out.push_str("</style></head><body><main>\n<h1>What differs from A to B</h1>\n");
    table(&mut out, "The runs of each side", &["side", "run", "label", "began", "stanzas", "seen"]);
    for (name, side) in [("A", &comparison.a), ("B", &comparison.b)] {
        side.iter().for_each(|run| run_row(&mut out, name, run));
    }
    out.push_str("</table>\n");
    for note in &comparison.notes {
        put(&mut out, format_args!("<p>{}</p>\n", escaped(note)));
    }
    if comparison.changes.is_empty() {
        out.push_str("<p>Nothing that one side shows and the other does not.</p>\n");
    }
    for changes in [&comparison.changes, &comparison.chance] {
        let mut rest = changes.as_slice();
        while let Some(first) = rest.first() {
            let title = heading(first);
            let end = rest.iter().position(|change| heading(change) != title).unwrap_or(rest.len());
            put(&mut out, format_args!("<h2>{} ({end})</h2>\n", escaped(title)));
            table(&mut out, "Under A and B: how often", &["sensitivity", "what", "A", "B"]);
            rest[..end].iter().for_each(|change| change_row(&mut out, change));
            out.push_str("</table>\n");
            rest = &rest[end..];
        }
    }
    if comparison.varying_values > 0 {
        put(
            &mut out,
            format_args!("<p>Not listed: {} values that differ from run to run, such as ids and times.</p>\n", comparison.varying_values),
        );
    }
    out.push_str("</main></body></html>\n");
    out
}

/// Begins a table. Its caption and heads are ours.
fn table(out: &mut String, caption: &str, heads: &[&str]) {
    put(out, format_args!("<table><caption>{caption}</caption><tr>"));
    heads.iter().for_each(|head| put(out, format_args!("<th scope=\"col\">{head}</th>")));
    out.push_str("</tr>\n");
}

fn run_row(out: &mut String, side: &str, run: &RunName) {
    let seen = if run.partial.is_empty() { "whole, as far as is known".to_owned() } else { format!("partial: {}", run.partial.join("; ")) };
    let cells = [side, &run.name, &run.label, &run.started, &run.stanzas.to_string(), &seen].map(escaped);
    put(out, format_args!("<tr><td>{}</td></tr>\n", cells.join("</td><td>")));
}

fn change_row(out: &mut String, change: &Change) {
    let mut what = match change.aspect {
        Aspect::Verdict => format!("{} {}", way(change.direction), escaped(&change.detail)),
        _ => format!("<code>{}</code> {}", escaped(&change.what), escaped(&change.detail)),
    };
    let mut more = |class: &str, text: &str| {
        if !text.is_empty() {
            put(&mut what, format_args!("<div class=\"{class}\">{}</div>", escaped(text)));
        }
    };
    more("reveals", &change.reveals);
    if !change.observers.is_empty() {
        more("steps", &format!("read by {}", change.observers.join(", ")));
    }
    if !change.doubt.is_empty() {
        more("doubt", &format!("could not be checked: {}", change.doubt));
    }
    if change.steps.iter().any(|step| !step.step.is_empty()) {
        for step in &change.steps {
            more("steps", &format!("{}: {} → {}", step_name(&step.step), step.a, step.b));
        }
    }
    let class = match change.sensitivity {
        word @ ("critical" | "high" | "medium" | "low") => word,
        _ => "none",
    };
    put(
        out,
        format_args!(
            "<tr><td class=\"{class}\">{}</td><td>{what}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
            escaped(change.sensitivity),
            change.a,
            change.b
        ),
    );
}

/// Text as it may stand in an element: nothing a peer wrote is markup, or invisible.
fn escaped(text: &str) -> String {
    shown(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string");
}
