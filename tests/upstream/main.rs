//! The server leg against scripted servers on loopback: every way in which it may end, and what it then says.
#![cfg(feature = "proxy")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod certificates;
mod errors;
mod fake_dns;
mod fake_server;
mod openings;
mod preflight;
mod resolution;
mod verification;

use std::sync::Arc;
use std::time::Duration;

use stanzascope::proxy::scope::Ownership;
use stanzascope::proxy::upstream::{
    Dns, SpkiPin, Stage, StepLimits, TlsMode, TlsVersions, Trust, TrustSource, Upstream, UpstreamConfig, UpstreamError, connect,
};
use tokio::time::Instant;

use certificates::Identity;
use fake_server::FakeServer;

const DOMAIN: &str = "lab.test";

fn config(server: &FakeServer, tls: TlsMode, trust: Trust) -> UpstreamConfig {
    config_for(&server.address.to_string(), tls, trust)
}

fn config_for(target: &str, tls: TlsMode, trust: Trust) -> UpstreamConfig {
    UpstreamConfig {
        target: target.parse().unwrap(),
        tls,
        trust,
        dns: Arc::new(Dns::system()),
        listeners: Vec::new(),
        ownership: Ownership::NotClaimed,
        limits: StepLimits::default(),
    }
}

/// Waits only briefly for the stream, or for the handshake: so that tests for silence are short, and others not hasty.
fn impatient(mut config: UpstreamConfig, stage: Stage) -> UpstreamConfig {
    let short = Duration::from_millis(400);
    match stage {
        Stage::Connect => config.limits.connect = short,
        Stage::Stream => config.limits.stream = short,
        Stage::Handshake => config.limits.handshake = short,
    }
    config
}

fn pinned(identity: &Identity) -> Trust {
    Trust::load(&TrustSource::Pins(vec![SpkiPin::of(&identity.certificate).unwrap()])).unwrap()
}

fn ca_file(pem: &str) -> Trust {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    std::fs::write(&path, pem).unwrap();
    Trust::load(&TrustSource::CaFile(path)).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

async fn connect_any(config: &UpstreamConfig) -> Result<Upstream, UpstreamError> {
    connect(config, DOMAIN, TlsVersions::Any, soon()).await
}
