//! Leaf certificates: what a client is shown. They live 24 hours, in memory only.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError},
};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};
use zeroize::{Zeroize, Zeroizing};

use super::{Authority, Error, Facts, Name, authority::BACKDATED};

/// The leafs in use, by the set of names they are for.
#[derive(Default)]
pub(super) struct Leaves(HashMap<BTreeSet<Name>, Leaf>);

struct Leaf {
    certified: Arc<CertifiedKey>,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl Authority {
    /// A certificate with key for these names, its chain being leaf and intermediate.
    ///
    /// Clients check the JID domain, or the host or address they dial, so give all of them. The same names in any order and
    /// spelling give the same certificate until less than an hour of it is left.
    ///
    /// # Errors
    /// [`Error::NotCovered`] for a name outside the scope: better no certificate than one no client accepts.
    /// [`Error::Expired`] when the CA ran out while in use.
    pub fn leaf<S: AsRef<str>>(&self, names: &[S], now: OffsetDateTime) -> Result<Arc<CertifiedKey>, Error> {
        let Facts { scope, not_after: end, .. } = self.facts();
        if now > *end {
            return Err(Error::Expired { dir: self.dir.clone(), on: *end });
        }
        let mut set = BTreeSet::new();
        for text in names.iter().map(AsRef::as_ref) {
            let name = Name::parse(text)?;
            if !scope.covers(&name) {
                return Err(Error::NotCovered { name: text.to_owned(), scope: scope.to_string() });
            }
            set.insert(name);
        }
        if set.is_empty() {
            return Err(Error::BadName { name: String::new(), why: "a leaf needs a name" });
        }
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        // Near the CA's own end a new leaf would not live longer, so the old one is kept.
        let enough = (now + REISSUE_BEFORE).min(*end);
        // One from before the clock was set back is not valid yet.
        if let Some(leaf) = leaves.0.get(&set).filter(|leaf| leaf.not_before <= now && leaf.not_after >= enough) {
            return Ok(leaf.certified.clone());
        }
        if leaves.0.len() >= CACHED {
            leaves.0.clear();
        }
        let not_after = (now + LIFETIME).min(*end);
        let not_before = now - BACKDATED;
        let certified = Arc::new(self.sign(&set, not_before, not_after)?);
        leaves.0.insert(set, Leaf { certified: certified.clone(), not_before, not_after });
        Ok(certified)
    }

    fn sign(&self, names: &BTreeSet<Name>, not_before: OffsetDateTime, not_after: OffsetDateTime) -> Result<CertifiedKey, Error> {
        let key = Zeroizing::new(KeyPair::generate()?);
        let mut params = CertificateParams::default();
        params.not_before = not_before;
        params.not_after = not_after;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        // No common name: some check it against the constraints as if it were a host, where no DNS name is given.
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "stanzascope test leaf");
        for name in names {
            params.subject_alt_names.push(match name {
                Name::Dns(name) => SanType::DnsName(name.as_str().try_into()?),
                Name::Ip(ip) => SanType::IpAddress(*ip),
            });
        }
        let certificate = params.signed_by(&*key, &self.issuer)?;
        let mut secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signing_key = rustls::crypto::aws_lc_rs::sign::any_ecdsa_type(&secret);
        secret.zeroize();
        Ok(CertifiedKey::new(vec![certificate.der().clone(), self.intermediate.clone()], signing_key?))
    }
}

const LIFETIME: Duration = Duration::hours(24);
const REISSUE_BEFORE: Duration = Duration::hours(1);
/// Far more sets of names than a lab has; a bound all the same.
const CACHED: usize = 256;

#[cfg(test)]
mod tests;
