//! Finds nicks that name the device or its system.
//!
//! **What it checks.** The nick with which the client enters a room, or which it publishes for the account, holds a word for a device or a
//! system, or the name of a host, beside another word.
//!
//! **Why it matters.** A client that makes the nick from the name of the machine tells everybody in the room whose machine it is.
//!
//! **Evidence.** The presence that enters, or the request that publishes.
//!
//! **Limits.** People choose nicks; a single common word is taken as chosen. Words are looked up in a list (`data/device-words.toml`).
//!
//! **References.** XEP-0045 §7.2.2 and §14.5, XEP-0172 §1.

use std::borrow::Cow;

use super::names::{MUC, NICK, PUBSUB};
use super::pep::published;
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use super::words::device_words;
use crate::xmpp::jid::Jid;

pub(super) const RULE: Rule = Rule {
    id: "nick-names-device",
    title: "a nick names the device or its system",
    theme: Theme::Linkage,
    severity: Severity::Low,
    confidence: Confidence::Possible,
    avoidability: Avoidability::Optional,
    advice: "choose a nick; report it if the client takes it from the device",
    source: "XEP-0172 §1 (a nickname is chosen by the owner of the address); XEP-0045 §14.5 (anonymity in rooms)",
    watches: &[(MUC, "x"), (PUBSUB, "publish")],
    verdicts: &[],
    page: include_str!("nick_names_device.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.is_error() {
        return;
    }
    let (nick, place): (Cow<'_, str>, &str) = if seen.name() == "presence" && seen.stanza_type().is_none() {
        let Some(nick) = seen.peer().and_then(|to| Jid::split(to).resourcepart()) else { return };
        (nick.into(), "with which a room was entered")
    } else {
        let Some(publish) = published(seen).filter(|publish| publish.node == NICK) else { return };
        let Some(nick) = publish.payloads().next().map(|nick| nick.own_text()) else { return };
        (nick, "of the account")
    };
    let several = nick.trim().contains(|c: char| !c.is_alphanumeric());
    let Some((word, kind)) = device_words().find(&nick).filter(|(_, kind)| *kind != "client") else { return };
    if several && word.chars().count() >= 4 {
        out.report(found(format!("the nick {place} names a {kind}")));
    }
}
