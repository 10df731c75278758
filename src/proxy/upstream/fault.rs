//! What can be wrong with a certificate, and where a connection can get stuck.
use std::fmt;

use super::certificate::PresentedCertificate;

/// What we were waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The TCP connection.
    Connect,
    /// The server's stream header, features or `<proceed/>`.
    Stream,
    /// The TLS handshake.
    Handshake,
}

impl Stage {
    /// What a long wait for it often means.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Connect => " (a firewall, or the wrong address?)",
            Self::Stream => " (a port for direct TLS, or no XMPP server?)",
            Self::Handshake => " (a port for STARTTLS?)",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "the TCP connection",
            Self::Stream => "its stream header and features",
            Self::Handshake => "the TLS handshake",
        })
    }
}

/// What is wrong with a certificate. The display completes "a certificate that …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// No trusted authority issued it.
    #[error("no trusted authority has issued")]
    Untrusted,
    /// Its time is over.
    #[error("has expired")]
    Expired,
    /// Its time has not come.
    #[error("is not valid yet")]
    NotYetValid,
    /// It is for other names.
    #[error("does not name that domain")]
    WrongName,
    /// Its key is none of the pinned ones.
    #[error("matches no --upstream-pin")]
    PinMismatch,
    /// A signature is wrong: in the chain, or the one by which the server proves that it has the key.
    #[error("comes with a wrong signature")]
    BadSignature,
    /// Anything else.
    #[error("cannot be accepted ({0})")]
    Other(String),
}

impl CertificateFault {
    /// A short name from a closed set.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Untrusted => "certificate_untrusted",
            Self::Expired => "certificate_expired",
            Self::NotYetValid => "certificate_not_yet_valid",
            Self::WrongName => "certificate_wrong_name",
            Self::PinMismatch => "certificate_pin_mismatch",
            Self::BadSignature => "certificate_bad_signature",
            Self::Other(_) => "certificate_unacceptable",
        }
    }

    /// What to do about it, with the pin that would accept the certificate.
    pub(super) fn way_out(&self, presented: &PresentedCertificate) -> String {
        if presented.spki_pin.is_empty() {
            return "It cannot be parsed, so the server needs another one".to_owned();
        }
        let pin = &presented.spki_pin;
        match self {
            Self::Untrusted if presented.subject == presented.issuer => {
                format!(
                    "It vouches for itself. If this is your server, add --upstream-pin {pin} or --upstream-ca FILE with this very certificate"
                )
            }
            Self::Untrusted | Self::Other(_) => {
                format!("If this is your server, add --upstream-pin {pin} or --upstream-ca FILE with its authority")
            }
            Self::Expired => format!("Renew it, or for a test add --upstream-pin {pin}"),
            Self::NotYetValid => {
                format!("Check the clocks of both machines, or add --upstream-pin {pin}")
            }
            Self::WrongName => {
                format!("Give the server a certificate that names the domain; or, if this is your server, add --upstream-pin {pin}")
            }
            Self::BadSignature => "Whoever answers there does not hold its key, or the certificate is broken".to_owned(),
            Self::PinMismatch => format!("Either the server's key has changed or this is another server; the key shown is {pin}"),
        }
    }
}
