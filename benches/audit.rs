//! How fast the audit core is: bytes in, lines of the log out, without network or disk.
//!
//! `cargo bench --bench audit` prints megabytes per CPU-second of the core and, in the same rounds, of quick-xml's bare event loop over the
//! same bytes: on a shared machine only that ratio means something. Then criterion measures each by itself, for comparing two versions.
//! `docs/performance.md` keeps the results.
#![allow(clippy::unwrap_used, reason = "a panic is the failure a benchmark reports")]

#[path = "audit/corpus.rs"]
mod corpus;
#[path = "audit/rows.rs"]
mod rows;

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use corpus::{CONTACTS, Corpus};
use criterion::{Criterion, Throughput};
use quick_xml::events::Event;
use stanzascope::audit::canary::frame::look;
use stanzascope::audit::canary::{Canaries, make};
use stanzascope::audit::{Auditor, Evidence, Settings};
use stanzascope::catalog::Catalog;
use stanzascope::record::{Body, Moment};
use stanzascope::xmpp::Direction;
use stanzascope::xmpp::element::{Document, Inherited};
use stanzascope::xmpp::framer::{FrameKind, Framer};
use stanzascope::xmpp::limits::Limits;

use rows::{FEW, FewRows};

const CORPUS_BYTES: usize = 4 << 20;
const ROUNDS: usize = 7;

/// What a pass wrote.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Written {
    stanzas: u64,
    exposures: u64,
    bytes: u64,
}

/// One session from its first byte to its last.
fn audit(catalog: &Arc<Catalog>, settings: &Arc<Settings>, corpus: &Corpus, mut write: impl FnMut(&[u8])) -> Written {
    let mut auditor = Auditor::new(catalog.clone(), settings.clone(), "3f2a-7");
    let mut line = Vec::with_capacity(1 << 16);
    let mut written = Written::default();
    let mut micros = 0;
    let mut inside_tls = false;
    let mut feed = |auditor: &mut Auditor, chunks: &[(_, Vec<u8>)], inside_tls: bool| {
        for (direction, bytes) in chunks {
            micros += 40;
            let now = Moment { unix_micros: 1_795_347_620_000_000 + micros, mono_micros: micros as u64 };
            auditor.feed(*direction, bytes, Some(now));
            while let Some(record) = auditor.poll() {
                line.clear();
                record.write_line(&mut line);
                write(black_box(&line));
                if let (Body::Stanza(stanza), true) = (&record.body, inside_tls) {
                    assert!(stanza.gap.is_none(), "{:?}", stanza.gap);
                    written.stanzas += 1;
                    written.exposures += stanza.exposures.len() as u64;
                }
                written.bytes += line.len() as u64;
                auditor.recycle(record);
            }
        }
    };
    for chunks in [&corpus.before_tls, &corpus.chunks] {
        feed(&mut auditor, chunks, inside_tls);
        inside_tls = true;
        auditor.tls_established();
    }
    written
}

fn events(corpus: &Corpus) -> u64 {
    let mut count = 0;
    for whole in &corpus.whole {
        let mut reader = quick_xml::Reader::from_str(whole);
        // Streams are restarted without being closed.
        reader.config_mut().check_end_names = false;
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => break,
                event => _ = black_box(event),
            }
            count += 1;
        }
    }
    count
}

/// CPU time of this thread; wall time where the system does not tell.
fn cpu_time(begun: Instant) -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = schedstat.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| begun.elapsed(), Duration::from_nanos)
}

