//! Which names the test CA may speak for.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{Error, Name};

/// What the intermediate is constrained to: DNS names with everything below them, and networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub(super) dns: Vec<String>,
    pub(super) networks: Vec<(IpAddr, u8)>,
}

impl Scope {
    /// The scope for these JID domains and these host names and addresses that clients dial.
    ///
    /// `localhost`, 127.0.0.0/8 and ::1 are always in it: that is where the proxy listens.
    ///
    /// # Errors
    /// [`Error::BadName`] for unusable names, an empty list of domains, and names that are a whole top-level domain.
    pub fn new<S: AsRef<str>>(domains: &[S], names: &[S]) -> Result<Self, Error> {
        if domains.is_empty() {
            return Err(Error::BadName { name: String::new(), why: "at least one domain is needed (--domain DOMAIN)" });
        }
        let mut scope = Self { dns: vec![], networks: vec![] };
        for text in domains.iter().chain(names).map(AsRef::as_ref).chain(["localhost"]) {
            match Name::parse(text)? {
                Name::Dns(name) if is_top_level(&name) => {
                    return Err(Error::BadName { name, why: "covers a whole top-level domain (name the domain itself)" });
                }
                Name::Dns(name) if !scope.dns.contains(&name) => scope.dns.push(name),
                Name::Ip(ip) if !scope.covers_ip(ip) => scope.networks.push((ip, if ip.is_ipv4() { 32 } else { 128 })),
                _ => {}
            }
        }
        scope.networks.push((IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8));
        scope.networks.push((IpAddr::V6(Ipv6Addr::LOCALHOST), 128));
        Ok(scope)
    }

    /// The DNS names it covers, with everything below them; the first JID domain first.
    #[must_use]
    pub fn domains(&self) -> &[String] {
        &self.dns
    }

    /// Whether a leaf for this name would be accepted by a client that trusts the CA.
    #[must_use]
    pub fn covers(&self, name: &Name) -> bool {
        match name {
            Name::Dns(name) => self.dns.iter().any(|base| is_below(name, base)),
            Name::Ip(ip) => self.covers_ip(*ip),
        }
    }

    fn covers_ip(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|&(base, prefix)| match (base, ip) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => same_prefix(base.to_bits().into(), ip.to_bits().into(), 32 - prefix),
            (IpAddr::V6(base), IpAddr::V6(ip)) => same_prefix(base.to_bits(), ip.to_bits(), 128 - prefix),
            _ => false,
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.dns.join(", "))?;
        for (ip, prefix) in &self.networks {
            if matches!((ip, prefix), (IpAddr::V4(_), 32) | (IpAddr::V6(_), 128)) {
                write!(f, ", {ip}")?;
            } else {
                write!(f, ", {ip}/{prefix}")?;
            }
        }
        Ok(())
    }
}

fn is_below(name: &str, base: &str) -> bool {
    name.strip_suffix(base).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn same_prefix(base: u128, ip: u128, host_bits: u8) -> bool {
    // A shift by all 128 bits is undefined for the operator; it means that every address matches.
    (base ^ ip).checked_shr(host_bits.into()).unwrap_or(0) == 0
}

/// A guard against slips, not a list of all of them: one label that is a country or one of the big generic ones.
fn is_top_level(name: &str) -> bool {
    !name.contains('.') && (name.len() == 2 || GENERIC_TOP_LEVEL.contains(&name))
}

const GENERIC_TOP_LEVEL: [&str; 20] = [
    "app", "arpa", "biz", "chat", "cloud", "com", "dev", "edu", "gov", "info", "int", "mil", "name", "net", "online", "org", "page",
    "site", "tech", "xyz",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scope: &Scope, covered: &[&str], outside: &[&str]) {
        for name in covered {
            assert!(scope.covers(&Name::parse(name).unwrap()), "{name} is covered");
        }
        for name in outside {
            assert!(!scope.covers(&Name::parse(name).unwrap()), "{name} is outside");
        }
    }

    #[test]
    fn a_domain_covers_itself_and_what_is_below() {
        let scope = Scope::new(&["Lab.Test."], &["proxy.local", "192.0.2.7", "[2001:db8::1]"]).unwrap();
        check(
            &scope,
            &["lab.test", "conference.lab.test", "PROXY.local", "localhost", "127.0.0.1", "127.9.9.9", "::1", "192.0.2.7", "2001:db8::1"],
            &["evillab.test", "test", "lab.test.example", "192.0.2.8", "::2", "0.0.0.0", "2001:db8::2"],
        );
        assert_eq!(scope.to_string(), "lab.test, proxy.local, localhost, 192.0.2.7, 2001:db8::1, 127.0.0.0/8, ::1");
    }

    #[test]
    fn mapped_addresses_are_the_ipv4_address() {
        check(&Scope::new(&["lab.test"], &[]).unwrap(), &["::ffff:127.0.0.1"], &["::ffff:192.0.2.1"]);
    }

    #[test]
    fn a_whole_top_level_domain_is_refused() {
        for name in ["com", "DE", "org."] {
            assert!(Scope::new(&[name], &[]).is_err(), "{name}");
            assert!(Scope::new(&["lab.test"], &[name]).is_err(), "{name}");
        }
        assert!(Scope::new(&["prosody"], &[]).is_ok());
        assert!(Scope::new::<&str>(&[], &[]).is_err());
    }

    #[test]
    fn an_address_can_be_the_domain() {
        check(&Scope::new(&["192.0.2.7"], &[]).unwrap(), &["192.0.2.7"], &["192.0.2.6"]);
    }
}
