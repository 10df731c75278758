//! Which way a stanza went, or the message that it copies, and whose session it is, as far as the stanza itself shows: `scan` is not always told.

use std::borrow::Cow;

use crate::xmpp::Direction;
use crate::xmpp::element::Element;
use crate::xmpp::jid::Jid;
use crate::xmpp::ns;

/// The direction that a stanza proves; none where it could have gone either way. `is_own` is asked for addresses of the account, and
/// answers nothing as long as the account is not known.
pub fn shown(stanza: Element<'_>, is_own: impl Fn(&str) -> Option<bool>) -> Option<Direction> {
    let (from, to) = (stanza.attr("from"), stanza.attr("to"));
    let has_resource = |address: Option<&str>| address.is_some_and(|address| Jid::split(address).resourcepart().is_some());
    match (from.map(&is_own), to.map(&is_own)) {
        // What the account's server says to one of its clients: a carbon, an archived message, an event of an own node.
        (Some(Some(true)), Some(Some(true))) if has_resource(to) && !has_resource(from) => Some(Direction::ServerToClient),
        (Some(Some(true)), _) => Some(Direction::ClientToServer),
        (Some(Some(false)), None | Some(Some(true))) => Some(Direction::ServerToClient),
        // A client may address its own account, and hardly ever itself.
        (None, Some(Some(true))) if has_resource(to) => Some(Direction::ServerToClient),
        _ => is_of_server(stanza).then_some(Direction::ServerToClient),
    }
}

/// The message that a carbon copies, and which way that went: what another device of the account sent, or what it was sent (XEP-0280 §6, §7).
/// Only the account itself may send carbons (§11); whether it did is not looked at here.
pub fn carbon(stanza: Element<'_>) -> Option<(Element<'_>, Direction)> {
    [("sent", Direction::ClientToServer), ("received", Direction::ServerToClient)].into_iter().find_map(|(copy, way)| {
        let forwarded = child(child(stanza, ns::CARBONS, copy)?, ns::FORWARD, "forwarded")?;
        Some((child(forwarded, ns::CLIENT, "message")?, way))
    })
}

fn child<'a>(element: Element<'a>, uri: &str, local: &str) -> Option<Element<'a>> {
    element.children().find(|child| child.is(uri, local))
}

/// Whether only a server sends such a thing.
fn is_of_server(stanza: Element<'_>) -> bool {
    match (stanza.uri(), stanza.local()) {
        (ns::STREAM, "features" | "error")
        | (ns::TLS, "proceed" | "failure")
        | (ns::SASL, "challenge" | "success" | "failure")
        | (ns::SASL2, "challenge" | "continue" | "success" | "failure")
        | (ns::SM, "enabled" | "resumed" | "failed") => true,
        // A client answers a roster push, and has nothing to say in it.
        (ns::CLIENT, "iq") if stanza.attr("type") == Some("result") => stanza
            .children()
            .any(|child| child.is(ns::ROSTER, "query") || child.is(ns::BIND, "bind") && child.children().any(|jid| jid.local() == "jid")),
        _ => false,
    }
}

/// The address that the server gives the client (RFC 6120 §7.6). Somebody who sends something that looks like it gives nothing.
pub fn bound_address(iq: Element<'_>, direction: Option<Direction>) -> Option<Cow<'_, str>> {
    let from_server = iq.attr("from").is_none_or(|from| Jid::split(from).localpart().is_none());
    if direction == Some(Direction::ClientToServer) || !from_server {
        return None;
    }
    let bind = iq.children().find(|child| child.is(ns::BIND, "bind"))?;
    bind.children().find(|jid| jid.is(ns::BIND, "jid")).map(|jid| jid.own_text())
}

/// The address that a stanza shows to be the account's own: what the client sends is from it, what it receives is for it. Not a room's
/// broadcast, no error, which may go to whoever the failed stanza named, and no stream header: there the client only claims it.
pub fn own_address(stanza: Element<'_>, direction: Direction) -> Option<&str> {
    if !stanza.is_in(ns::CLIENT) {
        return None;
    }
    let address = match direction {
        Direction::ClientToServer => stanza.attr("from"),
        Direction::ServerToClient if matches!(stanza.attr("type"), Some("groupchat" | "error")) => None,
        Direction::ServerToClient => stanza.attr("to"),
    };
    address.filter(|address| Jid::split(address).localpart().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::xmpp::element::{Document, Inherited};

    fn document(xml: &str) -> Document {
        let mut document = Document::new();
        document.parse(xml.as_bytes(), false, &Inherited::client(), &Catalog::builtin().names, &Default::default()).unwrap();
        document
    }

    #[test]
    fn a_stanza_shows_which_way_it_went() {
        let (sent, received) = (Some(Direction::ClientToServer), Some(Direction::ServerToClient));
        for (xml, known, unknown) in [
            ("<message from='mira@fern.example/a' to='ann@a.example'/>", sent, None),
            ("<message from='ann@a.example/x' to='mira@fern.example'/>", received, None),
            ("<message from='ann@a.example/x'/>", received, None),
            ("<message from='mira@fern.example' to='mira@fern.example/a'/>", received, None),
            ("<message from='mira@fern.example/a' to='mira@fern.example'/>", sent, None),
            ("<iq type='result' to='mira@fern.example/a'/>", received, None),
            ("<iq type='get' to='mira@fern.example'/>", None, None),
            ("<iq type='result'><query xmlns='jabber:iq:roster'/></iq>", received, received),
            ("<iq type='set'><query xmlns='jabber:iq:roster'/></iq>", None, None),
            ("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", received, received),
            ("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", None, None),
            ("<message to='ann@a.example'/>", None, None),
            ("<presence/>", None, None),
        ] {
            let document = document(xml);
            let is_own = |address: &str| Some(address.starts_with("mira@"));
            assert_eq!(shown(document.root(), is_own), known, "{xml}");
            assert_eq!(shown(document.root(), |_| None), unknown, "{xml}");
        }
    }

    #[test]
    fn a_stanza_shows_whose_session_it_is() {
        use Direction::{ClientToServer, ServerToClient};
        for (direction, xml, own) in [
            (ServerToClient, "<message from='ann@a.example' to='mira@fern.example/a'/>", Some("mira@fern.example/a")),
            (ServerToClient, "<message type='groupchat' from='r@rooms.example/ann' to='r@rooms.example'/>", None),
            (ServerToClient, "<message type='error' from='a.example' to='tomas@moss.example'/>", None),
            (ServerToClient, "<iq type='result' to='fern.example'/>", None),
            (ClientToServer, "<presence from='mira@fern.example/a'/>", Some("mira@fern.example/a")),
            (ClientToServer, "<presence to='ann@a.example'/>", None),
            (ClientToServer, "<x xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='mira@fern.example'/>", None),
        ] {
            assert_eq!(own_address(document(xml).root(), direction), own, "{xml}");
        }
    }
}
