//! Finds a room that the client entered because somebody else pushed a bookmark.
//!
//! **What it checks.** An event with bookmarks comes from an address that is not the own account, and within a minute the client enters a
//! room named in it.
//!
//! **Why it matters.** Bookmarks are the account's own. Whoever can push them makes the client enter rooms, show its address and name
//! there, and changes names that the person relies on.
//!
//! **Evidence.** The event and the presence that enters the room.
//!
//! **Limits.** The person may have entered by hand: the finding is `likely`. Bookmarks taken over without entering a room do not show.
//! Without a clock, as in `scan`, a few stanzas later counts as soon, and the finding is `possible`.
//!
//! **References.** XEP-0402 §4 and §8, XEP-0223 §6, CVE-2023-28686.

use super::names::{BOOKMARKS, BOOKMARKS_2, CLIENT, MUC, PUBSUB_EVENT};
use super::pending::Pending;
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::element::Element;
use crate::xmpp::jid::normalised_bare;

pub(super) const RULE: Rule = Rule {
    id: "bookmark-from-stranger-followed",
    title: "a room was entered because somebody else pushed a bookmark",
    theme: Theme::Trust,
    severity: Severity::High,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "leave the room; report it as a security bug: bookmark events count only from the own account",
    source: "XEP-0402 §4 (notifications come from the own account); XEP-0223 §6",
    watches: &[(PUBSUB_EVENT, "event"), (MUC, "x"), (CLIENT, "presence")],
    verdicts: &[],
    page: include_str!("bookmark_from_stranger_followed.rs"),
    check: || Box::new(BookmarkFromStranger::default()),
};

/// A minute: clients enter rooms one after the other.
const MICROS: u64 = 60_000_000;

#[derive(Default)]
struct BookmarkFromStranger {
    /// Rooms pushed by others; the value is who did.
    rooms: Pending<String>,
}

impl Check for BookmarkFromStranger {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if seen.is_received() {
            if seen.name() == "message" && seen.peer_is_foreign() {
                self.received(seen);
            }
            return;
        }
        let Some(to) = seen.peer_bare().filter(|_| seen.name() == "presence" && seen.stanza_type().is_none()) else { return };
        let Some(pushed) = self.rooms.take("", to) else { return };
        if let Some(soon) = seen.soon_after(pushed.passed, MICROS) {
            let fact = format!("the client entered {to} after {} had pushed a bookmark for it", pushed.what);
            out.report(found(fact).about(pushed.what).after(pushed.passed.number).as_soon(soon));
        }
    }
}

impl BookmarkFromStranger {
    fn received(&mut self, seen: &Seen<'_>) {
        let Some(from) = seen.peer_bare() else { return };
        let lists = seen.stanza.children().filter(|child| child.uri() == PUBSUB_EVENT).flat_map(Element::children);
        for items in lists.filter(|items| matches!(items.attr("node"), Some(BOOKMARKS | BOOKMARKS_2))) {
            for item in items.children().take(100) {
                let conferences = item.children().flat_map(Element::children).filter_map(|conference| conference.attr("jid"));
                for room in item.attr("id").into_iter().chain(conferences) {
                    if !seen.world.is_room(room) {
                        self.rooms.keep(seen, "", &normalised_bare(room), from.to_owned());
                    }
                }
            }
        }
    }
}
