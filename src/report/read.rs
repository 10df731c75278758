//! Records read back: line by line, without holding the file.
//!
//! A log that was cut off (`kill -9`, a full disk) ends in a torn line; a reader says so and goes on with what is there. Keys, types and
//! values this version does not know are ignored, as `docs/records.md` promises to writers of later versions.

use std::borrow::Cow;
use std::io::BufRead;

use serde::Deserialize;

use crate::record::{Assessment, Gap, Intervention, Phase, SCHEMA_VERSION, SessionEvent};
use crate::xmpp::Direction;

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed.
    #[error("cannot read the records: {0}")]
    Io(#[from] std::io::Error),
    /// The first line is no record.
    #[error("the first line is not a record: {0} (expected records.jsonl of a run, or what `stanzascope scan` wrote)")]
    NotRecords(String),
    /// The log is of a later version.
    #[error(
        "the records are of version {0}, and this program reads up to {SCHEMA_VERSION} (use the program that wrote them, or a newer one)"
    )]
    Version(u32),
    /// The file is a transcript.
    #[error("this is a transcript, not records (audit it first: stanzascope scan -o records.jsonl TRANSCRIPT)")]
    Transcript,
}

/// What every line says.
#[derive(Debug, Clone, Deserialize)]
pub struct Head<'a> {
    /// Version of the schema.
    pub v: u32,
    /// Session.
    #[serde(borrow)]
    pub session: Cow<'a, str>,
    /// Position in the session.
    pub seq: u64,
    /// Wall clock.
    #[serde(borrow, default)]
    pub ts: Option<Cow<'a, str>>,
    /// Seconds of a steady clock.
    #[serde(default)]
    pub mono: Option<f64>,
    /// What sort of record.
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
}

/// One exposure.
#[derive(Debug, Clone, Deserialize)]
pub struct Exposure<'a> {
    /// Field id.
    #[serde(borrow)]
    pub field: Cow<'a, str>,
    /// Value, as far as the log may hold it.
    #[serde(borrow)]
    pub value: Cow<'a, str>,
    /// Where it stood, for unclassified values.
    #[serde(borrow, default)]
    pub path: Option<Cow<'a, str>>,
    /// How it came to be on the stream, when it is a copy.
    #[serde(borrow, default)]
    pub via: Option<Cow<'a, str>>,
    /// Whether it restates a part of another value.
    #[serde(default)]
    pub derived: bool,
    /// Typed parts.
    #[serde(borrow, default)]
    pub typed: Option<Typed<'a>>,
    /// The element it stood on or in, where that differs from the exposure before.
    #[serde(default)]
    pub element: Option<u32>,
}

/// Typed parts, as far as a report uses them.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Typed<'a> {
    /// Bare address.
    #[serde(borrow, default)]
    pub bare: Option<Cow<'a, str>>,
    /// Resource.
    #[serde(borrow, default)]
    pub resource: Option<Cow<'a, str>>,
    /// Point in time, RFC 3339.
    #[serde(borrow, default)]
    pub time: Option<Cow<'a, str>>,
    /// What sort of network address.
    #[serde(borrow, default)]
    pub ip: Option<Cow<'a, str>>,
    /// What sort of text was left out of the log.
    #[serde(borrow, default)]
    pub class: Option<Cow<'a, str>>,
    /// How long it was.
    #[serde(default)]
    pub bytes: u64,
}

/// A body verdict.
#[derive(Debug, Clone, Deserialize)]
pub struct ReadVerdict<'a> {
    /// Its name.
    #[serde(borrow)]
    pub body: Cow<'a, str>,
    /// Evidence level.
    #[serde(borrow, default)]
    pub level: Option<Cow<'a, str>>,
    /// Rules that decided it.
    #[serde(borrow, default)]
    pub rules: Vec<Cow<'a, str>>,
    /// Those of them that only noted something.
    #[serde(borrow, default)]
    pub noted: Vec<Cow<'a, str>>,
    /// Why.
    #[serde(borrow, default)]
    pub because: Cow<'a, str>,
}

