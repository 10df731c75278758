//! Finds typing notices while the presence says that the person is away.
//!
//! **What it checks.** The account's last presence is away or extended away, the person has written nothing since, and the client sends
//! a chat state (XEP-0085) that says the opposite.
//!
//! **Why it matters.** The presence is what the person wants to be seen. A notice that the conversation is open takes it back without
//! being asked, for everybody who is written to or reads along.
//!
//! **Evidence.** The message with the chat state, and the presence before it.
//!
//! **Limits.** A person who types is there: `composing` and `paused` are reported as mild. Somebody who is away by choice and reads on
//! makes the same stanzas as a client that sends `active` by itself.
//!
//! **References.** XEP-0085 §5.2 and §9, RFC 6121 §4.7.2.1.

use super::names::{CHAT_STATES};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "chat-state-while-away",
    title: "typing notices while the presence says away",
    theme: Theme::Presence,
    severity: Severity::Medium,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "see whether the client sends the notice by itself when a window gets the focus; switch typing notices off, and report it",
    source: "XEP-0085 §5.2 (a way to disable chat states is required); RFC 6121 §4.7.2.1 (what away means)",
    watches: &[(CHAT_STATES, "active"), (CHAT_STATES, "composing"), (CHAT_STATES, "paused")],
    verdicts: &[],
    page: include_str!("chat_state_while_away.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let (Some(to), Some(away)) = (seen.peer_bare(), seen.world.away()) else { return };
    let Some(state) = seen.stanza.children().find(|child| child.is_in(CHAT_STATES)).map(|state| state.local()) else { return };
    let idle = seen.is_sent() && !seen.is_error() && seen.verdict.is_none() && !away.wrote_since;
    if !idle || seen.peer_is_own() || !matches!(state, "active" | "composing" | "paused") {
        return;
    }
    let finding = found(format!("a typing notice (<{state}/>) went to {to} while the presence says away")).after(away.number).about(to);
    out.report(if state == "active" { finding } else { finding.severity(Severity::Low).confidence(Confidence::Possible) });
}
