//! Why the upstream could not be reached, told so that one knows what to do next.
use std::net::SocketAddr;
use std::time::Duration;

use super::certificate::PresentedCertificate;
use super::dns::LookupError;
use super::fault::{CertificateFault, Stage};
use super::features::StreamFeatures;
use super::resolve::ResolveError;
use super::target::Opening;
use super::version::TlsVersions;
use crate::proxy::scope::ScopeError;

/// Why there is no connection to the server. `Display` names the thing and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The address is none the proxy may use. Nothing was sent.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// No address was found.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The domain cannot stand in a certificate or an SNI.
    #[error("{domain:?} cannot be used as a TLS server name (write internationalised domains in their xn-- form)")]
    BadDomain {
        /// As given.
        domain: String,
    },
    /// Nobody listens there.
    #[error("{address} refused the connection: is the server running, and is the port right?")]
    Refused {
        /// What was dialled.
        address: SocketAddr,
    },
    /// There is no way there.
    #[error("{address} cannot be reached: {error}")]
    Unreachable {
        /// What was dialled.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        error: std::io::Error,
    },
    /// Something took too long.
    #[error("{address} let us wait for {stage} longer than {} ms{}", after.as_millis(), stage.advice())]
    Timeout {
        /// What was dialled.
        address: SocketAddr,
        /// What did not come.
        stage: Stage,
        /// How long we waited.
        after: Duration,
    },
    /// The peer hung up, or the connection broke.
    #[error("{address} closed the connection while we waited for {stage}")]
    Closed {
        /// What was dialled.
        address: SocketAddr,
        /// What did not come.
        stage: Stage,
    },
    /// The certificate is not good enough.
    #[error("{address}, asked for {domain}, showed a certificate that {fault}: it names {}, issued by {:?}, valid until {}. {}", presented.named(), presented.issuer, presented.not_after, fault.way_out(presented))]
    Certificate {
        /// What was dialled.
        address: SocketAddr,
        /// The domain it had to name.
        domain: String,
        /// What is wrong with it.
        fault: CertificateFault,
        /// What it says.
        presented: Box<PresentedCertificate>,
    },
    /// The server speaks none of the TLS versions that were offered.
    #[error("{address} does not speak {}: {detail}", offered_versions(*versions))]
    TlsVersion {
        /// What was dialled.
        address: SocketAddr,
        /// What was offered.
        versions: TlsVersions,
        /// What the TLS library said.
        detail: String,
    },
    /// The TLS handshake failed for another reason.
    #[error("the TLS handshake with {address} failed: {detail}")]
    Tls {
        /// What was dialled.
        address: SocketAddr,
        /// What the TLS library said.
        detail: String,
    },
    /// The answer to our ClientHello was no TLS.
    #[error("{address} does not speak TLS from the first byte: try --upstream-tls starttls, or the port for direct TLS")]
    NotTls {
        /// What was dialled.
        address: SocketAddr,
    },
    /// The server is an XMPP server that offers no TLS.
    #[error(
        "{address} offers no STARTTLS: switch it on in the server, or use --upstream-tls none if the server is on this machine. It was not used in clear"
    )]
    NoStartTls {
        /// What was dialled.
        address: SocketAddr,
        /// What it offers instead.
        offered: Box<StreamFeatures>,
    },
    /// The server answered `<starttls/>` with `<failure/>`.
    #[error("{address} offers STARTTLS but refused to start it: look into its log, often it has no certificate for the domain")]
    StartTlsRefused {
        /// What was dialled.
        address: SocketAddr,
    },
    /// Something else answers there.
    #[error("{address} does not speak XMPP: it answered with {seen}. {}", if seen == "TLS" { "Try --upstream-tls direct" } else { "Is the port right?" })]
    NotXmpp {
        /// What was dialled.
        address: SocketAddr,
        /// What the answer looks like, escaped.
        seen: String,
    },
    /// The server ended the stream with an error.
    #[error("{address} answered with the stream error {condition:?}{}{}", quoted(text), advice_on_condition(condition))]
    Stream {
        /// What was dialled.
        address: SocketAddr,
        /// The defined condition.
        condition: String,
        /// Its text, as sent.
        text: String,
    },
    /// The server does not keep to the protocol.
    #[error("{address} does not keep to the protocol: {detail}")]
    Protocol {
        /// What was dialled.
        address: SocketAddr,
        /// What it did.
        detail: String,
    },
    /// Several attempts failed.
    #[error("{decisive} (all attempts: {})", attempts.join("; "))]
    Several {
        /// The attempt that came farthest.
        #[source]
        decisive: Box<UpstreamError>,
        /// One line per attempt.
        attempts: Vec<String>,
    },
}

