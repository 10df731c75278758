//! JSON written straight into a buffer. A busy log holds millions of strings a second, so they are copied in pieces, not byte by byte.

use crate::bytes::{self, Hits, Word};

/// Appends a string, quoted and escaped (RFC 8259 §7).
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    inner(out, text);
    out.push(b'"');
}

/// Whether a text stands between quotes as it is, with nothing to escape.
pub fn is_plain(text: &str) -> bool {
    !bytes::any(text.as_bytes(), is_special)
}

/// Appends what stands between the quotes.
pub fn inner(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    let short = rest.len() < 32;
    if if short { !bytes::any_of_few(rest, special) } else { is_plain(text) } {
        return out.extend_from_slice(rest);
    }
    while let Some(at) = first_special(rest) {
        out.extend_from_slice(&rest[..at]);
        escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Appends a number.
pub fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(decimal(number, &mut [0; 20]));
}

/// A number in decimal, at the end of `digits`.
pub(crate) fn decimal(number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    &digits[at..]
}

/// Appends the members of a struct that serde writes to the object that is being written, which has members already.
pub fn members(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    let at = out.len();
    serde_json::to_writer(&mut *out, value).expect("a struct of ours has string keys and writes to memory");
    debug_assert_eq!((out[at], out.last()), (b'{', Some(&b'}')), "an object");
    out.pop();
    if out.len() > at + 1 {
        out[at] = b',';
    } else {
        out.truncate(at);
    }
}

/// Position of the first byte that must be escaped.
fn first_special(text: &[u8]) -> Option<usize> {
    let (words, _) = text.as_chunks::<8>();
    let plain = words.iter().take_while(|word| !bytes::any_of_few(*word, special)).count() * 8;
    text[plain..].iter().position(|&b| is_special(b)).map(|at| plain + at)
}

fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// The same for [`bytes::any_of_few`].
fn special(word: Word) -> Hits {
    word.below(0x20) | word.equal(b'"') | word.equal(b'\\')
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_character_is_escaped_as_serde_json_does() {
        for c in (0..0x300).filter_map(char::from_u32).chain(['\u{2028}', '\u{fffd}', '\u{1f980}']) {
            for before in 0..20 {
                let text = format!("{}{c}{c}x", "a".repeat(before));
                assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
            }
        }
    }

    #[test]
    fn numbers_are_decimal() {
        for n in [0, 9, 10, 4_294_967_296, u64::MAX] {
            let mut out = Vec::new();
            number(&mut out, n);
            assert_eq!(String::from_utf8(out).unwrap(), n.to_string());
        }
    }

    #[test]
    fn members_join_an_object() {
        #[derive(serde::Serialize)]
        struct Some {
            b: u8,
        }
        #[derive(serde::Serialize)]
        struct None {}
        let mut out = b"{\"a\":1".to_vec();
        members(&mut out, &Some { b: 2 });
        members(&mut out, &None {});
        out.push(b'}');
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":1,"b":2}"#);
    }

    proptest! {
        #[test]
        fn any_string_is_written_as_serde_json_does(text in ".*|[\"\\\\\u{0}-\u{20}a-c\u{e9}]{0,40}") {
            prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
        }
    }
}
