//! Where an envelope or a message begins in text that should be ciphertext.

/// Local names of the elements that a payload has when nobody encrypted it: XEP-0420's, and the stanza itself.
const NAMES: [&[u8]; 3] = [b"envelope", b"content", b"message"];
/// The longest prefix that is looked for before a name.
const MAX_PREFIX: usize = 32;

/// Where the first of these elements begins. Chance puts one at fewer than one in 2^60 bytes.
pub fn position(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'<', text).find(|&at| begins(&text[at + 1..]))
}

/// Whether a name follows, or a prefix and a name.
fn begins(tag: &[u8]) -> bool {
    let is_name = |local: &[u8]| NAMES.iter().any(|name| local.starts_with(name));
    let prefix = || tag.iter().take(MAX_PREFIX).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')).count();
    is_name(tag) || matches!(prefix(), length if length > 0 && tag.get(length) == Some(&b':') && is_name(&tag[length + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_prefix_will_do() {
        for (text, expected) in [
            ("<envelope xmlns='urn:xmpp:sce:1'>", Some(0)),
            ("<?xml version='1.0'?><ns0:envelope>", Some(21)),
            ("a < b <sce-1:content>", Some(6)),
            ("<message>", Some(0)),
            ("<:envelope>", None),
            ("<ns0:rpad>", None),
            ("<", None),
            ("<ns0:", None),
        ] {
            assert_eq!(position(text.as_bytes()), expected, "{text}");
        }
    }
}
