//! Findings by rule and severity, each with the cases it was made in.

use std::collections::BTreeMap;

use super::place::{Place, Sessions};
use crate::record::{Finding, SEVERITIES};

/// Rules that are told apart.
const MAX_FINDINGS: usize = 2048;
/// Cases that are kept per finding.
const MAX_CASES: usize = 6;
/// Records that are kept per case.
const MAX_EVIDENCE: usize = 5;

/// One time a rule spoke.
#[derive(Debug, Clone)]
pub struct Case {
    /// Session.
    pub session: String,
    /// Whom or what it is about.
    pub about: Option<String>,
    /// What was seen.
    pub fact: String,
    /// The records it rests on.
    pub evidence: Vec<Place>,
    /// Why the evaluator accepts it.
    pub accepted: Option<String>,
}

/// A rule that spoke, with one severity.
#[derive(Debug, Clone)]
pub struct FindingGroup {
    /// As first made.
    pub first: Finding,
    /// How often.
    pub count: u64,
    /// How often it was accepted.
    pub accepted: u64,
    /// The first few cases, different ones.
    pub cases: Vec<Case>,
}

impl FindingGroup {
    /// Severity as a number that grows; 0 for a severity that is not known.
    pub fn rank(&self) -> usize {
        SEVERITIES.iter().position(|severity| *severity == self.first.severity).map_or(0, |rank| rank + 1)
    }

    /// Whether it speaks for the client.
    pub fn in_favour(&self) -> bool {
        self.first.favour == "for"
    }

    /// Whether every case of it is accepted.
    pub fn is_accepted(&self) -> bool {
        self.accepted == self.count
    }
}

/// All findings.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    groups: BTreeMap<(String, String), FindingGroup>,
}

impl Findings {
    pub(super) fn add(&mut self, sessions: &mut Sessions, session: &str, finding: &Finding) {
        let key = (finding.rule.to_string(), finding.severity.to_string());
        if !self.groups.contains_key(&key) && self.groups.len() >= MAX_FINDINGS {
            return;
        }
        let number = sessions.number(session);
        let group =
            self.groups.entry(key).or_insert_with(|| FindingGroup { first: finding.clone(), count: 0, accepted: 0, cases: Vec::new() });
        group.count += 1;
        group.accepted += u64::from(finding.accepted.is_some());
        if group.cases.len() < MAX_CASES {
            let evidence = finding.evidence.iter().take(MAX_EVIDENCE);
            let evidence = evidence.filter_map(|record| Some(Place { session: number?, number: *record })).collect();
            group.cases.push(Case {
                session: session.to_owned(),
                about: finding.about.clone(),
                fact: finding.fact.clone(),
                evidence,
                accepted: finding.accepted.clone(),
            });
        }
    }

    /// Against the client, the worst first; accepted ones last.
    pub fn against(&self) -> Vec<&FindingGroup> {
        let mut groups: Vec<&FindingGroup> = self.groups.values().filter(|group| !group.in_favour()).collect();
        groups.sort_by(|a, b| {
            let first = |group: &FindingGroup| (group.is_accepted(), std::cmp::Reverse(group.rank()));
            first(a).cmp(&first(b)).then(a.first.rule.cmp(&b.first.rule))
        });
        groups
    }

    /// In the client's favour.
    pub fn in_favour(&self) -> Vec<&FindingGroup> {
        self.groups.values().filter(|group| group.in_favour()).collect()
    }

    /// A rule's finding, of any severity.
    pub fn by_rule(&self, rule: &str) -> Option<&FindingGroup> {
        self.groups.values().find(|group| group.first.rule == rule)
    }
}
