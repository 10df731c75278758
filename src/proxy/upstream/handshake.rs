//! From a TCP connection to a stream that is ready for the client: the three openings.
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, Error as TlsError, InvalidMessage, PeerIncompatible};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::read_ahead::ReadAhead;
use super::UpstreamConfig;
use super::certificate::PresentedCertificate;
use super::dns::ascii_domain;
use super::error::UpstreamError;
use super::fault::{CertificateFault, Stage};
use super::nonza::ReadError;
use super::starttls::{NegotiationError, start_tls};
use super::stream::{TlsFacts, Upstream, UpstreamFacts, UpstreamStream};
use super::target::Opening;
use super::verify::{Seen, client_config};
use super::version::{TlsVersion, TlsVersions};

/// One attempt at one address.
pub(super) struct Attempt<'a> {
    pub config: &'a UpstreamConfig,
    pub domain: &'a str,
    pub versions: TlsVersions,
    pub host: &'a str,
    pub address: SocketAddr,
    pub deadline: Instant,
}

impl Attempt<'_> {
    pub(super) fn clear(&self, tcp: TcpStream) -> Upstream {
        Upstream { stream: UpstreamStream::Plain(tcp), facts: self.facts(Opening::Clear, None) }
    }

    pub(super) async fn direct_tls(&self, tcp: TcpStream) -> Result<Upstream, UpstreamError> {
        let (stream, tls) = self.handshake(tcp, Opening::Direct).await?;
        Ok(Upstream { stream, facts: self.facts(Opening::Direct, Some(tls)) })
    }

    pub(super) async fn start_tls(&self, mut tcp: TcpStream) -> Result<Upstream, UpstreamError> {
        let (deadline, after) = self.cut(self.config.limits.stream);
        let before = match timeout_at(deadline, start_tls(&mut tcp, self.domain)).await {
            Ok(result) => result.map_err(|error| negotiation_error(self.address, error))?,
            Err(_) => {
                return Err(UpstreamError::Timeout { address: self.address, stage: Stage::Stream, after });
            }
        };
        let (stream, tls) = self.handshake(tcp, Opening::StartTls).await?;
        let mut facts = self.facts(Opening::StartTls, Some(tls));
        facts.before_tls = Some(before.features);
        facts.discarded_bytes = before.discarded_bytes;
        Ok(Upstream { stream, facts })
    }

    async fn handshake(&self, tcp: TcpStream, opening: Opening) -> Result<(UpstreamStream, TlsFacts), UpstreamError> {
        // After STARTTLS there is nothing to agree on: the protocol is XMPP already.
        let alpn: &[&[u8]] = if opening == Opening::Direct { &[b"xmpp-client"] } else { &[] };
        let bad_domain = || UpstreamError::BadDomain { domain: self.domain.to_owned() };
        let ascii = ascii_domain(self.domain).ok_or_else(bad_domain)?;
        let name = ServerName::try_from(ascii.clone()).map_err(|_| bad_domain())?;
        let (config, seen) = client_config(&self.config.trust, [self.domain, &ascii], self.versions, alpn);
        let (deadline, after) = self.cut(self.config.limits.handshake);
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, ReadAhead::new(Vec::new(), tcp));
        let stream = match timeout_at(deadline, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.tls_error(&error, &seen, opening)),
            Err(_) => {
                return Err(UpstreamError::Timeout { address: self.address, stage: Stage::Handshake, after });
            }
        };
        let facts = tls_facts(&stream, &seen, self.config.trust.described());
        let facts = facts.ok_or_else(|| UpstreamError::Tls {
            address: self.address,
            detail: "it ended without a version or a certificate".to_owned(),
        })?;
        Ok((UpstreamStream::Tls(Box::new(stream)), facts))
    }

    fn facts(&self, opening: Opening, tls: Option<TlsFacts>) -> UpstreamFacts {
        UpstreamFacts {
            host: self.host.to_owned(),
            address: self.address,
            opening,
            tls,
            before_tls: None,
            discarded_bytes: 0,
            trail: Vec::new(),
            failed_attempts: Vec::new(),
        }
    }

    /// The end of a step that may take `limit`, and how long that is from now.
    fn cut(&self, limit: Duration) -> (Instant, Duration) {
        let now = Instant::now();
        let deadline = self.deadline.min(now + limit);
        (deadline, deadline.saturating_duration_since(now))
    }

    fn tls_error(&self, error: &io::Error, seen: &Seen, opening: Opening) -> UpstreamError {
        let address = self.address;
        let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) else {
            return UpstreamError::Closed { address, stage: Stage::Handshake };
        };
        match tls {
            TlsError::InvalidCertificate(fault) => UpstreamError::Certificate {
                address,
                domain: self.domain.to_owned(),
                fault: certificate_fault(fault),
                presented: Box::new(seen.certificate().map(|certificate| PresentedCertificate::read(&certificate)).unwrap_or_default()),
            },
            TlsError::InvalidMessage(InvalidMessage::InvalidContentType) if opening == Opening::Direct => UpstreamError::NotTls { address },
            TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => UpstreamError::Tls {
                address,
                detail: "clear text came where TLS had to begin (somebody injects, or the server is broken)".to_owned(),
            },
            TlsError::AlertReceived(AlertDescription::ProtocolVersion)
            | TlsError::PeerIncompatible(
                PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig | PeerIncompatible::ServerDoesNotSupportTls12Or13,
            ) => UpstreamError::TlsVersion { address, versions: self.versions, detail: tls.to_string() },
            // A server that knows one version only may also say that there is no common cipher suite.
            TlsError::AlertReceived(AlertDescription::HandshakeFailure) if self.versions != TlsVersions::Any => {
                UpstreamError::TlsVersion { address, versions: self.versions, detail: tls.to_string() }
            }
            TlsError::AlertReceived(
                AlertDescription::HandshakeFailure | AlertDescription::UnrecognisedName | AlertDescription::InternalError,
            ) => UpstreamError::Tls {
                address,
                detail: format!("{tls} (often the server has no certificate for the domain: its log says more)"),
            },
            _ => UpstreamError::Tls { address, detail: tls.to_string() },
        }
    }
}

