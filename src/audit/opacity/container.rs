//! One `<encrypted/>` of OMEMO, parsed, and the structure rules S1 to S9 that parsing answers.

use rustc_hash::FxHashSet;

use super::curve;
use super::family::Family;
use super::found::Found;
use super::keyed::{hash, hash_key, joined};
use super::parties::{Account, Parties};
use super::siblings::has_link;
use super::signal::{self, Blob};
use crate::audit::decoded::Decoded;
use crate::catalog::OmemoNames;
use crate::xmpp::element::Element;
use crate::xmpp::names::Sym;

/// Keys that are examined in one container.
const MAX_KEYS: usize = 4096;

/// A container.
#[derive(Debug)]
pub struct Container<'a> {
    /// Which namespace.
    pub family: Family,
    /// `<encrypted/>`.
    pub element: Element<'a>,
    /// The sending device.
    pub sid: Option<u32>,
    /// One per recipient device.
    pub keys: Vec<Key<'a>>,
    /// The initialisation vector of the flat families.
    pub iv: Option<&'a [u8]>,
    /// The decoded payload.
    pub payload: Option<Payload<'a>>,
}

/// A `<payload/>`.
#[derive(Debug)]
pub struct Payload<'a> {
    /// Where.
    pub element: Element<'a>,
    /// Decoded.
    pub bytes: &'a [u8],
    /// Its hash.
    pub digest: u64,
}

/// A `<key/>`.
#[derive(Debug)]
pub struct Key<'a> {
    /// Where.
    pub element: Element<'a>,
    /// Whose device; the flat families do not say.
    pub account: Option<Account<'a>>,
    /// The recipient device.
    pub rid: Option<u32>,
    /// The hash of both.
    pub device: u64,
    /// Whether it is flagged as a key exchange.
    pub exchange: bool,
    /// Decoded; empty when that failed.
    pub bytes: &'a [u8],
    /// Their hash.
    pub digest: u64,
    /// The blob, when it is what its flag says. Keys of [`Family::Olm`] are not examined.
    pub blob: Result<Blob<'a>, signal::Wrong>,
    /// Hashes of the ratchet key in the blob, and of the ephemeral key if there is one.
    pub ratchet: u64,
    /// See `ratchet`.
    pub ephemeral: Option<u64>,
}

/// A device id as XEP-0384 §5.1 has it.
pub fn device_id(text: Option<&str>) -> Option<u32> {
    let mut id = 0u64;
    for byte in text?.bytes() {
        let digit = byte.wrapping_sub(b'0');
        id = id * 10 + u64::from(digit);
        if digit > 9 || id > 0x7fff_ffff {
            return None;
        }
    }
    (id > 0).then_some(id as u32)
}

/// Decodes what [`Container::read`] is going to ask for.
pub fn decode(container: Element<'_>, names: &OmemoNames, decoded: &mut Decoded) {
    for element in container.descendants().filter(|element| [names.key, names.iv, names.payload].contains(&element.sym())) {
        decoded.read(element);
    }
}

/// What stands in an element, decoded. Nothing for an empty text.
fn text_of<'a>(element: Element<'_>, decoded: &'a Decoded) -> Option<&'a [u8]> {
    decoded.of(element).filter(|bytes| !bytes.is_empty())
}

