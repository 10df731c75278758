//! What stands beside a container, or instead of one: F, L, N and O.

use super::make::{ANN, BEN, LEGACY, Message, OMEMO_2, Random, base64};
use super::{Session, check};
use crate::audit::Settings;
use crate::audit::canary::Canaries;

#[track_caller]
fn beside(namespace: &'static str, beside: &str, expected: &str) {
    check(&Message::new(namespace, &mut Random(7)).change(|m| m.beside = beside.into()).xml(), expected);
}

#[track_caller]
fn clear(children: &str, expected: &str) {
    check(&format!("<message to='{BEN}'>{children}</message>"), expected);
}

const FALLBACK: &str = "I sent you an OMEMO encrypted message but your client doesn\u{2019}t seem to support that.";

#[test]
fn classes_of_siblings() {
    beside(LEGACY, "<store xmlns='urn:xmpp:hints'/><origin-id xmlns='urn:xmpp:sid:0' id='1'/>", "OPAQUE(E1) S");
    for metadata in [
        "<request xmlns='urn:xmpp:receipts'/>",
        "<thread>t</thread>",
        "<replace xmlns='urn:xmpp:message-correct:0' id='m3'/>",
        "<unheard-of xmlns='urn:example:0' a='1'/>",
    ] {
        beside(LEGACY, metadata, "OPAQUE(E1) S,M");
        beside(OMEMO_2, metadata, "OPAQUE(E1) S,M");
    }
    for content in [
        "<subject>s</subject>",
        "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>x</body></html>",
        "<x xmlns='jabber:x:oob'><url>https://a.example/f</url></x>",
        "<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>\u{1f44d}</reaction></reactions>",
        "<sticker xmlns='urn:xmpp:stickers:0' pack='p'/>",
        "<spoiler xmlns='urn:xmpp:spoiler:0'>hint</spoiler>",
        "<x xmlns='jabber:x:conference' jid='r@m.example' password='p'/>",
        "<trust-message xmlns='urn:xmpp:tm:1' usage='u' encryption='e'/>",
    ] {
        beside(LEGACY, content, "PROVEN_LEAK L4");
        beside(OMEMO_2, content, "PROVEN_LEAK L4");
    }
    beside(LEGACY, "<subject/><spoiler xmlns='urn:xmpp:spoiler:0'/>", "OPAQUE(E1) S");
    beside(LEGACY, "<unheard-of xmlns='urn:example:0'>text</unheard-of>", "SUSPECT L4");
    for link in
        ["https://a.example/f", "mailto:ben@b.example", "XMPP:ben@b.example", "geo:48.2,16.4", "tel:+43", "www.a.example", "data:,x"]
    {
        beside(LEGACY, &format!("<unheard-of xmlns='urn:example:0'><a at='{link}'/></unheard-of>"), "SUSPECT L4");
    }
    beside(LEGACY, "<unheard-of xmlns='urn:example:0' a='telephone'/>", "OPAQUE(E1) S,M");
    beside(LEGACY, "see you at nine", "SUSPECT L4");
    beside(LEGACY, "\n  ", "OPAQUE(E1) S");
}

