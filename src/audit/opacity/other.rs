//! Other end-to-end systems (OPACITY 8, rules O1 to O6): recognised, and checked as far as their outside shows.

use super::container::has_text;
use super::family::Family;
use super::found::Found;
use super::openpgp::{self, Packets};
use super::siblings::Classes;
use crate::audit::value;
use crate::xmpp::element::Element;
use crate::xmpp::ns::{self, ESFS, OPENPGP, OPENPGP_OLD, OPENPGP_PUBSUB, PUBSUB_TARGETED, STANZA_SESSION};

/// What XEP-0380 §3.1 lists: an announcement of one of these says nothing new.
const ANNOUNCED: [&str; 4] = [OPENPGP, OPENPGP_OLD, "urn:xmpp:otr:0", STANZA_SESSION];
/// An offer of OTR, hidden behind a text in clear (XEP-0364 §3).
const OTR_OFFER: &str = " \t  \t\t\t\t \t \t \t  ";

/// The namespaces that are looked for at any depth, and the element in each.
pub const CONTAINERS: [(&str, &str); 5] =
    [(OPENPGP, "openpgp"), (OPENPGP_OLD, "x"), (STANZA_SESSION, "c"), (OPENPGP_PUBSUB, "encrypted"), (PUBSUB_TARGETED, "encrypted")];

/// Whether a child of a message is a container of another system. `announced` is what the message says it is encrypted with: an element
/// that is known to be something else is none, whatever is announced.
pub fn is_container(element: Element<'_>, announced: Option<&str>, siblings: &Classes) -> bool {
    let (uri, local) = (element.uri(), element.local());
    if CONTAINERS.contains(&(uri, local)) {
        return true;
    }
    if local == "encrypted" {
        return is_unknown(element);
    }
    let by_name = || announced == Some(uri) && uri != ns::CLIENT && is_unknown(element) && !uri.starts_with("urn:xmpp:sce:");
    by_name() && !siblings.is_classified(element)
}

/// Whether a container in this namespace is one of a system nobody knows.
pub fn is_unknown(element: Element<'_>) -> bool {
    let uri = element.uri();
    let is_known = Family::of(uri).is_some() || ANNOUNCED.contains(&uri) || [OPENPGP_PUBSUB, PUBSUB_TARGETED].contains(&uri);
    // Encrypted files are no container for the message.
    !is_known && uri != ESFS
}

/// Whether an element is encryption for chosen readers of a node (XEP-0477): what counts is inside.
pub fn is_targeted(element: Element<'_>) -> bool {
    element.is(PUBSUB_TARGETED, "encrypted")
}

/// Whether an element is what OpenPGP for XMPP puts into its containers, in clear.
pub fn is_readable(element: Element<'_>) -> bool {
    element.is_in(OPENPGP) && matches!(element.local(), "signcrypt" | "sign" | "crypt") && has_text(element)
}

