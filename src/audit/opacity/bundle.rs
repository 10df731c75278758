//! Bundles: the keys others start a session with (rules B1 to B4).

use super::container::device_id;
use super::curve;
use super::family::Family;
use super::found::Found;
use super::signal::{key, typed_key};
use crate::audit::value;
use crate::xmpp::element::Element;

/// One-time keys that are examined.
const MAX_PREKEYS: usize = 1000;

/// A bundle as far as it could be read.
#[derive(Debug)]
pub struct Bundle<'a> {
    /// `<bundle/>`.
    pub element: Element<'a>,
    /// The identity key, without type byte.
    pub ik: Option<[u8; 32]>,
    /// The signed prekey.
    pub spk: Option<[u8; 32]>,
    /// One-time keys by id.
    pub prekeys: Vec<(u32, [u8; 32])>,
}

struct Names {
    ik: &'static str,
    spk: &'static str,
    spks: &'static str,
    prekey: &'static str,
    prekey_id: &'static str,
    least: usize,
    source: &'static str,
}

const LEGACY: Names = Names {
    ik: "identityKey",
    spk: "signedPreKeyPublic",
    spks: "signedPreKeySignature",
    prekey: "preKeyPublic",
    prekey_id: "preKeyId",
    least: 20,
    source: "XEP-0384 0.3.0 §4.3",
};

const CURRENT: Names = Names { ik: "ik", spk: "spk", spks: "spks", prekey: "pk", prekey_id: "id", least: 25, source: "XEP-0384 §5.3.2" };

impl<'a> Bundle<'a> {
    /// Reads a bundle and runs B1, B2, B3 (within the bundle) and B4 on it.
    pub fn read(family: Family, element: Element<'a>, found: &mut Vec<Found>) -> Bundle<'a> {
        let names = if family == Family::Legacy { LEGACY } else { CURRENT };
        let child = |name: &str| element.children().find(|c| c.local() == name && c.uri() == element.uri());
        let public = |place: Element<'_>| {
            let bytes = value::decode_base64(&place.own_text())?;
            if family == Family::Legacy { typed_key(&bytes).ok().copied() } else { key(&bytes).ok().copied() }
        };
        let fault = |rule, place: Element<'_>, detail: String| Found::suspect(rule, place, detail, names.source);
        let missing = |name: &str| format!("<{name}/> is missing or of the wrong length");

        let (ik_at, spk_at, spks_at) = (child(names.ik), child(names.spk), child(names.spks));
        let (ik, spk) = (ik_at.and_then(public), spk_at.and_then(public));
        let signature =
            spks_at.and_then(|place| value::decode_base64(&place.own_text())).and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
        for (there, at, name) in
            [(ik.is_some(), ik_at, names.ik), (spk.is_some(), spk_at, names.spk), (signature.is_some(), spks_at, names.spks)]
        {
            if !there {
                found.push(fault("B1", at.unwrap_or(element), missing(name)));
            }
        }
        let mut bundle = Bundle { element, ik, spk, prekeys: Vec::new() };
        bundle.read_prekeys(child("prekeys"), &names, public, found);
        if let (Some(ik), Some(spk), Some(signature)) = (ik, spk, signature) {
            let signed = if family == Family::Legacy {
                let mut serialised = [5; 33];
                serialised[1..].copy_from_slice(&spk);
                curve::verify_legacy(&ik, &serialised, &signature)
            } else {
                curve::verify(&ik, &spk, &signature)
            };
            if !signed {
                found.push(fault("B2", spks_at.unwrap_or(element), "the signed prekey is not signed by the identity key".into()));
            }
        }
        bundle.check_keys(family, ik_at, spk_at, &names, found);
        bundle
    }

    fn read_prekeys(
        &mut self,
        list: Option<Element<'a>>,
        names: &Names,
        public: impl Fn(Element<'_>) -> Option<[u8; 32]>,
        found: &mut Vec<Found>,
    ) {
        let mut ids = rustc_hash::FxHashSet::default();
        for prekey in list.iter().flat_map(|list| list.children()).filter(|c| c.local() == names.prekey).take(MAX_PREKEYS) {
            match (device_id(prekey.attr(names.prekey_id)), public(prekey)) {
                (Some(id), Some(key)) => {
                    if !ids.insert(id) {
                        found.push(Found::suspect("B3", prekey, "a prekey id twice", names.source));
                    }
                    self.prekeys.push((id, key));
                }
                _ => found.push(Found::suspect("B1", prekey, "a one-time key of the wrong length, or without an id", names.source)),
            }
        }
        let count = self.prekeys.len();
        if count == 0 {
            found.push(Found::suspect("B1", self.element, "no one-time keys", names.source));
        } else if count < names.least {
            let detail = format!("{count} one-time keys, where {} are the least", names.least);
            found.push(Found::suspect("B4", list.unwrap_or(self.element), detail, names.source));
        }
    }

    /// B3 within the bundle.
    fn check_keys(&self, family: Family, ik_at: Option<Element<'a>>, spk_at: Option<Element<'a>>, names: &Names, found: &mut Vec<Found>) {
        let worthless = "a key of low order: the secret is known to everybody";
        if self.ik.is_some_and(|ik| if family == Family::Legacy { curve::is_low_order(&ik) } else { curve::is_weak(&ik) }) {
            found.push(Found::suspect("B3", ik_at.unwrap_or(self.element), worthless, names.source));
        }
        if self.spk.is_some_and(|spk| curve::is_low_order(&spk)) {
            found.push(Found::suspect("B3", spk_at.unwrap_or(self.element), worthless, names.source));
        }
        if self.prekeys.iter().any(|(_, key)| curve::is_low_order(key)) {
            found.push(Found::suspect("B3", self.element, format!("among the one-time keys, {worthless}"), names.source));
        }
        let mut keys = rustc_hash::FxHashSet::default();
        if self.ik.iter().chain(&self.spk).chain(self.prekeys.iter().map(|(_, key)| key)).any(|key| !keys.insert(*key)) {
            found.push(Found::suspect("B3", self.element, "a key twice in one bundle", names.source));
        }
    }
}
