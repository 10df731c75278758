//! The server leg: finding the server of a domain, connecting to it, and making sure that it is the right one.
//!
//! [`connect`] resolves the target, holds every address against the [scope guard](super::scope), opens the stream by
//! direct TLS, STARTTLS or (on this machine only) in clear, and verifies the certificate against the domain of the
//! account. What it returns is ready for the client's own stream header. It never falls back from an encrypted
//! connection to a clear one, nor from a verified one to an unverified one.
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

mod certificate;
mod dns;
mod error;
mod fault;
mod features;
mod handshake;
mod nonza;
mod resolve;
mod srv;
mod starttls;
mod stream;
mod target;
mod trust;
mod verify;
mod version;
mod xmpp_name;

pub use certificate::{PinError, PresentedCertificate, SpkiPin};
pub use dns::{Dns, LookupError};
pub use error::UpstreamError;
pub use fault::{CertificateFault, Stage};
pub use features::{StartTlsOffer, StreamFeatures};
pub use resolve::{Candidate, Resolution, ResolveError, resolve};
pub use stream::{TlsFacts, Upstream, UpstreamFacts, UpstreamStream};
pub use target::{Opening, Target, TargetError, TlsMode, TlsModeError};
pub use trust::{Trust, TrustError, TrustSource};
pub use version::{TlsVersion, TlsVersions};

use super::scope::{self, Ownership, ScopeError};
use handshake::Attempt;

/// How to reach the server. Built once, shared by all sessions.
#[derive(Debug, Clone)]
pub struct UpstreamConfig {
    /// Where it is.
    pub target: Target,
    /// How it is spoken to.
    pub tls: TlsMode,
    /// What its certificate is verified by.
    pub trust: Trust,
    /// Whom to ask for names.
    pub dns: Arc<Dns>,
    /// The addresses this proxy listens on, as bound: none of them may be the upstream.
    pub listeners: Vec<SocketAddr>,
    /// Whether public addresses may be used.
    pub ownership: Ownership,
    /// How long each step may take.
    pub limits: StepLimits,
}

impl UpstreamConfig {
    /// Holds one address against the scope guard: our own listeners, public addresses, clear text to another machine.
    ///
    /// [`connect`] does so for every address it is about to dial, [`check_scope`] for all of them at start.
    ///
    /// # Errors
    /// The rule that forbids the address.
    pub fn check_address(&self, domain: &str, address: SocketAddr, opening: Opening) -> Result<(), ScopeError> {
        scope::check_loop(address, &self.listeners, scope::is_own_address)?;
        scope::check_upstream(domain, address, self.ownership)?;
        if opening == Opening::Clear { scope::check_clear_text(address) } else { Ok(()) }
    }
}

/// How long each step of a connection may take. The caller's deadline cuts all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepLimits {
    /// For the TCP connection to one address.
    pub connect: Duration,
    /// For the exchange before TLS.
    pub stream: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
}

impl Default for StepLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), stream: Duration::from_secs(10), handshake: Duration::from_secs(15) }
    }
}

/// Resolves the target and holds all its addresses against the scope guard, without connecting.
///
/// For the start of a run: what is out of scope by then is the evaluator's mistake, not a server's trouble. One address
/// that is out of scope is enough to refuse, even if [`connect`] would find another.
///
/// # Errors
/// [`UpstreamError::Scope`] or [`UpstreamError::Resolve`].
pub async fn check_scope(config: &UpstreamConfig, domain: &str, deadline: Instant) -> Result<Resolution, UpstreamError> {
    let resolution = resolve(&config.dns, &config.target, domain, config.tls, deadline).await?;
    for candidate in &resolution.candidates {
        for &opening in &candidate.openings {
            config.check_address(domain, candidate.address, opening)?;
        }
    }
    Ok(resolution)
}

