//! Text from the wire on a terminal: nothing a peer wrote may move the cursor, change colours, hide or reorder what is shown.
//!
//! Everything that is printed and did not come from us goes through [`Shown`] or [`clipped`].

use std::fmt::{self, Display};

/// Displays a string with control and invisible characters as `\u{…}`.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(pub &'a str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.chars();
        while let Some(c) = rest.next() {
            write_char(f, c, rest.as_str())?;
        }
        Ok(())
    }
}

/// Text that may hold values passed through [`Shown`] already: only what could do harm is replaced, so that nothing is escaped twice.
pub fn guarded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| write_char(&mut out, c, "").expect("writing to a string"));
    out
}

/// As [`guarded`], line by line: line feeds stay.
pub fn guarded_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' { out.push(c) } else { write_char(&mut out, c, "").expect("writing to a string") }
    }
    out
}

/// A string as it may be printed.
pub fn shown(text: &str) -> String {
    Shown(text).to_string()
}

/// A string as it may be printed, in at most `max` columns; what is cut off is marked with `…`.
pub fn clipped(text: &str, max: usize) -> String {
    let mut out = String::new();
    let (mut used, mut fits) = (0, 0);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let before = out.len();
        write_char(&mut out, c, rest.as_str()).expect("writing to a string");
        used += columns(&out[before..]);
        if used < max {
            fits = out.len();
        }
        if used > max {
            out.truncate(fits);
            out.push('…');
            break;
        }
    }
    out
}

/// Columns that printed text takes up: wide characters take two, marks on the one before none. An estimate; terminals differ.
pub fn columns(text: &str) -> usize {
    text.chars()
        .map(|c| match u32::from(c) {
            0x0300..=0x036f | 0x1ab0..=0x1aff | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
            0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 => {
                2
            }
            0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
            _ => 1,
        })
        .sum()
}

/// Whether a character is never printed as it is.
pub fn is_unsafe(c: char) -> bool {
    // C0, DEL and C1; then what reorders, joins, hides or ends lines without leaving a trace.
    c.is_control()
        || matches!(u32::from(c),
            0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe0fff)
}

fn write_char(out: &mut impl fmt::Write, c: char, rest: &str) -> fmt::Result {
    // A backslash that would look like the start of our own notation is written in it.
    if is_unsafe(c) || (c == '\\' && rest.starts_with("u{")) { write!(out, "\\u{{{:x}}}", u32::from(c)) } else { out.write_char(c) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_bidi_characters_are_spelled_out() {
        for (raw, expected) in [
            ("plain ann@a.example/phone", "plain ann@a.example/phone"),
            ("\u{1b}[31mred\u{7}", "\\u{1b}[31mred\\u{7}"),
            ("a\r\nb\tc\0", "a\\u{d}\\u{a}b\\u{9}c\\u{0}"),
            ("\u{7f}\u{85}\u{9b}2J", "\\u{7f}\\u{85}\\u{9b}2J"),
            ("\u{202e}gpj.exe\u{2066}\u{2069}\u{61c}", "\\u{202e}gpj.exe\\u{2066}\\u{2069}\\u{61c}"),
            ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
            ("a\u{200b}dmin\u{feff}\u{e0041}", "a\\u{200b}dmin\\u{feff}\\u{e0041}"),
            ("grüße 漢字 😀", "grüße 漢字 😀"),
            // What looks like our notation but was sent is told apart; XEP-0106 escapes stay readable.
            ("\\u{1b}", "\\u{5c}u{1b}"),
            ("d\\27artagnan@a.example", "d\\27artagnan@a.example"),
        ] {
            assert_eq!(shown(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn guarding_does_not_escape_twice() {
        let once = shown("\u{1b}[0m \\u{41}");
        assert_eq!(guarded(&once), once);
        assert_eq!(guarded("\u{9b}"), "\\u{9b}");
    }

    #[test]
    fn no_unsafe_character_survives() {
        let all: String = (0..=0x10_ffff).filter_map(char::from_u32).collect();
        assert!(!shown(&all).chars().any(is_unsafe));
        assert!(!guarded(&all).chars().any(is_unsafe));
    }

    #[test]
    fn clipping_counts_columns_and_never_splits_an_escape() {
        for (raw, max, expected) in [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("abc\u{1b}def", 6, "abc…"),
            ("漢字漢字", 6, "漢字…"),
            ("", 6, ""),
            ("\u{202e}x", 3, "…"),
        ] {
            assert_eq!(clipped(raw, max), expected, "{raw:?}");
            assert!(columns(&clipped(raw, max)) <= max, "{raw:?}");
        }
    }
}
