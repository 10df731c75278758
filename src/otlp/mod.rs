//! Records on their way to an OpenTelemetry Collector: OTLP over HTTP, in JSON.
//!
//! ```text
//! records.jsonl ─▶ log (what was written since) ─▶ courier (batches, retries) ─▶ client (one request) ─▶ collector
//! ```
//!
//! The log on disk stays the truth. A courier reads behind its writer on a thread of its own, so a slow or absent collector costs the relay
//! nothing and memory does not grow; what is not yet taken waits in the file. What was refused or not delivered is counted and said.

pub mod client;
pub mod courier;
pub mod endpoint;
mod log;

pub use courier::{Courier, Delivery, Following, send};
pub use endpoint::{Endpoint, EndpointError, Options};
