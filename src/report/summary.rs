//! A run in numbers and names: one pass over its records.

use std::collections::BTreeMap;
use std::io::BufRead;

use super::coverage::Coverage;
use super::people::People;
use super::read::{self, Exposure, Head, ReadBody, ReadError, ReadStanza};
use super::run::RunInfo;
use super::seen::{Cell, FieldSeen, FindingSeen, InterventionSeen};
use super::talks::Talks;
use crate::catalog::rows::Rows;
use crate::catalog::{Layer, Pattern};
use crate::record::exposure::UNCLASSIFIED;
use crate::record::{Finding, SearchFacts};

/// Rules, actions and marks that are told apart; a log can name any number.
const MAX_KEYS: usize = 4096;

/// What a run showed.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// The run's manifest, as far as there is one.
    pub run: RunInfo,
    /// Values by layer and pattern, copies left out.
    pub matrix: BTreeMap<(Layer, Pattern), Cell>,
    /// Fields that were seen, by id.
    pub fields: BTreeMap<String, FieldSeen>,
    /// Names that were seen.
    pub people: People,
    /// Verdicts by conversation.
    pub talks: Talks,
    /// Findings, by rule.
    pub findings: BTreeMap<(String, String), FindingSeen>,
    /// Interventions, by action.
    pub interventions: BTreeMap<String, InterventionSeen>,
    /// Steps of the scenario.
    pub marks: Vec<String>,
    /// What was seen, and what not.
    pub coverage: Coverage,
    /// What the search for canaries came to.
    pub canary_search: Option<SearchFacts>,
}

impl Summary {
    /// Reads records, with the catalog they refer to.
    ///
    /// # Errors
    /// Failures of reading, and input that is no record log. A log that was cut off is no error; [`Summary::partial`] says so.
    pub fn read(records: &mut dyn BufRead, rows: &Rows, run: RunInfo) -> Result<Summary, ReadError> {
        let mut summary = Summary::default();
        run.accounts.iter().for_each(|account| summary.people.add_own(account));
        summary.run = run;
        summary.coverage.damage = read::each(records, |head, body| summary.take(rows, head, body))?;
        Ok(summary)
    }

    /// Findings, the worst first; points in the client's favour when `in_favour`.
    pub fn ranked_findings(&self, in_favour: bool) -> Vec<&FindingSeen> {
        let mut findings: Vec<&FindingSeen> = self.findings.values().filter(|seen| seen.in_favour() == in_favour).collect();
        findings.sort_by(|a, b| b.rank().cmp(&a.rank()).then(a.finding.rule.cmp(&b.finding.rule)));
        findings
    }

    /// Why the run was not seen whole, by its records and its manifest; empty when nothing is known to be missing.
    pub fn partial(&self) -> Vec<String> {
        let mut reasons = self.coverage.partial();
        if !self.run.log_failure.is_empty() {
            reasons.push(format!("the log could not be written: {}", self.run.log_failure));
        }
        reasons
    }

    fn take(&mut self, rows: &Rows, head: &Head<'_>, body: ReadBody<'_>) {
        self.coverage.records += 1;
        head.ts.iter().for_each(|ts| self.coverage.at(ts));
        // Marks and gaps of the log itself belong to no client's session.
        if !matches!(body, ReadBody::Mark(_) | ReadBody::Gap(_) | ReadBody::Assessment(_) | ReadBody::Other) {
            self.coverage.in_session(&head.session);
        }
        match body {
            ReadBody::Stanza(stanza) => self.stanza(rows, &stanza),
            ReadBody::Transport(transport) => self.exposures(rows, &transport.exposures),
            ReadBody::Keepalive => self.coverage.keepalives += 1,
            ReadBody::Session(event) => {
                event.account.iter().for_each(|account| self.people.add_own(account));
                self.coverage.session(&head.session, &event);
            }
            ReadBody::Gap(gap) => self.coverage.gap(&gap),
            ReadBody::Intervention(intervention) => {
                if self.interventions.len() < MAX_KEYS || self.interventions.contains_key(&*intervention.action) {
                    let action = intervention.action.to_string();
                    self.interventions.entry(action).or_insert_with(|| InterventionSeen::new(&intervention)).add(&intervention);
                }
            }
            ReadBody::Finding(finding) => self.finding(&head.session, finding),
            ReadBody::Mark(mark) if self.marks.len() < MAX_KEYS => self.marks.push(mark.label),
            ReadBody::Assessment(assessment) => match &assessment.conversation {
                Some(with) => self.talks.assess(with, &assessment),
                None => self.canary_search = assessment.search,
            },
            ReadBody::Mark(_) | ReadBody::Other => {}
        }
    }

    fn stanza(&mut self, rows: &Rows, stanza: &ReadStanza<'_>) {
        self.coverage.frame(stanza);
        self.exposures(rows, &stanza.exposures);
        if let Some(verdict) = &stanza.verdict {
            // What is merely forwarded or echoed stands beside content of its own.
            let copy = |via: &str| matches!(via, "carbon_sent" | "carbon_received" | "archive" | "history");
            let copy = stanza.exposures.iter().any(|exposure| exposure.via.as_deref().is_some_and(copy));
            self.talks.add(stanza.conversation.as_deref().unwrap_or("(no address)"), stanza.direction, copy, verdict);
        }
    }

    fn exposures(&mut self, rows: &Rows, exposures: &[Exposure<'_>]) {
        for exposure in exposures {
            let copy = exposure.via.is_some();
            self.coverage.copies += u64::from(copy);
            let Some(row) = rows.get(&exposure.field) else {
                match &*exposure.field {
                    UNCLASSIFIED => self.coverage.unclassified(exposure.path.as_deref().unwrap_or("")),
                    _ => self.coverage.foreign += 1,
                }
                continue;
            };
            self.coverage.claimed(row);
            let seen = match self.fields.get_mut(&*exposure.field) {
                Some(seen) => seen,
                None => self.fields.entry(row.id.clone()).or_insert_with(|| FieldSeen::new(row)),
            };
            if copy {
                seen.copies += 1;
                continue;
            }
            seen.add(exposure);
            let cell = self.matrix.entry((row.layer, row.pattern)).or_default();
            cell.values += 1;
            cell.worst = cell.worst.max(Some(row.sensitivity));
            self.people.look(row, exposure);
        }
    }

    fn finding(&mut self, session: &str, finding: Finding) {
        let key = (finding.rule.to_string(), finding.severity.to_string());
        if self.findings.len() < MAX_KEYS || self.findings.contains_key(&key) {
            let evidence = finding.evidence.clone();
            self.findings.entry(key).or_insert_with(|| FindingSeen::new(finding)).add(session, &evidence);
        }
    }
}
