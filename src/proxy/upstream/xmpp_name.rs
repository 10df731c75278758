//! The names besides dNSName by which a certificate may name an XMPP domain.
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::{Any, Error, FromDer, TaggedExplicit};
use x509_parser::extensions::GeneralName;

/// The names under which XMPP allows a certificate to name a domain besides dNSName (RFC 6120, 13.7.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum XmppName {
    /// SRVName, such as `_xmpp-client.lab.test` (RFC 4985).
    Srv(String),
    /// id-on-xmppAddr, a JID without localpart and resource (RFC 6120, 13.7.1.4).
    Address(String),
}

impl XmppName {
    /// True when this names the client service of `domain`. No wildcards.
    pub(super) fn covers(&self, domain: &str) -> bool {
        match self {
            Self::Address(name) => name.eq_ignore_ascii_case(domain),
            Self::Srv(name) => name.split_once('.').is_some_and(|(service, name)| {
                ["_xmpp-client", "_xmpps-client"].iter().any(|known| service.eq_ignore_ascii_case(known))
                    && name.eq_ignore_ascii_case(domain)
            }),
        }
    }
}

/// The XMPP-specific names of a certificate.
pub(super) fn xmpp_names(certificate: &CertificateDer<'_>) -> Vec<XmppName> {
    X509Certificate::from_der(certificate).map_or_else(|_| Vec::new(), |(_, parsed)| in_parsed(&parsed))
}

/// The same, of a certificate that is parsed already.
pub(super) fn in_parsed(certificate: &X509Certificate<'_>) -> Vec<XmppName> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let others = extension.value.general_names.iter().filter_map(|name| match name {
        GeneralName::OtherName(oid, value) => Some((oid.to_id_string(), *value)),
        _ => None,
    });
    others
        .filter_map(|(oid, value)| match oid.as_str() {
            "1.3.6.1.5.5.7.8.7" => text(value).map(XmppName::Srv),
            "1.3.6.1.5.5.7.8.5" => text(value).map(XmppName::Address),
            _ => None,
        })
        .collect()
}

/// The string in the `[0] EXPLICIT` value of an otherName, whichever string type it has.
fn text(value: &[u8]) -> Option<String> {
    let (rest, tagged) = TaggedExplicit::<Any<'_>, Error, 0>::from_der(value).ok()?;
    let string = tagged.into_inner();
    (rest.is_empty() && string.header.is_primitive()).then(|| String::from_utf8(string.data.to_vec()).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn otherwise_named_domains_are_matched_exactly() {
        let srv = |name: &str| XmppName::Srv(name.to_owned()).covers("lab.test");
        assert!(srv("_xmpp-client.lab.test") && srv("_XMPPS-client.LAB.test"));
        assert!(!srv("_xmpp-server.lab.test") && !srv("_xmpp-client.a.lab.test") && !srv("lab.test") && !srv("_xmpp-client.*"));
        let address = |name: &str| XmppName::Address(name.to_owned()).covers("lab.test");
        assert!(address("Lab.test"));
        assert!(!address("a@lab.test") && !address("*.test") && !address(""));
    }

    #[test]
    fn other_name_values_are_strings_in_an_explicit_tag() {
        assert_eq!(text(b"\xa0\x05\x16\x03abc").as_deref(), Some("abc"));
        assert_eq!(text(b"\xa0\x05\x0c\x03abc").as_deref(), Some("abc"));
        for wrong in [&b""[..], b"\x16\x03abc", b"\xa0\x05\x16\x03abcd", b"\xa0\x09\x16\x03abc", b"\xa0\x04\x0c\x02\xff\xff"] {
            assert_eq!(text(wrong), None);
        }
    }
}
