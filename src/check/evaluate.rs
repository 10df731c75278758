//! Holds the records of a run against expectations: one pass, whatever their number.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use super::expect::{Claim, Expectation, matches, verdict_rank};
use crate::catalog::Sensitivity;
use crate::catalog::rows::{Row, Rows};
use crate::record::exposure::UNCLASSIFIED;
use crate::record::{Assessment, Finding, SEVERITIES};
use crate::report::RunInfo;
use crate::report::coverage::Coverage;
use crate::report::people::People;
use crate::report::read::{self, Exposure, Head, ReadBody, ReadError, ReadStanza};
use crate::rules::Choice;
use crate::xmpp::Direction;

/// Places of evidence that are kept.
const MAX_EVIDENCE: usize = 5;

/// How an expectation fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// Nobody can tell. That is no pass.
    NotChecked,
}

/// What became of one expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was expected.
    pub text: String,
    /// Line of the session file; none for the findings of `--fail-on`.
    pub line: Option<usize>,
    /// Why it was expected, in the evaluator's words.
    pub because: String,
    /// How it fared.
    pub status: Status,
    /// What was seen.
    pub seen: String,
    /// Session and `seq` of the first records it rests on.
    pub evidence: Vec<(String, u64)>,
}

/// A run that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// One for each expectation, in order, then one for `--fail-on`.
    pub outcomes: Vec<Outcome>,
    /// Why the run was not seen whole.
    pub partial: Vec<String>,
}

impl Checked {
    /// Whether everything was checked and holds.
    pub fn passed(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.status == Status::Passed)
    }
}

/// What there is to check.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The expectations.
    pub expectations: &'a [Expectation],
    /// Findings that are accepted, and rules that are off, beyond what the records say.
    pub choice: &'a Choice,
    /// The least severity of a finding that fails.
    pub fail_on: Option<&'a str>,
    /// Whether a run that was not seen whole is judged by what was seen of it.
    pub accept_gaps: bool,
}

/// Checks a run.
///
/// # Errors
/// Failures of reading; input that is no record log.
pub fn check(records: &mut dyn BufRead, rows: &Rows, info: &RunInfo, plan: Plan<'_>) -> Result<Checked, ReadError> {
    let mut tests: Vec<Test<'_>> = plan.expectations.iter().map(|expectation| Test::new(expectation, info)).collect();
    let mut coverage = Coverage::default();
    let mut findings = Findings { fail_on: plan.fail_on, seen: Seen::default() };
    let mut step = String::new();
    let mut steps = BTreeSet::new();
    coverage.damage = read::each(records, |head, body| {
        coverage.take(head, &body);
        if let ReadBody::Finding(finding) = &body {
            let excused = finding.accepted.is_some()
                || finding.favour == "for"
                || plan.choice.is_off(&finding.rule)
                || plan.choice.accepts(&finding.rule, finding.about.as_deref()).is_some();
            if excused {
                return;
            }
            findings.take(head, finding);
        }
        for test in &mut tests {
            test.take(rows, head, &body, &step);
        }
        if let ReadBody::Mark(mark) = body {
            step = mark.label;
            steps.insert(step.clone());
        }
    })?;
    let mut partial = coverage.partial();
    if !info.log_failure.is_empty() {
        partial.push(format!("the log could not be written: {}", info.log_failure));
    }
    let whole = partial.is_empty() || plan.accept_gaps;
    let mut outcomes: Vec<Outcome> = tests.into_iter().map(|test| test.outcome(whole, &steps)).collect();
    outcomes.extend(findings.outcome(whole));
    Ok(Checked { outcomes, partial })
}

/// What speaks for or against an expectation.
#[derive(Debug, Default)]
struct Seen {
    count: u64,
    /// The different things, a few of them.
    things: BTreeSet<String>,
    evidence: Vec<(String, u64)>,
}

impl Seen {
    fn add(&mut self, head: &Head<'_>, thing: &str) {
        self.add_at(&head.session, head.seq, thing);
    }

