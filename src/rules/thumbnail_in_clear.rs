//! Finds small pictures in clear beside an encrypted file, or in an encrypted conversation.
//!
//! **What it checks.** The client sends a thumbnail, or the bytes of a picture, in clear: beside an encryption container or an encrypted
//! file, or to somebody with whom it exchanged encrypted messages.
//!
//! **Why it matters.** A thumbnail shows the picture that the encryption was to hide.
//!
//! **Evidence.** The stanza, and the last encrypted message of the conversation. With the bytes of the picture in it the finding is more
//! severe than with an address or a hash only.
//!
//! **Limits.** The bytes may be something other than a thumbnail, such as a sticker or a smiley. A picture behind an address is fetched
//! past this proxy.
//!
//! **References.** XEP-0264 §5, XEP-0231 §2, XEP-0454 §4, XEP-0447.

use super::names::{BOB, ESFS, JET, THUMBS, THUMBS_0};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "thumbnail-in-clear",
    title: "a small picture in clear beside encryption",
    theme: Theme::Files,
    severity: Severity::High,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "switch thumbnails off if the client has such a setting; report it: in an encrypted conversation a thumbnail belongs inside the encryption",
    source: "XEP-0264 §5 (a thumbnail may leak information about an encrypted transfer; a client may leave it out)",
    watches: &[(THUMBS, "thumbnail"), (THUMBS_0, "thumbnail"), (BOB, "data")],
    verdicts: &[],
    page: include_str!("thumbnail_in_clear.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.is_error() || seen.is_copy() {
        return;
    }
    let Some(with) = seen.partner() else { return };
    let mut bytes = seen.each(BOB, "data").filter(|data| !data.own_text().trim().is_empty()).count();
    let mut addresses = 0;
    for thumbnail in seen.each(THUMBS, "thumbnail").chain(seen.each(THUMBS_0, "thumbnail")) {
        let Some(uri) = thumbnail.attr("uri") else { continue };
        if uri.trim_start().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
            bytes += 1;
        } else if !uri.trim().is_empty() {
            addresses += 1;
        }
    }
    let beside = seen.has_container() || seen.each(JET, "security").next().is_some() || seen.each(ESFS, "encrypted").next().is_some();
    let before = seen.world.encrypted_at_all(with);
    if bytes + addresses == 0 || !beside && before.is_none() {
        return;
    }
    let what = if bytes > 0 { "a small picture" } else { "the address or hash of a small picture" };
    let place = if beside { "beside something encrypted" } else { "in a conversation that was encrypted before" };
    let mut finding = found(format!("{what} went to {with} in clear, {place}")).about(with);
    if bytes == 0 {
        finding = finding.severity(Severity::Medium);
    }
    out.report(match before {
        Some(before) => finding.after(before.number),
        None => finding,
    });
}
