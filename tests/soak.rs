//! A long run with mixed clients, reconnects and faults on the way to the server: nothing is lost, memory stays flat, no descriptor is left.
//!
//! `scripts/soak` runs it for as long as it is told; among the tests that are ignored it takes half a minute.
#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

#[path = "cli/rig.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod rig;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rig::{Bench, Proxy};
use serde_json::Value;
use support::fault_relay::{FaultRelay, Faults};
use support::load::{self, EchoServer, Leave, PASSWORD, Session, Tally};
use support::random::Random;
use support::vitals;

/// Clients at once.
const CLIENTS: u64 = 8;
/// Half a minute, unless `STANZASCOPE_SOAK_MINUTES` says how long.
const MINUTES: f64 = 0.5;
/// What allocators and caches may add once the run is warm, in KiB.
const MAX_GROWTH: u64 = 8 << 10;

/// What happens on the way to the server to the connection with this number: half of them get through unharmed.
fn weather(number: u64) -> Faults {
    let mut random = Random::new(number);
    match number % 10 {
        1 => Faults { delay: Duration::from_millis(20), max_piece: 300, ..Faults::default() },
        3 => Faults { max_piece: 7, ..Faults::default() },
        5 => Faults { stall: Some((3000, Duration::from_secs(2))), ..Faults::default() },
        7 => Faults { reset_after: Some(1500 + random.below(8000)), max_piece: 500, ..Faults::default() },
        // A server that is away for a moment.
        9 => Faults { reset_after: Some(0), ..Faults::default() },
        _ => Faults::default(),
    }
}

fn plan(random: &mut Random, number: u64) -> Session {
    // Some are silent for longer than sessions keep their buffers.
    let patient = random.one_in(40);
    Session {
        number,
        messages: if patient { 2 } else { random.below(30) },
        pause: if patient { Duration::from_secs(11) } else { Duration::from_millis(50 + random.below(300)) },
        starttls: random.one_in(2),
        leave: Leave::ALL[random.below(4) as usize],
    }
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Duration,
    rss: u64,
    descriptors: usize,
}

/// F-38: eight clients for half a minute (`scripts/soak` for half an hour) through a relay that delays, cuts, stalls, resets and is away → a session record each with its end, nothing lost, memory flat, no descriptor left
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes long"]
async fn soak() {
    let minutes: f64 = std::env::var("STANZASCOPE_SOAK_MINUTES").map_or(MINUTES, |text| text.parse().expect("a number of minutes"));
    let length = Duration::from_secs_f64(minutes * 60.0);
    let server = EchoServer::start().await;
    let relay = FaultRelay::start(server.address, weather).await;
    let bench = Bench::new();
    let proxy = tokio::task::block_in_place(|| Proxy::start_before(&bench, relay.address, &[]));
    let (pid, starttls, direct) = (proxy.pid(), proxy.starttls(), proxy.direct());
    let idle = vitals::descriptors(pid);
    let tls = load::connector(&proxy.ca());
    let tally = Arc::new(Tally::default());
    let began = Instant::now();

    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (tls, tally) = (tls.clone(), tally.clone());
            tokio::spawn(async move {
                let mut random = Random::new(client);
                for n in 0.. {
                    if began.elapsed() >= length {
                        break;
                    }
                    let session = plan(&mut random, n * CLIENTS + client);
                    load::talk(if random.one_in(2) { starttls } else { direct }, &tls, session, &tally).await;
                }
            })
        })
        .collect();
    let mut samples = Vec::new();
    let every = (length / 200).max(Duration::from_millis(250));
    while began.elapsed() < length {
        tokio::time::sleep(every).await;
        samples.push(Sample { at: began.elapsed(), rss: vitals::rss_kib(pid), descriptors: vitals::descriptors(pid) });
    }
    for client in clients {
        client.await.unwrap();
    }
    // The last sessions end; half-open ones have ten seconds.
    let mut left = vitals::descriptors(pid);
    let deadline = Instant::now() + Duration::from_secs(20);
    while left > idle && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(200)).await;
        left = vitals::descriptors(pid);
    }
    let (cpu, peak) = (vitals::cpu(pid), vitals::peak_kib(pid));
    let ended = tokio::task::block_in_place(|| proxy.stop(&bench));
    ended.said.ended(0, &[]);
    assert!(!ended.said.err.contains(PASSWORD) && !ended.said.out.contains(PASSWORD));

    let log = Log::read(&ended.directory.join("records.jsonl"));
    let size = std::fs::metadata(ended.directory.join("records.jsonl")).unwrap().len();
    let received = server.received.lock().unwrap();
    let answered = tally.answered.lock().unwrap();
    let mut latency = std::mem::take(&mut *tally.latency.lock().unwrap());
    latency.sort_unstable();
    let percentile = |p: usize| f64::from(latency[(latency.len() - 1) * p / 100]) / 1000.0;
    // Before it is warm memory grows as it should.
    let warm: Vec<u64> = samples.iter().filter(|sample| sample.at > length / 4).map(|sample| sample.rss).collect();
    let (before, after) = (median(&warm[..warm.len() / 3]), median(&warm[warm.len() - warm.len() / 3..]));
    let growth = after.saturating_sub(before);
    let most = samples.iter().map(|sample| sample.descriptors).max().unwrap();

    println!("time        {:.1} min, {} clients at once", began.elapsed().as_secs_f64() / 60.0, CLIENTS);
    println!(
        "load        {} sessions ({} cut on the way, {} of them reset), {} messages sent, {} received, {} answered",
        tally.sessions.load(Ordering::Relaxed),
        tally.cut.load(Ordering::Relaxed),
        relay.resets(),
        tally.sent.load(Ordering::Relaxed),
        received.len(),
        answered.len(),
    );
    println!("log         {} records, {:.1} MB; ends {:?}; gaps {:?}", log.records, size as f64 / 1e6, log.ends, log.gaps);
    println!("memory      {} MiB warm, {} MiB at the end, {} MiB at most", before >> 10, after >> 10, peak >> 10);
    println!("descriptors {idle} idle, {most} at most, {left} at the end");
    println!("processor   {:.1} s, {:.1} % of a core", cpu.as_secs_f64(), cpu.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0);
    println!("latency     {:.1} ms median, {:.1} ms p99 of messages, the answer and faults included", percentile(50), percentile(99));

    assert!(received.len() as u64 > tally.sessions.load(Ordering::Relaxed), "there was no load");
    let lost: Vec<_> = received.difference(&log.to_server).collect();
    assert!(lost.is_empty(), "{} messages reached the server and not the log: {:?}", lost.len(), &lost[..lost.len().min(5)]);
    let lost: Vec<_> = answered.difference(&log.to_client).collect();
    assert!(lost.is_empty(), "{} answers reached a client and not the log: {:?}", lost.len(), &lost[..lost.len().min(5)]);
    assert_eq!(log.opened, log.closed, "each session has a beginning and an end");
    // Nothing but what was cut in the middle was not read.
    assert!(log.gaps.keys().all(|reason| reason == "truncated"), "{:?}", log.gaps);
    assert!(growth <= MAX_GROWTH, "memory grew by {growth} KiB: {samples:?}");
    assert!(left <= idle, "{} descriptors are left", left - idle);
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

