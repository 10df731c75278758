//! K1: does a key that anybody would try first open the payload? This is the only place where anything is decrypted.

use crate::audit::canary::Canaries;
use std::sync::LazyLock;

use aes::cipher::{BlockDecryptMut as _, BlockEncrypt as _, InnerIvInit as _, KeyInit as _, StreamCipher as _, block_padding::NoPadding};
use aes::{Aes128Enc, Aes256};
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};

use super::container::Container;
use super::family::Family;
use super::found::Found;
use super::statistics::printable;

/// Decrypted to look whether it is text, before the rest is.
const FIRST: usize = 64;
/// Decrypted at most.
const MAX: usize = 1 << 16;
/// Text that cannot be by chance.
const MIN_PRINTABLE: usize = 16;

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
    let text = &payload.bytes[..payload.bytes.len().saturating_sub(container.tag_in_payload())];
    let hit = match container.family {
        Family::Legacy => legacy(text, container.iv.unwrap_or_default(), canaries),
        Family::Olm => None,
        Family::One | Family::Two => omemo(text, canaries),
    };
    if let Some(key) = hit {
        let detail = format!("the payload opens with {key}");
        found.push(Found::leak("K1", payload.element, detail, "XEP-0384 §4.4").bytes(0, payload.bytes.len()));
    }
}

fn legacy(text: &[u8], iv: &[u8], canaries: &Canaries) -> Option<&'static str> {
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
        (canaries.search().is_some() || may_be_text(first)) && tells(text.len(), canaries, |bytes| opened(cipher, bytes))
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
    // A whole payload ends in padding, which is not printable.
    let tells = tells(text.len(), canaries, opened) || (text.len() >= FIRST && printable(&opened(FIRST - 16)));
    tells.then_some("a key of zeros")
}

/// Whether what was opened is a text, an envelope, or has a canary in it. `open` gives so many bytes.
fn tells(length: usize, canaries: &Canaries, open: impl Fn(usize) -> Vec<u8>) -> bool {
    let first = open(FIRST);
    let tag = |at: usize| first[at..].starts_with(b"<envelope") || first[at..].starts_with(b"<content");
    if memchr::memchr_iter(b'<', &first).any(tag) {
        return true;
    }
    if length >= MIN_PRINTABLE && printable(&first) && (length <= FIRST || printable(&open(MAX))) {
        return true;
    }
    canaries.search().is_some_and(|search| search.matches(&open(MAX)))
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
            assert_eq!(legacy(&text, &iv, &Canaries::default()), Some(name));
            assert_eq!(legacy(&text, b"other twelve", &Canaries::default()), None);
            let short = &text[..12];
            assert_eq!(legacy(short, &iv, &Canaries::default()), None, "too short to tell");
            assert_eq!(legacy(short, &iv, &Canaries::of_texts(["see you at"]).unwrap()), Some(name));
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
