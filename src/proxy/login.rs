//! How a login goes, to tell a client that noticed the proxy from any other failure.
//!
//! A proxy that ends TLS breaks channel binding by design (RFC 5802 §6, RFC 9266). A client or server that notices protects its user; the
//! finding says so and names the way to go on.

use crate::audit::decode::sasl_part;
use crate::catalog::Known;
use crate::record::Finding;
use crate::xmpp::element::Element;
use crate::xmpp::ns;

/// What was seen of a login.
#[derive(Debug, Clone, Default)]
pub struct Login {
    /// Whether binding was taken out of the server's offer.
    pub stripped: bool,
    offered_plus: bool,
    offered: bool,
    mechanism: Option<String>,
    flag: Option<String>,
    binding: Option<String>,
    downgrade_hash: bool,
    challenged: bool,
    failure: Option<String>,
    aborted: bool,
    done: bool,
}

impl Login {
    /// A first-level element from the client.
    pub fn client_sent(&mut self, root: Element<'_>, known: &Known) {
        let payload = if root.sym() == known.sasl_auth {
            root.own_text().into_owned()
        } else if root.sym() == known.sasl2_authenticate {
            root.children().find(|c| c.local() == "initial-response").map(|c| c.own_text().into_owned()).unwrap_or_default()
        } else {
            self.aborted |= root.sym() == known.sasl_abort || root.sym() == known.sasl2_abort;
            return;
        };
        self.mechanism = root.attr("mechanism").map(str::to_owned);
        self.flag = sasl_part(payload.trim(), "scram.gs2_cbind_flag");
        self.binding = sasl_part(payload.trim(), "scram.cb_name");
        (self.challenged, self.aborted, self.failure) = (false, false, None);
    }

    /// A first-level element from the server.
    pub fn server_sent(&mut self, root: Element<'_>, known: &Known) {
        let sym = root.sym();
        if sym == known.features {
            for child in root.children().filter(|c| c.sym() == known.sasl_mechanisms || c.sym() == known.sasl2_authentication) {
                self.offered = true;
                self.offered_plus |= child.children().any(|m| m.own_text().trim().ends_with("-PLUS"));
            }
        } else if root.local() == "challenge" && matches!(root.uri(), ns::SASL | ns::SASL2) {
            self.challenged = true;
            self.downgrade_hash |= sasl_part(root.own_text().trim(), "scram.h").is_some();
        } else if sym == known.sasl_failure || sym == known.sasl2_failure {
            self.failure = root
                .children()
                .find(|c| c.uri() == ns::SASL && c.local() != "text")
                .map(|c| c.local().to_owned())
                .or(Some("failure".into()));
        } else if sym == known.sasl_success || sym == known.sasl2_success {
            self.done = true;
        }
    }

    /// Whether the server confirmed a login.
    pub fn succeeded(&self) -> bool {
        self.done
    }

    /// What the end of the session means for channel binding, if anything.
    ///
    /// `client_left` says that the client closed first.
    pub fn finding(&self, client_left: bool, evidence: Vec<u64>) -> Option<Finding> {
        if self.done || !self.offered {
            return None;
        }
        let mechanism = self.mechanism.as_deref().unwrap_or("no mechanism");
        let (confidence, fact) = if self.flag.as_deref() == Some("p") {
            let binding = self.binding.as_deref().unwrap_or("an unknown type");
            let end = self.failure.as_deref().map_or("the login did not finish".to_owned(), |f| format!("the server answered {f}"));
            (
                "certain",
                format!(
                    "the client bound its login ({mechanism}) to the TLS channel by {binding}; {end}, because this proxy ends the channel"
                ),
            )
        } else if self.flag.as_deref() == Some("y") && self.failure.is_some() {
            let why = if self.stripped {
                "this proxy took binding out of the offer"
            } else {
                "the server offers binding and the client was told otherwise"
            };
            (
                "certain",
                format!("the client said that it can bind ({mechanism}, flag y) and the server refused the login as a downgrade: {why}"),
            )
        } else if self.aborted || (client_left && self.challenged && self.failure.is_none()) {
            let check = if self.downgrade_hash {
                "the server's challenge carries the hash of the offers (XEP-0474)"
            } else {
                "nothing else was wrong on the wire"
            };
            ("likely", format!("the client gave the login up after the server's challenge ({mechanism}); {check}"))
        } else if client_left && self.mechanism.is_none() && (self.offered_plus || self.stripped) {
            ("possible", "the client left when it saw the login mechanisms, without trying one".to_owned())
        } else {
            return None;
        };
        Some(Finding {
            rule: "channel-binding-noticed-proxy".into(),
            severity: "info".into(),
            confidence: confidence.into(),
            avoidability: "none".into(),
            favour: "for".into(),
            about: None,
            fact: format!("{fact}. This speaks for the client: somebody in the middle would have been noticed."),
            advice: "to evaluate it all the same, let the proxy speak clear text to the test server on loopback (--upstream-tls none): then no binding is offered"
                .into(),
            source: "RFC 5802 §6; RFC 9266; XEP-0474".into(),
            evidence,
            accepted: None,
        })
    }
}
