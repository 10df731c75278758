//! What tests of faults, the soak and benchmarks share: a load of clients with a server for it, a relay that spoils connections, and a
//! look at a process from outside. Everything on loopback, seeded, and bounded in time.

#![allow(dead_code, reason = "each user takes what it needs")]

pub mod fault_relay;
pub mod frames;
pub mod load;
pub mod random;
pub mod vitals;
