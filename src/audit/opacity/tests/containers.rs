//! Structure: S1 to S10, in every namespace.

use super::make::{ANN, BEN, Key, LEGACY, Message, OMEMO_0, OMEMO_1, OMEMO_2, Random};
use super::{Session, check};
use crate::audit::Settings;

#[track_caller]
fn changed(namespace: &'static str, change: impl Fn(&mut Message, &mut Random), expected: &str) {
    let mut random = Random(7);
    let mut message = Message::new(namespace, &mut random);
    change(&mut message, &mut random);
    check(&message.xml(), expected);
}

#[track_caller]
fn edited(namespace: &'static str, from: &str, to: &str, expected: &str) {
    let xml = Message::new(namespace, &mut Random(7)).xml();
    assert!(xml.contains(from));
    check(&xml.replacen(from, to, 1), expected);
}

#[test]
fn sound_messages_are_opaque() {
    for namespace in [LEGACY, OMEMO_1, OMEMO_2] {
        check(&Message::new(namespace, &mut Random(1)).xml(), "OPAQUE(E1) S");
        check(&Message::first(namespace, &mut Random(1)).xml(), "OPAQUE(E1) S");
    }
    check(&Message::new(OMEMO_0, &mut Random(1)).xml(), "OPAQUE(E1) S");
}

#[test]
fn headers_and_payloads() {
    edited(LEGACY, "<header sid='11'>", "<header sid='11'/><header sid='11'>", "SUSPECT S1,S3,S4".replace(",S4", "").as_str());
    edited(LEGACY, "<payload>", "<payload>QUJD</payload><payload>", "SUSPECT S1");
    edited(OMEMO_2, "<payload>", "<note>hello</note><payload>", "SUSPECT S1");
    edited(OMEMO_2, "<payload>", "<note/><payload>", "OPAQUE(E1) S");
    edited(OMEMO_2, "<payload>", "<note at='geo:48.2,16.4'/><payload>", "SUSPECT S1");
    // Anywhere in it.
    for namespace in [LEGACY, OMEMO_1, OMEMO_2] {
        for (from, to) in [
            ("<header sid='11'>", "hello<header sid='11'>"),
            ("<header sid='11'>", "<header sid='11'>hello"),
            ("<header sid='11'>", "<header sid='11'><note>hello</note>"),
            ("<header sid='11'>", "<header sid='11'><note><note>hello</note></note>"),
            ("</key>", "<note>hello</note></key>"),
            ("</payload>", "<note>hello</note></payload>"),
            ("</encrypted>", "hello</encrypted>"),
        ] {
            edited(namespace, from, to, "SUSPECT S1");
        }
        edited(namespace, "<header sid='11'>", "\n  <header sid='11'>\n    ", "OPAQUE(E1) S");
    }
    edited(OMEMO_2, "<keys jid='ben@b.example'>", "<keys jid='ben@b.example'>hello", "SUSPECT S1");
    // Keys where the other versions have them.
    edited(LEGACY, "<header sid='11'>", "<header sid='11'><keys><key rid='21'>QUJD</key></keys>", "SUSPECT S1");
    edited(OMEMO_2, "<header sid='11'>", "<header sid='11'><key rid='21'>QUJD</key>", "SUSPECT S1");
    edited(OMEMO_2, "<keys jid='ben@b.example'>", "<keys>", "SUSPECT S1");
    check("<message to='ben@b.example'><encrypted xmlns='eu.siacs.conversations.axolotl'/></message>", "SUSPECT S1,S5,S10");
}

#[test]
fn base64_is_canonical() {
    for (from, to) in [("<payload>", "<payload>!"), ("=</payload>", "</payload>"), ("<key rid='22'>", "<key rid='22'>=")] {
        edited(LEGACY, from, to, "SUSPECT S2");
    }
    // Bits that nobody reads may carry something.
    changed(LEGACY, |m, _| m.payload = Some(vec![1; 1]), "OPAQUE(E1) S");
    let xml = Message::new(LEGACY, &mut Random(7)).change(|m| m.payload = Some(vec![1; 1])).xml();
    check(&xml.replace("AQ==", "AR=="), "SUSPECT S2");
    check(&xml.replace("AQ==", " A\nQ== "), "OPAQUE(E1) S");
    check(&xml.replace("AQ==", ""), "SUSPECT S2");
}

