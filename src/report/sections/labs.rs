//! A lab as a section: a table of questions, answers and sources.

use crate::report::doc::{Inline, Section, Table, Tone};
use crate::report::labs::{Basis, Lab};

/// The section.
pub fn section(lab: &Lab) -> Section {
    let mut section = Section::new(lab.id, lab.title.split(':').next().unwrap_or(lab.title), lab.title);
    section.text(lab.purpose);
    let mut table = Table::new("Questions, answers and where they come from", &["Question", "In short", "Answer", "Source"]);
    for answer in &lab.answers {
        let (tone, short) = answer.short;
        let short = if short.is_empty() { Inline::new().text("see answer") } else { Inline::new().badge(tone, short) };
        let source = match &answer.basis {
            Basis::Observed(places) => Inline::new().text("records").places(places),
            Basis::NotObserved(_) => Inline::new().badge(Tone::Plain, "not observed"),
            Basis::Said(key) => Inline::new().text("the evaluator: ").value(key.clone()),
            Basis::Ask(key) => Inline::new().badge(Tone::Plain, "ask the evaluator").text(" ").value(key.clone()),
        };
        table.row(vec![Inline::new().text(answer.question.clone()), short, answer.answer.clone(), source]);
    }
    section.table(table);
    section
}