/// A log, checked line by line.
#[derive(Debug, Default)]
struct Log {
    records: u64,
    opened: BTreeSet<String>,
    closed: BTreeSet<String>,
    ends: BTreeMap<String, u64>,
    gaps: BTreeMap<String, u64>,
    /// Ids of messages by direction.
    to_server: BTreeSet<String>,
    to_client: BTreeSet<String>,
}

impl Log {
    fn read(path: &Path) -> Log {
        let mut log = Log::default();
        let mut next: BTreeMap<String, u64> = BTreeMap::new();
        for line in BufReader::new(std::fs::File::open(path).unwrap()).lines() {
            let line = line.unwrap();
            assert!(!line.contains(PASSWORD) && !line.contains("CANARY"), "a secret in the log: {line}");
            let record: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            log.records += 1;
            let session = record["session"].as_str().unwrap().to_owned();
            let expected = next.entry(session.clone()).or_default();
            assert_eq!(record["seq"].as_u64(), Some(*expected), "a hole in {session}");
            *expected += 1;
            match (record["type"].as_str().unwrap(), record["event"].as_str()) {
                ("session", Some("open")) => assert!(log.opened.insert(session)),
                ("session", Some("close")) => {
                    assert!(log.closed.insert(session));
                    *log.ends.entry(record["reason"].as_str().unwrap().to_owned()).or_default() += 1;
                }
                ("stanza", _) => log.stanza(&record),
                _ => {}
            }
        }
        log
    }

    fn stanza(&mut self, record: &Value) {
        if let Some(reason) = record["gap"]["reason"].as_str() {
            *self.gaps.entry(reason.to_owned()).or_default() += 1;
        }
        let values = record["exposures"].as_array().into_iter().flatten().filter_map(|exposure| exposure["value"].as_str());
        for value in values {
            match (value.strip_prefix("e-"), record["direction"].as_str()) {
                (Some(id), Some("server_to_client")) if id.starts_with("m-") => _ = self.to_client.insert(id.to_owned()),
                (None, Some("client_to_server")) if value.starts_with("m-") => _ = self.to_server.insert(value.to_owned()),
                _ => {}
            }
        }
    }
}
