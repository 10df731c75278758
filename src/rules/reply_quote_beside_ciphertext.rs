//! Finds the length of quoted text given away beside the ciphertext.
//!
//! **What it checks.** Beside an OMEMO container stands a fallback range of a reply whose end lies behind the end of the encrypted text: it
//! was computed on another body than the one that was encrypted.
//!
//! **Why it matters.** The range tells how long the quoted text is, and with it which message is answered.
//!
//! **Evidence.** The message.
//!
//! **Limits.** A range that fits the encrypted text refers to it, as legacy OMEMO has it; it is listed by metadata-beside-ciphertext. With
//! OMEMO 2 the length of the text is not known and nothing is found.
//!
//! **References.** XEP-0461 §3.1, XEP-0428 §3, OPACITY §4 class M.

use super::names::{FALLBACK, OMEMO_0, OMEMO_LEGACY, REPLY};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, base64_length};
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "reply-quote-beside-ciphertext",
    title: "the range of a quote tells of text that is encrypted",
    theme: Theme::Content,
    severity: Severity::Low,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "answer without quoting in encrypted conversations, and report it",
    source: "XEP-0461 §3.1, XEP-0428 §3 (a range refers to the body of the same stanza)",
    watches: &[(FALLBACK, "fallback")],
    verdicts: &[],
    page: include_str!("reply_quote_beside_ciphertext.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(container) = seen.omemo().filter(|container| matches!(container.uri(), OMEMO_LEGACY | OMEMO_0)) else { return };
    let payload = container.children().find(|child| child.local() == "payload").and_then(|payload| base64_length(&payload.own_text()));
    let (Some(length), false) = (payload, seen.is_copy()) else { return };
    let ranges = seen.stanza.children().filter(|child| child.uri() == FALLBACK && child.attr("for") == Some(REPLY));
    for range in ranges.flat_map(Element::children) {
        let end: Option<usize> = range.attr("end").and_then(|end| end.parse().ok());
        if let Some(end) = end.filter(|end| *end > length) {
            let finding = found(format!("the quote of an answer ends at character {end}, behind the {length} bytes that are encrypted"));
            out.report(match seen.conversation {
                Some(with) => finding.about(with),
                None => finding,
            });
        }
    }
}
