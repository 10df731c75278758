//! Where a session's bytes meet the audit: the auditor, the transcript and the way to the log, behind one lock.
//!
//! Each direction of the relay calls [`Tap::feed`] before it writes and [`Tap::drain`] after it wrote.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::audit::Auditor;
use crate::metrics::Metrics;
use crate::record::{Body, Moment, StoredBody};
use crate::sink::{LogFailed, Sink};
use crate::transcript::{Event, Line};
use crate::xmpp::Direction;

use super::clock::Clock;
use super::gate::Gate;

/// More than this is not set aside for lines before they are made.
const MAX_EXPECTED: usize = 64 << 10;

/// What both directions of a session share.
pub struct Tap {
    inner: Mutex<Inner>,
    records: Sink,
    transcript: Option<Sink>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

/// The part behind the lock.
pub struct Inner {
    /// Reads the stream.
    pub auditor: Auditor,
    /// Decides about interventions.
    pub gate: Gate,
    session: String,
    transcript: Option<Vec<u8>>,
    transcript_lines: u64,
    /// Bytes of the lines that the last call gave: about what the next one will need.
    last_lines: usize,
}

impl Inner {
    fn store(&mut self, event: impl FnOnce() -> Event, now: Moment) {
        let Some(out) = &mut self.transcript else { return };
        let line = Line { session: self.session.clone(), unix_micros: now.unix_micros, mono_micros: now.mono_micros, event: event() };
        serde_json::to_writer(&mut *out, &line).expect("a transcript line has string keys and writes to memory");
        out.push(b'\n');
        self.transcript_lines += 1;
    }

    /// Takes in bytes as they pass.
    pub fn feed(&mut self, direction: Direction, bytes: &[u8], now: Moment) {
        self.store(|| Event::bytes(direction, bytes), now);
        self.auditor.feed(direction, bytes, Some(now));
    }

    /// Adds a record that does not come from the stream.
    pub fn note(&mut self, body: Body, now: Moment) {
        if let Some(record) = StoredBody::of(&body) {
            self.store(|| Event::Note { record }, now);
        }
        self.auditor.note(body, now);
    }

    /// The client's leg went into TLS.
    pub fn tls_established(&mut self, now: Moment) {
        self.store(|| Event::Tls, now);
        self.auditor.tls_established();
    }

    /// A direction has ended. Saying it twice changes nothing.
    pub fn finish(&mut self, direction: Direction, now: Moment) {
        if self.auditor.is_finished(direction) {
            return;
        }
        self.store(|| Event::Finish { direction }, now);
        self.auditor.finish(direction, Some(now));
    }

    /// Moves the gate's interventions into the log.
    pub fn note_interventions(&mut self, now: Moment) {
        for intervention in self.gate.take_interventions() {
            self.note(Body::Intervention(intervention), now);
        }
    }
}

impl Tap {
    /// A tap for one session.
    pub fn new(
        auditor: Auditor,
        gate: Gate,
        session: String,
        records: Sink,
        transcript: Option<Sink>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Tap {
        let inner = Inner { auditor, gate, session, transcript: transcript.is_some().then(Vec::new), transcript_lines: 0, last_lines: 0 };
        Tap { inner: Mutex::new(inner), records, transcript, metrics, clock }
    }

    /// The shared part. Never held across an await.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, on the run's clock.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Adds a record that does not come from the stream.
    pub fn note(&self, body: Body) {
        let now = self.now();
        self.lock().note(body, now);
    }

    /// Reads what was fed and hands the records to the log, waiting when it is behind.
    ///
    /// # Errors
    /// [`LogFailed`] when the log is lost and the policy is to stop.
    pub async fn drain(&self) -> Result<(), LogFailed> {
        let now = self.now();
        let (lines, count, raw, raw_lines) = {
            let mut inner = self.lock();
            let (mut lines, mut count) = (Vec::with_capacity(inner.last_lines.min(MAX_EXPECTED)), 0);
            while let Some(record) = inner.auditor.poll() {
                self.metrics.observe(&record);
                record.write_line(&mut lines);
                inner.auditor.recycle(record);
                count += 1;
            }
            inner.last_lines = lines.len();
            let raw = inner.transcript.as_mut().map(std::mem::take).unwrap_or_default();
            (lines, count, raw, std::mem::take(&mut inner.transcript_lines))
        };
        if let Some(transcript) = &self.transcript {
            transcript.write(raw, raw_lines, now).await?;
        }
        self.records.write(lines, count, now).await
    }
}
