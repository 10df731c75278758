//! Bundles and device lists: B1 to B9, D1 to D8.

use ed25519_dalek::{Signer as _, SigningKey};

use super::super::curve::tests::sign_legacy;
use super::make::{ANN, BEN, CLEO, Key, LEGACY, Message, OMEMO_1, OMEMO_2, Random, base64};
use super::{Session, shown};
use crate::audit::Settings;
use crate::xmpp::Direction;

/// A bundle with real signatures.
#[derive(Debug, Clone)]
struct Bundle {
    namespace: &'static str,
    private: [u8; 32],
    ik: Vec<u8>,
    spk: Vec<u8>,
    signature: Vec<u8>,
    prekeys: Vec<(u32, Vec<u8>)>,
}

impl Bundle {
    fn new(namespace: &'static str, random: &mut Random) -> Bundle {
        let typed = |key: &[u8; 32]| if namespace == LEGACY { [&[5][..], key].concat() } else { key.to_vec() };
        let private = random.key();
        let spk = typed(&random.key());
        let (ik, signature) = if namespace == LEGACY {
            let (ik, signature) = sign_legacy(private, &spk);
            (typed(&ik), signature)
        } else {
            let signing = SigningKey::from_bytes(&private);
            (signing.verifying_key().to_bytes().to_vec(), signing.sign(&spk).to_bytes())
        };
        let prekeys = (1..=30).map(|id| (id, typed(&random.key()))).collect();
        Bundle { namespace, private, ik, spk, signature: signature.to_vec(), prekeys }
    }

    fn change(mut self, change: impl FnOnce(&mut Bundle)) -> Bundle {
        change(&mut self);
        self
    }

    fn identity(&self) -> [u8; 32] {
        self.ik[self.ik.len() - 32..].try_into().unwrap()
    }

    fn item(&self, device: u32) -> String {
        let legacy = self.namespace == LEGACY;
        let prekey = |(id, key): &(u32, Vec<u8>)| {
            let key = base64(key);
            if legacy { format!("<preKeyPublic preKeyId='{id}'>{key}</preKeyPublic>") } else { format!("<pk id='{id}'>{key}</pk>") }
        };
        let prekeys: String = self.prekeys.iter().map(prekey).collect();
        let (ik, spk, signature) = (base64(&self.ik), base64(&self.spk), base64(&self.signature));
        let keys = if legacy {
            format!(
                "<identityKey>{ik}</identityKey><signedPreKeyPublic signedPreKeyId='1'>{spk}</signedPreKeyPublic>\
                <signedPreKeySignature>{signature}</signedPreKeySignature>"
            )
        } else {
            format!("<ik>{ik}</ik><spk id='1'>{spk}</spk><spks>{signature}</spks>")
        };
        let id = if legacy { "current".to_owned() } else { device.to_string() };
        format!("<item id='{id}'><bundle xmlns='{}'>{keys}<prekeys>{prekeys}</prekeys></bundle></item>", self.namespace)
    }

    fn node(&self, device: u32) -> String {
        if self.namespace == LEGACY { format!("{LEGACY}.bundles:{device}") } else { format!("{}:bundles", self.namespace) }
    }

    /// As its owner publishes it.
    fn published(&self, device: u32) -> String {
        format!(
            "<iq type='set' id='1'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{}'>{}</publish></pubsub></iq>",
            self.node(device),
            self.item(device)
        )
    }

    /// As others fetch it.
    fn fetched(&self, owner: &str, device: u32) -> String {
        format!(
            "<iq type='result' from='{owner}' to='{ANN}/phone' id='1'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
            <items node='{}'>{}</items></pubsub></iq>",
            self.node(device),
            self.item(device)
        )
    }
}

fn devices(namespace: &str, ids: &[u32]) -> String {
    let device: String = ids.iter().map(|id| format!("<device id='{id}'/>")).collect();
    let list = if namespace == LEGACY { "list" } else { "devices" };
    format!("<item id='current'><{list} xmlns='{namespace}'>{device}</{list}></item>")
}

