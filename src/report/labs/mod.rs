//! The four labs: questions an evaluation asks, filled in from what was seen. Each answer names its source: records, "not observed", or the
//! evaluator, for what no wire can show.

mod classify;
mod compare;
mod devices;
mod plan;

use super::doc::{Inline, Tone};
use super::model::Model;
use super::model::place::Places;
use crate::record::Verdict;

/// What an answer rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// Records.
    Observed(Places),
    /// Nothing of the sort was seen. What would have to happen in a run to see it.
    NotObserved(&'static str),
    /// The evaluator said it, under this key of the session file.
    Said(String),
    /// No wire can show it, and the evaluator has not said it. The key of the session file that would.
    Ask(String),
}

impl Basis {
    /// In a word, for JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Basis::Observed(_) => "observed",
            Basis::NotObserved(_) => "not_observed",
            Basis::Said(_) => "said_by_evaluator",
            Basis::Ask(_) => "ask_the_evaluator",
        }
    }
}

/// One question with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// A word for programs.
    pub key: String,
    /// The question.
    pub question: String,
    /// How the answer is meant, in a word: `yes`, `no`, `in part`, `met`, `not met`, and so on. Empty when it is none.
    pub short: (Tone, &'static str),
    /// The answer.
    pub answer: Inline,
    /// Its source.
    pub basis: Basis,
}

/// A lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lab {
    /// Its id, for links and programs.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Questions and answers.
    pub answers: Vec<Answer>,
}

/// The labs, in order.
pub fn all(model: &Model) -> Vec<Lab> {
    vec![classify::lab(model), compare::lab(model), devices::lab(model), plan::lab(model)]
}

/// A word without colour.
const PLAIN: (Tone, &str) = (Tone::Plain, "");
/// The short answer of what nobody has said.
const UNKNOWN: (Tone, &str) = (Tone::Plain, "unknown");

/// An answer from records when there are any.
fn seen(key: &str, question: &str, short: (Tone, &'static str), answer: Inline, places: Places, otherwise: &'static str) -> Answer {
    if places.is_empty() {
        return not_observed(key, question, otherwise);
    }
    Answer { key: key.into(), question: question.into(), short, answer, basis: Basis::Observed(places) }
}

/// Nothing was seen.
fn not_observed(key: &str, question: &str, would: &'static str) -> Answer {
    Answer {
        key: key.into(),
        question: question.into(),
        short: (Tone::Plain, "not observed"),
        answer: Inline::new().text(would),
        basis: Basis::NotObserved(would),
    }
}

/// What only the evaluator knows.
fn asked(model: &Model, key: &'static str, question: &str, why: &'static str) -> Answer {
    let (short, answer, basis) = match model.summary.run.profile.text(key) {
        Some(said) => (PLAIN, Inline::new().value(said), Basis::Said(format!("[profile] {key}"))),
        None => (UNKNOWN, Inline::new().text(why), Basis::Ask(format!("[profile] {key}"))),
    };
    Answer { key: key.into(), question: question.into(), short, answer, basis }
}

/// What became of message content, as a short answer to "is it encrypted end to end?", with the records that decide it.
fn content(model: &Model) -> Option<((Tone, &'static str), Inline, Places)> {
    let totals = model.summary.talks.totals();
    let all: u64 = totals.values().sum();
    if all == 0 {
        return None;
    }
    let opaque = totals.get(&Verdict::Opaque).copied().unwrap_or(0) + totals.get(&Verdict::OtherE2ee).copied().unwrap_or(0);
    let short = match opaque {
        0 => (Tone::High, "no"),
        some if some < all => (Tone::High, "in part"),
        _ => (Tone::Good, "it seems so"),
    };
    let mut answer = Inline::new().text(super::sections::words::of_messages(model));
    if opaque > 0 {
        answer = answer.text(format!(
            " The evidence goes to E{}; a passive view proves leaks, never confidentiality.",
            model.summary.talks.lowest_level().unwrap_or(1)
        ));
    }
    // The worst verdict's messages decide the answer.
    let worst = *totals.keys().next()?;
    Some((short, answer, model.contacts.with_verdict(worst)))
}

#[cfg(test)]
mod tests;
