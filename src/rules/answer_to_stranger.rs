//! Finds requests of strangers that the client answers.
//!
//! **What it checks.** Somebody without a presence subscription to the account sends a request to one of its resources (version, time,
//! capabilities, ping, a call …) and gets an answer that the server would not have given in the client's place.
//!
//! **Why it matters.** Any answer tells that this resource is online. Version, time zone and capabilities tell more: which software to
//! attack, where the person is.
//!
//! **Evidence.** The request and its answer.
//!
//! **Limits.** A stranger must know the resource; rooms and old subscriptions give it away. Says nothing before the roster was seen,
//! and nothing about people the person wrote to in this session. The idle time has a rule of its own.
//!
//! **References.** RFC 6120 §8.3.3.19 and §13.10.2, XEP-0199 §7, XEP-0115 §9.4, XEP-0166 §6.3.

use rustc_hash::FxHashMap;

use super::names::{CLIENT, COMMANDS, DISCO_INFO, DISCO_ITEMS, IBB, JINGLE, LAST, PING, S5B, SI, TIME, TIME_LEGACY, VCARD, VERSION};
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::jid::{normalised_bare};

pub(super) const RULE: Rule = Rule {
    id: "answer-to-stranger",
    title: "requests of strangers are answered",
    theme: Theme::Presence,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "answer requests of contacts only, and others with service-unavailable as the server would; report it",
    source: "XEP-0199 §7 (service-unavailable to hide that one is online); RFC 6120 §13.10.2 (no presence leaks); XEP-0115 §9.4",
    watches: &[(CLIENT, "iq")],
    verdicts: &[],
    page: include_str!("answer_to_stranger.rs"),
    check: || Box::<Answers>::default(),
};

/// Requests that wait for an answer, at most.
const MAX_ASKED: usize = 2_000;

#[derive(Default)]
struct Answers {
    asked: FxHashMap<(String, String), (u64, &'static str)>,
}

impl Check for Answers {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        let (Some(peer), Some(id)) = (seen.peer(), seen.stanza.attr("id")) else { return };
        let key = || (peer.to_owned(), id.to_owned());
        match (seen.is_sent(), seen.stanza_type()) {
            (false, Some("get" | "set")) => {
                if self.asked.len() >= MAX_ASKED {
                    self.asked.clear();
                }
                if let Some(what) = what(seen) {
                    self.asked.insert(key(), (seen.number, what));
                }
            }
            (true, Some("result" | "error")) => {
                let Some((request, what)) = self.asked.remove(&key()) else { return };
                if !seen.peer_is_stranger() || seen.world.wrote_to(peer) || seen.is_error() && is_what_the_server_says(seen) {
                    return;
                }
                let to = normalised_bare(peer);
                let finding = found(format!("a request for {what} of {to}, who may not see the account's presence, was answered"));
                let finding = finding.after(request).about(to);
                out.report(if seen.is_error() { finding.severity(Severity::Low) } else { finding });
            }
            _ => {}
        }
    }
}

/// What a request asks for; none when another rule looks at it.
fn what(seen: &Seen<'_>) -> Option<&'static str> {
    let payload = seen.stanza.children().next()?;
    Some(match payload.uri() {
        LAST => return None,
        VERSION => "the software version",
        TIME | TIME_LEGACY => "the time and its zone",
        DISCO_INFO | DISCO_ITEMS => "the capabilities",
        PING => "a sign of life",
        VCARD => "the profile",
        JINGLE | SI | S5B | IBB => "a transfer or call",
        COMMANDS => "a command",
        _ => "something",
    })
}

/// Whether an error is the one that the server gives for a resource that is not there.
fn is_what_the_server_says(seen: &Seen<'_>) -> bool {
    let errors = seen.stanza.children().filter(|child| child.local() == "error");
    errors.flat_map(|error| error.children()).any(|condition| condition.local() == "service-unavailable")
}
