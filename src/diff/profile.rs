//! What one run exposes, counted: by field, value, observer, verdict and rule, and by step of the scenario.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Serialize;

use crate::catalog::rows::Rows;
use crate::record::exposure::UNCLASSIFIED;
use crate::report::read::{self, Exposure, ReadBody, ReadError};
use crate::report::{RunInfo, Summary};
use crate::xmpp::Direction;

/// What sort of thing is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// A field was exposed. Detail: the path of an unclassified value.
    Field,
    /// A field was exposed to an observer, who is the detail.
    Observer,
    /// A message got a verdict, which is the detail.
    Verdict,
    /// A rule found something. Detail: its severity.
    Finding,
    /// A field had a value, which is the detail.
    Value,
}

/// Something that is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// What sort.
    pub aspect: Aspect,
    /// Which way it went: `client_to_server`, `server_to_client`, or empty.
    pub direction: &'static str,
    /// Field id or rule.
    pub what: String,
    /// See [`Aspect`].
    pub detail: String,
}

/// How often, by step.
pub type Counts = BTreeMap<String, u64>;

/// The part of a run before its first mark.
pub const BEFORE_THE_FIRST_MARK: &str = "";

/// What a run exposes.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Where it was read from.
    pub name: String,
    /// Its manifest.
    pub info: RunInfo,
    /// Why it was not seen whole; empty when nothing is known to be missing.
    pub partial: Vec<String>,
    /// Its steps, in order.
    pub steps: Vec<String>,
    /// Messages, presences and IQs.
    pub stanzas: u64,
    /// What was counted.
    pub things: BTreeMap<Thing, Counts>,
    /// Fields with too many different values to compare them.
    pub endless: u64,
}

/// Values of a field that are told apart; ids and times soon have more.
const MAX_VALUES: usize = 64;
/// Bytes of a value that is compared.
const MAX_BYTES: usize = 200;
/// Things that are told apart; a log can name any number of paths.
const MAX_THINGS: usize = 1 << 17;

impl Profile {
    /// Reads a run. `name` is what it is called.
    ///
    /// # Errors
    /// Failures of reading; input that is no record log.
    pub fn read(records: &mut dyn BufRead, rows: &Rows, info: RunInfo, name: &str) -> Result<Profile, ReadError> {
        let mut profile = Profile { name: name.to_owned(), steps: vec![BEFORE_THE_FIRST_MARK.to_owned()], ..Profile::default() };
        let mut values: BTreeMap<(String, &'static str), usize> = BTreeMap::new();
        let mut summary = Summary { run: info, ..Summary::default() };
        let damage = read::each(records, |head, body| {
            summary.coverage.take(head, &body);
            profile.take(rows, &mut values, body);
        })?;
        summary.coverage.damage = damage;
        profile.partial = summary.partial();
        profile.stanzas = summary.coverage.stanza_count();
        profile.info = summary.run;
        profile.endless = values.values().filter(|count| **count > MAX_VALUES).count() as u64;
        profile.things.retain(|thing, _| {
            thing.aspect != Aspect::Value || values.get(&(thing.what.clone(), thing.direction)).is_none_or(|count| *count <= MAX_VALUES)
        });
        Ok(profile)
    }

    fn take(&mut self, rows: &Rows, values: &mut BTreeMap<(String, &'static str), usize>, body: ReadBody<'_>) {
        match body {
            ReadBody::Stanza(stanza) => {
                let direction = stanza.direction.map_or("", Direction::name);
                let observers: Vec<&str> = stanza.observers.iter().map(|observer| &**observer).collect();
                self.exposures(rows, values, direction, &observers, &stanza.exposures);
                let copy = |via: &str| matches!(via, "carbon_sent" | "carbon_received" | "archive" | "history");
                let copy = stanza.exposures.iter().any(|exposure| exposure.via.as_deref().is_some_and(copy));
                if let Some(verdict) = stanza.verdict.as_ref().filter(|_| !copy) {
                    let detail = [&*verdict.body, verdict.level.as_deref().unwrap_or("")].join(" ").trim_end().to_owned();
                    self.count(Aspect::Verdict, direction, "verdict", &detail);
                }
            }
            ReadBody::Transport(transport) => self.exposures(rows, values, "", &[], &transport.exposures),
            ReadBody::Finding(finding) => {
                let accepted = if finding.accepted.is_some() { ", accepted" } else { "" };
                let favour = if finding.favour == "for" { ", in the client's favour" } else { "" };
                self.count(Aspect::Finding, "", &finding.rule, &format!("{}{favour}{accepted}", finding.severity));
            }
            ReadBody::Mark(mark) => {
                self.steps.retain(|step| *step != mark.label);
                self.steps.push(mark.label);
            }
            _ => {}
        }
    }

    fn exposures(
        &mut self,
        rows: &Rows,
        values: &mut BTreeMap<(String, &'static str), usize>,
        direction: &'static str,
        observers: &[&str],
        exposures: &[Exposure<'_>],
    ) {
        for exposure in exposures.iter().filter(|exposure| exposure.via.is_none()) {
            // Rows that restate the envelope are in no line; those that are show something.
            let path = if exposure.field == UNCLASSIFIED { exposure.path.as_deref().unwrap_or("") } else { "" };
            self.count(Aspect::Field, direction, &exposure.field, path);
            for observer in observers {
                self.count(Aspect::Observer, direction, &exposure.field, observer);
            }
            let hidden = exposure.typed.as_ref().is_some_and(|typed| typed.class.is_some());
            let comparable = rows.get(&exposure.field).is_some() && !hidden && exposure.value.len() <= MAX_BYTES;
            if comparable {
                let seen = values.entry((exposure.field.to_string(), direction)).or_default();
                if *seen <= MAX_VALUES && self.count(Aspect::Value, direction, &exposure.field, &exposure.value) {
                    *seen += 1;
                }
            }
        }
    }

    /// Counts a thing in the current step. Whether it was new.
    fn count(&mut self, aspect: Aspect, direction: &'static str, what: &str, detail: &str) -> bool {
        let step = self.steps.last().map_or(BEFORE_THE_FIRST_MARK, String::as_str);
        let thing = Thing { aspect, direction, what: what.to_owned(), detail: detail.to_owned() };
        let full = self.things.len() >= MAX_THINGS;
        match self.things.get_mut(&thing) {
            Some(counts) => {
                match counts.get_mut(step) {
                    Some(count) => *count += 1,
                    None => _ = counts.insert(step.to_owned(), 1),
                }
                false
            }
            None if !full => {
                self.things.insert(thing, Counts::from([(step.to_owned(), 1)]));
                true
            }
            None => false,
        }
    }
}
