//! Laying text out: headings, wrapped paragraphs, aligned columns. Whatever it is given, nothing
//! unescaped reaches the screen.

use crate::report::terminal::{clipped, columns, guarded};

/// Columns a line may take.
pub const WIDTH: usize = 100;
/// Columns of the label in an [`Screen::item`].
const LABEL: usize = 22;

/// Text being laid out.
#[derive(Debug, Default)]
pub struct Screen {
    out: String,
}

impl Screen {
    /// The text.
    pub fn finish(self) -> String {
        self.out
    }

    /// A main heading, underlined over the whole width.
    pub fn part(&mut self, title: &str) {
        self.out.push_str(&format!("\n{title}\n{}\n", "─".repeat(WIDTH)));
    }

    /// A heading within a part.
    pub fn section(&mut self, title: &str) {
        self.space();
        self.row(title);
    }

    /// An empty line, unless there is a heading or nothing above.
    pub fn space(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("─\n") {
            self.out.push('\n');
        }
    }

    /// A paragraph, wrapped and indented.
    pub fn text(&mut self, indent: usize, text: &str) {
        self.hanging(&" ".repeat(indent), text);
    }

    /// A label and what belongs to it, wrapped beside it.
    pub fn item(&mut self, label: &str, text: &str) {
        let label = guarded(label);
        let used = columns(&label);
        if used > LABEL {
            self.out.push_str(&format!("  {label}\n"));
            self.hanging(&" ".repeat(LABEL + 4), text);
        } else {
            self.hanging(&format!("  {label}{}", " ".repeat(LABEL + 2 - used)), text);
        }
    }

    /// A bullet with text wrapped beside it.
    pub fn bullet(&mut self, text: &str) {
        self.hanging("  - ", text);
    }

    /// A line as it is, cut at the width. For rows whose columns are aligned already.
    pub fn row(&mut self, line: &str) {
        let line = guarded(line);
        let mut used = 0;
        let fits = line.find(|c: char| {
            used += columns(c.encode_utf8(&mut [0; 4]));
            used > WIDTH
        });
        self.out.push_str(line[..fits.unwrap_or(line.len())].trim_end());
        self.out.push('\n');
    }

    fn hanging(&mut self, first: &str, text: &str) {
        let indent = columns(first);
        self.out.push_str(first);
        let mut used = indent;
        for (index, word) in text.split(' ').enumerate() {
            let word = guarded(word);
            let width = columns(&word);
            if used > indent && used + 1 + width > WIDTH {
                self.out.push('\n');
                self.out.push_str(&" ".repeat(indent));
                used = indent;
            } else if index > 0 {
                self.out.push(' ');
                used += 1;
            }
            // A word longer than a line is broken where the line ends.
            for c in word.chars() {
                let width = columns(c.encode_utf8(&mut [0; 4]));
                if used + width > WIDTH {
                    self.out.push('\n');
                    self.out.push_str(&" ".repeat(indent));
                    used = indent;
                }
                self.out.push(c);
                used += width;
            }
        }
        self.out.truncate(self.out.trim_end_matches(' ').len());
        self.out.push('\n');
    }
}

/// `text` with spaces up to `width` columns.
pub fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// A number with its noun: `1 message`, `2 messages`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        _ if number == 1 => return format!("1 {noun}"),
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    };
    format!("{} {plural}", grouped(number))
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The first `max` of some ranked strings, each at most `each` columns, with how often it was seen when that is more than once.
pub fn some_of(ranked: &[(&str, u64)], max: usize, each: usize) -> String {
    let mut parts: Vec<String> = ranked
        .iter()
        .take(max)
        .map(|(text, count)| {
            // Spaces in a value must not look like the space between two values.
            let text = clipped(text, each);
            let text = if text.contains([' ', ',']) || text.is_empty() { format!("“{text}”") } else { text };
            if *count > 1 { format!("{text} ×{count}") } else { text }
        })
        .collect();
    if ranked.len() > max {
        parts.push(format!("and {} more", grouped((ranked.len() - max) as u64)));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_wrap_beside_their_label() {
        let mut screen = Screen::default();
        screen.item("label", &"word ".repeat(30));
        screen.item(&"long".repeat(10), "below");
        screen.text(4, &"x".repeat(250));
        screen.row(&"漢".repeat(60));
        let text = screen.finish();
        assert!(text.lines().all(|line| columns(line) <= WIDTH), "{text}");
        assert_eq!(text.lines().nth(1).map(|line| line.find("word")), Some(Some(LABEL + 4)));
    }

    #[test]
    fn nothing_unescaped_passes() {
        let mut screen = Screen::default();
        screen.text(0, "a\u{1b}[2Jb");
        screen.item("l\u{202e}", "c\u{9b}");
        screen.row("d\u{7}");
        screen.section("e\nf");
        assert_eq!(screen.finish().chars().filter(|c| crate::report::terminal::is_unsafe(*c) && *c != '\n').count(), 0);
    }

    #[test]
    fn numbers_and_lists() {
        assert_eq!(counted(1, "message"), "1 message");
        assert_eq!(counted(1200, "message"), "1,200 messages");
        assert_eq!(counted(2, "copy"), "2 copies");
        assert_eq!(counted(2, "key"), "2 keys");
        assert_eq!(some_of(&[("a", 2), ("b c", 1), ("d", 1)], 2, 10), "a ×2, “b c”, and 1 more");
    }
}
