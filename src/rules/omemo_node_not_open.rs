//! Finds OMEMO devices or keys that not everybody may read.
//!
//! **What it checks.** The client publishes its devices or keys (XEP-0384) with an access model other than open.
//!
//! **Why it matters.** People who are no contacts, and rooms, cannot encrypt to the account and write in clear instead.
//!
//! **Evidence.** The request.
//!
//! **Limits.** No leak by itself. A request that says nothing about access is reported for OMEMO 2 only, which requires it.
//!
//! **References.** XEP-0384 §5.3.1, §5.3.2 and §7.1.

use super::names::{OMEMO, OMEMO_2, PUBSUB};
use super::pep::{published};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "omemo-node-not-open",
    title: "OMEMO devices or keys are not open to everybody",
    theme: Theme::Storage,
    severity: Severity::Info,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "publish devices and keys with the access model open",
    source: "XEP-0384 §5.3.2 (the access model of both nodes is open)",
    watches: &[(PUBSUB, "publish")],
    verdicts: &[],
    page: include_str!("omemo_node_not_open.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(publish) = published(seen) else { return };
    let Some(system) = OMEMO.into_iter().find(|system| publish.node.starts_with(system)) else { return };
    let node = publish.node;
    match publish.access.as_deref() {
        Some("open") => {}
        Some(access) => out.report(found(format!("the node {node} is not open to everybody ({access})")).about(node)),
        None if system == OMEMO_2 => {
            out.report(found(format!("the node {node} was not demanded to be open")).confidence(Confidence::Possible).about(node));
        }
        None => {}
    }
}