/// Megabytes (10^6) per CPU-second of `work` over some passes of the corpus.
fn megabytes_per_second(bytes: u64, mut work: impl FnMut()) -> f64 {
    const AT_LEAST: Duration = Duration::from_millis(300);
    let begun = Instant::now();
    let (from, mut passes) = (cpu_time(begun), 0);
    loop {
        work();
        passes += 1;
        let took = cpu_time(begun).saturating_sub(from);
        if took >= AT_LEAST {
            return (bytes * passes) as f64 / 1e6 / took.as_secs_f64();
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn settings(evidence: Evidence) -> Arc<Settings> {
    Arc::new(Settings { accounts: vec!["mira@fern.example".into()], evidence, ..Settings::default() })
}

/// The first so many of what `canary new` makes, all shapes among them.
fn canaries(count: usize) -> Canaries {
    let mut state = 1u32;
    let mut random = |bytes: &mut [u8]| {
        for byte in bytes {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as u8;
        }
    };
    let made = make::sets(&make::Wanted { count: count.div_ceil(15), with: None }, &mut random);
    Canaries::new(made.into_iter().take(count).map(|made| made.canary).collect()).unwrap()
}

/// The frames of the corpus, parsed, so that the search can be measured by itself.
fn parsed(catalog: &Catalog, corpus: &Corpus) -> Vec<(Vec<u8>, Document)> {
    let mut frames = Vec::new();
    for direction in Direction::BOTH {
        let mut framer = Framer::new(usize::MAX);
        for (_, bytes) in corpus.chunks.iter().filter(|(d, _)| *d == direction) {
            framer.feed(bytes);
            while let Some(frame) = framer.poll() {
                let bytes = framer.bytes(&frame).to_vec();
                let mut document = Document::new();
                let header = frame.kind == FrameKind::StreamOpen;
                if document.parse(&bytes, header, &Inherited::client(), &catalog.names, &Limits::default()).is_ok() {
                    frames.push((bytes, document));
                }
            }
        }
    }
    frames
}

fn searched(canaries: &Canaries, frames: &[(Vec<u8>, Document)]) {
    for (bytes, document) in frames {
        let seen = look(canaries.search().unwrap(), bytes, Some(document));
        assert!(seen.sightings.is_empty() && !seen.incomplete);
    }
}

fn table(catalog: &Arc<Catalog>, corpus: &Corpus) {
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        rates[0].push(megabytes_per_second(corpus.bytes, || _ = black_box(events(corpus))));
        for (at, evidence) in [(1, Evidence::None), (2, Evidence::Redacted)] {
            let settings = settings(evidence);
            rates[at].push(megabytes_per_second(corpus.bytes, || _ = black_box(audit(catalog, &settings, corpus, |_| {}))));
        }
    }
    println!(
        "{} stanzas, {:.0} bytes each on average, {} catalog rows",
        corpus.stanzas,
        corpus.bytes as f64 / corpus.stanzas as f64,
        catalog.fields.len()
    );
    println!("{:<28} {:>12} {:>10} {:>14} {:>10}", "", "MB per CPU-s", "of events", "rows/stanza", "log/input");
    let frames = parsed(catalog, corpus);
    for count in [1, 15, 100] {
        let canaries = canaries(count);
        let rate = median((0..ROUNDS).map(|_| megabytes_per_second(corpus.bytes, || searched(&canaries, &frames))).collect());
        println!("{:<28} {rate:>12.0}", format!("search alone, {count} canaries"));
    }
    let yardstick = median(rates[0].clone());
    println!("{:<28} {yardstick:>12.0} {:>10}", "quick-xml, events only", "1.00");
    for (at, evidence) in [(1, Evidence::None), (2, Evidence::Redacted)] {
        let written = audit(catalog, &settings(evidence), corpus, |_| {});
        let rate = median(rates[at].clone());
        let name = format!("audit, evidence {evidence:?}").to_lowercase();
        let (rows, log) = (written.exposures as f64 / written.stanzas as f64, written.bytes as f64 / corpus.bytes as f64);
        println!("{name:<28} {rate:>12.0} {:>10.2} {rows:>14.1} {log:>10.2}", rate / yardstick);
    }
}

/// The cost of many rows: the same traffic and the same exposures, in the same rounds.
fn rows_table(catalog: &Arc<Catalog>, corpus: &Corpus) {
    let settings = settings(Evidence::None);
    let few = FewRows::of(catalog, &settings, &corpus.sent);
    assert_eq!(few.audit(&few.catalog, &settings), few.audit(catalog, &settings), "the same exposures");
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (rates, catalog) in rates.iter_mut().zip([&few.catalog, catalog]) {
            rates.push(megabytes_per_second(few.bytes, || _ = black_box(few.audit(catalog, &settings))));
        }
    }
    let [few_rows, all_rows] = rates.map(median);
    let (stanzas, rows) = (few.traffic.len(), catalog.fields.len());
    println!("{stanzas} of these stanzas, which {FEW} rows classify: {few_rows:.0} MB per CPU-s with those rows alone,");
    println!("{all_rows:.0} with all {rows}: {:.2}", all_rows / few_rows);
}

/// The cost of a long session and of many contacts: the rate at the beginning and at the end of one session, each over the same number of
/// bytes, and the rate with a hundred times as many contacts.
fn growth_table(catalog: &Arc<Catalog>) {
    const PARTS: usize = 24;
    let settings = settings(Evidence::None);
    let rates = |contacts: usize| {
        let corpus = Corpus::with_contacts(PARTS * CORPUS_BYTES, contacts);
        let mut auditor = Auditor::new(catalog.clone(), settings.clone(), "3f2a-7");
        auditor.tls_established();
        let mut line = Vec::new();
        let mut rate = |chunks: &[(Direction, Vec<u8>)]| {
            let begun = Instant::now();
            let from = cpu_time(begun);
            for (direction, bytes) in chunks {
                auditor.feed(*direction, bytes, None);
                while let Some(record) = auditor.poll() {
                    line.clear();
                    record.write_line(&mut line);
                    auditor.recycle(record);
                }
            }
            let bytes = chunks.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
            bytes as f64 / 1e6 / cpu_time(begun).saturating_sub(from).as_secs_f64()
        };
        // The first part has the login and the roster in it.
        let parts: Vec<f64> = corpus.chunks.chunks(corpus.chunks.len().div_ceil(PARTS)).map(&mut rate).skip(1).collect();
        (median(parts[..5].to_vec()), median(parts[parts.len() - 5..].to_vec()))
    };
    let (begin, end) = rates(CONTACTS);
    println!(
        "one session of {} MB: {begin:.0} MB per CPU-s at its beginning, {end:.0} at its end: {:.2}",
        (PARTS * CORPUS_BYTES) >> 20,
        end / begin
    );
    let (_, many) = rates(100 * CONTACTS);
    println!("with {} contacts in place of {CONTACTS}: {many:.0} at its end: {:.2}", 100 * CONTACTS, many / end);
}

fn main() {
    let catalog = Catalog::builtin();
    let corpus = Corpus::new(CORPUS_BYTES);
    // The log itself, for comparing what two versions write.
    if std::env::var_os("LINES").is_some() {
        let mut out = std::io::stdout().lock();
        for evidence in [Evidence::None, Evidence::Redacted] {
            audit(&catalog, &settings(evidence), &corpus, |line| out.write_all(line).unwrap());
        }
        return;
    }
    // Once is enough to see that it works (`cargo test --benches`); a profiler wants nothing else around it.
    if let Some(times) = std::env::var("PASSES").ok().and_then(|n| n.parse().ok()) {
        let evidence = if std::env::var_os("REDACTED").is_some() { Evidence::Redacted } else { Evidence::None };
        let settings = settings(evidence);
        (0..times).for_each(|_| _ = black_box(audit(&catalog, &settings, &corpus, |_| {})));
        return;
    }
    if let Some(count) = std::env::var("CANARIES").ok().and_then(|n| n.parse().ok()) {
        let (canaries, frames) = (canaries(count), parsed(&catalog, &corpus));
        println!("{:.0} MB per CPU-s", megabytes_per_second(corpus.bytes, || searched(&canaries, &frames)));
        return;
    }
    // `cargo test` runs benchmarks too, without this flag.
    if std::env::args().any(|arg| arg == "--bench") {
        table(&catalog, &corpus);
        rows_table(&catalog, &corpus);
        growth_table(&catalog);
    }
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    let mut group = criterion.benchmark_group("audit");
    group.throughput(Throughput::BytesDecimal(corpus.bytes));
    group.bench_function("quick-xml events", |b| b.iter(|| events(&corpus)));
    for evidence in [Evidence::None, Evidence::Redacted] {
        let settings = settings(evidence);
        group.bench_function(format!("evidence {evidence:?}").to_lowercase(), |b| b.iter(|| audit(&catalog, &settings, &corpus, |_| {})));
    }
    let (canaries, frames) = (canaries(100), parsed(&catalog, &corpus));
    group.bench_function("search for 100 canaries", |b| b.iter(|| searched(&canaries, &frames)));
    group.finish();
    criterion.final_summary();
}
