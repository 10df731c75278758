//! Finds bookmarks in a node that others may read.
//!
//! **What it checks.** The client publishes bookmarks (`storage:bookmarks`, `urn:xmpp:bookmarks:1` and its forerunner) without demanding the access model
//! whitelist, or although the server said nothing of publish-options, or it opens the node.
//!
//! **Why it matters.** Nodes are readable by contacts unless told otherwise. Contacts, or anybody, then read which rooms the person is
//! in, under which nick, with the passwords.
//!
//! **Evidence.** The request; and that the server does not honour the options, from its answer about its features.
//!
//! **Limits.** A node that was made private earlier stays private: whether it was, before this session, cannot be seen, and without
//! options the finding is `likely`. Nothing is said of options when the features were not asked for in this session.
//!
//! **References.** XEP-0402 §5.3 and §8, XEP-0223 §2 and §6, CVE-2018-6591.

use super::names::{BOOKMARKS, BOOKMARKS_1, BOOKMARKS_2, PUBSUB, PUBSUB_OWNER};
use super::pep::{configured, published};
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "bookmarks-readable-by-others",
    title: "bookmarks stand where others may read them",
    theme: Theme::Storage,
    severity: Severity::High,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "make the node private (whitelist) in the client or with an account tool; report it",
    source: "XEP-0402 §5.3.1 (whitelist with publish-options); XEP-0223 §6 (no private data where the options are not honoured)",
    watches: &[(PUBSUB, "publish"), (PUBSUB, "create"), (PUBSUB_OWNER, "configure")],
    verdicts: &[],
    page: include_str!("bookmarks_readable_by_others.rs"),
    check: || Box::<Bookmarks>::default(),
};

#[derive(Default)]
struct Bookmarks {
    /// Nodes that the client made private in this session.
    private: Vec<&'static str>,
}

impl Check for Bookmarks {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        let known = |node: &str| [BOOKMARKS_2, BOOKMARKS, BOOKMARKS_1].into_iter().find(|known| *known == node);
        if let Some((node, access)) = configured(seen) {
            match known(node) {
                Some(node) if access == "whitelist" => self.private.push(node),
                Some(node) => {
                    self.private.retain(|private| *private != node);
                    let fact = format!("the node {node} was opened to others ({access})");
                    out.report(found(fact).confidence(Confidence::Certain).about(node));
                }
                None => {}
            }
            self.private.truncate(8);
        }
        let Some(publish) = published(seen) else { return };
        let Some(node) = known(publish.node).filter(|node| !self.private.contains(node)) else { return };
        match publish.access.as_deref() {
            Some("whitelist") if seen.world.honours_publish_options() == Some(false) => {
                let fact = format!("bookmarks went into the node {node}, though the server does not say that it honours publish-options");
                out.report(found(fact).about(node));
            }
            Some("whitelist") => {}
            Some(access) => {
                let fact = format!("bookmarks went into the node {node}, open to others ({access})");
                out.report(found(fact).confidence(Confidence::Certain).about(node));
            }
            None => out.report(found(format!("bookmarks went into the node {node} without saying who may read it")).about(node)),
        }
    }
}
