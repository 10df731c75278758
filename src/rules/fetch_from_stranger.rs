//! Finds queries that a stranger provokes by writing, or somebody in a room by speaking.
//!
//! **What it checks.** Within ten seconds after a stanza from somebody who is not on the roster, the client asks them, or their server, for
//! a profile, a picture, features, version or data that the stanza points to; the same for one person in a room; and a link that a stranger
//! asked to fetch (`jabber:iq:oob`) and that the client reports as fetched.
//!
//! **Why it matters.** The question tells that the account is online and that its client has just handled the message; the answer may come
//! from a server that the stranger runs.
//!
//! **Evidence.** The stanza and the question. Questions to a room as a whole are needed to enter it and are not reported.
//!
//! **Limits.** Says nothing before the roster was seen. The person may have opened the profile by hand. Pictures and previews fetched from
//! the web do not pass this proxy. Keys for encryption are left out: an answer needs them.
//! Without a clock, as in `scan`, a few stanzas later counts as soon, and the finding is `possible`.
//!
//! **References.** XEP-0054 §3.3, XEP-0030 §8, XEP-0092 §4, XEP-0231 §4, XEP-0084 §4, XEP-0066 §3, XEP-0045 §6.6.

use rustc_hash::FxHashMap;

use super::names::{
    AVATAR_DATA, AVATAR_METADATA, BOB, CLIENT, DISCO_INFO, LAST, MUC_USER, OOB_IQ, PUBSUB, TIME, VCARD, VCARD_4, VERSION,
};
use super::pending::Pending;
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Passed, Seen, child};
use crate::xmpp::jid::Jid;

pub(super) const RULE: Rule = Rule {
    id: "fetch-from-stranger",
    title: "a stranger's message makes the client ask something back",
    theme: Theme::Fetches,
    severity: Severity::Low,
    confidence: Confidence::Possible,
    avoidability: Avoidability::Optional,
    advice: "see whether pictures and profiles of strangers can be switched off, and automatic loading limited to contacts",
    source: "XEP-0231 §4 (a person may be asked first); XEP-0030 §8 (whom to ask and answer); RFC 6121 §11",
    watches: &[
        (CLIENT, "message"),
        (CLIENT, "presence"),
        (CLIENT, "iq"),
        (OOB_IQ, "query"),
        (VCARD, "vCard"),
        (VCARD_4, "vcard"),
        (DISCO_INFO, "query"),
        (VERSION, "query"),
        (LAST, "query"),
        (TIME, "time"),
        (BOB, "data"),
        (PUBSUB, "items"),
    ],
    verdicts: &[],
    page: include_str!("fetch_from_stranger.rs"),
    check: || Box::new(FetchFromStranger::default()),
};

/// A fetch later than this is hardly caused by the stanza.
const MICROS: u64 = 10_000_000;

/// Others whose last stanza is remembered.
const MAX: usize = 1024;

#[derive(Default)]
struct FetchFromStranger {
    /// When a stranger, or a room, was last heard.
    heard: FxHashMap<String, Passed>,
    links: Pending<()>,
}

impl Check for FetchFromStranger {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        let Some(with) = seen.peer_bare() else { return };
        if seen.is_received() {
            if seen.name() == "iq" {
                if seen.child(OOB_IQ, "query").is_some() && seen.stanza_type() == Some("set") && seen.peer_is_unknown() {
                    self.links.keep_request(seen, ());
                }
            } else if !seen.is_error() && (seen.peer_is_known_room() || seen.peer_is_unknown() && seen.child(MUC_USER, "x").is_none()) {
                self.heard(seen, with);
            }
            return;
        }
        if seen.name() != "iq" {
            return;
        }
        if let Some(link) = self.links.take_answered(seen) {
            if seen.stanza_type() == Some("result") {
                out.report(
                    found(format!("the client fetched a link for {with}, a stranger, and said so"))
                        .severity(Severity::Medium)
                        .confidence(Confidence::Likely)
                        .avoidability(Avoidability::Avoidable)
                        .about(with)
                        .after(link.passed.number),
                );
            }
            return;
        }
        let Some(what) = question(seen) else { return };
        let Some(&heard) = self.heard.get(with) else { return };
        let room = seen.peer_is_known_room();
        let direct = seen.peer().is_some_and(|to| Jid::split(to).resourcepart().is_some());
        if room && !direct || !room && !seen.peer_is_unknown() {
            return;
        }
        let Some(soon) = seen.soon_after(heard, MICROS) else { return };
        let who = match (room, direct) {
            (true, _) => format!("somebody in {with}"),
            (false, true) => format!("{with}, a stranger,"),
            (false, false) => format!("the server of {with}, a stranger,"),
        };
        let fact = format!("the client asked {who} for {what} after a stanza from there");
        out.report(found(fact).about(with).after(heard.number).as_soon(soon));
    }
}

impl FetchFromStranger {
    fn heard(&mut self, seen: &Seen<'_>, with: &str) {
        let last = seen.passed();
        if let Some(known) = self.heard.get_mut(with) {
            *known = last;
        } else if self.heard.len() < MAX {
            self.heard.insert(with.to_owned(), last);
        }
    }
}

/// What the client asks for with this stanza.
fn question(seen: &Seen<'_>) -> Option<&'static str> {
    if seen.stanza_type() != Some("get") {
        return None;
    }
    seen.stanza.children().find_map(|asked| match (asked.uri(), asked.local()) {
        (VCARD, "vCard") | (VCARD_4, "vcard") => Some("the profile"),
        (DISCO_INFO, "query") => Some("the features"),
        (VERSION, "query") => Some("the version"),
        (LAST, "query") => Some("the last activity"),
        (TIME, "time") => Some("the time"),
        (BOB, "data") => Some("data it pointed to"),
        (PUBSUB, "pubsub") => match child(asked, PUBSUB, "items")?.attr("node")? {
            AVATAR_DATA | AVATAR_METADATA => Some("the picture"),
            "urn:xmpp:vcard4" => Some("the profile"),
            _ => None,
        },
        _ => None,
    })
}
