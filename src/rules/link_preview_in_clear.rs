//! Finds the preview of a link in clear.
//!
//! **What it checks.** The client sends metadata of a page (address, title, description, picture) in clear: in a conversation that was
//! encrypted before, or, as a milder finding, anywhere else.
//!
//! **Why it matters.** In an encrypted conversation the preview tells the servers which page the message is about. Everywhere it shows that
//! the client fetched the page, so that the site knows when somebody at this network address was about to send the link.
//!
//! **Evidence.** The message, and the last encrypted one of the conversation.
//!
//! **Limits.** The fetch itself does not pass this proxy. The person may have asked for the preview. Beside a container it belongs to
//! another rule (`content-beside-ciphertext`).
//!
//! **References.** XEP-0511 §3 and §7, XEP-0420 §9.

use super::names::RDF;
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "link-preview-in-clear",
    title: "the preview of a link in clear",
    theme: Theme::Content,
    severity: Severity::High,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "switch link previews off for what is sent; in an encrypted conversation report it, the preview belongs inside the encryption",
    source: "XEP-0511 §7 (fetching reveals interest); XEP-0420 §9 (what else must not stay outside)",
    watches: &[(RDF, "Description")],
    verdicts: &[],
    page: include_str!("link_preview_in_clear.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.is_error() || seen.is_copy() || seen.has_container() || seen.name() != "message" {
        return;
    }
    let Some(with) = seen.partner() else { return };
    let previews = seen.stanza.children().filter(|child| child.uri() == RDF && child.local() == "Description");
    if previews.flat_map(|preview| preview.children()).next().is_none() {
        return;
    }
    let before = seen.world.encrypted_at_all(with);
    let finding = match before {
        Some(_) => found(format!("the preview of a link went to {with} in clear, in a conversation that was encrypted before"))
            .confidence(Confidence::Likely),
        None => found(format!("the preview of a link went to {with}: the client fetched the page before sending"))
            .severity(Severity::Low)
            .confidence(Confidence::Likely)
            .avoidability(Avoidability::Optional),
    };
    let finding = finding.about(with);
    out.report(match before {
        Some(before) => finding.after(before.number),
        None => finding,
    });
}
