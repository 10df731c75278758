//! Lists of words that rules look for in names, and how a name is cut into words.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;
use serde::Deserialize;

/// Words by what they name.
#[derive(Debug)]
pub(super) struct Words {
    by_word: FxHashMap<String, String>,
    /// Those that are cut when a name is cut into words (`fritz.box`), with what they name.
    compounds: Vec<(String, String)>,
}

impl Words {
    fn parse(file: &str, text: &str) -> Words {
        let lists: FxHashMap<String, Vec<String>> = toml::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let words = lists.into_iter().flat_map(|(kind, words)| words.into_iter().map(move |word| (word, kind.clone())));
        let (by_word, compounds): (Vec<_>, Vec<_>) = words.partition(|(word, _)| word.chars().all(char::is_alphanumeric));
        Words { by_word: by_word.into_iter().collect(), compounds }
    }

    /// Words of the text that are on a list, with the name of the list.
    pub fn find<'a>(&'a self, text: &str) -> Option<(&'a str, &'a str)> {
        let lower = text.to_lowercase();
        let whole = lower.split(|c: char| !c.is_alphanumeric());
        let whole = whole.map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit())).filter(|word| !word.is_empty());
        let whole: Vec<&str> = whole.collect();
        let pieces = pieces(text);
        // What is only a piece of a longer word has to be long: random names hold short words by chance.
        let long = pieces.iter().map(String::as_str).filter(|piece| piece.chars().count() >= 4);
        let hit = |word: &str| self.by_word.get_key_value(word).map(|(word, kind)| (word.as_str(), kind.as_str()));
        let compound = || self.compounds.iter().find(|(word, _)| holds(&lower, word)).map(|(word, kind)| (word.as_str(), kind.as_str()));
        whole.iter().copied().chain(long).find_map(hit).or_else(compound)
    }
}

/// Whether a text holds several words in a row that are not parts of others. Digits may follow, as in the number of a model.
fn holds(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, _)| {
        let after = text[at + words.len()..].chars().next();
        !text[..at].ends_with(char::is_alphanumeric) && !after.is_some_and(char::is_alphabetic)
    })
}

/// A text cut where its letters turn from small to capital, or meet digits.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut before = ' ';
    for c in text.chars() {
        let turns = before.is_lowercase() && c.is_uppercase() || before.is_alphabetic() != c.is_alphabetic();
        if turns {
            pieces.push(String::new());
        }
        if c.is_alphabetic() {
            pieces.last_mut().expect("never empty").extend(c.to_lowercase());
        }
        before = c;
    }
    pieces
}

/// Words that name a device, a system or a client.
pub(super) fn device_words() -> &'static Words {
    static WORDS: OnceLock<Words> = OnceLock::new();
    WORDS.get_or_init(|| Words::parse("data/device-words.toml", include_str!("../../data/device-words.toml")))
}

/// Words that tell what somebody is to the person.
pub(super) fn revealing_words() -> &'static Words {
    static WORDS: OnceLock<Words> = OnceLock::new();
    WORDS.get_or_init(|| Words::parse("data/revealing-words.toml", include_str!("../../data/revealing-words.toml")))
}

/// How a client's stanza ids look.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdForm {
    client: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    suffix: String,
}

impl IdForm {
    fn all() -> Vec<IdForm> {
        let mut lists: FxHashMap<String, Vec<IdForm>> =
            toml::from_str(include_str!("../../data/id-prefixes.toml")).unwrap_or_else(|error| panic!("data/id-prefixes.toml: {error}"));
        lists.remove("id").unwrap_or_default()
    }
}

/// The client whose stanza ids look like this.
pub(super) fn client_of_id(id: &str) -> Option<&'static str> {
    static FORMS: OnceLock<Vec<IdForm>> = OnceLock::new();
    let made = |form: &&IdForm| {
        let (prefix, suffix) = (form.prefix.as_bytes(), form.suffix.as_bytes());
        // One byte rules out nearly every form.
        let begins = prefix.first().is_none_or(|first| id.as_bytes().first() == Some(first));
        begins && id.len() > prefix.len() + suffix.len() && id.as_bytes().starts_with(prefix) && id.as_bytes().ends_with(suffix)
    };
    FORMS.get_or_init(IdForm::all).iter().find(made).map(|form| form.client.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_words() {
        let kind = |text| device_words().find(text).map(|(_, kind)| kind);
        for text in ["Miras-MacBook-Pro.local", "pixel9", "workLaptop", "phone", "DESKTOP-4GH7K2", "Telefon"] {
            assert_eq!(kind(text), Some("device"), "{text}");
        }
        assert_eq!(kind("gajim.X7QZ"), Some("client"));
        for (text, expected) in [
            ("lab3.fritz.box", "device"),
            ("SM-G991B", "device"),
            ("jabber.el-7", "client"),
            ("xmpp-web", "client"),
            ("PsiPlus", "client"),
            ("QXmpp1234", "client"),
        ] {
            assert_eq!(kind(text), Some(expected), "{text}");
        }
        for text in
            ["prism-good", "fritz.boxer", "myxmpp-web", "x7PcQ2vv1", "q8Tv-W0mzA", "4f1c2ab8-90de-4acc-9c1e-0d2b6c3ea551", "harbour", ""]
        {
            assert_eq!(kind(text), None, "{text}");
        }
    }

    #[test]
    fn ids_tell_their_client() {
        assert_eq!(client_of_id("purple5c1d8a2b"), Some("libpurple"));
        assert_eq!(client_of_id("4f1c2ab8-90de-4acc-9c1e-0d2b6c3ea551:sendIQ"), Some("Strophe (Converse and others)"));
        assert_eq!(client_of_id("4f1c2ab8-90de-4acc-9c1e-0d2b6c3ea551"), None);
    }
}
