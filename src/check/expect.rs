//! One expectation: as it is written, and as it is understood.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::catalog::rows::Rows;
use crate::catalog::{Layer, Sensitivity};
use crate::record::exposure::UNCLASSIFIED;
use crate::record::{Observer, Verdict};
use crate::xmpp::Direction;

/// `[[expect]]`, as written. One key says what is expected; the others say where and why.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "docs/check.md describes each key")]
pub struct Expect {
    pub no_field: Option<Words>,
    pub has_field: Option<Words>,
    pub only_fields: Option<Words>,
    pub no_finding: Option<Words>,
    pub verdict_at_least: Option<String>,
    pub max_sensitivity: Option<String>,
    pub max_devices: Option<u64>,
    pub max_resources: Option<u64>,
    pub max_contacts: Option<u64>,
    pub max_rooms: Option<u64>,
    pub max_unclassified: Option<u64>,
    pub observer: Option<BTreeMap<String, String>>,
    pub direction: Option<String>,
    pub step: Option<String>,
    pub value: Option<String>,
    pub conversation: Option<String>,
    pub layer: Option<String>,
    pub except: Option<Words>,
    pub because: Option<String>,
}

/// A word, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a string or a list of strings")]
pub enum Words {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Words {
    fn into_vec(self) -> Vec<String> {
        match self {
            Words::One(word) => vec![word],
            Words::Many(words) => words,
        }
    }
}

/// What is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in the session file")]
pub enum Claim {
    NoField(Vec<String>),
    HasField(Vec<String>),
    OnlyFields(Vec<String>),
    NoFinding(Vec<String>),
    /// As [`verdict_rank`] counts.
    VerdictAtLeast(u8),
    MaxSensitivity(Sensitivity),
    MaxDevices(u64),
    MaxResources(u64),
    MaxContacts(u64),
    MaxRooms(u64),
    MaxUnclassified(u64),
    /// The most that each may read; `None`: nothing.
    Observers(Vec<(Observer, Option<Sensitivity>)>),
}

/// An expectation that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Line of the session file, from 1.
    pub line: usize,
    /// What it says, in a line.
    pub text: String,
    /// What is expected.
    pub claim: Claim,
    /// Only what went this way.
    pub direction: Option<Direction>,
    /// Only this step of the scenario.
    pub step: Option<String>,
    /// Only this value of the fields.
    pub value: Option<String>,
    /// Only this conversation.
    pub conversation: Option<String>,
    /// Only this layer.
    pub layer: Option<Layer>,
    /// Fields that do not count.
    pub except: Vec<String>,
    /// Why it is expected.
    pub because: String,
}

/// What is wrong with an expectation, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectError {
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

fn error<T>(problem: impl Into<String>, remedy: impl Into<String>) -> Result<T, ExpectError> {
    Err(ExpectError { problem: problem.into(), remedy: remedy.into() })
}

/// The keys of which an expectation has one.
pub const CLAIMS: &[&str] = &[
    "no_field",
    "has_field",
    "only_fields",
    "no_finding",
    "verdict_at_least",
    "max_sensitivity",
    "max_devices",
    "max_resources",
    "max_contacts",
    "max_rooms",
    "max_unclassified",
    "observer",
];

/// From the worst, 0, to the best: a place for each verdict, and for each level of evidence of `OPAQUE`.
pub fn verdict_rank(body: &str, level: Option<&str>) -> u8 {
    let known = Verdict::ALL.iter().position(|known| known.name() == body);
    // One this version does not know counts as suspect.
    let known = u8::try_from(known.unwrap_or(1)).unwrap_or(1);
    let level = level.and_then(|level| level.strip_prefix('E')).and_then(|digits| digits.parse::<u8>().ok()).unwrap_or(0);
    known * 10 + level.min(9)
}

