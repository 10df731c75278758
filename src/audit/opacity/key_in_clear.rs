//! L5: the key to a file or a call, readable outside any ciphertext.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::container::has_text;
use super::found::Found;
use crate::xmpp::element::{Document, Element, NodeId, NodeKind};
use crate::xmpp::ns::ESFS;

/// Hex digits after `#` of an aesgcm link: iv of 12 or 16 bytes and key of 32.
const FRAGMENT_DIGITS: [usize; 2] = [88, 96];

/// What stands in the source of a stanza in which there is the key to a call.
static CALL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("key-params"));

/// Whether there could be a link with a key in the source of a stanza: hex digits after `#`, be it written so or as a reference.
fn may_have_link(frame: &[u8]) -> bool {
    memchr::memchr_iter(b'#', frame).any(|at| {
        let rest = &frame[at + 1..];
        let rest = [&b"35;"[..], b"x23;"].iter().find_map(|reference| rest.strip_prefix(*reference)).unwrap_or(rest);
        rest.get(..FRAGMENT_DIGITS[0]).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Looks through a whole stanza. `frame` is its source, in which nearly always nothing is found; `files` says that there are elements of
/// encrypted files in it.
pub fn check(root: Element<'_>, frame: &[u8], files: bool, found: &mut Vec<Found>) {
    if !files && !may_have_link(frame) && CALL.find(frame).is_none() {
        return;
    }
    let document = root.document();
    for index in 0..document.len() {
        let id = NodeId(index as u32);
        if document.node(id).kind == NodeKind::Element {
            check_element(document, document.element(id), found);
        }
    }
}

fn check_element(document: &Document, element: Element<'_>, found: &mut Vec<Found>) {
    let link = |text: &str| link_with_key(text);
    if let Some((at, length)) = link(&element.own_text()) {
        found.push(Found::leak("L5", element, "a link to an encrypted file with its key", "XEP-0454 §7").bytes(at, length));
    }
    if element.uri() == ESFS && element.local() == "key" && has_text(element) {
        found.push(Found::leak("L5", element, "the key of an encrypted file", "XEP-0448 §3"));
    }
    for index in element.attr_indices() {
        let value = document.attr_value(index);
        if document.attr_local(index) == "key-params" && !value.is_empty() {
            found.push(Found::leak("L5", element, "the key of a call (SDES)", "XEP-0167 §11.3").attribute("key-params"));
        } else if let Some((at, length)) = link(value) {
            let leak = Found::leak("L5", element, "a link to an encrypted file with its key", "XEP-0454 §7").bytes(at, length);
            found.push(leak.attribute(document.attr_qname(index)));
        }
    }
}

/// Offset and length of a link with a whole key in its fragment: `aesgcm:`, or `https:`, which it stands for and what a client makes of it
/// when somebody opens it elsewhere.
fn link_with_key(text: &str) -> Option<(usize, usize)> {
    memchr::memchr_iter(b'#', text.as_bytes()).find_map(|hash| {
        let digits = text[hash + 1..].bytes().take_while(u8::is_ascii_hexdigit).count();
        if !FRAGMENT_DIGITS.contains(&digits) {
            return None;
        }
        let is_outside = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | '[');
        let begin = text[..hash].rfind(is_outside).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
        let at = SCHEMES.iter().filter_map(|scheme| find_ignoring_case(&text[begin..hash], scheme)).min()?;
        let at = begin + at;
        let length = text[at..].find(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>')).unwrap_or(text.len() - at);
        Some((at, length))
    })
}

/// How such links begin (schemes have no case, RFC 3986 §3.1).
const SCHEMES: [&str; 3] = ["aesgcm:", "https:", "http:"];

fn find_ignoring_case(text: &str, scheme: &str) -> Option<usize> {
    text.as_bytes().windows(scheme.len()).position(|window| window.eq_ignore_ascii_case(scheme.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_key_counts() {
        let link = |digits: usize| format!("see aesgcm://up.example/f#{} ok", "a1".repeat(digits / 2));
        assert_eq!(link_with_key(&link(88)), Some((4, "aesgcm://up.example/f#".len() + 88)));
        assert!(link_with_key(&link(96)).is_some());
        assert_eq!(link_with_key(&link(64)), None);
        assert_eq!(link_with_key("aesgcm://up.example/f"), None);
        assert_eq!(link_with_key(&format!("#{}", "a1".repeat(44))), None);
        for scheme in ["AESGCM", "AesGcm", "https", "HTTPS", "url=aesgcm"] {
            let text = link(88).replace("aesgcm", scheme);
            assert!(link_with_key(&text).is_some(), "{text}");
            assert!(may_have_link(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn other_hashes_are_passed_over() {
        for (source, expected) in [
            ("<event xmlns='http://jabber.org/protocol/pubsub#event'>&#10;</event>".to_owned(), false),
            (format!("#{}", "a1".repeat(43)), false),
            (format!("##{}", "a1".repeat(44)), true),
            (format!("&#35;{}", "a1".repeat(44)), true),
            (format!("&#x23;{}", "a1".repeat(44)), true),
        ] {
            assert_eq!(may_have_link(source.as_bytes()), expected, "{source}");
        }
    }
}
