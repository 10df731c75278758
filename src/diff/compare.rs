//! Holds the runs of one side against those of the other.

use std::collections::BTreeSet;

use serde::Serialize;

use super::profile::{Aspect, BEFORE_THE_FIRST_MARK, Counts, Profile, Thing};
use crate::catalog::Category;
use crate::catalog::rows::{Row, Rows};
use crate::export::share::{is_protocol_namespace, is_protocol_word};
use crate::record::exposure::UNCLASSIFIED;

/// The runs of one side, and the catalog they refer to.
#[derive(Debug, Clone)]
pub struct Side {
    /// Its runs.
    pub runs: Vec<Profile>,
    /// The catalog of the first.
    pub rows: Rows,
}

/// What became of something from A to B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Every run of A has it, none of B.
    Gone,
    /// Every run of B has it, none of A.
    New,
    /// Both have it; every run of B more rarely than any of A.
    Less,
    /// Both have it; every run of B more often than any of A.
    More,
    /// It differs, and may do so by chance.
    Chance,
}

/// How often, over the runs of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Span {
    /// In the run with fewest.
    pub min: u64,
    /// In the run with most.
    pub max: u64,
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.min == self.max { f.pad(&self.min.to_string()) } else { f.pad(&format!("{}–{}", self.min, self.max)) }
    }
}

impl Span {
    fn over(numbers: impl Iterator<Item = u64>) -> Span {
        numbers
            .fold(None, |span: Option<Span>, n| {
                Some(span.map_or(Span { min: n, max: n }, |s| Span { min: s.min.min(n), max: s.max.max(n) }))
            })
            .unwrap_or_default()
    }
}

/// How often in a step of the scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepChange {
    /// The mark; empty for what came before the first.
    pub step: String,
    /// On side A.
    pub a: Span,
    /// On side B.
    pub b: Span,
}

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What became of it.
    pub turn: Turn,
    /// What sort of thing.
    pub aspect: Aspect,
    /// Which way it went: `client_to_server`, `server_to_client`, or empty.
    pub direction: &'static str,
    /// Field id or rule.
    pub what: String,
    /// The observer, verdict, severity, value, or path of an unclassified value.
    pub detail: String,
    /// Of the field.
    pub sensitivity: &'static str,
    /// What the server learns by it.
    pub reveals: String,
    /// Who read it, on either side.
    pub observers: Vec<String>,
    /// How often on side A.
    pub a: Span,
    /// How often on side B.
    pub b: Span,
    /// How often in each step, where that differs.
    pub steps: Vec<StepChange>,
    /// Why it may not be so; empty when nothing speaks against it.
    pub doubt: String,
}

/// A run, as it is named in a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunName {
    /// Where it lies.
    pub name: String,
    /// What the evaluator called it.
    pub label: String,
    /// When it began.
    pub started: String,
    /// Messages, presences and IQs.
    pub stanzas: u64,
    /// Why it was not seen whole.
    pub partial: Vec<String>,
}

/// Two sides compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Version of this format.
    pub v: u32,
    /// Runs of side A.
    pub a: Vec<RunName>,
    /// Runs of side B.
    pub b: Vec<RunName>,
    /// What differs, the surest and most sensitive first.
    pub changes: Vec<Change>,
    /// What differs among the runs of one side, or may.
    pub chance: Vec<Change>,
    /// Values that differ from run to run, such as ids and times, which are only counted.
    pub varying_values: u64,
    /// What a reader should know before believing it.
    pub notes: Vec<String>,
}

