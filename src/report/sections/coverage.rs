//! How much was seen, what the proxy changed, and where the numbers are.

use crate::report::doc::{Inline, Section, Table};
use crate::report::model::Model;
use crate::report::text::layout::{counted, grouped};

/// Rows of a table.
const MAX_ROWS: usize = 30;

/// The section.
pub fn section(model: &Model) -> Section {
    let mut section = Section::new("coverage", "Coverage", "How much of it was seen");
    let coverage = &model.summary.coverage;
    let partial = model.summary.partial();
    if coverage.records == 0 {
        section.text("Nothing was recorded: no verdict.");
        return section;
    }
    if partial.is_empty() {
        section.text("Everything that passed the proxy was read, as far as is known.");
    } else {
        section.text("Partial: what was not seen has no verdict.");
        section.list(partial.into_iter().take(MAX_ROWS).map(|reason| Inline::new().text(reason)).collect());
    }
    let unclassified = coverage.unclassified.total();
    let mut items = vec![
        Inline::new().text(format!(
            "{}, {} values read ({} in copies), {} that no row of the catalog claims",
            counted(coverage.stanza_count(), "stanza"),
            grouped(coverage.classified + unclassified + coverage.foreign),
            grouped(coverage.copies),
            grouped(unclassified)
        )),
        Inline::new().text(
            "Not seen here: other connections of the client (uploads, downloads, calls, link previews, name look-ups), the push service, and everything on the device",
        ),
    ];
    let namespaces = coverage.unclassified.ranked();
    if !namespaces.is_empty() {
        items.push(Inline::new().text("Unclassified values are in ").values(namespaces.iter().map(|(name, _)| name), 8));
    }
    if !coverage.irregular.is_empty() {
        items.push(Inline::new().text("Irregular XML: ").values(coverage.irregular.keys(), 12));
    }
    section.list(items);
    let mut changed = Table::new("What the proxy changed", &["Change", "#Times", "Why"]);
    for (action, seen) in model.summary.interventions.iter().take(MAX_ROWS) {
        changed.row(vec![Inline::new().value(action.clone()), grouped(seen.count).into(), Inline::new().text(seen.detail.clone())]);
    }
    if changed.rows.is_empty() {
        section.text("The proxy changed nothing.");
    }
    section.table(changed);
    let mut fields: Vec<_> = model.summary.fields.values().filter(|seen| seen.count > 0).collect();
    fields.sort_by_key(|seen| (std::cmp::Reverse(seen.row.sensitivity), std::cmp::Reverse(seen.count), seen.row.id.clone()));
    let mut table = Table::new("The most telling fields", &["Field", "Sensitivity", "#Times", "What it reveals", "Records"]);
    for seen in fields.iter().take(MAX_ROWS) {
        table.row(vec![
            Inline::new().value(seen.row.id.clone()),
            Inline::new().badge(seen.row.sensitivity.into(), seen.row.sensitivity.name()),
            grouped(seen.count).into(),
            Inline::new().text(seen.row.reveals.clone()),
            Inline::new().places(&model.facts.places(&[&seen.row.id])),
        ]);
    }
    table.left_out(fields.len().saturating_sub(MAX_ROWS), "fields");
    section.table(table);
    section.note("The report is a summary: records.jsonl beside it is the source of truth, and every record named here is a line of it (session and seq).");
    section
}
