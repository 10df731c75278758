//! Finds readable messages to somebody whose devices could decrypt, from an account that can encrypt.
//!
//! **What it checks.** In a one-to-one chat the client sends readable text, the contact's device list was seen and names a device, the own
//! account has devices too, and nothing in the conversation was encrypted before in this session. The same for a room that only members
//! enter and that shows their addresses, when each member that was seen has a device.
//!
//! **Why it matters.** After an update, a reconnect or a setting that was lost, clients fall back to clear text; both sides could have
//! encrypted.
//!
//! **Evidence.** The message.
//!
//! **Limits.** Writing in clear may be what the person wants. A contact who removed all devices is not reported, nor is a room that
//! hides addresses: there OMEMO is impossible. When the conversation was encrypted before in the session, or in another of the
//! run, clear-text-after-encryption says so.
//!
//! **References.** XEP-0384 §5.3 and §5.7.

use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use super::user_text::holds_user_text;

pub(super) const RULE: Rule = Rule {
    id: "clear-text-to-omemo-contact",
    title: "readable text to a contact who can decrypt",
    theme: Theme::Content,
    severity: Severity::Medium,
    confidence: Confidence::Possible,
    avoidability: Avoidability::Optional,
    advice: "switch encryption on for this contact, or by default if the client can; after an update or a reconnect see whether it stays on",
    source: "XEP-0384 §1 (devices announce that they can decrypt); §5.7",
    watches: &[],
    verdicts: &["N1"],
    page: include_str!("clear_text_to_omemo_contact.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(with) = seen.conversation else { return };
    let world = seen.world;
    if !seen.is_sent() || seen.is_copy() || world.is_own(with) || !world.has_devices("") || world.encrypted_at_all(with).is_some() {
        return;
    }
    let whole_room = seen.stanza_type() == Some("groupchat");
    let able = if whole_room { world.can_all_decrypt(with) } else { !seen.peer_is_room() && world.has_devices(with) };
    // What was encrypted in an earlier session is the matter of clear-text-after-encryption.
    if able && !world.encrypted_in_any_session(with) && holds_user_text(seen) {
        let whose = if whole_room { "whose members' devices" } else { "whose devices" };
        out.report(found(format!("readable text went to {with}, {whose} could decrypt")).about(with));
    }
}
