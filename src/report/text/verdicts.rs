//! Interpretation: what became of the content of each conversation, how far the evidence goes, and why no further.

use super::layout::{Screen, WIDTH, counted, grouped, padded};
use crate::record::{SearchFacts, Verdict};
use crate::report::Summary;
use crate::report::talks::Talk;
use crate::report::terminal::{clipped, columns};

/// Conversations shown.
const MAX_TALKS: usize = 15;

/// The section.
pub(super) fn write(screen: &mut Screen, summary: &Summary) {
    screen.section("Messages, by conversation");
    let talks = summary.talks.ranked();
    if talks.is_empty() {
        screen.text(2, "No message with content was seen: no verdict.");
        return;
    }
    let names: Vec<String> = talks.iter().take(MAX_TALKS).map(|(with, _)| clipped(with, 40)).collect();
    let width = names.iter().map(|name| columns(name)).max().unwrap_or(0).max(12);
    for (name, (_, talk)) in names.iter().zip(&talks) {
        let lowest = talk.lowest().map_or("no verdict", Verdict::name);
        let level = if talk.lowest() == Some(Verdict::Opaque) && talk.lowest_level > 0 {
            format!(" E{}", talk.lowest_level)
        } else {
            String::new()
        };
        let (verdict, counts) = (padded(&format!("{lowest}{level}"), 14), counts(talk));
        let row = format!("  {}  {verdict} {counts}", padded(name, width));
        if columns(&row) <= WIDTH {
            screen.row(&row);
        } else {
            screen.row(&format!("  {}  {}", padded(name, width), verdict.trim_end()));
            screen.text(6, &counts);
        }
        for (verdict, judged) in talk.verdicts.iter().filter(|(verdict, _)| **verdict < Verdict::NotEncrypted) {
            for reason in &judged.reasons {
                screen.text(6, &format!("{verdict}: {}", clipped(reason, 300)));
            }
        }
        if !talk.raised.is_empty() {
            let parts: Vec<String> =
                talk.raised.iter().map(|(level, count)| format!("{} to E{level}", counted(*count, "message"))).collect();
            screen.text(6, &format!("raised at the end by canaries: {}", parts.join(", ")));
        }
        if !talk.because.is_empty() {
            screen.text(6, &clipped(&talk.because, 300));
        }
    }
    if let Some(search) = &summary.canary_search {
        screen.text(2, &canaries(search));
    }
    if talks.len() > MAX_TALKS {
        screen.text(2, &format!("and {}, none with a lower verdict.", counted((talks.len() - MAX_TALKS) as u64, "more conversation")));
    }
    if summary.talks.overflow > 0 {
        screen.text(2, &format!("{} of further conversations were not told apart.", counted(summary.talks.overflow, "message")));
    }
    let copies = summary.talks.copies();
    if !copies.is_empty() {
        let parts: Vec<String> = copies.iter().map(|(verdict, count)| format!("{} {verdict}", grouped(*count))).collect();
        screen.text(2, &format!("Copies (carbons, archives, room history), not counted above: {}.", parts.join(", ")));
    }
    if let Some(level) = summary.talks.lowest_level() {
        screen.text(2, &format!("OPAQUE, evidence E{level}: {}", reached(level)));
        screen.text(2, missing(level));
        screen.text(
            2,
            "No level proves confidentiality: key escrow in the client, a device the server added, later key theft and traffic analysis remain.",
        );
    }
}

/// What the search for canaries came to. The screen shows names, which hold no part of them.
fn canaries(search: &SearchFacts) -> String {
    let named = |names: &[String]| names.iter().take(8).map(|name| clipped(name, 32)).collect::<Vec<_>>().join(", ");
    let mut text = match search.readable.len() {
        0 => format!("Canaries: none of {} could be read", search.not_found.len()),
        n => format!("Canaries: {n} of {} COULD BE READ ({})", n + search.not_found.len(), named(&search.readable)),
    };
    text.push_str(&format!(", in {}", counted(search.frames, "frame")));
    if search.not_searched > 0 {
        text.push_str(&format!("; {} not searched whole", grouped(search.not_searched)));
    }
    text + "."
}

fn counts(talk: &Talk) -> String {
    if talk.messages() == 0 {
        return "seen as copies only, the verdict is theirs".into();
    }
    let mut text = counted(talk.messages(), "message");
    if talk.verdicts.len() > 1 {
        let parts: Vec<String> = talk.verdicts.iter().map(|(verdict, judged)| format!("{} {verdict}", judged.messages)).collect();
        text.push_str(&format!(": {}", parts.join(", ")));
    }
    let ways = [(talk.sent, "sent"), (talk.received, "received")];
    let ways: Vec<String> = ways.iter().filter(|(count, _)| *count > 0).map(|(count, way)| format!("{count} {way}")).collect();
    if !ways.is_empty() {
        text.push_str(&format!(" ({})", ways.join(", ")));
    }
    if !talk.copies.is_empty() {
        let parts: Vec<String> = talk.copies.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
        text.push_str(&format!("; copies: {}", parts.join(", ")));
    }
    text
}

fn reached(level: u8) -> &'static str {
    match level {
        1 => "the containers are well formed and nothing readable stands beside them.",
        2 => {
            "the containers are well formed, nothing readable stands beside them, and no reuse of keys or foreign device was noticed in the session."
        }
        3 => "a canary was sent and found nowhere in the traffic that was seen.",
        _ => "a recipient's device decrypted the message to the canary.",
    }
}

fn missing(level: u8) -> &'static str {
    match level {
        1 => "Not E2: that needs the device lists and earlier messages of the session, to check recipients and reuse of keys against them.",
        2 => "Not E3: that needs a canary declared before it is typed, and a search for it in all traffic until the session has ended.",
        3 => "Not E4: that needs a recipient's device that decrypts the message to the canary.",
        _ => "There is no higher level.",
    }
}
