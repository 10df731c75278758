//! Making and opening the test CA.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::{
    Error, Facts, Name, Scope, constraints,
    leaf::Leaves,
    store::{self, Files},
};

/// An opened test CA: the intermediate with its key, ready to sign leafs. Share it behind an `Arc`.
pub struct Authority {
    pub(super) dir: PathBuf,
    pub(super) intermediate: CertificateDer<'static>,
    pub(super) issuer: Issuer<'static, KeyPair>,
    pub(super) leaves: Mutex<Leaves>,
    root_pem: String,
    facts: Facts,
}

impl Authority {
    /// Makes a new CA for `scope` in `dir` (created 0700) and opens it.
    ///
    /// The root key exists only while this function runs; the intermediate's key is written once, 0600.
    ///
    /// # Errors
    /// [`Error::Exists`] when there is one already, [`Error::SharedDirectory`] when `dir` holds other things and is
    /// open to others, [`Error::Io`] when it cannot be written; nothing is left behind then.
    pub fn create(dir: &Path, scope: &Scope, now: OffsetDateTime) -> Result<Self, Error> {
        store::prepare(dir)?;
        let key = Zeroizing::new(KeyPair::generate()?);
        let (root, intermediate) = certificates(&key, scope, &host_name(), now)?;
        let files = Files { root, intermediate, key: Zeroizing::new(key.serialize_pem()) };
        let authority = Self::open(dir, &files, now)?;
        store::write(dir, &files)?;
        Ok(authority)
    }

    /// Opens the CA in `dir`.
    ///
    /// # Errors
    /// [`Error::Absent`] when there is none; [`Error::OpenToOthers`] or [`Error::ForeignOwner`] when somebody else could have the
    /// key; [`Error::Expired`]; [`Error::Incomplete`] or [`Error::Broken`] when the files do not belong together.
    pub fn load(dir: &Path, now: OffsetDateTime) -> Result<Self, Error> {
        Self::open(dir, &store::read(dir)?, now)
    }

    /// Whether a leaf for this host name, domain or address would be accepted by a client that trusts the CA.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        Name::parse(name).is_ok_and(|name| self.facts.scope.covers(&name))
    }

    /// The root certificate as PEM: what clients are given.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The public facts, as of when the CA was opened.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    fn open(dir: &Path, files: &Files, now: OffsetDateTime) -> Result<Self, Error> {
        let facts = Facts::from_pem(&files.root, &files.intermediate, dir, now)?;
        if facts.expired {
            return Err(Error::Expired { dir: dir.to_owned(), on: facts.not_after });
        }
        if now < facts.not_before {
            return Err(Error::NotYetValid { dir: dir.to_owned(), from: facts.not_before });
        }
        let root = store::certificate(&files.root, &dir.join(store::ROOT))?;
        let intermediate = store::certificate(&files.intermediate, &dir.join(store::INTERMEDIATE))?;
        let key = KeyPair::from_pem(&files.key)
            .map_err(|_| Error::Broken { path: dir.join(store::KEY), why: "not a private key we can use".to_owned() })?;
        let authority = Self {
            dir: dir.to_owned(),
            issuer: Issuer::from_ca_cert_der(&intermediate, key)?,
            intermediate,
            leaves: Mutex::default(),
            root_pem: files.root.clone(),
            facts,
        };
        authority.check_as_a_client(&root, dir, now)?;
        Ok(authority)
    }

    /// Signs a leaf and verifies it as a client would: the three files belong together, and webpki agrees.
    fn check_as_a_client(&self, root: &CertificateDer<'static>, dir: &Path, now: OffsetDateTime) -> Result<(), Error> {
        use rustls::client::danger::ServerCertVerifier;
        use rustls_pki_types::{ServerName, UnixTime};

        let broken = |why: String| Error::Broken { path: dir.join(store::INTERMEDIATE), why };
        let name = &self.facts.scope.dns[0];
        let leaf = self.leaf(&[name], now)?;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(root.clone())?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let server_name = ServerName::try_from(name.as_str()).map_err(|error| broken(error.to_string()))?;
        let seconds = std::time::Duration::from_secs(now.unix_timestamp().unsigned_abs());
        rustls::client::WebPkiServerVerifier::builder_with_provider(roots.into(), provider.into())
            .build()
            .map_err(|error| broken(error.to_string()))?
            .verify_server_cert(&leaf.cert[0], &leaf.cert[1..], &server_name, &[], UnixTime::since_unix_epoch(seconds))
            .map_err(|error| broken(format!("does not belong to root.pem and intermediate.key ({error})")))?;
        Ok(())
    }
}

/// Root and intermediate as PEM. The root's key is wiped when this returns (S-01).
fn certificates(key: &KeyPair, scope: &Scope, host: &str, now: OffsetDateTime) -> Result<(String, String), Error> {
    let root_key = Zeroizing::new(KeyPair::generate()?);
    let id = &Sha256::digest(root_key.public_key_raw())[..4];
    let organisation = format!("stanzascope on {} ({})", cut(host, 34), id.iter().map(|b| format!("{b:02x}")).collect::<String>());

    let mut root = parameters(host, &organisation, "root", now);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_certificate = root.self_signed(&*root_key)?;

    // The constraints sit here and not on the root, because Java ignores those of a trust anchor.
    let mut intermediate = parameters(host, &organisation, "intermediate", now);
    intermediate.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    intermediate.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    intermediate.custom_extensions = vec![constraints::extension(scope)];
    intermediate.use_authority_key_identifier_extension = true;
    let intermediate = intermediate.signed_by(key, &Issuer::from_params(&root, &*root_key))?;
    Ok((root_certificate.pem(), intermediate.pem()))
}

fn parameters(host: &str, organisation: &str, unit: &str, now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = now - BACKDATED;
    params.not_after = now + LIFETIME;
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name(host, now));
    params.distinguished_name.push(DnType::OrganizationName, organisation);
    params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
    params
}

/// At most 64 characters (X.520), so the host may be cut; the organisation has it in full.
fn common_name(host: &str, now: OffsetDateTime) -> String {
    let (before, after) = ("stanzascope test CA ", format!(" {} - DO NOT TRUST OUTSIDE LAB", now.date()));
    format!("{before}{}{after}", cut(host, 64 - before.len() - after.len()))
}

/// This machine's name, in the characters any certificate viewer shows.
fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let safe: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).collect();
    if safe.is_empty() { "unnamed".to_owned() } else { safe }
}

fn cut(ascii: &str, length: usize) -> &str {
    &ascii[..ascii.len().min(length)]
}

const LIFETIME: Duration = Duration::days(30);
/// Clients whose clock runs behind must not be locked out.
pub(super) const BACKDATED: Duration = Duration::hours(1);

#[cfg(test)]
mod tests;
