//! The interventions: the closed list of changes to what passes between client and server (DESIGN 4.2).
//!
//! The gate looks at each frame before login, and after it only at the few that can carry an address. Everything it changes or refuses it
//! says, as [`Intervention`]s. Pure: bytes in, a decision out.

use std::sync::Arc;

use crate::audit::decode::sasl_part;
use crate::catalog::Catalog;
pub use crate::config::ChannelBinding;
use crate::record::Intervention;
use crate::xmpp::Direction;
use crate::xmpp::element::{Document, Element, Inherited};
use crate::xmpp::framer::FrameKind;
use crate::xmpp::jid::{Jid, normalised_bare};
use crate::xmpp::limits::Limits;
use crate::xmpp::ns;

use super::login::Login;
use super::scope;

/// Longest element name that is looked at, prefix included, in bytes.
pub const MAX_NAME: usize = 1024;

/// What a gate may do.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Domains that may be intercepted.
    pub domains: Vec<String>,
    /// Accounts that may log in; all when empty.
    pub accounts: Vec<String>,
    /// Channel binding.
    pub channel_binding: ChannelBinding,
    /// Only end STARTTLS and remove compression; rewrite no addresses.
    pub observe_only: bool,
}

/// What becomes of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It goes on as it is.
    Pass,
    /// Other bytes go on in its place.
    Replace(Vec<u8>),
    /// It does not go on; these bytes go back to the client.
    Answer(&'static str),
    /// The session ends: stream error condition for the client, reason for the record.
    Refuse {
        /// RFC 6120 §4.9.3.
        condition: &'static str,
        /// Short reason, as in session records.
        reason: &'static str,
        /// In words.
        detail: String,
    },
}

/// Looks at the frames of one session.
#[derive(Debug)]
pub struct Gate {
    catalog: Arc<Catalog>,
    policy: Policy,
    document: Document,
    inherited: [Inherited; 2],
    limits: Limits,
    /// The domain the stream was opened to, once known.
    domain: Option<String>,
    /// What clients dial to reach this proxy, for rewritten addresses.
    own_address: String,
    /// Whether the server has said which account was let in.
    bound: bool,
    /// Where a server wanted to send the client.
    pub redirected_to: Option<String>,
    /// How login goes.
    pub login: Login,
    interventions: Vec<Intervention>,
}

/// The name of a first-level element from its first bytes: `None` while it may still go on, and for one longer than [`MAX_NAME`].
pub fn opening_name(bytes: &[u8]) -> Option<&[u8]> {
    let name = bytes.strip_prefix(b"<")?;
    // A name that grows byte by byte must not be looked through from its start each time.
    let end = name.iter().take(MAX_NAME).position(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'>' | b'/'))?;
    let name = &name[..end];
    Some(memchr::memrchr(b':', name).map_or(name, |colon| &name[colon + 1..]))
}

impl Gate {
    /// A gate for one session. `own_address` is what the client dialled.
    pub fn new(catalog: Arc<Catalog>, policy: Policy, own_address: String) -> Gate {
        Gate {
            catalog,
            policy,
            document: Document::new(),
            inherited: [Inherited::client(), Inherited::client()],
            limits: Limits::default(),
            domain: None,
            own_address,
            bound: false,
            redirected_to: None,
            login: Login::default(),
            interventions: Vec::new(),
        }
    }

    /// The domain the stream was opened to.
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// Whether a first-level element of this name from the server has to be looked at after login: it may carry an address, or say which
    /// account was let in.
    pub fn wants(&self, local: &[u8]) -> bool {
        matches!(local, b"error" | b"enabled" | b"features" | b"success")
            || (local == b"iq" && !self.bound && !self.policy.accounts.is_empty())
    }

    /// Whether it is settled which account this is. Without `--account` anybody is let through.
    pub fn has_admitted(&self) -> bool {
        self.bound || self.policy.accounts.is_empty()
    }

    /// Interventions made since the last call.
    pub fn take_interventions(&mut self) -> Vec<Intervention> {
        std::mem::take(&mut self.interventions)
    }

