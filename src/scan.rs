//! `scan`: audits stanzas, or a recorded transcript, without a network.
//!
//! Input is one of three (DESIGN 5), told apart by its first character and key: a transcript, JSONL lines with `xml`, or concatenated
//! stanzas, which form one session. Every input stanza gives exactly one `stanza` line, in order.

use std::io::{BufRead, Write};
use std::sync::Arc;

use serde::Deserialize;

use crate::audit::canary::{Assessor, Witness};
use crate::audit::{Auditor, Settings};
use crate::catalog::Catalog;
use crate::record::{Body, Phase, RUN_SESSION, Record};
use crate::rules::{Choice, RuleSet};
use crate::transcript;
use crate::xmpp::Direction;
use crate::xmpp::framer::{FrameKind, Framer};

/// Why a scan stopped.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A line is not what the format says.
    #[error("input line {line}: {problem} (each line is {{\"xml\": …}}, see `stanzascope scan --help`)")]
    Line {
        /// Line number from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The transcript is damaged.
    #[error(transparent)]
    Transcript(#[from] transcript::TranscriptError),
}

/// What a scan is told besides its input.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Direction of every stanza that does not say its own.
    pub direction: Option<Direction>,
    /// How to audit.
    pub settings: Settings,
    /// What receiving devices showed.
    pub witnesses: Vec<Witness>,
}

/// What a scan found, for the exit code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Input stanzas.
    pub stanzas: u64,
    /// The severest finding, as an index into [`crate::record::SEVERITIES`].
    pub severest: Option<usize>,
    /// What witnesses said that could not be used.
    pub unused: Vec<String>,
}

#[derive(Deserialize)]
struct InputLine {
    xml: String,
    direction: Option<Direction>,
    session: Option<String>,
    phase: Option<Phase>,
}

/// Reads `input`, writes records to `out` as JSONL.
///
/// # Errors
/// Input that is not in one of the three formats, and failures of reading and writing. A stanza that cannot be parsed is no error.
pub fn scan(catalog: &Arc<Catalog>, options: &Options, input: &mut dyn BufRead, out: &mut dyn Write) -> Result<Outcome, ScanError> {
    let mut settings = options.settings.clone();
    settings.rules.get_or_insert_with(|| Arc::new(RuleSet::new(catalog, Choice::default())));
    let assessor = Assessor::new(&settings.canaries);
    let mut scan = Scan { catalog, options, settings: Arc::new(settings), assessor, out, outcome: Outcome::default(), line: Vec::new() };
    let first = loop {
        let buffer = input.fill_buf()?;
        let Some(&first) = buffer.first() else { break None };
        if first.is_ascii_whitespace() || first == 0xef || first == 0xbb || first == 0xbf {
            input.consume(1);
            continue;
        }
        break Some(first);
    };
    match first {
        None => {}
        Some(b'{') => scan.lines(input)?,
        Some(_) => scan.concatenated(input)?,
    }
    Ok(scan.outcome)
}

struct Scan<'a> {
    catalog: &'a Arc<Catalog>,
    options: &'a Options,
    settings: Arc<Settings>,
    assessor: Assessor,
    out: &'a mut dyn Write,
    outcome: Outcome,
    line: Vec<u8>,
}

