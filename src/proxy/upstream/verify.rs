//! TLS towards the upstream: how its certificate is checked.
//!
//! A certificate has to name the domain of the account (the stream's `to`), not the host that was dialled: this is XMPP's
//! rule (RFC 6120, 13.7), so it also holds when `--upstream` names some other host. Besides dNSName, which webpki checks,
//! SRVName and id-on-xmppAddr are accepted, but only under a CA file the evaluator gave: public authorities are held to
//! DNS name constraints, which say nothing about these.
//!
//! Whatever is trusted, the handshake's own signature is always checked, so the server must hold the key of the
//! certificate it shows. There is no mode that skips verification.
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate::{SpkiPin, validity};
use super::trust::{Anchor, Trust};
use super::version::TlsVersions;
use super::xmpp_name::xmpp_names;

/// The one cryptography provider, never taken from process-wide state.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Where the verifier leaves the certificate it saw, for the message when it refuses.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Option<CertificateDer<'static>>>>);

impl Seen {
    /// The certificate the server presented, if it came that far.
    pub(super) fn certificate(&self) -> Option<CertificateDer<'static>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The TLS configuration for one connection. `domains` is the domain as written and in its ASCII form.
///
/// Nothing is carried over from other connections (no resumption, no early data): each one shows its certificate, and
/// the server cannot link two accounts by a ticket that the client never had.
pub(super) fn client_config(trust: &Trust, domains: [&str; 2], versions: TlsVersions, alpn: &[&[u8]]) -> (ClientConfig, Seen) {
    let seen = Seen::default();
    let provider = provider();
    let verifier = Verifier {
        anchor: trust.anchor.clone(),
        domains: domains.map(|domain| domain.trim_end_matches('.').to_owned()),
        provider: Arc::clone(&provider),
        seen: seen.clone(),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions.supported())
        .expect("the provider has cipher suites for both versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    (config, seen)
}

#[derive(Debug)]
struct Verifier {
    anchor: Anchor,
    /// The domain as written and in its ASCII form.
    domains: [String; 2],
    provider: Arc<CryptoProvider>,
    seen: Seen,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.seen.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(end_entity.clone().into_owned());
        match &self.anchor {
            Anchor::Pins(pins) => match SpkiPin::of(end_entity) {
                Some(pin) if pins.contains(&pin) => Ok(ServerCertVerified::assertion()),
                _ => Err(CertificateError::ApplicationVerificationFailure.into()),
            },
            Anchor::Roots { exact, .. } if exact.contains(end_entity) => {
                check_dates(end_entity, now)?;
                let named =
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name).map(|()| ServerCertVerified::assertion());
                self.or_named_for_xmpp(named, end_entity)
            }
            Anchor::Roots { chain, exact } => {
                // webpki checks the chain before the name, so a wrong name means that the chain is good.
                let verified = chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
                if exact.is_empty() { verified } else { self.or_named_for_xmpp(verified, end_entity) }
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl Verifier {
    /// Lets a certificate pass whose only fault was that no dNSName fits, if an XMPP name does.
    fn or_named_for_xmpp(
        &self,
        verified: Result<ServerCertVerified, Error>,
        certificate: &CertificateDer<'_>,
    ) -> Result<ServerCertVerified, Error> {
        let wrong_name = matches!(
            verified,
            Err(Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }))
        );
        if wrong_name && xmpp_names(certificate).iter().any(|name| self.domains.iter().any(|domain| name.covers(domain))) {
            return Ok(ServerCertVerified::assertion());
        }
        verified
    }
}

/// A certificate that is trusted as such still has to be in its time.
fn check_dates(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let (not_before, not_after) = validity(certificate).ok_or(CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > not_after {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}
