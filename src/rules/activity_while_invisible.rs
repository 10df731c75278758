//! Finds notices that tell others that somebody who made themselves invisible is there.
//!
//! **What it checks.** After the client went invisible (XEP-0186), took its presence back, or switched a privacy list on that lets no presence
//! out (XEP-0016), it sends a typing notice, a marker or a receipt to somebody, or answers a question about itself.
//!
//! **Why it matters.** Who is invisible wants nobody to know that they are there. A receipt or an answer that goes out by itself tells
//! it.
//!
//! **Evidence.** The notice or answer, and the stanza by which the account became invisible.
//!
//! **Limits.** Whom the person wrote to, or showed presence to, since then knows already and is passed over. A privacy list counts when its
//! content was seen in the session.
//!
//! **References.** XEP-0186 §3.1.2 and §6, XEP-0016 §2.1, XEP-0085 §9, RFC 6120 §13.10.2.

use rustc_hash::{FxHashMap, FxHashSet};

use super::names::{CHAT_STATES, CLIENT, INVISIBLE, MARKERS, PRIVACY, RECEIPTS};
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::element::Element;
use crate::xmpp::jid::Jid;

pub(super) const RULE: Rule = Rule {
    id: "activity-while-invisible",
    title: "typing, markers, receipts or answers while the person is invisible",
    theme: Theme::Presence,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "switch typing notices, markers and receipts off before going invisible; report it",
    source: "XEP-0186 §3.1.2 (it is suggested that an invisible client asks before it sends anything to anybody); §6 (presence leaks without careful handling)",
    watches: &[
        (INVISIBLE, "invisible"),
        (INVISIBLE, "visible"),
        (PRIVACY, "query"),
        (CLIENT, "presence"),
        (CLIENT, "message"),
        (CLIENT, "iq"),
    ],
    verdicts: &[],
    page: include_str!("activity_while_invisible.rs"),
    check: || Box::<Invisible>::default(),
};

/// Privacy lists, and people, that are remembered at most.
const MAX_KNOWN: usize = 2_000;

#[derive(Default)]
struct Invisible {
    /// Number of the stanza by which the account became invisible, one a way.
    by_command: Option<u64>,
    by_presence: Option<u64>,
    by_list: Option<u64>,
    /// Whether a privacy list lets presence out, by name.
    lists: FxHashMap<String, bool>,
    /// Who knows anyway.
    told: FxHashSet<String>,
}

impl Check for Invisible {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if !seen.is_sent() || seen.is_error() {
            return;
        }
        match seen.name() {
            "message" => self.message(seen, out),
            "presence" => self.presence(seen),
            "iq" if seen.stanza_type() == Some("set") => self.request(seen),
            "iq" if seen.stanza_type() == Some("result") => self.answer(seen, out),
            _ => {}
        }
    }
}

impl Invisible {
    fn since(&self) -> Option<u64> {
        [self.by_command, self.by_presence, self.by_list].into_iter().flatten().max()
    }

    fn message(&mut self, seen: &Seen<'_>, out: &mut Out) {
        let (Some(since), Some(to)) = (self.since(), seen.peer_bare()) else { return };
        if seen.verdict.is_some() {
            return self.tell(to);
        }
        let is_notice = |child: &Element<'_>| {
            [CHAT_STATES, MARKERS, RECEIPTS].contains(&child.uri()) && !matches!(child.local(), "request" | "markable")
        };
        let Some(notice) = seen.stanza.children().find(is_notice) else { return };
        if !seen.peer_is_own() && !seen.peer_is_room() && !self.told.contains(to) {
            let fact = format!("<{}/> told {to} that the account is there, while it was invisible", notice.local());
            out.report(found(fact).about(to).after(since));
        }
    }

    fn answer(&self, seen: &Seen<'_>, out: &mut Out) {
        let (Some(since), Some(to)) = (self.since(), seen.peer_bare()) else { return };
        let person = Jid::split(to).localpart().is_some() && seen.peer_is_foreign() && !seen.peer_is_room();
        if person && !self.told.contains(to) {
            let fact = format!("an answer to a request told {to} that the account is there, while it was invisible");
            out.report(found(fact).about(to).after(since));
        }
    }

    fn presence(&mut self, seen: &Seen<'_>) {
        match (seen.peer_bare(), seen.stanza_type()) {
            (None, Some("unavailable")) => {
                self.by_presence = Some(seen.number);
                self.told.clear();
            }
            (None, None) => self.by_presence = None,
            (Some(to), None) => self.tell(to),
            (Some(to), Some("unavailable")) => _ = self.told.remove(to),
            _ => {}
        }
    }

    fn request(&mut self, seen: &Seen<'_>) {
        if seen.child(INVISIBLE, "invisible").is_some() {
            self.by_command = Some(seen.number);
            self.told.clear();
        } else if seen.child(INVISIBLE, "visible").is_some() {
            self.by_command = None;
        }
        for part in seen.child(PRIVACY, "query").into_iter().flat_map(Element::children) {
            match (part.local(), part.attr("name")) {
                ("list", Some(name)) if self.lists.len() < MAX_KNOWN || self.lists.contains_key(name) => {
                    self.lists.insert(name.to_owned(), part.children().any(hides_from_all));
                }
                ("active" | "default", name) => {
                    let hides = name.is_some_and(|name| self.lists.get(name) == Some(&true));
                    if hides && self.by_list.is_none() {
                        self.told.clear();
                    }
                    self.by_list = hides.then_some(seen.number);
                }
                _ => {}
            }
        }
    }

    fn tell(&mut self, bare: &str) {
        if self.told.len() < MAX_KNOWN && !self.told.contains(bare) {
            self.told.insert(bare.to_owned());
        }
    }
}

/// Whether an item of a privacy list lets no presence out to anybody (XEP-0016 §2.1: without a type it is about all).
fn hides_from_all(item: Element<'_>) -> bool {
    item.attr("action") == Some("deny") && item.attr("type").is_none() && item.children().any(|kind| kind.local() == "presence-out")
}
