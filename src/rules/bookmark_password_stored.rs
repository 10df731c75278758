//! Finds passwords of rooms in bookmarks.
//!
//! **What it checks.** The client stores a bookmark with the room's password (XEP-0048, XEP-0402), or in private storage.
//!
//! **Why it matters.** The server reads the password and enters the room as whom it likes; in a node with the wrong readers contacts
//! do.
//!
//! **Evidence.** The request that stores the bookmark; the password itself is not kept.
//!
//! **Limits.** The room's server knows its password anyway: it matters when the room is on another server than the account.
//!
//! **References.** XEP-0048 §2.1 and §4, XEP-0402 §2.

use super::names::{BOOKMARKS, BOOKMARKS_2};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "bookmark-password-stored",
    title: "bookmarks hold the password of a room",
    theme: Theme::Storage,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "enter the password by hand, or make the room members-only instead",
    source: "XEP-0048 §2.1 (passwords in bookmarks are not recommended); XEP-0402 §2 (no secure storage)",
    watches: &[(BOOKMARKS, "password"), (BOOKMARKS_2, "password")],
    verdicts: &[],
    page: include_str!("bookmark_password_stored.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let stores = seen.is_sent() && seen.stanza_type() == Some("set");
    let passwords = [BOOKMARKS, BOOKMARKS_2].into_iter().flat_map(|bookmarks| seen.each(bookmarks, "password"));
    for password in passwords.filter(|password| stores && !password.own_text().trim().is_empty()) {
        let conference = password.parent();
        // The room is the bookmark's own attribute, or in the newer form the id of the item around it.
        let room = conference.and_then(|bookmark| bookmark.attr("jid").or_else(|| bookmark.parent()?.attr("id")));
        out.report(found("the password of a room was stored in a bookmark").about(room.unwrap_or("a room")));
    }
}
