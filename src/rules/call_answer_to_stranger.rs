//! Finds calls of strangers that the client answers before the person does.
//!
//! **What it checks.** A call of somebody without a presence subscription to the account is answered: with `ringing` or `reject`
//! (XEP-0353), with the answer to an invitation (XEP-0482), or with the ringing note of a Jingle session.
//!
//! **Why it matters.** The caller learns that the account is online and at which device, without anybody having picked up. Calling at
//! all hours shows when.
//!
//! **Evidence.** The message or request that answers.
//!
//! **Limits.** `ringing` is sent by itself; `proceed` and `reject` may be the person's own decision, which cannot be seen, and are
//! reported as possible. Says nothing before the roster was seen.
//!
//! **References.** XEP-0353 §6, XEP-0482 §2.4 and §2.5, XEP-0166 §6.3, XEP-0167 §8.

use rustc_hash::FxHashSet;

use super::names::{CALL_INVITES, JINGLE_MESSAGE, JINGLE_RTP_INFO};
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "call-answer-to-stranger",
    title: "calls of strangers are answered by the client",
    theme: Theme::Presence,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "answer calls of strangers only after the person has agreed; report it if the client rings back by itself",
    source: "XEP-0353 §6 (answering is a presence leak and needs the person's consent)",
    watches: &[(JINGLE_MESSAGE, "ringing"), (JINGLE_MESSAGE, "proceed"), (JINGLE_MESSAGE, "reject"), (JINGLE_MESSAGE, "propose"), (JINGLE_RTP_INFO, "ringing"), (CALL_INVITES, "invite"), (CALL_INVITES, "accept"), (CALL_INVITES, "reject"), (CALL_INVITES, "left")],
    verdicts: &[],
    page: include_str!("call_answer_to_stranger.rs"),
    check: || Box::<Calls>::default(),
};

/// Addresses that the person called, at most.
const MAX_CALLED: usize = 2_000;

#[derive(Default)]
struct Calls {
    called: FxHashSet<String>,
}

impl Check for Calls {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        let Some(to) = seen.peer_bare().filter(|_| seen.is_sent() && !seen.is_error()) else { return };
        if seen.child(JINGLE_MESSAGE, "propose").or_else(|| seen.child(CALL_INVITES, "invite")).is_some() {
            if self.called.len() < MAX_CALLED {
                self.called.insert(to.to_owned());
            }
            return;
        }
        if seen.peer_is_room() || !seen.peer_is_stranger() || self.called.contains(to) {
            return;
        }
        let answer = seen.stanza.children().find(|child| [JINGLE_MESSAGE, CALL_INVITES].contains(&child.uri())).map(|answer| answer.local());
        let finding = |fact: String| found(fact).about(to);
        match answer {
            None | Some("ringing") => out.report(finding(format!("{to}, who may not see the account's presence, was told that the device rings"))),
            Some(answer @ ("proceed" | "reject" | "accept" | "left")) => {
                let fact = format!("a call of {to}, who may not see the account's presence, was answered (<{answer}/>)");
                out.report(
                    finding(fact).severity(Severity::Low).confidence(Confidence::Possible).avoidability(Avoidability::Optional),
                );
            }
            _ => {}
        }
    }
}
