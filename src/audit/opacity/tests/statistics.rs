//! T1 to T5 and K on messages, and how often random ciphertext is flagged: never.

use aes::cipher::{KeyIvInit as _, StreamCipher as _};

use super::super::statistics::few_distinct;
use super::make::{ANN, LEGACY, Message, OMEMO_2, Random};
use super::{Session, check};

#[track_caller]
fn payload(namespace: &'static str, payload: Vec<u8>, expected: &str) {
    check(&Message::new(namespace, &mut Random(31)).change(|m| m.payload = Some(payload)).xml(), expected);
}

#[test]
fn payloads_that_are_no_ciphertext() {
    payload(LEGACY, vec![0x41; 64], "SUSPECT T1,T2,T3");
    payload(LEGACY, b"see you at nine, at the usual place, and bring the papers".to_vec(), "SUSPECT T1,T2,T3");
    payload(LEGACY, b"qK7#bV2@xP9!mZ4$".to_vec(), "SUSPECT T2");
    payload(
        OMEMO_2,
        "\u{416}\u{42f}\u{448}\u{4e2d}\u{6587}\u{1f600}abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV".bytes().take(64).collect(),
        "SUSPECT T3",
    );
    payload(LEGACY, vec![0; 15], "OPAQUE(E1) S");
    // Inner ciphertexts too.
    let xml = Message::new(LEGACY, &mut Random(31)).change(|m| m.keys[0].inner = vec![0x80; 48]).xml();
    check(&xml, "SUSPECT T1");
    payload(LEGACY, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "PROVEN_LEAK T5");
}

#[test]
fn short_payloads_add_up() {
    let mut random = Random(32);
    let mut session = Session::of(ANN);
    let mut say = |text: &[u8]| {
        let mut message = Message::new(LEGACY, &mut random);
        message.payload = Some(text.to_vec());
        session.sent(&message.xml())
    };
    for word in [b"hello", b"there", b"where", b"shall"] {
        assert_eq!(say(word), "OPAQUE(E1) S");
    }
    assert_eq!(say(b"we go"), "SUSPECT T2");
    assert_eq!(say(b"\x80\x01\x02"), "OPAQUE(E1) S");
}

#[test]
fn uneven_bytes_add_up() {
    let mut random = Random(33);
    let mut session = Session::of(ANN);
    // No text, and no byte with the lowest bits set.
    let mut last = String::new();
    for _ in 0..60 {
        let mut message = Message::new(LEGACY, &mut random);
        message.payload.as_mut().unwrap().iter_mut().for_each(|b| *b |= 0x88);
        last = session.sent(&message.xml());
    }
    assert_eq!(last, "SUSPECT T4");
}

#[test]
fn trivial_keys_are_tried() {
    let iv = *b"twelve bytes";
    let mut counter = [0; 16];
    counter[..12].copy_from_slice(&iv);
    counter[15] = 2;
    let sealed = |text: &str, tag: &[u8], expected: &str| {
        let mut payload = text.as_bytes().to_vec();
        ctr::Ctr32BE::<aes::Aes128>::new(&[0xff; 16].into(), &counter.into()).apply_keystream(&mut payload);
        payload.extend(tag);
        check(&Message::new(LEGACY, &mut Random(34)).change(|m| (m.iv, m.payload) = (Some(iv.to_vec()), Some(payload))).xml(), expected);
    };
    for text in [
        "see you at nine, at the usual place",
        "\u{e0} neuf heures, place Caf\u{e9}, comme d\u{2019}habitude",
        "\u{1f44d}\u{1f3fd}\u{1f389}\u{1f600}\u{1f680}\u{1f30d}",
        "<message><body>\u{e9}</body></message>",
    ] {
        sealed(text, &[], "PROVEN_LEAK K1");
        // The keys carry the tag, and so does the payload.
        sealed(text, &Random(37).bytes(16), "PROVEN_LEAK K1");
    }
    sealed("\u{1f44d}\u{1f3fd}\u{1f389}", &[], "OPAQUE(E1) S");
}

/// 200,000 random payloads of chat length: T1 to T7 and K stay silent, as their error bounds say.
#[test]
fn random_bytes_are_never_flagged() {
    let mut random = Random(35);
    let mut flagged = 0;
    for _ in 0..200_000 {
        let length = 2 + random.below(399) as usize;
        let bytes = random.bytes(length);
        flagged += usize::from(suspicious(&bytes));
    }
    assert_eq!(flagged, 0);
}

/// T1, T2 and T3 without a document to point into.
fn suspicious(bytes: &[u8]) -> bool {
    use super::super::statistics::printable;
    let mut seen = [false; 256];
    bytes.iter().take(512).for_each(|&b| seen[usize::from(b)] = true);
    let distinct = seen.iter().filter(|seen| **seen).count();
    bytes.len() >= 16
        && (distinct <= few_distinct(bytes.len()) || printable(bytes) || (bytes.len() >= 32 && std::str::from_utf8(bytes).is_ok()))
}

/// Whole messages with random keys and payloads, one session per namespace: no rule fires.
#[test]
fn random_messages_are_opaque() {
    for namespace in [LEGACY, OMEMO_2] {
        let mut random = Random(36);
        let mut session = Session::with_lists(namespace);
        for at in 0..2_000 {
            let mut message = if at % 7 == 0 { Message::first(namespace, &mut random) } else { Message::new(namespace, &mut random) };
            let length = 1 + random.below(300) as usize;
            message.payload = Some(random.bytes(if namespace == LEGACY { length } else { 64 + length / 16 * 16 }));
            let shown = session.sent(&message.xml());
            assert!(shown.starts_with("OPAQUE"), "message {at}: {shown}");
        }
    }
}
