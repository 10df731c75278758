//! Finds a message that carries its text twice: encrypted, and in clear beside it.
//!
//! **What it checks.** A message has a container of OMEMO or OpenPGP and a `<body/>` that is none of the sentences clients send to those
//! that cannot decrypt; or the body holds other text beside an OTR message.
//!
//! **Why it matters.** Whoever relays or stores the message reads the text; the encryption protects nothing.
//!
//! **Evidence.** The message. Its verdict names the rule of the opacity procedure: F3 for an unknown sentence or text
//! after OTR, L1 when a declared canary was readable in it.
//!
//! **Limits.** A fallback sentence that the tool does not know, and cannot tell by its words, looks the same. It is learned when it stays
//! the same beside messages of different length; until then the finding is `likely`.
//!
//! **References.** XEP-0384 §2.1, XEP-0380 §4, XEP-0420 §7.

use super::rule::{Avoidability, Confidence, Found, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "clear-body-beside-ciphertext",
    title: "the text of an encrypted message stands in clear beside it",
    theme: Theme::Content,
    severity: Severity::Critical,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "compare the clear text with what was typed; if it is the same, report it to the client's developers and do not rely on its encryption",
    source: "XEP-0384 §2.1 (the purpose of the payload); XEP-0420 §7 (no fallback body)",
    watches: &[],
    verdicts: &["F3", "L1"],
    page: include_str!("clear_body_beside_ciphertext.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if seen.is_copy() || !seen.stanza.children().any(|child| child.local() == "body") {
        return;
    }
    let canary = seen.has_verdict_rule("L1");
    let who = seen.sender();
    let system = match () {
        () if seen.omemo().is_some() => "an OMEMO container",
        () if seen.has_container() => "an OpenPGP container",
        () if seen.has_verdict_rule("O2") => "an OTR message",
        () => return,
    };
    let mut finding: Found = found(format!("{who} sent readable text beside {system}"));
    finding.about = seen.conversation.map(str::to_owned);
    out.report(if canary { finding.confidence(Confidence::Certain) } else { finding });
}