/// O1, O3, O4, O5 and O6.
pub fn check(container: Element<'_>, found: &mut Vec<Found>) {
    match (container.uri(), container.local()) {
        (OPENPGP, _) => check_openpgp(
            "O1",
            container,
            value::decode_base64(&container.own_text()).filter(|bytes| !bytes.is_empty()),
            "XEP-0373 §3.1",
            found,
        ),
        (OPENPGP_OLD, _) => check_openpgp("O3", container, openpgp::decode(&container.own_text()), "XEP-0027 §3", found),
        (OPENPGP_PUBSUB, _) => check_openpgp("O6", container, openpgp::decode(&container.own_text()), "XEP-0473 §4", found),
        (PUBSUB_TARGETED, _) => {
            let sealed = |inner: &Element<'_>| inner.has_local("encrypted") || CONTAINERS.contains(&(inner.uri(), inner.local()));
            if !container.children().any(|inner| sealed(&inner)) {
                found.push(Found::suspect("O6", container, "targeted encryption with no container inside", "XEP-0477 §3"));
            } else if let Some(clear) = container.children().find(|inner| !sealed(inner) && has_text(*inner)) {
                found.push(Found::suspect("O6", clear, "text in clear beside the container of an item", "XEP-0477 §3"));
            } else {
                found.push(Found::info("O6", container, "an item encrypted for chosen accounts; rated as what is inside", "XEP-0477 §3"));
            }
        }
        (STANZA_SESSION, _) => {
            let child = |name: &str| container.children().find(|c| c.local() == name).is_some_and(has_text);
            if child("data") && child("mac") {
                found.push(Found::other("O4", container, "an encrypted session (XEP-0200), not examined further", "XEP-0200 §4"));
            } else {
                found.push(Found::suspect("O4", container, "an encrypted session without data or without a MAC", "XEP-0200 §4"));
            }
        }
        ("", _) => {
            let detail = "a container in no namespace: nobody can know what it is";
            found.push(Found::suspect("O5", container, detail, "RFC 6120 §4.8"));
        }
        (uri, _) => {
            let detail = format!("a container of an unknown system ({}), not verified", uri.chars().take(100).collect::<String>());
            found.push(Found::other("O5", container, detail, "XEP-0380 §3.1"));
        }
    }
}

fn check_openpgp(rule: &'static str, place: Element<'_>, bytes: Option<Vec<u8>>, source: &'static str, found: &mut Vec<Found>) {
    let Some(bytes) = bytes else {
        return found.push(Found::suspect(rule, place, "not an OpenPGP message in base64", source));
    };
    found.push(match openpgp::read(&bytes) {
        Packets::Encrypted { recipients, hidden, password } => {
            let mut whom: Vec<String> = recipients.iter().map(|id| format!("key {id}")).collect();
            if hidden > 0 {
                whom.push(format!("{hidden} hidden"));
            }
            if password {
                whom.push("a shared password".into());
            }
            Found::other(rule, place, format!("OpenPGP, encrypted to {}", whom.join(", ")), source).bytes(0, bytes.len())
        }
        Packets::Readable(kind) => Found::leak(rule, place, format!("OpenPGP data that is {kind} only: anybody can read it"), source),
        Packets::Unreadable(why) => Found::suspect(rule, place, format!("not an OpenPGP message: {why}"), source).bytes(0, bytes.len()),
    });
}

/// What OTR makes of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otr {
    /// An encrypted message, or part of one.
    Data,
    /// Part of the key exchange.
    Handshake,
    /// A request or an error message: its text is clear.
    Query,
    /// An offer hidden in a clear text.
    Offer,
    /// It claims to be OTR and is not.
    Wrong,
    /// Text after the message.
    Trailing,
}

/// Recognises OTR in a body.
pub fn otr(body: &str) -> Option<Otr> {
    let body = body.trim_matches(['\n', '\r']);
    let Some(rest) = body.trim_start().strip_prefix("?OTR") else {
        return body.contains(OTR_OFFER).then_some(Otr::Offer);
    };
    if rest.starts_with([',', '|']) {
        return Some(fragment(rest));
    }
    let Some(message) = rest.strip_prefix(':') else {
        let query = rest.starts_with(['?', 'v']) || rest.starts_with(" Error:");
        return Some(if query { Otr::Query } else { Otr::Wrong });
    };
    let (base64, after) = message.split_once('.').unwrap_or((message, ""));
    let bytes = crate::audit::value::decode_base64(base64.trim());
    Some(match bytes.as_deref() {
        Some([0, 2..=4, 0x03, ..]) if after.trim().is_empty() => Otr::Data,
        Some([0, 2..=4, 0x03, ..]) => Otr::Trailing,
        Some([0, 2..=4, 0x02 | 0x0a | 0x11 | 0x12, ..]) => Otr::Handshake,
        _ => Otr::Wrong,
    })
}

