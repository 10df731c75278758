//! What a receiving device showed: the one thing about a message that the stream cannot tell (E4).
//!
//! Two forms. Lines of `{"id": …, "from": …, "canary": …}`; or the records of a run on the recipient's client, in which a mark
//! `shown NAME` says that the last encrypted message to come in before it showed that canary.

use serde::Deserialize;

use super::declare::Canaries;

/// A device showed a canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Stanza id or origin id of the message.
    pub id: String,
    /// Who sent it, as the device saw it.
    pub from: Option<String>,
    /// Which canary.
    pub canary: usize,
    /// Line of the file, from 1.
    pub line: usize,
}

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct WitnessError {
    /// Line of the file, from 1.
    pub line: usize,
    /// What is wrong, and what would do.
    pub problem: String,
}

/// Fields of the ids of an encrypted message, the one that survives rooms and archives first.
const ID_FIELDS: [&str; 4] = ["sibling.origin_id", "message.origin_id", "sibling.message.id", "stanza.id"];

/// Word before the name of a canary in a mark that confirms it.
const SHOWN: &str = "shown ";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    from: Option<String>,
    canary: String,
}

#[derive(Deserialize)]
struct Exposure {
    field: String,
    value: String,
    via: Option<String>,
}

#[derive(Deserialize)]
struct ReadVerdict {
    body: String,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "type")]
    kind: String,
    direction: Option<String>,
    verdict: Option<ReadVerdict>,
    #[serde(default)]
    exposures: Vec<Exposure>,
    label: Option<String>,
}

/// Reads a file of witnesses.
///
/// # Errors
/// A line that is of neither form, or names a canary that was not declared. What it says is not repeated: it may be the text itself.
pub fn read(text: &str, canaries: &Canaries) -> Result<Vec<Witness>, WitnessError> {
    let lines = || text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())).filter(|(_, line)| !line.is_empty());
    let is_records = lines().next().is_some_and(|(_, line)| line.starts_with("{\"v\":"));
    if is_records { from_records(lines(), canaries) } else { from_lines(lines(), canaries) }
}

fn named(canaries: &Canaries, name: &str, line: usize) -> Result<usize, WitnessError> {
    canaries.all().iter().position(|declared| declared.name == name).ok_or_else(|| {
        let known: Vec<&str> = canaries.all().iter().take(8).map(|declared| declared.name.as_str()).collect();
        let problem = match known.is_empty() {
            true => "no canary is declared, so none can have been shown".to_owned(),
            false => format!("`canary` is not the name of a declared canary (declared: {})", known.join(", ")),
        };
        WitnessError { line, problem }
    })
}

fn from_lines<'a>(lines: impl Iterator<Item = (usize, &'a str)>, canaries: &Canaries) -> Result<Vec<Witness>, WitnessError> {
    lines
        .map(|(line, text)| {
            let row: Line = serde_json::from_str(text).map_err(|error| WitnessError {
                line,
                // The message of an unknown key would name it.
                problem: format!(
                    "this is no witness ({:?} error): write {{\"id\": \"stanza or origin id\", \"from\": \"sender\", \"canary\": \"name\"}}",
                    error.classify()
                ),
            })?;
            Ok(Witness { canary: named(canaries, &row.canary, line)?, id: row.id, from: row.from, line })
        })
        .collect()
}

fn from_records<'a>(lines: impl Iterator<Item = (usize, &'a str)>, canaries: &Canaries) -> Result<Vec<Witness>, WitnessError> {
    let mut last: Option<Witness> = None;
    let mut all = Vec::new();
    for (line, text) in lines {
        // A log that was cut off ends in a torn line.
        let Ok(record) = serde_json::from_str::<Record>(text) else { continue };
        let value = |field: &str| record.exposures.iter().find(|e| e.field == field && e.via.is_none()).map(|e| e.value.clone());
        match record.kind.as_str() {
            "stanza"
                if record.direction.as_deref() == Some("server_to_client")
                    && record.verdict.as_ref().is_some_and(|v| v.body == "OPAQUE") =>
            {
                let id = ID_FIELDS.iter().find_map(|field| value(field));
                last = id.map(|id| Witness { id, from: value("message.from"), canary: 0, line });
            }
            "mark" => {
                let Some(name) = record.label.as_deref().and_then(|label| label.strip_prefix(SHOWN)) else { continue };
                let canary = named(canaries, name.trim(), line)?;
                let Some(message) = last.clone() else {
                    let problem =
                        "the mark follows no encrypted message that came in: type it right after the message was shown".to_owned();
                    return Err(WitnessError { line, problem });
                };
                all.push(Witness { canary, line, ..message });
            }
            _ => {}
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canaries() -> Canaries {
        Canaries::of_texts(["the heron lands", "another bird"]).unwrap()
    }

    #[test]
    fn lines_and_their_mistakes() {
        let read = |text: &str| read(text, &canaries());
        let all = read("{\"id\":\"m1\",\"canary\":\"c2\"}\n\n{\"id\":\"m2\",\"from\":\"a@b\",\"canary\":\"c1\"}").unwrap();
        assert_eq!(all.iter().map(|w| (w.id.as_str(), w.canary, w.line)).collect::<Vec<_>>(), [("m1", 1, 1), ("m2", 0, 3)]);
        assert_eq!(read("").unwrap(), []);
        for (text, words) in [
            ("{\"id\":\"m1\",\"canary\":\"the heron lands\"}", "line 1: `canary` is not the name of a declared canary (declared: c1, c2)"),
            ("{\"id\":\"m1\"}", "line 1: this is no witness"),
            ("nothing", "{\"id\""),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("heron"), "{error}");
        }
    }

    #[test]
    fn records_of_the_recipient_with_a_mark() {
        let stanza = r#"{"v":1,"session":"s1","seq":4,"type":"stanza","direction":"server_to_client","exposures":[{"field":"message.from","value":"ann@a.example/x"},{"field":"sibling.message.id","value":"m1"},{"field":"sibling.origin_id","value":"o1"}],"verdict":{"body":"OPAQUE","level":"E1","rules":["S"]}}"#;
        let mark = r#"{"v":1,"session":"run","seq":0,"type":"mark","label":"shown c2"}"#;
        let all = read(&format!("{stanza}\n{mark}\n{{\"v\":1,\"ty"), &canaries()).unwrap();
        assert_eq!(all, [Witness { id: "o1".into(), from: Some("ann@a.example/x".into()), canary: 1, line: 2 }]);
        assert!(read(&format!("{mark}\n"), &canaries()).unwrap_err().problem.contains("follows no encrypted message"));
        assert!(read(&mark.replace("c2", "c7"), &canaries()).unwrap_err().problem.contains("declared: c1, c2"));
    }
}
