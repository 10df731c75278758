//! What to measure, how long, and with whom.

use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::contender::{BEFORE, Kind};

/// Measures the proxy against HAProxy, nginx, sslsplit and mitmproxy, as far as they are installed, on loopback.
#[derive(Debug, Parser)]
#[command(name = "scripts/bench")]
pub struct Args {
    /// About two minutes: one or two short rounds, fewer connections.
    #[arg(long)]
    quick: bool,
    /// A few seconds and the product alone: that it works, and that each stanza is logged.
    #[arg(long)]
    smoke: bool,
    /// Only these; may be repeated.
    #[arg(long, value_enum)]
    only: Vec<What>,
    /// Only these proxies; may be repeated.
    #[arg(long = "with", value_enum)]
    with: Vec<Kind>,
    /// Another build of the product, for telling what a change brought.
    #[arg(long, value_name = "FILE")]
    before: Option<String>,
    /// Rounds of throughput, latency and connections.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds of one measurement.
    #[arg(long)]
    seconds: Option<f64>,
    /// Idle connections; may be repeated.
    #[arg(long)]
    idle: Vec<usize>,
    /// Gigabytes through one process, for its memory afterwards.
    #[arg(long)]
    gigabytes: Option<u64>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    Throughput,
    Starttls,
    Latency,
    Connections,
    Memory,
    Volume,
}

/// Arguments, with what follows from them.
#[derive(Debug)]
pub struct Plan {
    pub what: Vec<What>,
    pub contenders: Vec<Kind>,
    pub rounds: usize,
    /// Of one measurement.
    pub length: Duration,
    pub corpus_bytes: usize,
    /// Connections that latency is measured with.
    pub latency_at: Vec<usize>,
    /// Idle connections.
    pub memory_at: Vec<usize>,
    pub gigabytes: u64,
}

impl Plan {
    pub fn of(args: Args) -> Plan {
        let all: Vec<Kind> = Kind::value_variants().iter().copied().filter(|kind| args.before.is_some() || !kind.is_before()).collect();
        if let Some(before) = args.before {
            BEFORE.set(before).expect("the arguments are read once");
        }
        // `cargo test` also runs benchmarks, without this flag.
        let smoke = args.smoke || !args.bench;
        let plan = if smoke {
            Plan {
                what: vec![What::Throughput, What::Starttls, What::Latency, What::Connections],
                contenders: vec![Kind::Redacted, Kind::None, Kind::NoAudit],
                rounds: 1,
                length: Duration::from_millis(200),
                corpus_bytes: 1 << 20,
                latency_at: vec![10],
                memory_at: vec![],
                gigabytes: 0,
            }
        } else if args.quick {
            Plan {
                what: What::value_variants().iter().copied().filter(|what| *what != What::Volume).collect(),
                contenders: all,
                rounds: 2,
                length: Duration::from_millis(500),
                corpus_bytes: 16 << 20,
                latency_at: vec![100],
                memory_at: vec![200],
                gigabytes: 0,
            }
        } else {
            Plan {
                what: What::value_variants().to_vec(),
                contenders: all,
                rounds: 5,
                length: Duration::from_millis(1500),
                corpus_bytes: 64 << 20,
                latency_at: vec![1, 100, 1000],
                memory_at: vec![1000, 9000],
                gigabytes: 10,
            }
        };
        Plan {
            what: if args.only.is_empty() { plan.what } else { args.only },
            contenders: if args.with.is_empty() { plan.contenders } else { args.with },
            rounds: args.rounds.unwrap_or(plan.rounds),
            length: args.seconds.map_or(plan.length, Duration::from_secs_f64),
            memory_at: if args.idle.is_empty() { plan.memory_at } else { args.idle },
            gigabytes: args.gigabytes.unwrap_or(plan.gigabytes),
            ..plan
        }
    }
}
