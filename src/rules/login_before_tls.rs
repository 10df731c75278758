//! Finds a login outside TLS.
//!
//! **What it checks.** The client sends `<auth/>`, a SASL2 `<authenticate/>`, or an old `jabber:iq:auth` request while the stream is not
//! inside TLS.
//!
//! **Why it matters.** Everybody on the path reads the account name, and with PLAIN or the old password login the password too.
//!
//! **Evidence.** The request itself.
//!
//! **Limits.** The proxy offers TLS as required; a client that would go on without TLS elsewhere may behave better here.
//!
//! **References.** RFC 6120 §5.3.1 and §13.8.3, RFC 7590 §3.

use super::names::{LEGACY_AUTH, SASL, SASL2};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::record::Phase;

pub(super) const RULE: Rule = Rule {
    id: "login-before-tls",
    title: "the account logs in without TLS",
    theme: Theme::Login,
    severity: Severity::Critical,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "do not use the client where the network is not trusted; require TLS in its account settings if it has such a setting, and report it",
    source: "RFC 6120 §13.8.3 (PLAIN only inside TLS); RFC 7590 §3 (TLS is required)",
    watches: &[(SASL, "auth"), (SASL2, "authenticate"), (LEGACY_AUTH, "query")],
    verdicts: &[],
    page: include_str!("login_before_tls.rs"),
    check: || Box::new(see),
};

/// Mechanisms whose messages hold the password, or what is as good as it.
const PASSWORD_IN_CLEAR: [&str; 3] = ["PLAIN", "X-OAUTH2", "LOGIN"];

fn see(seen: &Seen<'_>, out: &mut Out) {
    if seen.phase != Phase::BeforeTls || !seen.is_sent() {
        return;
    }
    let mechanism = seen.stanza.attr("mechanism");
    let legacy = seen.child(LEGACY_AUTH, "query");
    let password = legacy.is_some_and(|query| query.children().any(|child| child.local() == "password"));
    match mechanism {
        _ if legacy.is_some() && seen.stanza_type() != Some("set") => {}
        _ if password => out.report(found("the password was sent without TLS (jabber:iq:auth)")),
        Some(mechanism) if PASSWORD_IN_CLEAR.contains(&mechanism) => {
            out.report(found(format!("the password was sent without TLS ({mechanism})")));
        }
        Some(mechanism) => out.report(found(format!("a login was begun without TLS ({mechanism})")).severity(Severity::High)),
        None => out.report(found("a login was begun without TLS").severity(Severity::High)),
    }
}
