//! Finds stanzas outside TLS.
//!
//! **What it checks.** The client sends a message, a presence, a request, or asks for compression or a resumed stream while the stream is
//! not inside TLS. Each sort is told once a session. Logging in there, and passwords, belong to rules of their own.
//!
//! **Why it matters.** Everybody on the path reads it and can change it, and learns which account and client this is.
//!
//! **Evidence.** The stanza, and the server's offer of TLS before it, if there was one.
//!
//! **Limits.** The proxy offers TLS as required; a client may behave better elsewhere. That a client came back without TLS after a
//! handshake that failed is seen by what the next session holds.
//!
//! **References.** RFC 6120 §5.3.1 and §5.4.2.2, RFC 7590 §3.

use super::names::{CLIENT, COMPRESS, LEGACY_AUTH, REGISTER, SM, STREAM, TLS};
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};
use crate::record::Phase;

pub(super) const RULE: Rule = Rule {
    id: "stanza-before-tls",
    title: "stanzas outside TLS",
    theme: Theme::Login,
    severity: Severity::High,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "require TLS in the account's settings if there is such a setting; do not use the client on networks that are not trusted, and report it",
    source: "RFC 6120 §5.3.1 (nothing but the negotiation before TLS where it is required); RFC 7590 §3",
    watches: &[
        (STREAM, "features"),
        (TLS, "failure"),
        (CLIENT, "message"),
        (CLIENT, "presence"),
        (CLIENT, "iq"),
        (COMPRESS, "compress"),
        (SM, "enable"),
        (SM, "resume"),
    ],
    verdicts: &[],
    page: include_str!("stanza_before_tls.rs"),
    check: || Box::new(StanzaBeforeTls::default()),
};

#[derive(Default)]
struct StanzaBeforeTls {
    /// Number of the features that offered TLS.
    offered: Option<u64>,
    /// Number of the server's refusal.
    refused: Option<u64>,
    told: Vec<String>,
}

impl Check for StanzaBeforeTls {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        if seen.phase != Phase::BeforeTls {
            return;
        }
        if seen.is_received() {
            match (seen.stanza.uri(), seen.name()) {
                (STREAM, "features") if child(seen.stanza, TLS, "starttls").is_some() => self.offered = Some(seen.number),
                (TLS, "failure") => self.refused = Some(seen.number),
                _ => {}
            }
            return;
        }
        let logs_in = seen.child(LEGACY_AUTH, "query").is_some() && seen.stanza_type() == Some("set");
        let registers = seen.child(REGISTER, "query").is_some_and(|query| child(query, REGISTER, "password").is_some());
        let name = seen.name();
        if logs_in || registers || name == "features" || self.told.iter().any(|told| told == name) || self.told.len() >= 8 {
            return;
        }
        self.told.push(name.to_owned());
        let (because, before) = match (self.refused, self.offered) {
            (Some(number), _) => ("after TLS had failed", Some(number)),
            (None, Some(number)) => ("though TLS was offered", Some(number)),
            (None, None) => ("and no TLS was offered", None),
        };
        let finding = found(format!("the client sent <{name}/> without TLS, {because}"));
        out.report(match before {
            Some(number) => finding.after(number),
            None => finding,
        });
    }
}
