//! Stanzas for tests: well-formed OMEMO with random bytes where a client has keys and ciphertexts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub const ANN: &str = "ann@a.example";
pub const BEN: &str = "ben@b.example";
pub const CLEO: &str = "cleo@c.example";
/// Who has which devices. Ann's client is the first of hers.
pub const DEVICES: [(&str, &[u32]); 3] = [(ANN, &[11, 12]), (BEN, &[21, 22]), (CLEO, &[31])];
pub const LEGACY: &str = "eu.siacs.conversations.axolotl";
pub const OMEMO_0: &str = "urn:xmpp:omemo:0";
pub const OMEMO_1: &str = "urn:xmpp:omemo:1";
pub const OMEMO_2: &str = "urn:xmpp:omemo:2";

/// SplitMix64: the same bytes in every run.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(8)).flat_map(|_| self.number().to_le_bytes()).take(count).collect()
    }

    pub fn key(&mut self) -> [u8; 32] {
        self.bytes(32).try_into().unwrap()
    }
}

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// One key of a message.
#[derive(Debug, Clone)]
pub struct Key {
    pub jid: &'static str,
    pub rid: String,
    pub dh_pub: [u8; 32],
    pub n: u32,
    pub inner: Vec<u8>,
    pub mac: [u8; 16],
    pub exchange: Option<Exchange>,
    /// The flag, where it is to differ from what the blob is.
    pub flag: Option<bool>,
    /// Instead of all that.
    pub raw: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
pub struct Exchange {
    pub pk_id: u32,
    pub ik: [u8; 32],
    pub ek: [u8; 32],
}

/// A message.
#[derive(Debug, Clone)]
pub struct Message {
    pub namespace: &'static str,
    pub from: String,
    pub to: String,
    pub kind: &'static str,
    pub sid: String,
    pub keys: Vec<Key>,
    pub iv: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub announce: bool,
    /// Beside the container.
    pub beside: String,
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &varint(bytes.len() as u32), bytes].concat()
}

fn number(field: u8, value: u32) -> Vec<u8> {
    [&[field << 3][..], &varint(value)].concat()
}

fn varint(mut value: u32) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn typed(key: &[u8; 32]) -> Vec<u8> {
    [&[5][..], key].concat()
}

impl Key {
    pub fn new(random: &mut Random, jid: &'static str, rid: u32, inner: usize) -> Key {
        let (dh_pub, inner, mac) = (random.key(), random.bytes(inner), random.bytes(16).try_into().unwrap());
        Key { jid, rid: rid.to_string(), dh_pub, n: 0, inner, mac, exchange: None, flag: None, raw: None }
    }

    pub fn exchange(mut self, random: &mut Random, pk_id: u32) -> Key {
        self.exchange = Some(Exchange { pk_id, ik: random.key(), ek: random.key() });
        self
    }

    fn blob(&self, legacy: bool) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        if legacy {
            let fields = [field(1, &typed(&self.dh_pub)), number(2, self.n), number(3, 0), field(4, &self.inner)].concat();
            let message = [&[0x33][..], &fields, &self.mac[..8]].concat();
            let Some(exchange) = &self.exchange else { return message };
            let fields = [
                number(1, exchange.pk_id),
                field(2, &typed(&exchange.ek)),
                field(3, &typed(&exchange.ik)),
                field(4, &message),
                number(6, 1),
            ];
            [&[0x33][..], &fields.concat()].concat()
        } else {
            let fields = [number(1, self.n), number(2, 0), field(3, &self.dh_pub), field(4, &self.inner)].concat();
            let message = [field(1, &self.mac), field(2, &fields)].concat();
            let Some(exchange) = &self.exchange else { return message };
            [number(1, exchange.pk_id), number(2, 1), field(3, &exchange.ik), field(4, &exchange.ek), field(5, &message)].concat()
        }
    }
}

impl Message {
    /// Ann writes to Ben: keys for his devices and her other one.
    pub fn new(namespace: &'static str, random: &mut Random) -> Message {
        let flat = namespace == LEGACY || namespace == OMEMO_0;
        let inner = if flat { 48 } else { 64 };
        let keys = [(BEN, 21), (BEN, 22), (ANN, 12)].map(|(jid, rid)| Key::new(random, jid, rid, inner)).to_vec();
        Message {
            namespace,
            from: format!("{ANN}/phone"),
            to: BEN.into(),
            kind: "chat",
            sid: "11".into(),
            keys,
            iv: flat.then(|| random.bytes(12)),
            payload: Some(random.bytes(if flat { 25 } else { 224 })),
            announce: true,
            beside: String::new(),
        }
    }

    /// The same with a key exchange for each device, as a session begins.
    pub fn first(namespace: &'static str, random: &mut Random) -> Message {
        let mut message = Message::new(namespace, random);
        let keys = std::mem::take(&mut message.keys);
        message.keys = keys
            .into_iter()
            .map(|key| {
                let pk_id = random.below(1 << 30) as u32;
                key.exchange(random, pk_id)
            })
            .collect();
        message
    }

    pub fn change(mut self, change: impl FnOnce(&mut Message)) -> Message {
        change(&mut self);
        self
    }

    pub fn container(&self) -> String {
        let flat = self.namespace == LEGACY || self.namespace == OMEMO_0;
        let key = |key: &Key| {
            let flag = if flat { "prekey" } else { "kex" };
            let flag = if key.flag.unwrap_or(key.exchange.is_some()) { format!(" {flag}='true'") } else { String::new() };
            format!("<key rid='{}'{flag}>{}</key>", key.rid, base64(&key.blob(flat)))
        };
        let mut header = String::new();
        if flat {
            header.extend(self.keys.iter().map(key));
        } else {
            let mut rest = &self.keys[..];
            while let Some(first) = rest.first() {
                let count = rest.iter().take_while(|key| key.jid == first.jid).count();
                let keys: String = rest[..count].iter().map(key).collect();
                header += &format!("<keys jid='{}'>{keys}</keys>", first.jid);
                rest = &rest[count..];
            }
        }
        header.extend(self.iv.as_ref().map(|iv| format!("<iv>{}</iv>", base64(iv))));
        let payload = self.payload.as_ref().map(|payload| format!("<payload>{}</payload>", base64(payload))).unwrap_or_default();
        format!("<encrypted xmlns='{}'><header sid='{}'>{header}</header>{payload}</encrypted>", self.namespace, self.sid)
    }

    pub fn xml(&self) -> String {
        let announced =
            if self.announce { format!("<encryption xmlns='urn:xmpp:eme:0' namespace='{}'/>", self.namespace) } else { String::new() };
        format!(
            "<message xmlns='jabber:client' from='{}' to='{}' type='{}'>{}{announced}{}</message>",
            self.from,
            self.to,
            self.kind,
            self.container(),
            self.beside
        )
    }
}
