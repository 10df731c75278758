//! Finds uploads that tell the server the name of the file.
//!
//! **What it checks.** A request for an upload slot carries a file name that is neither random nor the same for every file. In an account
//! that encrypts, a random name with the file's own extension is reported too, as a milder finding.
//!
//! **Why it matters.** The service needs a name for nothing: it makes the address itself. An original name says what the file is, often who
//! and when, and stays in logs, in the address and in backups, also when the file itself is encrypted.
//!
//! **Evidence.** The request. A name counts as random when it is a UUID, hexadecimal, or a token of at least 8 characters; names such as
//! `file` or `image` say nothing.
//!
//! **Limits.** A readable name may be made up by the client, so that the finding is `likely`. The account counts as encrypting when the
//! client encrypted a message before, or when OMEMO devices of its own were announced; whether this file is encrypted does not show here.
//!
//! **References.** XEP-0363 §4 and §9.3, OPACITY §9.

use std::borrow::Cow;

use super::file_name::{FileName, file_name};
use super::names::{HTTP_UPLOAD, HTTP_UPLOAD_OLD};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "upload-names-the-file",
    title: "the upload service is told the name of a file",
    theme: Theme::Files,
    severity: Severity::Medium,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "rename files before sending them, or let the client do so if it has a setting for it; report it, a random name serves as well",
    source: "XEP-0363 §4 (the request carries a name; nothing asks for the original one); XEP-0363 §9.3 (files may be stored in plain text)",
    watches: &[(HTTP_UPLOAD, "request"), (HTTP_UPLOAD_OLD, "request")],
    verdicts: &[],
    page: include_str!("upload_names_the_file.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(request) = upload_request(seen) else { return };
    let Some(name) = detail(request, "filename") else { return };
    let service = seen.peer_bare().unwrap_or_default();
    let encrypts = seen.world.encrypts();
    let finding = match file_name(&name) {
        FileName::Telling if encrypts => found(format!("the name of a file went to {service}, though the account encrypts")),
        FileName::Telling => {
            found(format!("the name of a file went to {service}")).severity(Severity::Low).avoidability(Avoidability::Optional)
        }
        FileName::Blank(Some(extension)) if encrypts => {
            found(format!("a file went to {service} under a blank name, with its extension .{extension}")).severity(Severity::Low)
        }
        FileName::Blank(_) => return,
    };
    let finding = finding.about(service);
    out.report(match seen.world.encrypted_last() {
        Some(before) if encrypts => finding.after(before.number),
        _ => finding,
    });
}

/// The request for a slot that the client sends with this stanza.
pub(super) fn upload_request<'a>(seen: &Seen<'a>) -> Option<Element<'a>> {
    if !seen.is_sent() || seen.stanza_type() != Some("get") {
        return None;
    }
    seen.stanza.children().find(|child| child.local() == "request" && matches!(child.uri(), HTTP_UPLOAD | HTTP_UPLOAD_OLD))
}

/// What a request says of the file: in an attribute, or as the old namespace did in a child.
pub(super) fn detail<'a>(request: Element<'a>, name: &str) -> Option<Cow<'a, str>> {
    request.attr(name).map(Cow::Borrowed).or_else(|| child(request, HTTP_UPLOAD_OLD, name).map(Element::own_text))
}