    fn add_at(&mut self, session: &str, seq: u64, thing: &str) {
        self.count += 1;
        if self.things.len() < 64 && !self.things.contains(thing) {
            self.things.insert(thing.to_owned());
        }
        let place = (session.to_owned(), seq);
        if self.evidence.len() < MAX_EVIDENCE && self.evidence.last() != Some(&place) {
            self.evidence.push(place);
        }
    }

    fn listed(&self) -> String {
        let first: Vec<&str> = self.things.iter().take(MAX_EVIDENCE).map(String::as_str).collect();
        let more = self.things.len().saturating_sub(first.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", first.join(", "))
    }
}

/// An expectation under test.
struct Test<'a> {
    expectation: &'a Expectation,
    /// What is against it; for `has_field`, what is for it.
    seen: Seen,
    /// Fields of `has_field` that were seen.
    found: BTreeSet<String>,
    /// Values that cannot be rated, because no row claims them.
    unrated: Seen,
    /// Messages with a verdict.
    judged: u64,
    /// Opaque messages whose own level is too low, by session and `seq`, with conversation and verdict: the end of the run may raise them.
    pending: BTreeMap<(String, u64), (String, String)>,
    /// Copies with a verdict, which decide when there is nothing else.
    judged_copies: u64,
    copies: Seen,
    people: People,
}

