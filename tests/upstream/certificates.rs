//! Certificates made on the spot.
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// A server's certificate and key.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    pub pem: String,
    key: Vec<u8>,
}

impl Identity {
    /// Certificate and key as a server uses them, whether or not they fit.
    pub fn as_shown(&self) -> CertifiedKey {
        let key = any_supported_type(&PrivateKeyDer::Pkcs8(self.key.clone().into())).unwrap();
        CertifiedKey::new(vec![self.certificate.clone()], key)
    }

    /// This certificate in the hands of somebody with another key.
    pub fn shown_with_key_of(&self, other: &Self) -> Self {
        Self { certificate: self.certificate.clone(), pem: self.pem.clone(), key: other.key.clone() }
    }
}

fn authority() -> &'static CertifiedIssuer<'static, KeyPair> {
    static AUTHORITY: OnceLock<CertifiedIssuer<'static, KeyPair>> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    })
}

/// The PEM of the authority that [`issued`] certificates chain to.
pub fn authority_pem() -> String {
    authority().pem()
}

/// A certificate for `names`, changed by `change`, from the authority.
pub fn issued(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params(names, change).signed_by(&key, authority()).unwrap();
    Identity { certificate: certificate.der().clone(), pem: certificate.pem(), key: key.serialize_der() }
}

/// A certificate that vouches for itself.
pub fn self_signed(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params(names, change).self_signed(&key).unwrap();
    Identity { certificate: certificate.der().clone(), pem: certificate.pem(), key: key.serialize_der() }
}

/// The certificate every test takes that is not about certificates.
pub fn good() -> &'static Identity {
    static GOOD: OnceLock<Identity> = OnceLock::new();
    GOOD.get_or_init(|| issued(&[super::DOMAIN], |_| {}))
}

/// An otherName with a string.
pub fn other_name(oid: &[u64], value: &str) -> SanType {
    SanType::OtherName((oid.to_vec(), value.into()))
}

fn params(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "a test server");
    change(&mut params);
    params
}
