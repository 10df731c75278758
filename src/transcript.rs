//! Transcripts: the raw decrypted traffic of a run, so that it can be audited again after the rules improve.
//!
//! One JSON object a line. The first line is the header `{"transcript":1,…}`; it says loudly what the file holds. Then come, in the order
//! in which the proxy saw them, pieces of traffic and what the auditor was told besides.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::audit::canary::{Assessor, Witness};
use crate::audit::{Auditor, Settings};
use crate::catalog::Catalog;
use crate::record::{Moment, RUN_SESSION, Record, StoredBody};
use crate::xmpp::Direction;

/// Version of the format.
pub const VERSION: u32 = 1;
/// What the header line says to whoever opens the file.
pub const WARNING: &str = "RAW DECRYPTED TRAFFIC: passwords, tokens and message text in clear. Keep it private, delete it after use.";

/// First line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`].
    pub transcript: u32,
    /// [`WARNING`].
    pub warning: String,
    /// Domains that were intercepted.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Accounts under test.
    #[serde(default)]
    pub accounts: Vec<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Bytes passed.
    Bytes {
        /// Direction.
        direction: Direction,
        /// The bytes, when they are UTF-8.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The bytes in base64, when they are not.
        #[serde(skip_serializing_if = "Option::is_none")]
        base64: Option<String>,
    },
    /// The client's leg went into TLS.
    Tls,
    /// A direction ended.
    Finish {
        /// Direction.
        direction: Direction,
    },
    /// A record that does not come from the stream.
    Note {
        /// What it says.
        record: StoredBody,
    },
}

/// A line after the header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Session.
    pub session: String,
    /// Microseconds since the Unix epoch.
    pub unix_micros: i64,
    /// Microseconds since the run began.
    pub mono_micros: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl Event {
    /// A piece of traffic.
    pub fn bytes(direction: Direction, bytes: &[u8]) -> Event {
        match std::str::from_utf8(bytes) {
            Ok(text) => Event::Bytes { direction, text: Some(text.to_owned()), base64: None },
            Err(_) => Event::Bytes { direction, text: None, base64: Some(BASE64.encode(bytes)) },
        }
    }
}

/// Why a transcript could not be read.
#[derive(Debug, thiserror::Error)]
#[error("transcript line {line}: {problem}")]
pub struct TranscriptError {
    /// Line number from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// Whether a line is a transcript's header.
pub fn is_header(line: &str) -> bool {
    serde_json::from_str::<Header>(line).is_ok()
}

/// Audits a transcript again, line by line.
#[derive(Debug)]
pub struct Replay {
    catalog: Arc<Catalog>,
    settings: Arc<Settings>,
    sessions: HashMap<String, Auditor>,
    last: Option<Moment>,
}

impl Replay {
    /// Begins with the header line. Accounts of the header are used unless `settings` names some.
    ///
    /// # Errors
    /// A header of another version.
    pub fn begin(header: &str, catalog: &Arc<Catalog>, settings: &Arc<Settings>) -> Result<Replay, TranscriptError> {
        let error = |problem: String| TranscriptError { line: 1, problem };
        let header: Header = serde_json::from_str(header).map_err(|e| error(e.to_string()))?;
        if header.transcript != VERSION {
            return Err(error(format!("version {} where {VERSION} is understood", header.transcript)));
        }
        let mut settings = Settings::clone(settings);
        if settings.accounts.is_empty() {
            settings.accounts = header.accounts;
        }
        Ok(Replay { catalog: catalog.clone(), settings: Arc::new(settings), sessions: HashMap::new(), last: None })
    }

    /// Takes one line; hands the records that come of it to `sink`.
    ///
    /// # Errors
    /// A line that is not of the format. A torn last line is one: what came before it has been handed out.
    pub fn line(&mut self, text: &str, number: usize, sink: &mut dyn FnMut(Record)) -> Result<(), TranscriptError> {
        if text.is_empty() {
            return Ok(());
        }
        let error = |problem: String| TranscriptError { line: number, problem };
        let line: Line = serde_json::from_str(text).map_err(|e| error(e.to_string()))?;
        let now = Moment { unix_micros: line.unix_micros, mono_micros: line.mono_micros };
        self.last = Some(now);
        let auditor = self
            .sessions
            .entry(line.session.clone())
            .or_insert_with(|| Auditor::new(self.catalog.clone(), self.settings.clone(), line.session.as_str()));
        match line.event {
            Event::Bytes { direction, text: Some(text), .. } => auditor.feed(direction, text.as_bytes(), Some(now)),
            Event::Bytes { direction, base64: Some(base64), .. } => {
                let bytes = BASE64.decode(base64).map_err(|e| error(e.to_string()))?;
                auditor.feed(direction, &bytes, Some(now));
            }
            Event::Bytes { .. } => return Err(error("neither text nor base64".into())),
            Event::Tls => auditor.tls_established(),
            Event::Finish { direction } => auditor.finish(direction, Some(now)),
            Event::Note { record } => auditor.note(record.restore(&self.catalog), now),
        }
        while let Some(record) = auditor.poll() {
            sink(record);
        }
        Ok(())
    }

    /// The end of the transcript: what the run came to, with what receiving devices showed. Gives what of that could not be used.
    pub fn finish(mut self, witnesses: &[Witness], sink: &mut dyn FnMut(Record)) -> Vec<String> {
        let mut assessor = Assessor::new(&self.settings.canaries);
        for auditor in self.sessions.values_mut() {
            let (session, ledger) = auditor.take_ledger();
            assessor.add(&session, ledger);
        }
        let outcome = assessor.finish(witnesses);
        let mut run =
            self.sessions.remove(RUN_SESSION).unwrap_or_else(|| Auditor::new(self.catalog.clone(), self.settings.clone(), RUN_SESSION));
        outcome.assessments.into_iter().for_each(|assessment| run.conclude(assessment, self.last));
        while let Some(record) = run.poll() {
            sink(record);
        }
        outcome.unused
    }
}
