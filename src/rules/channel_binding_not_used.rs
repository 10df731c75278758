//! Finds a login that could have been bound to the TLS channel and was not.
//!
//! **What it checks.** The client chooses a SCRAM mechanism without channel binding although one with it was offered.
//!
//! **Why it matters.** A bound login fails when somebody sits in the middle with a false certificate; an unbound one does not notice.
//!
//! **Evidence.** The login, and the offer as the client saw it.
//!
//! **Limits.** This proxy takes binding out of the offer unless told otherwise, because it would be noticed; then nothing is found. Which
//! types of binding the client knows does not show.
//!
//! **References.** RFC 5802 §6, RFC 9266, XEP-0440.

use super::names::{SASL, SASL2};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use crate::record::Phase;

pub(super) const RULE: Rule = Rule {
    id: "channel-binding-not-used",
    title: "the login is not bound to the TLS channel, though it could be",
    theme: Theme::Login,
    severity: Severity::Low,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Optional,
    advice: "see whether the client has a setting for channel binding, or a newer version that knows tls-exporter",
    source: "RFC 5802 §6 (a client that supports binding chooses -PLUS where it is offered)",
    watches: &[(SASL, "auth"), (SASL2, "authenticate")],
    verdicts: &[],
    page: include_str!("channel_binding_not_used.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if seen.phase == Phase::BeforeTls || !seen.is_sent() || seen.world.binding_stripped() {
        return;
    }
    let Some(mechanism) = seen.stanza.attr("mechanism").filter(|m| m.starts_with("SCRAM-") && !m.ends_with("-PLUS")) else { return };
    if let Some(bound) = seen.world.mechanisms().iter().find(|offered| offered.ends_with("-PLUS")) {
        out.report(found(format!("the client logged in with {mechanism}, though {bound} was offered to it")));
    }
}

#[cfg(test)]
mod tests {
    use crate::audit::Auditor;
    use crate::catalog::Catalog;
    use crate::record::{Body, Intervention, Moment};
    use crate::xmpp::Direction;

    /// The audit sees the server's offer as it was; the client did not.
    #[test]
    fn what_the_proxy_took_out_was_not_offered() {
        let offer = "<features xmlns='http://etherx.jabber.org/streams'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
            <mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>SCRAM-SHA-1</mechanism></mechanisms></features>";
        let login = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>bixh</auth>";
        let found = |stripped: bool| {
            let mut auditor = Auditor::new(Catalog::builtin(), std::sync::Arc::default(), "s");
            auditor.tls_established();
            auditor.feed(Direction::ServerToClient, offer.as_bytes(), None);
            if stripped {
                let action = "channel_binding_stripped".into();
                let intervention = Intervention { action, direction: None, detail: String::new(), bytes: None };
                auditor.note(Body::Intervention(intervention), Moment { unix_micros: 0, mono_micros: 0 });
            }
            auditor.feed(Direction::ClientToServer, login.as_bytes(), None);
            let records = std::iter::from_fn(|| auditor.poll());
            records.filter(|record| matches!(&record.body, Body::Finding(finding) if finding.rule == super::RULE.id)).count()
        };
        assert_eq!((found(false), found(true)), (1, 0));
    }
}
