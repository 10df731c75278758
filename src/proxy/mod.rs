//! The proxy: what stands between the client and the server, relays their bytes and has them audited.
//!
//! `listener → session → (client_leg, upstream) → relay`, with [`tap`] as the place where bytes meet the audit and [`gate`] as the place
//! where the few permitted changes are made.

pub mod admission;
pub mod available;
pub mod client_hello;
pub mod client_leg;
pub mod clock;
pub mod gate;
pub mod listener;
pub mod login;
pub mod preflight;
pub mod read_ahead;
pub mod relay;
pub mod scope;
pub mod session;
pub mod tap;
pub mod upstream;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::audit::Settings;
use crate::audit::canary::Assessor;
use crate::ca::Authority;
use crate::catalog::Catalog;
use crate::metrics::Metrics;
use crate::sink::Sink;
use admission::Admission;
use clock::Clock;
use gate::Policy;
use upstream::{Target, UpstreamConfig};

/// Whether what passes after login is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Audit {
    /// All of it.
    #[default]
    On,
    /// None of it, for measuring what the relay costs by itself. Each direction leaves a gap that says how much it was.
    Off,
}

/// What all sessions of a run share.
pub struct Shared {
    /// The catalog.
    pub catalog: Arc<Catalog>,
    /// How to audit.
    pub settings: Arc<Settings>,
    /// Whether to audit at all after login.
    pub audit: Audit,
    /// What sessions leave for the end of the run.
    pub assessor: Mutex<Assessor>,
    /// What may be changed and who may pass.
    pub policy: Policy,
    /// Signs leafs.
    pub authority: Authority,
    /// Where the server is.
    pub upstream: UpstreamConfig,
    /// Host names clients dial besides the domain.
    pub names: Vec<String>,
    /// Peers that may connect besides this machine.
    pub allow_remote: Vec<IpNet>,
    /// Whether TLS keys are written to `SSLKEYLOGFILE`.
    pub key_log: bool,
    /// The log.
    pub sink: Sink,
    /// The transcript, when one is kept.
    pub transcript: Option<Sink>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// The run's clock.
    pub clock: Clock,
    /// Turns true when the run ends.
    pub stop: watch::Receiver<bool>,
    /// Who may come besides this machine's clients, and how many.
    pub admission: Arc<Admission>,
    /// Running sessions.
    pub tasks: TaskTracker,
    /// Where a server sent its clients (see-other-host), used for sessions to come.
    pub redirect: Mutex<Option<Target>>,
    /// Number of the next session.
    pub sessions: AtomicU64,
}

impl Shared {
    /// The name of the next session: `s1`, `s2` …
    fn next_session(&self) -> String {
        format!("s{}", self.sessions.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Where sessions connect to now.
    fn upstream_config(&self) -> UpstreamConfig {
        let redirect = self.redirect.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match redirect {
            Some(target) => UpstreamConfig { target, ..self.upstream.clone() },
            None => self.upstream.clone(),
        }
    }
}

/// Serves clients on these listeners until `shared.stop` turns true, then waits for the sessions to end.
pub async fn run(shared: Arc<Shared>, listeners: Vec<TcpListener>) {
    let accepting: Vec<_> = listeners.into_iter().map(|listener| tokio::spawn(listener::accept(shared.clone(), listener))).collect();
    for task in accepting {
        let _ = task.await;
    }
    for (refusal, more) in shared.admission.untold() {
        session::refused(&shared, None, refusal, more).await;
    }
    shared.tasks.close();
    shared.tasks.wait().await;
}

/// The addresses of bound listeners.
pub fn addresses(listeners: &[TcpListener]) -> Vec<SocketAddr> {
    listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
}
