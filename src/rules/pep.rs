//! What a client puts into the nodes of its own account (XEP-0163), and who may read them then.

use std::borrow::Cow;

use super::names::{DATA_FORMS, PUBSUB, PUBSUB_OWNER};
use super::seen::{Seen, child, form_value};
use crate::xmpp::element::Element;

/// The node field that says who may read (XEP-0060 §4.5).
const ACCESS: &str = "pubsub#access_model";

/// Something put into a node.
pub(super) struct Published<'a> {
    pub node: &'a str,
    /// The access model that the request demands.
    pub access: Option<Cow<'a, str>>,
    publish: Element<'a>,
}

impl<'a> Published<'a> {
    /// What the items hold.
    pub fn payloads(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        self.publish.children().filter(|item| item.local() == "item").flat_map(|item| item.children())
    }

    /// Ids of the items.
    pub fn item_ids(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.publish.children().filter(|item| item.local() == "item").filter_map(|item| item.attr("id"))
    }
}

/// What the stanza puts into a node of the own account.
pub(super) fn published<'a>(seen: &Seen<'a>) -> Option<Published<'a>> {
    let pubsub = own_request(seen).and_then(|iq| child(iq, PUBSUB, "pubsub"))?;
    let publish = child(pubsub, PUBSUB, "publish")?;
    let options = child(pubsub, PUBSUB, "publish-options").and_then(access);
    Some(Published { node: publish.attr("node")?, access: options, publish })
}

/// The access model that the stanza gives a node of the own account, when it makes or changes one.
pub(super) fn configured<'a>(seen: &Seen<'a>) -> Option<(&'a str, Cow<'a, str>)> {
    let iq = own_request(seen)?;
    if let Some(configure) = child(iq, PUBSUB_OWNER, "pubsub").and_then(|pubsub| child(pubsub, PUBSUB_OWNER, "configure")) {
        return Some((configure.attr("node")?, access(configure)?));
    }
    let pubsub = child(iq, PUBSUB, "pubsub")?;
    Some((child(pubsub, PUBSUB, "create")?.attr("node")?, access(child(pubsub, PUBSUB, "configure")?)?))
}

fn own_request<'a>(seen: &Seen<'a>) -> Option<Element<'a>> {
    let own = seen.peer().is_none() || seen.peer_is_own();
    (own && seen.is_sent() && seen.stanza_type() == Some("set")).then_some(seen.stanza)
}

fn access<'a>(around: Element<'a>) -> Option<Cow<'a, str>> {
    form_value(child(around, DATA_FORMS, "x")?, ACCESS)
}
