//! What passes through the proxy, made up: one client's session as both directions see it. The same on every call.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use stanzascope::xmpp::Direction;
use stanzascope::xmpp::Direction::{ClientToServer as Up, ServerToClient as Down};

const OWN: &str = "mira@fern.example";
const RESOURCE: &str = "balcony.x7Qw";
/// On the roster, as a rule.
pub const CONTACTS: usize = 200;
const ROOMS: usize = 6;
/// Bytes that one read of a socket brings.
const CHUNK: usize = 16 << 10;

/// A session's bytes.
pub struct Corpus {
    /// What passes in clear; inside TLS come the chunks.
    pub before_tls: Vec<(Direction, Vec<u8>)>,
    /// What passes inside TLS, as it is read.
    pub chunks: Vec<(Direction, Vec<u8>)>,
    /// All of it for each direction, for parsers that know no chunks.
    pub whole: [String; 2],
    /// First-level elements inside TLS, one by one.
    pub sent: Vec<(Direction, String)>,
    /// How many there are.
    pub stanzas: u64,
    /// Bytes inside TLS.
    pub bytes: u64,
}

impl Corpus {
    /// A session of about this many bytes: a login, then rounds of everyday traffic.
    pub fn new(bytes: usize) -> Corpus {
        Corpus::with_contacts(bytes, CONTACTS)
    }