impl UpstreamError {
    /// The stream error condition to give to the client (RFC 6120, 4.9.3).
    pub fn stream_error_condition(&self) -> &'static str {
        match self.decisive() {
            Self::Scope(_) => "policy-violation",
            Self::Stream { condition, .. } if condition == "host-unknown" => "host-unknown",
            _ => "remote-connection-failed",
        }
    }

    /// A short name of the reason, from a closed set: for records and metric labels.
    pub fn reason(&self) -> &'static str {
        match self.decisive() {
            Self::Scope(ScopeError::Loop { .. }) => "loop",
            Self::Scope(_) => "out_of_scope",
            Self::Resolve(ResolveError::NotOffered { .. }) => "dns_not_offered",
            Self::Resolve(ResolveError::Lookup { error, .. }) => match error {
                LookupError::NoSuchName { .. } => "dns_no_such_name",
                LookupError::NoRecords { .. } => "dns_no_records",
                LookupError::Timeout { .. } => "dns_timeout",
                LookupError::Failed { .. } | LookupError::BadName { .. } => "dns_failed",
            },
            Self::BadDomain { .. } => "bad_domain",
            Self::Refused { .. } => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::Timeout { .. } => "timeout",
            Self::Closed { .. } => "closed",
            Self::Certificate { fault, .. } => fault.reason(),
            Self::TlsVersion { .. } => "tls_version",
            Self::Tls { .. } => "tls_failed",
            Self::NotTls { .. } => "not_tls",
            Self::NoStartTls { .. } => "no_starttls",
            Self::StartTlsRefused { .. } => "starttls_refused",
            Self::NotXmpp { .. } => "not_xmpp",
            Self::Stream { .. } => "stream_error",
            Self::Protocol { .. } => "protocol",
            Self::Several { .. } => "several",
        }
    }

    /// The error that counts when several attempts failed.
    pub fn decisive(&self) -> &Self {
        match self {
            Self::Several { decisive, .. } => decisive.decisive(),
            error => error,
        }
    }

    /// The certificate the server showed, when that was the trouble.
    pub fn presented(&self) -> Option<&PresentedCertificate> {
        match self.decisive() {
            Self::Certificate { presented, .. } => Some(presented),
            _ => None,
        }
    }

    /// Joins the failures of several attempts.
    pub(super) fn join(mut attempts: Vec<(Opening, Self)>) -> Option<Self> {
        let lines = attempts.iter().map(|(opening, error)| format!("{opening}: {}", error.decisive().reason())).collect::<Vec<_>>();
        let farthest = (0..attempts.len()).max_by_key(|&index| (attempts[index].1.farness(), usize::MAX - index))?;
        let (_, decisive) = attempts.swap_remove(farthest);
        if lines.len() == 1 {
            return Some(decisive);
        }
        Some(Self::Several { decisive: Box::new(decisive), attempts: lines })
    }

    /// True when the other encrypted opening may fare better at the same address.
    pub(super) fn may_be_the_other_opening(&self) -> bool {
        matches!(self, Self::NotTls { .. } | Self::NotXmpp { .. } | Self::Closed { .. } | Self::Protocol { .. })
            || matches!(self, Self::Timeout { stage, .. } if *stage != Stage::Connect)
    }

    /// How much an error says about the server: one from a verified stranger says more than silence.
    fn farness(&self) -> u8 {
        match self {
            Self::Certificate { .. } => 5,
            Self::NoStartTls { .. } | Self::StartTlsRefused { .. } | Self::TlsVersion { .. } => 4,
            Self::Stream { .. } | Self::Scope(_) => 3,
            Self::Tls { .. } | Self::NotXmpp { .. } | Self::NotTls { .. } | Self::Protocol { .. } => 2,
            Self::Timeout { stage, .. } | Self::Closed { stage, .. } if *stage != Stage::Connect => 1,
            _ => 0,
        }
    }
}

fn offered_versions(versions: TlsVersions) -> String {
    match versions {
        TlsVersions::Any => "TLS 1.2 or 1.3".to_owned(),
        TlsVersions::Only(version) => version.to_string(),
    }
}

fn advice_on_condition(condition: &str) -> &'static str {
    match condition {
        "host-unknown" => ": it does not serve this domain, check --domain and --upstream",
        "policy-violation" => ": a limit or rule of the server, its log says which",
        _ => "",
    }
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text:?})") }
}
