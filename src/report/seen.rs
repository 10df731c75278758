//! Things that were seen, as often as they were.

use std::collections::BTreeMap;

use super::read::Exposure;
use super::tally::Tally;
use crate::catalog::Sensitivity;
use crate::catalog::rows::Row;
use crate::record::{Finding, Intervention, SEVERITIES};

/// Records of evidence that are kept per finding.
const MAX_EVIDENCE: usize = 5;
/// Classes of left-out values that are told apart.
const MAX_CLASSES: usize = 64;

/// Values of one layer in one pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cell {
    /// How many were read.
    pub values: u64,
    /// The most sensitive of them.
    pub worst: Option<Sensitivity>,
}

/// What was read of one field.
#[derive(Debug, Clone)]
pub struct FieldSeen {
    /// Its row.
    pub row: Row,
    /// Values read, without copies.
    pub count: u64,
    /// Values read in copies.
    pub copies: u64,
    /// The values that the log shows; kept for fields of high and critical sensitivity only.
    pub values: Tally,
    /// Values that the log leaves out, by class.
    pub hidden: BTreeMap<String, Hidden>,
}

impl FieldSeen {
    /// Nothing yet.
    pub(super) fn new(row: &Row) -> FieldSeen {
        FieldSeen { row: row.clone(), count: 0, copies: 0, values: Tally::default(), hidden: BTreeMap::new() }
    }

    /// Counts a value that is no copy.
    pub(super) fn add(&mut self, exposure: &Exposure<'_>) {
        self.count += 1;
        let class = exposure.typed.as_ref().and_then(|typed| Some((typed.class.as_deref()?, typed.bytes)));
        match class {
            Some((class, bytes)) => {
                if let Some(hidden) = self.hidden.get_mut(class) {
                    hidden.count += 1;
                    hidden.shortest = hidden.shortest.min(bytes);
                    hidden.longest = hidden.longest.max(bytes);
                } else if self.hidden.len() < MAX_CLASSES {
                    self.hidden.insert(class.to_owned(), Hidden { count: 1, shortest: bytes, longest: bytes });
                }
            }
            None if self.row.sensitivity >= Sensitivity::High => self.values.add(&exposure.value),
            None => {}
        }
    }
}

/// Values of one class that the log leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hidden {
    /// How many.
    pub count: u64,
    /// Length of the shortest, in bytes.
    pub shortest: u64,
    /// Length of the longest, in bytes.
    pub longest: u64,
}

/// A finding, as often as it was made.
#[derive(Debug, Clone)]
pub struct FindingSeen {
    /// As first made.
    pub finding: Finding,
    /// How often.
    pub count: u64,
    /// Session and record of the first few.
    pub evidence: Vec<(String, u64)>,
}

impl FindingSeen {
    /// Whether it speaks for the client.
    pub fn in_favour(&self) -> bool {
        self.finding.favour == "for"
    }

    /// A finding made for the first time; its evidence is added by [`FindingSeen::add`].
    pub(super) fn new(finding: Finding) -> FindingSeen {
        FindingSeen { finding, count: 0, evidence: Vec::new() }
    }

    /// Counts it.
    pub(super) fn add(&mut self, session: &str, evidence: &[u64]) {
        self.count += 1;
        let room = MAX_EVIDENCE.saturating_sub(self.evidence.len());
        self.evidence.extend(evidence.iter().take(room).map(|record| (session.to_owned(), *record)));
    }

    /// Severity as a number that grows.
    pub(super) fn rank(&self) -> Option<usize> {
        SEVERITIES.iter().position(|severity| *severity == self.finding.severity)
    }
}

/// An intervention, as often as it was made.
#[derive(Debug, Clone)]
pub struct InterventionSeen {
    /// How often.
    pub count: u64,
    /// Bytes removed or discarded.
    pub bytes: u64,
    /// What was changed and why, as first told.
    pub detail: String,
}

impl InterventionSeen {
    /// An intervention made for the first time, not counted yet.
    pub(super) fn new(intervention: &Intervention) -> InterventionSeen {
        InterventionSeen { count: 0, bytes: 0, detail: intervention.detail.clone() }
    }

    /// Counts it.
    pub(super) fn add(&mut self, intervention: &Intervention) {
        self.count += 1;
        self.bytes += intervention.bytes.unwrap_or(0);
    }
}
