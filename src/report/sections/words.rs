//! Words that several sections use.

use crate::catalog::{Layer, Pattern};
use crate::record::Verdict;
use crate::report::model::Model;
use crate::report::model::place::{Place, SessionSeen};
use crate::report::text::layout::grouped;

/// A number with its noun.
pub fn plural(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {many}", grouped(number)) }
}

/// A verdict in words.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::ProvenLeak => "proven leak",
        Verdict::Suspect => "suspect",
        Verdict::NotEncrypted => "not encrypted",
        Verdict::OtherE2ee => "other encryption",
        Verdict::Opaque => "opaque",
    }
}

/// A messaging pattern in words.
pub fn pattern(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::TransportOnly => "transport only",
        Pattern::Omemo => "OMEMO chat",
        Pattern::MultiDevice => "several devices",
        Pattern::Group => "group chat",
        Pattern::FileTransfer => "files",
        Pattern::PresenceContact => "presence and contacts",
        Pattern::Any => "any of them",
    }
}

/// A layer in words.
pub fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Transport => "transport",
        Layer::Server => "server",
        Layer::Client => "client",
        Layer::E2ee => "end to end",
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// What became of the messages, in a sentence.
pub fn of_messages(model: &Model) -> String {
    let totals = model.summary.talks.totals();
    let all: u64 = totals.values().sum();
    let parts: Vec<String> = totals.iter().map(|(kind, count)| format!("{} {}", grouped(*count), verdict(*kind))).collect();
    match all {
        0 => "No message with content was seen.".into(),
        _ => format!("Of {} with content: {}.", plural(all, "message", "messages"), listed(&parts)),
    }
}

/// A session as a person would name it: account and resource.
pub fn session_name(session: &SessionSeen) -> String {
    match (&session.account, &session.resource) {
        (Some(account), Some(resource)) => format!("{account}/{resource}"),
        (Some(account), None) => account.clone(),
        _ => session.name.clone(),
    }
}

/// What a client said it is, with the records.
pub fn software(session: &SessionSeen) -> Vec<(String, Place)> {
    const NAMES: [&str; 7] = [
        "version.name",
        "version.version",
        "version.os",
        "sasl2.user_agent.software",
        "sasl2.user_agent.device",
        "disco.identity.name",
        "caps.node",
    ];
    let mut told: Vec<(String, Place)> = Vec::new();
    for id in NAMES {
        if let Some((text, place)) = session.facts.get(id)
            && !told.iter().any(|(had, _)| had == text)
        {
            told.push((text.clone(), *place));
        }
    }
    told
}

/// Time of day of a time in the log, or the whole of it.
pub fn clock(ts: &str) -> &str {
    ts.split_once('T').and_then(|(_, rest)| rest.get(..8)).unwrap_or(ts)
}
