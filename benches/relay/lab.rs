//! What all measurements share: a CA, certificates of the server and of the peers, and a directory for all of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The domain of all accounts.
pub const DOMAIN: &str = "lab.test";

/// Files that are gone when this is dropped.
pub struct Lab {
    dir: TempDir,
}

impl Lab {
    /// Makes the CA, and one certificate for the server and the peers.
    pub fn new() -> Lab {
        let lab = Lab { dir: tempfile::Builder::new().prefix("stanzascope-bench-").tempdir().expect("a directory for the measurements") };
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "stanzascope benchmark");
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
        // ECDSA on P-256, as the leafs of the product.
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new([DOMAIN.to_owned()]).and_then(|params| params.signed_by(&key, &ca)).expect("a certificate");
        lab.write("ca.pem", &ca.pem());
        lab.write("ca.key", &ca.key().serialize_pem());
        lab.write("leaf.pem", &leaf.pem());
        lab.write("leaf.key", &key.serialize_pem());
        lab.write("leaf-and-key.pem", &format!("{}{}", leaf.pem(), key.serialize_pem()));
        lab
    }

    /// Where a file is, or is to be.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("the directory of the measurements can be written");
        path
    }

    /// The server's TLS. Sessions are never resumed, so that each connection costs the same, whichever proxy makes it.
    pub fn acceptor(&self) -> TlsAcceptor {
        let chain = vec![CertificateDer::from_pem_file(self.path("leaf.pem")).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(self.path("leaf.key")).expect("a key");
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("rustls' own versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("they belong together");
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A client's TLS that trusts these CAs and resumes nothing.
pub fn connector(cas: &[&Path]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for ca in cas {
        roots.add(CertificateDer::from_pem_file(ca).expect("a certificate")).expect("a CA");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("rustls' own versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}