/// A first-level frame.
#[derive(Debug, Clone, Deserialize)]
pub struct ReadStanza<'a> {
    /// Position in the input, in a scan.
    #[serde(default)]
    pub input: Option<u64>,
    /// Phase of the stream.
    #[serde(default)]
    pub phase: Option<Phase>,
    /// Its redacted XML.
    #[serde(borrow, default)]
    pub evidence: Option<Cow<'a, str>>,
    /// Direction, when known.
    #[serde(default)]
    pub direction: Option<Direction>,
    /// What it is.
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
    /// Its local name, where `kind` does not say it.
    #[serde(borrow, default)]
    pub name: Option<Cow<'a, str>>,
    /// Its namespace, unless it is `jabber:client`.
    #[serde(borrow, default)]
    pub namespace: Option<Cow<'a, str>>,
    /// Its `type`.
    #[serde(borrow, default)]
    pub stanza_type: Option<Cow<'a, str>>,
    /// Size on the wire.
    #[serde(default)]
    pub bytes: u64,
    /// Namespaces of its children.
    #[serde(borrow, default)]
    pub payloads: Vec<Cow<'a, str>>,
    /// `seq` of the request it answers.
    #[serde(default)]
    pub answers: Option<u64>,
    /// Who can read it.
    #[serde(borrow, default)]
    pub observers: Vec<Cow<'a, str>>,
    /// What could be read from it.
    #[serde(borrow, default)]
    pub exposures: Vec<Exposure<'a>>,
    /// What became of its content.
    #[serde(borrow, default)]
    pub verdict: Option<ReadVerdict<'a>>,
    /// Whom the content is exchanged with.
    #[serde(borrow, default)]
    pub conversation: Option<Cow<'a, str>>,
    /// Forbidden or ambiguous constructs.
    #[serde(borrow, default)]
    pub irregular: Vec<Cow<'a, str>>,
    /// Why it was not read.
    #[serde(default)]
    pub gap: Option<Gap>,
}

/// Transport facts.
#[derive(Debug, Clone, Deserialize)]
pub struct ReadTransport<'a> {
    /// Direction, where it matters.
    #[serde(default)]
    pub direction: Option<Direction>,
    /// The facts.
    #[serde(borrow, default)]
    pub exposures: Vec<Exposure<'a>>,
}

/// A step of the scenario.
#[derive(Debug, Clone, Deserialize)]
pub struct ReadMark {
    /// What the evaluator called it.
    pub label: String,
}

/// What a line says.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "named as in the records")]
pub enum ReadBody<'a> {
    Stanza(Box<ReadStanza<'a>>),
    Keepalive,
    Transport(ReadTransport<'a>),
    Session(SessionEvent),
    Gap(Gap),
    Intervention(Intervention),
    Finding(crate::record::Finding),
    Mark(ReadMark),
    Assessment(Box<Assessment>),
    /// A type this version does not know.
    Other,
}

/// What reading came across besides records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Damage {
    /// Whether the last line was cut off.
    pub torn: bool,
    /// Other lines that are no records.
    pub unreadable: u64,
    /// Records of types this version does not know.
    pub unknown: u64,
}

/// Hands every record to `take`.
///
/// # Errors
/// Failures of reading; input whose first line is no record of a version that is understood.
pub fn each(input: &mut dyn BufRead, mut take: impl FnMut(&Head<'_>, ReadBody<'_>)) -> Result<Damage, ReadError> {
    lines(input, |_| true, &mut take)
}

