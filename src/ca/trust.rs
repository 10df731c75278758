//! How each client is told to trust the test CA and to connect through the proxy, and how to undo it.
//!
//! The texts are data (`trust/clients.rs`); this file fills them in.

mod clients;
mod removal;

use std::{fmt, path::Path};

use clients::CLIENTS;
pub(super) use removal::removal;

/// Where the proxy is, as a client must be told.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The root certificate, `certs/root.pem`.
    pub ca: &'a Path,
    /// Host name or address that the client dials.
    pub host: &'a str,
    /// Port for STARTTLS.
    pub starttls_port: u16,
    /// Port for direct TLS.
    pub direct_port: u16,
    /// The JID domain of the test account.
    pub domain: &'a str,
}

/// The instructions for one client or trust store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guide {
    /// Its name.
    pub client: &'static str,
    /// How it comes to trust the CA.
    pub trust: String,
    /// How it is pointed at the proxy; empty for a trust store.
    pub connect: String,
    /// What is special about it; may be empty.
    pub note: String,
}

/// The instructions for every client we know, in the order they are shown; trust stores last.
#[must_use]
pub fn guides(place: &Place<'_>) -> Vec<Guide> {
    CLIENTS
        .iter()
        .map(|client| Guide {
            client: client.name,
            trust: fill(client.trust, place),
            connect: fill(client.connect, place),
            note: fill(client.note, place),
        })
        .collect()
}

/// The instructions for one client, whatever the case of its name.
#[must_use]
pub fn guide(client: &str, place: &Place<'_>) -> Option<Guide> {
    guides(place).into_iter().find(|guide| guide.client.eq_ignore_ascii_case(client))
}

impl fmt::Display for Guide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.client)?;
        for (label, text) in [("trust", &self.trust), ("connect", &self.connect), ("note", &self.note)] {
            for (i, line) in text.lines().enumerate() {
                writeln!(f, "  {:8} {line}", if i == 0 { label } else { "" })?;
            }
        }
        Ok(())
    }
}

fn fill(template: &str, place: &Place<'_>) -> String {
    let plain = std::path::absolute(place.ca).unwrap_or_else(|_| place.ca.to_owned()).display().to_string();
    let bracketed = if place.host.contains(':') { format!("[{}]", place.host) } else { place.host.to_owned() };
    let (port, direct) = (place.starttls_port.to_string(), place.direct_port.to_string());
    let values = [
        ("{ca}", shell_quote(&plain)),
        ("{ca-plain}", plain),
        ("{host}", place.host.to_owned()),
        ("{url-host}", bracketed),
        ("{port}", port),
        ("{direct-port}", direct),
        ("{domain}", place.domain.to_owned()),
    ];
    values.iter().fold(template.to_owned(), |text, (key, value)| text.replace(key, value))
}

/// Quotes for a POSIX shell where needed.
fn shell_quote(text: &str) -> String {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+@:".contains(&b));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(ca: &Path) -> Place<'_> {
        Place { ca, host: "127.0.0.1", starttls_port: 15222, direct_port: 15223, domain: "lab.test" }
    }

    #[test]
    fn every_guide_is_filled_in() {
        for guide in guides(&place(Path::new("/lab/certs/root.pem"))) {
            let text = guide.to_string();
            let store = guide.connect.is_empty();
            assert!(!text.contains('{') || guide.client == "@xmpp/client", "{text}");
            assert!(!guide.trust.is_empty(), "{text}");
            assert!(store || text.contains("15222") || text.contains("15223") || text.contains("port 5222"), "{text}");
        }
    }

    #[test]
    fn what_is_typed_works_as_typed() {
        insta::assert_snapshot!(guide("Profanity", &place(Path::new("/my lab/root.pem"))).unwrap(), @r"
        profanity
          trust    SSL_CERT_FILE='/my lab/root.pem' profanity
          connect  in ~/.local/share/profanity/accounts: server=127.0.0.1 port=15222 tls.policy=force
                   for direct TLS: port=15223 tls.policy=legacy
          note     0.15 refuses to log in through any proxy when the server offers channel binding: use --upstream-tls none.
        ");
    }

    #[test]
    fn quotes_only_where_needed() {
        assert_eq!(shell_quote("/lab/certs/root.pem"), "/lab/certs/root.pem");
        assert_eq!(shell_quote("/it's here/root.pem"), r"'/it'\''s here/root.pem'");
    }

    #[test]
    fn an_ipv6_host_is_bracketed_in_urls() {
        let ca = Path::new("/r.pem");
        let guide = guide("@xmpp/client", &Place { host: "::1", ..place(ca) }).unwrap();
        assert!(guide.connect.contains("xmpp://[::1]:15222"), "{guide}");
    }
}