fn node(namespace: &str) -> String {
    if namespace == LEGACY { format!("{LEGACY}.devicelist") } else { format!("{namespace}:devices") }
}

fn announce(namespace: &str, ids: &[u32]) -> String {
    format!(
        "<iq type='set' id='1'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{}'>{}</publish></pubsub></iq>",
        node(namespace),
        devices(namespace, ids)
    )
}

fn event(namespace: &str, owner: &str, ids: &[u32]) -> String {
    format!(
        "<message from='{owner}' to='{ANN}/phone'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='{}'>{}</items></event></message>",
        node(namespace),
        devices(namespace, ids)
    )
}

#[track_caller]
fn bundle(namespace: &'static str, change: impl FnOnce(&mut Bundle), expected: &str) {
    let bundle = Bundle::new(namespace, &mut Random(7)).change(change);
    assert_eq!(Session::of(ANN).sent(&bundle.published(11)), expected);
    assert_eq!(Session::of(ANN).received(&bundle.fetched(BEN, 21)), expected);
}

#[test]
fn faulty_bundles() {
    for namespace in [LEGACY, OMEMO_1, OMEMO_2] {
        bundle(namespace, |_| {}, "none");
        bundle(namespace, |b| b.ik.truncate(31), "SUSPECT B1");
        bundle(namespace, |b| b.spk.push(0), "SUSPECT B1");
        bundle(namespace, |b| b.signature.clear(), "SUSPECT B1");
        bundle(namespace, |b| b.prekeys.clear(), "SUSPECT B1");
        bundle(namespace, |b| b.prekeys[3].1.truncate(9), "SUSPECT B1");
        bundle(namespace, |b| b.prekeys[3].0 = 0, "SUSPECT B1");
        bundle(namespace, |b| b.signature[9] ^= 1, "SUSPECT B2");
        bundle(namespace, |b| b.spk[9] ^= 1, "SUSPECT B2");
        bundle(namespace, |b| b.prekeys[4].1 = b.prekeys[5].1.clone(), "SUSPECT B3");
        bundle(namespace, |b| b.prekeys[4].0 = b.prekeys[5].0, "SUSPECT B3");
        bundle(namespace, |b| b.prekeys[4].1 = b.spk.clone(), "SUSPECT B3");
        bundle(namespace, |b| b.prekeys[4].1.iter_mut().rev().take(32).for_each(|b| *b = 0), "SUSPECT B3");
        bundle(namespace, |b| b.ik.iter_mut().rev().take(32).for_each(|b| *b = 0), "SUSPECT B2,B3");
        bundle(namespace, |b| b.prekeys.truncate(10), "SUSPECT B4");
    }
    bundle(LEGACY, |b| b.prekeys.truncate(20), "none");
    bundle(LEGACY, |b| b.prekeys.truncate(19), "SUSPECT B4");
    bundle(OMEMO_2, |b| b.prekeys.truncate(25), "none");
    bundle(OMEMO_2, |b| b.prekeys.truncate(24), "SUSPECT B4");
}

#[test]
fn data_of_an_account_nobody_has_named() {
    let nobody = || Session::new(Settings::default());
    for namespace in [LEGACY, OMEMO_2] {
        let mut random = Random(7);
        let mut bundle = || Bundle::new(namespace, &mut random);
        assert_eq!(nobody().sent(&bundle().published(11)), "none");
        assert_eq!(nobody().sent(&bundle().change(|b| b.signature[9] ^= 1).published(11)), "SUSPECT B2");
        let few = bundle().change(|b| b.prekeys.truncate(5));
        assert_eq!(nobody().sent(&few.published(11)), "SUSPECT B4");
        // Not even in an item.
        let item = few.item(11);
        let alone = &item[item.find("<bundle").unwrap()..item.find("</item>").unwrap()];
        assert_eq!(nobody().sent(&format!("<iq type='set' id='1'>{alone}</iq>")), "SUSPECT B4");
        // It is one account, whatever its name.
        let mut session = nobody();
        assert_eq!(session.sent(&bundle().published(11)), "none");
        assert_eq!(session.sent(&bundle().published(11)), "SUSPECT D6");
    }
    let list = announce(OMEMO_2, &[11, 12]).replace("<device id='12'/>", "<device id='12' label='Phone'/>");
    assert_eq!(nobody().sent(&list), "SUSPECT D4");
}