#[test]
fn content_inside_metadata() {
    let about = |inner: &str| format!("<apply-to xmlns='urn:xmpp:fasten:0' id='1'>{inner}</apply-to>");
    let link = "<x xmlns='jabber:x:oob'><url>https://a.example/f</url></x>";
    for (inner, expected) in [
        (link, "PROVEN_LEAK L4,M"),
        ("<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>x</reaction></reactions>", "PROVEN_LEAK L4,M"),
        ("<Description xmlns='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><title>t</title></Description>", "PROVEN_LEAK L4,M"),
        (&about(link), "PROVEN_LEAK L4,M"),
        ("<retract xmlns='urn:xmpp:message-retract:0'/>", "OPAQUE(E1) S,M"),
        ("<unheard-of xmlns='urn:example:0'>text</unheard-of>", "SUSPECT L4,M"),
        ("<unheard-of xmlns='urn:example:0' a='https://a.example/f'/>", "SUSPECT L4,M"),
    ] {
        beside(LEGACY, &about(inner), expected);
    }
    clear(&about(link), "NOT_ENCRYPTED N1");
    clear(&about("<retract xmlns='urn:xmpp:message-retract:0'/>"), "none");
    let span = |inner: &str| format!("<markup xmlns='urn:xmpp:markup:0'><span start='0' end='4'>{inner}</span></markup>");
    beside(LEGACY, &span("<emphasis/>"), "OPAQUE(E1) S,M");
    beside(LEGACY, &span("<emoji xmlns='urn:xmpp:markup:emoji:0' name='pondering'/>"), "PROVEN_LEAK L4,M");
    beside(LEGACY, &format!("<store xmlns='urn:xmpp:hints'>{link}</store>"), "PROVEN_LEAK L4");
    // Text where none belongs.
    beside(LEGACY, "<store xmlns='urn:xmpp:hints'>see you</store>", "SUSPECT L4");
    beside(LEGACY, "<origin-id xmlns='urn:xmpp:sid:0' id='1'><a>see you</a></origin-id>", "SUSPECT L4");
    beside(LEGACY, "<request xmlns='urn:xmpp:receipts'>see you</request>", "SUSPECT L4,M");
    beside(LEGACY, "<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'>Offline Storage</delay>", "OPAQUE(E1) S");
    beside(LEGACY, "<x xmlns='http://jabber.org/protocol/muc#user'><invite><reason>do come</reason></invite></x>", "OPAQUE(E1) S");
}

/// A container that is not beside the content protects nothing of it.
#[test]
fn content_beside_something_that_holds_a_container() {
    let call = |container: &str| {
        format!(
            "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate'><content creator='initiator' name='f'>\
            <security xmlns='urn:xmpp:jingle:jet:0' type='{LEGACY}'>{container}</security></content></jingle>"
        )
    };
    let item = |container: &str| {
        format!("<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'><item>{container}</item></items></event>")
    };
    let omemo = Message::new(LEGACY, &mut Random(7));
    let key = omemo.clone().change(|m| m.payload = None).container();
    let openpgp = format!("<openpgp xmlns='urn:xmpp:openpgp:0'>{}</openpgp>", packets(&[(3, &[4, 9]), (20, &[1, 2, 3])]));
    let oob = "<x xmlns='jabber:x:oob'><url>https://a.example/f</url></x>";
    for wrapped in [call(&key), item(&omemo.container())] {
        clear(&wrapped, "OPAQUE(E1) S");
        clear(&(wrapped.clone() + "<body>see you at nine</body>"), "NOT_ENCRYPTED N1");
        clear(&(wrapped.clone() + oob), "NOT_ENCRYPTED N1");
        clear(&format!("{wrapped}<body>{FALLBACK}</body>"), "OPAQUE(E1) S");
    }
    clear(&item(&openpgp), "OTHER_E2EE O1");
    clear(&(item(&openpgp) + "<body>see you at nine</body>"), "NOT_ENCRYPTED N1,O1");
    // Nor does one that is forwarded.
    let forwarded = format!("<forwarded xmlns='urn:xmpp:forward:0'>{}</forwarded>", omemo.xml());
    clear(&(forwarded.clone() + "<body>see you at nine</body>"), "NOT_ENCRYPTED N1");
    // In a conversation that is encrypted it is a step back.
    let mut session = Session::of(ANN);
    assert_eq!(session.sent(&omemo.xml()), "OPAQUE(E1) S");
    let other = Message::new(LEGACY, &mut Random(8));
    for wrapped in [call(&other.clone().change(|m| m.payload = None).container()), forwarded.clone()] {
        let text = format!("<message to='{BEN}'>{wrapped}<body>see you at nine</body></message>");
        assert_eq!(session.sent(&text), "SUSPECT L6,N1", "{text}");
    }
    // One that only forwards does not begin one.
    let mut session = Session::of(ANN);
    assert_eq!(session.sent(&format!("<message to='{BEN}'>{forwarded}</message>")), "OPAQUE(E1) S");
    assert_eq!(session.sent(&format!("<message to='{BEN}'><body>x</body></message>")), "NOT_ENCRYPTED N1");
}

