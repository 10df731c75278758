//! Over a session: R1 to R7, copies, T6, and the evidence level.

use super::Session;
use super::make::{ANN, BEN, Key, LEGACY, Message, OMEMO_2, Random};

/// Two messages one after the other; the verdict on the second.
#[track_caller]
fn second(namespace: &'static str, change: impl Fn(&mut Message, &mut Message, &mut Random), expected: &str) {
    let mut random = Random(21);
    let (mut first, mut second) = (Message::new(namespace, &mut random), Message::new(namespace, &mut random));
    change(&mut first, &mut second, &mut random);
    let mut session = Session::of(ANN);
    assert_eq!(session.sent(&first.xml()), "OPAQUE(E1) S", "the first");
    assert_eq!(session.sent(&second.xml()), expected);
}

#[test]
fn ivs_and_payloads() {
    second(LEGACY, |_, _, _| {}, "OPAQUE(E1) S");
    second(LEGACY, |a, b, _| b.iv = a.iv.clone(), "SUSPECT R1");
    second(LEGACY, |a, b, _| b.payload = a.payload.clone(), "SUSPECT R2");
    second(OMEMO_2, |a, b, _| b.payload = a.payload.clone(), "SUSPECT R2");
    let short = |m: &mut Message| m.payload = Some(b"\x80\x01\x02\x03\x04\x05\x06".to_vec());
    second(LEGACY, |a, b, _| [a, b].map(short).iter().for_each(|_| {}), "OPAQUE(E1) S");
}

#[test]
fn message_keys() {
    second(LEGACY, |a, b, _| b.keys[0].dh_pub = a.keys[0].dh_pub, "SUSPECT R3");
    second(OMEMO_2, |a, b, _| b.keys[0].dh_pub = a.keys[0].dh_pub, "SUSPECT R3");
    let next = |a: &Message, b: &mut Message, n| {
        b.keys[0].dh_pub = a.keys[0].dh_pub;
        b.keys[0].n = n;
    };
    second(LEGACY, |a, b, _| next(a, b, 1), "OPAQUE(E1) S");
    second(LEGACY, |a, b, _| b.keys[0] = a.keys[0].clone(), "SUSPECT R4");
    second(OMEMO_2, |a, b, _| b.keys[0] = a.keys[0].clone(), "SUSPECT R4");
    let fall = |a: &mut Message, b: &mut Message, _: &mut Random| {
        a.keys[0].n = 7;
        next(a, b, 5);
    };
    second(LEGACY, fall, "SUSPECT R5");
    second(OMEMO_2, fall, "SUSPECT R5");
    // What others send may arrive in any order.
    let mut random = Random(22);
    let (mut a, mut b) = (Message::new(LEGACY, &mut random), Message::new(LEGACY, &mut random));
    fall(&mut a, &mut b, &mut random);
    let mut session = Session::of(ANN);
    for message in [a, b] {
        let xml = message.change(|m| (m.from, m.to) = (BEN.into(), ANN.into())).xml();
        assert_eq!(session.received(&xml), "OPAQUE(E1) S");
    }
}

#[test]
fn random_sources() {
    for namespace in [LEGACY, OMEMO_2] {
        second(namespace, |a, b, _| b.keys[1].dh_pub = a.keys[0].dh_pub, "SUSPECT R6");
        second(
            namespace,
            |a, b, random| {
                a.keys[0] = a.keys[0].clone().exchange(random, 1);
                b.keys[1] = b.keys[1].clone().exchange(random, 1);
                b.keys[1].exchange.as_mut().unwrap().ek = a.keys[0].exchange.as_ref().unwrap().ek;
            },
            "SUSPECT R6",
        );
    }
}

#[test]
fn key_streams() {
    // Two English texts under one key stream.
    let texts = ["the train leaves at nine from the other platform, as ever", "please bring the papers that we spoke of on the phone"];
    let stream = Random(23).bytes(60);
    let sealed = |text: &str| Some(text.bytes().zip(&stream).map(|(a, b)| a ^ b).collect::<Vec<u8>>());
    second(LEGACY, |a, b, _| (a.payload, b.payload) = (sealed(texts[0]), sealed(texts[1])), "SUSPECT R7");
    second(
        LEGACY,
        |a, b, _| {
            (a.payload, b.payload) = (sealed(texts[0]), sealed(texts[1]));
            b.iv = a.iv.clone();
        },
        "PROVEN_LEAK R7,R1",
    );
    second(LEGACY, |a, b, _| (a.payload, b.payload) = (sealed(&texts[0][..40]), sealed(&texts[1][..40])), "OPAQUE(E1) S");
}

