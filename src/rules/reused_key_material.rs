//! Finds encryption that repeats itself.
//!
//! **What it checks.** The same initialisation vector with another payload, the same payload or key blob in another message, a message
//! counter that is used twice or falls, one ephemeral key for several devices, a one-time key that was consumed before, two payloads whose
//! difference is that of two texts.
//!
//! **Why it matters.** With AES-GCM a repeated nonce gives away the difference of two texts and lets messages be forged; repeated message
//! keys undo forward secrecy.
//!
//! **Evidence.** The message; its verdict names the R rules, or B5 and B6.
//!
//! **Limits.** Copies (carbons, archive, resent stanzas) are recognised and do not count. The memory is bounded, so that repeats far apart
//! can be missed.
//!
//! **References.** XEP-0384 §4.3 and §6, v0.3.0 §4.5, OPACITY rules R, B5, B6.

use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "reused-key-material",
    title: "a key, a nonce or a ciphertext is used again",
    theme: Theme::Content,
    severity: Severity::High,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "ask whether the client was restored from a backup or runs twice with the same data; otherwise report it",
    source: "XEP-0384 §4.3 (one message key per counter); v0.3.0 §4.5 (fresh, random key and IV)",
    watches: &[],
    verdicts: &["R", "B5", "B6"],
    page: include_str!("reused_key_material.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_copy() && RULE.verdicts.iter().any(|rule| seen.is_decided_by(rule)) {
        out.report(found(format!("{} used key material of an earlier message again", seen.sender())));
    }
}
