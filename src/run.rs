//! A run: the proxy with its log, metrics and marks, from the first client to the summary.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use crate::admin;
use crate::audit::canary::{Assessor, Canaries, Witness, witness};
use crate::audit::{Auditor, Settings};
use crate::ca::Authority;
use crate::catalog::Catalog;
use crate::export::otlp::Origin;
use crate::metrics::{Metrics, RunLabel};
use crate::otlp::{self, Courier};
use crate::proxy::clock::Clock;
use crate::proxy::gate::Policy;
use crate::proxy::upstream::UpstreamConfig;
use crate::proxy::{self, Audit, Shared};
use crate::record::{Body, RUN_SESSION, StoredBody};
use crate::rules::{Choice, RuleSet};
use crate::run_dir::{CATALOG, RECORDS, RunDir, TRANSCRIPT};
use crate::sink::{Holds, LogFailed, OnLogFailure, Sink};
use crate::transcript;

/// Time for sessions to end after the run was told to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for the collector to take what is left when the run is over.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// What to run.
pub struct Plan {
    /// How to audit.
    pub settings: Settings,
    /// Whether to audit after login: off only for measuring.
    pub audit: Audit,
    /// What may be changed and who may pass.
    pub policy: Policy,
    /// Where the server is.
    pub upstream: UpstreamConfig,
    /// Signs leafs.
    pub authority: Authority,
    /// Host names clients dial besides the domain.
    pub names: Vec<String>,
    /// Peers that may connect besides this machine.
    pub allow_remote: Vec<IpNet>,
    /// Whether TLS keys are written to `SSLKEYLOGFILE`.
    pub key_log: bool,
    /// Name of the run.
    pub label: String,
    /// Where run directories are made.
    pub runs: PathBuf,
    /// Whether raw traffic is kept.
    pub transcript: bool,
    /// What to do when the log cannot be written.
    pub on_log_failure: OnLogFailure,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
    /// When the evaluator declared that the account is theirs; none for test domains.
    pub owner: Option<OffsetDateTime>,
    /// What the evaluator says of themselves and of what no wire can show, as written in the session file; null without.
    pub profile: Value,
    /// What the evaluator means to do, as written in the session file; null without.
    pub intent: Value,
    /// What the look at the server found.
    pub preflight: Value,
    /// Whether lines on standard input are marks.
    pub marks_from_stdin: bool,
    /// File with what receiving devices showed, read at the end.
    pub witness: Option<PathBuf>,
    /// Where the records are also sent while they are written.
    pub collector: Option<otlp::Endpoint>,
    /// Whether to show one live status line on standard error.
    pub status_line: bool,
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    /// The screen a person reads.
    pub summary: String,
    /// Where the files are.
    pub directory: PathBuf,
    /// Why the log is incomplete, if it is.
    pub log_failure: Option<LogFailed>,
    /// Why the file of witnesses was not used.
    pub witness_failure: Option<String>,
    /// What became of the records on the way to the collector.
    pub delivery: Option<otlp::Delivery>,
}

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The admin listener.
    #[error(transparent)]
    Admin(#[from] admin::AdminError),
    /// The run directory.
    #[error("cannot write the run to {path}: {error} (choose another place with --runs DIR)")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The files were written but cannot be read back.
    #[error("the run is over, but its records cannot be summed up: {0}")]
    Summary(String),
}

/// Completes when the process is told to stop: Ctrl-C, SIGTERM or SIGHUP.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut hup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
        _ = hup.recv() => {}
    }
}

