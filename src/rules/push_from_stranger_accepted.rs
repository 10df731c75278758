//! Finds a push that the client accepted from somebody who may not send it.
//!
//! **What it checks.** A change of the roster, the block list or the privacy lists comes from an address that is neither the own account
//! nor its server, and the client answers that it took it.
//!
//! **Why it matters.** Only the own server may say who is a contact. Whoever else can, adds himself under a known name, removes contacts,
//! or unblocks himself.
//!
//! **Evidence.** The push and the client's answer. Ignoring it, or answering an error, is right and is not reported.
//!
//! **Limits.** Whether the client kept the change does not show. Some stacks answer `result` to everything; then this still deserves a
//! look.
//!
//! **References.** RFC 6121 §2.1.6, XEP-0191 §3, XEP-0016 §2.

use super::names::{BLOCKING, CLIENT, PRIVACY, ROSTER};
use super::pending::Pending;
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::jid::normalised_bare;

pub(super) const RULE: Rule = Rule {
    id: "push-from-stranger-accepted",
    title: "a roster or block list push from somebody else was accepted",
    theme: Theme::Trust,
    severity: Severity::High,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "look whether the contact list changed; report it as a security bug, the sender of a push has to be checked",
    source: "RFC 6121 §2.1.6 (a push that is not from the own account has to be ignored)",
    watches: &[(ROSTER, "query"), (BLOCKING, "block"), (BLOCKING, "unblock"), (PRIVACY, "query"), (CLIENT, "iq")],
    verdicts: &[],
    page: include_str!("push_from_stranger_accepted.rs"),
    check: || Box::new(PushFromStranger::default()),
};

#[derive(Default)]
struct PushFromStranger {
    pushes: Pending<&'static str>,
}

impl Check for PushFromStranger {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if seen.is_received() {
            let kind = seen.stanza.children().find_map(|payload| match (payload.uri(), payload.local()) {
                (ROSTER, "query") => Some("roster"),
                (BLOCKING, "block" | "unblock") => Some("block list"),
                (PRIVACY, "query") => Some("privacy list"),
                _ => None,
            });
            if let (Some(kind), Some("set"), true) = (kind, seen.stanza_type(), seen.peer_is_foreign()) {
                self.pushes.keep_request(seen, kind);
            }
            return;
        }
        let Some(push) = self.pushes.take_answered(seen) else { return };
        if seen.stanza_type() == Some("result") {
            let from = normalised_bare(seen.peer().unwrap_or_default());
            let fact = format!("the client accepted a change of its {} from {from}, who is not its server", push.what);
            out.report(found(fact).about(from).after(push.passed.number));
        }
    }
}