/// What another device of the account sends encrypted shows that the conversation is; what only an archive or a stranger shows does not.
#[test]
fn carbons_begin_an_encrypted_conversation() {
    let omemo = |from: &str, to: &str| Message::new(LEGACY, &mut Random(7)).change(|m| (m.from, m.to) = (from.into(), to.into())).xml();
    let copy = |from: &str, kind: &str, message: &str| {
        format!(
            "<message from='{from}' to='{ANN}/a'><{kind} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>{message}</forwarded>\
            </{kind}></message>"
        )
    };
    let sent = omemo(&format!("{ANN}/b"), BEN);
    let received = omemo(&format!("{BEN}/c"), &format!("{ANN}/b"));
    let text = format!("<message to='{BEN}'><body>see you at nine</body></message>");
    let answer = format!("<message from='{BEN}/c' to='{ANN}/a'><body>see you at nine</body></message>");
    for (copy, after_it, answered) in [
        (copy(ANN, "sent", &sent), "SUSPECT L6,N1", "NOT_ENCRYPTED N1"),
        (copy(ANN, "received", &received), "NOT_ENCRYPTED N1", "SUSPECT L6,N1"),
        (copy("eve@lab.test", "sent", &sent), "NOT_ENCRYPTED N1", "NOT_ENCRYPTED N1"),
        (copy(ANN, "sent", &sent).replace("carbons:2'", "mam:2'").replace("sent", "result"), "NOT_ENCRYPTED N1", "NOT_ENCRYPTED N1"),
    ] {
        let mut session = Session::of(ANN);
        assert_eq!(session.received(&copy), "OPAQUE(E1) S", "{copy}");
        assert_eq!(session.sent(&text), after_it, "after {copy}");
        assert_eq!(session.received(&answer), answered, "after {copy}");
    }
}

#[test]
fn bodies_beside_a_container() {
    let body = |text: &str| format!("<body>{text}</body>");
    beside(LEGACY, &body(FALLBACK), "OPAQUE(E1) S");
    beside(OMEMO_2, &body("This message is encrypted with OMEMO 2 but could not be decrypted"), "OPAQUE(E1) S,P");
    beside(LEGACY, &body("see you at nine"), "SUSPECT F3");
    beside(LEGACY, &format!("{}<body xml:lang='de'>bis um neun</body>", body(FALLBACK)), "SUSPECT F3");
    beside(LEGACY, &body(&format!("&gt; see you at nine\n{FALLBACK}")), "SUSPECT F3");
    beside(LEGACY, &body(&format!("&gt; {FALLBACK}\n{FALLBACK}")), "OPAQUE(E1) S");
    let range =
        |end: usize| format!("<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='{end}'/></fallback>");
    beside(LEGACY, &(body(&format!("\u{201c}nine!\u{201d}{FALLBACK}")) + &range(7)), "SUSPECT F3,M");
    beside(LEGACY, &(body(&format!("[This message is OMEMO encrypted]{FALLBACK}")) + &range(33)), "OPAQUE(E1) S,M");
    // What is marked as a fallback has to be one.
    let marked = "<fallback xmlns='urn:xmpp:fallback:0' for='eu.siacs.conversations.axolotl'/>";
    beside(LEGACY, &(body("see you at nine") + marked), "SUSPECT F3");
    beside(LEGACY, &(body(FALLBACK) + marked), "OPAQUE(E1) S");
}

