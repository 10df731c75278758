//! Finds the backup of a secret key on the server.
//!
//! **What it checks.** The client publishes a backup of the OpenPGP secret key (XEP-0373 §5).
//!
//! **Why it matters.** The key opens all that was ever encrypted to it, and there is no later key that would limit the damage. Whoever
//! gets the backup may try passwords for years.
//!
//! **Evidence.** The request that publishes; the backup is not kept.
//!
//! **Limits.** The backup is encrypted with a code that the specification makes long; whether the client did is not visible. A node
//! that others may read has a rule of its own.
//!
//! **References.** XEP-0373 §5 and §5.4.

use super::names::{OPENPGP};
use super::pep::{published};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "secret-key-backup-on-server",
    title: "a backup of the secret key is kept on the server",
    theme: Theme::Storage,
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "keep the backup off the server, or make sure that the code is the long one which the client made",
    source: "XEP-0373 §5.4 (how the backup is encrypted) and §9",
    watches: &[(OPENPGP, "secretkey")],
    verdicts: &[],
    page: include_str!("secret_key_backup_on_server.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(publish) = published(seen) else { return };
    let key = publish.payloads().any(|payload| payload.uri() == OPENPGP && payload.local() == "secretkey");
    if key {
        let finding = found("a backup of the OpenPGP secret key was put on the server").about(publish.node);
        let open = publish.access.as_deref() != Some("whitelist");
        out.report(if open { finding.severity(Severity::High) } else { finding });
    }
}
