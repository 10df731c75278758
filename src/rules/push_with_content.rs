//! Finds push notifications that carry who wrote, or what.
//!
//! **What it checks.** The client asks the server to put the sender or the text of messages into push notifications (XEP-0357), or such
//! a notification passes.
//!
//! **Why it matters.** The push service, often run by the maker of the client, and behind it the maker of the phone, read with whom the
//! person talks, or what about.
//!
//! **Evidence.** The request or the notification.
//!
//! **Limits.** What the server puts into notifications by itself is not on this stream.
//!
//! **References.** XEP-0357 §5, §7 and §9.

use super::names::{DATA_FORMS, PUSH};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, form_value, class_of};

pub(super) const RULE: Rule = Rule {
    id: "push-with-content",
    title: "push notifications carry the sender or the text",
    theme: Theme::Storage,
    severity: Severity::High,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "let notifications only wake the client up, and switch sender and text off",
    source: "XEP-0357 §9 (limit what push notifications carry)",
    watches: &[(PUSH, "enable"), (PUSH, "notification")],
    verdicts: &[],
    page: include_str!("push_with_content.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let wishes = seen.each(PUSH, "enable").flat_map(|enable| enable.children()).filter(|form| form.uri() == DATA_FORMS);
    let carried = seen.each(PUSH, "notification").flat_map(|notification| notification.children());
    if !seen.is_sent() {
        return;
    }
    for form in wishes {
        let wanted = |name: &str| form_value(form, name).is_some_and(|value| !matches!(value.trim(), "" | "0" | "false"));
        report(wanted("last-message-body") || wanted("include-body"), wanted("last-message-sender") || wanted("include-sender"), out);
    }
    for form in carried {
        let has = |name: &str| form_value(form, name).is_some_and(|value| class_of(&value) != "empty");
        report(has("last-message-body"), has("last-message-sender"), out);
    }
}

fn report(body: bool, sender: bool, out: &mut Out) {
    if body {
        out.report(found("push notifications carry the text of messages"));
    } else if sender {
        out.report(found("push notifications carry who wrote").severity(Severity::Medium));
    }
}
