//! Finds bookmarks whose names tell what a room is to the person.
//!
//! **What it checks.** The client stores a bookmark with a name that holds a word for health, law, press, politics, faith, money or
//! love.
//!
//! **Why it matters.** The name is kept by the server readably; the address of the room alone may say less.
//!
//! **Evidence.** The request that stores the bookmark.
//!
//! **Limits.** Words are looked up in a list (`data/revealing-words.toml`) and not repeated in the finding. The name may come from the
//! room itself.
//!
//! **References.** XEP-0402 §2, XEP-0048 §2.1.

use super::names::{BOOKMARKS, BOOKMARKS_2};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use super::words::{revealing_words};

pub(super) const RULE: Rule = Rule {
    id: "bookmark-names-reveal",
    title: "the name of a bookmark tells what a room is to the person",
    theme: Theme::Storage,
    severity: Severity::Low,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Optional,
    advice: "rename the bookmark, or keep it off the server",
    source: "XEP-0402 §2 (the name is stored as text)",
    watches: &[(BOOKMARKS, "conference"), (BOOKMARKS_2, "conference")],
    verdicts: &[],
    page: include_str!("bookmark_names_reveal.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.stanza_type() != Some("set") {
        return;
    }
    for conference in [BOOKMARKS, BOOKMARKS_2].into_iter().flat_map(|bookmarks| seen.each(bookmarks, "conference")) {
        let Some((_, kind)) = conference.attr("name").and_then(|name| revealing_words().find(name)) else { continue };
        let room = conference.attr("jid").or_else(|| conference.parent()?.attr("id"));
        out.report(found(format!("a bookmark was stored with a name that tells what the room is ({kind})")).about(room.unwrap_or("a room")));
    }
}
