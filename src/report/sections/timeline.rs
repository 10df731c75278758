//! When: activity over time, and what gives it away.

use crate::report::doc::{Inline, Section, Table};
use crate::report::model::Model;
use crate::report::svg;
use crate::report::text::layout::grouped;

/// The section.
pub fn section(model: &Model) -> Section {
    let mut section = Section::new("timeline", "Times", "When the account was active");
    let Some(picture) = svg::timeline(model) else {
        section.text("The records have no times: a scan of single stanzas has none.");
        return section;
    };
    section.picture(Some(picture));
    let busy: Vec<(usize, u64)> = model.timeline.by_hour.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
    let mut table = Table::new("Stanzas by hour of the day, in UTC", &["Hour", "#Stanzas"]);
    table.narrow = true;
    for (hour, count) in &busy {
        table.row(vec![format!("{hour:02}:00 to {hour:02}:59").into(), grouped(*count).into()]);
    }
    section.table(table);
    let mut signs = Vec::new();
    for (ids, text) in [
        (&["chatstate."][..], "Typing notifications"),
        (&["receipt.", "marker."], "Receipts and read markers"),
        (&["csi.active", "csi.inactive"], "Whether somebody looks at the screen"),
        (&["presence.idle_since", "presence.last_activity", "last.seconds"], "Idle times"),
        (&["sm.a.h"], "Acknowledgements, which show when a device is reachable"),
    ] {
        let places = model.facts.sent(ids);
        if !places.is_empty() {
            signs.push(Inline::new().text(format!("{text}: {} sent", grouped(places.count))).places(&places));
        }
    }
    if !signs.is_empty() {
        section.text("What gives times away besides the stanzas themselves:");
        section.list(signs);
    }
    if !model.summary.marks.is_empty() {
        section.text(Inline::new().text("Marks the evaluator set: ").values(&model.summary.marks, 20));
    }
    section
}
