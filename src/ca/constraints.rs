//! The name constraints of the intermediate: written, and read back as a [`Scope`].
//!
//! rcgen has no URI subtrees, so the few bytes of DER are put together here (RFC 5280 §4.2.1.10).

use std::net::IpAddr;

use rcgen::CustomExtension;
use x509_parser::prelude::{GeneralName, X509Certificate};

use super::Scope;

/// The critical extension for `scope`.
///
/// A permitted subtree of one kind excludes every other name of *that kind* only, so email addresses and URIs each get
/// one that no name can be in. Kinds beyond these four make Go refuse the certificate as a whole.
pub(super) fn extension(scope: &Scope) -> CustomExtension {
    let mut subtrees = Vec::new();
    for name in &scope.dns {
        subtrees.extend(subtree(DNS_NAME, name.as_bytes()));
    }
    for &(ip, prefix) in &scope.networks {
        subtrees.extend(subtree(IP_ADDRESS, &address_and_mask(ip, prefix)));
    }
    subtrees.extend(subtree(RFC822_NAME, NOBODY.as_bytes()));
    subtrees.extend(subtree(URI, NOBODY.as_bytes()));
    let mut extension = CustomExtension::from_oid_content(NAME_CONSTRAINTS, tlv(SEQUENCE, &tlv(PERMITTED, &subtrees)));
    extension.set_criticality(true);
    extension
}

/// The scope a certificate is constrained to; `None` if it has no constraints of the kind we write.
pub(super) fn read(certificate: &X509Certificate<'_>) -> Option<Scope> {
    let constraints = certificate.name_constraints().ok().flatten()?;
    if !constraints.critical {
        return None;
    }
    let mut scope = Scope { dns: vec![], networks: vec![] };
    for subtree in constraints.value.permitted_subtrees.as_ref()? {
        match subtree.base {
            GeneralName::DNSName(name) if !name.is_empty() => scope.dns.push(name.to_owned()),
            GeneralName::DNSName(_) => return None,
            GeneralName::IPAddress(bytes) => scope.networks.push(network(bytes)?),
            _ => {}
        }
    }
    (!scope.dns.is_empty() && !scope.networks.is_empty()).then_some(scope)
}

fn subtree(kind: u8, base: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &tlv(kind, base))
}

fn address_and_mask(ip: IpAddr, prefix: u8) -> Vec<u8> {
    let bytes = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let mask = (0..bytes.len()).map(|i| {
        let bits = usize::from(prefix).saturating_sub(8 * i).min(8);
        !(0xff_u16 >> bits) as u8
    });
    bytes.iter().copied().chain(mask).collect()
}

fn network(bytes: &[u8]) -> Option<(IpAddr, u8)> {
    let (address, mask) = bytes.split_at_checked(bytes.len() / 2)?;
    let ip = match address.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
        _ => return None,
    };
    let prefix = mask.iter().map(|byte| byte.leading_ones()).sum::<u32>() as u8;
    (address_and_mask(ip, prefix) == bytes).then_some((ip, prefix))
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().position(|&b| b != 0).unwrap_or(length.len() - 1)..];
    if content.len() >= 0x80 {
        out.push(0x80 | significant.len() as u8);
    }
    out.extend(significant);
    out.extend(content);
    out
}

/// RFC 6761: no such domain can exist.
const NOBODY: &str = "nobody.invalid";
const NAME_CONSTRAINTS: &[u64] = &[2, 5, 29, 30];
const SEQUENCE: u8 = 0x30;
const PERMITTED: u8 = 0xa0;
const RFC822_NAME: u8 = 0x81;
const DNS_NAME: u8 = 0x82;
const URI: u8 = 0x86;
const IP_ADDRESS: u8 = 0x87;

#[cfg(test)]
mod tests {
    use x509_parser::prelude::FromDer;

    use super::*;

    fn round_trip(scope: &Scope) -> Option<Scope> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.custom_extensions = vec![extension(scope)];
        let certificate = params.self_signed(&key).unwrap();
        let (_, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
        read(&parsed)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let many: Vec<String> = (0..40).map(|i| format!("host{i}.lab.test")).collect();
        for names in [vec![], vec!["192.0.2.7".to_owned(), "2001:db8::1".to_owned()], many] {
            let scope = Scope::new(&["lab.test".to_owned()], &names).unwrap();
            assert_eq!(round_trip(&scope), Some(scope));
        }
    }

    #[test]
    fn masks_are_contiguous() {
        assert_eq!(address_and_mask("10.0.0.0".parse().unwrap(), 12), [10, 0, 0, 0, 255, 240, 0, 0]);
        assert_eq!(network(&[10, 0, 0, 0, 255, 0, 255, 0]), None);
        assert_eq!(network(&[1, 2, 3]), None);
    }

    #[test]
    fn lengths_follow_der() {
        assert_eq!(tlv(4, &[]), [4, 0]);
        assert_eq!(tlv(4, &[7; 128])[..3], [4, 0x81, 128]);
        assert_eq!(tlv(4, &[7; 300])[..4], [4, 0x82, 1, 44]);
    }
}