impl Expect {
    /// Understands it.
    ///
    /// # Errors
    /// No claim or several, words that are none, keys that do not go together.
    pub fn understood(self, line: usize) -> Result<Expectation, ExpectError> {
        let text = self.text();
        let Expect { direction, step, value, conversation, layer, except, because, .. } = self.clone();
        let claim = self.claim()?;
        let direction = match direction {
            Some(word) => Some(named(&word, &[Direction::ClientToServer, Direction::ServerToClient], Direction::name, "direction")?),
            None => None,
        };
        let layer = match layer {
            Some(word) => Some(named(&word, Layer::ALL, Layer::name, "layer")?),
            None => None,
        };
        let fields =
            matches!(claim, Claim::NoField(_) | Claim::HasField(_) | Claim::OnlyFields(_) | Claim::MaxSensitivity(_) | Claim::Observers(_));
        for (key, given, fits) in [
            ("value", value.is_some(), matches!(claim, Claim::NoField(_) | Claim::HasField(_))),
            ("conversation", conversation.is_some(), matches!(claim, Claim::VerdictAtLeast(_))),
            ("layer", layer.is_some(), fields),
            ("except", except.is_some(), fields || matches!(claim, Claim::NoFinding(_))),
            ("direction", direction.is_some(), fields || matches!(claim, Claim::VerdictAtLeast(_) | Claim::MaxUnclassified(_))),
        ] {
            if given && !fits {
                return error(
                    format!("`{key}` does not go with this expectation"),
                    "docs/check.md says which keys go together; take it out",
                );
            }
        }
        Ok(Expectation {
            line,
            text,
            claim,
            direction,
            step,
            value,
            conversation: conversation.map(|with| crate::xmpp::jid::normalised_bare(&with).into_owned()),
            layer,
            except: except.map(Words::into_vec).unwrap_or_default(),
            because: because.unwrap_or_default(),
        })
    }

    fn claim(self) -> Result<Claim, ExpectError> {
        let mut claims = Vec::new();
        claims.extend(self.no_field.map(|words| Claim::NoField(words.into_vec())));
        claims.extend(self.has_field.map(|words| Claim::HasField(words.into_vec())));
        claims.extend(self.only_fields.map(|words| Claim::OnlyFields(words.into_vec())));
        claims.extend(self.no_finding.map(|words| Claim::NoFinding(words.into_vec())));
        claims.extend(self.max_devices.map(Claim::MaxDevices));
        claims.extend(self.max_resources.map(Claim::MaxResources));
        claims.extend(self.max_contacts.map(Claim::MaxContacts));
        claims.extend(self.max_rooms.map(Claim::MaxRooms));
        claims.extend(self.max_unclassified.map(Claim::MaxUnclassified));
        if let Some(word) = self.verdict_at_least {
            claims.push(Claim::VerdictAtLeast(verdict(&word)?));
        }
        if let Some(word) = self.max_sensitivity {
            claims.push(Claim::MaxSensitivity(named(&word, Sensitivity::ALL, Sensitivity::name, "sensitivity")?));
        }
        if let Some(observers) = self.observer {
            let mut limits = Vec::new();
            for (name, most) in observers {
                let observer = named(&name, Observer::ALL, Observer::name, "observer")?;
                let most = match most.as_str() {
                    "none" => None,
                    word => Some(named(word, Sensitivity::ALL, Sensitivity::name, "limit (nor `none`)")?),
                };
                limits.push((observer, most));
            }
            claims.push(Claim::Observers(limits));
        }
        match claims.len() {
            0 => error("this expectation says nothing", format!("add one of {}", CLAIMS.join(", "))),
            1 => Ok(claims.remove(0)),
            _ => error("this expectation says several things", "write an [[expect]] for each of them"),
        }
    }

