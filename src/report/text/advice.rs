//! Advice, apart from what it rests on.

use super::layout::Screen;
use crate::record::Verdict;
use crate::report::Summary;
use crate::report::terminal::clipped;

/// Pieces of advice shown.
const MAX_ADVICE: usize = 12;

/// The section.
pub(super) fn write(screen: &mut Screen, summary: &Summary) {
    let mut advice: Vec<String> = Vec::new();
    for seen in summary.ranked_findings(false).into_iter().chain(summary.ranked_findings(true)) {
        let text = clipped(&seen.finding.advice, 300);
        if !text.is_empty() && advice.len() < MAX_ADVICE && !advice.iter().any(|had| had.ends_with(&text)) {
            advice.push(format!("{}: {text}", clipped(&seen.finding.rule, 50)));
        }
    }
    let totals = summary.talks.totals();
    if totals.contains_key(&Verdict::NotEncrypted) {
        advice.push(
            "Messages without end-to-end encryption: see whether the client can require OMEMO, and whether it was off by choice.".into(),
        );
    }
    if totals.contains_key(&Verdict::Suspect) {
        advice.push(
            "Suspect messages: read their records (`jq 'select(.verdict.body==\"SUSPECT\")' records.jsonl`) before you call them leaks."
                .into(),
        );
    }
    if totals.contains_key(&Verdict::Opaque) && summary.run.canaries == 0 {
        advice
            .push("To know more than that messages look opaque, declare a canary in stanzascope.toml and send it in the next run.".into());
    }
    if !summary.partial().is_empty() {
        advice.push("Part of the traffic was not seen: settle the reasons below before you compare this run with another.".into());
    }
    if advice.is_empty() {
        screen.text(2, "Nothing.");
    }
    advice.iter().for_each(|text| screen.bullet(text));
}
