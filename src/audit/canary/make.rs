//! New canaries: texts to type, and a picture to send. Random bytes come in, nothing is opened.

use super::declare::{Canary, Field, FileFacts};
use super::image;
use super::needles::{PREFIX, RANDOM};

/// What is to be made.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// How many sets.
    pub count: usize,
    /// Whom the messages go to.
    pub with: Option<String>,
}

/// A canary that was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// As it is declared.
    pub canary: Canary,
    /// What the evaluator does with it.
    pub instruction: &'static str,
    /// The file that carries it: its name and its bytes.
    pub file: Option<(String, Vec<u8>)>,
}

/// A source of random bytes.
pub type Random<'a> = dyn FnMut(&mut [u8]) + 'a;

/// Makes sets of canaries: one for each field, a message of each of the three shapes, and a picture.
pub fn sets(wanted: &Wanted, random: &mut Random<'_>) -> Vec<Made> {
    let mut all: Vec<Made> = Vec::new();
    for _ in 0..wanted.count {
        for (field, shape, instruction) in FIELDS {
            let mut canary = Canary { field: Some(*field), text: shape.text(random), ..Canary::default() };
            canary.name = Some(format!("c{}", all.len() + 1));
            if field.is_message() {
                canary.with = wanted.with.clone();
            }
            all.push(Made { canary, instruction, file: None });
        }
        let name = all.iter().rfind(|made| made.canary.field == Some(Field::FileName)).map(|made| made.canary.text.clone());
        let text = Shape::Plain.text(random);
        let bytes = image::png(&text, random);
        let file = Some(image::facts(&bytes));
        let name = format!("{}.png", name.unwrap_or_default());
        let canary = Canary { name: Some(format!("c{}", all.len() + 1)), field: Some(Field::File), text, with: None, file };
        all.push(Made { canary, instruction: "send the picture with this name", file: Some((name, bytes)) });
    }
    all
}

/// The section of a session file that declares them.
pub fn session_file(made: &[Made]) -> String {
    let mut out = String::from("# Canaries of stanzascope. Whoever knows them before the run can hide from it: keep them private.\n");
    for made in made {
        let canary = &made.canary;
        out.push_str("\n[[canary]]\n");
        let pairs = [
            ("name", canary.name.as_deref()),
            ("field", canary.field.map(Field::name)),
            ("text", Some(canary.text.as_str())),
            ("with", canary.with.as_deref()),
        ];
        pairs.iter().filter_map(|(key, value)| Some((key, (*value)?))).for_each(|(key, value)| {
            out.push_str(&format!("{key} = {}\n", quoted(value)));
        });
        out.push_str(&canary.file.as_ref().map_or_else(String::new, facts));
    }
    out
}

fn facts(file: &FileFacts) -> String {
    let size = file.size.map_or_else(String::new, |size| format!("size = {size}\n"));
    let digests = file.named().into_iter().filter_map(|(name, hex, _)| Some(format!("{name} = \"{}\"\n", hex.as_deref()?)));
    format!("[canary.file]\n{size}{}", digests.collect::<String>())
}

/// A TOML string. JSON's escapes are among TOML's.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}

/// The list that a person types from.
pub fn checklist(made: &[Made]) -> String {
    let mut out = String::from(
        "Type or paste each text once, into the field it stands for, after the run has begun. One a message.\n\
         A line with the name of a canary, typed into the running proxy right before, says which message holds it.\n",
    );
    for Made { canary, instruction, file } in made {
        let name = canary.name.as_deref().unwrap_or_default();
        out.push_str(&format!("\n{name}  {}: {instruction}\n", canary.field.map_or("", Field::name)));
        out.push_str(&format!("    {}\n", file.as_ref().map_or(&canary.text, |(file, _)| file)));
    }
    out
}

/// The three shapes of a canary.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// Random characters and a word.
    Plain,
    /// With characters that are escaped or normalised on their way.
    Special,
    /// Long enough to be cut.
    Long,
}

