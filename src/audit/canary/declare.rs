//! What an evaluator declares: texts, what each is typed into, whom it goes to, and the files that belong to them.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use super::search::Search;
use crate::catalog::closed_enum;
use crate::xmpp::jid::normalised_bare;

/// Fewest characters of a usable canary. By chance, 8 base64 symbols in 10⁹ positions are met 4·10⁻⁶ times; fewer are met too often.
pub const MIN_CHARS: usize = 8;
/// Most characters of a canary.
pub const MAX_CHARS: usize = 4096;
/// Most canaries of a run.
pub const MAX_CANARIES: usize = 500;
/// Most characters of all canaries together: the memory of the search grows with them.
const MAX_ALL_CHARS: usize = 200_000;

closed_enum! {
    /// What a canary is typed into.
    Field {
        /// A message.
        Body = "body",
        /// The caption of a file.
        Caption = "caption",
        /// The name of a file.
        FileName = "file_name",
        /// The subject of a room.
        RoomSubject = "room_subject",
        /// A nickname.
        Nickname = "nickname",
        /// A status message.
        Status = "status",
        /// An answer that quotes.
        Reply = "reply",
        /// The new text of a message that was corrected.
        Edit = "edit",
        /// A message that a reaction is put on.
        Reaction = "reaction",
        /// A text that is typed and not sent.
        Draft = "draft",
        /// A word that is searched for.
        Search = "search",
        /// The name of a contact.
        ContactAlias = "contact_alias",
        /// Text inside a file.
        File = "file",
    }
}

impl Field {
    /// Whether text typed there travels inside an encrypted message. A caption, an edit and a target of a reaction are messages themselves.
    pub fn is_message(self) -> bool {
        matches!(self, Field::Body | Field::Caption | Field::Reply | Field::Edit | Field::Reaction)
    }
}

/// Digests of a canary file, in hexadecimal, and its size.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "named after what they are")]
pub struct FileFacts {
    pub size: Option<u64>,
    pub md5: Option<String>,
    pub sha1: Option<String>,
    pub sha256: Option<String>,
    pub sha512: Option<String>,
    pub sha3_256: Option<String>,
    pub blake2b_256: Option<String>,
}

impl FileFacts {
    /// The digests that are there, with their names and lengths in bytes.
    pub(super) fn named(&self) -> [(&'static str, &Option<String>, usize); 6] {
        [
            ("md5", &self.md5, 16),
            ("sha1", &self.sha1, 20),
            ("sha256", &self.sha256, 32),
            ("sha512", &self.sha512, 64),
            ("sha3_256", &self.sha3_256, 32),
            ("blake2b_256", &self.blake2b_256, 32),
        ]
    }

    /// The digests in bytes.
    pub fn digests(&self) -> impl Iterator<Item = Vec<u8>> {
        self.named().map(|(_, hex, _)| hex.as_deref().and_then(from_hex)).into_iter().flatten()
    }

    fn check(&self) -> Result<(), String> {
        for (name, hex, bytes) in self.named() {
            if hex.as_deref().is_some_and(|hex| from_hex(hex).is_none_or(|digest| digest.len() != bytes)) {
                return Err(format!("{name} is not {} hexadecimal digits", bytes * 2));
            }
        }
        Ok(())
    }
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// A canary as it is declared. What it says is never written out: `Debug` shows its length.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "Table")]
pub struct Canary {
    /// What it is called in records; `c` and its position when it has no name.
    pub name: Option<String>,
    /// What it is typed into.
    pub field: Option<Field>,
    /// The text itself.
    pub text: String,
    /// Whom messages with it go to; anybody when not said.
    pub with: Option<String>,
    /// The file that carries it.
    pub file: Option<FileFacts>,
}

/// The table `[[canary]]` of a session file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: Option<String>,
    field: Option<String>,
    text: String,
    with: Option<String>,
    file: Option<FileFacts>,
}

impl TryFrom<Table> for Canary {
    type Error = String;

