//! What did the server learn? One paragraph, and the facts of the run above it.

use super::layout::{Screen, counted, grouped};
use crate::catalog::Sensitivity;
use crate::record::Verdict;
use crate::report::Summary;
use crate::report::terminal::clipped;

/// Writes title, run facts and headline.
pub(super) fn write(screen: &mut Screen, summary: &Summary) {
    let run = &summary.run;
    let title = if run.label.is_empty() {
        "What the server learned".to_owned()
    } else {
        format!("What the server learned: {}", clipped(&run.label, 60))
    };
    screen.section(&title);
    let when = match (&*run.started, &*run.ended, &summary.coverage.span) {
        ("", _, None) => String::new(),
        ("", _, Some((first, last))) => format!("{} to {}", to_the_second(first), to_the_second(last)),
        (started, "", _) => format!("{}, no recorded end", to_the_second(started)),
        (started, ended, _) => format!("{} to {}", to_the_second(started), to_the_second(ended)),
    };
    let mut facts: Vec<String> = Vec::new();
    let mut fact = |text: String| {
        if !text.is_empty() {
            facts.push(text)
        }
    };
    fact(when);
    fact(accounts(summary).unwrap_or_default());
    if !run.upstream.target.is_empty() {
        let tls = if run.upstream.tls.is_empty() { String::new() } else { format!(" ({})", run.upstream.tls) };
        fact(format!("server {}{tls}", run.upstream.target));
    }
    if !run.channel_binding.is_empty() {
        fact(format!("channel binding: {}", run.channel_binding));
    }
    if run.observe_only {
        fact("observe only".into());
    }
    fact(format!("{} {}", run.tool.name, run.tool.version).trim().to_owned());
    if !facts.is_empty() {
        screen.text(0, &facts.join(" · "));
    }
    screen.space();
    screen.text(0, &sentence(summary));
}

/// `2026-03-02T10:00:00.500000Z` without the fraction; anything else as it is.
fn to_the_second(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, fraction)) if fraction.ends_with('Z') => format!("{seconds}Z"),
        _ => clipped(time, 40),
    }
}

fn accounts(summary: &Summary) -> Option<String> {
    let own = summary.people.own.ranked();
    let (first, _) = own.first()?;
    let first = clipped(first, 60);
    Some(if own.len() == 1 { first } else { format!("{first} and {} more", own.len() - 1) })
}

/// The headline: whom and what the server could tell, and what it could read.
pub fn sentence(summary: &Summary) -> String {
    let values: u64 = summary.matrix.values().map(|cell| cell.values).sum();
    if values == 0 && summary.talks.ranked().is_empty() {
        return "Nothing was seen, so there is no verdict.".into();
    }
    let own = accounts(summary).unwrap_or_else(|| "the account".into());
    let people = &summary.people;
    let mut known: Vec<String> = Vec::new();
    let mut add = |count: usize, noun: &str| {
        if count > 0 {
            known.push(counted(count as u64, noun));
        }
    };
    add(people.contacts().len(), "contact");
    add(people.rooms.len(), "room");
    add(people.devices.len(), "device id");
    add(people.upload_hosts.len(), "upload host");
    let critical: u64 = summary.fields.values().filter(|seen| seen.row.sensitivity == Sensitivity::Critical).map(|seen| seen.count).sum();
    let mut text = format!("The server read {} about {own}", counted(values, "value"));
    if critical > 0 {
        text.push_str(&format!(", {} of them critical", grouped(critical)));
    }
    if !known.is_empty() {
        text.push_str(&format!(", naming {}", listed(&known)));
    }
    text.push_str(". ");
    text.push_str(&messages(summary));
    if !summary.partial().is_empty() {
        text.push_str(" Part of the traffic was not seen.");
    }
    text
}

/// What became of the messages, in a sentence.
pub(super) fn messages(summary: &Summary) -> String {
    let totals = summary.talks.totals();
    let all: u64 = totals.values().sum();
    if all == 0 {
        return "No message with content was seen (copies aside), so there is no verdict on encryption.".into();
    }
    let mut parts: Vec<String> = Vec::new();
    for (verdict, count) in &totals {
        let (number, were) = (grouped(*count), if *count == 1 { "was" } else { "were" });
        parts.push(match verdict {
            Verdict::ProvenLeak => format!("{number} leaked content to it"),
            Verdict::Suspect => format!("{number} {were} sent in a way that raises suspicion"),
            Verdict::NotEncrypted => format!("{number} had no end-to-end encryption at all"),
            Verdict::OtherE2ee => format!("{number} {were} encrypted with something this program does not examine"),
            Verdict::Opaque => format!("{number} looked opaque to it (evidence E{})", summary.talks.lowest_level().unwrap_or(1)),
        });
    }
    format!("Of {} with content, {}.", counted(all, "message"), listed(&parts))
}

/// The verdicts of a run in a few words, for lists of runs.
pub fn verdict_line(summary: &Summary) -> String {
    let totals = summary.talks.totals();
    if totals.is_empty() {
        return "no message seen, no verdict".into();
    }
    totals.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect::<Vec<_>>().join(", ")
}

fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