impl<'a> Container<'a> {
    /// Reads a container and runs the structure rules on it, as far as it is known who sent it to whom.
    pub fn read(
        family: Family,
        element: Element<'a>,
        names: &OmemoNames,
        decoded: &'a Decoded,
        parties: &Parties<'_>,
        found: &mut Vec<Found>,
    ) -> Container<'a> {
        let keys = element.descendants().filter(|element| element.sym() == names.key).take(MAX_KEYS).count();
        let mut container = Container { family, element, sid: None, keys: Vec::with_capacity(keys), iv: None, payload: None };
        let parts = |name: Sym| element.children().filter(move |child| child.sym() == name);
        let (mut headers, mut payloads) = (0, 0);
        for child in element.children() {
            if child.sym() == names.header {
                headers += 1;
            } else if child.sym() == names.payload {
                payloads += 1;
            }
        }
        if let Some((place, detail)) = stray_text(family, element, names) {
            found.push(Found::suspect("S1", place, detail, "XEP-0384 §5.5.2"));
        }
        if headers != 1 || payloads > 1 {
            let detail = format!("{headers} headers and {payloads} payloads, where one header and at most one payload belong");
            found.push(Found::suspect("S1", element, detail, "XEP-0384 §5.5.2"));
        }
        for header in parts(names.header) {
            container.read_header(header, names, decoded, parties, found);
        }
        for payload in parts(names.payload) {
            match text_of(payload, decoded) {
                Some(bytes) if container.payload.is_none() => {
                    container.payload = Some(Payload { element: payload, bytes, digest: hash(bytes) });
                }
                Some(_) => {}
                None => found.push(Found::suspect("S2", payload, "a payload that is empty or not canonical base64", "XEP-0384 §5.5.2")),
            }
        }
        if container.keys.is_empty() {
            found.push(Found::suspect("S5", element, "no recipient key", "XEP-0384 §5.5.2"));
        }
        container.check_payload_length(found);
        container.check_blobs(found);
        container
    }

    fn read_header(
        &mut self,
        header: Element<'a>,
        names: &OmemoNames,
        decoded: &'a Decoded,
        parties: &Parties<'_>,
        found: &mut Vec<Found>,
    ) {
        let flat = self.family.is_flat();
        let sid = device_id(header.attr("sid"));
        self.sid = self.sid.or(sid);
        if sid.is_none() {
            found.push(Found::suspect("S4", header, "the sender's device id is missing or out of range", "XEP-0384 §5.1").attribute("sid"));
        }
        let mut ivs = 0;
        for child in header.children() {
            let name = child.sym();
            if name == names.key && flat {
                self.read_key(child, decoded, None, found);
            } else if name == names.keys && !flat {
                let account = child.attr("jid").map(Account::of);
                if account.is_none() {
                    found.push(Found::suspect("S1", child, "keys without saying for whom", "XEP-0384 §5.5.2"));
                }
                for key in child.children().filter(|key| key.sym() == names.key) {
                    self.read_key(key, decoded, account.as_ref(), found);
                }
            } else if name == names.iv {
                ivs += 1;
                self.read_iv(child, decoded, ivs, found);
            }
        }
        if flat && ivs == 0 {
            found.push(Found::suspect("S3", header, "no iv", "XEP-0384 0.3.0 §4.5"));
        }
        self.check_recipients(parties, found);
    }

    fn read_iv(&mut self, iv: Element<'a>, decoded: &'a Decoded, number: usize, found: &mut Vec<Found>) {
        if !self.family.is_flat() {
            return found.push(Found::suspect("S3", iv, "an iv, which this version derives instead", "XEP-0384 §4.4"));
        }
        if number > 1 {
            return found.push(Found::suspect("S3", iv, "a second iv", "XEP-0384 0.3.0 §4.5"));
        }
        match text_of(iv, decoded).filter(|bytes| matches!(bytes.len(), 12 | 16)) {
            Some(bytes) => {
                if bytes.len() == 16 {
                    found.push(Found::info("P", iv, "an iv of 16 bytes, as clients sent it before 2020", "XEP-0384 0.3.0 §4.5"));
                }
                self.iv = Some(bytes);
            }
            None => found.push(Found::suspect("S3", iv, "an iv that is not 12 or 16 bytes in base64", "XEP-0384 0.3.0 §4.5")),
        }
    }

    fn read_key(&mut self, key: Element<'a>, decoded: &'a Decoded, account: Option<&Account<'a>>, found: &mut Vec<Found>) {
        if self.keys.len() >= MAX_KEYS {
            return;
        }
        let (mut rid, mut prekey, mut kex) = (None, None, None);
        let document = key.document();
        for index in key.attr_indices() {
            let attr = match document.attr_qname(index) {
                "rid" => &mut rid,
                "prekey" => &mut prekey,
                "kex" => &mut kex,
                _ => continue,
            };
            attr.get_or_insert(document.attr_value(index));
        }
        let is_set = |value: Option<&str>| matches!(value, Some("true" | "1"));
        let (prekey, kex) = (is_set(prekey), is_set(kex));
        if prekey != kex && prekey != self.family.is_flat() {
            let (flag, elder) = if prekey { ("kex", "prekey") } else { ("prekey", "kex") };
            found.push(Found::info("P", key, format!("flagged {elder:?} instead of {flag:?}"), "XEP-0384 §5.5.2"));
        }
        let rid = device_id(rid);
        if rid.is_none() {
            found.push(Found::suspect("S4", key, "a device id is missing or out of range", "XEP-0384 §5.1").attribute("rid"));
        }
        let bytes = text_of(key, decoded).unwrap_or_else(|| {
            found.push(Found::suspect("S2", key, "a key that is empty or not canonical base64", "XEP-0384 §5.5.2"));
            &[]
        });
        let exchange = prekey || kex;
        let blob = match self.family {
            Family::Legacy => signal::legacy(bytes, exchange),
            _ => signal::omemo(bytes, exchange),
        };
        let device = joined(account.map_or(0, |account| account.hash), rid.unwrap_or(0).into());
        let (ratchet, ephemeral) = match &blob {
            Ok(blob) => (hash_key(blob.ratchet.dh_pub), blob.exchange.map(|exchange| hash_key(exchange.ek))),
            Err(_) => (0, None),
        };
        let (account, digest) = (account.cloned(), hash(bytes));
        self.keys.push(Key { element: key, account, rid, device, exchange, bytes, digest, blob, ratchet, ephemeral });
    }

    /// S5 for the keys that are there.
    fn check_recipients(&self, parties: &Parties<'_>, found: &mut Vec<Found>) {
        // A sender nobody has named is at least not the recipient.
        let is_sender = |account: &Account<'_>| match &parties.sender {
            Some(sender) => account == sender,
            None => parties.to.as_ref().is_none_or(|to| account != to),
        };
        let mut seen = Once::new(self.keys.len());
        for key in &self.keys {
            let Some(rid) = key.rid else { continue };
            if !seen.insert(key.device) {
                found.push(Found::suspect("S5", key.element, "two keys for one device", "XEP-0384 §5.5.2"));
            }
            let same_account = self.family.is_flat() || key.account.as_ref().is_some_and(is_sender);
            if Some(rid) == self.sid && same_account {
                found.push(Found::suspect("S5", key.element, "a key for the sending device itself", "XEP-0384 §5.5.2"));
            }
        }
    }

    /// S7.
    fn check_payload_length(&self, found: &mut Vec<Found>) {
        let Some(payload) = &self.payload else { return };
        let length = payload.bytes.len();
        if !self.family.is_flat() && (length % 16 != 0 || length < 64) {
            let detail = format!("a payload of {length} bytes cannot be an encrypted envelope");
            found.push(Found::suspect("S7", payload.element, detail, "XEP-0384 §4.4").bytes(0, length));
        }
    }

    /// S6, S8, S9, and the rest of S7.
    fn check_blobs(&self, found: &mut Vec<Found>) {
        if self.family == Family::Olm {
            return;
        }
        let mut inner: Option<usize> = None;
        let (mut ratchets, mut ephemerals) = (Once::new(self.keys.len()), Once::new(self.keys.len()));
        for key in self.keys.iter().filter(|key| !key.bytes.is_empty()) {
            let blob = match &key.blob {
                Ok(blob) => blob,
                Err(wrong) => {
                    let kind = if key.exchange { "key exchange" } else { "ratchet message" };
                    let found_one = Found::suspect("S6", key.element, format!("not a {kind}: {wrong}"), "XEP-0384 §12");
                    found.push(found_one.bytes(0, key.bytes.len()));
                    continue;
                }
            };
            let weak = curve::is_low_order(blob.ratchet.dh_pub)
                || blob.exchange.is_some_and(|exchange| {
                    curve::is_low_order(exchange.ek)
                        || if self.family == Family::Legacy { curve::is_low_order(exchange.ik) } else { curve::is_weak(exchange.ik) }
                });
            if weak {
                found.push(Found::suspect(
                    "S6",
                    key.element,
                    "a public key of low order: the secret is known to everybody",
                    "RFC 7748 §6.1",
                ));
            }
            let length = blob.ratchet.ciphertext.len();
            match inner {
                None => {
                    inner = Some(length);
                    self.check_inner_length(key.element, length, found);
                }
                Some(first) if first != length => {
                    let detail = format!("an inner ciphertext of {length} bytes beside one of {first}");
                    found.push(Found::suspect("S8", key.element, detail, "XEP-0384 §4.4"));
                }
                Some(_) => {}
            }
            if !ratchets.insert(key.ratchet) {
                found.push(Found::suspect("S9", key.element, "a ratchet key shared with another device", "XEP-0384 §4.3"));
            }
            if key.ephemeral.is_some_and(|ephemeral| !ephemerals.insert(ephemeral)) {
                found.push(Found::suspect("S9", key.element, "an ephemeral key shared with another device", "XEP-0384 §4.3"));
            }
        }
        if let (Some(payload), Family::Legacy, Some(32)) = (&self.payload, self.family, inner)
            && payload.bytes.len() < 17
        {
            let detail = format!("a payload of {} bytes cannot hold a text and its tag", payload.bytes.len());
            found.push(Found::suspect("S7", payload.element, detail, "XEP-0384 0.3.0 §4.5").bytes(0, payload.bytes.len()));
        }
    }

    fn check_inner_length(&self, key: Element<'_>, length: usize, found: &mut Vec<Found>) {
        let (allowed, lenient): (&[usize], &[usize]) = match (self.family, self.payload.is_some()) {
            (Family::Legacy | Family::Olm, _) => (&[32, 48], &[]),
            (Family::One, _) => (&[48, 64, 80], &[]),
            (Family::Two, true) => (&[64], &[80]),
            (Family::Two, false) => (&[48], &[]),
        };
        if lenient.contains(&length) {
            let detail = "an HMAC of 32 bytes, as versions 0.8.0 and 0.8.1 had it";
            found.push(Found::info("P", key, detail, "XEP-0384 0.8.1 §4.3"));
        } else if !allowed.contains(&length) {
            let kind = if self.payload.is_some() { "a message" } else { "an empty message" };
            found.push(Found::suspect("S8", key, format!("an inner ciphertext of {length} bytes is not that of {kind}"), "XEP-0384 §4.4"));
        }
    }

    /// Bytes of tag at the end of the payload: old clients put it there when the keys carry none.
    pub fn tag_in_payload(&self) -> usize {
        let bare = self.family == Family::Legacy
            && self.keys.first().is_some_and(|key| key.blob.is_ok_and(|blob| blob.ratchet.ciphertext.len() == 32));
        if bare { 16 } else { 0 }
    }
}

