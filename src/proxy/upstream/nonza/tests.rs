//! The reader for the start of a stream.
use proptest::prelude::*;

use super::*;

const HEADER: &str =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>";

/// Reads everything there is and writes it as `header`, `name`, `name(child child)`, `end` and the error.
async fn read(text: &[u8], chunk: usize) -> String {
    let mut stream = Chunks(text, chunk);
    let mut reader = ItemReader::default();
    let mut seen = Vec::new();
    loop {
        match reader.next(&mut stream).await {
            Ok(Item::Header(_)) => seen.push("header".to_owned()),
            Ok(Item::Element(element)) => seen.push(show(&element)),
            Ok(Item::End) => seen.push("end".to_owned()),
            Err(error) => {
                seen.push(format!("! {error}"));
                return seen.join(", ");
            }
        }
    }
}

fn show(element: &Element) -> String {
    let children: Vec<_> = element.children.iter().map(show).collect();
    let inside = if children.is_empty() { String::new() } else { format!("({})", children.join(" ")) };
    let text = if element.text.trim().is_empty() { String::new() } else { format!("={}", element.text) };
    format!("{}{text}{inside}", element.name)
}

/// A reader that gives `chunk` bytes at a time.
struct Chunks<'a>(&'a [u8], usize);

impl AsyncRead for Chunks<'_> {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        out: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let take = self.1.min(self.0.len()).min(out.remaining());
        out.put_slice(&self.0[..take]);
        self.0 = &self.0[take..];
        std::task::Poll::Ready(Ok(()))
    }
}

async fn check(text: &str, expected: &str) {
    for chunk in [1, 7, 100_000] {
        assert_eq!(read(text.as_bytes(), chunk).await, expected, "in pieces of {chunk}: {text}");
    }
}

#[tokio::test]
async fn items_come_out_whole_in_any_chunking() {
    let text = format!(
        "{HEADER}<stream:features><starttls xmlns='x'><required/></starttls>\n</stream:features> <a>x &amp; &#x41;<![CDATA[<]]></a><b/></stream:stream>"
    );
    check(&text, "header, features(starttls(required)), a=x & A<, b, end, ! the connection was closed").await;
}

#[tokio::test]
async fn namespaces_and_attributes_are_resolved() {
    let text = format!("{HEADER}<x:one xmlns:x='urn:x' a='1 &lt; 2' x:b='no'/>");
    let mut reader = ItemReader::default();
    let mut stream = text.as_bytes();
    assert!(matches!(reader.next(&mut stream).await.unwrap(), Item::Header(header) if header.attribute("version") == Some("1.0")));
    let Item::Element(one) = reader.next(&mut stream).await.unwrap() else { panic!("no element") };
    assert!(one.is("urn:x", "one"));
    assert_eq!(one.attributes, [("a".to_owned(), "1 < 2".to_owned())]);
    assert_eq!(reader.rest(), 0);
}

#[tokio::test]
async fn bytes_behind_an_item_are_counted() {
    let text = format!("{HEADER}<proceed xmlns='x'/><message>evil");
    let mut reader = ItemReader::default();
    let mut stream = text.as_bytes();
    reader.next(&mut stream).await.unwrap();
    assert!(matches!(reader.next(&mut stream).await.unwrap(), Item::Element(_)));
    assert_eq!(reader.rest(), "<message>evil".len());
}

#[tokio::test]
async fn other_protocols_are_recognised() {
    assert_eq!(read(b"SSH-2.0-OpenSSH_9.2\r\n", 100).await, "! no XMPP stream but \"SSH-2.0-OpenSSH_9.2\"");
    assert_eq!(read(b"HTTP/1.1 400 Bad\x1b[31m\r\n", 100).await, "! no XMPP stream but \"HTTP/1.1 400 Bad\\u{1b}[31m\"");
    assert_eq!(read(b"\x15\x03\x01\x00\x02\x02\x0a", 100).await, "! no XMPP stream but TLS");
    check("<html><body>", "! no XMPP stream but an element <html>").await;
    check("<stream:stream xmlns:stream='urn:other'>", "! no XMPP stream but an element <stream>").await;
}

#[tokio::test]
async fn what_xmpp_forbids_is_an_error_not_a_guess() {
    for (inside, why) in [
        ("<!-- c -->", "markup that XMPP does not allow"),
        ("<?pi x?>", "markup that XMPP does not allow"),
        ("<!DOCTYPE a>", "markup that XMPP does not allow"),
        ("<a>&bomb;</a>", "an entity that XMPP does not allow"),
        ("<p:a/>", "a prefix without a namespace"),
        ("words", "text between elements"),
    ] {
        let read = read(format!("{HEADER}{inside}").as_bytes(), 100_000).await;
        assert!(read.ends_with(&format!("! {why}")), "{inside}: {read}");
    }
    assert!(read(format!("{HEADER}<a></b>").as_bytes(), 9).await.contains("! ill-formed document"));
    assert!(read(&[HEADER.as_bytes(), b"<a>\xff</a>"].concat(), 9).await.contains("not UTF-8"));
    let deep = format!("{HEADER}{}", "<a>".repeat(40));
    assert!(read(deep.as_bytes(), 9_999).await.contains("nested too deeply"));
}

#[tokio::test]
async fn nothing_longer_than_the_limit_is_collected() {
    let long = format!("{HEADER}<a x='{}'/>", "y".repeat(MAX_BYTES));
    for chunk in [1_000, 100_000] {
        assert!(read(long.as_bytes(), chunk).await.ends_with("! more than 10000 bytes"));
    }
    let many = format!("{HEADER}{}", format!("<a x='{}'/>", "y".repeat(90)).repeat(200));
    assert!(read(many.as_bytes(), 1_400).await.ends_with("a, ! more than 10000 bytes"));
}

proptest! {
    /// Whatever comes: no panic, and what was understood of a beginning stays true of the whole.
    #[test]
    fn reading_on_never_changes_what_was_read(inside in "([<>/!?='\"a:& ;\n\u{0}\u{1b}\u{fc}-]|<a>|</a>|<a/>|<!\\[CDATA\\[|\\]\\]>|&lt;|xmlns='x'){0,40}", cut in 0usize..300) {
        let text = format!("{HEADER}{inside}").into_bytes();
        let cut = (HEADER.len() + cut).min(text.len());
        if let (Ok(beginning), Ok(whole)) = (parse(&text[..cut]), parse(&text)) {
            prop_assert!(whole.starts_with(&beginning), "{beginning:?} {whole:?}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }
}