impl Shape {
    fn text(self, random: &mut Random<'_>) -> String {
        let body = match self {
            Shape::Plain => letters(RANDOM, random),
            Shape::Special => {
                let parts: Vec<String> = (0..8).map(|_| letters(2, random)).collect();
                let between = ["&", "<", ">", "\"", "'", "\u{e9}", "e\u{301}"];
                parts.iter().enumerate().map(|(at, part)| format!("{part}{}", between.get(at).unwrap_or(&""))).collect()
            }
            Shape::Long => letters(300, random),
        };
        let mut byte = [0];
        random(&mut byte);
        format!("{PREFIX}{body}-{}", WORDS[usize::from(byte[0]) % WORDS.len()])
    }
}

fn letters(count: usize, random: &mut Random<'_>) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bytes = vec![0; count];
    random(&mut bytes);
    bytes.iter().map(|byte| ALPHABET[usize::from(byte & 31)] as char).collect()
}

/// What a set has. The picture comes on top.
const FIELDS: &[(Field, Shape, &str)] = &[
    (Field::Body, Shape::Plain, "send it as an encrypted message"),
    (Field::Body, Shape::Special, "send it as an encrypted message"),
    (Field::Body, Shape::Long, "send it as an encrypted message"),
    (Field::Caption, Shape::Plain, "send it as the caption of a file"),
    (Field::FileName, Shape::Plain, "it is the name of the picture"),
    (Field::RoomSubject, Shape::Plain, "set it as the subject of a private room"),
    (Field::Nickname, Shape::Plain, "take it as nickname in a private room"),
    (Field::Status, Shape::Plain, "set it as status message"),
    (Field::Reply, Shape::Plain, "send it as a reply to a message"),
    (Field::Edit, Shape::Plain, "correct a message to it"),
    (Field::Reaction, Shape::Plain, "send it as a message, and put a reaction on it"),
    (Field::Draft, Shape::Plain, "type it and do not send it"),
    (Field::Search, Shape::Plain, "search the history for it"),
    (Field::ContactAlias, Shape::Plain, "name a contact so"),
];

/// Words that autocorrect leaves alone.
const WORDS: &[&str] = &[
    "heron", "lantern", "meadow", "harbor", "copper", "winter", "garden", "violet", "marble", "anchor", "candle", "forest", "ribbon",
    "saddle", "timber", "walnut",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::canary::Canaries;

    fn counting() -> impl FnMut(&mut [u8]) {
        let mut state = 1u32;
        move |bytes| {
            for byte in bytes {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (state >> 24) as u8;
            }
        }
    }

    #[test]
    fn a_set_has_every_field_and_is_a_section_of_a_session_file() {
        let made = sets(&Wanted { count: 2, with: Some("ben@lab.test".into()) }, &mut counting());
        for field in Field::ALL {
            assert!(made.iter().filter(|made| made.canary.field == Some(*field)).count() >= 2, "{field}");
        }
        #[derive(serde::Deserialize)]
        struct File {
            canary: Vec<Canary>,
        }
        let text = session_file(&made);
        let read: File = toml::from_str(&text).unwrap();
        assert!(read.canary.iter().eq(made.iter().map(|made| &made.canary)), "{text}");
        assert_eq!(Canaries::new(read.canary).unwrap().len(), 30);
        let list = checklist(&made);
        assert!(made.iter().all(|made| list.contains(made.file.as_ref().map_or(&*made.canary.text, |(name, _)| name))));
    }

    #[test]
    fn shapes_are_those_of_the_procedure() {
        let mut random = counting();
        let plain = Shape::Plain.text(&mut random);
        let (token, word) = plain.split_once('-').unwrap();
        assert!(token.len() == 16 && token.starts_with("CNRY") && WORDS.contains(&word), "{plain}");
        let special = Shape::Special.text(&mut random);
        assert!(["&", "<", ">", "\"", "'", "\u{e9}", "e\u{301}"].iter().all(|part| special.contains(part)), "{special}");
        assert!(Shape::Long.text(&mut random).len() >= 300);
        assert!([plain, special].iter().all(|text| !text.contains(char::is_whitespace)));
    }
}