    fn parse(&mut self, direction: Direction, kind: FrameKind, bytes: &[u8]) -> bool {
        let header = kind == FrameKind::StreamOpen;
        let none = Inherited::default();
        let inherited = if header { &none } else { &self.inherited[direction.index()] };
        let parsed = self.document.parse(bytes, header, inherited, &self.catalog.names, &self.limits).is_ok();
        if parsed && header {
            self.inherited[direction.index()] = Inherited::from_header(&self.document);
        }
        parsed
    }

    /// Looks at a frame from the client.
    pub fn from_client(&mut self, kind: FrameKind, bytes: &[u8]) -> Decision {
        if kind == FrameKind::TooLong && !self.login.succeeded() {
            return self.unread();
        }
        if !matches!(kind, FrameKind::StreamOpen | FrameKind::Element) {
            return Decision::Pass;
        }
        if !self.parse(Direction::ClientToServer, kind, bytes) {
            // Before the domain is known nothing may pass unread; afterwards the audit reports what it could not read.
            return match self.domain {
                Some(_) => Decision::Pass,
                None => self.unread(),
            };
        }
        if kind == FrameKind::StreamOpen {
            return self.check_header();
        }
        if self.domain.is_none() {
            return refuse("invalid-xml", "not_xmpp", "a stanza before the stream header".into());
        }
        let known = &self.catalog.known;
        let root = self.document.root();
        if root.sym() == known.compress {
            self.interventions.push(Intervention {
                action: "compression_refused".into(),
                direction: Some(Direction::ClientToServer),
                detail:
                    "the client asked for stream compression; it was answered with a failure, because compressed traffic cannot be audited"
                        .into(),
                bytes: Some(bytes.len() as u64),
            });
            return Decision::Answer("<failure xmlns='http://jabber.org/protocol/compress'><unsupported-method/></failure>");
        }
        self.login.client_sent(root, known);
        match self.claimed_account(root) {
            Some(account) if !self.allows(&account) => self.account_refused(&account),
            _ => Decision::Pass,
        }
    }

    /// The client's answer to something too long to be looked at before login: it may name another domain or account.
    pub fn unread(&self) -> Decision {
        match self.domain {
            Some(_) => refuse("policy-violation", "too_long", "an element before login is longer than servers take".into()),
            None => refuse("bad-format", "not_xmpp", "the stream header could not be read".into()),
        }
    }

    fn check_header(&mut self) -> Decision {
        let namespace = self.document.root().uri();
        if namespace != ns::STREAM {
            return refuse("invalid-namespace", "not_xmpp", format!("the stream header is in the namespace {namespace:?}"));
        }
        let to = self.document.root().attr("to").unwrap_or("").to_owned();
        let normal = scope::normal_domain(&to);
        if let Err(error) = scope::check_domain(&to, &self.policy.domains) {
            return refuse("host-unknown", "domain_refused", error.to_string());
        }
        if self.domain.as_ref().is_some_and(|before| *before != normal) {
            let detail = format!("the stream was restarted to another domain than {}", self.domain.as_deref().unwrap_or_default());
            return refuse("invalid-from", "domain_changed", detail);
        }
        self.domain = Some(normal);
        Decision::Pass
    }

    /// The account a login names, where the mechanism says it in clear.
    fn claimed_account(&self, root: Element<'_>) -> Option<String> {
        let known = &self.catalog.known;
        let payload = if root.sym() == known.sasl_auth {
            root.own_text().into_owned()
        } else if root.sym() == known.sasl2_authenticate {
            root.children().find(|c| c.local() == "initial-response")?.own_text().into_owned()
        } else {
            return None;
        };
        let mechanism = root.attr("mechanism")?;
        let part = match mechanism {
            "PLAIN" => "plain.authcid",
            m if m.starts_with("SCRAM-") => "scram.n",
            m if m.starts_with("HT-") => "ht.authcid",
            _ => return None,
        };
        let name = sasl_part(payload.trim(), part)?;
        let domain = self.domain.as_deref()?;
        Some(if name.contains('@') { name } else { format!("{name}@{domain}") })
    }

