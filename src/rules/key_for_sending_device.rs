//! Finds messages that hold a key for the very device that sends them.
//!
//! **What it checks.** In an OMEMO message that the client sends, a key is for the device whose id is that of the sender.
//!
//! **Why it matters.** A device has no session with itself. Such a key is of no use to the client, so that whoever is meant to read it has
//! the same id: a second device under one id, or a mistake in the list of recipients.
//!
//! **Evidence.** The message.
//!
//! **Limits.** In legacy OMEMO keys do not name an account: where a contact has announced a device with that id the rule is silent.
//!
//! **References.** XEP-0384 §5.5.2, OPACITY rule S5.

use super::names::{OMEMO_0, OMEMO_1, OMEMO_2, OMEMO_LEGACY};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "key-for-sending-device",
    title: "a message is encrypted for the device that sends it",
    theme: Theme::Recipients,
    severity: Severity::Low,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "see whether two devices of the account have one id; report it",
    source: "XEP-0384 §5.5.2 (the own devices are recipients, excluding the one that sends)",
    watches: &[(OMEMO_LEGACY, "encrypted"), (OMEMO_2, "encrypted"), (OMEMO_1, "encrypted"), (OMEMO_0, "encrypted")],
    verdicts: &["S5"],
    page: include_str!("key_for_sending_device.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.is_copy() || seen.is_error() {
        return;
    }
    let Some(container) = seen.omemo() else { return };
    let Some(header) = container.children().find(|child| child.local() == "header") else { return };
    let Some(sid) = header.attr("sid").and_then(|sid| sid.parse::<u32>().ok()) else { return };
    let is_for_sender = |key: Element<'_>| key.local() == "key" && key.attr("rid").is_some_and(|rid| rid.parse() == Ok(sid));
    let world = seen.world;
    let of_others = || world.owners(sid, container.uri()).iter().any(|owner| !world.is_own(owner));
    let named = header
        .children()
        .any(|keys| keys.local() == "keys" && keys.attr("jid").is_some_and(|jid| world.is_own(jid)) && keys.children().any(is_for_sender));
    if named || header.children().any(is_for_sender) && !of_others() {
        out.report(found(format!("a message holds a key for device {sid}, which sends it")).about(sid.to_string()));
    }
}