    fn try_from(table: Table) -> Result<Canary, String> {
        let field = match table.field.as_deref() {
            None => None,
            Some(word) => Some(Field::ALL.iter().copied().find(|field| field.name() == word).ok_or_else(|| {
                let all: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
                format!("there is no field {word:?} for a canary (one of {})", all.join(", "))
            })?),
        };
        if let Some(file) = &table.file {
            file.check()?;
        }
        let canary = Canary { name: table.name, field, text: table.text, with: table.with, file: table.file };
        canary.check().map_err(|error| error.to_string())?;
        Ok(canary)
    }
}

impl Canary {
    /// A text and nothing else.
    pub fn plain(text: impl Into<String>) -> Canary {
        Canary { text: text.into(), ..Canary::default() }
    }

    /// Whether it can be used.
    ///
    /// # Errors
    /// Says which rule it breaks, and never its text.
    pub fn check(&self) -> Result<(), CanaryError> {
        let chars = self.text.trim().chars().count();
        if !(MIN_CHARS..=MAX_CHARS).contains(&chars) {
            return Err(CanaryError::Length(chars));
        }
        match &self.name {
            Some(name) if !is_name(name) => Err(CanaryError::Name),
            _ => Ok(()),
        }
    }
}

impl From<&str> for Canary {
    fn from(text: &str) -> Canary {
        Canary::plain(text)
    }
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canary").field("name", &self.name).field("field", &self.field).field("bytes", &self.text.len()).finish()
    }
}

impl fmt::Debug for FileFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileFacts").field("size", &self.size).finish_non_exhaustive()
    }
}

fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Why canaries cannot be used. Never says what they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CanaryError {
    #[error(
        "a canary has {0} characters, and has to have {MIN_CHARS} to {MAX_CHARS}: fewer are met by chance (`stanzascope canary new` makes good ones)"
    )]
    Length(usize),
    #[error("the name of a canary has 1 to 32 letters, digits, `-`, `_` or `.`, such as c1")]
    Name,
    #[error("the canaries {0} and {1} are the same text: declare each once (`stanzascope canary new` makes different ones)")]
    SameText(String, String),
    #[error("two canaries are called {0}: give each a name of its own")]
    SameName(String),
    #[error("{0} canaries are declared, and at most {MAX_CANARIES} are searched for: split them over several runs")]
    TooMany(usize),
    #[error("the canaries have {0} characters together, and at most {MAX_ALL_CHARS} are searched for: declare fewer long ones")]
    TooLong(usize),
}

/// A canary that was taken in.
#[derive(Debug)]
pub struct Declared {
    /// What it is called.
    pub name: String,
    /// First digits of the SHA-256 digest of its text.
    pub digest: String,
    /// As it was declared; addresses normalised.
    pub canary: Canary,
}

/// All canaries of a run, ready to be searched for. Cheap to clone.
#[derive(Clone, Default)]
pub struct Canaries(Option<Arc<Inner>>);

struct Inner {
    all: Vec<Declared>,
    search: Search,
}

impl fmt::Debug for Canaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Canaries({})", self.all().len())
    }
}

impl Canaries {
    /// Takes in what was declared.
    ///
    /// # Errors
    /// A canary that cannot be used, two that are the same, or too many.
    pub fn new(canaries: Vec<Canary>) -> Result<Canaries, CanaryError> {
        if canaries.is_empty() {
            return Ok(Canaries::default());
        }
        if canaries.len() > MAX_CANARIES {
            return Err(CanaryError::TooMany(canaries.len()));
        }
        let chars = canaries.iter().map(|canary| canary.text.chars().count()).sum();
        if chars > MAX_ALL_CHARS {
            return Err(CanaryError::TooLong(chars));
        }
        let mut all: Vec<Declared> = Vec::with_capacity(canaries.len());
        let mut texts = rustc_hash::FxHashMap::default();
        for (at, mut canary) in canaries.into_iter().enumerate() {
            canary.check()?;
            canary.text = canary.text.trim().to_owned();
            canary.with = canary.with.map(|with| normalised_bare(&with).into_owned());
            let name = canary.name.clone().unwrap_or_else(|| format!("c{}", at + 1));
            if all.iter().any(|other| other.name == name) {
                return Err(CanaryError::SameName(name));
            }
            if let Some(other) = texts.insert(canary.text.to_lowercase(), name.clone()) {
                return Err(CanaryError::SameText(other, name));
            }
            let mut digest = String::new();
            crate::audit::value::push_digest(&mut digest, canary.text.as_bytes());
            digest.truncate(8);
            all.push(Declared { name, digest, canary });
        }
        let search = Search::new(all.iter().map(|declared| &declared.canary));
        Ok(Canaries(Some(Arc::new(Inner { all, search }))))
    }

