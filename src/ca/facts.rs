//! The public facts of a test CA, read from its certificates.

use std::{fmt, path::Path};

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Error, Scope, constraints, store};

/// What `ca show`, reports and the expiry reminder say about the CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Common name of the root, under which trust stores list it.
    pub subject: String,
    /// Organisation of the root: the machine it was made on and an identifier of this very CA.
    pub organisation: String,
    /// SHA-256 of the root certificate, `AB:CD:…`, as trust stores show it.
    pub fingerprint: String,
    /// Start of validity.
    pub not_before: OffsetDateTime,
    /// End of validity, the same for root and intermediate.
    pub not_after: OffsetDateTime,
    /// Whole days left; 0 on the last day and after the end.
    pub days_left: u32,
    /// Whether it is over.
    pub expired: bool,
    /// What the intermediate may sign for.
    pub scope: Scope,
}

impl Facts {
    /// Reads the certificates in `dir`; the key is not touched. Works on an expired CA too.
    ///
    /// # Errors
    /// [`Error::Absent`] when there is no CA, [`Error::Broken`] when the certificates are not what we write.
    pub fn read(dir: &Path, now: OffsetDateTime) -> Result<Self, Error> {
        Self::from_pem(&store::public_file(dir, store::ROOT)?, &store::public_file(dir, store::INTERMEDIATE)?, dir, now)
    }

    pub(super) fn from_pem(root: &str, intermediate: &str, dir: &Path, now: OffsetDateTime) -> Result<Self, Error> {
        let root = RootFacts::from_pem(root, dir)?;
        let path = dir.join(store::INTERMEDIATE);
        let der = store::certificate(intermediate, &path)?;
        let broken = |why: &str| Error::Broken { path: path.clone(), why: why.to_owned() };
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| broken("not a certificate"))?;
        let scope = constraints::read(&certificate).ok_or_else(|| broken("not constrained to names"))?;
        let not_after = certificate.validity().not_after.to_datetime();
        Ok(Self {
            subject: root.subject,
            organisation: root.organisation,
            fingerprint: root.fingerprint,
            not_before: certificate.validity().not_before.to_datetime(),
            not_after,
            days_left: (not_after - now).whole_days().try_into().unwrap_or(0),
            expired: now > not_after,
            scope,
        })
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.expired { "EXPIRED".to_owned() } else { format!("{} days left", self.days_left) };
        writeln!(f, "subject      {}", self.subject)?;
        writeln!(f, "made by      {}", self.organisation)?;
        writeln!(f, "valid        {} to {} UTC ({state})", self.not_before.date(), self.not_after.date())?;
        writeln!(f, "covers       {} and everything below", self.scope)?;
        writeln!(f, "fingerprint  SHA-256 {}", self.fingerprint)
    }
}

/// What can be said of the root alone, so that trust can be removed even if the rest is gone.
pub(super) struct RootFacts {
    pub(super) subject: String,
    pub(super) organisation: String,
    pub(super) fingerprint: String,
}

impl RootFacts {
    pub(super) fn read(dir: &Path) -> Result<Self, Error> {
        Self::from_pem(&store::public_file(dir, store::ROOT)?, dir)
    }

    fn from_pem(pem: &str, dir: &Path) -> Result<Self, Error> {
        let path = dir.join(store::ROOT);
        let der = store::certificate(pem, &path)?;
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| Error::Broken { path, why: "not a certificate".to_owned() })?;
        let subject = certificate.subject();
        let text = |attribute: Option<&x509_parser::x509::AttributeTypeAndValue<'_>>| {
            attribute.and_then(|a| a.as_str().ok()).unwrap_or_default().to_owned()
        };
        Ok(Self {
            subject: text(subject.iter_common_name().next()),
            organisation: text(subject.iter_organization().next()),
            fingerprint: fingerprint(&der),
        })
    }
}

fn fingerprint(der: &[u8]) -> String {
    let hex: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
    hex.join(":")
}
