//! The report as Markdown, for wikis and merge requests: the same document without its pictures.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::doc::{Block, Document, Inline, Section, Span, Table};
use super::model::place::{Place, Sessions};
use super::model::quotes::Quote;
use super::terminal::{guarded_lines, shown};

/// Records that are quoted. A wiki page is no place for hundreds.
const MAX_RECORDS: usize = 60;

/// Writes the report.
pub fn page(document: &Document, sessions: &Sessions, quotes: &BTreeMap<Place, Quote>) -> String {
    let writer = Writer { sessions };
    let mut out = format!("# {}\n\n{}\n", escaped(&document.title), writer.inline(&document.sentence));
    for warning in &document.warnings {
        write!(out, "\n> **Note.** {}\n", writer.inline(warning)).expect("writing to a string");
    }
    out.push('\n');
    for (label, text) in &document.facts {
        writeln!(out, "- {}: {}", escaped(label), writer.inline(text)).expect("writing to a string");
    }
    for section in &document.sections {
        writer.section(&mut out, section);
    }
    out.push_str("\n## Records the statements rest on\n\nAs the log holds them: without content and secrets.\n");
    for quote in quotes.values().take(MAX_RECORDS) {
        let mut about = vec![quote.what.clone(), quote.time.clone(), quote.verdict.clone()];
        about.retain(|text| !text.is_empty());
        write!(out, "\n**{}** {}\n", escaped(&quote.label), escaped(&about.join(" · "))).expect("writing to a string");
        if !quote.text.is_empty() {
            // Indented code has no end that text could forge.
            out.push('\n');
            quote.text.lines().for_each(|line| writeln!(out, "    {}", shown(line)).expect("writing to a string"));
        }
    }
    if quotes.len() > MAX_RECORDS {
        write!(out, "\n{} more are in records.jsonl.\n", quotes.len() - MAX_RECORDS).expect("writing to a string");
    }
    guarded_lines(&out)
}

struct Writer<'a> {
    sessions: &'a Sessions,
}

impl Writer<'_> {
    fn section(&self, out: &mut String, section: &Section) {
        let mut put = |text: std::fmt::Arguments<'_>| out.write_fmt(text).expect("writing to a string");
        put(format_args!("\n## {}\n", escaped(&section.title)));
        for block in &section.blocks {
            match block {
                Block::Text(text) | Block::Note(text) => put(format_args!("\n{}\n", self.inline(text))),
                Block::Heading(text) => put(format_args!("\n### {}\n", escaped(text))),
                Block::Table(table) => put(format_args!("\n{}", self.table(table))),
                Block::List(items) => {
                    put(format_args!("\n"));
                    items.iter().for_each(|item| put(format_args!("- {}\n", self.inline(item))));
                }
                Block::Steps(items) => {
                    put(format_args!("\n"));
                    for (at, (head, pieces)) in items.iter().enumerate() {
                        put(format_args!("{}. {}\n", at + 1, self.inline(head)));
                        pieces.iter().for_each(|piece| put(format_args!("   - {}\n", self.inline(piece))));
                    }
                }
                Block::Picture(picture) => put(format_args!("\n*{}.* {}\n", escaped(&picture.title), escaped(&picture.description))),
                Block::Card(card) => {
                    put(format_args!("\n### {}: {}\n\n", escaped(&card.badge.1), escaped(&card.title)));
                    card.lines.iter().for_each(|(label, text)| put(format_args!("- {}: {}\n", escaped(label), self.inline(text))));
                }
            }
        }
    }

    fn table(&self, table: &Table) -> String {
        let mut out = format!("{}:\n\n|", escaped(&table.caption));
        table.columns.iter().for_each(|column| out.push_str(&format!(" {} |", escaped(&column.title))));
        out.push_str("\n|");
        table.columns.iter().for_each(|column| out.push_str(if column.number { "---:|" } else { "---|" }));
        out.push('\n');
        for row in &table.rows {
            out.push('|');
            row.iter().for_each(|cell| out.push_str(&format!(" {} |", self.inline(cell))));
            out.push('\n');
        }
        if let Some(note) = &table.note {
            out.push_str(&format!("\n{}\n", escaped(note)));
        }
        out
    }

    fn inline(&self, text: &Inline) -> String {
        let mut out = String::new();
        for span in &text.spans {
            match span {
                Span::Text(text) | Span::Link(_, text) | Span::At(text, _) => out.push_str(&escaped(text)),
                Span::Strong(text) => {
                    let inner = escaped(text);
                    let trimmed = inner.trim_end();
                    out.push_str(&format!("**{trimmed}**{}", &inner[trimmed.len()..]));
                }
                Span::Badge(_, text) => out.push_str(&format!("**{}**", escaped(text))),
                Span::Value(value) => out.push_str(&escaped(value)),
                Span::Places(places) => {
                    let labels: Vec<String> = places.first.iter().map(|place| escaped(&self.sessions.label(*place))).collect();
                    let more = places.count.saturating_sub(labels.len() as u64);
                    let more = if more > 0 { format!(" +{more}") } else { String::new() };
                    out.push_str(&format!(" ({}{more})", labels.join(", ")));
                }
            }
        }
        out
    }
}

/// Text that means nothing to a reader of Markdown, nor to the HTML it becomes.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in shown(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            // What looks like an address of the web or of a person is no link.
            '@' => out.push_str("&#64;"),
            c => out.push(c),
        }
    }
    out.replace("://", ":&#47;&#47;").replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_means_nothing_to_markdown() {
        for (raw, expected) in [
            ("a|b", "a\\|b"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("[x](javascript:y)", "\\[x\\](javascript:y)"),
            ("`*_#", "\\`\\*\\_\\#"),
            ("a\nb\u{202e}", "a\\\\u{a}b\\\\u{202e}"),
            ("https://x.example ann@a.example", "https:&#47;&#47;x.example ann&#64;a.example"),
        ] {
            assert_eq!(escaped(raw), expected, "{raw:?}");
        }
    }
}