    /// Texts without anything else, for a test or a flag.
    ///
    /// # Errors
    /// As [`Canaries::new`].
    pub fn of_texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Result<Canaries, CanaryError> {
        Canaries::new(texts.into_iter().map(Canary::plain).collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.all().len()
    }

    /// All of them.
    pub fn all(&self) -> &[Declared] {
        self.0.as_ref().map_or(&[], |inner| &inner.all)
    }

    /// What looks for them; none when there are none.
    pub fn search(&self) -> Option<&Search> {
        self.0.as_ref().map(|inner| &inner.search)
    }

    /// What stands in records in place of a canary.
    pub fn marker(&self, canary: usize) -> String {
        format!("[canary {}]", self.all()[canary].name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(canaries: &[Canary]) -> String {
        Canaries::new(canaries.to_vec()).unwrap_err().to_string()
    }

    #[test]
    fn short_ones_are_refused_without_being_repeated() {
        assert_eq!(Canaries::of_texts(["CANARY-91bc", "12345678"]).unwrap().len(), 2);
        for text in ["ok", "1234567", "  1234567  ", ""] {
            let said = refused(&[text.into()]);
            assert!(said.contains("canary new") && (text.is_empty() || !said.contains(text)), "{said}");
        }
        assert!(refused(&["x".repeat(MAX_CHARS + 1).as_str().into()]).contains("4097"));
    }

    #[test]
    fn the_same_twice_and_too_many_are_refused() {
        assert!(refused(&["the heron lands".into(), "another bird".into(), "The Heron lands ".into()]).contains("c1 and c3"));
        let named = |text: &str| Canary { name: Some("c2".into()), ..Canary::plain(text) };
        assert!(refused(&[named("the heron lands"), "another bird".into()]).contains("called c2"));
        let many: Vec<Canary> = (0..=MAX_CANARIES).map(|n| Canary::plain(format!("canary number {n}"))).collect();
        assert!(refused(&many).contains("501"));
        let long: Vec<Canary> = (0..60).map(|n| Canary::plain(format!("{n}{}", "x".repeat(4000)))).collect();
        assert!(refused(&long).contains("together"));
        let odd = Canary { name: Some("a name".into()), ..Canary::plain("the heron lands") };
        assert!(refused(&[odd]).contains("such as c1"));
    }

    #[test]
    fn neither_settings_nor_canaries_show_the_text_when_they_are_printed() {
        let canary = Canary::plain("the heron lands");
        let all = Canaries::new(vec![canary.clone()]).unwrap();
        let shown = format!("{canary:?} {all:?} {:?}", all.all());
        assert!(!shown.contains("heron"), "{shown}");
    }

    #[test]
    fn a_table_is_read() {
        let read = |text: &str| toml::from_str::<Canary>(text);
        let canary = read("name = 'c1'\nfield = 'body'\ntext = 'the heron lands'\nwith = 'Ben@lab.test/x'\nfile = { size = 3, md5 = '900150983cd24fb0d6963f7d28e17f72' }").unwrap();
        assert_eq!(canary.field, Some(Field::Body));
        assert_eq!(canary.file.as_ref().unwrap().digests().count(), 1);
        let all = Canaries::new(vec![canary]).unwrap();
        assert_eq!(all.all()[0].canary.with.as_deref(), Some("ben@lab.test"));
        for (text, words) in [
            ("text = 'short'", "5 characters"),
            ("text = 'the heron lands'\nfield = 'boddy'", "room_subject"),
            ("text = 'the heron lands'\nfile = { md5 = '90' }", "32 hexadecimal"),
            ("text = 'the heron lands'\nfile = { crc = '90' }", "unknown field `crc`"),
            ("text = 'the heron lands'\nto = 'x'", "unknown field `to`"),
            ("field = 'body'", "missing field `text`"),
        ] {
            let said = read(text).unwrap_err().to_string();
            assert!(said.contains(words), "{said}");
        }
    }
}