#[test]
fn initialisation_vectors() {
    changed(LEGACY, |m, random| m.iv = Some(random.bytes(16)), "OPAQUE(E1) S,P");
    changed(LEGACY, |m, random| m.iv = Some(random.bytes(13)), "SUSPECT S3");
    changed(LEGACY, |m, _| m.iv = None, "SUSPECT S3");
    changed(OMEMO_2, |m, random| m.iv = Some(random.bytes(12)), "SUSPECT S3");
    edited(LEGACY, "<iv>", "<iv>QUJDREVGR0hJSktM</iv><iv>", "SUSPECT S3");
}

#[test]
fn device_ids() {
    for rid in ["", "0", "-1", "+7", "2147483648", "seven", "7 "] {
        changed(LEGACY, |m, _| m.keys[0].rid = rid.into(), "SUSPECT S4");
        changed(OMEMO_2, |m, _| m.keys[0].rid = rid.into(), "SUSPECT S4");
        changed(OMEMO_2, |m, _| m.sid = rid.into(), "SUSPECT S4");
    }
    changed(OMEMO_2, |m, _| m.keys[0].rid = "2147483647".into(), "OPAQUE(E1) S");
}

#[test]
fn recipients() {
    changed(LEGACY, |m, _| m.keys.clear(), "SUSPECT S5");
    changed(LEGACY, |m, _| m.keys[1].rid = m.keys[0].rid.clone(), "SUSPECT S5");
    changed(OMEMO_2, |m, _| m.keys[1].rid = m.keys[0].rid.clone(), "SUSPECT S5");
    changed(OMEMO_2, |m, _| m.keys[1].rid = m.keys[2].rid.clone(), "OPAQUE(E1) S");
    changed(LEGACY, |m, _| m.keys[2].rid = m.sid.clone(), "SUSPECT S5");
    changed(OMEMO_2, |m, _| m.keys[2].rid = m.sid.clone(), "SUSPECT S5");
    changed(OMEMO_2, |m, _| m.keys[0].rid = m.sid.clone(), "OPAQUE(E1) S");
    // A sender that nobody has named: whoever it is, it is not the recipient.
    for (key, expected) in [(2, "SUSPECT S5"), (0, "OPAQUE(E1) S")] {
        let message = Message::new(OMEMO_2, &mut Random(7)).change(|m| m.keys[key].rid = m.sid.clone());
        let xml = message.xml().replace(&format!("from='{ANN}/phone' "), "");
        assert_eq!(Session::new(Settings::default()).sent(&xml), expected);
    }
}

#[test]
fn key_blobs() {
    for namespace in [LEGACY, OMEMO_1, OMEMO_2] {
        changed(namespace, |m, _| m.keys[0].raw = Some(b"this is not a ratchet message at all".to_vec()), "SUSPECT S6");
        changed(namespace, |m, _| m.keys[0].flag = Some(true), "SUSPECT S6");
        changed(namespace, |m, random| m.keys[0] = Key { flag: Some(false), ..m.keys[0].clone().exchange(random, 1) }, "SUSPECT S6");
        changed(namespace, |m, _| m.keys[0].dh_pub = [0; 32], "SUSPECT S6");
        changed(
            namespace,
            |m, random| {
                m.keys[0] = m.keys[0].clone().exchange(random, 1);
                m.keys[0].exchange.as_mut().unwrap().ek = [0; 32];
            },
            "SUSPECT S6",
        );
        changed(
            namespace,
            |m, random| {
                m.keys[0] = m.keys[0].clone().exchange(random, 1);
                m.keys[0].exchange.as_mut().unwrap().ik = [0; 32];
            },
            "SUSPECT S6",
        );
    }
    // Nobody has seen what Olm sends.
    changed(OMEMO_0, |m, _| m.keys[0].raw = Some(b"who knows".to_vec()), "OPAQUE(E1) S");
    edited(OMEMO_1, "<key rid='21'", "<key rid='21' prekey='true'", "SUSPECT S6,P");
}

