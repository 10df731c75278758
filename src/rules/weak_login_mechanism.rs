//! Finds a login by a mechanism that is known to be weak, or weaker than what the server offers.
//!
//! **What it checks.** Inside TLS the client chooses a mechanism that rests on MD5, sends the password under another name, or that only its
//! makers know; uses the login from before SASL; or takes SCRAM with SHA-1 where SHA-256 or better is offered.
//!
//! **Why it matters.** Whoever gets at the exchange, or at what the server has to store for it, finds the password more easily.
//!
//! **Evidence.** The login. It weighs more where the server offered SCRAM as well.
//!
//! **Limits.** PLAIN has a rule of its own (`plain-login-inside-tls`), and so has any login outside TLS. SCRAM with SHA-1 that is bound to
//! the channel counts as no weaker than one with SHA-256 that is not.
//!
//! **References.** RFC 6331, RFC 7677, XEP-0078, XEP-0438.

use super::names::{LEGACY_AUTH, SASL, SASL2};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::record::Phase;

pub(super) const RULE: Rule = Rule {
    id: "weak-login-mechanism",
    title: "a weak mechanism was chosen to log in",
    theme: Theme::Login,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Optional,
    advice: "choose a SCRAM mechanism in the client's account settings if it has such a setting; update the client, or report it",
    source: "RFC 6331 (DIGEST-MD5 is historic); RFC 7677 §4 (SHA-256 before SHA-1); XEP-0078 §1 (obsolete)",
    watches: &[(SASL, "auth"), (SASL2, "authenticate"), (LEGACY_AUTH, "query")],
    verdicts: &[],
    page: include_str!("weak_login_mechanism.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if seen.phase == Phase::BeforeTls || !seen.is_sent() {
        return;
    }
    let offered = seen.world.mechanisms();
    if let Some(query) = seen.child(LEGACY_AUTH, "query") {
        if seen.stanza_type() == Some("set") {
            let password = query.children().any(|child| child.local() == "password");
            let what = if password { "the password itself" } else { "a digest of the password" };
            out.report(found(format!("the client logged in the way from before SASL (jabber:iq:auth), with {what}")).severity(Severity::Medium));
        }
        return;
    }
    let Some(mechanism) = seen.stanza.attr("mechanism") else { return };
    let better = offered.iter().find(|other| other.starts_with("SCRAM-SHA"));
    match weakness(mechanism) {
        Some(why) => {
            let finding = match better {
                Some(better) => found(format!("the client logged in with {mechanism}, {why}, though the server offers {better}")),
                None => found(format!("the client logged in with {mechanism}, {why}")),
            };
            out.report(if better.is_some() { finding.severity(Severity::Medium) } else { finding });
        }
        None => {
            let Some(stronger) = stronger_scram(mechanism, offered) else { return };
            out.report(found(format!("the client logged in with {mechanism}, though the server offers {stronger}")).severity(Severity::Info));
        }
    }
}

fn weakness(mechanism: &str) -> Option<&'static str> {
    Some(match mechanism {
        "LOGIN" => "which sends the password itself",
        "DIGEST-MD5" | "CRAM-MD5" | "SCRAM-MD5" | "NTLM" => "which rests on a broken hash",
        "KERBEROS_V4" | "SKEY" => "which is historic",
        _ if mechanism.starts_with("X-") => "which is no standard",
        _ => return None,
    })
}

/// A mechanism of the same sort, bound or not bound to the channel, with a stronger hash.
fn stronger_scram<'a>(mechanism: &str, offered: &'a [String]) -> Option<&'a String> {
    let plus = match mechanism {
        "SCRAM-SHA-1" => false,
        "SCRAM-SHA-1-PLUS" => true,
        _ => return None,
    };
    let stronger = |other: &&String| ["SCRAM-SHA-256", "SCRAM-SHA-512", "SCRAM-SHA3-"].iter().any(|name| other.starts_with(name));
    offered.iter().filter(stronger).find(|other| !plus || other.ends_with("-PLUS"))
}
