//! Finds the key of an encrypted file or call where the server can read it.
//!
//! **What it checks.** An `aesgcm:` link, the key of an encrypted file source, the test envelope of a Jingle transfer, or the key of a call
//! stands outside any encryption.
//!
//! **Why it matters.** Whoever relays or stores the stanza fetches the file and decrypts it, or listens to the call.
//!
//! **Evidence.** The stanza. Keys are counted, never written down.
//!
//! **Limits.** A link is one with a whole key in its fragment, wherever it stands. One whose key has another length is not found.
//!
//! **References.** XEP-0454 §3 and §7, XEP-0448 §3, XEP-0391 §4, XEP-0167 §7, XEP-0320, OPACITY rule L5.

use super::names::{ESFS, JET_STUB, JINGLE_RTP};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "file-key-in-clear",
    title: "the key of an encrypted file or call can be read",
    theme: Theme::Files,
    severity: Severity::Critical,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "take what was sent as readable by the servers; see whether encryption was on in this conversation, and report it if it was",
    source: "XEP-0454 §7 (the key must not reach the server operator); XEP-0448 §3; XEP-0167 §7",
    watches: &[(ESFS, "key"), (JET_STUB, "payload"), (JINGLE_RTP, "crypto")],
    verdicts: &["L5"],
    page: include_str!("file_key_in_clear.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if seen.is_error() || seen.is_copy() {
        return;
    }
    // Content is hidden on records: whether a link has a key is what the procedure has found out.
    let link = || seen.has_verdict_rule("L5").then_some("the link of an encrypted file with its key");
    let Some(what) = seen.watched().find_map(key_in).or_else(link) else { return };
    let mut finding = found(format!("{} sent {what} in clear", seen.sender()));
    finding.about = seen.partner().map(Into::into);
    if what == CALL_KEY {
        finding = finding.advice("use a client that agrees on call keys with DTLS (XEP-0320); the servers can listen to this call");
    }
    out.report(finding);
}

const CALL_KEY: &str = "the key of a call";

/// What key an element holds by itself. Forwarded copies count: whoever forwards a key in clear shows it.
fn key_in(element: Element<'_>) -> Option<&'static str> {
    let filled = || !element.own_text().trim().is_empty();
    match (element.uri(), element.local()) {
        (ESFS, "key") if filled() => Some("the key of an encrypted file"),
        (JET_STUB, "payload") if filled() => Some("the key of an encrypted transfer, in an envelope made for tests"),
        (JINGLE_RTP, "crypto") if element.attr("key-params").is_some_and(|key| !key.is_empty()) => Some(CALL_KEY),
        _ => None,
    }
}
