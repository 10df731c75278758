//! Finds names and groups of contacts stored in the roster.
//!
//! **What it checks.** The client stores a contact in the roster with a name or a group; worse, with a word that tells what somebody is
//! to the person.
//!
//! **Why it matters.** The server keeps who they are to whom, readable for whoever runs, backs up or seizes it. Addresses say less than
//! names.
//!
//! **Evidence.** The request that stores the contact.
//!
//! **Limits.** Names are what a roster is for: a note. Words are looked up in a list (`data/revealing-words.toml`) and not repeated in
//! the finding. What an earlier session stored is not looked at.
//!
//! **References.** RFC 6121 §2.1.2.4 and §2.1.2.6.

use super::names::{ROSTER};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use super::words::{revealing_words};

pub(super) const RULE: Rule = Rule {
    id: "roster-names-in-clear",
    title: "names and groups of contacts are stored readably",
    theme: Theme::Storage,
    severity: Severity::Info,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Inherent,
    advice: "use names that say little, or a client that keeps them on the device",
    source: "RFC 6121 §2.1.2.4 (the name is kept by the server)",
    watches: &[(ROSTER, "item")],
    verdicts: &[],
    page: include_str!("roster_names_in_clear.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.stanza_type() != Some("set") {
        return;
    }
    for item in seen.child(ROSTER, "query").into_iter().flat_map(|query| query.children()) {
        let groups = item.children().filter(|child| child.local() == "group").map(|group| group.own_text().into_owned());
        let names: Vec<String> = item.attr("name").map(str::to_owned).into_iter().chain(groups).filter(|name| !name.trim().is_empty()).collect();
        let revealing = names.iter().find_map(|name| revealing_words().find(name));
        let about = item.attr("jid").unwrap_or("a contact");
        if let Some((_, kind)) = revealing {
            let fact = format!("a contact was stored with a name or group that tells what they are to the person ({kind})");
            out.report(found(fact).severity(Severity::Low).confidence(Confidence::Likely).avoidability(Avoidability::Optional).about(about));
        } else if !names.is_empty() {
            out.report(found("contacts are stored with names or groups"));
        }
    }
}
