//! Finds the plaintext envelope of stanza content encryption on the wire.
//!
//! **What it checks.** An `<envelope/>` or `<content/>` of XEP-0420 stands in a stanza, or a payload decodes to one.
//!
//! **Why it matters.** The envelope holds the whole message: body, quotes, markers, files.
//!
//! **Evidence.** The stanza; its verdict names rule L3.
//!
//! **Limits.** None: nothing else looks like it.
//!
//! **References.** XEP-0420 §7 and §10, OPACITY rule L3.

use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "envelope-in-clear",
    title: "the envelope that was to be encrypted is readable",
    theme: Theme::Content,
    severity: Severity::Critical,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "report it to the client's developers; until it is mended do not rely on its encryption",
    source: "XEP-0420 §10 (an envelope is never sent in clear)",
    watches: &[],
    verdicts: &["L3"],
    page: include_str!("envelope_in_clear.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_copy() {
        out.report(found(format!("{} sent the envelope of a message in clear", seen.sender())));
    }
}
