//! JSON written straight into a buffer. A busy log holds millions of strings a second, so they are copied in pieces, not byte by byte.

use crate::bytes;

/// Appends a string, quoted and escaped (RFC 8259 §7).
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    inner(out, text);
    out.push(b'"');
}

/// Appends what stands between the quotes.
pub fn inner(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    if !bytes::any(rest, is_special) {
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
fn first_special(bytes: &[u8]) -> Option<usize> {
    let word_at = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let scan = |from: usize| bytes[from..].iter().position(|&b| is_special(b)).map(|found| from + found);
    let Some(last) = bytes.len().checked_sub(8) else { return scan(0) };
    let mut at = 0;
    while at < last {
        if has_special(word_at(at)) {
            return scan(at);
        }
        at += 8;
    }
    // The last word may overlap the one before.
    if has_special(word_at(last)) { scan(at.min(last)) } else { None }
}

fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// Whether one of eight bytes must be escaped: the tests for a zero byte and for a byte below n of "Bit Twiddling Hacks", which are exact
/// about whether there is one.
fn has_special(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let is = |byte: u8| {
        let zero = word ^ (ONES * u64::from(byte));
        zero.wrapping_sub(ONES) & !zero
    };
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (control | is(b'"') | is(b'\\')) & HIGH != 0
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
