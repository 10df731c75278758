//! Finds a command that the client ran for somebody else.
//!
//! **What it checks.** Somebody who is not the own account asks the client to run a command, and it answers with a result. For a contact
//! only commands that control the client remotely are reported.
//!
//! **Why it matters.** Such commands change the status, forward unread messages, accept files or leave rooms. Whoever may run them, reads
//! and acts as the person.
//!
//! **Evidence.** The request and the client's answer. An error is the right answer, and is not reported.
//!
//! **Limits.** A bot is made to answer commands; accept the finding for it.
//!
//! **References.** XEP-0146 §7, XEP-0050 §5.

use super::names::{CLIENT, COMMANDS};
use super::pending::Pending;
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::jid::normalised_bare;

pub(super) const RULE: Rule = Rule {
    id: "command-run-for-stranger",
    title: "the client ran a command for somebody else",
    theme: Theme::Trust,
    severity: Severity::High,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "switch remote control off, or limit it to the own account; report it if the client does neither",
    source: "XEP-0146 §7 (only those who may control the client; best only the same account)",
    watches: &[(COMMANDS, "command"), (CLIENT, "iq")],
    verdicts: &[],
    page: include_str!("command_run_for_stranger.rs"),
    check: || Box::new(CommandForStranger::default()),
};

/// Commands of XEP-0146 begin with this.
const REMOTE_CONTROL: &str = "http://jabber.org/protocol/rc#";

#[derive(Default)]
struct CommandForStranger {
    asked: Pending<()>,
}

impl Check for CommandForStranger {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if seen.is_received() {
            let Some(command) = seen.child(COMMANDS, "command").filter(|_| seen.stanza_type() == Some("set")) else { return };
            let remote_control = command.attr("node").is_some_and(|node| node.starts_with(REMOTE_CONTROL));
            let stranger = seen.peer().is_some_and(|from| !seen.world.is_contact(from));
            if seen.peer_is_foreign() && (remote_control || stranger) && command.attr("action") != Some("cancel") {
                self.asked.keep_request(seen, ());
            }
            return;
        }
        let Some(request) = self.asked.take_answered(seen) else { return };
        if seen.stanza_type() == Some("result") {
            let from = normalised_bare(seen.peer().unwrap_or_default());
            out.report(found(format!("the client ran a command for {from}")).about(from).after(request.passed.number));
        }
    }
}