    fn allows(&self, account: &str) -> bool {
        self.policy.accounts.is_empty() || self.policy.accounts.iter().any(|a| normalised_bare(a) == normalised_bare(account))
    }

    fn account_refused(&self, account: &str) -> Decision {
        let detail = format!("{} is not one of the accounts given with --account", Jid::split(account).bare());
        refuse("policy-violation", "account_refused", detail)
    }

    /// Looks at a frame from the server.
    pub fn from_server(&mut self, kind: FrameKind, bytes: &[u8]) -> Decision {
        if !matches!(kind, FrameKind::StreamOpen | FrameKind::Element) || !self.parse(Direction::ServerToClient, kind, bytes) {
            return Decision::Pass;
        }
        if kind == FrameKind::StreamOpen {
            return Decision::Pass;
        }
        let catalog = self.catalog.clone();
        let known = &catalog.known;
        let document = std::mem::take(&mut self.document);
        let root = document.root();
        self.login.server_sent(root, known);
        let mut cuts: Vec<(std::ops::Range<usize>, String)> = Vec::new();
        let mut refused = None;
        if root.sym() == known.features {
            self.edit_features(root, &mut cuts);
        } else if root.sym() == known.stream_error {
            self.edit_see_other_host(root, bytes, &mut cuts);
        } else {
            let bound = bound_address(root, known);
            self.bound |= bound.is_some();
            if let Some(account) = bound.filter(|account| !self.allows(account)) {
                refused = Some(self.account_refused(&account));
            }
            self.remove_locations(root, bytes, &mut cuts);
        }
        self.document = document;
        refused.unwrap_or_else(|| if cuts.is_empty() { Decision::Pass } else { Decision::Replace(apply(bytes, cuts)) })
    }

    fn edit_features(&mut self, features: Element<'_>, cuts: &mut Vec<(std::ops::Range<usize>, String)>) {
        let catalog = self.catalog.clone();
        let known = &catalog.known;
        for child in features.children() {
            if child.sym() == known.starttls {
                self.say(
                    "starttls_removed",
                    "the client is already inside TLS to this proxy; the server's offer would confuse it",
                    child.size(),
                );
                cuts.push((child.source_range(), String::new()));
            } else if child.sym() == known.compression {
                let methods: Vec<String> = child.children().map(|m| m.own_text().trim().to_owned()).collect();
                let detail =
                    format!("stream compression ({}) was taken out of the offer: compressed traffic cannot be audited", methods.join(", "));
                self.say("compression_removed", &detail, child.size());
                cuts.push((child.source_range(), String::new()));
            }
        }
        if self.policy.channel_binding == ChannelBinding::Strip && !self.policy.observe_only {
            let mut stripped = Vec::new();
            for child in features.children() {
                if child.uri() == ns::SASL_CB {
                    stripped.push("binding types".to_owned());
                    cuts.push((child.source_range(), String::new()));
                }
                if child.sym() == known.sasl_mechanisms || child.sym() == known.sasl2_authentication {
                    for mechanism in child.children().filter(|m| m.local() == "mechanism" && m.own_text().trim().ends_with("-PLUS")) {
                        stripped.push(mechanism.own_text().trim().to_owned());
                        cuts.push((mechanism.source_range(), String::new()));
                    }
                }
            }
            if !stripped.is_empty() {
                self.login.stripped = true;
                let detail = format!("{} taken out of the offer; clients that check for a downgrade will notice", stripped.join(", "));
                self.say("channel_binding_stripped", &detail, 0);
            }
        }
    }

    fn edit_see_other_host(&mut self, error: Element<'_>, bytes: &[u8], cuts: &mut Vec<(std::ops::Range<usize>, String)>) {
        let Some(host) = error.children().find(|c| c.local() == "see-other-host" && c.uri() == ns::STREAM_ERRORS) else { return };
        let target = host.own_text().trim().to_owned();
        self.redirected_to = Some(target.clone());
        if self.policy.observe_only {
            return;
        }
        let range = host.source_range();
        let markup = &bytes[range.clone()];
        let (Some(open), Some(close)) = (memchr::memchr(b'>', markup), memchr::memrchr(b'<', markup)) else { return };
        if close > open {
            let detail = format!("the server sent the client to {target}; it was sent back to this proxy at {}", self.own_address);
            cuts.push((range.start + open + 1..range.start + close, self.own_address.clone()));
            self.say("see_other_host_rewritten", &detail, 0);
        }
    }

