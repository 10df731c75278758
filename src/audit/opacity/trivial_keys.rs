//! K1: does a key that anybody would try first open the payload? This is the only place where anything is decrypted.

use crate::audit::canary::Canaries;
use std::sync::LazyLock;

use aes::cipher::{BlockDecryptMut as _, BlockEncrypt as _, InnerIvInit as _, KeyInit as _, StreamCipher as _, block_padding::NoPadding};
use aes::{Aes128Enc, Aes256};
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};

use super::container::Container;
use super::envelope;
use super::family::Family;
use super::found::Found;
use super::statistics::printable;

/// Decrypted to look whether it is text, before the rest is.
const FIRST: usize = 64;
/// Decrypted at most.
const MAX: usize = 1 << 16;
/// Printable text that cannot be by chance: once in 5 million times at this length.
const MIN_PRINTABLE: usize = 16;
/// UTF-8 without control characters that cannot be by chance: once in 120 million times at this length, a twentieth of that for each two
/// bytes more.
const MIN_UTF8: usize = 24;
/// A tag of GCM, which some clients leave on the payload though the keys carry it too.
const TAG: usize = 16;

/// What HKDF makes of 32 zero bytes: cipher with the encryption key, and iv (XEP-0384 §4.4).
static FROM_ZEROS: LazyLock<(Aes256, [u8; 16])> = LazyLock::new(|| {
    let mut out = [0; 80];
    Hkdf::<Sha256>::new(Some(&[0; 32]), &[0; 32]).expand(b"OMEMO Payload", &mut out).expect("80 bytes are few enough");
    (Aes256::new_from_slice(&out[..32]).expect("32 bytes"), out[64..].try_into().expect("16 bytes"))
});

/// Keys that are the same for every message.
static FIXED: LazyLock<[(Aes128Enc, &str); 2]> = LazyLock::new(|| {
    let cipher = |byte: u8| Aes128Enc::new(&[byte; 16].into());
    [(cipher(0), "a key of zeros"), (cipher(0xff), "a key of ones")]
});

/// K1.
pub fn check(container: &Container<'_>, canaries: &Canaries, found: &mut Vec<Found>) {
    let Some(payload) = &container.payload else { return };
    let hit = match container.family {
        Family::Legacy => legacy(payload.bytes, container.tag_in_payload(), container.iv.unwrap_or_default(), canaries),
        Family::Olm => None,
        Family::One | Family::Two => omemo(payload.bytes, canaries),
    };
    if let Some(key) = hit {
        let detail = format!("the payload opens with {key}");
        found.push(Found::leak("K1", payload.element, detail, "XEP-0384 §4.4").bytes(0, payload.bytes.len()));
    }
}

fn legacy(text: &[u8], tag: usize, iv: &[u8], canaries: &Canaries) -> Option<&'static str> {
    let iv: &[u8; 12] = iv.try_into().ok()?;
    let mut counter = [0; 16];
    counter[..12].copy_from_slice(iv);
    // GCM keeps block 1 for the tag.
    counter[15] = 2;
    let mut right = [0; 16];
    right[..12].copy_from_slice(iv);
    let mut left = [0; 16];
    left[4..].copy_from_slice(iv);
    let hashed: [u8; 16] = Sha256::digest(iv)[..16].try_into().expect("16 of 32 bytes");
    let of_iv = [(right, "its iv and zeros as key"), (left, "zeros and its iv as key"), (hashed, "the hash of its iv as key")];
    let opened = |cipher: &Aes128Enc, bytes: usize| {
        let mut text = text[..bytes.min(text.len())].to_vec();
        ctr::Ctr32BE::from_core(ctr::CtrCore::inner_iv_init(cipher.clone(), &counter.into())).apply_keystream(&mut text);
        text
    };
    let opens = |cipher: &Aes128Enc| {
        // Without canaries only text tells, which shows in the first block.
        let mut first = counter.into();
        cipher.encrypt_block(&mut first);
        let first = first.iter().zip(text).map(|(key, byte)| key ^ byte);
        (canaries.search().is_some() || may_be_text(first)) && tells(text.len(), tag, canaries, |bytes| opened(cipher, bytes))
    };
    let fixed = FIXED.iter().find(|(cipher, _)| opens(cipher)).map(|(_, name)| *name);
    fixed.or_else(|| of_iv.into_iter().find(|(key, _)| opens(&Aes128Enc::new(key.into()))).map(|(_, name)| name))
}

/// Whether bytes can begin a text: no control character but white space.
fn may_be_text(mut bytes: impl Iterator<Item = u8>) -> bool {
    bytes.all(|b| b >= b' ' && b != 0x7f || matches!(b, b'\t' | b'\n' | b'\r'))
}

fn omemo(text: &[u8], canaries: &Canaries) -> Option<&'static str> {
    let (cipher, iv) = &*FROM_ZEROS;
    let opened = |bytes: usize| {
        let mut text = text[..bytes.min(text.len()) / 16 * 16].to_vec();
        let length = text.len();
        let plain = cbc::Decryptor::inner_iv_init(cipher.clone(), iv.into()).decrypt_padded_mut::<NoPadding>(&mut text);
        debug_assert!(plain.is_ok_and(|plain| plain.len() == length));
        text
    };
    // A whole payload ends in padding, which is no text.
    let tells = tells(text.len(), 0, canaries, opened) || (text.len() >= FIRST && is_text(&opened(FIRST - 16), true));
    tells.then_some("a key of zeros")
}

