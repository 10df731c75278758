//! Finds labels in the public list of OMEMO devices.
//!
//! **What it checks.** The client publishes its OMEMO devices with a label (XEP-0384 §5.3.1), also in a legacy list, which knows none.
//!
//! **Why it matters.** The list is open to everybody, and stays. A label such as the model of the phone tells what the person owns, and
//! which of them is in use.
//!
//! **Evidence.** The request that publishes.
//!
//! **Limits.** Labels are part of the specification, so that contacts can tell keys apart; one that is chosen with care tells little.
//! Words are looked up in a list (`data/device-words.toml`).
//!
//! **References.** XEP-0384 §5.3.1 and §7.1.

use super::names::{OMEMO_1, OMEMO_2, OMEMO_LEGACY};
use super::pep::{published};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use super::words::{device_words};

pub(super) const RULE: Rule = Rule {
    id: "device-label-names-device",
    title: "the public device list carries labels",
    theme: Theme::Linkage,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "leave the label out, or choose one that says nothing about the device",
    source: "XEP-0384 §5.3.1 (labels are optional); §7.1 (the list is open to everybody)",
    watches: &[(OMEMO_2, "device"), (OMEMO_1, "device"), (OMEMO_LEGACY, "device")],
    verdicts: &[],
    page: include_str!("device_label_names_device.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if published(seen).is_none() {
        return;
    }
    let labels: Vec<&str> = seen.watched().filter_map(|device| device.attr("label")).filter(|label| !label.trim().is_empty()).collect();
    if labels.iter().any(|label| device_words().find(label).is_some()) {
        out.report(found("a label in the public device list names a device, a system or a client").severity(Severity::Medium));
    } else if !labels.is_empty() {
        out.report(found("the public device list carries labels"));
    }
}
