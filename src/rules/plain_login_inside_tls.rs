//! Finds a login that hands the server the password itself.
//!
//! **What it checks.** The client logs in with PLAIN inside TLS. If the server offered a mechanism that keeps the password (SCRAM), the
//! choice was the client's. Worse when the client tried SCRAM first and gave the password away when that failed, or when the server does
//! not offer PLAIN at all.
//!
//! **Why it matters.** Inside TLS only the server reads it; but a server that was taken over, or somebody with a false certificate, then
//! has the password and not only a proof of it. Whoever cannot prove to know the password in SCRAM must not be handed it afterwards.
//!
//! **Evidence.** The login, and the failure before it. Where the server offers nothing better the finding is for information.
//!
//! **Limits.** What the server offered is what this proxy let through. Without the offer on record the choice cannot be judged.
//!
//! **References.** RFC 6120 §13.8.3, RFC 4616 §6, XEP-0388 (security considerations).

use super::names::{SASL, SASL2};
use super::rule::{Avoidability, Check, Confidence, Found, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::record::Phase;

pub(super) const RULE: Rule = Rule {
    id: "plain-login-inside-tls",
    title: "the password itself goes to the server",
    theme: Theme::Login,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "choose SCRAM in the client's account settings if it has such a setting, or forbid PLAIN there",
    source: "RFC 6120 §13.8.3 (SCRAM comes before PLAIN)",
    watches: &[(SASL, "auth"), (SASL2, "authenticate"), (SASL, "abort"), (SASL2, "abort"), (SASL, "failure"), (SASL2, "failure")],
    verdicts: &[],
    page: include_str!("plain_login_inside_tls.rs"),
    check: || Box::new(PlainLogin::default()),
};

#[derive(Default)]
struct PlainLogin {
    /// Whether the last login was by SCRAM.
    tried_scram: bool,
    /// Number of the failure, or the client's own abort, that ended it.
    scram_failed: Option<u64>,
}

impl Check for PlainLogin {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if matches!(seen.name(), "failure" | "abort") {
            if self.tried_scram {
                self.scram_failed = Some(seen.number);
            }
            return;
        }
        let Some(mechanism) = seen.stanza.attr("mechanism").filter(|_| seen.is_sent()) else { return };
        self.tried_scram = mechanism.starts_with("SCRAM-");
        if mechanism == "PLAIN" && seen.phase != Phase::BeforeTls {
            out.report(self.finding(seen));
        }
    }
}

impl PlainLogin {
    fn finding(&self, seen: &Seen<'_>) -> Found {
        if let Some(failure) = self.scram_failed {
            return found("the client logged in with PLAIN after SCRAM had failed: it gave the password to a server that did not prove itself")
                .severity(Severity::High)
                .avoidability(Avoidability::Avoidable)
                .after(failure);
        }
        let offered = seen.world.mechanisms();
        if !offered.is_empty() && !offered.iter().any(|mechanism| mechanism == "PLAIN") {
            return found("the client logged in with PLAIN, which the server does not offer")
                .severity(Severity::Medium)
                .avoidability(Avoidability::Avoidable);
        }
        match offered.iter().find(|mechanism| mechanism.starts_with("SCRAM-")) {
            Some(better) => found(format!("the client logged in with PLAIN, though the server offers {better}")),
            None if offered.is_empty() => found("the client logged in with PLAIN; what else was offered is not known").severity(Severity::Info),
            None => found("the client logged in with PLAIN; the server offers nothing that keeps the password")
                .severity(Severity::Info)
                .avoidability(Avoidability::Inherent)
                .advice("ask the server's operator for SCRAM"),
        }
    }
}
