//! A report as a document: sections of paragraphs, tables, lists and pictures, before it becomes HTML or Markdown.
//!
//! Text in it is as it came from the log. Whoever writes a document out escapes it for the format, and shows control and bidi characters
//! as [`super::terminal`] does.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::model::place::{Place, Places};
use super::svg::Picture;
use crate::catalog::Sensitivity;
use crate::record::Verdict;

/// Text of ours, or of the log.
pub type Str = Cow<'static, str>;

/// How a badge is meant. Never told by colour alone: the badge says it in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// The worst.
    Critical,
    /// Bad.
    High,
    /// In between.
    Medium,
    /// Mild.
    Low,
    /// Good news.
    Good,
    /// Neither.
    Plain,
}

impl Tone {
    /// Its name in a style sheet.
    pub fn name(self) -> &'static str {
        match self {
            Tone::Critical => "critical",
            Tone::High => "high",
            Tone::Medium => "medium",
            Tone::Low => "low",
            Tone::Good => "good",
            Tone::Plain => "plain",
        }
    }

    /// Of a finding's severity.
    pub fn of_severity(severity: &str) -> Tone {
        match severity {
            "critical" => Tone::Critical,
            "high" => Tone::High,
            "medium" => Tone::Medium,
            "low" => Tone::Low,
            _ => Tone::Plain,
        }
    }
}

impl From<Sensitivity> for Tone {
    fn from(sensitivity: Sensitivity) -> Tone {
        match sensitivity {
            Sensitivity::Critical => Tone::Critical,
            Sensitivity::High => Tone::High,
            Sensitivity::Medium => Tone::Medium,
            Sensitivity::Low => Tone::Low,
        }
    }
}

impl From<Verdict> for Tone {
    fn from(verdict: Verdict) -> Tone {
        match verdict {
            Verdict::ProvenLeak => Tone::Critical,
            Verdict::Suspect | Verdict::NotEncrypted => Tone::High,
            Verdict::OtherE2ee => Tone::Medium,
            Verdict::Opaque => Tone::Good,
        }
    }
}

/// A piece of running text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Words of ours.
    Text(Str),
    /// Words that matter.
    Strong(Str),
    /// A value from the log: an address, a name, a number somebody sent.
    Value(String),
    /// A word with a colour.
    Badge(Tone, Str),
    /// The records a statement rests on.
    Places(Places),
    /// Words of ours that lead to one record.
    At(Str, Place),
    /// A place in this document, by its id.
    Link(&'static str, Str),
}

/// Running text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inline {
    /// Its pieces.
    pub spans: Vec<Span>,
}

impl Inline {
    /// Nothing yet.
    pub fn new() -> Inline {
        Inline::default()
    }

    /// Adds words of ours.
    #[must_use]
    pub fn text(mut self, text: impl Into<Str>) -> Inline {
        self.spans.push(Span::Text(text.into()));
        self
    }

    /// Adds words that matter.
    #[must_use]
    pub fn strong(mut self, text: impl Into<Str>) -> Inline {
        self.spans.push(Span::Strong(text.into()));
        self
    }

    /// Adds a value from the log.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Inline {
        self.spans.push(Span::Value(value.into()));
        self
    }

    /// Adds some values, with how many were left out.
    #[must_use]
    pub fn values<S: AsRef<str>>(mut self, values: impl IntoIterator<Item = S>, max: usize) -> Inline {
        let mut left = 0;
        for (index, value) in values.into_iter().enumerate() {
            if index >= max {
                left += 1;
                continue;
            }
            if index > 0 {
                self = self.text(", ");
            }
            self = self.value(value.as_ref());
        }
        if left > 0 { self.text(format!(" and {left} more")) } else { self }
    }

    /// Adds a word with a colour.
    #[must_use]
    pub fn badge(mut self, tone: Tone, text: impl Into<Str>) -> Inline {
        self.spans.push(Span::Badge(tone, text.into()));
        self
    }

    /// Adds the records that what stands before rests on.
    #[must_use]
    pub fn places(mut self, places: &Places) -> Inline {
        if !places.first.is_empty() {
            self.spans.push(Span::Places(places.clone()));
        }
        self
    }

    /// Adds single records.
    #[must_use]
    pub fn records(self, records: &[Place]) -> Inline {
        self.places(&Places { first: records.to_vec(), count: records.len() as u64 })
    }

    /// Adds words that lead to the first of some records, if there is one.
    #[must_use]
    pub fn at(mut self, text: impl Into<Str>, places: Option<&Places>) -> Inline {
        let text = text.into();
        self.spans.push(match places.and_then(|places| places.first.first()) {
            Some(place) => Span::At(text, *place),
            None => Span::Text(text),
        });
        self
    }

    /// Adds a link to a place in this document.
    #[must_use]
    pub fn link(mut self, to: &'static str, text: impl Into<Str>) -> Inline {
        self.spans.push(Span::Link(to, text.into()));
        self
    }

    /// Adds other text.
    #[must_use]
    pub fn and(mut self, other: Inline) -> Inline {
        self.spans.extend(other.spans);
        self
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The words alone, records left out.
    pub fn plain(&self) -> String {
        let mut out = String::new();
        for span in &self.spans {
            match span {
                Span::Text(text) | Span::Strong(text) | Span::Badge(_, text) | Span::Link(_, text) | Span::At(text, _) => {
                    out.push_str(text);
                }
                Span::Value(value) => out.push_str(value),
                Span::Places(_) => {}
            }
        }
        out
    }

    /// The records named.
    pub fn named(&self) -> impl Iterator<Item = Place> {
        self.spans
            .iter()
            .flat_map(|span| match span {
                Span::Places(places) => places.first.as_slice(),
                Span::At(_, place) => std::slice::from_ref(place),
                _ => &[],
            })
            .copied()
    }
}

