//! The program as it is started: exit codes, files, signals, and what never reaches a file. Everything on loopback, in temporary directories.
#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

#[path = "cli/ca.rs"]
mod ca;
#[path = "cli/canary.rs"]
mod canary;
#[path = "cli/crash.rs"]
mod crash;
#[path = "cli/disk.rs"]
mod disk;
#[path = "cli/rig.rs"]
mod rig;
#[path = "cli/rules.rs"]
mod rules;
#[path = "cli/running.rs"]
mod running;
#[path = "cli/scan.rs"]
mod scan;
#[path = "cli/secrets.rs"]
mod secrets;
#[path = "cli/usage.rs"]
mod usage;
