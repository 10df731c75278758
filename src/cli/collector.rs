//! Flags about an OpenTelemetry Collector.

use std::path::PathBuf;

use stanzascope::otlp::endpoint::{Endpoint, HEADERS, Options};

/// How to reach a collector.
#[derive(Debug, clap::Args)]
pub struct Reach {
    /// Verify the collector by the certificates in this PEM file instead of the platform's.
    #[arg(long, value_name = "FILE")]
    otlp_ca: Option<PathBuf>,
    /// Allow http:// to a collector on another machine: the records, which say who talks to whom, then cross the network in clear.
    #[arg(long)]
    otlp_insecure: bool,
}

impl Reach {
    /// The collector at `url`.
    pub fn endpoint(&self, url: &str) -> anyhow::Result<Endpoint> {
        let headers = std::env::var(HEADERS).unwrap_or_default();
        Ok(Endpoint::new(&Options { url: url.to_owned(), ca: self.otlp_ca.clone(), insecure: self.otlp_insecure, headers })?)
    }
}