/// Hashes of values that should differ. Few are compared one by one, without memory of their own.
#[derive(Debug)]
enum Once {
    Few([u64; FEW], usize),
    Many(FxHashSet<u64>),
}

/// So many are few.
const FEW: usize = 16;

impl Once {
    /// For at most so many values.
    fn new(most: usize) -> Once {
        if most <= FEW { Once::Few([0; FEW], 0) } else { Once::Many(FxHashSet::default()) }
    }

    /// `false` when it was there already.
    fn insert(&mut self, value: u64) -> bool {
        match self {
            Once::Few(values, count) => {
                let new = !values[..*count].contains(&value);
                values[*count] = value;
                *count += 1;
                new
            }
            Once::Many(values) => values.insert(value),
        }
    }
}

/// Where text stands in a container that is none of keys, iv and payload, or a link in an element that is unknown.
fn stray_text<'a>(family: Family, container: Element<'a>, names: &OmemoNames) -> Option<(Element<'a>, &'static str)> {
    let is_child_of = |element: Element<'_>, names: &[Sym]| {
        let mut around = std::iter::successors(element.parent(), |outer| outer.parent());
        names.iter().all(|name| around.next().is_some_and(|outer| outer.sym() == *name))
            && around.next().is_some_and(|outer| outer.id == container.id)
    };
    let belongs = |element: Element<'_>| {
        let name = element.sym();
        (name == names.key
            && if family.is_flat() { is_child_of(element, &[names.header]) } else { is_child_of(element, &[names.keys, names.header]) })
            || (name == names.payload && is_child_of(element, &[]))
            || (name == names.iv && is_child_of(element, &[names.header]))
    };
    let known = [names.header, names.keys, names.key, names.iv, names.payload];
    let stray = |element: Element<'_>| !belongs(element) && !element.own_text().trim().is_empty();
    let texts = std::iter::once(container).chain(container.descendants()).find(|element| stray(*element));
    let links = || container.descendants().find(|element| !known.contains(&element.sym()) && has_link(*element));
    texts.map(|place| (place, "text that is neither key, iv nor payload")).or_else(|| Some((links()?, "a link in an unknown element")))
}

/// Whether there is text in an element or below.
pub fn has_text(element: Element<'_>) -> bool {
    !element.own_text().trim().is_empty() || element.children().any(has_text)
}
