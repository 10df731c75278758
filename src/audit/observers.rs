//! Who can read a stanza, from its kind, address and the state of the session.

use super::memory::Peer;
use crate::catalog::Known;
use crate::record::{Observer, Observers, Phase};
use crate::xmpp::Direction;
use crate::xmpp::element::Element;
use crate::xmpp::jid::Jid;

/// The observers of a frame.
///
/// The own server reads everything on its stream. A stanza that leaves it is also read by the other party's server and by the other party;
/// presence without address goes to all subscribed contacts; a pubsub item goes to whom the node's access model lets in, which is contacts
/// unless the stanza says otherwise.
pub fn of(stanza: Element<'_>, direction: Option<Direction>, phase: Phase, peer: Peer, own: Option<&str>, known: &Known) -> Observers {
    let mut observers = Observers::default().with(Observer::OwnServer);
    if phase == Phase::BeforeTls {
        observers = observers.with(Observer::Network);
    }
    let sym = stanza.sym();
    if ![known.message, known.presence, known.iq].contains(&sym) {
        return observers;
    }
    let address = match direction {
        Some(Direction::ServerToClient) => stanza.attr("from"),
        _ => stanza.attr("to").or(if direction.is_none() { stanza.attr("from") } else { None }),
    };
    if peer.room {
        return observers.with(Observer::Room);
    }
    match address {
        Some(address) if !peer.own && !peer.server => {
            let peer = Jid::split(address);
            if own.is_none_or(|own| !Jid::split(own).domainpart().eq_ignore_ascii_case(peer.domainpart())) {
                observers = observers.with(Observer::PeerServer);
            }
            if peer.localpart().is_some() {
                observers = observers.with(Observer::Contacts);
            }
        }
        None if sym == known.presence && direction != Some(Direction::ServerToClient) => observers = observers.with(Observer::Contacts),
        _ => {}
    }
    if sym == known.iq && stanza.attr("type") == Some("set") && stanza.child(known.pubsub).is_some() && address.is_none() {
        observers = observers.with(if opens_node(stanza) { Observer::Anyone } else { Observer::Contacts });
    }
    observers
}

/// Whether a publish asks for the access model `open` (XEP-0060 §4.5), or is to a node that has to be open (OMEMO, XEP-0384 §5.3).
fn opens_node(iq: Element<'_>) -> bool {
    let mut open_node = false;
    let mut open_option = false;
    for pubsub in iq.children() {
        for child in pubsub.children() {
            open_node |= child
                .attr("node")
                .is_some_and(|node| node.starts_with("eu.siacs.conversations.axolotl") || node.starts_with("urn:xmpp:omemo:"));
            open_option |= child.children().flat_map(Element::children).any(|field| {
                field.attr("var") == Some("pubsub#access_model") && field.children().any(|value| value.own_text().trim() == "open")
            });
        }
    }
    open_node || open_option
}