#[test]
fn sentences_in_other_words() {
    let sentence = "Diese Nachricht ist mit OMEMO verschl\u{fc}sselt.";
    let body = |text: &str| format!("<body>{text}</body>");
    beside(LEGACY, &body(sentence), "OPAQUE(E1) S,F1");
    beside(OMEMO_2, &body(sentence), "OPAQUE(E1) S,F1,P");
    beside(LEGACY, &body(&format!("{sentence} Bis um neun!")), "SUSPECT F3");
    beside(LEGACY, &body(&format!("Bis um neun! {sentence}")), "SUSPECT F3");
    // Alone it is one only when the message says so.
    clear(&body(sentence), "NOT_ENCRYPTED N1");
    clear(&(body(sentence) + "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2'/>"), "NOT_ENCRYPTED N2");
    // Formatted.
    let html = |inner: &str| {
        format!("<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>{inner}</body></html>")
    };
    beside(LEGACY, &(body(FALLBACK) + &html(FALLBACK)), "OPAQUE(E1) S");
    beside(LEGACY, &html(&format!("<p>{sentence}</p>")), "OPAQUE(E1) S");
    let link = "This is an OMEMO encrypted message which your client doesn't seem to support. \
        Find more information on <a href='https://conversations.im/omemo'>https://conversations.im/omemo</a>";
    beside(LEGACY, &html(link), "OPAQUE(E1) S");
    beside(LEGACY, &html(&link.replace("href='https://conversations.im/omemo'", "href='https://a.example/f'")), "PROVEN_LEAK L4");
    beside(LEGACY, &html(&format!("{FALLBACK} See you at nine")), "PROVEN_LEAK L4");
    beside(LEGACY, &html(&format!("<p title='see you at nine' style='color: red'>{FALLBACK}</p>")), "PROVEN_LEAK L4");
    beside(LEGACY, &html(FALLBACK).replace("<body", "see you at nine<body"), "PROVEN_LEAK L4");
}

#[test]
fn a_repeated_sentence_is_learned() {
    let mut random = Random(9);
    let mut message = |length| {
        let mut m = Message::new(LEGACY, &mut random);
        m.payload = Some(random.bytes(length));
        m.beside = "<body>Verschl\u{fc}sselt</body>".into();
        m.xml()
    };
    let mut session = Session::of(ANN);
    assert_eq!(session.sent(&message(20)), "SUSPECT F3");
    assert_eq!(session.sent(&message(30)), "SUSPECT F3");
    assert_eq!(session.sent(&message(40)), "OPAQUE(E1) S,F2");
    let mut session = Session::of(ANN);
    for _ in 0..5 {
        assert_eq!(session.sent(&message(20)), "SUSPECT F3", "the payload may be that text each time");
    }
}

#[test]
fn envelopes_in_clear() {
    clear("<envelope xmlns='urn:xmpp:sce:1'><content><body xmlns='jabber:client'>x</body></content></envelope>", "PROVEN_LEAK L3");
    clear("<content xmlns='urn:xmpp:sce:0'><payload/></content>", "PROVEN_LEAK L3");
    beside(OMEMO_2, "<envelope xmlns='urn:xmpp:sce:1'/>", "PROVEN_LEAK L3");
    let text = b"<envelope xmlns='urn:xmpp:sce:1'><content><body>\xc3\xa9</body></content></envelope>          ".to_vec();
    let xml = Message::new(OMEMO_2, &mut Random(7)).change(|m| m.payload = Some(text[..80].to_vec())).xml();
    check(&xml, "PROVEN_LEAK L3,T1,T3");
    let text = b"<ns0:envelope xmlns:ns0='urn:xmpp:sce:1'><ns0:content><ns1:body xmlns:ns1='jabber:client'>hello</ns1:body></ns0:content>";
    let xml = Message::new(OMEMO_2, &mut Random(7)).change(|m| m.payload = Some(text[..112].to_vec())).xml();
    check(&xml, "PROVEN_LEAK L3,T1,T2,T3");
    // OpenPGP's, which nobody encrypted.
    let readable = "<signcrypt xmlns='urn:xmpp:openpgp:0'><payload><body xmlns='jabber:client'>hello</body></payload></signcrypt>";
    clear(readable, "NOT_ENCRYPTED N1");
    clear(&format!("{readable}<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:openpgp:0'/>"), "SUSPECT L6,N1");
    beside(LEGACY, readable, "SUSPECT L4");
}

