//! Finds pictures that are published with what the camera wrote into them.
//!
//! **What it checks.** The picture of the account (XEP-0084, or the photo or logo of a vCard) that the client publishes holds Exif data.
//!
//! **Why it matters.** Exif tells the model and number of the device, the time, and often where the picture was taken. A picture of the
//! account can be read by everybody, and is usually taken at home.
//!
//! **Evidence.** The request that publishes. Records keep no bytes of it, only its format and whether there was Exif data or a position.
//!
//! **Limits.** JPEG, PNG and WebP are looked into, and Exif only: not XMP or IPTC, and not pictures that stand at a web address. What the tags
//! say, but for whether a position is among them, is not read.
//!
//! **References.** XEP-0084 §3.1, XEP-0054 §5, XEP-0486, Exif 3.0 §4.6.3.

use super::file_format::file_format;
use super::names::{AVATAR_DATA, VCARD};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::audit::file::{EXIF, POSITION};

pub(super) const RULE: Rule = Rule {
    id: "picture-carries-metadata",
    title: "a published picture carries the camera's metadata",
    theme: Theme::Files,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "take the metadata out of the picture before it is published; report it: a client that scales pictures can leave it out",
    source: "XEP-0054 §5 (what is published there is world-readable, and needs caution)",
    watches: &[(AVATAR_DATA, "data"), (VCARD, "BINVAL")],
    verdicts: &[],
    page: include_str!("picture_carries_metadata.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.stanza_type() != Some("set") {
        return;
    }
    for picture in seen.watched() {
        let text = picture.own_text();
        let Some(format) = file_format(&text) else { continue };
        if format.ends_with(POSITION) {
            out.report(found("the picture that was published holds Exif data with a position").severity(Severity::High));
        } else if format.ends_with(EXIF) {
            out.report(found("the picture that was published holds Exif data"));
        }
    }
}