fn tls_facts(stream: &TlsStream<ReadAhead<TcpStream>>, seen: &Seen, verified_by: &str) -> Option<TlsFacts> {
    let connection = stream.get_ref().1;
    Some(TlsFacts {
        version: TlsVersion::from_rustls(connection.protocol_version()?)?,
        // rustls marks the suites of TLS 1.3 in their names, IANA does not.
        cipher: format!("{:?}", connection.negotiated_cipher_suite()?.suite()).replace("TLS13_", "TLS_"),
        key_exchange: connection.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
        alpn: connection.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
        certificate: PresentedCertificate::read(&seen.certificate()?),
        verified_by: verified_by.to_owned(),
    })
}

fn certificate_fault(error: &CertificateError) -> CertificateFault {
    match error {
        CertificateError::UnknownIssuer => CertificateFault::Untrusted,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => CertificateFault::NotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => CertificateFault::WrongName,
        // The verifier says this of a wrong pin and of nothing else.
        CertificateError::ApplicationVerificationFailure => CertificateFault::PinMismatch,
        CertificateError::BadSignature => CertificateFault::BadSignature,
        // What Prosody and ejabberd make for themselves: marked as an authority, so webpki does not even look for an issuer.
        CertificateError::Other(reason) if format!("{reason:?}").contains("CaUsedAsEndEntity") => CertificateFault::Untrusted,
        other => CertificateFault::Other(other.to_string()),
    }
}

/// Also used when a stream is opened to look at a server.
pub(super) fn negotiation_error(address: SocketAddr, error: NegotiationError) -> UpstreamError {
    match error {
        NegotiationError::Read(ReadError::Closed | ReadError::Io(_)) => UpstreamError::Closed { address, stage: Stage::Stream },
        NegotiationError::Read(ReadError::NotXmpp(seen)) => UpstreamError::NotXmpp { address, seen },
        NegotiationError::Read(ReadError::TooLong) => {
            UpstreamError::Protocol { address, detail: "more than 10,000 bytes before login".to_owned() }
        }
        NegotiationError::Read(ReadError::Malformed(detail)) | NegotiationError::Unexpected(detail) => {
            UpstreamError::Protocol { address, detail }
        }
        NegotiationError::Stream { condition, text } => UpstreamError::Stream { address, condition, text },
        NegotiationError::NotOffered(offered) => UpstreamError::NoStartTls { address, offered },
        NegotiationError::Refused => UpstreamError::StartTlsRefused { address },
    }
}
