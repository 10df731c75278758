//! Records as OTLP logs in JSON: one `LogRecord` a record, many in an `ExportLogsServiceRequest`.
//!
//! The body is the record's line as it is in the log, as one string. Loki, ClickHouse and Kafka keep bodies as text and take JSON apart when
//! asked; a body of nested OTLP values comes out of each of them in another shape, with numbers as strings. What people filter by is in
//! attributes besides, none of which names anybody.
//!
//! `log.record.uid` is run, session and number: a collector that got a batch twice, because its answer was lost, can tell.

use std::borrow::Cow;
use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Done, ExportError};
use crate::report::RunInfo;
use crate::report::read::{Damage, ReadError};

/// Records in one request.
pub const MAX_RECORDS: usize = 512;
/// Bytes of records in one request; one record alone may have more.
pub const MAX_BYTES: usize = 1 << 20;

/// Whose records these are: the resource of every request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Name of the run: that of its directory.
    pub run: String,
    /// What the evaluator called the client.
    pub label: String,
    /// Version of the program that made the records.
    pub version: String,
}

impl Origin {
    /// What a run's manifest says; its directory is called `run`.
    pub fn of(run: &str, info: &RunInfo) -> Origin {
        Origin { run: run.to_owned(), label: info.label.clone(), version: info.tool.version.clone() }
    }
}

/// Records that go together.
#[derive(Debug, Default)]
pub struct Batch {
    records: Vec<u8>,
    /// How many.
    pub count: u64,
    bytes: usize,
}

impl Batch {
    /// Adds the record on a line.
    ///
    /// # Errors
    /// The line is no record.
    pub fn add(&mut self, origin: &Origin, line: &[u8]) -> Result<(), serde_json::Error> {
        let record: Sketch<'_> = serde_json::from_slice(line)?;
        let text = std::str::from_utf8(line).expect("JSON was read from it");
        if self.count > 0 {
            self.records.push(b',');
        }
        serde_json::to_writer(&mut self.records, &log_record(origin, &record, text))?;
        self.count += 1;
        self.bytes += line.len();
        Ok(())
    }

    /// Whether a line of that many bytes belongs to the next.
    pub fn is_full_for(&self, bytes: usize) -> bool {
        self.count > 0 && (self.count as usize >= MAX_RECORDS || self.bytes + bytes > MAX_BYTES)
    }

    /// The request: an `ExportLogsServiceRequest` in one line.
    pub fn request(&self, origin: &Origin) -> Vec<u8> {
        let mut out = br#"{"resourceLogs":[{"resource":{"attributes":"#.to_vec();
        let put = |out: &mut Vec<u8>, value: &[Attribute<'_>]| serde_json::to_writer(out, value).expect("attributes are plain strings");
        let attributes = [
            Attribute::text("service.name", "stanzascope"),
            Attribute::text("service.version", &origin.version),
            Attribute::text("service.instance.id", &origin.run),
            Attribute::text("stanzascope.run.label", &origin.label),
        ];
        put(&mut out, &attributes.into_iter().filter(|attribute| !attribute.is_empty()).collect::<Vec<_>>());
        out.extend_from_slice(br#"},"scopeLogs":[{"scope":{"name":"stanzascope.records"},"logRecords":["#);
        out.extend_from_slice(&self.records);
        out.extend_from_slice(b"]}]}]}");
        out
    }
}

/// Writes a run as requests, one a line, as the file exporter and receiver of the OpenTelemetry Collector do.
///
/// # Errors
/// Failures of reading and writing; a first line that is no record.
pub fn write(records: &mut dyn BufRead, origin: &Origin, out: &mut dyn Write) -> Result<Done, ExportError> {
    let (mut done, mut batch, mut line) = (Done::default(), Batch::default(), Vec::new());
    let mut flush = |batch: &mut Batch| -> Result<(), ExportError> {
        if batch.count > 0 {
            out.write_all(&batch.request(origin))?;
            out.write_all(b"\n")?;
        }
        *batch = Batch::default();
        Ok(())
    };
    loop {
        line.clear();
        if records.read_until(b'\n', &mut line).map_err(ReadError::Io)? == 0 {
            break;
        }
        let Some(whole) = line.strip_suffix(b"\n") else {
            done.damage.torn = true;
            break;
        };
        if batch.is_full_for(whole.len()) {
            flush(&mut batch)?;
        }
        match batch.add(origin, whole) {
            Ok(()) => done.records += 1,
            Err(error) if done == Done::default() => return Err(ReadError::NotRecords(error.to_string()).into()),
            Err(_) => done.damage = Damage { unreadable: done.damage.unreadable + 1, ..done.damage },
        }
    }
    flush(&mut batch)?;
    out.flush()?;
    Ok(done)
}

/// What of a record attributes are made of.
#[derive(Deserialize)]
struct Sketch<'a> {
    #[serde(borrow)]
    session: Cow<'a, str>,
    seq: u64,
    #[serde(borrow, default)]
    ts: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    direction: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    phase: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "kind")]
    stanza: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    rule: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    severity: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    favour: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    verdict: Option<SketchedVerdict<'a>>,
}

#[derive(Deserialize)]
struct SketchedVerdict<'a> {
    #[serde(borrow, default)]
    body: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    level: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogRecord<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    time_unix_nano: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_time_unix_nano: Option<String>,
    severity_number: u32,
    severity_text: &'a str,
    body: Value<'a>,
    attributes: Vec<Attribute<'a>>,
    event_name: String,
}

