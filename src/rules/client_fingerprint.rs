//! Lists by how many independent signs the client can be recognised.
//!
//! **What it checks.** At the end of a session: which of resource, tag, user agent, capabilities, version answer, stanza ids, fallback
//! sentence and language the client showed.
//!
//! **Why it matters.** Hiding one of them helps little as long as the others stay. The list says what would have to change together.
//!
//! **Evidence.** The first stanza for each sign.
//!
//! **Limits.** The order of elements, timing and the TLS handshake give a client away too and are not in the list. One sign alone is
//! not reported.
//!
//! **References.** XEP-0115 §9.4, XEP-0092 §5, XEP-0386 §4, XEP-0388 §2.3.1.

use super::names::{BIND, BIND2, CAPS, CLIENT, DISCO_INFO, SASL2, VERSION};
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};
use super::words::{device_words, client_of_id};
use super::World;
use crate::xmpp::element::Element;

pub(super) const RULE: Rule = Rule {
    id: "client-fingerprint",
    title: "independent signs by which the client is recognised",
    theme: Theme::Linkage,
    severity: Severity::Info,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Inherent,
    advice: "nothing to do for the person; developers who want clients to look alike have to change all of these together",
    source: "XEP-0115 §9.4 (capabilities tell the type of client); XEP-0092 §5",
    watches: &[(CLIENT, "iq"), (CLIENT, "message"), (CLIENT, "presence"), (SASL2, "authenticate")],
    verdicts: &[],
    page: include_str!("client_fingerprint.rs"),
    check: || Box::<Signs>::default(),
};

#[derive(Default)]
struct Signs {
    seen: Vec<(&'static str, u64)>,
}

impl Signs {
    /// Notes a sign when the stanza shows it. Does not look for one that was seen.
    fn note(&mut self, sign: &'static str, seen: &Seen<'_>, shows: impl FnOnce() -> bool) {
        if !self.seen.iter().any(|(known, _)| *known == sign) && shows() {
            self.seen.push((sign, seen.number));
        }
    }
}

impl Check for Signs {
    fn see(&mut self, seen: &Seen<'_>, _out: &mut Out) {
        if !seen.is_sent() || seen.is_error() {
            return;
        }
        let stanza = seen.stanza;
        let resource = || child(seen.child(BIND, "bind")?, BIND, "resource").map(|resource| resource.own_text());
        let result = seen.stanza_type() == Some("result");
        let client = |identity: Element<'_>| identity.local() == "identity" && identity.attr("category") == Some("client");
        let body = || stanza.children().any(|child| child.local() == "body");
        match seen.name() {
            "presence" => self.note("capabilities", seen, || seen.child(CAPS, "c").is_some()),
            "message" => self.note("fallback sentence", seen, || seen.omemo().is_some() && body()),
            "authenticate" => {
                self.note("user agent", seen, || seen.child(SASL2, "user-agent").is_some());
                self.note("tag of the resource", seen, || seen.each(BIND2, "tag").next().is_some());
            }
            _ => {
                self.note("resource", seen, || resource().is_some_and(|name| device_words().find(&name).is_some()));
                self.note("version answer", seen, || result && seen.child(VERSION, "query").is_some());
                let identity = || seen.child(DISCO_INFO, "query").is_some_and(|query| query.children().any(client));
                self.note("identity", seen, || result && identity());
            }
        }
        self.note("form of stanza ids", seen, || !result && stanza.attr("id").and_then(client_of_id).is_some());
        self.note("language", seen, || {
            matches!(seen.name(), "message" | "presence" | "iq") && stanza.attr_index("xml:lang").is_some()
        });
    }

    fn end(&mut self, _world: &World, out: &mut Out) {
        if self.seen.len() < 2 {
            return;
        }
        let names: Vec<&str> = self.seen.iter().map(|(sign, _)| *sign).collect();
        let mut finding = found(format!("the client can be recognised by: {}", names.join(", ")));
        finding.evidence = self.seen.drain(..).map(|(_, number)| number).collect();
        out.report(finding);
    }
}
