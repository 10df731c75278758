//! Which server to reach and how to speak to it, as given on the command line or in the session file.
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where the upstream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A fixed host and port. A name is resolved to all its addresses, which are tried in order.
    Fixed {
        /// A host name or an IP address, the latter without brackets.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// The SRV records of the domain under test.
    Srv,
}

/// `HOST:PORT`, `ADDRESS:PORT`, `[IPV6]:PORT` or `srv`.
impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if text.eq_ignore_ascii_case("srv") {
            return Ok(Self::Srv);
        }
        let refuse = |reason| TargetError { given: text.to_owned(), reason };
        let (host, port) = text.rsplit_once(':').ok_or_else(|| refuse("no port"))?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(|| refuse("the port is not a number from 1 to 65535"))?;
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => inner.parse::<Ipv6Addr>().map_err(|_| refuse("what stands in brackets is not an IPv6 address"))?.to_string(),
            None if host.contains(':') => return Err(refuse("an IPv6 address needs brackets")),
            None => host.to_owned(),
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || "/@\\".contains(c)) {
            return Err(refuse("the host is not a name or an address"));
        }
        Ok(Self::Fixed { host, port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Fixed { host, port } => write!(f, "{host}:{port}"),
            Self::Srv => write!(f, "the SRV records of the domain"),
        }
    }
}

/// A target that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use {given:?} as upstream: {reason} (write HOST:PORT, such as 127.0.0.1:5222, or srv)")]
pub struct TargetError {
    given: String,
    reason: &'static str,
}

/// How the upstream is to be spoken to (`--upstream-tls`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// What the SRV record or the port suggests; only the two encrypted kinds.
    #[default]
    Auto,
    /// A clear stream that is upgraded (RFC 6120).
    StartTls,
    /// TLS from the first byte (XEP-0368).
    Direct,
    /// Clear text, to a server on this machine only.
    None,
}

impl FromStr for TlsMode {
    type Err = TlsModeError;

    fn from_str(text: &str) -> Result<Self, TlsModeError> {
        match text {
            "auto" => Ok(Self::Auto),
            "starttls" => Ok(Self::StartTls),
            "direct" => Ok(Self::Direct),
            "none" => Ok(Self::None),
            _ => Err(TlsModeError(text.to_owned())),
        }
    }
}

/// A mode that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no --upstream-tls {0:?} (use starttls, direct, none or auto)")]
pub struct TlsModeError(String);

/// How one connection was or is to be opened: what is left of [`TlsMode`] once `Auto` has been decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Opening {
    /// A clear stream, upgraded by `<starttls/>`.
    StartTls,
    /// TLS from the first byte.
    Direct,
    /// Clear text throughout.
    Clear,
}

impl Opening {
    /// The two ways `Auto` tries at a fixed address, the likelier one first.
    ///
    /// Only encrypted kinds: a failing connection never becomes a clear one.
    pub(super) fn likely_for_port(port: u16) -> [Self; 2] {
        match port {
            443 | 5223 => [Self::Direct, Self::StartTls],
            _ => [Self::StartTls, Self::Direct],
        }
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartTls => "STARTTLS",
            Self::Direct => "direct TLS",
            Self::Clear => "clear text",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(host: &str, port: u16) -> Target {
        Target::Fixed { host: host.to_owned(), port }
    }

    #[test]
    fn targets_are_read_and_written() {
        let cases = [
            ("xmpp.lab.test:5222", fixed("xmpp.lab.test", 5222)),
            ("127.0.0.1:1", fixed("127.0.0.1", 1)),
            ("[::1]:5223", fixed("::1", 5223)),
        ];
        for (text, expected) in cases {
            let target: Target = text.parse().unwrap();
            assert_eq!(target, expected);
            assert_eq!(target.to_string(), text);
        }
        assert_eq!("srv".parse(), Ok(Target::Srv));
    }

    #[test]
    fn what_is_no_target_is_refused_with_the_way_out() {
        for text in [
            "",
            "lab.test",
            ":5222",
            "lab.test:",
            "lab.test:0",
            "lab.test:70000",
            "::1:5222",
            "[lab]:5222",
            "a b:1",
            "xmpp://lab.test:5222",
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains("write HOST:PORT"), "{error}");
        }
    }

    #[test]
    fn modes_are_read() {
        assert_eq!("auto".parse(), Ok(TlsMode::Auto));
        assert_eq!("none".parse(), Ok(TlsMode::None));
        assert!("tls".parse::<TlsMode>().unwrap_err().to_string().contains("starttls, direct"));
    }
}