impl<'a> Test<'a> {
    fn new(expectation: &'a Expectation, info: &RunInfo) -> Test<'a> {
        let mut people = People::default();
        info.accounts.iter().for_each(|account| people.add_own(account));
        Test {
            expectation,
            seen: Seen::default(),
            found: BTreeSet::new(),
            unrated: Seen::default(),
            judged: 0,
            judged_copies: 0,
            pending: BTreeMap::new(),
            copies: Seen::default(),
            people,
        }
    }

    fn take(&mut self, rows: &Rows, head: &Head<'_>, body: &ReadBody<'_>, step: &str) {
        if let (Claim::MaxContacts(_), ReadBody::Session(event)) = (&self.expectation.claim, body) {
            event.account.iter().for_each(|account| self.people.add_own(account));
        }
        if let ReadBody::Assessment(assessment) = body {
            self.raise(assessment);
        }
        if self.expectation.step.as_deref().is_some_and(|only| only != step) {
            return;
        }
        let wanted = |direction: Option<Direction>| self.expectation.direction.is_none_or(|only| direction == Some(only));
        match body {
            ReadBody::Stanza(stanza) if wanted(stanza.direction) => {
                self.verdict(head, stanza);
                self.exposures(rows, head, Some(stanza), &stanza.exposures);
            }
            ReadBody::Transport(transport) if wanted(transport.direction) => self.exposures(rows, head, None, &transport.exposures),
            ReadBody::Finding(finding) => {
                if let Claim::NoFinding(names) = &self.expectation.claim
                    && names.iter().any(|name| matches(name, &finding.rule))
                    && !self.expectation.except.iter().any(|name| matches(name, &finding.rule))
                {
                    self.seen.add(head, &finding.rule);
                }
            }
            _ => {}
        }
    }

    fn verdict(&mut self, head: &Head<'_>, stanza: &ReadStanza<'_>) {
        let (Claim::VerdictAtLeast(least), Some(verdict)) = (&self.expectation.claim, &stanza.verdict) else { return };
        let with = stanza.conversation.as_deref().unwrap_or("");
        if self.expectation.conversation.as_deref().is_some_and(|only| only != with) {
            return;
        }
        let copy = |via: &str| matches!(via, "carbon_sent" | "carbon_received" | "archive" | "history");
        let copy = stanza.exposures.iter().any(|exposure| exposure.via.as_deref().is_some_and(copy));
        // Without a level, an opaque body has the first.
        let level = verdict.level.as_deref().or((verdict.body == "OPAQUE").then_some("E1"));
        let worse = verdict_rank(&verdict.body, level) < *least;
        let shown = [&*verdict.body, verdict.level.as_deref().unwrap_or("")].join(" ").trim_end().to_owned();
        let (judged, seen) = if copy { (&mut self.judged_copies, &mut self.copies) } else { (&mut self.judged, &mut self.seen) };
        *judged += 1;
        if worse && !copy && verdict.body == "OPAQUE" {
            self.pending.insert((head.session.to_string(), head.seq), (with.to_owned(), shown));
        } else if worse {
            seen.add(head, &shown);
        }
    }

    /// What is known once everything was seen.
    fn raise(&mut self, assessment: &Assessment) {
        let Claim::VerdictAtLeast(least) = self.expectation.claim else { return };
        let enough = |level: &str| verdict_rank("OPAQUE", Some(level)) >= least;
        if let (Some(with), Some(level)) = (&assessment.conversation, &assessment.level)
            && enough(level)
        {
            self.pending.retain(|_, (conversation, _)| conversation != with);
        }
        for raised in assessment.raised.iter().filter(|raised| enough(&raised.level)) {
            self.pending.remove(&(raised.session.clone(), raised.seq));
        }
    }

    fn exposures(&mut self, rows: &Rows, head: &Head<'_>, stanza: Option<&ReadStanza<'_>>, exposures: &[Exposure<'_>]) {
        for exposure in exposures.iter().filter(|exposure| exposure.via.is_none()) {
            let row = rows.get(&exposure.field);
            let only = self.expectation;
            if only.layer.is_some_and(|layer| row.is_none_or(|row| row.layer != layer))
                || only.except.iter().any(|name| matches(name, &exposure.field))
                || only.value.as_deref().is_some_and(|value| value != exposure.value)
            {
                continue;
            }
            self.exposure(head, stanza, exposure, row);
        }
    }

    fn exposure(&mut self, head: &Head<'_>, stanza: Option<&ReadStanza<'_>>, exposure: &Exposure<'_>, row: Option<&Row>) {
        let field = &*exposure.field;
        let fits = |names: &[String]| names.iter().any(|name| matches(name, field));
        match &self.expectation.claim {
            Claim::NoField(names) if fits(names) => self.seen.add(head, field),
            Claim::HasField(names) => {
                for name in names.iter().filter(|name| matches(name, field)) {
                    self.seen.add(head, field);
                    self.found.insert(name.clone());
                }
            }
            Claim::OnlyFields(names) if !fits(names) => self.seen.add(head, field),
            Claim::MaxSensitivity(most) => match row {
                Some(row) if row.sensitivity > *most => self.seen.add(head, field),
                Some(_) => {}
                None => self.unrated.add(head, exposure.path.as_deref().unwrap_or(field)),
            },
            Claim::Observers(limits) => {
                let observers = stanza.map(|stanza| stanza.observers.as_slice()).unwrap_or_default();
                for (observer, most) in limits.iter().filter(|(observer, _)| observers.iter().any(|name| name == observer.name())) {
                    match (most, row) {
                        (None, _) => self.seen.add(head, &format!("{observer}: {field}")),
                        (Some(most), Some(row)) if row.sensitivity > *most => self.seen.add(head, &format!("{observer}: {field}")),
                        (Some(_), Some(_)) => {}
                        (Some(_), None) => self.unrated.add(head, exposure.path.as_deref().unwrap_or(field)),
                    }
                }
            }
            Claim::MaxUnclassified(_) if field == UNCLASSIFIED || row.is_none() => {
                self.seen.add(head, exposure.path.as_deref().unwrap_or(field));
            }
            Claim::MaxDevices(_) | Claim::MaxResources(_) | Claim::MaxContacts(_) | Claim::MaxRooms(_) => {
                if let Some(row) = row {
                    self.people.look(row, exposure);
                }
            }
            _ => {}
        }
    }

    fn outcome(mut self, whole: bool, steps: &BTreeSet<String>) -> Outcome {
        for ((session, seq), (_, shown)) in std::mem::take(&mut self.pending) {
            self.seen.add_at(&session, seq, &shown);
        }
        let (status, seen) = self.judged(steps);
        // Something bad that was seen stays seen. Something bad that was not seen may be in what is missing; so may something good.
        let good_is_what_was_seen = matches!(self.expectation.claim, Claim::HasField(_));
        let (status, seen) = match (status, whole) {
            (Status::Passed, false) if !good_is_what_was_seen => (Status::NotChecked, format!("the run was not seen whole; {seen}")),
            (Status::Failed, false) if good_is_what_was_seen => (Status::NotChecked, format!("the run was not seen whole; {seen}")),
            (status, _) => (status, seen),
        };
        let evidence = match (&self.expectation.claim, self.seen.evidence.is_empty()) {
            (_, false) => self.seen.evidence,
            (Claim::VerdictAtLeast(_), true) => self.copies.evidence,
            _ => self.unrated.evidence,
        };
        Outcome {
            text: self.expectation.text.clone(),
            line: Some(self.expectation.line),
            because: self.expectation.because.clone(),
            status,
            seen,
            evidence,
        }
    }

    fn judged(&self, steps: &BTreeSet<String>) -> (Status, String) {
        let against = &self.seen;
        if let Some(step) = self.expectation.step.as_deref().filter(|step| !steps.contains(*step)) {
            return (Status::NotChecked, format!("no step of the run is marked {step:?}"));
        }
        let limit = |what: &str, found: u64, most: u64, names: Vec<&str>| {
            let names: Vec<&str> = names.into_iter().take(MAX_EVIDENCE).collect();
            let listed = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
            (if found > most { Status::Failed } else { Status::Passed }, format!("{found} {what}{listed}"))
        };
        let len = |tally: &crate::report::tally::Tally| tally.len() as u64 + tally.overflow();
        match &self.expectation.claim {
            Claim::HasField(wanted) => {
                let missing: Vec<&str> = wanted.iter().filter(|name| !self.found.contains(*name)).map(String::as_str).collect();
                match missing.is_empty() {
                    true => (Status::Passed, format!("seen {} times", against.count)),
                    false => (Status::Failed, format!("not seen: {}", missing.join(", "))),
                }
            }
            Claim::VerdictAtLeast(_) => match (self.judged, self.judged_copies) {
                (0, 0) => (Status::NotChecked, "no message with content was seen".into()),
                (0, copies) => fared(&self.copies, copies, "copies of messages"),
                (messages, _) => fared(against, messages, "messages"),
            },
            Claim::MaxDevices(most) => limit("device ids", len(&self.people.devices), *most, ranked(&self.people.devices)),
            Claim::MaxResources(most) => limit("resources", len(&self.people.resources), *most, ranked(&self.people.resources)),
            Claim::MaxRooms(most) => limit("rooms", len(&self.people.rooms), *most, ranked(&self.people.rooms)),
            Claim::MaxContacts(most) => {
                let contacts = self.people.contacts();
                let found = contacts.len() as u64 + self.people.overflow();
                limit("contacts", found, *most, contacts.into_iter().map(|(name, _)| name).collect())
            }
            Claim::MaxUnclassified(most) => {
                let (status, seen) = limit("values that no row of the catalog claims", against.count, *most, Vec::new());
                (status, if against.count > 0 { format!("{seen}, at {}", against.listed()) } else { seen })
            }
            _ if against.count > 0 => (Status::Failed, format!("{} times: {}", against.count, against.listed())),
            _ if self.unrated.count > 0 => (
                Status::NotChecked,
                format!("{} values that no row of the catalog claims cannot be rated, at {}", self.unrated.count, self.unrated.listed()),
            ),
            _ => (Status::Passed, "none seen".into()),
        }
    }
}

/// How messages fared that were held against a verdict.
fn fared(worse: &Seen, all: u64, what: &str) -> (Status, String) {
    match worse.count {
        0 => (Status::Passed, format!("all {all} {what}")),
        count => (Status::Failed, format!("{count} of {all} {what} fall below: {}", worse.listed())),
    }
}

fn ranked(tally: &crate::report::tally::Tally) -> Vec<&str> {
    tally.ranked().into_iter().map(|(name, _)| name).collect()
}

/// Findings at or above `--fail-on`.
struct Findings<'a> {
    fail_on: Option<&'a str>,
    seen: Seen,
}

impl Findings<'_> {
    fn take(&mut self, head: &Head<'_>, finding: &Finding) {
        let rank = |severity: &str| SEVERITIES.iter().position(|known| *known == severity);
        // A severity this version does not know is taken for the worst.
        let severe = |least: &str| rank(&finding.severity).unwrap_or(SEVERITIES.len()) >= rank(least).unwrap_or(0);
        if self.fail_on.is_some_and(severe) {
            self.seen.add(head, &format!("{} ({})", finding.rule, finding.severity));
            if self.seen.count as usize <= MAX_EVIDENCE && !finding.evidence.is_empty() {
                let places = finding.evidence.iter().take(MAX_EVIDENCE).map(|seq| (head.session.to_string(), *seq));
                self.seen.evidence.pop();
                self.seen.evidence.extend(places);
                self.seen.evidence.truncate(MAX_EVIDENCE);
            }
        }
    }