    /// Stream management (XEP-0198 §5) and instant resumption tell clients where to reconnect.
    fn remove_locations(&mut self, root: Element<'_>, bytes: &[u8], cuts: &mut Vec<(std::ops::Range<usize>, String)>) {
        let mut stack = vec![root];
        while let Some(element) = stack.pop() {
            let carries = (element.local() == "enabled" && element.uri().starts_with("urn:xmpp:sm:"))
                || (element.local() == "isr-enabled" && element.uri() == "https://xmpp.org/extensions/isr/0");
            if let (true, Some(location)) = (carries, element.attr("location")) {
                self.redirected_to.get_or_insert_with(|| location.to_owned());
                let range = element.source_range();
                let attr = attribute_range(&bytes[range.clone()], b"location").filter(|_| !self.policy.observe_only);
                if let Some(attr) = attr {
                    let detail =
                        format!("the server told the client to resume at {location}; the hint was removed so that it comes back here");
                    self.say("sm_location_removed", &detail, attr.len() as u32);
                    cuts.push((range.start + attr.start..range.start + attr.end, String::new()));
                }
            }
            if element.sym() == self.catalog.known.sasl2_success || element.uri() == ns::BIND2 || element.uri().starts_with("urn:xmpp:sm:")
            {
                stack.extend(element.children());
            }
        }
    }

    fn say(&mut self, action: &'static str, detail: &str, bytes: u32) {
        self.interventions.push(Intervention {
            action: action.into(),
            direction: Some(Direction::ServerToClient),
            detail: detail.to_owned(),
            bytes: (bytes > 0).then_some(u64::from(bytes)),
        });
    }
}

fn refuse(condition: &'static str, reason: &'static str, detail: String) -> Decision {
    Decision::Refuse { condition, reason, detail }
}

/// The account that a server confirms: in the bind result, or in SASL2 success.
fn bound_address(root: Element<'_>, known: &crate::catalog::Known) -> Option<String> {
    let element = if root.sym() == known.iq {
        root.child(known.bind)?.child(known.bind_jid)?
    } else if root.sym() == known.sasl2_success {
        root.child(known.sasl2_identifier)?
    } else {
        return None;
    };
    Some(element.own_text().trim().to_owned())
}