impl From<&'static str> for Inline {
    fn from(text: &'static str) -> Inline {
        Inline::new().text(text)
    }
}

impl From<String> for Inline {
    fn from(text: String) -> Inline {
        Inline::new().text(text)
    }
}

/// The head of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its title.
    pub title: Str,
    /// Whether it holds numbers.
    pub number: bool,
}

/// A table. The first cell of a row is its head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub caption: Str,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows.
    pub rows: Vec<Vec<Inline>>,
    /// What it leaves out, if anything.
    pub note: Option<Str>,
    /// Whether it fits a telephone as it is; others may be turned into a list of cards there.
    pub narrow: bool,
}

impl Table {
    /// No rows yet. A title that begins with `#` is that of a column of numbers.
    pub fn new(caption: impl Into<Str>, columns: &[&'static str]) -> Table {
        let columns = columns.iter().map(|title| match title.strip_prefix('#') {
            Some(title) => Column { title: title.into(), number: true },
            None => Column { title: (*title).into(), number: false },
        });
        Table { caption: caption.into(), columns: columns.collect(), ..Table::default() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<Inline>) {
        self.rows.push(cells);
    }

    /// Says how many rows were left out.
    pub fn left_out(&mut self, count: usize, what: &str) {
        if count > 0 {
            self.note = Some(format!("{count} more {what} are not shown here; records.jsonl and the exports have them.").into());
        }
    }
}

/// A finding, or another thing with a title, a badge and some lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Its id, for links: a word of ours.
    pub id: String,
    /// Its badge.
    pub badge: (Tone, Str),
    /// Its title.
    pub title: Str,
    /// Lines: a label and what belongs to it.
    pub lines: Vec<(Str, Inline)>,
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A paragraph.
    Text(Inline),
    /// What to keep in mind when reading the rest.
    Note(Inline),
    /// A heading inside a section.
    Heading(Str),
    /// A table.
    Table(Table),
    /// Things in no order.
    List(Vec<Inline>),
    /// Things in order, each with what belongs to it.
    Steps(Vec<(Inline, Vec<Inline>)>),
    /// A drawing.
    Picture(Picture),
    /// A finding.
    Card(Card),
}

/// A section with a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its id, for links.
    pub id: &'static str,
    /// Its name in the table of contents.
    pub short: &'static str,
    /// Its heading.
    pub title: Str,
    /// What it says.
    pub blocks: Vec<Block>,
}

impl Section {
    /// Empty yet.
    pub fn new(id: &'static str, short: &'static str, title: impl Into<Str>) -> Section {
        Section { id, short, title: title.into(), blocks: Vec::new() }
    }

    /// Adds a paragraph.
    pub fn text(&mut self, text: impl Into<Inline>) {
        self.blocks.push(Block::Text(text.into()));
    }

    /// Adds a note.
    pub fn note(&mut self, text: impl Into<Inline>) {
        self.blocks.push(Block::Note(text.into()));
    }

    /// Adds a heading.
    pub fn heading(&mut self, text: impl Into<Str>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    /// Adds a table, unless it has no rows.
    pub fn table(&mut self, table: Table) {
        if !table.rows.is_empty() {
            self.blocks.push(Block::Table(table));
        }
    }

    /// Adds a list, unless it is empty.
    pub fn list(&mut self, items: Vec<Inline>) {
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
    }

    /// Adds a picture.
    pub fn picture(&mut self, picture: Option<Picture>) {
        self.blocks.extend(picture.map(Block::Picture));
    }
}

/// A whole report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Title.
    pub title: String,
    /// What was tested: label and text.
    pub facts: Vec<(Str, Inline)>,
    /// What the server learned, in one sentence.
    pub sentence: Inline,
    /// Warnings that belong before everything else.
    pub warnings: Vec<Inline>,
    /// Sections.
    pub sections: Vec<Section>,
}

impl Document {
    /// Every record that is named, in the order of the log.
    pub fn named(&self) -> BTreeSet<Place> {
        let mut named: BTreeSet<Place> = self.sentence.named().collect();
        self.facts.iter().map(|(_, text)| text).chain(&self.warnings).for_each(|text| named.extend(text.named()));
        for block in self.sections.iter().flat_map(|section| &section.blocks) {
            match block {
                Block::Text(text) | Block::Note(text) => named.extend(text.named()),
                Block::Table(table) => table.rows.iter().flatten().for_each(|cell| named.extend(cell.named())),
                Block::List(items) => items.iter().for_each(|item| named.extend(item.named())),
                Block::Steps(steps) => {
                    steps.iter().for_each(|(head, items)| std::iter::once(head).chain(items).for_each(|item| named.extend(item.named())));
                }
                Block::Card(card) => card.lines.iter().for_each(|(_, text)| named.extend(text.named())),
                Block::Heading(_) | Block::Picture(_) => {}
            }
        }
        named
    }
}
