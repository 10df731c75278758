//! Counts for Prometheus: aggregates of what the records say, with closed labels only.
//!
//! A label value is a word of the catalog's enums or of the lists here, never a field id, address, URL or session. All series exist from
//! the start with 0, so that their number tells nothing and a scrape that comes early misses nothing. Each carries the [`RunLabel`], so that
//! runs can be told apart, whether they follow one another or stand side by side.

mod closed;
mod label;
mod names;
#[cfg(test)]
mod tests;
mod words;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use closed::{ByWord, Families, Grid};
use names::Names;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Counter, Histogram, IntCounter, IntGauge, Registry, TextEncoder};
use serde::Serialize;
use words::{FACTS, PRESENCE_STATES, SHOWS, SIGNALS};

pub use label::RunLabel;

use crate::catalog::{Catalog, Field, Layer, Pattern, closed_enum};
use crate::record::{Body, Exposure, Exposures, FrameName, Gap, Record, SEVERITIES, Stanza, Verdict, Via};
use crate::report::people::{Naming, naming};
use crate::xmpp::Direction;

closed_enum! {
    /// How a client's connection begins.
    Entry {
        /// In clear, with STARTTLS.
        StartTls = "starttls",
        /// With TLS from the first byte.
        Direct = "direct",
    }
}

/// Why sessions end. Any other word counts as `other`.
pub const END_REASONS: &[&str] = &[
    "closed",
    "client_closed",
    "client_vanished",
    "server_closed",
    "server_vanished",
    "upstream_failed",
    "client_refused_certificate",
    "client_left_handshake",
    "tls_failed",
    "timeout",
    "domain_refused",
    "domain_changed",
    "account_refused",
    "no_tls",
    "not_xmpp",
    "too_long",
    "peer_refused",
    "too_many",
    "too_many_from_peer",
    "too_fast",
    "log_failure",
    "stopped",
];

/// Why something was not read (see [`Gap::reason`]). Any other word counts as `other`.
pub const GAP_REASONS: &[&str] = &["malformed", "limit", "truncated", "blind", "log_failure", "not_audited"];

/// The closed list of interventions (DESIGN 4.2). Any other word counts as `other`.
pub const INTERVENTIONS: &[&str] = &[
    "starttls_ended",
    "starttls_removed",
    "compression_removed",
    "compression_refused",
    "channel_binding_stripped",
    "cleartext_discarded",
    "see_other_host_rewritten",
    "sm_location_removed",
];

/// Types of records, as on their `type` key.
const RECORD_TYPES: &[&str] = &["stanza", "keepalive", "transport", "session", "gap", "intervention", "finding", "mark", "assessment"];
/// Whether a finding speaks for the client.
const FAVOURS: &[&str] = &["for", "against"];
/// Directions, and what has none.
const DIRECTIONS: &[&str] = &["client_to_server", "server_to_client", "none"];
/// Upper bounds of what the proxy adds to a chunk's way, in seconds. A chunk in memory takes microseconds, a side that does not read takes long.
const DELAYS: &[f64] = &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 1.0];
/// What became of records on the way to a collector.
const OTLP_OUTCOMES: &[&str] = &["taken", "refused"];

/// All metrics of the program, in a registry of their own.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    sessions: ByWord,
    sessions_active: IntGauge,
    session_ends: ByWord,
    stanzas: Grid,
    bytes: ByWord,
    /// Exposures by field since the last [`Metrics::encode`], and the two counters each field adds to. One relaxed addition is all that
    /// an exposure costs while it passes, in counters that few threads share: they would take them from each other's caches.
    pending: [Vec<AtomicU64>; SHARES],
    folds: Vec<[IntCounter; 2]>,
    unclassified: ByWord,
    copies: IntCounter,
    /// What else the values of each field say.
    readings: Vec<Reading>,
    facts: Vec<ByWord>,
    presences: Grid,
    signals: Vec<[IntCounter; 3]>,
    names: Names,
    verdicts: ByWord,
    findings: Grid,
    gaps: ByWord,
    interventions: ByWord,
    records: ByWord,
    records_written: IntCounter,
    forward: Vec<Histogram>,
    audit: Vec<Histogram>,
    queue_waits: IntCounter,
    queue_wait_seconds: Counter,
    log_failures: IntCounter,
    log_records_lost: IntCounter,
    otlp_records: ByWord,
    otlp_retries: IntCounter,
    otlp_behind: IntGauge,
}

/// Sets of counters, of which each thread uses one.
const SHARES: usize = 4;

thread_local! {
    /// The set that this thread counts in.
    static SHARE: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) % SHARES
    };
}

