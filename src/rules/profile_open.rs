//! Finds profiles and nicks that the client opens to everybody.
//!
//! **What it checks.** The client publishes the vCard or the nick into a node, or sets up such a node, with the access model open.
//!
//! **Why it matters.** Everybody who knows the address reads the profile, contact or not.
//!
//! **Evidence.** The request.
//!
//! **Limits.** Old vCards (`vcard-temp`) can be read by everybody on most servers, whatever the client does. Avatars are public by
//! custom and not reported.
//!
//! **References.** XEP-0292 §8, XEP-0172 §4.3, XEP-0060 §4.5.

use super::names::{NICK, PUBSUB, PUBSUB_OWNER, VCARD_4};
use super::pep::{configured, published};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "profile-open",
    title: "the profile is opened to everybody",
    theme: Theme::Storage,
    severity: Severity::Info,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "limit the profile to contacts if the client can",
    source: "XEP-0292 §8 (who may read a vCard); XEP-0060 §4.5 (access models)",
    watches: &[(PUBSUB, "publish"), (PUBSUB, "create"), (PUBSUB_OWNER, "configure")],
    verdicts: &[],
    page: include_str!("profile_open.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let set_up = configured(seen).filter(|(_, access)| access == "open").map(|(node, _)| node);
    let opened = || published(seen).filter(|publish| publish.access.as_deref() == Some("open")).map(|publish| publish.node);
    let Some(node) = set_up.or_else(opened) else { return };
    if matches!(node, "urn:xmpp:vcard4" | "urn:xmpp:pubsub:vcard4" | NICK) || node.starts_with(VCARD_4) {
        out.report(found(format!("the node {node} is open to everybody")).about(node));
    }
}