#[test]
fn keys_across_devices() {
    for namespace in [LEGACY, OMEMO_2] {
        let mut session = Session::of(ANN);
        let mut random = Random(8);
        let (first, second) = (Bundle::new(namespace, &mut random), Bundle::new(namespace, &mut random));
        assert_eq!(session.received(&first.fetched(BEN, 21)), "none");
        assert_eq!(session.received(&first.fetched(BEN, 21)), "none", "the same again");
        assert_eq!(session.received(&second.fetched(BEN, 22)), "none");
        let shared = second.clone().change(|b| b.prekeys[3].1 = first.prekeys[3].1.clone());
        assert_eq!(session.received(&shared.fetched(CLEO, 31)), "SUSPECT B3");
        // The identity key of a device stays.
        assert_eq!(session.received(&Bundle::new(namespace, &mut random).fetched(BEN, 21)), "SUSPECT D6");
    }
}

/// A session begins: Ann's message to Ben's device 21 with the one-time key `pk_id`.
fn exchange(namespace: &'static str, random: &mut Random, pk_id: u32) -> Message {
    let mut message = Message::new(namespace, random);
    let inner = message.keys[0].inner.len();
    message.keys = vec![Key::new(random, BEN, 21, inner).exchange(random, pk_id)];
    message
}

#[test]
fn an_identity_key_that_was_replaced() {
    for namespace in [LEGACY, OMEMO_2] {
        let mut random = Random(9);
        let own = Bundle::new(namespace, &mut random);
        let mut session = Session::of(ANN);
        session.sent(&own.published(11));
        let mut message = exchange(namespace, &mut random, 1);
        assert_eq!(session.sent(&message.xml()), "SUSPECT D3");
        message = exchange(namespace, &mut random, 1);
        message.keys[0].exchange.as_mut().unwrap().ik = own.identity();
        assert_eq!(session.sent(&message.xml()), "OPAQUE(E1) S,B6", "a new session, before the bundle was renewed");
    }
}

#[test]
fn one_time_keys_are_used_once() {
    for namespace in [LEGACY, OMEMO_2] {
        let mut random = Random(10);
        let full = Bundle::new(namespace, &mut random);
        let without = full.clone().change(|b| _ = b.prekeys.remove(4));
        let mut session = Session::of(ANN);
        assert_eq!(session.received(&full.fetched(BEN, 21)), "none");
        assert_eq!(session.sent(&exchange(namespace, &mut random, 5).xml()), "OPAQUE(E1) S");
        assert_eq!(session.sent(&exchange(namespace, &mut random, 5).xml()), "OPAQUE(E1) S,B6", "a race");
        assert_eq!(session.sent(&exchange(namespace, &mut random, 6).xml()), "OPAQUE(E1) S");
        assert_eq!(session.received(&without.fetched(BEN, 21)), "none");
        assert_eq!(session.sent(&exchange(namespace, &mut random, 5).xml()), "SUSPECT B6");
        assert_eq!(session.sent(&exchange(namespace, &mut random, 6).xml()), "OPAQUE(E1) S,B6", "still offered");
        assert_eq!(session.received(&full.fetched(BEN, 21)), "SUSPECT B5");
        // A new key may have an old number.
        let mut session = Session::of(ANN);
        session.received(&full.fetched(BEN, 21));
        session.sent(&exchange(namespace, &mut random, 5).xml());
        session.received(&without.fetched(BEN, 21));
        let fresh = Bundle::new(namespace, &mut random).prekeys[4].clone();
        let renumbered = full.clone().change(|b| b.prekeys[4] = fresh);
        assert_eq!(session.received(&renumbered.fetched(BEN, 21)), "none");
        assert_eq!(session.sent(&exchange(namespace, &mut random, 5).xml()), "OPAQUE(E1) S");
    }
}

