//! Did a message's body stay opaque? The part of the decision procedure that one stanza can answer.
//!
//! It errs towards suspicion: `OPAQUE` is said only of a well-formed OMEMO container (structure rules S1 to S5 and S7, after XEP-0384 §5.5.3
//! and §12, and v0.3.0 §4.5) without content beside it, at evidence level E1: nothing proves that the payload was encrypted well. Rules that
//! need device lists, earlier messages or canaries are not run here.

use std::borrow::Cow;

use super::value::decoded_base64_length;
use crate::catalog::Known;
use crate::record::{BodyVerdict, Verdict};
use crate::xmpp::element::Element;
use crate::xmpp::ns;

/// What clients put into `<body/>` for those that cannot decrypt: lower case, straight apostrophes, single spaces, no final full stop.
const FALLBACKS: &[&str] = &[
    "i sent you an omemo encrypted message but your client doesn't seem to support that. find more information on https://conversations.im/omemo",
    "i sent you an omemo encrypted message but your client doesn't seem to support that. find more information on: https://conversations.im/omemo",
    "i sent you an omemo encrypted message but your client doesn't seem to support that",
    "this is an omemo encrypted message which your client doesn't seem to support. find more information on https://conversations.im/omemo",
    "[this message is omemo encrypted]",
    "[omemo encryption failed]",
    "you received a message encrypted with omemo but your client doesn't support omemo",
    "you received a message encrypted with omemo but your client doesn't support omemo or its support is currently disabled",
    "you received a message encrypted with omemo but your client does not support it",
    "you received an omemo encrypted message, but your client does not support it",
    "this message is encrypted with omemo 2 but could not be decrypted",
    "this message is omemo encrypted",
    "***you received an omemo encrypted message***",
    "encrypted omemo message sent",
    "[omemo encrypted message (xep-0384)]",
    "this message is encrypted with omemo",
    "this message is encrypted with omemo and could not be displayed",
    "this message is encrypted with omemo and could not be decrypted by this client",
    "[this message is openpgp encrypted (see xep-0027)]",
    "this message is encrypted (xep-0027)",
    "this message is encrypted (xep-0373: openpgp for xmpp)",
    "i sent you a pgp encrypted message but your client doesn't seem to support that",
    "[openpgp-encrypted message]",
    "this message is encrypted using openpgp",
];

/// Elements that carry content when they stand beside a container (class C of the procedure, rule L4), by namespace and name.
const CONTENT_SIBLINGS: &[(&str, &str)] = &[
    (ns::CLIENT, "subject"),
    ("http://jabber.org/protocol/xhtml-im", "html"),
    ("jabber:x:oob", "x"),
    ("urn:xmpp:sfs:0", "file-sharing"),
    ("urn:xmpp:sims:1", "media-sharing"),
    ("urn:xmpp:reference:0", "reference"),
    ("urn:xmpp:reactions:0", "reactions"),
    ("urn:xmpp:spoiler:0", "spoiler"),
    ("urn:xmpp:stickers:0", "sticker"),
    ("http://www.w3.org/1999/02/22-rdf-syntax-ns#", "Description"),
    ("urn:xmpp:content", "content"),
    ("urn:xmpp:json:0", "json"),
    ("urn:xmpp:rtt:0", "rtt"),
    ("http://jabber.org/protocol/geoloc", "geoloc"),
    ("urn:xmpp:bob", "data"),
    ("jabber:x:conference", "x"),
    ("urn:xmpp:tm:1", "trust-message"),
];