/// What the values of a field say beyond being exposures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Nothing,
    /// A word of one of [`FACTS`].
    Fact(usize),
    /// One of [`SIGNALS`].
    Signal(usize),
    /// The `<show/>` of a presence.
    Show,
    /// A name.
    Name(Naming),
}

impl Reading {
    fn of(field: &Field) -> Reading {
        let id = field.id.as_str();
        if let Some(fact) = FACTS.iter().position(|fact| fact.rows.contains(&id)) {
            Reading::Fact(fact)
        } else if let Some(signal) = SIGNALS.iter().position(|(row, _)| *row == id) {
            Reading::Signal(signal)
        } else if SHOWS.contains(&id) {
            Reading::Show
        } else {
            naming(id, field.value_type).map_or(Reading::Nothing, Reading::Name)
        }
    }
}

impl Metrics {
    /// Registers every family and makes every series, for a run without a label.
    pub fn new(catalog: &Catalog) -> Metrics {
        Metrics::of_run(catalog, &RunLabel::new(""))
    }

    /// Registers every family and makes every series. Each carries the label as `run`.
    pub fn of_run(catalog: &Catalog, run: &RunLabel) -> Metrics {
        let labels = HashMap::from([("run".to_owned(), run.to_string())]);
        let registry = Registry::new_custom(None, Some(labels)).expect("there is no prefix that could be empty");
        registry.register(Box::new(ProcessCollector::for_self())).expect("each family is registered once");
        let f = Families(&registry);
        let started = f.gauge("stanzascope_run_start_time_seconds", "When the run began, in seconds since 1970.");
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        started.set(i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX));
        let signals = f.grid("stanzascope_signals_total", "Signs of activity.", ("signal", &words::signals()), ("direction", DIRECTIONS));
        let build =
            f.gauge_vec("stanzascope_build_info", "Version of the program and number of catalog rows.", &["version", "catalog_fields"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), &catalog.fields.len().to_string()]).set(1);
        let layers = f.combinations(
            "stanzascope_exposures_total",
            "Values the server could read, claimed by a catalog row; derived ones and those in copies included.",
            &["layer", "category", "sensitivity"],
            catalog.fields.iter().map(|field| [field.layer.name(), field.category.name(), field.sensitivity.name()]),
        );
        let patterns = f.combinations(
            "stanzascope_exposures_by_pattern_total",
            "The same values by layer and messaging pattern.",
            &["layer", "pattern"],
            catalog.fields.iter().map(|field| [Layer::name(field.layer), Pattern::name(field.pattern)]),
        );
        Metrics {
            sessions: f.words("stanzascope_sessions_total", "Sessions accepted.", "entry", &names(Entry::ALL, Entry::name)),
            sessions_active: f.gauge("stanzascope_sessions_active", "Sessions open now."),
            session_ends: f.words_and_other("stanzascope_session_ends_total", "Sessions that ended, by reason.", "reason", END_REASONS),
            stanzas: f.grid(
                "stanzascope_stanzas_total",
                "First-level frames audited.",
                ("kind", &names(FrameName::ALL, FrameName::name)),
                ("direction", DIRECTIONS),
            ),
            bytes: f.words("stanzascope_bytes_total", "Decrypted bytes relayed.", "direction", &DIRECTIONS[..2]),
            pending: std::array::from_fn(|_| catalog.fields.iter().map(|_| AtomicU64::new(0)).collect()),
            folds: layers.into_iter().zip(patterns).map(|(layer, pattern)| [layer, pattern]).collect(),
            unclassified: f.words(
                "stanzascope_unclassified_total",
                "Values the server could read that no catalog row claims.",
                "direction",
                DIRECTIONS,
            ),
            copies: f.counter("stanzascope_copies_total", "Stanzas that carry a copy of another: carbons, archive, history, forwarded."),
            readings: catalog.fields.iter().map(Reading::of).collect(),
            facts: FACTS.iter().map(|fact| f.words_and_other(fact.name, fact.help, fact.label, fact.words)).collect(),
            presences: f.grid(
                "stanzascope_presences_total",
                "Presences, by what they announce.",
                ("direction", DIRECTIONS),
                ("state", PRESENCE_STATES),
            ),
            signals: SIGNALS
                .iter()
                .map(|(_, word)| words::signals().iter().position(|known| known == word).expect("it is one of them"))
                .map(|row| std::array::from_fn(|column| signals.at(row, column).clone()))
                .collect(),
            names: Names::new(&f),
            verdicts: f.words("stanzascope_verdicts_total", "Verdicts on messages.", "verdict", &names(Verdict::ALL, Verdict::name)),
            findings: f.grid("stanzascope_findings_total", "Findings of rules.", ("severity", &SEVERITIES), ("favour", FAVOURS)),
            gaps: f.words_and_other("stanzascope_gaps_total", "What was not read, by reason.", "reason", GAP_REASONS),
            interventions: f.words_and_other("stanzascope_interventions_total", "Changes to what passed.", "action", INTERVENTIONS),
            records: f.words("stanzascope_records_total", "Records made.", "type", RECORD_TYPES),
            records_written: f.counter("stanzascope_log_records_written_total", "Records that are in the log."),
            forward: f.histograms(
                "stanzascope_forward_seconds",
                "Time from having read a chunk to having written it to the other side.",
                "direction",
                &DIRECTIONS[..2],
                DELAYS,
            ),
            audit: f.histograms(
                "stanzascope_audit_seconds",
                "Time the audit took after a chunk was passed on, waiting for the record queue included: the next one was read only then.",
                "direction",
                &DIRECTIONS[..2],
                DELAYS,
            ),
            queue_waits: f.counter("stanzascope_queue_waits_total", "Times a session waited for the record queue."),
            queue_wait_seconds: f.seconds("stanzascope_queue_wait_seconds_total", "Time sessions waited for the record queue."),
            log_failures: f.counter("stanzascope_log_failures_total", "Times the log could not be written."),
            log_records_lost: f.counter("stanzascope_log_records_lost_total", "Records that could not be written."),
            otlp_records: f.words("stanzascope_otlp_records_total", "Records that the collector dealt with.", "outcome", OTLP_OUTCOMES),
            otlp_retries: f.counter("stanzascope_otlp_retries_total", "Times a batch has to be sent again later."),
            otlp_behind: f.gauge("stanzascope_otlp_behind_bytes", "Bytes of the log that the collector has not taken."),
            registry,
        }
    }

    /// Counts what a record says.
    pub fn observe(&self, record: &Record) {
        match &record.body {
            Body::Stanza(stanza) => self.observe_stanza(stanza),
            Body::Transport { direction, exposures } => _ = self.observe_exposures(exposures, *direction),
            Body::Gap(gap) => self.observe_gap(gap),
            Body::Intervention(intervention) => self.interventions.count(&intervention.action),
            Body::Finding(finding) => self.findings.count(&finding.severity, &finding.favour),
            Body::Session(event) => event.account.iter().for_each(|account| self.names.add_own(account)),
            Body::Keepalive { .. } | Body::Mark { .. } | Body::Assessment(_) => {}
        }
        self.records.at(record_type(&record.body)).inc();
    }

    fn observe_stanza(&self, stanza: &Stanza) {
        self.stanzas.at(stanza.kind as usize, column(stanza.direction)).inc();
        let show = self.observe_exposures(&stanza.exposures, stanza.direction);
        if stanza.kind == FrameName::Presence {
            self.presences.count_at(column(stanza.direction), words::presence_state(&stanza.stanza_type, show));
        }
        if stanza.exposures.iter().any(|exposure| !matches!(exposure.via, Via::Direct | Via::ErrorEcho)) {
            self.copies.inc();
        }
        if let Some(verdict) = &stanza.verdict {
            self.verdicts.at(verdict.body as usize).inc();
        }
        if let Some(gap) = &stanza.gap {
            self.observe_gap(gap);
        }
    }

    /// Gives the `<show/>` of a presence, if one was among them.
    fn observe_exposures<'e>(&self, exposures: &'e Exposures, direction: Option<Direction>) -> Option<&'e str> {
        let mut show = None;
        let pending = &self.pending[SHARE.with(|share| *share)];
        for exposure in exposures.iter() {
            let Some(id) = exposure.field else {
                self.unclassified.at(column(direction)).inc();
                continue;
            };
            pending[id.0 as usize].fetch_add(1, Ordering::Relaxed);
            match self.readings[id.0 as usize] {
                Reading::Nothing => {}
                Reading::Show => show = Some(exposures.text(exposure.value)),
                reading if exposure.via == Via::Direct => self.read(reading, exposures, exposure, direction),
                _ => {}
            }
        }
        show
    }

    fn read(&self, reading: Reading, exposures: &Exposures, exposure: &Exposure, direction: Option<Direction>) {
        match reading {
            Reading::Fact(fact) => self.facts[fact].count(exposures.text(exposure.value)),
            Reading::Signal(signal) => self.signals[signal][column(direction)].inc(),
            Reading::Name(naming) => self.names.look(naming, exposures, exposure),
            Reading::Nothing | Reading::Show => {}
        }
    }

    fn observe_gap(&self, gap: &Gap) {
        self.gaps.count(&gap.reason);
    }

    /// A client was accepted.
    pub fn session_opened(&self, entry: Entry) {
        self.sessions.at(entry as usize).inc();
        self.sessions_active.inc();
    }

    /// A connection has ended; `reason` is one of [`END_REASONS`]. `opened` says that it was counted by [`Metrics::session_opened`].
    pub fn session_ended(&self, reason: &str, opened: bool) {
        self.session_ends.count(reason);
        if opened {
            self.sessions_active.dec();
        }
    }

    /// The few numbers that a person watches.
    pub fn glance(&self) -> Glance {
        let verdict = |verdict: Verdict| self.verdicts.at(verdict as usize).get();
        let stanzas = |kind: FrameName| (0..DIRECTIONS.len()).map(|column| self.stanzas.at(kind as usize, column).get()).sum();
        Glance {
            sessions: Entry::ALL.iter().map(|&entry| self.sessions.at(entry as usize).get()).sum(),
            active: self.sessions_active.get(),
            messages: stanzas(FrameName::Message),
            presences: stanzas(FrameName::Presence),
            iqs: stanzas(FrameName::Iq),
            opaque: verdict(Verdict::Opaque),
            not_encrypted: verdict(Verdict::NotEncrypted),
            suspect: verdict(Verdict::Suspect),
            proven_leaks: verdict(Verdict::ProvenLeak),
            // One more for `other`.
            gaps: (0..=GAP_REASONS.len()).map(|reason| self.gaps.at(reason).get()).sum(),
            log_records_lost: self.log_records_lost.get(),
        }
    }

    /// Decrypted bytes were relayed.
    pub fn bytes(&self, direction: Direction, n: u64) {
        self.bytes.at(direction.index()).inc_by(n);
    }

    /// A chunk was on its way through the proxy for so long.
    pub fn forwarded(&self, direction: Direction, took: Duration) {
        self.forward[direction.index()].observe(took.as_secs_f64());
    }

    /// The audit of what was passed on took so long.
    pub fn audited(&self, direction: Direction, took: Duration) {
        self.audit[direction.index()].observe(took.as_secs_f64());
    }

    /// So many records are in the log.
    pub fn records_written(&self, records: u64) {
        self.records_written.inc_by(records);
    }

    /// A session waited for the record queue.
    pub fn queue_wait(&self, waited: Duration) {
        self.queue_waits.inc();
        self.queue_wait_seconds.inc_by(waited.as_secs_f64());
    }

    /// The log could not be written, and so many records with it.
    pub fn log_failure(&self, records_lost: u64) {
        self.log_failures.inc();
        self.log_records_lost.inc_by(records_lost);
    }

    /// The collector took so many records, and refused so many.
    pub fn otlp_delivered(&self, taken: u64, refused: u64) {
        self.otlp_records.at(0).inc_by(taken);
        self.otlp_records.at(1).inc_by(refused);
    }

    /// A batch has to wait, and so much of the log with it.
    pub fn otlp_retry(&self, behind: u64) {
        self.otlp_retries.inc();
        self.otlp_behind(behind);
    }

    /// So many bytes of the log wait for the collector.
    pub fn otlp_behind(&self, bytes: u64) {
        self.otlp_behind.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Everything in Prometheus' text format.
    pub fn encode(&self) -> String {
        for (field, folds) in self.folds.iter().enumerate() {
            let seen = self.pending.iter().map(|pending| pending[field].swap(0, Ordering::Relaxed)).sum();
            if seen > 0 {
                folds.iter().for_each(|counter| counter.inc_by(seen));
            }
        }
        self.names.show();
        TextEncoder::new().encode_to_string(&self.registry.gather()).expect("every family has a name and series")
    }
}

