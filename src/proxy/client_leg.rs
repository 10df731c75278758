//! The client's leg up to the end of its TLS handshake: telling direct TLS from STARTTLS, answering STARTTLS, reading the ClientHello.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::client_hello::ClientHello;
use super::gate::Decision;
use super::tap::Tap;
use crate::metrics::Entry;
use crate::record::{Body, Finding, Intervention};
use crate::xmpp::Direction;
use crate::xmpp::framer::FrameKind;

/// Time to the stream header or ClientHello.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// First byte of a TLS record with a handshake message.
const TLS_HANDSHAKE: u8 = 0x16;
/// Most that is read in clear.
const MAX_CLEAR: usize = 10_000;

/// Why a client did not get as far as TLS.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Nothing, or too little, came in time.
    #[error("nothing usable came within {} seconds", HEADER_TIMEOUT.as_secs())]
    Timeout,
    /// The client closed.
    #[error("the client closed the connection before TLS began")]
    Closed,
    /// It speaks something else.
    #[error("{0}")]
    NotXmpp(String),
    /// The gate refused.
    #[error("{detail}")]
    Refused {
        /// Stream error condition.
        condition: &'static str,
        /// Short reason.
        reason: &'static str,
        /// In words.
        detail: String,
    },
    /// The socket failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A client that is about to begin, or has begun, its TLS handshake.
pub struct Greeted {
    /// How it began.
    pub entry: Entry,
    /// The bytes of its ClientHello.
    pub hello_bytes: Vec<u8>,
    /// What they say; an error in words when they cannot be read, which the TLS library then judges.
    pub hello: Result<ClientHello, String>,
}

/// Reads up to and including the ClientHello; answers STARTTLS on the way.
///
/// # Errors
/// [`Failed`]; the caller tells the client and closes.
pub async fn greet(tcp: &mut TcpStream, tap: &Tap, answer_domain: &str) -> Result<Greeted, Failed> {
    let deadline = Instant::now() + HEADER_TIMEOUT;
    let mut first = Vec::new();
    read_more(tcp, &mut first, deadline).await?;
    let entry = if first[0] == TLS_HANDSHAKE || first[0] == 0x80 { Entry::Direct } else { Entry::StartTls };
    if entry == Entry::StartTls {
        starttls(tcp, tap, first, deadline, answer_domain).await?;
        first = Vec::new();
    }
    let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
    loop {
        if !first.is_empty() {
            match ClientHello::parse(&first) {
                Ok(Some(hello)) => return Ok(Greeted { entry, hello_bytes: first, hello: Ok(hello) }),
                Ok(None) => {}
                Err(error) => return Ok(Greeted { entry, hello_bytes: first, hello: Err(error.to_string()) }),
            }
        }
        read_more(tcp, &mut first, deadline).await?;
    }
}

async fn read_more(tcp: &mut TcpStream, into: &mut Vec<u8>, deadline: Instant) -> Result<(), Failed> {
    into.reserve(4096);
    match timeout_at(deadline, tcp.read_buf(into)).await {
        Ok(Ok(0)) => Err(Failed::Closed),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Failed::Timeout),
    }
}

