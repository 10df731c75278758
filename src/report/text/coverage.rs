//! How much was seen: sessions, stanzas, values that no row claims, gaps.

use super::layout::{Screen, counted, grouped, some_of};
use crate::report::Summary;

/// Namespaces and session ends shown.
const MAX_LINES: usize = 8;

/// The section.
pub(super) fn write(screen: &mut Screen, summary: &Summary) {
    let coverage = &summary.coverage;
    let partial = summary.partial();
    let state = if coverage.records == 0 {
        "nothing was recorded: no verdict"
    } else if partial.is_empty() {
        "complete, as far as is known"
    } else {
        "PARTIAL"
    };
    screen.item("Coverage", state);
    partial.iter().take(MAX_LINES).for_each(|reason| screen.item("", reason));
    if partial.len() > MAX_LINES {
        screen.item("", &format!("and {}", counted((partial.len() - MAX_LINES) as u64, "more reason")));
    }
    sessions(screen, summary);
    let mut kinds: Vec<String> = Vec::new();
    for (kind, [sent, received, unknown]) in &coverage.stanzas {
        let ways = [(sent, "sent"), (received, "received"), (unknown, "of unknown direction")];
        let ways: Vec<String> =
            ways.iter().filter(|(count, _)| **count > 0).map(|(count, way)| format!("{} {way}", grouped(**count))).collect();
        kinds.push(format!("{kind} {}", ways.join(", ")));
    }
    if coverage.keepalives > 0 {
        kinds.push(counted(coverage.keepalives, "keepalive"));
    }
    screen.item(
        "Stanzas",
        &format!("{}: {}", grouped(coverage.stanza_count()), if kinds.is_empty() { "none".into() } else { kinds.join("; ") }),
    );
    let unclassified = coverage.unclassified.total();
    screen.item(
        "Values",
        &format!(
            "{} read ({} in copies); {} that no row of the catalog claims",
            grouped(coverage.classified + unclassified + coverage.foreign),
            grouped(coverage.copies),
            grouped(unclassified)
        ),
    );
    if coverage.foreign > 0 {
        screen.item("", &format!("{} of fields that the catalog at hand does not have", counted(coverage.foreign, "value")));
    }
    screen.item("By namespace", &some_of(&coverage.claimed.ranked(), MAX_LINES, 70));
    if unclassified > 0 {
        screen.item("Unclassified in", &some_of(&coverage.unclassified.ranked(), MAX_LINES, 70));
    }
    if !coverage.irregular.is_empty() {
        let parts: Vec<String> = coverage.irregular.iter().map(|(construct, count)| format!("{construct} ×{count}")).collect();
        screen.item("Irregular XML", &parts.join(", "));
    }
}

fn sessions(screen: &mut Screen, summary: &Summary) {
    let coverage = &summary.coverage;
    let totals = coverage.totals;
    let mut text = grouped(coverage.sessions.len() as u64);
    if coverage.closed > 0 {
        text.push_str(&format!(
            "; {} bytes sent, {} received in {} s",
            grouped(totals.bytes_client_to_server),
            grouped(totals.bytes_server_to_client),
            grouped(totals.duration_ms.div_ceil(1000))
        ));
    }
    screen.item("Sessions", &text);
    let unusual: Vec<(&String, &String)> =
        coverage.sessions.iter().filter_map(|(name, end)| Some((name, end.as_ref()?))).filter(|(_, end)| *end != "closed").collect();
    for (name, end) in unusual.iter().take(MAX_LINES) {
        screen.item("", &format!("{name} ended: {end}"));
    }
    if unusual.len() > MAX_LINES {
        screen.item("", &format!("and {} that did not end as usual", grouped((unusual.len() - MAX_LINES) as u64)));
    }
}
