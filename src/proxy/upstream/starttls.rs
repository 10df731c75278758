//! The clear part of a stream to the server: opening it, and upgrading it to TLS.
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use quick_xml::escape::escape;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::features::{StartTlsOffer, StreamFeatures, TLS, is_features};
use super::nonza::{Element, Item, ItemReader, MAX_BYTES, ReadError, STREAMS};

/// What was seen in clear before TLS began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BeforeTls {
    pub features: StreamFeatures,
    /// Bytes that came in clear behind `<proceed/>`. They are gone: nobody may take them for part of the protected
    /// stream (CVE-2011-0411).
    pub discarded_bytes: usize,
}

/// Why a stream could not be opened or upgraded.
#[derive(Debug, thiserror::Error)]
pub(super) enum NegotiationError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("stream error {condition}")]
    Stream { condition: String, text: String },
    #[error("no STARTTLS among the features")]
    NotOffered(Box<StreamFeatures>),
    #[error("STARTTLS was refused")]
    Refused,
    #[error("{0}")]
    Unexpected(String),
}

/// Opens a stream and asks for TLS. When it returns, the next byte on the wire belongs to TLS.
pub(super) async fn start_tls<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, domain: &str) -> Result<BeforeTls, NegotiationError> {
    let (features, mut reader) = open(stream, domain, None).await?;
    if features.starttls == StartTlsOffer::Absent {
        return Err(NegotiationError::NotOffered(Box::new(features)));
    }
    send(stream, &format!("<starttls xmlns='{TLS}'/>")).await?;
    let answer = element(&mut reader, stream).await?;
    if answer.is(TLS, "proceed") {
        let discarded_bytes = reader.rest() + discard(stream).await?;
        Ok(BeforeTls { features, discarded_bytes })
    } else if answer.is(TLS, "failure") {
        Err(NegotiationError::Refused)
    } else {
        Err(NegotiationError::Unexpected(format!("an element {:?} in answer to <starttls/>", answer.name)))
    }
}

/// Takes out of the connection what has arrived by now, and counts it.
///
/// A server says nothing before our ClientHello, so this is clear text. What arrives later makes the handshake fail.
async fn discard<S: AsyncRead + Unpin>(stream: &mut S) -> Result<usize, NegotiationError> {
    let mut discarded = 0;
    let mut buffer = [0; 1_024];
    loop {
        let mut read = pin!(stream.read(&mut buffer));
        match poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx))).await {
            // An end is for the handshake to report.
            Poll::Pending | Poll::Ready(Ok(0)) => return Ok(discarded),
            Poll::Ready(Ok(count)) => discarded += count,
            Poll::Ready(Err(error)) => return Err(NegotiationError::Read(ReadError::Io(error))),
        }
        if discarded > MAX_BYTES {
            return Err(NegotiationError::Read(ReadError::TooLong));
        }
    }
}

/// Sends a stream header and reads the server's header and features.
///
/// `from` is left out towards a server that has not proved itself: what is sent in clear anyone can read.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    domain: &str,
    from: Option<&str>,
) -> Result<(StreamFeatures, ItemReader), NegotiationError> {
    let from = from.map(|from| format!(" from='{}'", escape(from))).unwrap_or_default();
    let header = format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}'{from} to='{}' version='1.0'>",
        escape(domain)
    );
    send(stream, &header).await?;

    let mut reader = ItemReader::default();
    let Item::Header(header) = reader.next(stream).await? else {
        return Err(NegotiationError::Unexpected("an element before the stream header".to_owned()));
    };
    let features = element(&mut reader, stream).await?;
    if is_features(&features) {
        Ok((StreamFeatures::read(&features), reader))
    } else if header.attribute("version").is_none() {
        Err(NegotiationError::Unexpected("a stream without a version: a server from before RFC 3920".to_owned()))
    } else {
        Err(NegotiationError::Unexpected(format!("an element {:?} in place of the stream features", features.name)))
    }
}

/// Ends a stream that was opened only to look. The answer is not waited for.
pub(super) async fn close<S: AsyncWrite + Unpin>(stream: &mut S) {
    // The peer may be gone already, which is just as well.
    let _ = send(stream, "</stream:stream>").await;
    let _ = stream.shutdown().await;
}

