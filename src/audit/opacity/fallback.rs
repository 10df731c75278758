//! Bodies beside a container (OPACITY 5): a sentence for clients that cannot decrypt, or something that should not be there (F1 to F3).

use std::ops::Range;
use std::sync::LazyLock;

use rustc_hash::FxHashSet;
use serde::Deserialize;

use super::bounded::Ring;
use super::found::Found;
use super::keyed::hash;
use crate::xmpp::element::Element;

/// Learned sentences, and candidates.
const MAX_LEARNED: usize = 4096;
/// Times a text must be seen beside different payloads (F2).
const REPEATS: u32 = 3;
/// XEP-0428.
const FALLBACK: &str = "urn:xmpp:fallback:0";
const REPLY: &str = "urn:xmpp:reply:0";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fallback: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(rename = "client")]
    _client: String,
    text: String,
}

/// The sentences, as clients write them with either apostrophe, and folded, and the length of the longest.
static KNOWN: LazyLock<(FxHashSet<String>, usize)> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../../../data/fallbacks.toml")).expect("data/fallbacks.toml is tested");
    let folded = |row: &Row| folded(&row.text, usize::MAX);
    let longest = file.fallback.iter().filter_map(folded).map(|text| text.len()).max().unwrap_or(0);
    let variants = |row: Row| [folded(&row), Some(row.text.replace('\u{2019}', "'")), Some(row.text.replace('\'', "\u{2019}"))];
    let known = file.fallback.into_iter().flat_map(variants).flatten().collect();
    (known, longest)
});

/// Lower case, straight apostrophes, single spaces, no final full stop; none when it gets longer than `max` bytes.
fn folded(body: &str, max: usize) -> Option<String> {
    let body = body.trim();
    let mut out = String::with_capacity(body.len().min(max) + 8);
    for c in body.chars() {
        match c {
            '\u{2019}' => out.push('\''),
            c if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c if c.is_ascii() => out.push(c.to_ascii_lowercase()),
            c => out.extend(c.to_lowercase()),
        }
        if out.len() > max {
            return None;
        }
    }
    out.truncate(out.strip_suffix('.').unwrap_or(&out).len());
    Some(out)
}

/// Whether a body is one of the sentences clients send in place of an encrypted one (F1).
pub fn is_fallback(body: &str) -> bool {
    let (known, longest) = &*KNOWN;
    // A full stop may follow.
    known.contains(body) || folded(body, longest + 1).is_some_and(|folded| known.contains(&folded))
}

/// Whether nothing but a fallback is there: the sentence, perhaps behind a quote that is a fallback itself.
fn is_harmless(message: Element<'_>, body: &str) -> bool {
    if is_fallback(body) {
        return true;
    }
    let (quote, rest) = match indicated_quote(message, body) {
        Some(range) => (body[range.clone()].to_owned(), format!("{}{}", &body[..range.start], &body[range.end..])),
        None => leading_quote(body),
    };
    let quoted: Vec<&str> = quote.lines().map(|line| line.trim_start_matches(['>', ' ']).trim()).filter(|line| !line.is_empty()).collect();
    !quoted.is_empty() && is_fallback(&quoted.join(" ")) && is_fallback(&rest)
}

/// Lines that begin with `>`, and what follows them.
fn leading_quote(body: &str) -> (String, String) {
    let quoted = body.lines().take_while(|line| line.trim_start().starts_with('>')).count();
    let line = |lines: Vec<&str>| lines.join("\n");
    (line(body.lines().take(quoted).collect()), line(body.lines().skip(quoted).collect()))
}

/// The quote as a reply marks it (XEP-0461 §3): characters counted from 0.
fn indicated_quote(message: Element<'_>, body: &str) -> Option<Range<usize>> {
    let mark = message.children().find(|c| c.local() == "fallback" && c.uri() == FALLBACK && c.attr("for") == Some(REPLY))?;
    let part = mark.children().find(|c| c.local() == "body")?;
    let at = |name: &str| -> Option<usize> {
        let characters: usize = part.attr(name)?.parse().ok()?;
        body.char_indices().map(|(at, _)| at).chain([body.len()]).nth(characters)
    };
    let (start, end) = (at("start")?, at("end")?);
    (start <= end).then_some(start..end)
}

/// Texts seen beside containers, per sender.
#[derive(Debug)]
pub struct Learned(Ring<Text>);

#[derive(Debug, Clone, Copy)]
struct Text {
    times: u32,
    length: usize,
    differs: bool,
}

impl Text {
    fn is_learned(&self) -> bool {
        self.times >= REPEATS && self.differs
    }
}

/// F3.
fn unknown(body: Element<'_>, text: &str) -> Found {
    Found::suspect("F3", body, "a body in clear that is no known fallback sentence", "XEP-0380 §4").bytes(0, text.len())
}

impl Default for Learned {
    fn default() -> Learned {
        Learned(Ring::new(MAX_LEARNED))
    }
}

impl Learned {
    /// F1 to F3 for a body beside a container with a payload of that length. Returns whether the body was only learned to be harmless.
    pub fn check(&mut self, body: Element<'_>, message: Element<'_>, sender: Option<&str>, payload: usize, found: &mut Vec<Found>) -> bool {
        let text = body.own_text();
        let text = text.trim();
        if text.is_empty() || is_harmless(message, text) {
            return false;
        }
        let key = hash((sender.unwrap_or_default(), text));
        let before = self.0.get(key).copied().unwrap_or(Text { times: 0, length: payload, differs: false });
        let now = Text { times: before.times.saturating_add(1), length: payload, differs: before.differs || before.length != payload };
        self.0.insert(key, now);
        if now.is_learned() {
            let detail = "the same text stands beside different payloads: taken for a fallback sentence";
            found.push(Found::info("F2", body, detail, "XEP-0380 §4"));
            return true;
        }
        found.push(unknown(body, text));
        false
    }

    /// F3 for a body beside a copy, which counts for nothing new.
    pub fn check_copy(&self, body: Element<'_>, message: Element<'_>, sender: Option<&str>, found: &mut Vec<Found>) {
        let text = body.own_text();
        let text = text.trim();
        let learned = |text: &str| self.0.get(hash((sender.unwrap_or_default(), text))).is_some_and(Text::is_learned);
        if !text.is_empty() && !is_harmless(message, text) && !learned(text) {
            found.push(unknown(body, text));
        }
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_compared_folded() {
        for body in [
            "I sent you an OMEMO encrypted message but your client doesn\u{2019}t seem to support that.",
            " this  message is\nOMEMO encrypted ",
            "[This message is OMEMO encrypted]",
            "***You received an OMEMO encrypted message***",
        ] {
            assert!(is_fallback(body), "{body}");
        }
        assert!(!is_fallback("This message is OMEMO encrypted, see you at nine"));
        assert!(!is_fallback(""));
        assert_eq!(leading_quote("> a\n> b\nc"), ("> a\n> b".into(), "c".into()));
    }
}