/// Plays the server up to `<proceed/>` (RFC 6120 §5.4). What the client sends here the network reads along.
async fn starttls(tcp: &mut TcpStream, tap: &Tap, first: Vec<u8>, deadline: Instant, answer_domain: &str) -> Result<(), Failed> {
    let begins_like_xml = first.iter().find(|b| !b.is_ascii_whitespace()).is_none_or(|&b| b == b'<' || b == 0xef);
    if !begins_like_xml {
        let start: String = String::from_utf8_lossy(&first).chars().take(16).flat_map(char::escape_default).collect();
        return Err(Failed::NotXmpp(format!("this is neither XMPP nor TLS: it begins with \"{start}\"")));
    }
    let mut chunk = first;
    let mut total = 0;
    loop {
        total += chunk.len();
        if total > MAX_CLEAR {
            return Err(Failed::NotXmpp(format!("more than {MAX_CLEAR} bytes in clear without <starttls/>")));
        }
        let now = tap.now();
        let (asked, headers) = {
            let mut inner = tap.lock();
            inner.feed(Direction::ClientToServer, &chunk, now);
            let frames: Vec<(FrameKind, Vec<u8>)> =
                inner.auditor.frames(Direction::ClientToServer).map(|(frame, bytes)| (frame.kind, bytes.to_vec())).collect();
            let mut headers = 0;
            let mut asked = None;
            for (index, (kind, bytes)) in frames.iter().enumerate() {
                if let Decision::Refuse { condition, reason, detail } = inner.gate.from_client(*kind, bytes) {
                    return Err(Failed::Refused { condition, reason, detail });
                }
                headers += usize::from(*kind == FrameKind::StreamOpen);
                if *kind == FrameKind::Element && super::gate::opening_name(bytes) == Some(b"starttls") {
                    asked = Some(
                        frames[index + 1..].iter().map(|(_, b)| b.len()).sum::<usize>()
                            + inner.auditor.pending(Direction::ClientToServer).len(),
                    );
                    break;
                }
                if *kind == FrameKind::Element {
                    let detail = "a stanza in clear: this proxy only talks inside TLS".to_owned();
                    return Err(Failed::Refused { condition: "policy-violation", reason: "no_tls", detail });
                }
            }
            (asked, headers)
        };
        if headers > 0 {
            tcp.write_all(header_and_features(answer_domain).as_bytes()).await?;
        }
        if let Some(mut pipelined) = asked {
            // What has arrived by now was sent before <proceed/> could be seen.
            let mut rest = [0; 4096];
            while let Ok(read @ 1..) = tcp.try_read(&mut rest) {
                pipelined += read;
            }
            if pipelined > 0 {
                report_pipelined(tap, pipelined);
            }
            let _ = tap.drain().await;
            tap.note(Body::Intervention(Intervention {
                action: "starttls_ended".into(),
                direction: Some(Direction::ClientToServer),
                detail: "the proxy answered <starttls/>; both legs use TLS sessions of their own".into(),
                bytes: None,
            }));
            tcp.write_all(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await?;
            return Ok(());
        }
        let _ = tap.drain().await;
        chunk = Vec::new();
        read_more(tcp, &mut chunk, deadline).await?;
    }
}

/// A stream header of the proxy's own, with the one feature there is before TLS.
fn header_and_features(domain: &str) -> String {
    let id: String = {
        let mut bytes = [0u8; 8];
        // Without randomness a fixed id still opens the stream; it protects nothing.
        let _ = getrandom::fill(&mut bytes);
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    };
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='{domain}' id='{id}' version='1.0' xml:lang='en'>\
         <stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
    )
}

/// Bytes in clear behind `<starttls/>` are never read as part of the encrypted stream (CVE-2011-0411 class).
fn report_pipelined(tap: &Tap, bytes: usize) {
    tap.note(Body::Intervention(Intervention {
        action: "cleartext_discarded".into(),
        direction: Some(Direction::ClientToServer),
        detail: "bytes that the client sent in clear behind <starttls/> were discarded".into(),
        bytes: Some(bytes as u64),
    }));
    let seq = tap.lock().auditor.next_seq();
    tap.note(Body::Finding(Box::new(Finding {
        rule: "cleartext-behind-starttls".into(),
        severity: "medium".into(),
        confidence: "certain".into(),
        avoidability: "avoidable".into(),
        favour: "against".into(),
        about: None,
        fact: format!("the client sent {bytes} bytes in clear behind <starttls/>: the network could read and change them"),
        advice: "report it to the client's developers: nothing may follow <starttls/> before <proceed/>".into(),
        source: "RFC 6120 §5.4.3.3".into(),
        evidence: vec![seq],
        accepted: None,
    })));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_offers_nothing_but_tls() {
        let header = header_and_features("lab.test");
        assert!(header.contains("from='lab.test'") && header.contains("<required/>"), "{header}");
    }
}
