//! Bodies beside a container (OPACITY 5): a sentence for clients that cannot decrypt, or something that should not be there (F1 to F3).
//!
//! Clients translate their sentences, so one that is not in `data/fallbacks.toml` may be harmless too: it is told by its words
//! (`data/fallback-words.toml`), strictly, since a sentence with the message behind it is what the rule is there to find.

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

/// Words that fallback sentences are made of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    systems: Vec<String>,
    encrypted: Vec<String>,
    about: Vec<String>,
    links: Vec<String>,
}

static WORDS: LazyLock<Words> =
    LazyLock::new(|| toml::from_str(include_str!("../../../data/fallback-words.toml")).expect("data/fallback-words.toml is tested"));

/// Bytes and words of a sentence that nobody knows; a few words need not say what they are about.
const MAX_LIKE: usize = 320;
const MAX_WORDS: usize = 28;
const FEW_WORDS: usize = 4;
/// Words of the second sentence, which has a link.
const MAX_LINK_WORDS: usize = 10;

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

/// Whether a body reads like one of these sentences in another wording or language: one sentence that names the system and says that
/// something is encrypted, and no part of which is about anything but that, the message or the client. A second one may say where to read
/// more.
pub fn is_like_one(body: &str) -> bool {
    // Most texts are told by what they do not have. Quotes have rules of their own.
    if body.len() > MAX_LIKE || body.trim().contains('\n') || body.trim_start().starts_with('>') {
        return false;
    }
    let Some(mut text) = folded(body, MAX_LIKE) else { return false };
    let words = &*WORDS;
    if !words.systems.iter().any(|system| names(&text, system)) {
        return false;
    }
    if let Some(link) = words.links.iter().find(|link| text.ends_with(link.as_str())) {
        text.truncate(text.len() - link.len());
        let sentence = text.trim_end().trim_end_matches(':');
        if let Some((at, end)) = sentence.rmatch_indices(ENDS).next() {
            let more = &sentence[at + end.len()..];
            if more.split_whitespace().count() > MAX_LINK_WORDS || more.contains(PAUSES) {
                return false;
            }
            text.truncate(at);
        }
    }
    let sentence = text.trim_matches(|c: char| !c.is_alphanumeric());
    // Behind a sentence that is known a part of its own begins.
    let known = KNOWN.0.iter().filter(|known| sentence.contains(known.as_str())).max_by_key(|known| known.len());
    let rest = known.map_or_else(|| sentence.to_owned(), |known| sentence.replacen(known.as_str(), ";", 1)).replace(" - ", ";");
    let has = |part: &str, list: &[String]| list.iter().any(|word| part.contains(word.as_str()));
    let is_about =
        |part: &str| has(part, &words.about) || has(part, &words.encrypted) || words.systems.iter().any(|system| names(part, system));
    let parts = || rest.split(PAUSES).map(str::trim).filter(|part| !part.is_empty());
    let count = sentence.split_whitespace().count();
    !sentence.contains(ENDS)
        && !has_other_numbers(sentence)
        && has(sentence, &words.encrypted)
        && count <= if has(sentence, &words.about) { MAX_WORDS } else { FEW_WORDS }
        && parts().all(is_about)
}

/// What ends a sentence, and what divides one. A full stop within a word is neither, but no sentence here has such a word.
const ENDS: [char; 9] = ['.', '!', '?', '\u{2026}', '\u{3002}', '\u{ff01}', '\u{ff1f}', '\u{61f}', '\u{964}'];
const PAUSES: [char; 12] = [',', ';', ':', '(', ')', '\u{2013}', '\u{2014}', '\u{ff0c}', '\u{3001}', '\u{ff1a}', '\u{60c}', '|'];

/// Whether a system is named: not as a part of another word of its script.
fn names(text: &str, system: &str) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.match_indices(system)
        .any(|(at, _)| !is_letter(text[..at].chars().next_back()) && !is_letter(text[at + system.len()..].chars().next()))
}

/// Whether there are numbers that are not of the system: times, places, amounts.
fn has_other_numbers(sentence: &str) -> bool {
    let words = sentence.split(|c: char| c.is_whitespace() || PAUSES.contains(&c));
    words.filter(|word| word.contains(|c: char| c.is_numeric())).any(|word| !matches!(word, "2" | "0.8") && !word.starts_with("xep-"))
}

