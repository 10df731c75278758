//! Finds the person's position where the servers can read it.
//!
//! **What it checks.** The client sends coordinates or a postal place (XEP-0080) or a message that is nothing but a `geo:` link, or publishes a
//! place, outside encryption. Worse in a conversation that was encrypted before, and published for everybody.
//!
//! **Why it matters.** A position says where somebody lives, works and is right now. The specification warns that letting the wrong people
//! see it can cost lives.
//!
//! **Evidence.** The stanza, and the last encrypted message of the conversation. An empty element ends the publishing and is not reported.
//!
//! **Limits.** A `geo:` link among other text of a message is not recognised. Who may read a node that was set up earlier is not
//! known; without an open access model in the request the finding is the milder one. Beside a container it belongs to another rule
//! (`content-beside-ciphertext`).
//!
//! **References.** XEP-0080 §4 and §8.

use super::names::{CLIENT, DATA_FORMS, GEOLOC, PUBSUB};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child, class_of, form_value};
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "location-in-clear",
    title: "the person's position in clear",
    theme: Theme::Content,
    severity: Severity::High,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "switch sharing of the position off, or share it only inside an encrypted message if the client can",
    source: "XEP-0080 §8 (control access to location information, at least by default)",
    watches: &[(GEOLOC, "geoloc"), (CLIENT, "body")],
    verdicts: &[],
    page: include_str!("location_in_clear.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.is_error() || seen.is_copy() || seen.has_container() {
        return;
    }
    let tells = |place: Element<'_>| {
        place.children().any(|part| !matches!(part.local(), "timestamp" | "tzo" | "error" | "datum") && !part.own_text().trim().is_empty())
    };
    if !seen.watched().any(|place| place.local() == "geoloc" || is_position(place)) {
        return;
    }
    let link = || child(seen.stanza, CLIENT, "body").is_some_and(is_position);
    if !seen.each(GEOLOC, "geoloc").any(tells) && !link() {
        return;
    }
    if seen.child(PUBSUB, "pubsub").is_some() {
        let open = seen.each(DATA_FORMS, "x").any(|form| form_value(form, "pubsub#access_model").is_some_and(|model| model.trim() == "open"));
        return out.report(if open {
            found("the client published a position for everybody to read")
        } else {
            found("the client published a position for everybody who sees the account's presence")
                .severity(Severity::Medium)
                .confidence(Confidence::Likely)
                .avoidability(Avoidability::Optional)
        });
    }
    let Some(with) = seen.partner() else { return };
    let before = seen.world.encrypted_at_all(with);
    let finding = match before {
        Some(_) => found(format!("a position went to {with} in clear, in a conversation that was encrypted before")),
        None => found(format!("a position went to {with} without end-to-end encryption"))
            .severity(Severity::Medium)
            .avoidability(Avoidability::Optional),
    };
    let finding = finding.about(with);
    out.report(match before {
        Some(before) => finding.after(before.number),
        None => finding,
    });
}

/// Whether a text is a `geo:` link and nothing else. Nearly every text begins otherwise.
fn is_position(body: Element<'_>) -> bool {
    let text = body.own_text();
    let text = text.trim_start();
    let begins = |with: &str| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    (begins("geo:") || begins("[geo_link")) && class_of(text) == "geo_link"
}
