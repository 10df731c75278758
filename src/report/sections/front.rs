//! The first lines: what was tested, and what the server learned, in one sentence.

use super::words::{self, listed, plural};
use crate::record::Verdict;
use crate::report::doc::{Inline, Str};
use crate::report::model::Model;

/// Title of the report.
pub fn title(model: &Model) -> String {
    let label = &model.summary.run.label;
    if label.is_empty() { "What the server learned".into() } else { format!("What the server learned: {label}") }
}

/// What was tested, and how.
pub fn facts(model: &Model) -> Vec<(Str, Inline)> {
    let run = &model.summary.run;
    let mut facts: Vec<(Str, Inline)> = Vec::new();
    let mut software = Inline::new();
    let mut seen: Vec<String> = Vec::new();
    for (_, session) in model.sessions.of_clients() {
        for (text, place) in words::software(session) {
            if seen.len() < 4 && !seen.contains(&text) {
                software = if seen.is_empty() { software } else { software.text(", ") };
                software = software.value(text.clone()).records(&[place]);
                seen.push(text);
            }
        }
    }
    facts.push(("Client".into(), if software.is_empty() { "did not say what it is".into() } else { software }));
    let accounts = model.accounts();
    facts.push(("Accounts".into(), if accounts.is_empty() { "none seen".into() } else { Inline::new().values(accounts, 4) }));
    if !run.upstream.target.is_empty() {
        let mut server = Inline::new().values(model.own_domains(), 3).text(" at ").value(run.upstream.target.clone());
        if !run.upstream.tls.is_empty() {
            server = server.text(format!(" ({})", run.upstream.tls));
        }
        facts.push(("Server".into(), server));
    }
    let coverage = &model.summary.coverage;
    let (first, last) = match (&run.started, &run.ended, &coverage.span) {
        (started, ended, _) if !started.is_empty() && !ended.is_empty() => (started.clone(), ended.clone()),
        (_, _, Some((first, last))) => (first.clone(), last.clone()),
        (started, _, None) => (started.clone(), String::new()),
    };
    if !first.is_empty() {
        // The date stands once.
        let last = match to_the_second(&last) {
            last if last.is_empty() => "no recorded end".to_owned(),
            last if last.get(..11) == to_the_second(&first).get(..11) => last[11..].to_owned(),
            last => last,
        };
        let first = to_the_second(&first);
        let first = if last.ends_with(" UTC") { first.trim_end_matches(" UTC") } else { &first };
        facts.push(("When".into(), Inline::new().value(first).text(" to ").value(last)));
    }
    facts.push((
        "Seen".into(),
        Inline::new()
            .text(format!(
                "{}, {}; ",
                plural(coverage.sessions.len() as u64, "session", "sessions"),
                plural(coverage.stanza_count(), "stanza", "stanzas")
            ))
            .link(
                "coverage",
                match (coverage.records, model.summary.partial().is_empty()) {
                    (0, _) => "nothing recorded",
                    (_, true) => "complete, as far as is known",
                    _ => "partial",
                },
            ),
    ));
    let mut how = Inline::new().text(format!("{} {}", run.tool.name, run.tool.version).trim().to_owned());
    if !run.channel_binding.is_empty() {
        how = how.text(format!(", channel binding: {}", run.channel_binding));
    }
    if !how.plain().is_empty() {
        facts.push(("Recorded with".into(), how));
    }
    facts
}

/// What belongs before everything else.
pub fn warnings(model: &Model) -> Vec<Inline> {
    let mut warnings = Vec::new();
    if model.summary.coverage.records == 0 {
        warnings.push("Nothing was recorded, so there is no verdict.".into());
    } else if !model.summary.partial().is_empty() {
        warnings.push(Inline::new().text("Part of the traffic was not seen. ").link("coverage", "What is missing, and why"));
    }
    if model.summary.run.keep_content {
        warnings.push("This run kept message content: the report may quote what people wrote.".into());
    }
    if model.summary.run.tls_keys_logged {
        warnings.push("The TLS keys of this run were logged: whoever has them can read the captured traffic.".into());
    }
    warnings
}

/// What did the server learn?
pub fn sentence(model: &Model) -> Inline {
    let summary = &model.summary;
    let values: u64 = summary.matrix.values().map(|cell| cell.values).sum();
    let totals = summary.talks.totals();
    if values == 0 && totals.is_empty() {
        return "Nothing was seen, so there is no verdict.".into();
    }
    let accounts = model.accounts();
    let mut text = Inline::new().text("The server learned, ");
    text = match accounts.as_slice() {
        [] => text.text("of an account"),
        [one] => text.text("of ").strong((*one).to_owned()),
        several => text.text("of ").strong(plural(several.len() as u64, "account", "accounts")),
    };
    let people = model.contacts.addresses().into_iter().filter(|address| !model.rooms.contains(address)).count() as u64;
    let devices = summary.people.devices.len() as u64;
    let mut known = Vec::new();
    let mut add = |number: u64, text: String| {
        if number > 0 {
            known.push(text);
        }
    };
    add(people, format!("whom they deal with ({})", plural(people, "contact", "contacts")));
    add(devices, format!("from which devices ({})", plural(devices, "key holder", "key holders")));
    add(model.rooms.len() as u64, format!("in which groups ({})", plural(model.rooms.len() as u64, "room", "rooms")));
    let files = model.files.uploads.len() as u64;
    add(files, format!("with which files ({})", grouped_names(files)));
    add(
        summary.coverage.stanza_count(),
        format!("and when, to the second ({})", plural(summary.coverage.stanza_count(), "stanza", "stanzas")),
    );
    if accounts.len() == 1 {
        known.iter_mut().for_each(|text| *text = text.replace("whom they deal", "whom it deals"));
    }
    if !known.is_empty() {
        text = text.text(": ").text(known.join(", "));
    }
    let all: u64 = totals.values().sum();
    if all == 0 {
        return text.text("; no message with content was seen, so there is no verdict on encryption.");
    }
    let parts: Vec<String> = totals
        .iter()
        .map(|(verdict, count)| {
            let were = if *count == 1 { "was" } else { "were" };
            match verdict {
                Verdict::ProvenLeak => format!("{count} leaked content to it"),
                Verdict::Suspect => format!("{count} {were} sent in a way that raises suspicion"),
                Verdict::NotEncrypted => format!("{count} {were} in clear to it"),
                Verdict::OtherE2ee => format!("{count} {were} encrypted with something that is not examined here"),
                Verdict::Opaque => format!("{count} looked opaque to it"),
            }
        })
        .collect();
    text.text(format!("; of {} with content, ", plural(all, "message", "messages"))).strong(listed(&parts)).text(".")
}

fn grouped_names(files: u64) -> String {
    plural(files, "name and size", "names and sizes")
}

/// `2026-03-02T10:00:00.5Z` as `2026-03-02 10:00:00 UTC`; anything else as it is.
fn to_the_second(time: &str) -> String {
    match (time.get(..10), time.get(10..11), time.get(11..19), time.ends_with('Z')) {
        (Some(date), Some("T"), Some(clock), true) => format!("{date} {clock} UTC"),
        _ => time.to_owned(),
    }
}
