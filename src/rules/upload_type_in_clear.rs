//! Finds uploads of an encrypting account that tell the sort of the file.
//!
//! **What it checks.** A request for an upload slot names a media type other than `application/octet-stream`, in an account that encrypts.
//!
//! **Why it matters.** An encrypted file has no type but bytes. A type says photo, voice message or document, and with the size and the
//! time often which one.
//!
//! **Evidence.** The request, and the last message that the client encrypted before, if there was one.
//!
//! **Limits.** A file for a conversation without encryption looks the same: the finding is `likely`. A profile picture is uploaded for
//! everybody; where the request says that it is one (XEP-0363 §5), nothing is found.
//!
//! **References.** XEP-0363 §4, XEP-0454 §3.

use super::names::{HTTP_UPLOAD, HTTP_UPLOAD_OLD};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use super::upload_names_the_file::{detail, upload_request};

pub(super) const RULE: Rule = Rule {
    id: "upload-type-in-clear",
    title: "the upload service is told the sort of a file",
    theme: Theme::Files,
    severity: Severity::Low,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "report it: for an encrypted file application/octet-stream is the true type, and the attribute may be left out",
    source: "XEP-0363 §4 (content-type is optional)",
    watches: &[(HTTP_UPLOAD, "request"), (HTTP_UPLOAD_OLD, "request")],
    verdicts: &[],
    page: include_str!("upload_type_in_clear.rs"),
    check: || Box::new(see),
};

/// What any file may be called, and an encrypted one.
const BLANK_TYPES: [&str; 5] =
    ["", "application/octet-stream", "binary/octet-stream", "application/pgp-encrypted", "application/x-www-form-urlencoded"];

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(request) = upload_request(seen).filter(|_| seen.world.encrypts()) else { return };
    let Some(media_type) = detail(request, "content-type") else { return };
    let blank = media_type.split(';').next().unwrap_or("").trim();
    let for_everybody = request.children().any(|purpose| matches!(purpose.local(), "profile" | "permanent"));
    if BLANK_TYPES.iter().any(|known| known.eq_ignore_ascii_case(blank)) || for_everybody {
        return;
    }
    let service = seen.peer_bare().unwrap_or_default();
    let finding = found(format!("the media type of a file went to {service}, though the account encrypts")).about(service);
    out.report(match seen.world.encrypted_last() {
        Some(before) => finding.after(before.number),
        None => finding,
    });
}