/// Runs until `until` completes or the log fails.
///
/// # Errors
/// The run directory or the admin listener cannot be made.
pub async fn run(
    catalog: Arc<Catalog>,
    mut plan: Plan,
    listeners: Vec<TcpListener>,
    until: impl Future<Output = ()>,
) -> Result<Finished, RunError> {
    let clock = Clock::start();
    let started = OffsetDateTime::now_utc();
    let admin = match plan.metrics {
        Some(address) => Some(admin::bind(address).await?),
        None => None,
    };
    let run_label = RunLabel::new(&plan.label);
    let metrics = Arc::new(Metrics::of_run(&catalog, &run_label));
    let here = |error| RunError::Directory { path: plan.runs.clone(), error };
    let stamp = crate::record::time::Timestamp(clock.now().unix_micros).to_string();
    let stamp: String = stamp[..19].chars().filter(|c| !matches!(c, '-' | ':')).chain(['Z']).collect();
    let directory = RunDir::create(&plan.runs, &stamp, &plan.label).map_err(here)?;
    let mut manifest = manifest(&plan, &catalog, &listeners, started);
    directory.write_catalog(&catalog).map_err(here)?;
    directory.write_manifest(&manifest).map_err(here)?;
    let (sink, writer) = Sink::open(&directory.file(RECORDS), Holds::Records, plan.on_log_failure, metrics.clone()).map_err(here)?;
    let following = match plan.collector.clone() {
        Some(collector) => {
            let run = directory.path().file_name().unwrap_or_default().to_string_lossy();
            let origin = Origin { run: run.into_owned(), label: plan.label.clone(), version: env!("CARGO_PKG_VERSION").into() };
            let courier = Courier::new(collector, &directory.file(RECORDS), origin, Some(metrics.clone()));
            Some(courier.and_then(Courier::follow).map_err(here)?)
        }
        None => None,
    };
    let transcript = match plan.transcript {
        true => Some(Sink::open(&directory.file(TRANSCRIPT), Holds::Transcript, plan.on_log_failure, metrics.clone()).map_err(here)?),
        false => None,
    };
    let (transcript, transcript_writer) = transcript.unzip();
    announce(&listeners, admin.as_ref(), &directory, plan.transcript, plan.audit);
    if admin.is_some() && !run_label.shows(&plan.label) {
        crate::say!("the metrics call this run {run_label}: they show a label of up to 64 letters, digits, blanks and .-_+ only");
    }

    let (stop_sender, stop) = watch::channel(false);
    let (mark_sender, marks) = mpsc::channel(64);
    if plan.marks_from_stdin {
        read_marks(mark_sender.clone());
    }
    let admin_task = admin.map(|listener| {
        let (metrics, mut stop) = (metrics.clone(), stop.clone());
        tokio::spawn(admin::serve(listener, metrics, mark_sender.clone(), async move { _ = stop.wait_for(|stop| *stop).await }))
    });
    drop(mark_sender);
    with_one_rule_set(&mut plan.settings, &catalog);
    let (status_line, witness) = (plan.status_line, plan.witness);
    let shared = Arc::new(Shared {
        assessor: Mutex::new(Assessor::new(&plan.settings.canaries)),
        settings: Arc::new(plan.settings),
        audit: plan.audit,
        policy: plan.policy,
        authority: plan.authority,
        upstream: plan.upstream,
        names: plan.names,
        allow_remote: plan.allow_remote,
        key_log: plan.key_log,
        sink: sink.clone(),
        transcript: transcript.clone(),
        metrics: metrics.clone(),
        clock,
        stop,
        admission: Arc::default(),
        tasks: TaskTracker::new(),
        redirect: Mutex::new(None),
        sessions: AtomicU64::new(0),
        catalog: catalog.clone(),
    });
    if let Some(transcript) = &transcript {
        let header = transcript::Header {
            transcript: transcript::VERSION,
            warning: transcript::WARNING.into(),
            domains: shared.policy.domains.clone(),
            accounts: shared.settings.accounts.clone(),
        };
        let mut line = serde_json::to_vec(&header).expect("a header is plain strings");
        line.push(b'\n');
        let _ = transcript.write(line, 1, clock.now()).await;
    }
    if shared.audit == Audit::Off {
        locked(&shared.assessor).miss("nothing after login was looked at (--no-audit)");
    }
    let run_auditor = Arc::new(Mutex::new(Auditor::new(catalog.clone(), shared.settings.clone(), RUN_SESSION)));
    let marking = tokio::spawn(write_marks(shared.clone(), run_auditor.clone(), marks));
    let serving = tokio::spawn(proxy::run(shared.clone(), listeners));
    let showing = status_line.then(|| tokio::spawn(show_status(metrics.clone())));

    tokio::select! {
        () = until => {}
        _ = sink.failure() => {}
    }
    stop_sender.send_replace(true);
    if tokio::time::timeout(STOP_TIMEOUT, serving).await.is_err() {
        locked(&shared.assessor).miss("a session did not end in time, and what it held is not known");
    }
    marking.abort();
    let _ = marking.await;
    if let Some(task) = admin_task {
        let _ = task.await;
    }
    if let Some(task) = showing {
        task.abort();
        crate::stderr::part(format_args!("\r\x1b[K"));
    }
    let witness_failure = conclude(&shared, &run_auditor, witness.as_deref(), &mut manifest).await;
    drop((sink, transcript, shared));
    // Sessions that did not stop in time hold the log open; what they have not written by now is lost with them.
    let (log_failure, delivery) = tokio::task::spawn_blocking(move || {
        let failed = writer.finish();
        let transcript_failed = transcript_writer.map_or(Ok(()), crate::sink::Writer::finish);
        (failed.and(transcript_failed).err(), following.map(|following| following.finish(DELIVERY_TIMEOUT)))
    })
    .await
    .unwrap_or((None, None));

    manifest["ended"] = json!(OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default());
    manifest["counts"] = serde_json::to_value(metrics.glance()).unwrap_or_default();
    manifest["log_failure"] = json!(log_failure.as_ref().map(|failure| failure.0.clone()));
    manifest["otlp"] = json!(delivery.as_ref());
    // A full disk has been reported already.
    let _ = directory.write_manifest(&manifest);
    let path = directory.path().to_owned();
    let summary = match crate::run_files::summary_screen(&path) {
        Ok(summary) => summary,
        // Why the log is gone says more than that it cannot be read.
        Err(_) if log_failure.is_some() => String::new(),
        Err(error) => return Err(RunError::Summary(error.to_string())),
    };
    Ok(Finished { summary, directory: path, log_failure, witness_failure, delivery })
}

