//! Counts for Prometheus: aggregates of what the records say, with closed labels only.
//!
//! A label value is a word of the catalog's enums or of the lists below, never a field id, address, URL or session. All series exist from
//! the start with 0, so that their number tells nothing and a scrape that comes early misses nothing.

mod closed;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use closed::{ByWord, Families, Grid};
use prometheus::{Counter, IntCounter, IntGauge, IntGaugeVec, Registry, TextEncoder};
use serde::Serialize;

use crate::catalog::{Catalog, Layer, Pattern, closed_enum};
use crate::record::{Body, Exposures, FrameName, Gap, Record, SEVERITIES, Stanza, Verdict, Via};
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
/// Longest run label that becomes a label value, in bytes.
const MAX_RUN_LABEL: usize = 64;

/// All metrics of the program, in a registry of their own.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    run_info: IntGaugeVec,
    sessions: ByWord,
    sessions_active: IntGauge,
    session_ends: ByWord,
    stanzas: Grid,
    bytes: ByWord,
    /// Exposures by field since the last [`Metrics::encode`], and the two counters each field adds to. One relaxed addition is all that
    /// an exposure costs while it passes.
    pending: Vec<AtomicU64>,
    folds: Vec<[IntCounter; 2]>,
    unclassified: ByWord,
    copies: IntCounter,
    verdicts: ByWord,
    findings: Grid,
    gaps: ByWord,
    interventions: ByWord,
    records: ByWord,
    queue_waits: IntCounter,
    queue_wait_seconds: Counter,
    log_failures: IntCounter,
    log_records_lost: IntCounter,
}

impl Metrics {
    /// Registers every family and makes every series.
    pub fn new(catalog: &Catalog) -> Metrics {
        let registry = Registry::new();
        let f = Families(&registry);
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
            run_info: f.gauge_vec("stanzascope_run_info", "Label of the run, when it is short and plain.", &["label"]),
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
            pending: catalog.fields.iter().map(|_| AtomicU64::new(0)).collect(),
            folds: layers.into_iter().zip(patterns).map(|(layer, pattern)| [layer, pattern]).collect(),
            unclassified: f.words(
                "stanzascope_unclassified_total",
                "Values the server could read that no catalog row claims.",
                "direction",
                DIRECTIONS,
            ),
            copies: f.counter("stanzascope_copies_total", "Stanzas that carry a copy of another: carbons, archive, history, forwarded."),
            verdicts: f.words("stanzascope_verdicts_total", "Verdicts on messages.", "verdict", &names(Verdict::ALL, Verdict::name)),
            findings: f.grid("stanzascope_findings_total", "Findings of rules.", ("severity", &SEVERITIES), ("favour", FAVOURS)),
            gaps: f.words_and_other("stanzascope_gaps_total", "What was not read, by reason.", "reason", GAP_REASONS),
            interventions: f.words_and_other("stanzascope_interventions_total", "Changes to what passed.", "action", INTERVENTIONS),
            records: f.words("stanzascope_records_total", "Records made.", "type", RECORD_TYPES),
            queue_waits: f.counter("stanzascope_queue_waits_total", "Times a session waited for the record queue."),
            queue_wait_seconds: f.seconds("stanzascope_queue_wait_seconds_total", "Time sessions waited for the record queue."),
            log_failures: f.counter("stanzascope_log_failures_total", "Times the log could not be written."),
            log_records_lost: f.counter("stanzascope_log_records_lost_total", "Records that could not be written."),
            registry,
        }
    }

    /// Shows the run's label, if it is short and plain; says whether it is. An address, for one, is not.
    pub fn run_label(&self, label: &str) -> bool {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+' | b' ');
        let fit = !label.is_empty() && label.len() <= MAX_RUN_LABEL && label.bytes().all(plain);
        if fit {
            self.run_info.reset();
            self.run_info.with_label_values(&[label]).set(1);
        }
        fit
    }

    /// Counts what a record says.
    pub fn observe(&self, record: &Record) {
        match &record.body {
            Body::Stanza(stanza) => self.observe_stanza(stanza),
            Body::Transport { direction, exposures } => self.observe_exposures(exposures, *direction),
            Body::Gap(gap) => self.observe_gap(gap),
            Body::Intervention(intervention) => self.interventions.count(&intervention.action),
            Body::Finding(finding) => self.findings.count(&finding.severity, &finding.favour),
            Body::Keepalive { .. } | Body::Session(_) | Body::Mark { .. } | Body::Assessment(_) => {}
        }
        self.records.at(record_type(&record.body)).inc();
    }

    fn observe_stanza(&self, stanza: &Stanza) {
        self.stanzas.at(stanza.kind as usize, column(stanza.direction)).inc();
        self.observe_exposures(&stanza.exposures, stanza.direction);
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

    fn observe_exposures(&self, exposures: &Exposures, direction: Option<Direction>) {
        for exposure in exposures.iter() {
            match exposure.field {
                Some(id) => _ = self.pending[id.0 as usize].fetch_add(1, Ordering::Relaxed),
                None => self.unclassified.at(column(direction)).inc(),
            }
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

    /// Everything in Prometheus' text format.
    pub fn encode(&self) -> String {
        for (pending, folds) in self.pending.iter().zip(&self.folds) {
            let seen = pending.swap(0, Ordering::Relaxed);
            if seen > 0 {
                folds.iter().for_each(|counter| counter.inc_by(seen));
            }
        }
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
