//! Finds an identifier of the installation, told to the server at login.
//!
//! **What it checks.** The client logs in with a user agent id (XEP-0388), or with the name of its device.
//!
//! **Why it matters.** The server recognises the installation whatever the address it comes from, and by the same id over accounts on
//! the same server. The name of the device may hold the person's.
//!
//! **Evidence.** The login.
//!
//! **Limits.** The id is what token login (XEP-0484) needs, and stays with the own server. Whether it is the same for another account
//! is found by a rule of its own.
//!
//! **References.** XEP-0388 §2.3.1, XEP-0484 §6.

use super::names::{SASL2};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};

pub(super) const RULE: Rule = Rule {
    id: "stable-installation-id",
    title: "the installation has an id that the server recognises",
    theme: Theme::Linkage,
    severity: Severity::Info,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "use a new random id for every account; leave the device's name out or choose a plain one",
    source: "XEP-0388 §2.3.1 (the id is stable for an installation)",
    watches: &[(SASL2, "user-agent")],
    verdicts: &[],
    page: include_str!("stable_installation_id.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(agent) = seen.child(SASL2, "user-agent").filter(|_| seen.is_sent()) else { return };
    if agent.attr("id").is_some_and(|id| !id.is_empty()) {
        out.report(found("the login carries an id of the installation"));
    }
    if child(agent, SASL2, "device").is_some_and(|device| !device.own_text().trim().is_empty()) {
        out.report(found("the login carries the name of the device"));
    }
}