    /// What it says, in a line, as TOML would.
    fn text(&self) -> String {
        let mut parts = Vec::new();
        let mut words = |key: &str, words: &Option<Words>| match words {
            None => {}
            Some(Words::One(word)) => parts.push(format!("{key} = {word:?}")),
            Some(Words::Many(words)) if words.len() > 3 => parts.push(format!("{key} = [{} names]", words.len())),
            Some(Words::Many(words)) => parts.push(format!("{key} = {words:?}")),
        };
        words("no_field", &self.no_field);
        words("has_field", &self.has_field);
        words("only_fields", &self.only_fields);
        words("no_finding", &self.no_finding);
        words("except", &self.except);
        for (key, number) in [
            ("max_devices", self.max_devices),
            ("max_resources", self.max_resources),
            ("max_contacts", self.max_contacts),
            ("max_rooms", self.max_rooms),
            ("max_unclassified", self.max_unclassified),
        ] {
            parts.extend(number.map(|number| format!("{key} = {number}")));
        }
        for (name, most) in self.observer.iter().flatten() {
            parts.push(format!("observer.{name} = {most:?}"));
        }
        for (key, word) in [
            ("verdict_at_least", &self.verdict_at_least),
            ("max_sensitivity", &self.max_sensitivity),
            ("value", &self.value),
            ("conversation", &self.conversation),
            ("layer", &self.layer),
            ("direction", &self.direction),
            ("step", &self.step),
        ] {
            parts.extend(word.as_ref().map(|word| format!("{key} = {word:?}")));
        }
        parts.join(", ")
    }
}

/// `OPAQUE(E2)`, `OPAQUE`, `NOT_ENCRYPTED` …
fn verdict(word: &str) -> Result<u8, ExpectError> {
    let (body, level) = match word.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
        Some((body, level)) => (body, Some(level)),
        None => (word, None),
    };
    let known = Verdict::ALL.iter().any(|known| known.name() == body);
    let level_known = level.is_none_or(|level| body == Verdict::Opaque.name() && ["E1", "E2", "E3", "E4"].contains(&level));
    if !known || !level_known {
        let names: Vec<&str> = Verdict::ALL.iter().map(|known| known.name()).collect();
        return error(format!("{word:?} is no verdict"), format!("write one of {}, or OPAQUE(E1) to OPAQUE(E4)", names.join(", ")));
    }
    Ok(verdict_rank(body, level))
}

fn named<T: Copy>(word: &str, all: &[T], name: fn(T) -> &'static str, what: &str) -> Result<T, ExpectError> {
    let found = all.iter().copied().find(|one| name(*one) == word);
    found.map_or_else(
        || {
            let names: Vec<&str> = all.iter().map(|one| name(*one)).collect();
            error(format!("{word:?} is no {what}"), format!("write one of {}", names.join(", ")))
        },
        Ok,
    )
}

impl Expectation {
    /// Whether the fields and rules it names exist, in one of the catalogs.
    ///
    /// # Errors
    /// A name that nothing has.
    pub fn names_exist(&self, catalogs: &[&Rows]) -> Result<(), ExpectError> {
        let (fields, rules): (&[String], &[String]) = match &self.claim {
            Claim::NoField(names) | Claim::HasField(names) | Claim::OnlyFields(names) => (names, &[]),
            Claim::NoFinding(names) => (&[], names),
            _ => (&[], &[]),
        };
        let except: &[String] = if matches!(self.claim, Claim::NoFinding(_)) { &[] } else { &self.except };
        for name in fields.iter().chain(except) {
            let known = name == UNCLASSIFIED || catalogs.iter().any(|rows| rows.iter().any(|row| matches(name, &row.id)));
            if !known {
                let last = name.rsplit('.').next().unwrap_or(name);
                let alike = |id: &str| id.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
                let ids = catalogs.iter().flat_map(|rows| rows.iter()).map(|row| row.id.as_str()).filter(|id| id.ends_with(last));
                let remedy = ids.max_by_key(|id| (alike(id), std::cmp::Reverse(id.len()))).map_or_else(
                    || "`stanzascope catalog` lists them".to_owned(),
                    |near| format!("perhaps {near:?}? `stanzascope catalog` lists them"),
                );
                return error(format!("there is no field {name:?}"), remedy);
            }
        }
        for name in rules {
            // Rules of the proxy itself are in no registry; what the program does not know is still a name.
            let known = crate::rules::RULES.iter().any(|rule| matches(name, rule.id));
            if !known && name.contains(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '*'))) {
                return error(format!("no rule is called {name:?}"), "`stanzascope rules` lists them");
            }
        }
        Ok(())
    }
}