    fn outcome(self, whole: bool) -> Option<Outcome> {
        let fail_on = self.fail_on?;
        let (status, seen) = match (self.seen.count, whole) {
            (0, true) => (Status::Passed, "none seen".to_owned()),
            (0, false) => (Status::NotChecked, "the run was not seen whole; none seen".to_owned()),
            (count, _) => (Status::Failed, format!("{count} findings: {}", self.seen.listed())),
        };
        let text = format!("no finding of severity {fail_on} or above that is not accepted");
        Some(Outcome { text, line: None, because: String::new(), status, seen, evidence: self.seen.evidence })
    }
}

/// The most that an observer was seen to read; for writing a plan.
pub(super) fn most(so_far: Option<Sensitivity>, row: Option<&Row>) -> Option<Sensitivity> {
    so_far.max(Some(row.map_or(Sensitivity::Critical, |row| row.sensitivity)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    /// A message of `E1`, and what the whole run came to.
    fn judged(least: &str, assessment: &str) -> Status {
        let records = format!(
            "{{\"v\":1,\"session\":\"a\",\"seq\":0,\"type\":\"stanza\",\"kind\":\"message\",\"conversation\":\"b@b.example\",\
             \"verdict\":{{\"body\":\"OPAQUE\",\"level\":\"E1\",\"rules\":[],\"because\":\"\"}}}}\n\
             {{\"v\":1,\"session\":\"run\",\"seq\":0,\"type\":\"assessment\",\"conversation\":\"b@b.example\",\"verdicts\":{{\"OPAQUE\":1}}{assessment}}}\n"
        );
        let expect: crate::check::Expect = toml::from_str(&format!("verdict_at_least = '{least}'")).unwrap();
        let expectations = [expect.understood(1).unwrap()];
        let choice = Choice::default();
        let plan = Plan { expectations: &expectations, choice: &choice, fail_on: None, accept_gaps: false };
        let rows = Rows::of(&Catalog::builtin());
        check(&mut records.as_bytes(), &rows, &RunInfo::default(), plan).unwrap().outcomes[0].status
    }

    #[test]
    fn the_end_of_a_run_can_raise_a_level() {
        for (least, assessment, expected) in [
            ("OPAQUE(E1)", "", Status::Passed),
            ("OPAQUE(E3)", "", Status::Failed),
            ("OPAQUE(E3)", ",\"level\":\"E3\"", Status::Passed),
            ("OPAQUE(E4)", ",\"level\":\"E3\"", Status::Failed),
            ("OPAQUE(E3)", ",\"raised\":[{\"session\":\"a\",\"seq\":0,\"level\":\"E4\",\"canaries\":[]}]", Status::Passed),
            ("OPAQUE(E3)", ",\"raised\":[{\"session\":\"a\",\"seq\":1,\"level\":\"E4\",\"canaries\":[]}]", Status::Failed),
        ] {
            assert_eq!(judged(least, assessment), expected, "{least} {assessment}");
        }
    }
}