/// Connects to the server of `domain`, with the given TLS versions.
///
/// Addresses are tried in order. At a fixed address with [`TlsMode::Auto`] both encrypted openings are tried; a bad
/// certificate is final there, because another opening would only hide it.
///
/// # Errors
/// [`UpstreamError`], at the latest when `deadline` has passed.
pub async fn connect(config: &UpstreamConfig, domain: &str, versions: TlsVersions, deadline: Instant) -> Result<Upstream, UpstreamError> {
    let resolution = resolve(&config.dns, &config.target, domain, config.tls, deadline).await?;
    let mut failed_attempts = Vec::new();
    let mut failures = Vec::new();
    let total = resolution.candidates.len();
    for (index, candidate) in resolution.candidates.into_iter().enumerate() {
        // Later addresses keep a share of the time, so that one that swallows packets does not use up all of it.
        let candidate_deadline = share(deadline, total - index);
        let last = candidate.openings.len() - 1;
        for (attempt, &opening) in candidate.openings.iter().enumerate() {
            let attempt_deadline = share(candidate_deadline, last - attempt + 1);
            let result = connect_to(config, domain, versions, &candidate, opening, attempt_deadline).await;
            let error = match result {
                Ok(mut upstream) => {
                    (upstream.facts.trail, upstream.facts.failed_attempts) = (resolution.trail, failed_attempts);
                    return Ok(upstream);
                }
                Err(error) => error,
            };
            failed_attempts.push(format!("{} by {opening}: {error}", candidate.address));
            let next_opening = error.may_be_the_other_opening();
            failures.push((opening, error));
            if !next_opening {
                break;
            }
        }
    }
    Err(UpstreamError::join(failures).expect("resolve returns at least one candidate, each with an opening"))
}

/// Connects with the TLS version of the client's leg where the server has it, otherwise with any.
///
/// The same version on both legs keeps the difference small that channel binding and XEP-0515 can notice. Which one was
/// negotiated stands in the facts.
///
/// # Errors
/// As [`connect`].
pub async fn connect_preferring(
    config: &UpstreamConfig,
    domain: &str,
    version: TlsVersion,
    deadline: Instant,
) -> Result<Upstream, UpstreamError> {
    match connect(config, domain, TlsVersions::Only(version), deadline).await {
        Err(error) if matches!(error.decisive(), UpstreamError::TlsVersion { .. }) => {
            let mut upstream = connect(config, domain, TlsVersions::Any, deadline).await?;
            upstream.facts.failed_attempts.insert(0, error.to_string());
            Ok(upstream)
        }
        result => result,
    }
}

/// Opens a stream on a fresh connection, reads what the server offers there, and closes it again.
///
/// With `from` (a bare JID) servers also offer what they offer to that account: SASL2 and FAST depend on it.
///
/// # Errors
/// The variants of [`UpstreamError`] about the stream, at the latest when `deadline` has passed.
pub async fn look(mut upstream: Upstream, domain: &str, from: Option<&str>, deadline: Instant) -> Result<StreamFeatures, UpstreamError> {
    let address = upstream.facts.address;
    let started = Instant::now();
    let result = match timeout_at(deadline, starttls::open(&mut upstream.stream, domain, from)).await {
        Ok(result) => result.map_err(|error| handshake::negotiation_error(address, error)),
        Err(_) => Err(UpstreamError::Timeout { address, stage: Stage::Stream, after: started.elapsed() }),
    };
    // Whatever came, the server shall not keep the connection; but nobody waits for it to agree.
    let _ = timeout_at(Instant::now() + GOODBYE, starttls::close(&mut upstream.stream)).await;
    result.map(|(features, _)| features)
}

async fn connect_to(
    config: &UpstreamConfig,
    domain: &str,
    versions: TlsVersions,
    candidate: &Candidate,
    opening: Opening,
    deadline: Instant,
) -> Result<Upstream, UpstreamError> {
    let address = candidate.address;
    config.check_address(domain, address, opening)?;
    let tcp = dial(address, deadline.min(Instant::now() + config.limits.connect)).await?;
    let attempt = Attempt { config, domain, versions, host: &candidate.host, address, deadline };
    match opening {
        Opening::Direct => attempt.direct_tls(tcp).await,
        Opening::StartTls => attempt.start_tls(tcp).await,
        Opening::Clear => Ok(attempt.clear(tcp)),
    }
}

async fn dial(address: SocketAddr, deadline: Instant) -> Result<TcpStream, UpstreamError> {
    let started = Instant::now();
    let stream = match timeout_at(deadline, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
            return Err(UpstreamError::Refused { address });
        }
        Ok(Err(error)) => return Err(UpstreamError::Unreachable { address, error }),
        Err(_) => {
            return Err(UpstreamError::Timeout { address, stage: Stage::Connect, after: started.elapsed() });
        }
    };
    // Both only help: without them small stanzas wait for each other, and a vanished server is noticed late.
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(KEEPALIVE));
    Ok(stream)
}

/// The deadline of the first of `parts` equal parts of the time that is left.
fn share(deadline: Instant, parts: usize) -> Instant {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    now + left / u32::try_from(parts.max(1)).unwrap_or(u32::MAX)
}

/// For `</stream:stream>` to leave.
const GOODBYE: Duration = Duration::from_millis(500);
const KEEPALIVE: Duration = Duration::from_secs(60);
