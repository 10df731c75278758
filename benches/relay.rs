//! The proxy against its peers: the same clients, the same server, the same TLS on both sides, in rounds in which each has its turn.
//!
//! `scripts/bench` runs it. On a shared machine absolute numbers mean little; what counts are ratios of the same round.
//! `docs/performance.md` keeps the results.
#![allow(clippy::unwrap_used, reason = "a panic is the failure a benchmark reports")]

#[path = "relay/contender.rs"]
mod contender;
#[path = "audit/corpus.rs"]
#[allow(dead_code, reason = "shared with the benchmark of the audit")]
mod corpus;
#[path = "relay/lab.rs"]
mod lab;
#[path = "relay/log.rs"]
mod log;
#[path = "relay/measure/mod.rs"]
mod measure;
#[path = "relay/plan.rs"]
mod plan;
#[path = "relay/process.rs"]
mod process;
#[path = "relay/statistics.rs"]
mod statistics;
#[path = "../tests/support/mod.rs"]
mod support;
#[path = "relay/tables.rs"]
mod tables;
#[path = "relay/traffic.rs"]
mod traffic;
#[path = "relay/upstream.rs"]
mod upstream;

use clap::Parser as _;

fn main() -> std::process::ExitCode {
    let plan = plan::Plan::of(plan::Args::parse());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // Interrupted, it ends the proxies it started, and their logs go.
    let work = async {
        tokio::select! {
            result = tables::run(&plan) => result,
            () = stanzascope::run::interrupted() => Err("interrupted".into()),
        }
    };
    match runtime.block_on(work) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}
