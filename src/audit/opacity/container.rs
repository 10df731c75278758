//! One `<encrypted/>` of OMEMO, parsed, and the structure rules S1 to S9 that parsing answers.

use std::borrow::Cow;

use rustc_hash::FxHashSet;

use super::curve;
use super::family::Family;
use super::found::Found;
use super::signal::{self, Blob};
use crate::audit::decoded::Decoded;
use crate::xmpp::element::Element;
use crate::xmpp::jid::normalised_bare;

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
    /// [`super::hash`] of that.
    pub digest: u64,
}

/// A `<key/>`.
#[derive(Debug)]
pub struct Key<'a> {
    /// Where.
    pub element: Element<'a>,
    /// Whose device, normalised; the flat families do not say.
    pub jid: Option<Cow<'a, str>>,
    /// The recipient device.
    pub rid: Option<u32>,
    /// Whether it is flagged as a key exchange.
    pub exchange: bool,
    /// Decoded; empty when that failed.
    pub bytes: &'a [u8],
    /// [`super::hash`] of that.
    pub digest: u64,
    /// The blob, when it is what its flag says. Keys of [`Family::Olm`] are not examined.
    pub blob: Result<Blob<'a>, signal::Wrong>,
}

/// A device id as XEP-0384 §5.1 has it.
pub fn device_id(text: Option<&str>) -> Option<u32> {
    let text = text.filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    text.parse().ok().filter(|id| (1..=0x7fff_ffff).contains(id))
}

/// Decodes what [`Container::read`] is going to ask for.
pub fn decode(container: Element<'_>, decoded: &mut Decoded) {
    for element in container.descendants().filter(|element| matches!(element.local(), "key" | "iv" | "payload")) {
        decoded.read(element);
    }
}

/// What stands in an element, decoded. Nothing for an empty text.
fn text_of<'a>(element: Element<'_>, decoded: &'a Decoded) -> Option<&'a [u8]> {
    decoded.of(element).filter(|bytes| !bytes.is_empty())
}