/// Whether a link is the one clients put into the sentence.
pub fn is_known_link(link: &str) -> bool {
    WORDS.links.iter().any(|known| link.trim() == known)
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

/// F1, when only its words tell.
fn like_one(body: Element<'_>) -> Found {
    Found::info("F1", body, "no known fallback sentence, but it says no more than that the message is encrypted", "XEP-0380 §4")
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
        if is_like_one(text) {
            found.push(like_one(body));
            return true;
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
        if text.is_empty() || is_harmless(message, text) || learned(text) {
            return;
        }
        found.push(if is_like_one(text) { like_one(body) } else { unknown(body, text) });
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
    }

    #[test]
    fn sentences_in_other_words() {
        for body in [
            "Dies ist eine mit OMEMO verschl\u{fc}sselte Nachricht, die Ihr Client nicht zu unterst\u{fc}tzen scheint. Weitere Informationen finden Sie auf https://conversations.im/omemo",
            "Ceci est un message chiffr\u{e9} avec OMEMO que votre client ne semble pas prendre en charge. Plus d\u{2019}informations sur https://conversations.im/omemo",
            "Este es un mensaje cifrado con OMEMO que tu cliente no parece soportar.",
            "\u{412}\u{44b} \u{43f}\u{43e}\u{43b}\u{443}\u{447}\u{438}\u{43b}\u{438} \u{441}\u{43e}\u{43e}\u{431}\u{449}\u{435}\u{43d}\u{438}\u{435}, \u{437}\u{430}\u{448}\u{438}\u{444}\u{440}\u{43e}\u{432}\u{430}\u{43d}\u{43d}\u{43e}\u{435} \u{441} \u{43f}\u{43e}\u{43c}\u{43e}\u{449}\u{44c}\u{44e} OMEMO.",
            "Message is encrypted with OMEMO",
            "OMEMO encrypted message",
            "[PGP-encrypted message]",
            "Questo messaggio \u{e8} crittografato con OMEMO",
            "Verschl\u{fc}sselt mit OMEMO",
            "Diese Nachricht ist mit OMEMO 2 verschl\u{fc}sselt, konnte aber nicht entschl\u{fc}sselt werden",
            "Tento zprava je sifrovana pomoci OMEMO.",
            "\u{3053}\u{306e}\u{30e1}\u{30c3}\u{30bb}\u{30fc}\u{30b8}\u{306f}OMEMO\u{3067}\u{6697}\u{53f7}\u{5316}\u{3055}\u{308c}\u{3066}\u{3044}\u{307e}\u{3059}\u{3002}",
            "\u{6b64}\u{6d88}\u{606f}\u{5df2}\u{4f7f}\u{7528} OMEMO \u{52a0}\u{5bc6}",
            "This message is OMEMO encrypted and your client does not support it",
        ] {
            assert!(is_like_one(body), "{body}");
        }
        for body in [
            "",
            "see you at nine",
            "You received a message encrypted with OMEMO but your client doesn't support OMEMO. meet me at nine",
            "This message is OMEMO encrypted, see you at nine",
            "This message is OMEMO encrypted see you at the station",
            "This message is OMEMO encrypted: meet me at the station",
            "OMEMO encrypted message - meet me at the station",
            "This message is encrypted with OMEMO (the papers are in the blue box)",
            "Meet me at nine. This message is OMEMO encrypted.",
            "Hi Ben! OMEMO encrypted message",
            "> [This message is OMEMO encrypted]",
            "Diese Nachricht ist mit OMEMO verschl\u{fc}sselt. Bis um neun!",
            "Diese Nachricht ist mit OMEMO verschl\u{fc}sselt\nbis um neun",
            "OMEMO encrypted message 4711",
            "Please turn off the OMEMO encryption on your phone",
            "OMEMO encrypted message, more on https://a.example/4711",
            "This message is encrypted",
            "photroms are encrypted messages",
        ] {
            assert!(!is_like_one(body), "{body}");
        }
    }

    #[test]
    fn quotes_are_divided_from_what_follows() {
        assert_eq!(leading_quote("> a\n> b\nc"), ("> a\n> b".into(), "c".into()));
    }
}
