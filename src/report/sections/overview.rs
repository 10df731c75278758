//! The matrix of layers and patterns, and the verdict on each conversation.

use super::words;
use crate::catalog::{Layer, Pattern};
use crate::record::Verdict;
use crate::report::doc::{Inline, Section, Table, Tone};
use crate::report::model::Model;
use crate::report::text::layout::grouped;

/// Conversations in the table.
const MAX_TALKS: usize = 60;

/// Values by layer and pattern.
pub fn matrix(model: &Model) -> Section {
    let mut section = Section::new("matrix", "Matrix", "What it could read");
    let mut table = Table::new(
        "Values by messaging pattern and layer, with the most sensitive of each; copies are left out",
        &["Pattern", "#Transport", "#Server", "#Client", "#End to end"],
    );
    table.narrow = true;
    for pattern in Pattern::ALL {
        let cells: Vec<Inline> = Layer::ALL
            .iter()
            .map(|layer| match model.summary.matrix.get(&(*layer, *pattern)) {
                None => Inline::new().text("–"),
                Some(cell) => {
                    let places = model.matrix.get(&(*layer, *pattern)).map(|(_, places)| places);
                    let text = Inline::new().at(grouped(cell.values), places);
                    match cell.worst {
                        Some(worst) => text.text(" ").badge(worst.into(), worst.name()),
                        None => text,
                    }
                }
            })
            .collect();
        table.row([vec![Inline::new().text(words::pattern(*pattern))], cells].concat());
    }
    section.table(table);
    section.note(
        "Transport is the connection, its encryption and the login; server is what routing and storage need; client is what the client and its \
         user volunteer; end to end is content and what protects it. A badge is the most sensitive value in its cell, and the number leads to a record with such a value.",
    );
    section
}

/// Verdicts by conversation.
pub fn conversations(model: &Model) -> Section {
    let mut section = Section::new("conversations", "Messages", "What became of the messages");
    let talks = model.summary.talks.ranked();
    if talks.is_empty() {
        section.text("No message with content was seen, so there is no verdict.");
        return section;
    }
    let mut table = Table::new("Verdict on each conversation, the worst first", &["With", "Verdict", "Messages", "Why"]);
    for (with, talk) in talks.iter().take(MAX_TALKS) {
        let verdict = match talk.lowest() {
            Some(verdict) => {
                let level =
                    if verdict == Verdict::Opaque && talk.lowest_level > 0 { format!(" E{}", talk.lowest_level) } else { String::new() };
                Inline::new().badge(verdict.into(), format!("{}{level}", words::verdict(verdict)))
            }
            None => Inline::new().text("none"),
        };
        let mut why = Inline::new();
        for (verdict, judged) in &talk.verdicts {
            why = if why.is_empty() { why } else { why.text("; ") };
            why = why.text(format!("{} {}", grouped(judged.messages), words::verdict(*verdict)));
            if *verdict < Verdict::Opaque
                && let Some(reason) = judged.reasons.first()
            {
                why = why.text(": ").text(reason.clone());
            }
            why = why.places(&model.contacts.verdict_places(with, *verdict));
        }
        for (level, count) in &talk.raised {
            why = why.text(format!("; {} raised to E{level} at the end by canaries", grouped(*count)));
        }
        if !talk.because.is_empty() {
            why = why.text("; ").text(talk.because.clone());
        }
        if talk.verdicts.is_empty() {
            why = why.text("seen as copies only");
        }
        let mut counts: Vec<String> = Vec::new();
        let copies = talk.copies.values().sum::<u64>();
        for (count, what) in
            [(talk.sent, "sent"), (talk.received, "received"), (talk.undirected, "of unknown direction"), (copies, "as copies")]
        {
            if count > 0 {
                counts.push(format!("{} {what}", grouped(count)));
            }
        }
        let counts = counts.join(", ");
        let kind = if model.rooms.contains(with) { " (room)" } else { "" };
        table.row(vec![Inline::new().value(*with).text(kind), verdict, counts.into(), why]);
    }
    table.left_out(talks.len().saturating_sub(MAX_TALKS), "conversations");
    section.table(table);
    if model.summary.talks.overflow > 0 {
        section.note(format!("{} messages of further conversations were not told apart.", grouped(model.summary.talks.overflow)));
    }
    if let Some(search) = &model.summary.canary_search {
        let declared = search.readable.len() + search.not_found.len();
        let mut text = Inline::new().text(format!("{declared} canaries were declared; "));
        text = match search.readable.is_empty() {
            true => text.text("none could be read"),
            false => text.badge(Tone::Critical, "readable").text(": ").values(&search.readable, 8),
        };
        text = text.text(format!(", in {} frames searched", grouped(search.frames)));
        if search.not_searched > 0 {
            text = text.text(format!("; {} were not searched whole", grouped(search.not_searched)));
        }
        section.text(text.text("."));
    }
    if let Some(level) = model.summary.talks.lowest_level() {
        section.note(
            Inline::new()
                .badge(Tone::Good, format!("opaque E{level}"))
                .text(format!(" means: {} {} ", reached(level), missing(level)))
                .text("No level proves confidentiality: key escrow in the client, a device the server added, later key theft and traffic analysis remain."),
        );
    }
    section
}

fn reached(level: u8) -> &'static str {
    match level {
        1 => "the containers are well formed and nothing readable stands beside them.",
        2 => "the containers are well formed, nothing readable stands beside them, and no reuse of keys or foreign device was noticed.",
        3 => "a canary was sent and found nowhere in the traffic that was seen.",
        _ => "a recipient's device decrypted the message to the canary.",
    }
}

fn missing(level: u8) -> &'static str {
    match level {
        1 => "E2 would need device lists and earlier messages of the session.",
        2 => "E3 would need a canary, declared before it is typed.",
        3 => "E4 would need a recipient's device that decrypts it.",
        _ => "There is no higher level.",
    }
}