#[test]
fn keys_in_clear() {
    let link = format!("aesgcm://up.example/f.jpg#{}", "1a".repeat(44));
    clear(&format!("<body>{link}</body>"), "PROVEN_LEAK L5,N1");
    beside(LEGACY, &format!("<body>{link}</body>"), "PROVEN_LEAK L5,F3");
    clear(&format!("<body>{}</body>", link.replace("aesgcm", "AESGCM")), "PROVEN_LEAK L5,N1");
    clear(&format!("<body>{}</body>", link.replace("aesgcm", "https")), "PROVEN_LEAK L5,N1");
    clear(&format!("<body>{}</body>", link.replace('#', "&#35;")), "PROVEN_LEAK L5,N1");
    clear(&format!("<body>https://a.example/f#{}</body>", "1a".repeat(20)), "NOT_ENCRYPTED N1");
    beside(LEGACY, &format!("<x xmlns='jabber:x:oob'><url>{link}</url></x>"), "PROVEN_LEAK L4,L5");
    check(
        &format!("<iq type='set' id='1'><query xmlns='jabber:iq:private'><note xmlns='urn:example:0' at='{link}'/></query></iq>"),
        "PROVEN_LEAK L5",
    );
    let call = "<iq type='set' to='ben@b.example/x' id='1'><jingle xmlns='urn:xmpp:jingle:1' action='session-initiate'><content name='a'>\
        <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'><encryption><crypto crypto-suite='AES_CM_128_HMAC_SHA1_80' \
        key-params='inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz' tag='1'/></encryption></description></content></jingle></iq>";
    check(call, "PROVEN_LEAK L5");
    let file = "<file-sharing xmlns='urn:xmpp:sfs:0'><sources><encrypted xmlns='urn:xmpp:esfs:0'><key>SuRJ2agVm/pQbJQlPq/B23Xt1YOOJCcEGJA5HrcYOGQ=</key>\
        </encrypted></sources></file-sharing>";
    clear(file, "PROVEN_LEAK L5,N1");
    clear("<body>aesgcm://up.example/f.jpg</body>", "NOT_ENCRYPTED N1");
}

#[test]
fn encryption_that_was_expected() {
    let omemo = Message::new(LEGACY, &mut Random(7)).xml();
    let text = format!("<message to='{BEN}'><body>x</body></message>");
    let mut session = Session::of(ANN);
    assert_eq!(session.sent(&text), "NOT_ENCRYPTED N1");
    assert_eq!(session.sent(&omemo), "OPAQUE(E1) S");
    assert_eq!(session.sent(&text), "SUSPECT L6,N1");
    assert_eq!(session.received(&format!("<message from='{BEN}/x' to='{ANN}'><body>x</body></message>")), "NOT_ENCRYPTED N1");
    let mut session = Session::of(ANN);
    assert_eq!(session.sent(&format!("<message to='{BEN}'><body>?OTR:AAMDAAAA.</body></message>")), "OTHER_E2EE O2");
    assert_eq!(session.sent(&text), "SUSPECT L6,N1");
    let mut session = Session::of(ANN);
    assert_eq!(session.sent(&format!("<message to='{BEN}'><body>?OTR:AAMCAAAA.</body></message>")), "OTHER_E2EE O2");
    assert_eq!(session.sent(&text), "NOT_ENCRYPTED N1", "a handshake promises nothing yet");
    // The stanza says that it is encrypted.
    clear("<body>x</body><encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2'/>", "SUSPECT L6,N1");
    // With a canary there is nothing to suspect any more.
    let mut session =
        Session::new(Settings { accounts: vec![ANN.into()], canaries: Canaries::of_texts(["CNRYABCD"]).unwrap(), ..Settings::default() });
    session.sent(&omemo);
    assert_eq!(session.sent(&text.replace("x<", "CNRYABCD<")), "PROVEN_LEAK L1,L6,N1");
}

