//! A host name, domain or address as it stands in a certificate.

use std::{fmt, net::IpAddr};

use super::Error;

/// A name as it stands in a certificate: lower case, no trailing dot, no wildcard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// A DNS name in ASCII (A-labels).
    Dns(String),
    /// An address; IPv4-mapped IPv6 is IPv4.
    Ip(IpAddr),
}

impl Name {
    /// Reads a host name, domain or address (IPv6 with or without brackets).
    ///
    /// # Errors
    /// [`Error::BadName`] for what a certificate cannot carry: wildcards, non-ASCII, empty or overlong labels.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |why| Error::BadName { name: text.to_owned(), why };
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(Self::Ip(ip.to_canonical()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if !name.is_ascii() {
            return Err(bad("not ASCII (write it in its xn-- form)"));
        }
        if name.contains('*') {
            return Err(bad("wildcards are never issued (name each host)"));
        }
        if name.is_empty() || name.len() > 253 {
            return Err(bad("a host name has 1 to 253 characters"));
        }
        if !name.split('.').all(is_label) {
            return Err(bad("not a host name or address"));
        }
        if name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
            return Err(bad("ends in a number but is no address"));
        }
        Ok(Self::Dns(name))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_certificate_must_not_carry_is_refused() {
        for name in ["", "*.lab.test", "lab..test", "-a.test", "bücher.test", "a b", "lab.test\0", "256.1.1.1", "a/b", &"a.".repeat(200)] {
            assert!(matches!(Name::parse(name), Err(Error::BadName { .. })), "{name:?}");
        }
    }

    #[test]
    fn spellings_of_one_name_are_one_name() {
        let same = |a, b| assert_eq!(Name::parse(a).unwrap(), Name::parse(b).unwrap());
        same("LAB.test.", "lab.test");
        same("[::1]", "0:0:0:0:0:0:0:1");
        same("::ffff:127.0.0.1", "127.0.0.1");
    }
}
