//! The records that statements rest on, fetched in a second pass: what a record says, redacted as it is in the log.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use super::facts::clip;
use super::place::{Place, Sessions};
use crate::report::read::{self, Exposure, Head, ReadBody, ReadError};

/// Records that are quoted; further ones are named only.
pub const MAX_QUOTES: usize = 400;
/// Bytes of a record's text.
const MAX_TEXT: usize = 900;
/// Values that are listed of a record without XML.
const MAX_VALUES: usize = 40;

/// What a record says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quote {
    /// Session and number: `s1:145`.
    pub label: String,
    /// Time, as in the log.
    pub time: String,
    /// What it is, in words: `message, client to server`.
    pub what: String,
    /// Who could read it.
    pub observers: Vec<String>,
    /// Verdict and why.
    pub verdict: String,
    /// Redacted XML, or field and value a line.
    pub text: String,
    /// Bytes left out at the end.
    pub cut: usize,
}

/// Fetches the records named, as far as the log has them and the limit allows.
///
/// # Errors
/// As reading the records for the first time.
pub fn fetch(
    records: &mut dyn BufRead,
    sessions: &Sessions,
    by_input: bool,
    wanted: &BTreeSet<Place>,
) -> Result<BTreeMap<Place, Quote>, ReadError> {
    let wanted: BTreeSet<Place> = wanted.iter().copied().take(MAX_QUOTES).collect();
    let mut quotes = BTreeMap::new();
    read::some(
        records,
        |head| {
            // A scan names records by input, which stands in the body.
            by_input || sessions.known(&head.session).is_some_and(|session| wanted.contains(&Place { session, number: head.seq }))
        },
        |head, body| {
            let Some(session) = sessions.known(&head.session) else { return };
            let number = match body {
                ReadBody::Stanza(stanza) if by_input => stanza.input.unwrap_or(head.seq),
                _ => head.seq,
            };
            let place = Place { session, number };
            if wanted.contains(&place) && quotes.len() < MAX_QUOTES {
                quotes.entry(place).or_insert_with(|| quote(sessions.label(place), head, body));
            }
        },
    )?;
    Ok(quotes)
}

fn quote(label: String, head: &Head<'_>, body: &ReadBody<'_>) -> Quote {
    let mut quote = Quote { label, time: head.ts.as_deref().unwrap_or("").to_owned(), ..Quote::default() };
    let mut text = String::new();
    match body {
        ReadBody::Stanza(stanza) => {
            let direction = stanza.direction.map_or("", |direction| match direction.index() {
                0 => ", client to server",
                _ => ", server to client",
            });
            quote.what = format!("{}{direction}", if stanza.kind.is_empty() { "stanza" } else { &stanza.kind });
            quote.observers = stanza.observers.iter().map(|observer| observer.replace('_', " ")).collect();
            if let Some(verdict) = &stanza.verdict {
                let level = verdict.level.as_deref().map_or(String::new(), |level| format!(" {level}"));
                quote.verdict = format!("{}{level}: {}", verdict.body, verdict.because);
            }
            match &stanza.evidence {
                Some(evidence) => text.push_str(evidence),
                None => list(&mut text, &stanza.exposures),
            }
        }
        ReadBody::Transport(transport) => {
            quote.what = "connection".into();
            list(&mut text, &transport.exposures);
        }
        ReadBody::Session(event) => {
            quote.what = format!("session, {}", event.event);
            let words = [&event.reason, &event.account, &event.resumed_from].map(|word| word.as_deref().unwrap_or(""));
            text = [words[0], &event.detail, words[1], words[2]].join(" ");
        }
        ReadBody::Gap(gap) => {
            quote.what = "gap".into();
            text = format!("{}: {} ({} bytes)", gap.reason, gap.detail, gap.bytes);
        }
        ReadBody::Intervention(intervention) => {
            quote.what = "intervention".into();
            text = format!("{}: {}", intervention.action, intervention.detail);
        }
        ReadBody::Finding(finding) => {
            quote.what = "finding".into();
            text = format!("{}: {}", finding.rule, finding.fact);
        }
        ReadBody::Mark(mark) => {
            quote.what = "mark".into();
            text.clone_from(&mark.label);
        }
        ReadBody::Keepalive | ReadBody::Assessment(_) | ReadBody::Other => quote.what = head.kind.to_string(),
    }
    let kept = clip(text.trim(), MAX_TEXT);
    quote.cut = text.trim().len() - kept.len();
    quote.text = kept.to_owned();
    quote
}

fn list(text: &mut String, exposures: &[Exposure<'_>]) {
    for exposure in exposures.iter().take(MAX_VALUES) {
        text.push_str(&format!("{} = {}\n", exposure.field, clip(&exposure.value, 200)));
    }
    if exposures.len() > MAX_VALUES {
        text.push_str(&format!("and {} more values\n", exposures.len() - MAX_VALUES));
    }
}
