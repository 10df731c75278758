//! Message sizes: what encryption leaves in clear.

use crate::report::doc::{Inline, Section, Table};
use crate::report::model::Model;
use crate::report::svg;
use crate::report::text::layout::{counted, grouped};

/// Sizes in the table.
const MAX_ROWS: usize = 12;

/// The section.
pub fn section(model: &Model) -> Section {
    let mut section = Section::new("sizes", "Sizes", "How long encrypted messages are");
    let Some(picture) = svg::sizes(model) else {
        section.text("No OMEMO message with a body was seen.");
        return section;
    };
    section.text(format!(
        "OMEMO as most clients use it does not pad: the server reads the length of what was written, to the byte. {} had a size, {} of them a different one.",
        counted(model.sizes.messages(), "message"),
        grouped(model.sizes.exact.len() as u64)
    ));
    section.picture(Some(picture));
    let mut table = Table::new("The most frequent sizes", &["Bytes", "#Messages", "Records"]);
    table.narrow = true;
    let mut sizes: Vec<_> = model.sizes.exact.iter().collect();
    sizes.sort_by_key(|(bytes, places)| (std::cmp::Reverse(places.count), **bytes));
    for (bytes, places) in sizes.iter().take(MAX_ROWS) {
        table.row(vec![grouped(**bytes).into(), grouped(places.count).into(), Inline::new().places(places)]);
    }
    section.table(table);
    section
}
