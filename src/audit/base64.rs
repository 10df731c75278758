//! Decoding base64, which half of an encrypted conversation consists of.

use base64_simd::STANDARD;

/// Decodes canonical standard base64 (RFC 4648 §4: with its padding, unused bits zero, nothing else in it) to the end of `bytes`, which
/// stays as it is when the text is none; `false` then.
pub fn decode_onto(text: &[u8], bytes: &mut Vec<u8>) -> bool {
    let before = bytes.len();
    let decoded = STANDARD.decode_append(text, bytes).is_ok();
    if !decoded {
        bytes.truncate(before);
    }
    decoded
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose;

    use super::*;

    #[track_caller]
    fn check(text: &[u8]) {
        let mut bytes = b"before".to_vec();
        let decoded = decode_onto(text, &mut bytes);
        let expected = general_purpose::STANDARD.decode(text).ok();
        assert_eq!((decoded, &bytes[6..]), (expected.is_some(), expected.as_deref().unwrap_or_default()), "{:?}", text.escape_ascii());
        assert!(bytes.starts_with(b"before"));
    }

    #[test]
    fn only_what_is_canonical_is_base64() {
        for text in
            ["", "=", "====", "QQ==", "QR==", "QQ=", "QQ", "QUI=", "QUJ=", "QUI", "QUJD", "QUJD=", "Q===", "QQ==QQ==", "QU I", "QUJ\n"]
        {
            check(text.as_bytes());
        }
        // Each byte, at each place of a text that is decoded in one piece and with a rest.
        for at in 0..100 {
            for byte in 0..=255 {
                let mut text =
                    b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODkrLysvKy8rLytBQkNERUZHSEk="
                        .to_vec();
                text[at] = byte;
                check(&text);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn every_length_is_decoded(bytes in proptest::collection::vec(0u8.., 0..300), cut in 0usize..4) {
            let text = general_purpose::STANDARD.encode(&bytes);
            check(&text.as_bytes()[..text.len().saturating_sub(cut)]);
            check(general_purpose::URL_SAFE.encode(&bytes).as_bytes());
        }
    }
}
