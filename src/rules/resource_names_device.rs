//! Finds resources that name the device, its system or its client.
//!
//! **What it checks.** The resource the client asks for (or the tag of Bind 2) holds a word that names a device, a system or a client,
//! or the name of a host.
//!
//! **Why it matters.** The resource is part of the address: everybody who sees the presence, gets an answer or a file from the client
//! reads it. The name of a host or a device tells where the person is right now, and is often unique.
//!
//! **Evidence.** The request that binds.
//!
//! **Limits.** Words are looked up in a list (`data/device-words.toml`); a name that is not on it is not found. What the server makes
//! by itself is not looked at. The name of the client alone is mild: capabilities tell it anyway. So is a single common word,
//! which the person may have chosen.
//!
//! **References.** XEP-0386 §4, RFC 6120 §7.6 and §13.10.2.

use super::names::{BIND, BIND2, LEGACY_AUTH};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use super::words::{device_words};

pub(super) const RULE: Rule = Rule {
    id: "resource-names-device",
    title: "the resource names the device, the system or the client",
    theme: Theme::Linkage,
    severity: Severity::Medium,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "leave the resource to the server, or set a random one",
    source: "XEP-0386 §4 (no identifiers that reveal the user or their system, such as host names); RFC 6120 §7.6 (the server can make the resource)",
    watches: &[(BIND, "resource"), (BIND2, "tag"), (LEGACY_AUTH, "resource")],
    verdicts: &[],
    page: include_str!("resource_names_device.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() {
        return;
    }
    for (uri, local) in [(BIND, "resource"), (BIND2, "tag"), (LEGACY_AUTH, "resource")] {
        let Some(name) = seen.each(uri, local).next().map(|element| element.own_text()) else { continue };
        let Some((word, kind)) = device_words().find(&name) else { continue };
        let which = if local == "tag" { "the tag of the resource" } else { "the resource" };
        let finding = found(format!("{which} that the client asks for names its {kind}"));
        out.report(match (kind, local) {
            ("client", "tag") => finding.severity(Severity::Info).avoidability(Avoidability::Optional),
            ("client", _) => finding.severity(Severity::Low).avoidability(Avoidability::Optional),
            // A single common word is what people type into a settings page, not what a client takes from the system.
            _ if name.trim().eq_ignore_ascii_case(word) => {
                finding.severity(Severity::Low).confidence(Confidence::Possible).avoidability(Avoidability::Optional)
            }
            _ => finding,
        });
    }
}