/// Part of a message that was too long: `?OTR,k,n,piece,`, with instance tags before it from version 3 on. The pieces make up one message,
/// so that each is base64, but for the beginning of the first and the full stop of the last.
fn fragment(rest: &str) -> Otr {
    let head = if rest.starts_with('|') { rest.split_once(',').map_or("", |(_, rest)| rest) } else { &rest[1..] };
    let mut fields = head.splitn(4, ',');
    let is_number = |field: Option<&str>| field.is_some_and(|field| !field.is_empty() && field.bytes().all(|b| b.is_ascii_digit()));
    if !is_number(fields.next()) || !is_number(fields.next()) {
        return Otr::Wrong;
    }
    let Some(piece) = fields.next() else { return Otr::Wrong };
    let piece = piece.strip_prefix("?OTR:").unwrap_or(piece);
    let piece = piece.strip_suffix('.').unwrap_or(piece);
    if !piece.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')) {
        return Otr::Wrong;
    }
    if fields.next().is_none_or(|after| after.trim().is_empty()) { Otr::Data } else { Otr::Trailing }
}

/// O2 and O2q.
pub fn check_otr(otr: Otr, body: Element<'_>, found: &mut Vec<Found>) {
    let source = "XEP-0364 §3";
    found.push(match otr {
        Otr::Data => Found::other("O2", body, "an OTR message, not examined further", source),
        Otr::Handshake => Found::other("O2", body, "a step of OTR's key exchange", source),
        Otr::Query => Found::clear("O2q", body, "a request for OTR or an error of it: its text is clear", source),
        Otr::Offer => Found::clear("O2q", body, "a text in clear that offers OTR", source),
        Otr::Wrong => Found::suspect("O2", body, "it claims to be OTR, and its beginning is not", source),
        Otr::Trailing => Found::other("O2", body, "an OTR message, not examined further", source),
    });
    if otr == Otr::Trailing {
        found.push(Found::suspect("F3", body, "text in clear after an OTR message", source));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn otr_is_told_apart() {
        for (body, expected) in [
            ("?OTR:AAQD8EkpnL7y.", Some(Otr::Data)),
            ("?OTR:AAMDAAAA", Some(Otr::Data)),
            ("?OTR:AAMCAAAA.", Some(Otr::Handshake)),
            ("?OTR:AAQR8Ekp.", Some(Otr::Handshake)),
            (
                "?OTR,1,3,?OTR:AAEDAAAAAQAAAAEAAADAVf3Ei72ZgFeKqWvLMnuVPVCwxktsOZ1QdjeLp6jn62mCVtlY9nS6sRkecpjuLYHRxyTdRu2iEVtSsjZqK55ovZ1SfcOPHeFYu9BIuZ/Y,",
                Some(Otr::Data),
            ),
            ("?OTR|5a73a599|27e31597,00001,00003,?OTR:AAMD,", Some(Otr::Data)),
            ("?OTR,2,3,ReadYoUrSelf+/=,", Some(Otr::Data)),
            ("?OTR,3,3,AAAA.,", Some(Otr::Data)),
            ("?OTR,1,1,hello ben this is plain text,", Some(Otr::Wrong)),
            ("?OTR|5a73a599|27e31597,1,1,see you at nine,", Some(Otr::Wrong)),
            ("?OTR,hello,ben,AAAA,", Some(Otr::Wrong)),
            ("?OTR,1,2", Some(Otr::Wrong)),
            ("?OTR,1,2,?OTR:AAMD, see you at nine", Some(Otr::Trailing)),
            ("?OTRv23?", Some(Otr::Query)),
            ("?OTR?", Some(Otr::Query)),
            ("?OTR Error: no", Some(Otr::Query)),
            ("hi \t  \t\t\t\t \t \t \t   \t\t  \t ", Some(Otr::Offer)),
            ("?OTR:!!!", Some(Otr::Wrong)),
            ("?OTR:AAkDAAAA.", Some(Otr::Wrong)),
            ("?OTR:AAMDAAAA. see you at nine", Some(Otr::Trailing)),
            ("see you at nine", None),
        ] {
            assert_eq!(otr(body), expected, "{body:?}");
        }
    }
}