/// What [`Metrics::glance`] sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each is the number of what it is called")]
pub struct Glance {
    pub sessions: u64,
    pub active: i64,
    pub messages: u64,
    pub presences: u64,
    pub iqs: u64,
    pub opaque: u64,
    pub not_encrypted: u64,
    pub suspect: u64,
    pub proven_leaks: u64,
    pub gaps: u64,
    pub log_records_lost: u64,
}

impl std::fmt::Display for Glance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Glance { active, messages, presences, iqs, opaque, not_encrypted, suspect, proven_leaks, gaps, .. } = self;
        write!(
            f,
            "{active} connected | {messages} messages {presences} presences {iqs} iqs | {opaque} opaque {not_encrypted} in clear {suspect} \
             suspect {proven_leaks} leaks | {gaps} gaps"
        )
    }
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|&value| name(value)).collect()
}

fn column(direction: Option<Direction>) -> usize {
    direction.map_or(Direction::BOTH.len(), Direction::index)
}

fn record_type(body: &Body) -> usize {
    match body {
        Body::Stanza(_) => 0,
        Body::Keepalive { .. } => 1,
        Body::Transport { .. } => 2,
        Body::Session(_) => 3,
        Body::Gap(_) => 4,
        Body::Intervention(_) => 5,
        Body::Finding(_) => 6,
        Body::Mark { .. } => 7,
        Body::Assessment(_) => 8,
    }
}