#[test]
fn content_without_a_container() {
    clear("<body>hello</body>", "NOT_ENCRYPTED N1");
    clear("<subject>s</subject>", "NOT_ENCRYPTED N1");
    clear("<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>\u{1f44d}</reaction></reactions>", "NOT_ENCRYPTED N1");
    clear("<body>This message is OMEMO encrypted.</body>", "NOT_ENCRYPTED N2");
    clear("<body>This message is OMEMO encrypted.</body><x xmlns='jabber:x:oob'><url>https://a.example/</url></x>", "NOT_ENCRYPTED N1");
    clear("<encryption xmlns='urn:xmpp:eme:0' namespace='x'/>", "NOT_ENCRYPTED N2");
    clear("<active xmlns='http://jabber.org/protocol/chatstates'/>", "none");
    clear("<received xmlns='urn:xmpp:receipts' id='1'/>", "none");
    clear("<subject/><body/>", "none");
}

fn packets(parts: &[(u8, &[u8])]) -> String {
    base64(&parts.iter().flat_map(|(tag, body)| [&[0xc0 | tag, body.len() as u8][..], body].concat()).collect::<Vec<_>>())
}

#[test]
fn openpgp() {
    let session_key: (u8, &[u8]) = (1, &[3, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 1, 0]);
    let ox = |data: &str| format!("<openpgp xmlns='urn:xmpp:openpgp:0'>{data}</openpgp>");
    clear(&ox(&packets(&[session_key, (18, &[1, 2, 3])])), "OTHER_E2EE O1");
    clear(&ox(&packets(&[(3, &[4, 9]), (20, &[1, 2, 3])])), "OTHER_E2EE O1");
    for readable in [4, 8, 11, 2] {
        clear(&ox(&packets(&[(readable, &[3, 2, 1])])), "PROVEN_LEAK O1");
    }
    clear(&ox(&packets(&[(18, &[1, 2, 3])])), "SUSPECT O1");
    clear(&ox("-----BEGIN PGP MESSAGE-----"), "SUSPECT O1");
    clear(&(ox(&packets(&[session_key, (18, &[1])])) + "<subject>s</subject>"), "PROVEN_LEAK L4,O1");
    clear(&(ox(&packets(&[session_key, (18, &[1])])) + "<body>see you at nine</body>"), "SUSPECT F3,O1");
    let old = |data: &str| format!("<body>This message is encrypted (XEP-0027).</body><x xmlns='jabber:x:encrypted'>{data}</x>");
    clear(&old(&format!("Version: 1\n\n{}\n=AbCd", packets(&[session_key, (18, &[1, 2, 3])]))), "OTHER_E2EE O3");
    clear(&old(&packets(&[(11, b"b\0\0\0\0\0hello")])), "PROVEN_LEAK O3");
    clear(&old("?"), "SUSPECT O3");
    let item = |data: &str| {
        format!(
            "<iq type='set' id='1'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item>\
            <encrypted xmlns='urn:xmpp:openpgp:pubsub:0' key='k'>{data}</encrypted></item></publish></pubsub></iq>"
        )
    };
    check(&item(&packets(&[(3, &[4, 9]), (18, &[1, 2, 3])])), "OTHER_E2EE O6");
    check(&item(&packets(&[(11, b"b\0\0\0\0\0hello")])), "PROVEN_LEAK O6");
    // Who can read it is metadata, and shown.
    let xml = format!("<message to='{BEN}'>{}</message>", ox(&packets(&[session_key, (18, &[1, 2, 3])])));
    let verdict = Session::of(ANN).verdict(crate::xmpp::Direction::ClientToServer, &xml).unwrap();
    assert_eq!(verdict.because, "OpenPGP, encrypted to key 1122334455667788");
}

