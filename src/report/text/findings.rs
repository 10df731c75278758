//! Interpretation: what rules found, against the client and for it, and what the proxy itself changed.

use super::layout::{Screen, counted, padded};
use crate::report::Summary;
use crate::report::seen::FindingSeen;
use crate::report::terminal::clipped;

/// Findings shown of each sort.
const MAX_FINDINGS: usize = 20;

/// The sections.
pub(super) fn write(screen: &mut Screen, summary: &Summary) {
    screen.section("Findings, the worst first");
    list(screen, &summary.ranked_findings(false), "None. What no rule looks for is not found either.");
    let favour = summary.ranked_findings(true);
    if !favour.is_empty() {
        screen.section("In the client's favour");
        list(screen, &favour, "");
    }
    screen.section("What the proxy changed");
    if summary.interventions.is_empty() {
        screen.text(2, "Nothing.");
    }
    for (action, seen) in &summary.interventions {
        let bytes = if seen.bytes > 0 { format!(" ({})", counted(seen.bytes, "byte")) } else { String::new() };
        let times = if seen.count > 1 { format!(" ×{}", seen.count) } else { String::new() };
        screen.item(&format!("{}{times}", clipped(action, 40)), &format!("{}{bytes}", clipped(&seen.detail, 400)));
    }
}

fn list(screen: &mut Screen, findings: &[&FindingSeen], none: &str) {
    if findings.is_empty() {
        screen.text(2, none);
    }
    for seen in findings.iter().take(MAX_FINDINGS) {
        let finding = &seen.finding;
        let times = if seen.count > 1 { format!(" ×{}", seen.count) } else { String::new() };
        let judged = if seen.in_favour() { String::new() } else { format!("{} ", padded(&clipped(&finding.severity, 9), 9)) };
        screen.row(&format!("  {judged}{}{times} ({})", clipped(&finding.rule, 50), clipped(&finding.confidence, 10)));
        let indent = if seen.in_favour() { 4 } else { 12 };
        screen.text(indent, &clipped(&finding.fact, 400));
        let mut rests: Vec<String> = Vec::new();
        if !finding.source.is_empty() {
            rests.push(format!("after {}", clipped(&finding.source, 120)));
        }
        let records: Vec<String> = seen.evidence.iter().map(|(session, record)| format!("{}:{record}", clipped(session, 24))).collect();
        if !records.is_empty() {
            rests.push(format!("records {}", records.join(", ")));
        }
        screen.text(indent, &rests.join("; "));
    }
    if findings.len() > MAX_FINDINGS {
        screen.text(2, &format!("and {}, in records.jsonl.", counted((findings.len() - MAX_FINDINGS) as u64, "more finding")));
    }
}