/// Every rule, unless some were chosen, in one set for all sessions: rules that compare accounts do so through it.
fn with_one_rule_set(settings: &mut Settings, catalog: &Catalog) {
    settings.rules.get_or_insert_with(|| Arc::new(RuleSet::new(catalog, Choice::default())));
}

fn announce(listeners: &[TcpListener], admin: Option<&TcpListener>, directory: &RunDir, transcript: bool, audit: Audit) {
    for (listener, kind) in listeners.iter().zip(["starttls", "direct"]) {
        if let Ok(address) = listener.local_addr() {
            crate::say!("listening {kind} {address}");
        }
    }
    if let Some(Ok(address)) = admin.map(TcpListener::local_addr) {
        crate::say!("metrics http://{address}/metrics");
    }
    crate::say!("run directory {}", directory.path().display());
    if transcript {
        crate::say!("KEEPING A TRANSCRIPT: {}", transcript::WARNING);
    }
    if audit == Audit::Off {
        crate::say!(
            "NOT AUDITING: with --no-audit nothing after login is looked at or logged. The log of this run says nothing about the client."
        );
    }
}

fn manifest(plan: &Plan, catalog: &Catalog, listeners: &[TcpListener], started: OffsetDateTime) -> Value {
    let date = |at: OffsetDateTime| at.format(&Rfc3339).unwrap_or_default();
    json!({
        "schema": crate::record::SCHEMA_VERSION,
        "tool": { "name": "stanzascope", "version": env!("CARGO_PKG_VERSION") },
        "catalog": { "fields": catalog.fields.len(), "specifications": catalog.specs.len(), "file": CATALOG },
        "label": plan.label,
        "started": date(started),
        "ended": null,
        "domains": plan.policy.domains,
        "accounts": plan.policy.accounts,
        "listen": proxy::addresses(listeners),
        "names": plan.names,
        "upstream": { "target": plan.upstream.target.to_string(), "tls": format!("{:?}", plan.upstream.tls).to_lowercase(), "verified_by": plan.upstream.trust.described() },
        "preflight": plan.preflight,
        "channel_binding": plan.policy.channel_binding,
        "observe_only": plan.policy.observe_only,
        "audit": plan.audit == Audit::On,
        "evidence": plan.settings.evidence,
        "keep_content": plan.settings.keep_content,
        "canaries": plan.settings.canaries.len(),
        "profile": plan.profile,
        "plan": plan.intent,
        "transcript": plan.transcript,
        "tls_keys_logged": plan.key_log,
        "i_own_this_account": plan.owner.map(date),
        "ca": {
            "subject": plan.authority.facts().subject,
            "fingerprint": plan.authority.facts().fingerprint,
            "expires": date(plan.authority.facts().not_after),
            "reminder": "remove the trust in this CA from the clients after the evaluation: stanzascope ca destroy says how",
        },
    })
}

