//! Finds the details of a file in clear where the conversation, or the transfer itself, is encrypted.
//!
//! **What it checks.** The client offers a file (Jingle, or the older stream initiation) with a telling name, a hash, a date or a
//! description in clear, beside a transport that it encrypts end to end, or to somebody with whom it exchanged encrypted messages.
//!
//! **Why it matters.** The encryption covers the bytes of the file only. A hash of the original recognises every file that is known
//! elsewhere; name, date and description often say what is in it.
//!
//! **Evidence.** The offer, and the last encrypted message of the conversation.
//!
//! **Limits.** Whether a hash is that of the original or of the ciphertext does not show; the specifications mean the original. The size
//! cannot be left out and is not reported by itself. Outside encrypted conversations the offer is the person's own decision.
//!
//! **References.** XEP-0391 §7, XEP-0396, XEP-0234 §8.2, XEP-0096 §3.

use super::file_name::{FileName, file_name};
use super::names::{JET, JINGLE, SI, SI_FILE};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "jingle-file-details-in-clear",
    title: "name, hash or date of a file in clear beside encryption",
    theme: Theme::Files,
    severity: Severity::Medium,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "send the file as an encrypted upload if the client can, or rename it; report it, name, hash and date may be left out or blank",
    source: "XEP-0391 §7 (name and other information in <file/> can be seen); XEP-0234 §8.2 (the checksum)",
    watches: &[(JINGLE, "jingle"), (SI_FILE, "file")],
    verdicts: &[],
    page: include_str!("jingle_file_details_in_clear.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.is_error() {
        return;
    }
    let Some(with) = seen.peer_bare() else { return };
    let before = seen.world.encrypted_at_all(with);
    let jingle = seen.child(JINGLE, "jingle").filter(|jingle| jingle.attr("action") != Some("session-accept"));
    let contents = jingle.into_iter().flat_map(Element::children).chain(seen.child(SI, "si"));
    for content in contents {
        let secured = child(content, JET, "security").is_some();
        let mut told = Vec::new();
        for described in content.children().chain([content]).filter(|described| is_of_file(*described)) {
            details(described, &mut told);
        }
        if told.is_empty() || !secured && before.is_none() {
            continue;
        }
        let what = told.join(", ");
        let finding = if secured {
            let finding = found(format!("{what} of a file went to {with} in clear beside its encrypted transport"));
            // A hash alone might be that of the ciphertext, though nothing asks for that.
            if told == ["hash"] {
                finding.confidence(Confidence::Possible)
            } else {
                finding.severity(Severity::High).confidence(Confidence::Certain)
            }
        } else {
            found(format!("{what} of a file went to {with} in clear, in a conversation that was encrypted before"))
        };
        let finding = finding.about(with);
        out.report(match before {
            Some(before) => finding.after(before.number),
            None => finding,
        });
    }
}

/// Every version of the description of a file begins with this.
const JINGLE_FILES: &str = "urn:xmpp:jingle:apps:file-transfer:";

fn is_of_file(element: Element<'_>) -> bool {
    element.uri().starts_with(JINGLE_FILES) || element.uri() == SI_FILE
}

/// What a description tells of the file, at any depth.
fn details(element: Element<'_>, told: &mut Vec<&'static str>) {
    let mut tell = |what| {
        if !told.contains(&what) {
            told.push(what);
        }
    };
    let telling = |name: &str| !name.trim().is_empty() && file_name(name) == FileName::Telling;
    match (element.uri(), element.local()) {
        (SI_FILE, "file") => {
            for (attribute, what) in [("hash", "hash"), ("date", "date")] {
                if element.attr(attribute).is_some_and(|value| !value.is_empty()) {
                    tell(what);
                }
            }
            if element.attr("name").is_some_and(telling) {
                tell("name");
            }
        }
        (_, "name") if telling(&element.own_text()) => tell("name"),
        (_, "hash") if !element.own_text().trim().is_empty() => tell("hash"),
        (_, "date") if !element.own_text().trim().is_empty() => tell("date"),
        (_, "desc") if !element.own_text().trim().is_empty() => tell("description"),
        _ => {}
    }
    for inner in element.children() {
        details(inner, told);
    }
}
