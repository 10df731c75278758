//! What makes an upstream certificate acceptable, loaded once at start.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::certificate::SpkiPin;
use super::verify::provider;

/// What the evaluator trusts the upstream by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustSource {
    /// The certificate authorities of this machine.
    Platform,
    /// The certificates of one PEM file (`--upstream-ca`) and nothing else.
    CaFile(PathBuf),
    /// Public keys (`--upstream-pin`), any of them. Neither chain nor names nor dates count then.
    Pins(Vec<SpkiPin>),
}

/// A trust source that has been read. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Trust {
    pub(super) anchor: Anchor,
    described: String,
}

#[derive(Debug, Clone)]
pub(super) enum Anchor {
    /// A chain to one of these roots.
    Roots {
        chain: Arc<WebPkiServerVerifier>,
        /// Certificates of the CA file: a server may present one of them as its own.
        exact: Arc<[CertificateDer<'static>]>,
    },
    Pins(Arc<[SpkiPin]>),
}

impl Trust {
    /// Reads the roots or the file.
    ///
    /// # Errors
    /// [`TrustError`] when nothing usable was found: there is no way to run unverified.
    pub fn load(source: &TrustSource) -> Result<Self, TrustError> {
        match source {
            TrustSource::Platform => {
                let found = rustls_native_certs::load_native_certs();
                let mut roots = RootCertStore::empty();
                let (usable, _) = roots.add_parsable_certificates(found.certs);
                if usable == 0 {
                    let detail = found.errors.first().map_or("the store is empty".to_owned(), ToString::to_string);
                    return Err(TrustError::NoPlatformRoots { detail });
                }
                Self::roots(roots, Vec::new(), "the platform's certificate authorities".to_owned())
            }
            TrustSource::CaFile(path) => {
                let certificates = read_pem(path)?;
                let mut roots = RootCertStore::empty();
                for certificate in &certificates {
                    roots
                        .add(certificate.clone())
                        .map_err(|error| TrustError::BadCaFile { path: path.clone(), detail: error.to_string() })?;
                }
                Self::roots(roots, certificates, format!("the CA file {}", path.display()))
            }
            TrustSource::Pins(pins) if pins.is_empty() => Err(TrustError::NoPins),
            TrustSource::Pins(pins) => Ok(Self {
                anchor: Anchor::Pins(pins.as_slice().into()),
                described: "its public key (--upstream-pin), not by a chain or a name".to_owned(),
            }),
        }
    }

    /// Accepts no certificate: for a server that shows none.
    pub fn nothing() -> Self {
        Self { anchor: Anchor::Pins(Arc::new([])), described: "nothing: it is spoken to in clear text, on this machine".to_owned() }
    }

    /// What a verified certificate was verified by, to follow the word "by".
    pub fn described(&self) -> &str {
        &self.described
    }

    fn roots(roots: RootCertStore, exact: Vec<CertificateDer<'static>>, described: String) -> Result<Self, TrustError> {
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| TrustError::NoPlatformRoots { detail: error.to_string() })?;
        Ok(Self { anchor: Anchor::Roots { chain, exact: exact.into() }, described })
    }
}

/// Why there is nothing to verify the upstream by.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file cannot be read.
    #[error("cannot read the CA file {path}: {error}", path = .path.display())]
    Unreadable {
        /// As given.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// The file holds no certificate.
    #[error("the CA file {path} holds no certificate (it must be PEM, with -----BEGIN CERTIFICATE-----)", path = .path.display())]
    NoCertificate {
        /// As given.
        path: PathBuf,
    },
    /// A certificate in the file cannot be used.
    #[error("the CA file {path} holds a certificate that cannot be used: {detail}", path = .path.display())]
    BadCaFile {
        /// As given.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The machine has no roots.
    #[error(
        "this machine has no usable certificate authorities ({detail}): install ca-certificates, or use --upstream-ca FILE or --upstream-pin"
    )]
    NoPlatformRoots {
        /// Why.
        detail: String,
    },
    /// An empty list of pins.
    #[error("no pin was given (--upstream-pin sha256/...)")]
    NoPins,
}

fn read_pem(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let text = std::fs::read(path).map_err(|error| TrustError::Unreadable { path: path.to_owned(), error })?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|error| TrustError::BadCaFile { path: path.to_owned(), detail: error.to_string() })?;
    if certificates.is_empty() {
        return Err(TrustError::NoCertificate { path: path.to_owned() });
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(content: &[u8]) -> Result<Trust, TrustError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        std::fs::write(&path, content).unwrap();
        Trust::load(&TrustSource::CaFile(path))
    }

    #[test]
    fn a_ca_file_must_hold_a_certificate() {
        let missing = Trust::load(&TrustSource::CaFile("/nonexistent/ca.pem".into()));
        assert!(matches!(missing, Err(TrustError::Unreadable { .. })));
        assert!(matches!(load(b""), Err(TrustError::NoCertificate { .. })));
        assert!(matches!(load(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), Err(TrustError::NoCertificate { .. })));
        for broken in ["-----BEGIN CERTIFICATE-----\nAAAA\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(load(broken.as_bytes()), Err(TrustError::BadCaFile { .. })), "{broken}");
        }
    }

    #[test]
    fn a_ca_file_with_a_certificate_is_enough() {
        let certified = rcgen::generate_simple_self_signed(["lab.test".to_owned()]).unwrap();
        let trust = load(certified.cert.pem().as_bytes()).unwrap();
        assert!(trust.described().starts_with("the CA file"));
    }

    #[test]
    fn no_pins_is_no_trust() {
        assert!(matches!(Trust::load(&TrustSource::Pins(Vec::new())), Err(TrustError::NoPins)));
    }
}
