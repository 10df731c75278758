//! The TLS versions of a connection.
use std::fmt;

use rustls::{ProtocolVersion, SupportedProtocolVersion};
use serde::{Deserialize, Serialize};

/// A TLS version that rustls speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

impl TlsVersion {
    /// The version rustls negotiated, `None` for one this type does not know.
    pub fn from_rustls(version: ProtocolVersion) -> Option<Self> {
        match version {
            ProtocolVersion::TLSv1_2 => Some(Self::Tls12),
            ProtocolVersion::TLSv1_3 => Some(Self::Tls13),
            _ => None,
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// The versions offered to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersions {
    /// Whatever the server takes, 1.3 first.
    #[default]
    Any,
    /// This version or no connection.
    Only(TlsVersion),
}

impl TlsVersions {
    pub(super) fn supported(self) -> Vec<&'static SupportedProtocolVersion> {
        let offered = |version| self == Self::Any || self == Self::Only(version);
        let known = [(TlsVersion::Tls13, &rustls::version::TLS13), (TlsVersion::Tls12, &rustls::version::TLS12)];
        known.into_iter().filter(|(version, _)| offered(*version)).map(|(_, supported)| supported).collect()
    }
}