async fn element<S: AsyncRead + Unpin>(reader: &mut ItemReader, stream: &mut S) -> Result<Element, NegotiationError> {
    match reader.next(stream).await? {
        Item::Element(error) if error.is(STREAMS, "error") => Err(stream_error(&error)),
        Item::Element(element) => Ok(element),
        Item::Header(_) => Err(NegotiationError::Unexpected("a second stream header".to_owned())),
        Item::End => Err(NegotiationError::Read(ReadError::Closed)),
    }
}

fn stream_error(error: &Element) -> NegotiationError {
    const NAMESPACE: &str = "urn:ietf:params:xml:ns:xmpp-streams";
    let text = error.child(NAMESPACE, "text").map(|child| child.text.trim().to_owned()).unwrap_or_default();
    let condition = error.children.iter().find(|child| child.namespace == NAMESPACE && child.name != "text");
    NegotiationError::Stream { condition: condition.map_or("undefined-condition".to_owned(), |child| child.name.clone()), text }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, text: &str) -> Result<(), NegotiationError> {
    let send = async {
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await
    };
    send.await.map_err(|error| NegotiationError::Read(ReadError::Io(error)))
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

    /// Plays the server's lines in turn, each after having received something, and returns what it received.
    async fn play(domain: &str, lines: &[&str]) -> (Result<BeforeTls, NegotiationError>, String) {
        let (mut ours, mut theirs) = duplex(100_000);
        let server = async move {
            let mut received = String::new();
            for line in lines {
                let mut buffer = [0; 4_096];
                let count = theirs.read(&mut buffer).await.unwrap();
                received.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
                theirs.write_all(line.as_bytes()).await.unwrap();
            }
            received
        };
        tokio::join!(start_tls(&mut ours, domain), server)
    }

    fn features(inside: &str) -> String {
        format!("{HEADER}<stream:features>{inside}</stream:features>")
    }

    const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
    const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

    #[tokio::test]
    async fn tls_is_asked_for_in_the_name_of_the_domain() {
        let (result, sent) = play("lab.test", &[&features(STARTTLS), PROCEED]).await;
        let before = result.unwrap();
        assert_eq!(before.discarded_bytes, 0);
        assert_eq!(before.features.starttls, StartTlsOffer::Required);
        assert!(sent.contains(" to='lab.test' version='1.0'>"), "{sent}");
        assert!(!sent.contains("from="), "{sent}");
        assert!(sent.ends_with("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), "{sent}");
    }

    #[tokio::test]
    async fn a_hostile_domain_stays_an_attribute() {
        let (_, sent) = play("a'/><evil>&", &[&features("")]).await;
        assert!(sent.contains("to='a&apos;/&gt;&lt;evil&gt;&amp;'"), "{sent}");
    }

    #[tokio::test]
    async fn clear_bytes_behind_proceed_are_counted() {
        let injected = "<message><body>hi</body></message>\n";
        let (result, _) = play("lab.test", &[&features(STARTTLS), &format!("{PROCEED}{injected}")]).await;
        assert_eq!(result.unwrap().discarded_bytes, injected.len());
    }

    #[tokio::test]
    async fn what_is_not_proceed_is_an_error() {
        let answer = async |answer: &str| play("lab.test", &[&features(STARTTLS), answer]).await.0.unwrap_err();
        assert!(matches!(answer("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await, NegotiationError::Refused));
        assert!(matches!(answer("<proceed xmlns='urn:other'/>").await, NegotiationError::Unexpected(_)));
        assert!(matches!(answer("</stream:stream>").await, NegotiationError::Read(ReadError::Closed)));
        assert!(matches!(answer("").await, NegotiationError::Read(ReadError::Closed)));
    }

    #[tokio::test]
    async fn a_server_without_starttls_is_told_apart() {
        let (result, sent) = play(
            "lab.test",
            &[&features("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>")],
        )
        .await;
        assert!(matches!(result, Err(NegotiationError::NotOffered(features)) if features.mechanisms == ["PLAIN"]));
        assert!(!sent.contains("starttls"));
    }

    #[tokio::test]
    async fn stream_errors_keep_condition_and_text() {
        let error = "<stream:error><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>no such host</text><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
        let (result, _) = play("lab.test", &[&format!("{HEADER}{error}")]).await;
        assert!(
            matches!(result, Err(NegotiationError::Stream { condition, text }) if condition == "host-unknown" && text == "no such host")
        );
    }

    #[tokio::test]
    async fn an_old_server_is_named_as_such() {
        let (result, _) =
            play("lab.test", &["<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><message/>"]).await;
        assert!(result.unwrap_err().to_string().contains("without a version"));
    }
}