/// Replaces pieces of a frame.
fn apply(bytes: &[u8], mut cuts: Vec<(std::ops::Range<usize>, String)>) -> Vec<u8> {
    cuts.sort_by_key(|(range, _)| range.start);
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for (range, with) in cuts {
        if range.start < at || range.end > bytes.len() {
            continue;
        }
        out.extend_from_slice(&bytes[at..range.start]);
        push_escaped(&mut out, &with);
        at = range.end;
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

fn push_escaped(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Where ` name='value'` stands in a start tag.
fn attribute_range(tag: &[u8], name: &[u8]) -> Option<std::ops::Range<usize>> {
    let mut at = 1;
    let space = |b: u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    while at < tag.len() && !space(tag[at]) && tag[at] != b'>' {
        at += 1;
    }
    loop {
        let start = at;
        while at < tag.len() && space(tag[at]) {
            at += 1;
        }
        let key = at;
        while at < tag.len() && !space(tag[at]) && !matches!(tag[at], b'=' | b'>' | b'/') {
            at += 1;
        }
        let found = &tag[key..at] == name;
        while at < tag.len() && (space(tag[at]) || tag[at] == b'=') {
            at += 1;
        }
        let quote = *tag.get(at)?;
        if quote != b'"' && quote != b'\'' {
            return None;
        }
        at += 1 + memchr::memchr(quote, &tag[at + 1..])? + 1;
        if found {
            return Some(start..at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(policy: Policy) -> Gate {
        let mut gate = Gate::new(Catalog::builtin(), policy, "127.0.0.1:5222".into());
        let header = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='lab.test' version='1.0'>";
        assert_eq!(gate.from_client(FrameKind::StreamOpen, header), Decision::Pass);
        assert_eq!(gate.from_server(FrameKind::StreamOpen, header), Decision::Pass);
        gate
    }

    fn policy() -> Policy {
        Policy { domains: vec!["lab.test".into()], accounts: vec![], channel_binding: ChannelBinding::Observe, observe_only: false }
    }

    #[track_caller]
    fn check(policy: Policy, from_server: &str, expected: &str, actions: &[&str]) {
        let mut gate = gate(policy);
        let shown = match gate.from_server(FrameKind::Element, from_server.as_bytes()) {
            Decision::Pass => from_server.to_owned(),
            Decision::Replace(bytes) => String::from_utf8(bytes).unwrap(),
            other => format!("{other:?}"),
        };
        assert_eq!(shown, expected);
        assert_eq!(gate.take_interventions().iter().map(|i| i.action.to_string()).collect::<Vec<_>>(), actions);
    }

    const FEATURES: &str = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>PLAIN</mechanism></mechanisms></stream:features>";

    #[test]
    fn offers_that_cannot_pass_are_taken_out() {
        check(
            policy(),
            FEATURES,
            "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>PLAIN</mechanism></mechanisms></stream:features>",
            &["starttls_removed", "compression_removed"],
        );
        check(
            Policy { channel_binding: ChannelBinding::Strip, ..policy() },
            FEATURES,
            "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>",
            &["starttls_removed", "compression_removed", "channel_binding_stripped"],
        );
    }

    #[test]
    fn addresses_that_lead_round_the_proxy_are_rewritten() {
        let error =
            "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>other.lab.test:5222</see-other-host></stream:error>";
        let here = error.replace("other.lab.test:5222", "127.0.0.1:5222");
        check(policy(), error, &here, &["see_other_host_rewritten"]);
        check(Policy { observe_only: true, ..policy() }, error, error, &[]);
        check(
            policy(),
            "<enabled xmlns='urn:xmpp:sm:3' id=\"a'b\" location='other:9' resume='true'/>",
            "<enabled xmlns='urn:xmpp:sm:3' id=\"a'b\" resume='true'/>",
            &["sm_location_removed"],
        );
        check(
            policy(),
            "<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' location='o:9'/></bound></success>",
            "<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3'/></bound></success>",
            &["sm_location_removed"],
        );
    }

    #[test]
    fn only_named_domains_and_accounts_pass() {
        let mut other = Gate::new(Catalog::builtin(), policy(), String::new());
        let header = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='real.example'>";
        assert!(matches!(other.from_client(FrameKind::StreamOpen, header), Decision::Refuse { condition: "host-unknown", .. }));

        let mut gate = gate(Policy { accounts: vec!["ann@lab.test".into()], ..policy() });
        let plain = |user: &str| {
            use base64::Engine as _;
            let payload = base64::engine::general_purpose::STANDARD.encode(format!("\0{user}\0pw"));
            format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{payload}</auth>")
        };
        assert_eq!(gate.from_client(FrameKind::Element, plain("ann").as_bytes()), Decision::Pass);
        assert!(matches!(
            gate.from_client(FrameKind::Element, plain("ben").as_bytes()),
            Decision::Refuse { reason: "account_refused", .. }
        ));
        let bound = b"<iq type='result' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>ben@lab.test/x</jid></bind></iq>";
        assert!(matches!(gate.from_server(FrameKind::Element, bound), Decision::Refuse { reason: "account_refused", .. }));
    }

    #[test]
    fn compression_is_refused_for_the_server() {
        let mut gate = gate(policy());
        let ask = b"<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>";
        assert!(matches!(gate.from_client(FrameKind::Element, ask), Decision::Answer(_)));
    }

    #[test]
    fn names_are_read_from_the_first_bytes() {
        assert_eq!(opening_name(b"<stream:error>"), Some(&b"error"[..]));
        assert_eq!(opening_name(b"<enabled "), Some(&b"enabled"[..]));
        assert_eq!(opening_name(b"<enab"), None);
    }
}
