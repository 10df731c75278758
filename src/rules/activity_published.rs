//! Finds what the person does, hears, feels or where they are, published for contacts.
//!
//! **What it checks.** The client publishes mood, activity, tune, location, a game, or what is watched or browsed, into a node of the
//! account.
//!
//! **Why it matters.** Contacts, and with an open node anybody, can write down what the person does all day. A location shows home and
//! work within days.
//!
//! **Evidence.** The request that publishes.
//!
//! **Limits.** Whether the person switched it on cannot be seen. Taking an entry back (an empty item) is not reported, nor a node that
//! only the account may read.
//!
//! **References.** XEP-0080 §8, XEP-0107, XEP-0108 §6, XEP-0118 §4, XEP-0163 §8, XEP-0196 §3.

use super::names::{ACTIVITY, GEOLOC, MOOD, PUBSUB, TUNE};
use super::pep::{published};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "activity-published",
    title: "mood, activity, tune or location published",
    theme: Theme::Presence,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "switch the sharing of mood, activity, tune and location off unless it is wanted",
    source: "XEP-0080 §8 and XEP-0118 §4 (only with the person's consent); XEP-0163 §8",
    watches: &[(PUBSUB, "publish")],
    verdicts: &[],
    page: include_str!("activity_published.rs"),
    check: || Box::new(see),
};

/// Nodes, and what they tell.
const NODES: [(&str, &str); 10] = [
    (GEOLOC, "the location"),
    (MOOD, "the mood"),
    (ACTIVITY, "the activity"),
    (TUNE, "the music that is playing"),
    ("urn:xmpp:gaming:0", "the game that is played"),
    ("urn:xmpp:viewing:0", "what is watched"),
    ("urn:xmpp:browsing:0", "the page that is read"),
    ("urn:xmpp:chatting:0", "the room that is talked in"),
    ("urn:xmpp:reach:0", "ways to reach the person"),
    ("http://jabber.org/protocol/physloc", "the location"),
];

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(publish) = published(seen).filter(|publish| publish.access.as_deref() != Some("whitelist")) else { return };
    let Some((node, what)) = NODES.into_iter().find(|(node, _)| *node == publish.node) else { return };
    let says_something = publish.payloads().any(|payload| payload.children().next().is_some() || !payload.own_text().trim().is_empty());
    if !says_something {
        return;
    }
    let finding = found(format!("{what} was published")).about(node);
    let anybody = publish.access.as_deref() == Some("open");
    out.report(if what == "the location" || anybody { finding.severity(Severity::Medium) } else { finding });
}
