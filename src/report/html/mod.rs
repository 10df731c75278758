//! The report as one HTML file without scripts and without anything loaded from elsewhere.
//!
//! Escaping is askama's, in every template; what templates get as HTML is what other templates of ours made, and our own drawings. At the
//! end no control or bidi character is left in the page: see [`terminal::guarded`].

use std::collections::BTreeMap;

use askama::Template;

use super::doc::{Block, Document, Inline, Section, Span, Str, Table};
use super::model::place::{Place, Places, Sessions};
use super::model::quotes::{MAX_QUOTES, Quote};
use super::svg::Picture;
use super::terminal::{self, shown};

/// Sections of the first screen, which stand side by side where there is room.
const FRONT: usize = 2;

/// Writes the page.
pub fn page(document: &Document, sessions: &Sessions, quotes: &BTreeMap<Place, Quote>) -> String {
    let targets: BTreeMap<Place, usize> = quotes.keys().enumerate().map(|(index, place)| (*place, index + 1)).collect();
    let writer = Writer { sessions, targets: &targets };
    let sections: Vec<String> = document.sections.iter().map(|section| writer.section(section)).collect();
    let records = quotes.iter().map(|(place, quote)| RecordView {
        number: targets[place],
        label: shown(&quote.label),
        quote,
        text: shown_lines(&quote.text),
    });
    let mut contents: Vec<(&str, &str)> = document.sections.iter().map(|section| (section.id, section.short)).collect();
    contents.push(("records", "Records"));
    let named = document.named().len();
    let intro = match named {
        0 => "No statement above rests on a single record.".to_owned(),
        _ if named > quotes.len() => format!(
            "{} of the {named} records named above, as the log holds them: without content and secrets. The others are in records.jsonl.",
            quotes.len().min(MAX_QUOTES)
        ),
        _ => "The records named above, as the log holds them: without content and secrets.".to_owned(),
    };
    let page = PageTemplate {
        title: &shown(&document.title),
        sentence: writer.inline(&document.sentence),
        warnings: document.warnings.iter().map(|warning| writer.inline(warning)).collect(),
        facts: document.facts.iter().map(|(label, text)| (&**label, writer.inline(text))).collect(),
        contents,
        front: &sections[..sections.len().min(FRONT)],
        sections: &sections[sections.len().min(FRONT)..],
        records: render(&RecordsTemplate { intro, records: records.collect() }),
    };
    terminal::guarded_lines(&render(&page))
}

/// Rendering into a string fails only when a value's own `Display` does.
fn render(template: &impl Template) -> String {
    template.render().expect("values of a report can be displayed")
}

/// Text of several lines, each shown as on a terminal.
fn shown_lines(text: &str) -> String {
    text.lines().map(shown).collect::<Vec<_>>().join("\n")
}

struct Writer<'a> {
    sessions: &'a Sessions,
    targets: &'a BTreeMap<Place, usize>,
}

impl Writer<'_> {
    fn inline(&self, text: &Inline) -> String {
        render(&InlineTemplate { spans: &text.spans, sessions: self.sessions, targets: self.targets })
    }

    fn section(&self, section: &Section) -> String {
        let blocks = section.blocks.iter().map(|block| match block {
            Block::Text(text) => Piece::Text(self.inline(text)),
            Block::Note(text) => Piece::Note(self.inline(text)),
            Block::Heading(text) => Piece::Heading(shown(text)),
            Block::Table(table) => Piece::Table(self.table(table)),
            Block::List(items) => Piece::List(items.iter().map(|item| self.inline(item)).collect()),
            Block::Steps(steps) => Piece::Steps(
                steps.iter().map(|(head, items)| (self.inline(head), items.iter().map(|item| self.inline(item)).collect())).collect(),
            ),
            Block::Picture(picture) => Piece::Picture(picture),
            Block::Card(card) => Piece::Card(CardView {
                id: &card.id,
                tone: card.badge.0.name(),
                badge: &card.badge.1,
                title: shown(&card.title),
                lines: card.lines.iter().map(|(label, text)| (label, self.inline(text))).collect(),
            }),
        });
        render(&SectionTemplate { section, blocks: blocks.collect() })
    }

    fn table(&self, table: &Table) -> String {
        let rows = table.rows.iter().map(|row| {
            let cells = row.iter().zip(&table.columns);
            cells.map(|(cell, column)| CellView { html: self.inline(cell), label: &column.title, number: column.number }).collect()
        });
        render(&TableTemplate { table, rows: rows.collect() })
    }
}

#[derive(Template)]
#[template(path = "report/inline.html")]
struct InlineTemplate<'a> {
    spans: &'a [Span],
    sessions: &'a Sessions,
    targets: &'a BTreeMap<Place, usize>,
}

impl InlineTemplate<'_> {
    /// A value. One of white space alone is spelled out: otherwise nobody would see that there is one.
    fn shown(&self, text: &str) -> String {
        if text.trim().is_empty() { text.escape_unicode().to_string() } else { shown(text) }
    }

    fn target(&self, place: &Place) -> Option<usize> {
        self.targets.get(place).copied()
    }

    fn label(&self, place: &Place) -> String {
        shown(&self.sessions.label(*place))
    }

    fn more(&self, places: &Places) -> u64 {
        places.count.saturating_sub(places.first.len() as u64)
    }
}

struct CellView<'a> {
    html: String,
    label: &'a str,
    number: bool,
}

#[derive(Template)]
#[template(path = "report/table.html")]
struct TableTemplate<'a> {
    table: &'a Table,
    rows: Vec<Vec<CellView<'a>>>,
}

struct CardView<'a> {
    id: &'a str,
    tone: &'static str,
    badge: &'a str,
    title: String,
    lines: Vec<(&'a Str, String)>,
}

enum Piece<'a> {
    Text(String),
    Note(String),
    Heading(String),
    Table(String),
    List(Vec<String>),
    Steps(Vec<(String, Vec<String>)>),
    Picture(&'a Picture),
    Card(CardView<'a>),
}

#[derive(Template)]
#[template(path = "report/section.html")]
struct SectionTemplate<'a> {
    section: &'a Section,
    blocks: Vec<Piece<'a>>,
}

struct RecordView<'a> {
    number: usize,
    /// As the links to it say it.
    label: String,
    quote: &'a Quote,
    text: String,
}

#[derive(Template)]
#[template(path = "report/records.html")]
struct RecordsTemplate<'a> {
    intro: String,
    records: Vec<RecordView<'a>>,
}

#[derive(Template)]
#[template(path = "report/page.html")]
struct PageTemplate<'a> {
    title: &'a str,
    sentence: String,
    warnings: Vec<String>,
    facts: Vec<(&'a str, String)>,
    contents: Vec<(&'a str, &'a str)>,
    front: &'a [String],
    sections: &'a [String],
    records: String,
}

#[cfg(test)]
mod tests;