#[test]
fn blocks_that_come_again() {
    let within = |m: &mut Message| {
        let payload = m.payload.as_mut().unwrap();
        payload.copy_within(0..16, 64);
    };
    let mut random = Random(24);
    let mut message = Message::new(OMEMO_2, &mut random);
    within(&mut message);
    assert_eq!(Session::of(ANN).sent(&message.xml()), "SUSPECT T6");
    second(OMEMO_2, |a, b, _| b.payload.as_mut().unwrap()[..16].copy_from_slice(&a.payload.as_ref().unwrap()[..16]), "SUSPECT T6");
    second(LEGACY, |a, b, _| b.payload.as_mut().unwrap()[..16].copy_from_slice(&a.payload.as_ref().unwrap()[..16]), "OPAQUE(E1) S");
}

#[test]
fn copies_inherit() {
    for namespace in [LEGACY, OMEMO_2] {
        let mut random = Random(25);
        let carbon = |xml: &str| {
            format!(
                "<message from='{ANN}' to='{ANN}/desk'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>{xml}</forwarded></sent></message>"
            )
        };
        for (change, expected) in [
            (Box::new(|_: &mut Message| {}) as Box<dyn Fn(&mut Message)>, "OPAQUE(E1) S"),
            (Box::new(|m: &mut Message| m.keys[0].rid = "0".into()), "SUSPECT S4"),
            (Box::new(|m: &mut Message| m.beside = "<subject>s</subject>".into()), "PROVEN_LEAK L4"),
            (
                Box::new(|m: &mut Message| m.beside = "<body>x</body>".into()),
                if namespace == LEGACY { "SUSPECT F3" } else { "SUSPECT F3,P" },
            ),
        ] {
            let mut message = Message::new(namespace, &mut random);
            change(&mut message);
            let mut session = Session::of(ANN);
            assert_eq!(session.sent(&message.xml()), expected);
            assert_eq!(session.sent(&message.xml()), expected, "sent again after the stream was resumed");
            assert_eq!(session.received(&carbon(&message.xml())), expected);
            let archived = message.xml().replace("<subject>s</subject>", "").replace("<body>x</body>", "");
            assert_eq!(session.received(&carbon(&archived)), expected, "what the original has counts");
        }
        // A room sends it back under its own address.
        let message = Message::new(namespace, &mut random).change(|m| (m.to, m.kind) = ("room@m.example".into(), "groupchat"));
        let mut session = Session::of(ANN);
        assert_eq!(session.sent(&message.xml().replace(&format!("from='{ANN}/phone' "), "")), "OPAQUE(E1) S");
        let back = message.change(|m| (m.from, m.to) = ("room@m.example/ann".into(), format!("{ANN}/phone")));
        assert_eq!(session.received(&back.xml()), "OPAQUE(E1) S");
        // Somebody else sending the same is no copy.
        let stolen = back.change(|m| m.from = "eve@e.example/x".into());
        assert!(session.received(&stolen.xml()).starts_with("SUSPECT"), "{}", stolen.xml());
    }
}

#[test]
fn levels() {
    for namespace in [LEGACY, OMEMO_2] {
        let mut random = Random(26);
        let mut session = Session::with_lists(namespace);
        // The beginning of the sessions was not seen.
        let early = Message::new(namespace, &mut random);
        assert_eq!(session.sent(&early.xml()), "OPAQUE(E1) S");
        assert_eq!(session.sent(&Message::new(namespace, &mut random).xml()), "OPAQUE(E2) S", "from then on it is");
        let mut session = Session::with_lists(namespace);
        let first = Message::first(namespace, &mut random);
        assert_eq!(session.sent(&first.xml()), "OPAQUE(E2) S");
        assert_eq!(session.sent(&first.xml()), "OPAQUE(E2) S", "a copy");
        let mut next = Message::new(namespace, &mut random);
        next.keys = first.keys.iter().map(|key| Key { n: 1, inner: random.bytes(key.inner.len()), ..key.clone() }).collect();
        assert_eq!(session.sent(&next.xml()), "OPAQUE(E2) S");
        // A fault of structure concerns one message, reuse all that follow.
        assert_eq!(session.sent(&Message::first(namespace, &mut random).change(|m| m.keys[0].rid = "0".into()).xml()), "SUSPECT S4,D8");
        assert_eq!(session.sent(&Message::first(namespace, &mut random).xml()), "OPAQUE(E2) S");
        assert!(session.sent(&Message::first(namespace, &mut random).change(|m| m.keys[0] = first.keys[0].clone()).xml()).contains("R4"));
        assert_eq!(session.sent(&Message::first(namespace, &mut random).xml()), "OPAQUE(E1) S");
    }
}
