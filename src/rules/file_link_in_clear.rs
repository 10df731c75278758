//! Finds a file sent by a readable link in a conversation that is otherwise encrypted.
//!
//! **What it checks.** The client sends the address of a file (out-of-band data, file sharing, or a link right after an upload) in a
//! message without a container, to somebody with whom it exchanged encrypted messages.
//!
//! **Why it matters.** Both servers read the link, and the file behind it is most likely not encrypted either: who holds the link holds the
//! file.
//!
//! **Evidence.** The message, the last encrypted one before it, and the slot that was asked for, if there was one.
//!
//! **Limits.** What is behind the link does not pass this proxy. A link in the middle of other text is not recognised. Links with a key in
//! them belong to another rule (`file-key-in-clear`).
//! Without a clock, as in `scan`, a few stanzas later counts as right after an upload, and a link that is nothing but text is `possible`.
//!
//! **References.** XEP-0363 §9.3, XEP-0066 §2, XEP-0447, XEP-0420 §5.

use super::names::{CLIENT, ESFS, HTTP_UPLOAD, HTTP_UPLOAD_OLD, OOB, REFERENCE, SFS, SIMS, URL_DATA};
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Passed, Seen, class_of};

pub(super) const RULE: Rule = Rule {
    id: "file-link-in-clear",
    title: "a file by readable link in an encrypted conversation",
    theme: Theme::Files,
    severity: Severity::High,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "look whether the client shows that a file goes out unencrypted, and whether it can encrypt files or refuse to send them",
    source: "XEP-0363 §9.3 (without end-to-end encryption files may be stored in plain text)",
    watches: &[
        (OOB, "url"),
        (SFS, "file-sharing"),
        (SFS, "sources"),
        (SIMS, "media-sharing"),
        (CLIENT, "body"),
        (HTTP_UPLOAD, "slot"),
        (HTTP_UPLOAD_OLD, "slot"),
    ],
    verdicts: &[],
    page: include_str!("file_link_in_clear.rs"),
    check: || Box::new(FileLink::default()),
};

/// A link so soon after a slot was given is that of the file.
const MICROS_AFTER_SLOT: u64 = 120_000_000;

#[derive(Default)]
struct FileLink {
    /// When the last slot was given.
    slot: Option<Passed>,
}

impl Check for FileLink {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if seen.name() == "iq" {
            if seen.is_received() && seen.stanza_type() == Some("result") {
                self.slot = Some(seen.passed());
            }
            return;
        }
        if !seen.is_sent() || seen.is_error() || seen.is_copy() || seen.has_container() || seen.name() != "message" {
            return;
        }
        // With an encrypted source the address leads to ciphertext.
        if seen.each(ESFS, "encrypted").next().is_some() {
            return;
        }
        let Some(with) = seen.partner() else { return };
        let Some(before) = seen.world.encrypted_at_all(with) else { return };
        let link = |text: &str| class_of(text) == "link";
        let declared = seen.each(OOB, "url").any(|url| link(&url.own_text()))
            || seen.each(URL_DATA, "url-data").any(|data| data.attr("target").is_some_and(link))
            || seen.child(REFERENCE, "reference").is_some_and(|reference| {
                reference.children().any(|media| media.uri() == SIMS)
                    && seen.each(REFERENCE, "reference").any(|source| source.attr("uri").is_some_and(link))
            });
        let slot = self.slot.and_then(|slot| Some((slot.number, seen.soon_after(slot, MICROS_AFTER_SLOT)?)));
        let text = slot.is_some() && seen.stanza.children().any(|body| body.local() == "body" && link(&body.own_text()));
        if !declared && !text {
            return;
        }
        let mut finding = found(format!("the address of a file went to {with} in clear, in a conversation that was encrypted before"))
            .after(before.number)
            .about(with);
        if let Some((number, soon)) = slot {
            finding = finding.after(number);
            if !declared {
                finding = finding.as_soon(soon);
            }
            self.slot = None;
        }
        out.report(finding);
    }
}
