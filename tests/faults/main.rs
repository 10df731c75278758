//! Bad input, broken peers, a machine that fails: each row of [docs/robustness.md](../../docs/robustness.md) against the real program, and
//! after each the same promises (`rig::Rig::is_well`). The page's table is made from these tests (`table`).
#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

mod bystander;
#[path = "../cli/rig.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod cli;
mod differ;
mod forward;
mod inputs;
mod lifecycle;
mod negotiation;
mod output;
mod rig;
mod seeds;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod tls;
mod xml;