/// Compares two sides.
pub fn compare(a: &Side, b: &Side) -> Comparison {
    let several = a.runs.len() > 1 && b.runs.len() > 1;
    let steps = steps(a, b);
    let things: BTreeSet<&Thing> = a.runs.iter().chain(&b.runs).flat_map(|run| run.things.keys()).collect();
    let counts = |side: &Side, thing: &Thing| -> Vec<u64> {
        side.runs.iter().map(|run| run.things.get(thing).map_or(0, |counts| counts.values().sum())).collect()
    };
    let turn_of = |thing: &Thing| turn(&counts(a, thing), &counts(b, thing), several);
    let mut comparison =
        Comparison { v: 1, a: names(a), b: names(b), changes: Vec::new(), chance: Vec::new(), varying_values: 0, notes: notes(a, b) };
    for thing in things {
        let Some(turn) = turn_of(thing) else { continue };
        let row = a.rows.get(&thing.what).or_else(|| b.rows.get(&thing.what));
        // What is true of the field need not be said again of each observer and value.
        let follows = || {
            let field = Thing { aspect: Aspect::Field, detail: String::new(), ..thing.clone() };
            thing.what != UNCLASSIFIED && turn_of(&field).is_some_and(|whole| matches!(whole, Turn::Gone | Turn::New) || whole == turn)
        };
        match thing.aspect {
            Aspect::Value if turn == Turn::Chance || !several && !is_stable(&thing.detail, row) => {
                comparison.varying_values += 1;
                continue;
            }
            // How often a value occurs follows from how often its field does.
            Aspect::Value if matches!(turn, Turn::Less | Turn::More) => continue,
            Aspect::Observer if !matches!(turn, Turn::Gone | Turn::New) => continue,
            Aspect::Value | Aspect::Observer if follows() => continue,
            _ => {}
        }
        let change = change(a, b, thing, turn, row, &steps);
        if turn == Turn::Chance { comparison.chance.push(change) } else { comparison.changes.push(change) }
    }
    let rank = |change: &Change| {
        let sent = match change.direction {
            "client_to_server" => 0,
            "server_to_client" => 2,
            _ => 1,
        };
        let worst = ["critical", "high", "medium", "low"].iter().position(|word| *word == change.sensitivity).unwrap_or(4);
        (change.turn > Turn::New, change.aspect, sent, change.turn, worst, change.what.clone(), change.detail.clone())
    };
    comparison.changes.sort_by_key(rank);
    comparison.chance.sort_by_key(rank);
    comparison
}

/// What became of something that was counted so in each run. `None` when nothing did.
fn turn(a: &[u64], b: &[u64], several: bool) -> Option<Turn> {
    let all = |counts: &[u64]| counts.iter().all(|count| *count > 0);
    let none = |counts: &[u64]| counts.iter().all(|count| *count == 0);
    let (spread_a, spread_b) = (Span::over(a.iter().copied()), Span::over(b.iter().copied()));
    if all(a) && none(b) {
        Some(Turn::Gone)
    } else if none(a) && all(b) {
        Some(Turn::New)
    } else if spread_a == spread_b && spread_a.min == spread_a.max {
        None
    } else if several && all(a) && all(b) && spread_b.max < spread_a.min {
        Some(Turn::Less)
    } else if several && all(a) && all(b) && spread_b.min > spread_a.max {
        Some(Turn::More)
    } else {
        Some(Turn::Chance)
    }
}

/// Whether a value says the same in every recording: a word of the protocol, or what a client says of itself.
fn is_stable(value: &str, row: Option<&Row>) -> bool {
    let software = row.is_some_and(|row| row.category == Category::Software);
    software || is_protocol_word(value) || is_protocol_namespace(value)
}

fn change(a: &Side, b: &Side, thing: &Thing, turn: Turn, row: Option<&Row>, steps: &[String]) -> Change {
    let none = Counts::new();
    let span =
        |side: &Side, count: &dyn Fn(&Counts) -> u64| Span::over(side.runs.iter().map(|run| count(run.things.get(thing).unwrap_or(&none))));
    let total = |counts: &Counts| counts.values().sum();
    let by_step = steps.iter().filter_map(|step| {
        let count = |counts: &Counts| counts.get(step).copied().unwrap_or(0);
        let (a, b) = (span(a, &count), span(b, &count));
        (a != b).then(|| StepChange { step: step.clone(), a, b })
    });
    let is_observer = |other: &&Thing| other.aspect == Aspect::Observer && other.what == thing.what && other.direction == thing.direction;
    let observers: BTreeSet<String> = match thing.aspect {
        Aspect::Field if thing.what != UNCLASSIFIED => {
            a.runs.iter().chain(&b.runs).flat_map(|run| run.things.keys()).filter(is_observer).map(|other| other.detail.clone()).collect()
        }
        _ => BTreeSet::new(),
    };
    Change {
        turn,
        aspect: thing.aspect,
        direction: thing.direction,
        what: thing.what.clone(),
        detail: thing.detail.clone(),
        sensitivity: row.map_or("", |row| row.sensitivity.name()),
        reveals: match thing.aspect {
            Aspect::Finding => crate::rules::by_id(&thing.what).map(|rule| rule.title.to_owned()).unwrap_or_default(),
            _ => row.map(|row| row.reveals.clone()).unwrap_or_default(),
        },
        observers: observers.into_iter().collect(),
        a: span(a, &total),
        b: span(b, &total),
        steps: by_step.collect(),
        doubt: doubt(a, b, thing, turn),
    }
}