/// Whether what was opened is a text, perhaps with a tag behind it, an envelope, or has a canary in it. `tag` is how long the tag is if the
/// keys have none; `open` gives so many bytes.
fn tells(length: usize, tag: usize, canaries: &Canaries, open: impl Fn(usize) -> Vec<u8>) -> bool {
    let first = open(FIRST);
    if envelope::position(&first).is_some() {
        return true;
    }
    // Where no tag is expected, a text before one has to be longer: it is one guess more.
    let before_tag = length.saturating_sub(TAG);
    let before_tag = if before_tag >= MIN_UTF8 || tag > 0 { before_tag } else { 0 };
    let begins = |bytes: &[u8], end: usize| is_text(&bytes[..end.min(bytes.len())], end > bytes.len());
    let ends = [length, before_tag];
    if ends.iter().any(|&end| begins(&first, end)) && (length <= FIRST || ends.iter().any(|&end| begins(&open(MAX), end))) {
        return true;
    }
    canaries.search().is_some_and(|search| search.matches(&open(MAX)))
}

/// Whether bytes are a text that is too long to be one by chance. `cut` says that more follows, so that the last character may be torn.
fn is_text(bytes: &[u8], cut: bool) -> bool {
    if bytes.len() >= MIN_PRINTABLE && printable(bytes) {
        return true;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if cut && error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        Err(_) => return false,
    };
    text.len() >= MIN_UTF8 && text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::cipher::BlockEncryptMut as _;
    use aes::cipher::block_padding::Pkcs7;

    #[test]
    fn each_trivial_key_is_tried() {
        let iv = *b"twelve bytes";
        let mut counter = [0; 16];
        counter[..12].copy_from_slice(&iv);
        counter[15] = 2;
        let mut padded = [0; 16];
        padded[4..].copy_from_slice(&iv);
        for (key, name) in [([0; 16], "a key of zeros"), ([0xff; 16], "a key of ones"), (padded, "zeros and its iv as key")] {
            let mut text = b"see you at nine, at the usual place".to_vec();
            ctr::Ctr32BE::from_core(ctr::CtrCore::inner_iv_init(Aes128Enc::new(&key.into()), &counter.into())).apply_keystream(&mut text);
            assert_eq!(legacy(&text, 0, &iv, &Canaries::default()), Some(name));
            assert_eq!(legacy(&text, 0, b"other twelve", &Canaries::default()), None);
            let short = &text[..12];
            assert_eq!(legacy(short, 0, &iv, &Canaries::default()), None, "too short to tell");
            assert_eq!(legacy(short, 0, &iv, &Canaries::of_texts(["see you at"]).unwrap()), Some(name));
        }
    }

    #[test]
    fn text_is_told_in_any_script() {
        let emoji = "\u{1f44d}\u{1f3fd}\u{1f389}\u{2764}\u{fe0f}\u{1f600}\u{1f680}";
        let long = "\u{432}\u{441}\u{442}\u{440}\u{435}\u{447}\u{430} ".repeat(12);
        for (text, cut, expected) in [
            ("see you at nine", false, false),
            ("see you at nine!", false, true),
            ("\u{e9}t\u{e9} \u{e0} Paris", false, false),
            ("\u{e0} neuf heures, place Caf\u{e9}", false, true),
            (emoji, false, true),
            (&emoji[..emoji.len() - 4], true, false),
            (&long, false, true),
            ("\u{e0} neuf heures,\u{0}place Caf\u{e9}", false, false),
            ("\u{e0} neuf heures,\u{85}place Caf\u{e9}", false, false),
        ] {
            assert_eq!(is_text(text.as_bytes(), cut), expected, "{text}");
        }
        assert!(!is_text(&emoji.as_bytes()[..emoji.len() - 1], false));
        assert!(is_text(&long.as_bytes()[..63], true));
        // A tag behind it.
        for text in [emoji, &long, "see you at nine, at the usual place"] {
            let payload = [text.as_bytes(), &[0x80; TAG]].concat();
            assert!(tells(payload.len(), 0, &Canaries::default(), |bytes| payload[..bytes.min(payload.len())].to_vec()), "{text}");
        }
    }

    /// Wrong keys make random bytes of a payload; none of those is a text.
    #[test]
    fn random_bytes_are_no_text() {
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        for length in 1..=400 {
            for _ in 0..200 {
                let payload: Vec<u8> = (0..length).map(|_| random()).collect();
                assert!(!tells(length, 0, &Canaries::default(), |bytes| payload[..bytes.min(length)].to_vec()), "{payload:x?}");
            }
        }
    }

    #[test]
    fn an_envelope_under_zeros_is_opened() {
        let (cipher, iv) = &*FROM_ZEROS;
        let text = "<envelope xmlns='urn:xmpp:sce:1'><content/><rpad>\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}</rpad></envelope>";
        let mut payload = text.as_bytes().to_vec();
        payload.resize((text.len() / 16 + 1) * 16, 0);
        cbc::Encryptor::inner_iv_init(cipher.clone(), iv.into()).encrypt_padded_mut::<Pkcs7>(&mut payload, text.len()).unwrap();
        assert_eq!(omemo(&payload, &Canaries::default()), Some("a key of zeros"));
        payload.iter_mut().for_each(|b| *b ^= 0x55);
        assert_eq!(omemo(&payload, &Canaries::default()), None);
    }
}