#[test]
fn lengths() {
    for bytes in [1, 15, 48, 65, 100] {
        changed(OMEMO_2, |m, random| m.payload = Some(random.bytes(bytes)), "SUSPECT S7");
    }
    changed(OMEMO_2, |m, random| m.payload = Some(random.bytes(64)), "OPAQUE(E1) S");
    let bare = |m: &mut Message, random: &mut Random, bytes| {
        m.keys.iter_mut().for_each(|key| key.inner = random.bytes(32));
        m.payload = Some(random.bytes(bytes));
    };
    changed(LEGACY, |m, random| bare(m, random, 16), "SUSPECT S7");
    changed(LEGACY, |m, random| bare(m, random, 17), "OPAQUE(E1) S");
    changed(LEGACY, |m, random| m.payload = Some(random.bytes(1)), "OPAQUE(E1) S");

    changed(LEGACY, |m, random| m.keys[1].inner = random.bytes(32), "SUSPECT S8");
    let all = |m: &mut Message, random: &mut Random, bytes| m.keys.iter_mut().for_each(|key| key.inner = random.bytes(bytes));
    changed(LEGACY, |m, random| all(m, random, 64), "SUSPECT S8");
    changed(OMEMO_2, |m, random| all(m, random, 48), "SUSPECT S8");
    changed(OMEMO_2, |m, random| all(m, random, 80), "OPAQUE(E1) S,P");
    changed(OMEMO_1, |m, random| all(m, random, 80), "OPAQUE(E1) S");
    // Messages that only move the ratchet on.
    changed(OMEMO_2, |m, _| m.payload = None, "SUSPECT S8");
    changed(
        OMEMO_2,
        |m, random| {
            all(m, random, 48);
            m.payload = None;
        },
        "OPAQUE(E1) S",
    );
    changed(
        LEGACY,
        |m, random| {
            all(m, random, 32);
            m.payload = None;
        },
        "OPAQUE(E1) S",
    );
    changed(LEGACY, |m, _| m.payload = None, "OPAQUE(E1) S");
}

#[test]
fn each_device_has_a_ratchet_of_its_own() {
    for namespace in [LEGACY, OMEMO_2] {
        changed(namespace, |m, _| m.keys[1].dh_pub = m.keys[0].dh_pub, "SUSPECT S9,R6");
        changed(
            namespace,
            |m, random| {
                *m = Message::first(namespace, random);
                m.keys[1].exchange.as_mut().unwrap().ek = m.keys[0].exchange.as_ref().unwrap().ek;
            },
            "SUSPECT S9,R6",
        );
    }
}

#[test]
fn announcements_inform() {
    changed(LEGACY, |m, _| m.announce = false, "OPAQUE(E1) S,S10");
    edited(LEGACY, "namespace='eu.siacs.conversations.axolotl'/>", "namespace='urn:xmpp:otr:0'/>", "OPAQUE(E1) S,S10");
}

#[test]
fn two_containers_are_rated_each() {
    let mut random = Random(3);
    let second = Message::new(OMEMO_2, &mut random);
    let both = |second: &Message| Message::new(LEGACY, &mut Random(4)).change(|m| m.beside = second.container()).xml();
    check(&both(&second), "OPAQUE(E1) S,P");
    check(&both(&second.change(|m| m.payload = Some(vec![1; 3]))), "SUSPECT S7,P");
}

#[test]
fn containers_are_found_wherever_they_are() {
    let message = |damaged: bool| {
        Message::new(LEGACY, &mut Random(5)).change(|m| {
            if damaged {
                m.keys[0].rid = "0".into();
            }
        })
    };
    let carbon = |xml: &str| {
        format!(
            "<message from='{ANN}' to='{ANN}/desk'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>{xml}</forwarded></sent></message>"
        )
    };
    let archived = |xml: &str| {
        format!(
            "<message to='{ANN}/desk'><result xmlns='urn:xmpp:mam:2' id='1'><forwarded xmlns='urn:xmpp:forward:0'>{xml}</forwarded></result></message>"
        )
    };
    let twice =
        |xml: &str| archived(&format!("<message xmlns='jabber:client'><forwarded xmlns='urn:xmpp:forward:0'>{xml}</forwarded></message>"));
    for wrap in [&carbon as &dyn Fn(&str) -> String, &archived, &twice] {
        assert_eq!(Session::of(ANN).received(&wrap(&message(false).xml())), "OPAQUE(E1) S");
        assert_eq!(Session::of(ANN).received(&wrap(&message(true).xml())), "SUSPECT S4");
    }
    let iq = |content: &str| format!("<iq type='set' to='{BEN}/x' id='1'>{content}</iq>");
    let jingle = |xml: &str| {
        iq(&format!(
            "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate'><content creator='initiator' name='f'>\
            <security xmlns='urn:xmpp:jingle:jet:0' type='{LEGACY}'>{xml}</security></content></jingle>"
        ))
    };
    let item = |xml: &str| {
        iq(&format!(
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:microblog:0'><item>\
            <encrypted xmlns='urn:xmpp:pte:0' by='{ANN}' type='{OMEMO_2}'>{xml}</encrypted></item></publish></pubsub></iq>"
        )
        .replace("</iq>", ""))
    };
    check(&iq(&message(false).container()), "OPAQUE(E1) S");
    check(&iq(&message(true).container()), "SUSPECT S4");
    check(&jingle(&message(false).container()), "OPAQUE(E1) S");
    check(&jingle(&message(true).container()), "SUSPECT S4");
    check(&item(&message(false).container()), "OPAQUE(E1) S,O6");
    check(&item(&message(true).container()), "SUSPECT S4,O6");
}