/// Lines typed into the running proxy become marks. The thread ends with the process: a blocked read cannot be cancelled.
fn read_marks(sender: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in io::stdin().lines() {
            let Ok(line) = line else { return };
            let label: String = line.trim().chars().filter(|c| !c.is_control()).take(admin::MAX_MARK_BYTES).collect();
            if !label.is_empty() && sender.blocking_send(label).is_err() {
                return;
            }
        }
    });
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes what the run came to; gives why the file of witnesses could not be used.
async fn conclude(shared: &Shared, auditor: &Mutex<Auditor>, witness: Option<&Path>, manifest: &mut Value) -> Option<String> {
    let (witnesses, failure) = match witness.map(|path| read_witnesses(path, &shared.settings.canaries)) {
        Some(Ok(witnesses)) => (witnesses, None),
        Some(Err(error)) => (Vec::new(), Some(error)),
        None => (Vec::new(), None),
    };
    let now = shared.clock.now();
    let (mut lines, mut count) = (Vec::new(), 0);
    {
        let mut auditor = locked(auditor);
        let (session, ledger) = auditor.take_ledger();
        let mut assessor = std::mem::take(&mut *locked(&shared.assessor));
        assessor.add(&session, ledger);
        let outcome = assessor.finish(&witnesses);
        outcome.unused.iter().for_each(|problem| crate::say!("witness {problem}"));
        if let Some(facts) = outcome.assessments.last().and_then(|run| run.search.as_ref()) {
            manifest["canary_search"] = serde_json::to_value(facts).unwrap_or_default();
        }
        outcome.assessments.into_iter().for_each(|assessment| auditor.conclude(assessment, Some(now)));
        while let Some(record) = auditor.poll() {
            shared.metrics.observe(&record);
            record.write_line(&mut lines);
            count += 1;
        }
    }
    // A log that failed has been reported already.
    let _ = shared.sink.write(lines, count, now).await;
    failure
}

/// Reads a file of witnesses.
///
/// # Errors
/// A file that cannot be read, or a line that is none; in words.
pub fn read_witnesses(path: &Path, canaries: &Canaries) -> Result<Vec<Witness>, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read the witness file {shown}: {error}"))?;
    witness::read(&text, canaries).map_err(|error| format!("{shown}, {error}"))
}

async fn write_marks(shared: Arc<Shared>, auditor: Arc<Mutex<Auditor>>, mut marks: mpsc::Receiver<String>) {
    while let Some(label) = marks.recv().await {
        let now = shared.clock.now();
        let body = Body::Mark { label };
        if let Some(transcript) = &shared.transcript {
            let event = transcript::Event::Note { record: StoredBody::of(&body).expect("marks can be stored") };
            let line = transcript::Line { session: RUN_SESSION.into(), unix_micros: now.unix_micros, mono_micros: now.mono_micros, event };
            let mut text = serde_json::to_vec(&line).expect("a line has string keys");
            text.push(b'\n');
            let _ = transcript.write(text, 1, now).await;
        }
        let mut line = Vec::new();
        {
            let mut auditor = locked(&auditor);
            auditor.note(body, now);
            while let Some(record) = auditor.poll() {
                shared.metrics.observe(&record);
                record.write_line(&mut line);
            }
        }
        if shared.sink.write(line, 1, now).await.is_err() {
            return;
        }
    }
}

/// One line that says that the proxy lives and what it saw, twice a second.
async fn show_status(metrics: Arc<Metrics>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    let mut shown = String::new();
    loop {
        ticks.tick().await;
        let line = metrics.glance().to_string();
        if line != shown {
            crate::stderr::part(format_args!("\r\x1b[K{line}"));
            shown = line;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Moment;
    use crate::xmpp::Direction;

    /// Two accounts that give one installation id are found, though nobody chose rules.
    #[test]
    fn sessions_of_a_run_are_compared() {
        let catalog = Catalog::builtin();
        let mut settings = Settings::default();
        with_one_rule_set(&mut settings, &catalog);
        let settings = Arc::new(settings);
        let mut found = Vec::new();
        for account in ["mira@fern.example/k3", "second@moss.example/t7"] {
            let mut auditor = Auditor::new(catalog.clone(), settings.clone(), account);
            let login = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>\
                <authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/></authenticate>";
            let answer = format!(
                "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>\
                 <success xmlns='urn:xmpp:sasl:2'><authorization-identifier>{account}</authorization-identifier></success>"
            );
            for (direction, bytes) in [(Direction::ClientToServer, login), (Direction::ServerToClient, &answer)] {
                auditor.feed(direction, bytes.as_bytes(), None);
                found.extend(lines(&mut auditor));
            }
            for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                auditor.finish(direction, None);
            }
            // What a session as a whole says is said when it closes.
            let closing = auditor.closing("closed", "", Moment { unix_micros: 0, mono_micros: 0 });
            auditor.note(closing, Moment { unix_micros: 0, mono_micros: 0 });
            found.extend(lines(&mut auditor));
        }
        let shared = |line: &&String| line.contains("\"rule\":\"same-identifier-across-accounts\"");
        assert_eq!(found.iter().filter(shared).count(), 1, "{found:#?}");
    }

    fn lines(auditor: &mut Auditor) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(record) = auditor.poll() {
            let mut line = Vec::new();
            record.write_line(&mut line);
            all.push(String::from_utf8(line).unwrap());
        }
        all
    }
}