    /// The same with another number of contacts, all of whom write.
    pub fn with_contacts(bytes: usize, contacts: usize) -> Corpus {
        let mut session = Session { random: 0x9e37_79b9_7f4a_7c15, ids: 0, contacts, sent: Vec::new() };
        session.login();
        let (mut counted, mut so_far) = (0, 0);
        while so_far < bytes {
            session.round();
            so_far += session.sent[counted..].iter().map(|(_, xml)| xml.len()).sum::<usize>();
            counted = session.sent.len();
        }
        let header = stream_header(Down);
        let before_tls = vec![
            (Up, stream_header(Up).into_bytes()),
            (Down, format!("{header}<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>").into_bytes()),
            (Up, b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".to_vec()),
            (Down, b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".to_vec()),
        ];
        let stanzas = session.sent.len() as u64;
        let whole = [Up, Down].map(|d| session.sent.iter().filter(|(of, _)| *of == d).map(|(_, xml)| xml.as_str()).collect::<String>());
        let bytes = whole.iter().map(|w| w.len() as u64).sum();
        Corpus { before_tls, chunks: cut(&session.sent), stanzas, bytes, whole, sent: session.sent }
    }
}

/// Gathers what each direction sends into pieces of the size of a read, in the order in which they fill up. The login is not gathered: each
/// step of it waits for the one before.
fn cut(sent: &[(Direction, String)]) -> Vec<(Direction, Vec<u8>)> {
    let mut chunks = Vec::new();
    let mut open = [Vec::new(), Vec::new()];
    for (i, (direction, xml)) in sent.iter().enumerate() {
        let buffer = &mut open[direction.index()];
        buffer.extend_from_slice(xml.as_bytes());
        while buffer.len() >= CHUNK {
            let rest = buffer.split_off(CHUNK);
            chunks.push((*direction, std::mem::replace(buffer, rest)));
        }
        if i < LOGIN_STEPS {
            chunks.push((*direction, std::mem::take(buffer)));
        }
    }
    chunks.extend([Up, Down].into_iter().zip(open));
    chunks
}

fn stream_header(direction: Direction) -> String {
    let who = if direction == Up { "to='fern.example'" } else { "from='fern.example' id='b5d1f0c2-77aa-4c1e'" };
    format!(
        "<?xml version='1.0'?><stream:stream {who} version='1.0' xml:lang='en' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
    )
}

const LOGIN_STEPS: usize = 9;

struct Session {
    random: u64,
    ids: u32,
    contacts: usize,
    sent: Vec<(Direction, String)>,
}

impl Session {
    fn login(&mut self) {
        let challenge = self.base64(64);
        self.push(Up, stream_header(Up));
        self.push(Down, format!("{}<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism><mechanism>SCRAM-SHA-256</mechanism></mechanisms></stream:features>", stream_header(Down)));
        self.push(
            Up,
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>biwsbj1taXJhLHI9ZnlrbytkMmxiYkZnT05Sdjlx</auth>".into(),
        );
        self.push(Down, format!("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{challenge}</challenge>"));
        self.push(Up, format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{challenge}</response>"));
        self.push(Down, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>dj1ybUY5cHFWOFM3c3VBb1pXamE0ZEpSa0ZzS1E9</success>".into());
        self.push(Up, stream_header(Up));
        self.push(
            Down,
            format!(
                "{}<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
                stream_header(Down)
            ),
        );
        self.push(
            Up,
            format!("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{RESOURCE}</resource></bind></iq>"),
        );
        self.push(
            Down,
            format!("<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{OWN}/{RESOURCE}</jid></bind></iq>"),
        );
        self.push(Up, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>".into());
        self.push(Down, "<enabled xmlns='urn:xmpp:sm:3' id='7d3b2f' resume='true' max='600'/>".into());
        self.push(Up, "<iq type='get' id='r1'><query xmlns='jabber:iq:roster' ver=''/></iq>".into());
        self.push(Down, roster(self.contacts));
        for room in 0..ROOMS {
            self.push(
                Up,
                format!(
                    "<presence to='{}/Mira'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='20'/></x></presence>",
                    room_jid(room)
                ),
            );
        }
    }

    /// Some 180 stanzas in the proportions of an evening with two groups and a handful of contacts.
    fn round(&mut self) {
        for i in 0..20 {
            let contact = self.below(self.contacts);
            let legacy = self.legacy_omemo(4);
            let body = "<body>I sent you an OMEMO encrypted message but your client doesn&#x2019;t seem to support that. Find more information on https://conversations.im/omemo</body>";
            let eme = "<encryption xmlns='urn:xmpp:eme:0' name='OMEMO' namespace='eu.siacs.conversations.axolotl'/>";
            let id = self.id();
            let extras = format!(
                "<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/><origin-id xmlns='urn:xmpp:sid:0' id='{id}'/><store xmlns='urn:xmpp:hints'/>"
            );
            if i % 2 == 0 {
                self.push(Up, format!("<message to='{}' type='chat' id='{id}'>{legacy}{eme}{body}{extras}</message>", jid(contact)));
            } else {
                let stanza_id = self.id();
                self.push(Down, format!("<message from='{}/phone.{contact}' to='{OWN}/{RESOURCE}' type='chat' id='{id}'>{legacy}{eme}{body}{extras}<stanza-id xmlns='urn:xmpp:sid:0' by='{OWN}' id='{stanza_id}'/></message>", jid(contact)));
                self.push(Up, format!("<message to='{}/phone.{contact}' type='chat' id='{stanza_id}'><received xmlns='urn:xmpp:receipts' id='{id}'/><displayed xmlns='urn:xmpp:chat-markers:0' id='{id}'/></message>", jid(contact)));
            }
        }
        for i in 0..12 {
            let contact = self.below(self.contacts);
            let (omemo, id) = (self.omemo_2(contact), self.id());
            let rest = format!(
                "<encryption xmlns='urn:xmpp:eme:0' name='OMEMO' namespace='urn:xmpp:omemo:2'/><store xmlns='urn:xmpp:hints'/><origin-id xmlns='urn:xmpp:sid:0' id='{id}'/>"
            );
            match i % 2 {
                0 => self.push(Up, format!("<message to='{}' type='chat' id='{id}'>{omemo}{rest}</message>", jid(contact))),
                _ => self
                    .push(Down, format!("<message from='{}/desk' to='{OWN}' type='chat' id='{id}'>{omemo}{rest}</message>", jid(contact))),
            }
        }
        for _ in 0..8 {
            let (room, nick) = (self.below(ROOMS), self.below(40));
            let (omemo, id, stanza_id) = (self.legacy_omemo(12), self.id(), self.id());
            self.push(Down, format!("<message from='{}/nick{nick}' to='{OWN}/{RESOURCE}' type='groupchat' id='{id}'>{omemo}<encryption xmlns='urn:xmpp:eme:0' name='OMEMO' namespace='eu.siacs.conversations.axolotl'/><store xmlns='urn:xmpp:hints'/><stanza-id xmlns='urn:xmpp:sid:0' by='{}' id='{stanza_id}'/></message>", room_jid(room), room_jid(room)));
        }
        for _ in 0..24 {
            let contact = self.below(self.contacts);
            let ver = self.base64(20);
            self.push(Down, format!("<presence from='{}/phone.{contact}' to='{OWN}' xml:lang='en'><show>away</show><status>Back after lunch</status><priority>5</priority><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://gajim.org' ver='{ver}'/><x xmlns='vcard-temp:x:update'><photo>6f2b0d0b4a6b0f3c6a7ad6b35ed8b14a2b2dbe7f</photo></x><idle xmlns='urn:xmpp:idle:1' since='2026-03-14T11:20:13Z'/></presence>", jid(contact)));
        }
        for _ in 0..20 {
            let (room, nick) = (self.below(ROOMS), self.below(40));
            let ver = self.base64(20);
            self.push(Down, format!("<presence from='{}/nick{nick}' to='{OWN}/{RESOURCE}'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://dino.im' ver='{ver}'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='{ver}{nick}'/><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' role='participant' jid='{}/phone.{nick}'/></x></presence>", room_jid(room), jid(nick)));
        }
        for _ in 0..4 {
            let (contact, id) = (self.below(self.contacts), self.id());
            self.push(
                Up,
                format!(
                    "<iq to='{}/phone.{contact}' type='get' id='{id}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
                    jid(contact)
                ),
            );
            self.push(Down, disco_info(contact, &id));
        }
        let query = self.id();
        self.push(Up, format!("<iq type='set' id='{query}'><query xmlns='urn:xmpp:mam:2' queryid='{query}'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field><field var='with'><value>{}</value></field></x><set xmlns='http://jabber.org/protocol/rsm'><max>50</max></set></query></iq>", jid(3)));
        for i in 0..50 {
            let (omemo, id, stanza_id) = (self.legacy_omemo(3), self.id(), self.id());
            let inner = format!(
                "<message xmlns='jabber:client' to='{OWN}' from='{}/phone.3' type='chat' id='{id}'>{omemo}<body>I sent you an OMEMO encrypted message but your client doesn’t seem to support that.</body><store xmlns='urn:xmpp:hints'/></message>",
                jid(3)
            );
            let delay = format!("<delay xmlns='urn:xmpp:delay' stamp='2026-03-{:02}T10:{:02}:00.{:06}Z'/>", 1 + i % 28, i, i * 7919);
            if i % 10 == 9 {
                self.push(Down, format!("<message from='{OWN}' to='{OWN}/{RESOURCE}' type='chat'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>{inner}</forwarded></received></message>"));
            }
            self.push(Down, format!("<message to='{OWN}/{RESOURCE}'><result xmlns='urn:xmpp:mam:2' queryid='{query}' id='{stanza_id}'><forwarded xmlns='urn:xmpp:forward:0'>{delay}{inner}</forwarded></result></message>"));
        }
        self.push(Down, format!("<iq type='result' id='{query}' to='{OWN}/{RESOURCE}'><fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><first>28482-98726-73623</first><last>09af3-cc343-b409f</last><count>750</count></set></fin></iq>"));
        for _ in 0..4 {
            let id = self.id();
            self.push(
                Down,
                format!("<iq from='fern.example' to='{OWN}/{RESOURCE}' type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>"),
            );
            self.push(Up, format!("<iq to='fern.example' type='result' id='{id}'/>"));
            self.push(Down, "<r xmlns='urn:xmpp:sm:3'/>".into());
            self.push(Up, "<a xmlns='urn:xmpp:sm:3' h='512'/>".into());
        }
        for _ in 0..8 {
            let (contact, id) = (self.below(self.contacts), self.id());
            self.push(Up, format!("<message to='{}' type='chat' id='{id}'><composing xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/></message>", jid(contact)));
            self.push(Down, format!("<message from='{}/phone.{contact}' to='{OWN}/{RESOURCE}' type='chat'><paused xmlns='http://jabber.org/protocol/chatstates'/></message>", jid(contact)));
        }
    }

    fn legacy_omemo(&mut self, devices: usize) -> String {
        // Who writes has a few devices, and uses them again.
        let sid = 1000 + self.below(40);
        let mut xml = format!("<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='{sid}'>");
        for device in 0..devices {
            let (rid, prekey) = (self.device(), if device == 0 { " prekey='true'" } else { "" });
            let key = BASE64.encode(self.legacy_key(device == 0));
            write!(xml, "<key rid='{rid}'{prekey}>{key}</key>").expect("writing to a string");
        }
        let (iv, size) = (self.base64(12), 20 + self.below(120));
        let payload = self.base64(size);
        xml + &format!("<iv>{iv}</iv></header><payload>{payload}</payload></encrypted>")
    }

    fn omemo_2(&mut self, contact: usize) -> String {
        // Who writes has a few devices, and uses them again.
        let sid = 1000 + self.below(40);
        let mut xml = format!("<encrypted xmlns='urn:xmpp:omemo:2'><header sid='{sid}'>");
        for owner in [jid(contact), OWN.to_owned()] {
            write!(xml, "<keys jid='{owner}'>").expect("writing to a string");
            for device in 0..2 {
                let (rid, key) = (self.device(), BASE64.encode(self.omemo_2_key(device == 0)));
                let kex = if device == 0 { " kex='true'" } else { "" };
                write!(xml, "<key rid='{rid}'{kex}>{key}</key>").expect("writing to a string");
            }
            xml.push_str("</keys>");
        }
        let size = 16 * (12 + self.below(12));
        let payload = self.base64(size);
        xml + &format!("</header><payload>{payload}</payload></encrypted>")
    }

    /// What libsignal puts into a `<key/>`: a version, a protocol buffer, a code that authenticates both.
    fn legacy_key(&mut self, first: bool) -> Vec<u8> {
        let mut message = vec![0x33];
        let key = |random: &mut Session| [&[5][..], &random.bytes(32)].concat();
        field(&mut message, 1, &key(self));
        number(&mut message, 2, self.below(300));
        number(&mut message, 3, self.below(300));
        field(&mut message, 4, &self.bytes(48));
        message.extend(self.bytes(8));
        if !first {
            return message;
        }
        let mut exchange = vec![0x33];
        number(&mut exchange, 5, self.device() as usize);
        number(&mut exchange, 1, self.below(100));
        number(&mut exchange, 6, 1);
        field(&mut exchange, 2, &key(self));
        field(&mut exchange, 3, &key(self));
        field(&mut exchange, 4, &message);
        exchange
    }

    /// What XEP-0384 §5.5 puts there: `OMEMOAuthenticatedMessage`, or `OMEMOKeyExchange` with one in it.
    fn omemo_2_key(&mut self, first: bool) -> Vec<u8> {
        let mut message = Vec::new();
        number(&mut message, 1, self.below(300));
        number(&mut message, 2, self.below(300));
        field(&mut message, 3, &self.bytes(32));
        field(&mut message, 4, &self.bytes(64));
        let mut authenticated = Vec::new();
        field(&mut authenticated, 1, &self.bytes(16));
        field(&mut authenticated, 2, &message);
        if !first {
            return authenticated;
        }
        let mut exchange = Vec::new();
        number(&mut exchange, 1, self.below(100));
        number(&mut exchange, 2, 1);
        field(&mut exchange, 3, &self.bytes(32));
        field(&mut exchange, 4, &self.bytes(32));
        field(&mut exchange, 5, &authenticated);
        exchange
    }

    fn push(&mut self, direction: Direction, xml: String) {
        self.sent.push((direction, xml));
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn device(&mut self) -> u32 {
        (self.next() as u32 & 0x7fff_fffe) + 1
    }

    fn id(&mut self) -> String {
        self.ids += 1;
        let (a, b) = (self.next(), self.next());
        format!("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", a as u32, a >> 48, b as u16 & 0xfff, self.ids & 0xfff, b >> 16)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    fn base64(&mut self, bytes: usize) -> String {
        BASE64.encode(self.bytes(bytes))
    }
}

/// A field of bytes in a protocol buffer.
fn field(message: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    message.push(tag << 3 | 2);
    varint(message, bytes.len());
    message.extend_from_slice(bytes);
}

/// A number in a protocol buffer.
fn number(message: &mut Vec<u8>, tag: u8, number: usize) {
    message.push(tag << 3);
    varint(message, number);
}

fn varint(message: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

fn jid(contact: usize) -> String {
    format!("contact{contact}.{}@{}.example", ["ash", "birch", "cedar", "dogwood"][contact % 4], ["moss", "heath", "fern"][contact % 3])
}

fn room_jid(room: usize) -> String {
    format!("room-{room}@rooms.{}.example", ["moss", "heath"][room % 2])
}

fn roster(contacts: usize) -> String {
    let mut xml = format!("<iq type='result' id='r1' to='{OWN}/{RESOURCE}'><query xmlns='jabber:iq:roster' ver='ver7'>");
    for contact in 0..contacts {
        let group = ["Friends", "Family", "Work"][contact % 3];
        write!(xml, "<item jid='{}' name='Contact {contact}' subscription='both'><group>{group}</group></item>", jid(contact))
            .expect("writing to a string");
    }
    xml + "</query></iq>"
}

fn disco_info(contact: usize, id: &str) -> String {
    let mut xml = format!(
        "<iq from='{}/phone.{contact}' to='{OWN}/{RESOURCE}' type='result' id='{id}'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='client' type='phone' name='Conversations'/>",
        jid(contact)
    );
    for feature in FEATURES {
        write!(xml, "<feature var='{feature}'/>").expect("writing to a string");
    }
    xml + "</query></iq>"
}

const FEATURES: [&str; 28] = [
    "eu.siacs.conversations.axolotl.devicelist+notify",
    "http://jabber.org/protocol/caps",
    "http://jabber.org/protocol/chatstates",
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/ibb",
    "http://jabber.org/protocol/muc",
    "http://jabber.org/protocol/nick+notify",
    "jabber:iq:version",
    "jabber:x:conference",
    "jabber:x:oob",
    "storage:bookmarks+notify",
    "urn:xmpp:avatar:metadata+notify",
    "urn:xmpp:bookmarks:1+notify",
    "urn:xmpp:chat-markers:0",
    "urn:xmpp:jingle-message:0",
    "urn:xmpp:jingle:1",
    "urn:xmpp:jingle:apps:dtls:0",
    "urn:xmpp:jingle:apps:file-transfer:5",
    "urn:xmpp:jingle:apps:rtp:1",
    "urn:xmpp:jingle:apps:rtp:audio",
    "urn:xmpp:jingle:transports:ice-udp:1",
    "urn:xmpp:jingle:transports:s5b:1",
    "urn:xmpp:message-correct:0",
    "urn:xmpp:message-retract:1",
    "urn:xmpp:ping",
    "urn:xmpp:reactions:0",
    "urn:xmpp:receipts",
    "urn:xmpp:time",
];