#[test]
fn notes_on_bundles() {
    let mut random = Random(11);
    let full = Bundle::new(OMEMO_2, &mut random);
    let mut session = Session::of(ANN);
    session.received(&full.fetched(BEN, 21));
    session.wait(61 * 24 * 3600);
    session.received(&full.fetched(BEN, 21));
    assert_eq!(session.sent(&exchange(OMEMO_2, &mut random, 1).xml()), "OPAQUE(E1) S,B7");

    let mut session = Session::of(ANN);
    for left in [30, 29, 28, 27] {
        session.received(&full.clone().change(|b| b.prekeys.truncate(left)).fetched(BEN, 21));
    }
    assert_eq!(session.sent(&exchange(OMEMO_2, &mut random, 1).xml()), "OPAQUE(E1) S,B8");

    let mut session = Session::of(ANN);
    let options = |model: &str| {
        format!(
            "<publish-options><x xmlns='jabber:x:data' type='submit'><field var='pubsub#access_model'><value>{model}</value></field></x></publish-options></pubsub>"
        )
    };
    session.sent(&full.published(11).replace("</pubsub>", &options("presence")));
    assert_eq!(session.sent(&Message::new(OMEMO_2, &mut random).xml()), "OPAQUE(E1) S,B9");
    session.sent(&announce(OMEMO_2, &[11, 12]).replace("</pubsub>", &options("open")));
    assert_eq!(session.sent(&Message::new(OMEMO_2, &mut random).xml()), "OPAQUE(E1) S");
}

#[test]
fn recipients_are_on_a_list() {
    for namespace in [LEGACY, OMEMO_1, OMEMO_2] {
        let mut random = Random(12);
        let mut message = |change: &dyn Fn(&mut Message)| {
            let mut message = Message::first(namespace, &mut random);
            change(&mut message);
            message.xml()
        };
        let mut session = Session::with_lists(namespace);
        assert_eq!(session.sent(&message(&|_| {})), "OPAQUE(E2) S");
        assert_eq!(session.sent(&message(&|m| m.keys[0].rid = "77".into())), "SUSPECT D1,D8");
        assert_eq!(session.sent(&message(&|m| m.sid = "77".into())), "SUSPECT D2");
        assert_eq!(session.sent(&message(&|m| _ = m.keys.remove(0))), "OPAQUE(E1) S,D8", "and no more E2 after a doubt");
        // A device of somebody who is not concerned.
        let expected = if namespace == LEGACY { "SUSPECT D1" } else { "SUSPECT D7" };
        assert_eq!(
            session.sent(&message(&|m| {
                m.keys[2].rid = "31".into();
                m.keys[2].jid = CLEO;
            })),
            expected
        );
        // Nothing is known of the recipient.
        let mut session = Session::of(ANN);
        session.sent(&announce(namespace, &[11, 12]));
        assert_eq!(session.sent(&message(&|m| m.keys[0].rid = "77".into())), "OPAQUE(E1) S");
        // Messages under way when the list changes.
        let mut session = Session::with_lists(namespace);
        assert_eq!(session.received(&event(namespace, BEN, &[22, 23])), "none");
        assert_eq!(session.sent(&message(&|_| {})), "OPAQUE(E2) S,D8");
        session.wait(60);
        assert_eq!(session.sent(&message(&|_| {})), "SUSPECT D1,D8");
    }
}

#[test]
fn the_sender_may_just_have_been_removed() {
    let mut random = Random(13);
    let mut session = Session::with_lists(OMEMO_2);
    let mut from_ben = || {
        let mut message = Message::first(OMEMO_2, &mut random);
        (message.from, message.to, message.sid) = (format!("{BEN}/x"), ANN.into(), "21".into());
        message.keys.retain(|key| key.jid == ANN);
        message.xml()
    };
    assert_eq!(session.received(&from_ben()), "OPAQUE(E2) S,D8");
    session.received(&event(OMEMO_2, BEN, &[22]));
    assert_eq!(session.received(&from_ben()), "OPAQUE(E2) S,D2,D8");
    assert_eq!(session.received(&from_ben()), "SUSPECT D2,D8");
}

