//! Finds private data in nodes that others may read.
//!
//! **What it checks.** The client publishes read positions, notes, settings or a key backup into a node without demanding the access
//! model whitelist, or makes such a node readable.
//!
//! **Why it matters.** Nodes are readable by contacts unless told otherwise. Read positions list with whom and when the person talks.
//!
//! **Evidence.** The request.
//!
//! **Limits.** Knows the nodes that specifications call private (in `NODES` in the rule's file), and those whose names say so; a
//! private node that was set up before this session stays private, hence `likely`. Bookmarks have a rule of their own; devices, keys
//! and avatars are public on purpose.
//!
//! **References.** XEP-0223 §2 and §6, XEP-0490 §7, XEP-0373 §5.

use rustc_hash::FxHashSet;

use super::names::{PUBSUB, PUBSUB_OWNER, ROSTER_NOTES};
use super::pep::{configured, published};
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "private-data-in-open-node",
    title: "private data stands where others may read it",
    theme: Theme::Storage,
    severity: Severity::High,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "make the node private (whitelist) in the client or with an account tool; report it",
    source: "XEP-0223 §2 (private nodes have the access model whitelist) and §6; XEP-0490 §7",
    watches: &[(PUBSUB, "publish"), (PUBSUB, "create"), (PUBSUB_OWNER, "configure")],
    verdicts: &[],
    page: include_str!("private_data_in_open_node.rs"),
    check: || Box::<Private>::default(),
};

/// Nodes that are for the account alone, and what they hold.
const NODES: [(&str, &str); 5] = [
    ("urn:xmpp:mds:displayed:0", "read positions"),
    ("urn:xmpp:openpgp:0:secret-key", "the backup of a secret key"),
    (ROSTER_NOTES, "notes about contacts"),
    ("storage:metacontacts", "which addresses are one person"),
    ("urn:xmpp:push:settings:0", "settings"),
];

/// Endings of names that say the same.
const ENDINGS: [&str; 5] = [":drafts", ":notes", ":settings", ":preferences", ":private"];

#[derive(Default)]
struct Private {
    /// Nodes that the client made private in this session.
    done: FxHashSet<String>,
}

impl Check for Private {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if let Some((node, access)) = configured(seen)
            && let Some(what) = held_by(node)
        {
            if access == "whitelist" && self.done.len() < 1_000 {
                self.done.insert(node.to_owned());
            } else if access != "whitelist" {
                let fact = format!("the node {node} with {what} was opened to others ({access})");
                out.report(found(fact).confidence(Confidence::Certain).about(node));
            }
        }
        let Some(publish) = published(seen) else { return };
        let Some(what) = held_by(publish.node).filter(|_| !self.done.contains(publish.node)) else { return };
        let unsafe_options = seen.world.honours_publish_options() == Some(false);
        let finding = match publish.access.as_deref() {
            Some("whitelist") if unsafe_options => {
                found(format!("{what} went into a node, though the server does not say that it honours publish-options"))
            }
            Some("whitelist") => return,
            Some(access) => found(format!("{what} went into a node that is open to others ({access})")).confidence(Confidence::Certain),
            None => found(format!("{what} went into a node without saying who may read it")),
        };
        out.report(finding.about(publish.node));
    }
}

/// What a private node holds; none for others.
fn held_by(node: &str) -> Option<&'static str> {
    let named = NODES.into_iter().find(|(private, _)| *private == node).map(|(_, what)| what);
    named.or_else(|| ENDINGS.iter().any(|ending| node.ends_with(ending)).then_some("private data"))
}