/// Whether a name fits a pattern, in which `*` stands for anything.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or("");
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Expectation, ExpectError> {
        toml::from_str::<Expect>(text).unwrap().understood(1)
    }

    #[test]
    fn expectations_are_understood() {
        assert_eq!(read("no_field = 'presence.status'").unwrap().claim, Claim::NoField(vec!["presence.status".into()]));
        assert_eq!(read("verdict_at_least = 'OPAQUE(E2)'").unwrap().claim, Claim::VerdictAtLeast(42));
        assert_eq!(read("observer.push_service = 'none'").unwrap().claim, Claim::Observers(vec![(Observer::PushService, None)]));
        let two = read("no_field = ['a', 'b']\nstep = 'log in'\nbecause = 'x'").unwrap();
        assert_eq!((two.text.as_str(), two.because.as_str()), ("no_field = [\"a\", \"b\"], step = \"log in\"", "x"));
    }

    #[test]
    fn mistakes_have_a_way_out() {
        for (text, problem, remedy) in [
            ("because = 'x'", "says nothing", "no_field"),
            ("max_devices = 1\nmax_rooms = 1", "several", "[[expect]]"),
            ("verdict_at_least = 'OPAQUE(E9)'", "OPAQUE(E9)", "OPAQUE(E1) to OPAQUE(E4)"),
            ("verdict_at_least = 'SUSPECT(E1)'", "SUSPECT(E1)", "SUSPECT"),
            ("observer.pushservice = 'none'", "pushservice", "push_service"),
            ("observer.anyone = 'some'", "some", "low"),
            ("max_devices = 1\nvalue = 'x'", "`value`", "docs/check.md"),
            ("no_field = 'a'\ndirection = 'out'", "out", "client_to_server"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.problem.contains(problem) && error.remedy.contains(remedy), "{text}: {error:?}");
        }
    }

    #[test]
    fn names_are_looked_up() {
        let rows = Rows::of(&crate::catalog::Catalog::builtin());
        let names = |text: &str| read(text).unwrap().names_exist(&[&rows]);
        for good in ["no_field = 'presence.*'", "no_field = 'unclassified'", "no_finding = '*'", "only_fields = 'message.to'"] {
            assert_eq!(names(good), Ok(()), "{good}");
        }
        assert!(names("no_field = 'presense.status'").unwrap_err().remedy.contains("presence.status"));
        assert!(names("no_field = 'presense.*'").is_err());
        assert!(names("no_finding = 'No Such'").is_err());
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name, fits) in [
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
            ("a.*", "a.b.c", true),
            ("*.id", "stanza.id", true),
            ("a.*.c", "a.b.c", true),
            ("a.*.c", "a.b.d", false),
            ("*a*b*", "xaybz", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn verdicts_have_an_order() {
        let ranks: Vec<u8> = [
            ("PROVEN_LEAK", None),
            ("SUSPECT", None),
            ("NOT_ENCRYPTED", None),
            ("OTHER_E2EE", None),
            ("OPAQUE", Some("E1")),
            ("OPAQUE", Some("E3")),
        ]
        .into_iter()
        .map(|(body, level)| verdict_rank(body, level))
        .collect();
        assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]), "{ranks:?}");
        assert_eq!(verdict_rank("NEW_ONE", None), verdict_rank("SUSPECT", None));
    }
}