#[test]
fn labels_are_signed() {
    let mut random = Random(14);
    let bundle = Bundle::new(OMEMO_2, &mut random);
    let sign = |text: &str| base64(&SigningKey::from_bytes(&bundle.private).sign(text.as_bytes()).to_bytes());
    let list = |attributes: &str| event(OMEMO_2, BEN, &[21, 22]).replace("<device id='21'/>", &format!("<device id='21' {attributes}/>"));
    let good = format!("label='Télé' labelsig='{}'", sign("Télé"));
    let bad = format!("label='Phone' labelsig='{}'", sign("Télé"));
    for (attributes, expected) in [
        (good.as_str(), "none"),
        (bad.as_str(), "SUSPECT D4"),
        ("label='Phone'", "SUSPECT D4"),
        ("label='Phone' labelsig='QUJD'", "SUSPECT D4"),
    ] {
        let mut session = Session::of(ANN);
        session.received(&bundle.fetched(BEN, 21));
        assert_eq!(session.received(&list(attributes)), expected, "{attributes}");
    }
    // The list may come before the bundle.
    let mut session = Session::of(ANN);
    assert_eq!(session.received(&list(&bad)), "none");
    assert_eq!(session.received(&bundle.fetched(BEN, 21)), "SUSPECT D4");
    assert_eq!(session.received(&list(&good)), "none");
    assert_eq!(session.received(&bundle.fetched(BEN, 21)), "none");
}

#[test]
fn a_device_that_the_server_added() {
    for namespace in [LEGACY, OMEMO_2] {
        let mut random = Random(15);
        let mut to = |rid: &str| {
            let mut message = Message::first(namespace, &mut random);
            message.keys[2].rid = rid.into();
            message.xml()
        };
        let mut session = Session::of(ANN);
        // There from the beginning: of another client, or the server's. One cannot tell.
        assert_eq!(session.received(&event(namespace, ANN, &[11, 12])), "none");
        assert_eq!(session.sent(&to("12")), "OPAQUE(E1) S,D5");
        assert_eq!(session.received(&event(namespace, ANN, &[11, 12, 13])), "none");
        assert_eq!(session.sent(&to("13")), "SUSPECT D5");
        // The client has announced it itself.
        assert_eq!(session.sent(&announce(namespace, &[11, 12, 13])), "none");
        assert_eq!(session.sent(&to("13")), "OPAQUE(E1) S");
        // The first list is the client's own.
        let mut session = Session::of(ANN);
        assert_eq!(session.sent(&announce(namespace, &[11, 12])), "none");
        assert_eq!(session.received(&event(namespace, ANN, &[11, 12])), "none");
        assert_eq!(session.sent(&to("12")), "OPAQUE(E1) S");
        assert_eq!(session.received(&event(namespace, ANN, &[11, 12, 13])), "none");
        assert_eq!(session.sent(&to("13")), "SUSPECT D5");
    }
}

#[test]
fn readers_that_the_message_does_not_name() {
    let mut random = Random(18);
    let mut to_cleo = || {
        let mut message = Message::new(OMEMO_2, &mut random);
        message.keys[0].rid = "31".into();
        message.keys[0].jid = CLEO;
        message
    };
    assert_eq!(Session::of(ANN).sent(&to_cleo().xml()), "SUSPECT D7");
    // Items of a node are for whoever may read it.
    for item in ["{}", "<encrypted xmlns='urn:xmpp:pte:0' by='ben@b.example' type='urn:xmpp:omemo:2'>{}</encrypted>"] {
        let event = format!(
            "<message from='{BEN}' to='{ANN}/phone'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'><item>{}</item></items></event></message>",
            item.replace("{}", &to_cleo().container())
        );
        assert!(Session::of(ANN).received(&event).starts_with("OPAQUE(E1) S"), "{event}");
    }
    // In private in a room, also one that was not seen before.
    let marked = "<x xmlns='http://jabber.org/protocol/muc#user'/>";
    let private = to_cleo().change(|m| (m.to, m.beside) = ("room@m.example/cleo".into(), marked.into()));
    assert_eq!(Session::of(ANN).sent(&private.xml()), "OPAQUE(E1) S");
    let back = to_cleo().change(|m| (m.from, m.to, m.beside) = ("room@m.example/cleo".into(), format!("{ANN}/phone"), marked.into()));
    assert_eq!(Session::of(ANN).received(&back.xml()), "OPAQUE(E1) S");
    // Other addresses (XEP-0033).
    for (addresses, expected) in [
        ("<address type='to' jid='ben@b.example'/><address type='cc' jid='cleo@c.example/x'/>", "OPAQUE(E1) S"),
        ("<address type='replyto' jid='cleo@c.example'/>", "SUSPECT D7"),
    ] {
        let addresses = format!("<addresses xmlns='http://jabber.org/protocol/address'>{addresses}</addresses>");
        assert_eq!(Session::of(ANN).sent(&to_cleo().change(|m| m.beside = addresses.clone()).xml()), expected, "{addresses}");
    }
}

