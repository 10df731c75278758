//! The program as it is started: exit codes, files, signals, and what never reaches a file. Everything on loopback, in temporary directories.
#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

#[path = "cli/ca.rs"]
mod ca;
#[path = "cli/canary.rs"]
mod canary;
#[path = "cli/check.rs"]
mod check;
#[path = "cli/crash.rs"]
mod crash;
#[path = "cli/diff.rs"]
mod diff;
#[path = "cli/disk.rs"]
mod disk;
#[path = "cli/documents.rs"]
mod documents;
#[path = "cli/export.rs"]
mod export;
#[path = "cli/otlp.rs"]
mod otlp;
#[path = "cli/rig.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod rig;
#[path = "cli/rules.rs"]
mod rules;
#[path = "cli/running.rs"]
mod running;
#[path = "cli/runs.rs"]
mod runs;
#[path = "cli/scan.rs"]
mod scan;
#[path = "cli/secrets.rs"]
mod secrets;
#[path = "cli/terminal.rs"]
mod terminal;
#[path = "cli/usage.rs"]
mod usage;