/// Whether a body is one of the sentences clients send in place of an encrypted one.
pub fn is_fallback(body: &str) -> bool {
    let longest = FALLBACKS.iter().map(|fallback| fallback.len()).max().unwrap_or(0);
    let mut folded = String::with_capacity(longest + 8);
    for c in body.trim().chars() {
        match c {
            '\u{2019}' => folded.push('\''),
            c if c.is_whitespace() => {
                if !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            c if c.is_ascii() => folded.push(c.to_ascii_lowercase()),
            c => folded.extend(c.to_lowercase()),
        }
        // A full stop may follow.
        if folded.len() > longest + 1 {
            return false;
        }
    }
    FALLBACKS.contains(&folded.strip_suffix('.').unwrap_or(&folded))
}

/// The verdict on a message; `None` when there is neither content nor a container (receipts, chat states), or it is no message.
pub fn judge(message: Element<'_>, known: &Known) -> Option<BodyVerdict> {
    if message.sym() != known.message || message.attr("type") == Some("error") {
        return None;
    }
    let mut containers: Vec<Element<'_>> = Vec::new();
    let mut bodies: Vec<Cow<'_, str>> = Vec::new();
    for child in message.children() {
        if [known.omemo_legacy, known.omemo_0, known.omemo_1, known.omemo_2].contains(&child.sym()) {
            containers.push(child);
        } else if child.sym() == known.body {
            bodies.push(trimmed(child));
        }
    }
    bodies.retain(|body| !body.is_empty());

    let mut verdict = if let Some(other) = other_container(message, &bodies) {
        made(Verdict::OtherE2ee, "O", &format!("{other}, not examined further"))
    } else if containers.is_empty() {
        return judge_clear(message, &bodies, known);
    } else {
        BodyVerdict { level: Some("E1"), ..made(Verdict::Opaque, "S", "well-formed OMEMO, nothing else in clear") }
    };
    for container in &containers {
        if let Some((rule, because)) = structure(*container) {
            verdict = worse(verdict, made(Verdict::Suspect, rule, &because));
        }
    }
    for body in &bodies {
        if !is_fallback(body) && !body.starts_with("?OTR") {
            verdict = worse(verdict, made(Verdict::Suspect, "F3", "a body in clear that is no known fallback sentence"));
        }
    }
    for sibling in message.children() {
        let (sibling_uri, sibling_name) = (sibling.uri(), sibling.local());
        let named = |(uri, name): &(&str, &str)| *uri == sibling_uri && *name == sibling_name;
        if CONTENT_SIBLINGS.iter().any(named) && carries_content(sibling) {
            verdict = worse(verdict, made(Verdict::ProvenLeak, "L4", &format!("<{}/> in clear beside the ciphertext", sibling.local())));
        }
        if sibling_uri.starts_with("urn:xmpp:sce:") {
            verdict = worse(verdict, made(Verdict::ProvenLeak, "L3", "an encryption envelope in clear"));
        }
    }
    Some(verdict)
}

/// An element's own text without the white space around it.
fn trimmed(element: Element<'_>) -> Cow<'_, str> {
    match element.own_text() {
        Cow::Borrowed(text) => text.trim().into(),
        Cow::Owned(text) => text.trim().to_owned().into(),
    }
}

/// A sibling without text or attributes anywhere says nothing.
fn carries_content(element: Element<'_>) -> bool {
    !element.own_text().trim().is_empty() || !element.attr_indices().is_empty() || element.children().any(carries_content)
}

fn judge_clear(message: Element<'_>, bodies: &[Cow<'_, str>], known: &Known) -> Option<BodyVerdict> {
    if message.children().any(|c| c.uri().starts_with("urn:xmpp:sce:")) {
        return Some(made(Verdict::ProvenLeak, "L3", "an encryption envelope in clear"));
    }
    let promised = message.child(known.eme).is_some();
    let subject = message.child(known.subject).is_some_and(|s| !s.own_text().trim().is_empty());
    if bodies.is_empty() && !subject {
        return promised.then(|| made(Verdict::NotEncrypted, "N2", "announced as encrypted, but nothing was sent"));
    }
    if !bodies.is_empty() && bodies.iter().all(|b| is_fallback(b)) {
        return Some(made(Verdict::NotEncrypted, "N2", "only the fallback sentence, no ciphertext: nothing was sent"));
    }
    Some(made(Verdict::NotEncrypted, "N1", "content in clear, no end-to-end encryption"))
}

fn other_container(message: Element<'_>, bodies: &[Cow<'_, str>]) -> Option<&'static str> {
    let by_element = message.children().find_map(|child| match (child.uri(), child.local()) {
        ("urn:xmpp:openpgp:0", "openpgp") => Some("OpenPGP for XMPP (XEP-0373)"),
        ("jabber:x:encrypted", "x") => Some("OpenPGP (XEP-0027)"),
        _ => None,
    });
    by_element.or_else(|| bodies.iter().any(|b| b.starts_with("?OTR")).then_some("OTR"))
}

