//! Finds typing notices to somebody who may not see the account's presence.
//!
//! **What it checks.** The client sends a chat state (XEP-0085) to an address without a presence subscription to the account, to which the
//! person has not written in this session.
//!
//! **Why it matters.** A chat state tells a stranger that the account is online, and that the person opened, reads or answers their
//! message.
//!
//! **Evidence.** The message with the chat state. A message with content beside it, or before it, is the person's own decision and is not
//! reported.
//!
//! **Limits.** Says nothing before the roster was seen. What was written in earlier sessions is not known.
//!
//! **References.** XEP-0085 §5.1 and §5.6, RFC 6121 §3.1 and §11.

use super::names::CHAT_STATES;
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "chat-state-to-stranger",
    title: "typing notices to somebody who may not see the account's presence",
    theme: Theme::Presence,
    severity: Severity::Medium,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "switch typing notices off, or limit them to contacts; report it if the client offers neither",
    source: "XEP-0085 §5.6 (a way to disable chat states is required); RFC 6121 §11 (presence only for those entitled to it)",
    watches: &[
        (CHAT_STATES, "active"),
        (CHAT_STATES, "composing"),
        (CHAT_STATES, "paused"),
        (CHAT_STATES, "inactive"),
        (CHAT_STATES, "gone"),
    ],
    verdicts: &[],
    page: include_str!("chat_state_to_stranger.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(to) = seen.peer_bare() else { return };
    let Some(state) = seen.stanza.children().find(|child| child.is_in(CHAT_STATES)) else { return };
    let own_decision = || seen.verdict.is_some() || seen.world.wrote_to(to);
    if seen.is_sent() && !seen.is_error() && !own_decision() && !seen.peer_is_room() && seen.peer_is_stranger() {
        out.report(found(format!("a typing notice (<{}/>) went to {to}, who may not see the account's presence", state.local())).about(to));
    }
}