/// Why the absence of something may not mean that it was not there.
fn doubt(a: &Side, b: &Side, thing: &Thing, turn: Turn) -> String {
    let (absent, name) = match turn {
        Turn::Gone => (b, "B"),
        Turn::New => (a, "A"),
        _ => return String::new(),
    };
    let of_catalog = matches!(thing.aspect, Aspect::Field | Aspect::Observer | Aspect::Value) && thing.what != UNCLASSIFIED;
    if of_catalog && absent.rows.get(&thing.what).is_none() {
        format!("the catalog of {name} has no such field")
    } else if absent.runs.iter().any(|run| !run.partial.is_empty()) {
        format!("{name} was not seen whole")
    } else {
        String::new()
    }
}

fn names(side: &Side) -> Vec<RunName> {
    let name = |run: &Profile| RunName {
        name: run.name.clone(),
        label: run.info.label.clone(),
        started: run.info.started.clone(),
        stanzas: run.stanzas,
        partial: run.partial.clone(),
    };
    side.runs.iter().map(name).collect()
}

fn notes(a: &Side, b: &Side) -> Vec<String> {
    let mut notes = Vec::new();
    if a.runs.len() == 1 || b.runs.len() == 1 {
        notes.push(
            "One run on a side: what differs by chance cannot be told apart. Record the scenario two or three times a side, and give them with --a and --b.".into(),
        );
    }
    for (name, side) in [("A", a), ("B", b)] {
        let partial = side.runs.iter().filter(|run| !run.partial.is_empty()).count();
        if partial > 0 {
            notes.push(format!(
                "{partial} of {} runs of {name} were not seen whole: what seems to be missing there may have been there.",
                side.runs.len()
            ));
        }
    }
    let fields = |side: &Side| side.rows.iter().map(|row| row.id.clone()).collect::<BTreeSet<String>>();
    if fields(a) != fields(b) {
        notes.push(
            "The sides were recorded with different catalogs: a field that only one of them knows is no difference of the clients.".into(),
        );
    }
    let marked = |side: &Side| -> BTreeSet<String> { side.runs.iter().flat_map(|run| run.steps.iter().skip(1).cloned()).collect() };
    let (ours, theirs) = (marked(a), marked(b));
    for (name, only) in [("A", ours.difference(&theirs)), ("B", theirs.difference(&ours))] {
        let only: Vec<&str> = only.map(String::as_str).collect();
        if !only.is_empty() {
            notes.push(format!("Steps that only {name} has: {}.", only.join(", ")));
        }
    }
    notes
}

/// The steps of both sides: those of A in their order, then what only B has.
fn steps(a: &Side, b: &Side) -> Vec<String> {
    let mut steps = vec![BEFORE_THE_FIRST_MARK.to_owned()];
    for step in a.runs.iter().chain(&b.runs).flat_map(|run| &run.steps) {
        if !steps.contains(step) {
            steps.push(step.clone());
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_held_against_each_other() {
        for (a, b, expected) in [
            (&[1][..], &[0][..], Some(Turn::Gone)),
            (&[0], &[2], Some(Turn::New)),
            (&[2], &[2], None),
            (&[2], &[3], Some(Turn::Chance)),
            (&[2, 2], &[2, 2], None),
            (&[5, 6], &[2, 3], Some(Turn::Less)),
            (&[2, 3], &[5, 6], Some(Turn::More)),
            (&[2, 5], &[4, 6], Some(Turn::Chance)),
            (&[1, 0], &[0, 0], Some(Turn::Chance)),
            (&[1, 1], &[0, 1], Some(Turn::Chance)),
            (&[1, 1], &[0, 0], Some(Turn::Gone)),
        ] {
            assert_eq!(turn(a, b, a.len() > 1 && b.len() > 1), expected, "{a:?} {b:?}");
        }
    }
}