impl Scan<'_> {
    fn auditor(&self, session: &str) -> Auditor {
        Auditor::new(self.catalog.clone(), self.settings.clone(), session).assume_logged_in()
    }

    fn emit(&mut self, record: &Record) -> Result<(), ScanError> {
        if let Body::Finding(finding) = &record.body
            && finding.accepted.is_none()
        {
            self.outcome.severest = self.outcome.severest.max(crate::record::SEVERITIES.iter().position(|s| *s == finding.severity));
        }
        self.line.clear();
        record.write_line(&mut self.line);
        self.out.write_all(&self.line)?;
        Ok(())
    }

    fn one(&mut self, auditor: &mut Auditor, xml: &[u8], direction: Option<Direction>, phase: Option<Phase>) -> Result<(), ScanError> {
        let record = auditor.audit_one(xml, direction.or(self.options.direction), phase, self.outcome.stanzas);
        self.outcome.stanzas += 1;
        self.emit(&record)?;
        self.drain(auditor)
    }

    /// Writes what waits.
    fn drain(&mut self, auditor: &mut Auditor) -> Result<(), ScanError> {
        while let Some(record) = auditor.poll() {
            self.emit(&record)?;
        }
        Ok(())
    }

    fn lines(&mut self, input: &mut dyn BufRead) -> Result<(), ScanError> {
        let mut sessions: std::collections::HashMap<String, Auditor> = std::collections::HashMap::new();
        let mut order = Vec::new();
        let mut text = String::new();
        let mut number = 0;
        loop {
            text.clear();
            number += 1;
            if input.read_line(&mut text)? == 0 {
                for name in order {
                    sessions.get_mut(&name).map_or(Ok(()), |auditor| self.end(auditor))?;
                }
                let run = sessions.remove(RUN_SESSION);
                return self.finish(sessions.into_values().collect(), run);
            }
            let line = text.trim();
            if line.is_empty() {
                continue;
            }
            if number == 1 && transcript::is_header(line) {
                let mut replay = transcript::Replay::begin(line, self.catalog, &self.settings)?;
                self.transcript(&mut replay, input)?;
                let mut records = Vec::new();
                self.outcome.unused = replay.finish(&self.options.witnesses, &mut |record| records.push(record));
                return records.iter().try_for_each(|record| self.emit(record));
            }
            let row: InputLine =
                serde_json::from_str(line).map_err(|error| ScanError::Line { line: number, problem: error.to_string() })?;
            match row.session {
                Some(name) => {
                    let mut auditor = sessions.remove(&name).unwrap_or_else(|| {
                        order.push(name.clone());
                        self.auditor(&name)
                    });
                    self.one(&mut auditor, row.xml.as_bytes(), row.direction, row.phase)?;
                    sessions.insert(name, auditor);
                }
                None => {
                    let mut auditor = self.auditor(&format!("input-{}", self.outcome.stanzas));
                    self.one(&mut auditor, row.xml.as_bytes(), row.direction, row.phase)?;
                    self.end(&mut auditor)?;
                    self.leave(&mut auditor);
                }
            }
        }
    }

    /// Takes from a session what the end needs.
    fn leave(&mut self, auditor: &mut Auditor) {
        if !self.settings.canaries.is_empty() {
            let (session, ledger) = auditor.take_ledger();
            self.assessor.add(&session, ledger);
        }
    }

    /// The end of the input: what it came to.
    fn finish(&mut self, sessions: Vec<Auditor>, run: Option<Auditor>) -> Result<(), ScanError> {
        for mut auditor in sessions {
            self.leave(&mut auditor);
        }
        let mut run = run.unwrap_or_else(|| self.auditor(RUN_SESSION));
        self.leave(&mut run);
        let outcome = std::mem::take(&mut self.assessor).finish(&self.options.witnesses);
        self.outcome.unused = outcome.unused;
        outcome.assessments.into_iter().for_each(|assessment| run.conclude(assessment, None));
        while let Some(record) = run.poll() {
            self.emit(&record)?;
        }
        Ok(())
    }

    fn transcript(&mut self, replay: &mut transcript::Replay, input: &mut dyn BufRead) -> Result<(), ScanError> {
        let mut text = String::new();
        let mut number = 1;
        loop {
            text.clear();
            number += 1;
            if input.read_line(&mut text)? == 0 {
                return Ok(());
            }
            let mut inputs = self.outcome.stanzas;
            let mut records = Vec::new();
            replay.line(text.trim_end(), number, &mut |mut record| {
                if let Body::Stanza(stanza) = &mut record.body {
                    stanza.input = Some(inputs);
                    inputs += 1;
                }
                records.push(record);
            })?;
            self.outcome.stanzas = inputs;
            for record in &records {
                self.emit(record)?;
            }
        }
    }

    fn concatenated(&mut self, input: &mut dyn BufRead) -> Result<(), ScanError> {
        let mut auditor = self.auditor("input");
        let mut framer = Framer::new(self.settings.limits.max_bytes_server);
        loop {
            let buffer = input.fill_buf()?;
            let ended = buffer.is_empty();
            let len = buffer.len();
            framer.feed(buffer);
            input.consume(len);
            while let Some(frame) = if ended { framer.poll().or_else(|| framer.finish()) } else { framer.poll() } {
                let bytes = framer.bytes(&frame);
                match frame.kind {
                    // White space, a declaration, comments and the wrapping element belong to the file, not to the stanzas.
                    FrameKind::Keepalive | FrameKind::Declaration | FrameKind::StreamClose => {}
                    FrameKind::StreamOpen if auditor.inherit(bytes) => {}
                    FrameKind::Stray if bytes.starts_with(b"<!--") || bytes.starts_with(b"<?") => {}
                    FrameKind::Stray => {
                        auditor.skip("text between stanzas", frame.len);
                        self.drain(&mut auditor)?;
                    }
                    FrameKind::TooLong => {
                        let note = format!("<!-- {} bytes -->", frame.len);
                        self.one(&mut auditor, note.as_bytes(), None, None)?;
                    }
                    _ => self.one(&mut auditor, bytes, None, None)?,
                }
            }
            if ended {
                self.end(&mut auditor)?;
                return self.finish(vec![auditor], None);
            }
        }
    }

    /// A session has ended: what the rules say of it as a whole.
    fn end(&mut self, auditor: &mut Auditor) -> Result<(), ScanError> {
        for direction in Direction::BOTH {
            auditor.finish(direction, None);
        }
        self.drain(auditor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(input: &str) -> Vec<serde_json::Value> {
        let mut out = Vec::new();
        scan(&Catalog::builtin(), &Options::default(), &mut input.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }

    fn stanzas(input: &str) -> Vec<String> {
        let rows = run(input);
        let stanzas = rows.iter().filter(|r| r["type"] == "stanza");
        stanzas.map(|r| format!("{} {} {}", r["input"], r["kind"].as_str().unwrap(), r["gap"]["reason"].as_str().unwrap_or("ok"))).collect()
    }

    #[test]
    fn each_input_stanza_gives_one_line() {
        assert_eq!(stanzas("<message/><presence/>"), ["0 message ok", "1 presence ok"]);
        assert_eq!(stanzas("<stream>\n<iq/> <message></stream>"), ["0 iq ok", "1 unknown malformed"]);
        assert_eq!(
            stanzas("{\"xml\":\"<presence/>\"}\n\n{\"xml\":\"<iq\"}\n{\"xml\":\"\"}\n"),
            ["0 presence ok", "1 unknown truncated", "2 unknown malformed"]
        );
        let header = r#"{"xml":"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='a.example'>","phase":"before_tls","direction":"client_to_server"}"#;
        assert_eq!(stanzas(header), ["0 stream_open ok"]);
        assert_eq!(stanzas(""), Vec::<String>::new());
    }

    #[test]
    fn what_is_around_stanzas_has_no_number() {
        let stream = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
        for (before, between, after) in [
            ("<?xml version='1.0'?><stream>", "", "</stream>"),
            (stream, "\n", "</stream:stream>"),
            (stream, "", ""),
            ("<stream xml:lang='en' name='recorded'>", "", "</stream>"),
            ("<!-- a --><?x y?>", "<!-- <presence/> -->", "<!-- b -->"),
        ] {
            let input = format!("{before}<iq/>{between}<presence/>{after}");
            assert_eq!(stanzas(&input), ["0 iq ok", "1 presence ok"], "{input}");
        }
        // Of a recording, headers are part: what they say is read.
        let header = stream.replace('>', " to='a.example' xmlns:o='urn:xmpp:carbons:2'>");
        let rows = run(&format!("{header}<message><o:private/></message></stream:stream>"));
        assert_eq!((&rows[0]["kind"], &rows[0]["input"]), (&"stream_open".into(), &0.into()));
        assert_eq!(rows[1]["payloads"], serde_json::json!(["urn:xmpp:carbons:2"]));
        let rows = run("<iq/> lost <presence/>");
        let shown: Vec<_> = rows.iter().map(|row| (row["type"].as_str().unwrap(), row["input"].as_u64())).collect();
        assert_eq!(shown, [("stanza", Some(0)), ("gap", None), ("stanza", Some(1))]);
        assert_eq!((&rows[1]["reason"], &rows[1]["bytes"]), (&"malformed".into(), &5.into()));
    }

    #[test]
    fn a_wrapper_declares_prefixes() {
        let carbon = "<o:private/>";
        for wrapper in [
            "<stream xmlns:o='urn:xmpp:carbons:2'>",
            "<stream xmlns='urn:example:0' xmlns:o='urn:xmpp:carbons:2'>",
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:o='urn:xmpp:carbons:2'>",
            "<stream:stream xmlns:o='urn:xmpp:carbons:2'>",
        ] {
            let rows = run(&format!("{wrapper}<message to='b@b.example'>{carbon}</message>"));
            assert_eq!(rows[0]["kind"], "message", "{wrapper}");
            assert_eq!(rows[0]["payloads"], serde_json::json!(["urn:xmpp:carbons:2"]), "{wrapper}");
            assert_eq!(rows[0]["irregular"], serde_json::Value::Null, "{wrapper}");
        }
    }

    #[test]
    fn lines_of_one_session_share_memory() {
        let join = r#"{"session":"s","direction":"client_to_server","xml":"<presence to='r@m.example/n'><x xmlns='http://jabber.org/protocol/muc'/></presence>"}"#;
        let leave = r#"{"session":"s","direction":"client_to_server","xml":"<presence type='unavailable' to='r@m.example/n'/>"}"#;
        let rows = run(&format!("{join}\n{leave}\n"));
        assert_eq!(rows[1]["observers"], serde_json::json!(["own_server", "room"]));
        let alone = run(leave);
        assert_eq!(alone[0]["observers"], serde_json::json!(["own_server", "peer_server", "contacts"]));
    }

    #[test]
    fn bad_lines_are_named() {
        let error = scan(&Catalog::builtin(), &Options::default(), &mut "{\"xml\":1}\n".as_bytes(), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("input line 1"), "{error}");
    }
}