#[derive(Serialize)]
struct Attribute<'a> {
    key: &'static str,
    value: Value<'a>,
}

impl<'a> Attribute<'a> {
    fn text(key: &'static str, text: &'a str) -> Attribute<'a> {
        Attribute { key, value: Value::Text(Cow::Borrowed(text)) }
    }

    fn is_empty(&self) -> bool {
        matches!(&self.value, Value::Text(text) if text.is_empty())
    }
}

#[derive(Serialize)]
enum Value<'a> {
    #[serde(rename = "stringValue")]
    Text(Cow<'a, str>),
    /// 64-bit integers are strings in the JSON of Protocol Buffers.
    #[serde(rename = "intValue", serialize_with = "in_decimal")]
    Number(u64),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn in_decimal<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

fn log_record<'a>(origin: &Origin, record: &'a Sketch<'a>, line: &'a str) -> LogRecord<'a> {
    let at = record.ts.as_deref().and_then(|ts| OffsetDateTime::parse(ts, &Rfc3339).ok()).map(|at| at.unix_timestamp_nanos().to_string());
    let (severity_number, severity_text) = severity(record);
    let verdict = record.verdict.as_ref();
    let words = [
        ("stanzascope.record.type", Some(&record.kind)),
        ("stanzascope.session", Some(&record.session)),
        ("stanzascope.direction", record.direction.as_ref()),
        ("stanzascope.phase", record.phase.as_ref()),
        ("stanzascope.stanza", record.stanza.as_ref()),
        ("stanzascope.session.event", record.event.as_ref()),
        ("stanzascope.reason", record.reason.as_ref()),
        ("stanzascope.rule", record.rule.as_ref()),
        ("stanzascope.favour", record.favour.as_ref()),
        ("stanzascope.verdict", verdict.and_then(|verdict| verdict.body.as_ref())),
        ("stanzascope.verdict.level", verdict.and_then(|verdict| verdict.level.as_ref())),
    ];
    let mut attributes: Vec<_> = words.into_iter().filter_map(|(key, word)| Some(Attribute::text(key, word?))).collect();
    attributes.push(Attribute { key: "stanzascope.seq", value: Value::Number(record.seq) });
    let uid = format!("{}/{}/{}", origin.run, record.session, record.seq);
    attributes.push(Attribute { key: "log.record.uid", value: Value::Text(Cow::Owned(uid)) });
    LogRecord {
        observed_time_unix_nano: at.clone(),
        time_unix_nano: at,
        severity_number,
        severity_text,
        body: Value::Text(Cow::Borrowed(line)),
        attributes,
        event_name: format!("stanzascope.{}", record.kind),
    }
}

/// Number and word: a finding's own severity, and what an operator should look at besides. What speaks for the client is no problem.
fn severity(record: &Sketch<'_>) -> (u32, &'static str) {
    const INFO: (u32, &str) = (9, "info");
    let against = record.favour.as_deref() != Some("for");
    match (record.kind.as_ref(), record.severity.as_deref()) {
        ("finding", Some("critical")) if against => (21, "critical"),
        ("finding", Some("high")) if against => (17, "high"),
        ("finding", Some("medium")) if against => (13, "medium"),
        ("finding", Some("low")) if against => (10, "low"),
        ("gap", _) => (13, "gap"),
        _ => INFO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"v":1,"session":"s1","seq":3,"ts":"2026-03-02T10:00:09.000001Z","type":"stanza","direction":"client_to_server","phase":"logged_in","kind":"message","verdict":{"body":"OPAQUE","level":"E1"}}
{"v":1,"session":"s1","seq":4,"type":"finding","rule":"login-before-tls","severity":"critical","favour":"against"}
{"v":1,"session":"s1","seq":5,"type":"finding","rule":"channel-binding-not-used","severity":"high","favour":"for"}
{"v":1,"session":"s1","seq":6,"type":"gap","reason":"malformed"}
"#;

    #[test]
    fn records_become_log_records() {
        let origin = Origin { run: "20260302T100000Z-reed".into(), label: "Reed 1.4".into(), version: "0.1.0".into() };
        let mut out = Vec::new();
        let done = write(&mut LINES.as_bytes(), &origin, &mut out).unwrap();
        assert_eq!((done.records, done.damage), (4, Damage::default()));
        let request: serde_json::Value = serde_json::from_slice(&out).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&request).unwrap());
        let bodies = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array().unwrap().iter();
        let bodies: String = bodies.map(|record| record["body"]["stringValue"].as_str().unwrap().to_owned() + "\n").collect();
        assert_eq!(bodies, LINES, "bodies are the records as they are");
    }

    #[test]
    fn requests_are_bounded_and_damage_is_counted() {
        let line = LINES.lines().next().unwrap();
        let text = format!("{}no record\n{}torn", format!("{line}\n").repeat(700), format!("{line}\n").repeat(700));
        let mut out = Vec::new();
        let done = write(&mut text.as_bytes(), &Origin::default(), &mut out).unwrap();
        assert_eq!((done.records, done.damage), (1400, Damage { torn: true, unreadable: 1, unknown: 0 }));
        let sizes: Vec<usize> =
            out.split(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line).matches("eventName").count()).collect();
        assert_eq!(sizes, [512, 512, 376, 0]);
        let wrong = write(&mut "no record\n".as_bytes(), &Origin::default(), &mut Vec::new());
        assert!(matches!(wrong, Err(ExportError::Read(ReadError::NotRecords(_)))));
    }
}