impl<'a> Container<'a> {
    /// Reads a container and runs the structure rules on it. `sender` is the bare address it comes from, where that is known.
    pub fn read(family: Family, element: Element<'a>, decoded: &'a Decoded, sender: Option<&str>, found: &mut Vec<Found>) -> Container<'a> {
        let mut container = Container { family, element, sid: None, keys: Vec::new(), iv: None, payload: None };
        let mut headers = Vec::new();
        let mut payloads = Vec::new();
        for child in element.children() {
            match child.local() {
                "header" if child.uri() == element.uri() => headers.push(child),
                "payload" if child.uri() == element.uri() => payloads.push(child),
                _ if has_text(child) => found.push(Found::suspect("S1", child, "an unknown element with text", "XEP-0384 §5.5.2")),
                _ => {}
            }
        }
        if headers.len() != 1 || payloads.len() > 1 {
            let detail =
                format!("{} headers and {} payloads, where one header and at most one payload belong", headers.len(), payloads.len());
            found.push(Found::suspect("S1", element, detail, "XEP-0384 §5.5.2"));
        }
        for header in headers {
            container.read_header(header, decoded, sender, found);
        }
        for payload in payloads {
            match text_of(payload, decoded) {
                Some(bytes) if container.payload.is_none() => {
                    container.payload = Some(Payload { element: payload, bytes, digest: super::hash(bytes) });
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

    fn read_header(&mut self, header: Element<'a>, decoded: &'a Decoded, sender: Option<&str>, found: &mut Vec<Found>) {
        let flat = self.family.is_flat();
        if self.sid.is_none() {
            self.sid = device_id(header.attr("sid"));
        }
        if device_id(header.attr("sid")).is_none() {
            found.push(Found::suspect("S4", header, "the sender's device id is missing or out of range", "XEP-0384 §5.1").attribute("sid"));
        }
        let mut ivs = 0;
        let uri = self.element.uri();
        for child in header.children().filter(|child| child.uri() == uri) {
            match child.local() {
                "key" if flat => self.read_key(child, decoded, None, found),
                "keys" if !flat => {
                    let jid = child.attr("jid").map(normalised_bare);
                    if jid.is_none() {
                        found.push(Found::suspect("S1", child, "keys without saying for whom", "XEP-0384 §5.5.2"));
                    }
                    for key in child.children().filter(|key| key.local() == "key" && key.uri() == child.uri()) {
                        self.read_key(key, decoded, jid.clone(), found);
                    }
                }
                "iv" => {
                    ivs += 1;
                    self.read_iv(child, decoded, ivs, found);
                }
                _ => {}
            }
        }
        if flat && ivs == 0 {
            found.push(Found::suspect("S3", header, "no iv", "XEP-0384 0.3.0 §4.5"));
        }
        self.check_recipients(sender, found);
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

    fn read_key(&mut self, key: Element<'a>, decoded: &'a Decoded, jid: Option<Cow<'a, str>>, found: &mut Vec<Found>) {
        if self.keys.len() >= MAX_KEYS {
            return;
        }
        let is_set = |name: &str| matches!(key.attr(name), Some("true" | "1"));
        let (flag, elder) = if self.family.is_flat() { ("prekey", "kex") } else { ("kex", "prekey") };
        if is_set(elder) && !is_set(flag) {
            found.push(Found::info("P", key, format!("flagged {elder:?} instead of {flag:?}"), "XEP-0384 §5.5.2"));
        }
        let rid = device_id(key.attr("rid"));
        if rid.is_none() {
            found.push(Found::suspect("S4", key, "a device id is missing or out of range", "XEP-0384 §5.1").attribute("rid"));
        }
        let bytes = text_of(key, decoded).unwrap_or_else(|| {
            found.push(Found::suspect("S2", key, "a key that is empty or not canonical base64", "XEP-0384 §5.5.2"));
            &[]
        });
        let exchange = is_set(flag) || is_set(elder);
        let blob = match self.family {
            Family::Legacy => signal::legacy(bytes, exchange),
            _ => signal::omemo(bytes, exchange),
        };
        self.keys.push(Key { element: key, jid, rid, exchange, bytes, digest: super::hash(bytes), blob });
    }

    /// S5 for the keys that are there.
    fn check_recipients(&self, sender: Option<&str>, found: &mut Vec<Found>) {
        let mut seen = Once::new(self.keys.len());
        for key in &self.keys {
            let Some(rid) = key.rid else { continue };
            if !seen.insert((key.jid.as_deref(), rid)) {
                found.push(Found::suspect("S5", key.element, "two keys for one device", "XEP-0384 §5.5.2"));
            }
            let same_account = self.family.is_flat() || (key.jid.is_some() && key.jid.as_deref() == sender);
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
            let weak = curve::is_low_order(&blob.ratchet.dh_pub)
                || blob.exchange.is_some_and(|exchange| {
                    curve::is_low_order(&exchange.ek)
                        || if self.family == Family::Legacy { curve::is_low_order(&exchange.ik) } else { curve::is_weak(&exchange.ik) }
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
            if !ratchets.insert(blob.ratchet.dh_pub) {
                found.push(Found::suspect("S9", key.element, "a ratchet key shared with another device", "XEP-0384 §4.3"));
            }
            if blob.exchange.is_some_and(|exchange| !ephemerals.insert(exchange.ek)) {
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

/// Values that should differ. Few are compared one by one, which is cheaper than hashing them.
#[derive(Debug)]
enum Once<T> {
    Few(Vec<T>),
    Many(FxHashSet<T>),
}

impl<T: Copy + Eq + std::hash::Hash> Once<T> {
    fn new(expected: usize) -> Once<T> {
        if expected <= 16 { Once::Few(Vec::with_capacity(expected)) } else { Once::Many(FxHashSet::default()) }
    }

    /// `false` when it was there already.
    fn insert(&mut self, value: T) -> bool {
        match self {
            Once::Few(values) => {
                let new = !values.contains(&value);
                values.push(value);
                new
            }
            Once::Many(values) => values.insert(value),
        }
    }
}

/// Whether there is text in an element or below.
pub fn has_text(element: Element<'_>) -> bool {
    !element.own_text().trim().is_empty() || element.children().any(has_text)
}