#[test]
fn other_systems() {
    clear("<body>?OTR:AAQD8EkpnL7y.</body>", "OTHER_E2EE O2");
    clear(
        "<body>?OTR:AAQD8EkpnL7y.</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>?OTR:AAQD8EkpnL7y.</body></html>",
        "OTHER_E2EE O2",
    );
    clear("<body>?OTR:AAQD8EkpnL7y.</body><subject>s</subject>", "PROVEN_LEAK L4,O2");
    clear("<body>?OTR,1,2,?OTR:AAMD,</body>", "OTHER_E2EE O2");
    clear("<body>?OTR:AAMDAAAA. see you</body>", "SUSPECT F3,O2");
    clear("<body>?OTRv23?\nAnn wants to talk off the record</body>", "NOT_ENCRYPTED O2q");
    clear("<body>?OTR Error: you sent encrypted data</body>", "NOT_ENCRYPTED O2q");
    clear("<body>hi \t  \t\t\t\t \t \t \t   \t\t  \t </body>", "NOT_ENCRYPTED O2q,N1");
    clear("<c xmlns='http://www.xmpp.org/extensions/xep-0200.html#ns'><data>QUJD</data><mac>QUJD</mac></c>", "OTHER_E2EE O4");
    clear("<c xmlns='http://www.xmpp.org/extensions/xep-0200.html#ns'><data>QUJD</data></c>", "SUSPECT O4");
    clear("<encrypted xmlns='urn:example:mls'>QUJD</encrypted>", "OTHER_E2EE O5");
    clear("<encrypted xmlns='urn:example:mls'>QUJD</encrypted><subject>s</subject>", "PROVEN_LEAK L4,O5");
    clear("<sealed xmlns='urn:example:mls'>QUJD</sealed><encryption xmlns='urn:xmpp:eme:0' namespace='urn:example:mls'/>", "OTHER_E2EE O5");
    // What is known to be something else is no container, whatever is announced.
    for content in [
        "<x xmlns='jabber:x:oob'><url>https://a.example/f</url></x>",
        "<subject>s</subject>",
        "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>x</body></html>",
    ] {
        let namespace = content.split('\'').nth(1).unwrap_or("jabber:client");
        clear(&format!("{content}<encryption xmlns='urn:xmpp:eme:0' namespace='{namespace}'/>"), "SUSPECT L6,N1");
    }
    clear("<o:encrypted>QUJD</o:encrypted>", "SUSPECT O5");
    clear("<body>?OTR,1,1,see you at nine,</body>", "SUSPECT O2");
}

#[test]
fn items_of_nodes() {
    let item = |item: &str, expected: &str| {
        let items = format!("<item>{item}</item>");
        let pubsub = format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'>{items}</publish></pubsub>");
        check(&format!("<iq type='set' id='1'>{pubsub}</iq>"), expected);
        let event = format!("<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'>{items}</items></event>");
        assert_eq!(Session::of(ANN).received(&format!("<message from='{BEN}' to='{ANN}'>{event}</message>")), expected);
    };
    let targeted = |inner: &str| format!("<encrypted xmlns='urn:xmpp:pte:0' by='x'>{inner}</encrypted>");
    let entry = "<entry xmlns='http://www.w3.org/2005/Atom'><title>t</title></entry>";
    let unknown = "<encrypted xmlns='urn:example:mls'>QUJD</encrypted>";
    let omemo = Message::new(OMEMO_2, &mut Random(7)).container();
    item(entry, "none");
    item(unknown, "OTHER_E2EE O5");
    item(&omemo, "OPAQUE(E1) S");
    item(&targeted(""), "SUSPECT O6");
    item(&targeted(entry), "SUSPECT O6");
    item(&targeted(&omemo), "OPAQUE(E1) S,O6");
    item(&targeted(&(omemo.clone() + entry)), "SUSPECT O6");
    item(&targeted(unknown), "OTHER_E2EE O5,O6");
}
