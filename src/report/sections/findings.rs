//! Findings, the worst first: what was seen, what it rests on, what to do. Then the points in the client's favour.

use crate::report::doc::{Block, Card, Inline, Section, Tone};
use crate::report::model::Model;
use crate::report::model::findings::FindingGroup;
use crate::report::text::layout::counted;

/// Findings of each sort.
const MAX_FINDINGS: usize = 80;

/// The section.
pub fn section(model: &Model) -> Section {
    let mut section = Section::new("findings", "Findings", "Findings, the worst first");
    let against = model.findings.against();
    if against.is_empty() {
        section.text("None. What no rule looks for is not found either.");
    }
    for (index, group) in against.iter().enumerate().take(MAX_FINDINGS) {
        section.blocks.push(Block::Card(card(group, format!("finding-{}", index + 1))));
    }
    if against.len() > MAX_FINDINGS {
        section.note(format!("{} more are in records.jsonl.", counted((against.len() - MAX_FINDINGS) as u64, "finding")));
    }
    let favour = model.findings.in_favour();
    if !favour.is_empty() {
        section.heading("In the client's favour");
        for (index, group) in favour.into_iter().enumerate().take(MAX_FINDINGS) {
            section.blocks.push(Block::Card(card(group, format!("favour-{}", index + 1))));
        }
    }
    section
}

fn card(group: &FindingGroup, id: String) -> Card {
    let finding = &group.first;
    let badge = match (group.in_favour(), group.is_accepted()) {
        (true, _) => (Tone::Good, "in favour".into()),
        (_, true) => (Tone::Plain, format!("accepted ({})", finding.severity).into()),
        _ => (Tone::of_severity(&finding.severity), finding.severity.clone()),
    };
    let mut lines = Vec::new();
    let mut said: Vec<&str> = Vec::new();
    for case in &group.cases {
        // The same fact in several sessions stands once, with all its records.
        if said.contains(&case.fact.as_str()) {
            continue;
        }
        said.push(&case.fact);
        let mut seen = Inline::new().text(case.fact.clone());
        let records: Vec<_> =
            group.cases.iter().filter(|other| other.fact == case.fact).flat_map(|other| other.evidence.clone()).take(6).collect();
        seen = seen.records(&records);
        if let Some(because) = &case.accepted {
            seen = seen.text(" Accepted: ").value(because.clone());
        }
        lines.push((if lines.is_empty() { "Seen".into() } else { "and".into() }, seen));
    }
    if group.count > group.cases.len() as u64 {
        lines.push(("and".into(), format!("{} more, in records.jsonl", counted(group.count - group.cases.len() as u64, "time")).into()));
    }
    if !finding.advice.is_empty() {
        lines.push(("Advice".into(), Inline::new().text(finding.advice.clone())));
    }
    let avoidability = match &*finding.avoidability {
        "inherent" => "the protocol cannot do without it",
        "optional" => "a setting or a feature",
        "avoidable" => "the client should not have sent it",
        _ => "",
    };
    let mut basis = Inline::new();
    if !finding.source.is_empty() {
        basis = basis.text(finding.source.clone()).text(". ");
    }
    if !avoidability.is_empty() {
        basis = basis.text(format!("Avoidability: {avoidability}. "));
    }
    basis = basis.text(format!("Confidence: {}.", finding.confidence));
    lines.push(("Rests on".into(), basis));
    let times = if group.count > 1 { format!(" ×{}", group.count) } else { String::new() };
    Card { id, badge, title: format!("{}{times}", finding.rule).into(), lines }
}
