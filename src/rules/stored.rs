//! The rules over the records of a run: what this version would have found.
//!
//! Works on the redacted XML that stanza records carry as evidence. Records without it (`--evidence none`) are counted, not judged.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;

use super::engine::{Engine, RuleSet};
use super::seen::{Judged, Sight};
use crate::catalog::Catalog;
use crate::record::{Finding, Phase, Verdict};
use crate::report::read::{self, Damage, Head, ReadBody, ReadError, ReadStanza};
use crate::xmpp::element::{Document, Inherited};
use crate::xmpp::limits::Limits;

/// What came out.
#[derive(Debug, Default)]
pub struct Applied {
    /// Findings, with the session they belong to, in the order of the records.
    pub findings: Vec<(String, Finding)>,
    /// Stanzas that were judged.
    pub stanzas: u64,
    /// Stanzas whose record carries no XML.
    pub without_evidence: u64,
    /// What reading came across.
    pub damage: Damage,
}

/// Applies the rules to records.
///
/// # Errors
/// As [`read::each`].
pub fn apply(catalog: &Arc<Catalog>, set: &Arc<RuleSet>, accounts: &[String], input: &mut dyn BufRead) -> Result<Applied, ReadError> {
    let mut applied = Applied::default();
    let mut sessions: BTreeMap<String, Engine> = BTreeMap::new();
    let mut document = Document::new();
    let damage = read::each(input, |head, body| {
        let stanza = match body {
            ReadBody::Stanza(stanza) => stanza,
            ReadBody::Intervention(intervention) => {
                let engine = sessions.entry(head.session.clone().into_owned()).or_insert_with(|| Engine::new(set.clone(), accounts));
                return engine.intervened(&intervention.action);
            }
            _ => return,
        };
        let Some(evidence) = stanza.evidence.as_deref() else {
            applied.without_evidence += u64::from(stanza.gap.is_none());
            return;
        };
        if document.parse(evidence.as_bytes(), false, &Inherited::client(), &catalog.names, &Limits::default()).is_err() {
            applied.without_evidence += 1;
            return;
        }
        applied.stanzas += 1;
        let engine = sessions.entry(head.session.clone().into_owned()).or_insert_with(|| Engine::new(set.clone(), accounts));
        let rules: Vec<&str> = stanza.verdict.iter().flat_map(|verdict| &verdict.rules).map(|rule| &**rule).collect();
        let noted: Vec<&str> = stanza.verdict.iter().flat_map(|verdict| &verdict.noted).map(|rule| &**rule).collect();
        let found = engine.see(Sight {
            stanza: document.root(),
            direction: stanza.direction,
            phase: stanza.phase.unwrap_or(Phase::LoggedIn),
            verdict: verdict(&stanza).map(|body| Judged { body, rules: &rules, noted: &noted }),
            conversation: stanza.conversation.as_deref(),
            at: head.mono.map(|seconds| (seconds * 1e6) as u64),
            number: number(head, &stanza),
        });
        applied.findings.extend(found.into_iter().map(|finding| (head.session.clone().into_owned(), finding)));
    })?;
    for (session, engine) in &mut sessions {
        applied.findings.extend(engine.end().into_iter().map(|finding| (session.clone(), finding)));
    }
    applied.damage = damage;
    Ok(applied)
}

/// Findings of a scan name inputs, those of a run name records.
fn number(head: &Head<'_>, stanza: &ReadStanza<'_>) -> u64 {
    stanza.input.unwrap_or(head.seq)
}

fn verdict(stanza: &ReadStanza<'_>) -> Option<Verdict> {
    let verdict = stanza.verdict.as_ref()?;
    Verdict::ALL.iter().copied().find(|body| body.name() == verdict.body)
}
