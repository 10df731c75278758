//! A small bounded reader for the few elements the proxy itself exchanges with a server.
//!
//! It is for the start of a stream only (header, features, answers to `<starttls/>`), where everything fits into
//! [`MAX_BYTES`]. The buffer is parsed again when more arrives; that keeps the code short and costs nothing at this size.
//! The relayed stream goes through the framer instead.
use quick_xml::NsReader;
use quick_xml::errors::{Error as XmlError, IllFormedError, SyntaxError};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use tokio::io::{AsyncRead, AsyncReadExt};

/// An element with everything in it, namespaces resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub namespace: String,
    pub name: String,
    /// Attributes without a prefix.
    pub attributes: Vec<(String, String)>,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    pub(super) fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn child(&self, namespace: &str, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.is(namespace, name))
    }
}

/// What stands at the top level of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// `<stream:stream …>`, without children.
    Header(Element),
    /// A complete child of the stream.
    Element(Element),
    /// `</stream:stream>`.
    End,
}

/// Why the start of a stream could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("the connection broke: {0}")]
    Io(#[from] std::io::Error),
    #[error("the connection was closed")]
    Closed,
    #[error("more than {MAX_BYTES} bytes")]
    TooLong,
    /// The very first bytes are no XMPP stream. Holds what they look like.
    #[error("no XMPP stream but {0}")]
    NotXmpp(String),
    #[error("{0}")]
    Malformed(String),
}

/// Reads one direction of a stream item by item.
#[derive(Debug, Default)]
pub(super) struct ItemReader {
    buffer: Vec<u8>,
    /// Items already handed out.
    taken: usize,
    /// End of the last item handed out: `end <= buffer.len()`.
    end: usize,
}

impl ItemReader {
    /// Waits for the next item. Bytes behind it stay in the buffer.
    pub(super) async fn next<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<Item, ReadError> {
        loop {
            if let Some((item, end)) = parse(&self.buffer)?.into_iter().nth(self.taken) {
                self.taken += 1;
                self.end = end;
                return Ok(item);
            }
            if self.buffer.len() >= MAX_BYTES {
                return Err(ReadError::TooLong);
            }
            // Only a `>` can complete an item, so anything else is collected without parsing.
            loop {
                let room = MAX_BYTES - self.buffer.len();
                // All that has arrived is taken at once: what stands behind `<proceed/>` must not stay in the socket.
                self.buffer.reserve(room);
                let before = self.buffer.len();
                if (&mut *stream).take(room as u64).read_buf(&mut self.buffer).await? == 0 {
                    return Err(if room == 0 { ReadError::TooLong } else { ReadError::Closed });
                }
                if before == 0 || self.buffer[before..].contains(&b'>') {
                    break;
                }
            }
        }
    }

    /// Bytes that came behind the last item.
    pub(super) fn rest(&self) -> usize {
        self.buffer.len() - self.end
    }
}

/// All complete items of a stream read from its start, each with the offset of its end.
fn parse(bytes: &[u8]) -> Result<Vec<(Item, usize)>, ReadError> {
    check_beginning(bytes)?;
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // A character may still be incomplete at the end.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        Err(_) => return Err(ReadError::Malformed("text that is not UTF-8".to_owned())),
    };
    let mut reader = NsReader::from_str(text);
    let mut items = Vec::new();
    let mut open: Vec<Element> = Vec::new();
    let mut header_seen = false;
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) if is_incomplete(&error) => return Ok(items),
            Err(error) => return Err(ReadError::Malformed(error.to_string())),
        };
        let (element, empty) = match event {
            Event::Eof => return Ok(items),
            Event::Start(start) => (element(&reader, &start)?, false),
            Event::Empty(start) => (element(&reader, &start)?, true),
            Event::End(_) => {
                let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
                match (open.pop(), open.last_mut()) {
                    (Some(done), Some(parent)) => parent.children.push(done),
                    (Some(done), None) => items.push((Item::Element(done), end)),
                    (None, _) => {
                        items.push((Item::End, end));
                        return Ok(items);
                    }
                }
                continue;
            }
            Event::Text(text) => {
                match open.last_mut() {
                    Some(parent) => parent.text.push_str(&text.xml10_content()),
                    None if text.chars().all(char::is_whitespace) => {}
                    None => return Err(ReadError::Malformed("text between elements".to_owned())),
                }
                continue;
            }
            Event::CData(data) => {
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(&data);
                }
                continue;
            }
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().ok().flatten().map(String::from);
                let known = quick_xml::escape::resolve_xml_entity(&reference).map(str::to_owned);
                let Some(text) = character.or(known) else {
                    return Err(ReadError::Malformed("an entity that XMPP does not allow".to_owned()));
                };
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(&text);
                }
                continue;
            }
            Event::Decl(_) if !header_seen => continue,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {
                return Err(ReadError::Malformed("markup that XMPP does not allow".to_owned()));
            }
        };
        let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        if !header_seen {
            if empty || !element.is(STREAMS, "stream") {
                return Err(ReadError::NotXmpp(format!("an element <{}>", element.name)));
            }
            header_seen = true;
            items.push((Item::Header(element), end));
        } else if !empty {
            if open.len() >= MAX_DEPTH {
                return Err(ReadError::Malformed("elements nested too deeply".to_owned()));
            }
            open.push(element);
        } else if let Some(parent) = open.last_mut() {
            parent.children.push(element);
        } else {
            items.push((Item::Element(element), end));
        }
    }
}

fn element(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Element, ReadError> {
    let (namespace, name) = reader.resolver().resolve_element(start.name());
    let namespace = match namespace {
        ResolveResult::Bound(Namespace(namespace)) => namespace.to_owned(),
        ResolveResult::Unbound => String::new(),
        ResolveResult::Unknown(_) => {
            return Err(ReadError::Malformed("a prefix without a namespace".to_owned()));
        }
    };
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| ReadError::Malformed(error.to_string()))?;
        if attribute.key.prefix().is_none() {
            let value =
                attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(|error| ReadError::Malformed(error.to_string()))?;
            attributes.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
        }
    }
    Ok(Element { namespace, name: name.as_ref().to_owned(), attributes, ..Element::default() })
}

/// Tells from the first bytes what is no XML at all.
fn check_beginning(bytes: &[u8]) -> Result<(), ReadError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    match bytes {
        [] | [b'<', ..] | [0xef] | [0xef, 0xbb] | [0x15 | 0x16] => Ok(()),
        [0x15 | 0x16, 3, ..] => Err(ReadError::NotXmpp("TLS".to_owned())),
        _ => {
            let line = bytes.split(|byte| *byte == b'\n' || *byte == b'\r').next().unwrap_or_default();
            let shown = String::from_utf8_lossy(&line[..line.len().min(SHOWN_BYTES)]).into_owned();
            Err(ReadError::NotXmpp(format!("{shown:?}")))
        }
    }
}

/// True for errors that more bytes may mend.
fn is_incomplete(error: &XmlError) -> bool {
    match error {
        XmlError::Syntax(error) => *error != SyntaxError::InvalidBangMarkup,
        XmlError::IllFormed(error) => *error == IllFormedError::UnclosedReference,
        _ => false,
    }
}

/// The namespace of stream headers, features and errors.
pub(super) const STREAMS: &str = "http://etherx.jabber.org/streams";
/// What may come before login, in bytes.
pub(super) const MAX_BYTES: usize = 10_000;
const MAX_DEPTH: usize = 32;
const SHOWN_BYTES: usize = 60;

#[cfg(test)]
mod tests;
