//! L5: the key to a file or a call, readable outside any ciphertext.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::container::has_text;
use super::found::Found;
use crate::xmpp::element::{Document, Element, NodeId, NodeKind};
use crate::xmpp::ns::ESFS;

/// Hex digits after `#` of an aesgcm link: iv of 12 or 16 bytes and key of 32.
const FRAGMENT_DIGITS: [usize; 2] = [88, 96];

/// What stands in the source of a stanza in which there is a key. One after the other they are found faster than by one search for both.
static WORDS: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| ["aesgcm:", "key-params"].map(Finder::new));

/// Looks through a whole stanza. `frame` is its source, in which nearly always nothing is found; `files` says that there are elements of
/// encrypted files in it.
pub fn check(root: Element<'_>, frame: &[u8], files: bool, found: &mut Vec<Found>) {
    if !files && WORDS.iter().all(|word| word.find(frame).is_none()) {
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
        found.push(Found::leak("L5", element, "an aesgcm link with its key", "XEP-0454 §7").bytes(at, length));
    }
    if element.uri() == ESFS && element.local() == "key" && has_text(element) {
        found.push(Found::leak("L5", element, "the key of an encrypted file", "XEP-0448 §3"));
    }
    for index in element.attr_indices() {
        let value = document.attr_value(index);
        if document.attr_local(index) == "key-params" && !value.is_empty() {
            found.push(Found::leak("L5", element, "the key of a call (SDES)", "XEP-0167 §11.3").attribute("key-params"));
        } else if let Some((at, length)) = link(value) {
            let leak = Found::leak("L5", element, "an aesgcm link with its key", "XEP-0454 §7").bytes(at, length);
            found.push(leak.attribute(document.attr_qname(index)));
        }
    }
}

/// Offset and length of an aesgcm link with a whole key in its fragment.
fn link_with_key(text: &str) -> Option<(usize, usize)> {
    memchr::memmem::find_iter(text.as_bytes(), b"aesgcm:").find_map(|at| {
        let length = text[at..].find(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>')).unwrap_or(text.len() - at);
        let (_, fragment) = text[at..at + length].split_once('#')?;
        let digits = fragment.bytes().take_while(u8::is_ascii_hexdigit).count();
        FRAGMENT_DIGITS.contains(&digits).then_some((at, length))
    })
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
    }
}