#[test]
fn a_device_of_nobody_in_a_room_nobody_has_listed() {
    let mut random = Random(19);
    let mut message = |rid: &str| {
        let mut message = Message::new(LEGACY, &mut random);
        message.keys[0].rid = rid.into();
        message.change(|m| (m.to, m.kind) = ("room@m.example".into(), "groupchat")).xml()
    };
    assert_eq!(Session::with_lists(LEGACY).sent(&message("31")), "OPAQUE(E1) S");
    assert_eq!(Session::with_lists(LEGACY).sent(&message("77")), "SUSPECT D1");
    // Lists of the session are never all.
    let mut session = Session::of(ANN);
    session.sent(&announce(LEGACY, &[11, 12]));
    session.received(&event(LEGACY, BEN, &[21, 22]));
    assert_eq!(session.sent(&message("77")), "OPAQUE(E1) S");
}

#[test]
fn the_audience_of_a_room_is_its_members() {
    let mut random = Random(16);
    let members = |affiliation: &str, jids: &[&str]| {
        let items: String = jids.iter().map(|jid| format!("<item affiliation='{affiliation}' jid='{jid}'/>")).collect();
        format!(
            "<iq type='result' from='room@m.example' to='{ANN}/phone' id='1'><query xmlns='http://jabber.org/protocol/muc#admin'>{items}</query></iq>"
        )
    };
    let mut message = || Message::first(OMEMO_2, &mut random).change(|m| (m.to, m.kind) = ("room@m.example".into(), "groupchat"));
    let mut session = Session::with_lists(OMEMO_2);
    assert_eq!(session.sent(&message().xml()), "OPAQUE(E1) S", "nobody knows who is in the room");
    session.received(&members("member", &[BEN]));
    session.received(&members("owner", &[ANN]));
    assert_eq!(session.sent(&message().xml()), "OPAQUE(E2) S");
    assert_eq!(session.sent(&message().change(|m| m.keys[0].jid = "eve@e.example").xml()), "SUSPECT D7,D8");
}

#[test]
fn lists_of_version_0_8_0_stand_elsewhere() {
    let mut random = Random(17);
    let mut session = Session::of(ANN);
    session.sent(&announce(OMEMO_1, &[11, 12]));
    session.received(&event(OMEMO_1, BEN, &[21, 22]));
    assert_eq!(session.sent(&Message::first(OMEMO_2, &mut random).xml()), "OPAQUE(E2) S");
    let strange = Message::first(OMEMO_2, &mut random).change(|m| m.keys[0].rid = "77".into()).xml();
    assert_eq!(session.sent(&strange), "SUSPECT D1,D8");
}

#[test]
fn details_of_a_bundle_name_the_place() {
    let mut session = Session::of(ANN);
    let faulty = Bundle::new(LEGACY, &mut Random(7)).change(|b| b.signature[9] ^= 1);
    let verdict = session.verdict(Direction::ClientToServer, &faulty.published(11)).unwrap();
    assert_eq!(verdict.details[0].path, "iq/pubsub/publish/item/bundle/signedPreKeySignature");
    assert_eq!(shown(Some(verdict)), "SUSPECT B2");
}
