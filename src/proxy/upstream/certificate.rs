//! What a server's certificate says, and the pin that stands for its key.
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::FromDer;
use x509_parser::extensions::GeneralName;
use x509_parser::time::ASN1Time;

use super::xmpp_name::{XmppName, in_parsed};

/// The SHA-256 of a certificate's SubjectPublicKeyInfo, written `sha256/BASE64` (as in RFC 7469).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpkiPin([u8; 32]);

impl SpkiPin {
    /// The pin of a certificate, `None` if it cannot be parsed.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        Some(Self(Sha256::digest(parsed.public_key().raw).into()))
    }
}

impl FromStr for SpkiPin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let decode = || STANDARD.decode(text.strip_prefix("sha256/")?).ok()?.try_into().ok();
        decode().map(Self).ok_or_else(|| PinError(text.to_owned()))
    }
}

impl fmt::Display for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256/{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A pin that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a pin: write sha256/ and the base64 of the SHA-256 of the server's public key, 44 characters with the final = (a failed connection prints it)"
)]
pub struct PinError(String);

/// What the server showed, for records and for messages. Nothing in it is verified by being here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresentedCertificate {
    /// The subject's distinguished name.
    pub subject: String,
    /// The issuer's distinguished name.
    pub issuer: String,
    /// DNS names, addresses, SRV names and XMPP addresses of the subject alternative name, in this order.
    pub names: Vec<String>,
    /// Start of validity, RFC 3339.
    pub not_before: String,
    /// End of validity, RFC 3339.
    pub not_after: String,
    /// `sha256/BASE64` of the public key: what `--upstream-pin` takes. Empty when the certificate cannot be parsed.
    pub spki_pin: String,
    /// SHA-256 of the whole certificate, hexadecimal.
    pub sha256: String,
}

impl PresentedCertificate {
    /// Reads what can be read. An unparsable certificate keeps its hash.
    pub fn read(certificate: &CertificateDer<'_>) -> Self {
        let sha256 = Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect();
        let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
            return Self { sha256, ..Self::default() };
        };
        Self {
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            names: names(&parsed),
            not_before: rfc3339(parsed.validity().not_before),
            not_after: rfc3339(parsed.validity().not_after),
            spki_pin: SpkiPin(Sha256::digest(parsed.public_key().raw).into()).to_string(),
            sha256,
        }
    }

    /// The names in one line, with control characters and text direction marks made visible.
    pub(super) fn named(&self) -> String {
        match self.names.as_slice() {
            [] if self.subject.is_empty() => "no name at all".to_owned(),
            [] => format!("no domain, only the subject {:?}", self.subject),
            names => names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "),
        }
    }
}

/// The validity of a certificate in seconds since 1970.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some((parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp()))
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let mut names = Vec::new();
    if let Ok(Some(extension)) = certificate.subject_alternative_name() {
        names.extend(extension.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        }));
        names.extend(extension.value.general_names.iter().filter_map(|name| match name {
            GeneralName::IPAddress(bytes) => ip(bytes),
            _ => None,
        }));
    }
    names.extend(in_parsed(certificate).into_iter().map(|name| match name {
        XmppName::Srv(name) => name,
        XmppName::Address(name) => format!("xmpp:{name}"),
    }));
    names
}

fn ip(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
    let v6 = <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from);
    v4.or(v6).ok().map(|address| address.to_string())
}

fn rfc3339(moment: ASN1Time) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(moment.timestamp());
    moment.ok().and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_read_and_written() {
        let text = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(text.parse::<SpkiPin>().unwrap().to_string(), text);
        for wrong in
            ["", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "sha256/AAAA", "sha1/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]
        {
            assert!(wrong.parse::<SpkiPin>().unwrap_err().to_string().contains("write sha256/"));
        }
    }

    #[test]
    fn what_is_no_certificate_still_has_a_hash() {
        let presented = PresentedCertificate::read(&CertificateDer::from(&b"junk"[..]));
        assert_eq!(presented.sha256.len(), 64);
        assert_eq!(presented.named(), "no name at all");
        assert_eq!(SpkiPin::of(&CertificateDer::from(&b"junk"[..])), None);
    }
}