/// Hands those records to `take` that `wanted` asks for by their head; the bodies of the others are not read.
///
/// # Errors
/// As [`each`].
pub fn some(
    input: &mut dyn BufRead,
    wanted: impl Fn(&Head<'_>) -> bool,
    mut take: impl FnMut(&Head<'_>, &ReadBody<'_>),
) -> Result<Damage, ReadError> {
    lines(input, wanted, &mut |head, body| take(head, &body))
}

fn lines(
    input: &mut dyn BufRead,
    wanted: impl Fn(&Head<'_>) -> bool,
    take: &mut dyn FnMut(&Head<'_>, ReadBody<'_>),
) -> Result<Damage, ReadError> {
    let mut damage = Damage::default();
    let mut line = Vec::new();
    let mut first = true;
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(damage);
        }
        let complete = line.ends_with(b"\n");
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        match parse(text, &wanted) {
            Ok((head, _)) if head.v > SCHEMA_VERSION => return Err(ReadError::Version(head.v)),
            Ok((_, None)) => {}
            Ok((head, Some(body))) => {
                damage.unknown += u64::from(matches!(body, ReadBody::Other));
                take(&head, body);
            }
            // A log can end in its very first line, but then the line begins like one.
            Err(_) if !complete && (!first || text.starts_with(b"{\"v\":")) => damage.torn = true,
            Err(_) if first && text.starts_with(b"{\"transcript\"") => return Err(ReadError::Transcript),
            Err(error) if first => return Err(ReadError::NotRecords(error.to_string())),
            Err(_) => damage.unreadable += 1,
        }
        first = false;
    }
}

/// A head with the body, when it is wanted.
type Line<'a> = (Head<'a>, Option<ReadBody<'a>>);

fn parse<'a>(text: &'a [u8], wanted: &impl Fn(&Head<'_>) -> bool) -> Result<Line<'a>, serde_json::Error> {
    let head: Head<'_> = serde_json::from_slice(text)?;
    // The body of a later version is not looked at.
    if head.v > SCHEMA_VERSION || !wanted(&head) {
        return Ok((head, None));
    }
    let body = match &*head.kind {
        "stanza" => ReadBody::Stanza(serde_json::from_slice(text)?),
        "keepalive" => ReadBody::Keepalive,
        "transport" => ReadBody::Transport(serde_json::from_slice(text)?),
        "session" => ReadBody::Session(serde_json::from_slice(text)?),
        "gap" => ReadBody::Gap(serde_json::from_slice(text)?),
        "intervention" => ReadBody::Intervention(serde_json::from_slice(text)?),
        "finding" => ReadBody::Finding(serde_json::from_slice(text)?),
        "mark" => ReadBody::Mark(serde_json::from_slice(text)?),
        "assessment" => ReadBody::Assessment(serde_json::from_slice(text)?),
        _ => ReadBody::Other,
    };
    Ok((head, Some(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Vec<String>, Damage), ReadError> {
        let mut seen = Vec::new();
        let damage = each(&mut text.as_bytes(), |head, _| seen.push(format!("{} {} {}", head.session, head.seq, head.kind)))?;
        Ok((seen, damage))
    }

    const MARK: &str = "{\"v\":1,\"session\":\"a\",\"seq\":0,\"type\":\"mark\",\"label\":\"x\"}\n";

    #[test]
    fn a_torn_last_line_is_told() {
        let (seen, damage) = read(&format!("{MARK}{{\"v\":1,\"sess")).unwrap();
        assert_eq!((seen, damage.torn, damage.unreadable), (vec!["a 0 mark".to_owned()], true, 0));
        assert!(read("{\"v\":1,\"ses").unwrap().1.torn);
        // A last line that only lacks its newline is whole.
        assert!(!read(MARK.trim_end()).unwrap().1.torn);
    }

    #[test]
    fn what_is_unknown_or_damaged_is_counted() {
        let later = "{\"v\":1,\"session\":\"a\",\"seq\":1,\"type\":\"dream\",\"more\":{}}\n";
        let (seen, damage) = read(&format!("{MARK}garbage\n{later}")).unwrap();
        assert_eq!((seen.len(), damage), (2, Damage { torn: false, unreadable: 1, unknown: 1 }));
    }

    #[test]
    fn other_files_are_refused_by_name() {
        assert!(matches!(read("hello\n"), Err(ReadError::NotRecords(_))));
        assert!(matches!(read("{\"transcript\":1}\n"), Err(ReadError::Transcript)));
        assert!(matches!(read("{\"v\":9,\"session\":\"a\",\"seq\":0,\"type\":\"mark\"}\n"), Err(ReadError::Version(9))));
    }
}