#[test]
fn messages_are_judged_wherever_they_are() {
    let message = |change: &dyn Fn(&mut Message)| Message::new(LEGACY, &mut Random(5)).change(change).xml();
    let event = |xml: &str| {
        format!(
            "<message from='room@m.example' to='{ANN}/phone'><event xmlns='http://jabber.org/protocol/pubsub#event'>\
            <items node='urn:xmpp:mucsub:nodes:messages'><item>{xml}</item></items></event></message>"
        )
    };
    let published = |xml: &str| {
        format!(
            "<iq type='set' id='1'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item>{xml}</item></publish></pubsub></iq>"
        )
    };
    let with = |beside: &'static str| move |m: &mut Message| m.beside = beside.into();
    for (xml, expected) in [
        (message(&|_| {}), "OPAQUE(E1) S"),
        (message(&|m| m.keys[0].rid = "0".into()), "SUSPECT S4"),
        (message(&with("<subject>s</subject>")), "PROVEN_LEAK L4"),
        (message(&with("<body>see you at nine</body>")), "SUSPECT F3"),
        ("<message xmlns='jabber:client'><envelope xmlns='urn:xmpp:sce:1'><content/></envelope></message>".into(), "PROVEN_LEAK L3"),
        ("<message xmlns='jabber:client' to='ben@b.example'><body>see you at nine</body></message>".into(), "NOT_ENCRYPTED N1"),
        ("<message xmlns='jabber:client' type='error'><body>see you at nine</body></message>".into(), "none"),
        ("<message xmlns='urn:example:0'><body>see you at nine</body></message>".into(), "none"),
    ] {
        assert_eq!(Session::of(ANN).received(&event(&xml)), expected, "{xml}");
        assert_eq!(Session::of(ANN).sent(&published(&xml)), expected, "{xml}");
    }
}

#[test]
fn so_many_messages_inside_each_other_are_judged() {
    let leak = Message::new(LEGACY, &mut Random(5)).change(|m| m.beside = "<subject>s</subject>".into()).xml();
    let sound = |at: u64| Message::new(LEGACY, &mut Random(50 + at)).xml();
    let forwarded = |xml: &str| format!("<forwarded xmlns='urn:xmpp:forward:0'>{xml}</forwarded>");
    // Side by side as many as there are,
    for root in ["message", "iq"] {
        let siblings: String = (0..60).map(sound).chain([leak.clone()]).map(|xml| forwarded(&xml)).collect();
        let xml = format!("<{root} from='{BEN}' to='{ANN}/phone' type='set' id='1'>{siblings}</{root}>");
        assert!(Session::of(ANN).received(&xml).starts_with("PROVEN_LEAK L4"), "{root}");
    }
    // inside each other four.
    let inside =
        |depth: usize| (1..depth).fold(forwarded(&leak), |xml, _| forwarded(&format!("<message xmlns='jabber:client'>{xml}</message>")));
    let outer = |xml: &str| format!("<message from='{BEN}' to='{ANN}/phone'>{xml}</message>");
    assert_eq!(Session::of(ANN).received(&outer(&inside(4))), "PROVEN_LEAK L4");
    assert_eq!(Session::of(ANN).received(&outer(&inside(5))), "none");
}

#[test]
fn errors_and_other_stanzas_have_no_verdict() {
    check(&Message::new(LEGACY, &mut Random(1)).change(|m| m.kind = "error").xml(), "none");
    check("<presence/>", "none");
    check("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>", "none");
}

#[test]
fn details_name_the_place() {
    let mut session = Session::of(ANN);
    let xml = Message::new(OMEMO_2, &mut Random(7)).change(|m| m.keys[1].rid = "0".into()).xml();
    let verdict = session.verdict(crate::xmpp::Direction::ClientToServer, &xml).unwrap();
    let details: Vec<_> = verdict.details.iter().map(|detail| (detail.rule, detail.path.as_str(), detail.source)).collect();
    assert_eq!(details, [("S4", "message/encrypted/header/keys[1]/key[2]/@rid", "XEP-0384 §5.1")]);
}
