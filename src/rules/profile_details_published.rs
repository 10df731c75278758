//! Finds telephone, mail address, home and birthday in the profile.
//!
//! **What it checks.** The client sets a vCard (XEP-0054, or XEP-0292) with a telephone number, a mail or postal address, a birthday or
//! a location.
//!
//! **Why it matters.** A profile can be read by everybody who knows the address, usually without the person noticing, and is collected.
//! Each of these ties the account to a name.
//!
//! **Evidence.** The request that sets the profile.
//!
//! **Limits.** The person filled it in; the finding says that it is public, not that it is wrong. A node that only the account may read
//! is passed over.
//!
//! **References.** XEP-0054 §5, XEP-0292 §8.

use super::names::{VCARD, VCARD_4};
use super::pep::{published};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "profile-details-published",
    title: "telephone, address or birthday stand in the public profile",
    theme: Theme::Linkage,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "leave out what strangers need not know",
    source: "XEP-0054 §5 (vCards are world-readable by default); XEP-0292 §8",
    watches: &[(VCARD, "vCard"), (VCARD_4, "vcard")],
    verdicts: &[],
    page: include_str!("profile_details_published.rs"),
    check: || Box::new(see),
};

/// What ties an account to a person: vCard names, and what they are called in a sentence.
const DETAILS: [(&str, &str); 6] =
    [("tel", "telephone number"), ("email", "mail address"), ("adr", "postal address"), ("bday", "birthday"), ("geo", "location"), ("impp", "other accounts")];

fn see(seen: &Seen<'_>, out: &mut Out) {
    let own = seen.peer().is_none_or(|to| seen.world.is_own(to));
    let hidden = published(seen).is_some_and(|publish| publish.access.as_deref() == Some("whitelist"));
    if !seen.is_sent() || seen.stanza_type() != Some("set") || !own || hidden {
        return;
    }
    let Some(card) = seen.each(VCARD, "vCard").chain(seen.each(VCARD_4, "vcard")).next() else { return };
    let has = |name: &str| card.children().any(|field| field.local().eq_ignore_ascii_case(name) && says_something(field));
    let found_in: Vec<&str> = DETAILS.into_iter().filter(|(name, _)| has(name)).map(|(_, what)| what).collect();
    if !found_in.is_empty() {
        out.report(found(format!("the profile tells: {}", found_in.join(", "))));
    }
}

/// Whether there is text anywhere in it: clients send the fields of an empty form too.
fn says_something(element: Element<'_>) -> bool {
    !element.own_text().trim().is_empty() || element.children().any(says_something)
}