/// The first structure rule that fires on a container, with the reason.
fn structure(container: Element<'_>) -> Option<(&'static str, String)> {
    let legacy = container.uri() == ns::OMEMO_LEGACY || container.uri() == ns::OMEMO_0;
    let named = |name: &'static str| container.children().filter(move |c| c.local() == name && c.uri() == container.uri());
    if named("header").count() != 1 || named("payload").count() > 1 {
        return Some(("S1", "not exactly one header, or more than one payload".into()));
    }
    let header = named("header").next()?;
    let lists = header.children().filter(|c| c.local() == if legacy { "key" } else { "keys" });
    let keys: Vec<Element<'_>> =
        if legacy { lists.collect() } else { lists.flat_map(Element::children).filter(|c| c.local() == "key").collect() };
    let id = |text: Option<&str>| text.and_then(|t| t.parse::<u32>().ok()).filter(|id| (1..=0x7fff_ffff).contains(id));
    if id(header.attr("sid")).is_none() || keys.iter().any(|key| id(key.attr("rid")).is_none()) {
        return Some(("S4", "a device id is missing or out of range".into()));
    }
    if keys.is_empty() {
        return Some(("S5", "no recipient key".into()));
    }
    if keys.iter().any(|key| decoded_base64_length(key.own_text().trim()).is_none_or(|bytes| bytes == 0)) {
        return Some(("S2", "a key is empty or not base64".into()));
    }
    let iv = header.children().find(|c| c.local() == "iv");
    if legacy && !iv.is_some_and(|iv| matches!(decoded_base64_length(iv.own_text().trim()), Some(12 | 16))) {
        return Some(("S3", "the iv is missing or not of 12 or 16 bytes".into()));
    }
    if !legacy && iv.is_some() {
        return Some(("S3", "an iv where none belongs".into()));
    }
    if let Some(payload) = named("payload").next() {
        let Some(bytes) = decoded_base64_length(payload.own_text().trim()).filter(|bytes| *bytes > 0) else {
            return Some(("S2", "the payload is empty or not base64".into()));
        };
        if !legacy && (bytes % 16 != 0 || bytes < 64) {
            return Some(("S7", format!("a payload of {bytes} bytes cannot be an encrypted envelope")));
        }
    }
    None
}

fn made(body: Verdict, rule: &'static str, because: &str) -> BodyVerdict {
    BodyVerdict { body, level: None, rules: vec![rule], because: because.to_owned() }
}

/// The stronger of two verdicts; [`Verdict`] is ordered from the worst. Rules of the same strength add up.
fn worse(mut a: BodyVerdict, b: BodyVerdict) -> BodyVerdict {
    match b.body.cmp(&a.body) {
        std::cmp::Ordering::Less => b,
        std::cmp::Ordering::Equal => {
            a.rules.extend(b.rules);
            a.because = format!("{}; {}", a.because, b.because);
            a
        }
        std::cmp::Ordering::Greater => a,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::xmpp::element::{Document, Inherited};
    use crate::xmpp::limits::Limits;

    const KEY: &str = "<header sid='1'><key rid='2'>QUJD</key><iv>QUJDREVGR0hJSktM</iv></header>";

    #[track_caller]
    fn check(inner: &str, expected: &str) {
        let catalog = Catalog::builtin();
        let mut document = Document::new();
        let xml = format!("<message to='b@b.example' type='chat'>{inner}</message>");
        document.parse(xml.as_bytes(), false, &Inherited::client(), &catalog.names, &Limits::default()).unwrap();
        let verdict = judge(document.root(), &catalog.known);
        let shown = verdict.map_or("none".into(), |v| format!("{} {}", v.body, v.rules.join(",")));
        assert_eq!(shown, expected, "{inner}");
    }

    fn omemo(rest: &str) -> String {
        format!("<encrypted xmlns='eu.siacs.conversations.axolotl'>{KEY}<payload>QUJD</payload></encrypted>{rest}")
    }

    #[test]
    fn clear_messages() {
        check("<body>hello</body>", "NOT_ENCRYPTED N1");
        check("<subject>s</subject>", "NOT_ENCRYPTED N1");
        check("<body>This message is OMEMO encrypted.</body>", "NOT_ENCRYPTED N2");
        check("<encryption xmlns='urn:xmpp:eme:0' namespace='x'/>", "NOT_ENCRYPTED N2");
        check("<active xmlns='http://jabber.org/protocol/chatstates'/>", "none");
    }

    #[test]
    fn encrypted_messages() {
        check(&omemo(""), "OPAQUE S");
        check(
            &omemo("<body>I sent you an OMEMO encrypted message but your client doesn\u{2019}t seem to support that.</body>"),
            "OPAQUE S",
        );
        check(&omemo("<body>see you at nine</body>"), "SUSPECT F3");
        check(&omemo("<body>x</body><subject>s</subject>"), "PROVEN_LEAK L4");
        check(&omemo("<envelope xmlns='urn:xmpp:sce:1'/>"), "PROVEN_LEAK L3");
    }

    #[test]
    fn broken_containers_are_suspect() {
        check("<encrypted xmlns='eu.siacs.conversations.axolotl'/>", "SUSPECT S1");
        check(
            "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><iv>QUJDREVGR0hJSktM</iv></header></encrypted>",
            "SUSPECT S5",
        );
        check(&omemo("").replace("rid='2'", "rid='0'"), "SUSPECT S4");
        check(&omemo("").replace("<payload>QUJD", "<payload>not base64"), "SUSPECT S2");
    }

    #[test]
    fn other_systems() {
        check("<body>?OTR:AAMD</body>", "OTHER_E2EE O");
        check("<openpgp xmlns='urn:xmpp:openpgp:0'>QUJD</openpgp>", "OTHER_E2EE O");
    }
}
