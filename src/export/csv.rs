//! CSV (RFC 4180): a header, then one line an exposure.
//!
//! Values are what somebody else wrote. Spreadsheets run cells that begin like a formula, and terminals obey control characters, so a cell
//! that begins with `= + - @ '` (or their full-width forms, or white space) gets a `'` in front, and control, reordering and invisible
//! characters show as `\u{…}`, line ends among them: a row is a line. Numbers of our own stay numbers.

use std::io::{self, BufRead, Write};

use super::flat::{COLUMNS, Cell, FlatRow};
use super::{Done, ExportError, Share};
use crate::catalog::rows::Rows;
use crate::report::terminal::Shown;

/// Writes the export.
///
/// # Errors
/// Failures of reading and writing; input that is no record log.
pub fn write(records: &mut dyn BufRead, catalog: &Rows, share: Option<&mut Share>, out: &mut dyn Write) -> Result<Done, ExportError> {
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    write!(out, "{}\r\n", names.join(","))?;
    let mut text = String::new();
    super::rows(records, catalog, share, out, |out, row| line(out, row, &mut text))
}

fn line(out: &mut dyn Write, row: &FlatRow<'_>, text: &mut String) -> io::Result<()> {
    use std::fmt::Write as _;
    text.clear();
    for (at, cell) in row.cells().iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        match cell {
            Cell::Empty => Ok(()),
            Cell::Text(value) => {
                push_text(text, value);
                Ok(())
            }
            Cell::Number(number) => write!(text, "{number}"),
            Cell::Seconds(seconds) => write!(text, "{seconds:.6}"),
            Cell::Flag(flag) => write!(text, "{}", u8::from(*flag)),
        }
        .map_err(io::Error::other)?;
    }
    text.push_str("\r\n");
    out.write_all(text.as_bytes())
}

/// Writes a cell of text.
fn push_text(out: &mut String, value: &str) {
    use std::fmt::Write as _;
    let guard = begins_like_a_formula(value);
    let plain = value.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b',' | b'\\'));
    if plain && !guard {
        return out.push_str(value);
    }
    out.push('"');
    if guard {
        out.push('\'');
    }
    let start = out.len();
    write!(out, "{}", Shown(value)).expect("writing to a string");
    if out[start..].contains('"') {
        let doubled = out[start..].replace('"', "\"\"");
        out.truncate(start);
        out.push_str(&doubled);
    }
    out.push('"');
}

/// Whether a spreadsheet might run it. `'` counts too, so that taking one `'` off always gives the value back.
fn begins_like_a_formula(value: &str) -> bool {
    let begins = |text: &str| text.starts_with(['=', '+', '-', '@', '\'', '\t', '\r', '\n', '＝', '＋', '－', '＠', '|', '%']);
    begins(value) || begins(value.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(value: &str) -> String {
        let mut out = String::new();
        push_text(&mut out, value);
        out
    }

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        for (value, expected) in [
            ("chat", "chat"),
            ("", ""),
            ("a,b \"c\"", "\"a,b \"\"c\"\"\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@x", "\"'@x\""),
            ("\t=1", "\"'\\u{9}=1\""),
            ("  =1", "\"'  =1\""),
            ("＝1", "\"'＝1\""),
            ("'quoted", "\"''quoted\""),
            ("two\r\nlines", "\"two\\u{d}\\u{a}lines\""),
            ("\u{1b}[31m", "\"\\u{1b}[31m\""),
            ("grüße", "\"grüße\""),
        ] {
            assert_eq!(cell(value), expected, "{value:?}");
        }
    }
}
