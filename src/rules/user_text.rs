//! Whether a message in clear holds text that the person wrote.

use super::Seen;
use super::names::{CLIENT, FALLBACK};
use crate::xmpp::element::Element;

/// Elements whose text is the person's, besides the body. What else counts as content has rules of its own.
const TEXT: [(&str, &str); 6] = [
    ("http://jabber.org/protocol/xhtml-im", "html"),
    ("urn:xmpp:rtt:0", "rtt"),
    ("urn:xmpp:spoiler:0", "spoiler"),
    ("urn:xmpp:content", "content"),
    ("urn:xmpp:json:0", "json"),
    ("urn:xmpp:json-msg:0", "payload"),
];

/// Whether text of the person stands in the message. A reaction, a marker or a file alone is none; nor is the sentence that stands in for a
/// retraction (XEP-0424 §3, XEP-0428). The subject of a room cannot be encrypted, and has a rule of its own.
pub(super) fn holds_user_text(seen: &Seen<'_>) -> bool {
    let room = seen.stanza_type() == Some("groupchat");
    let filled = |element: &Element<'_>| !element.own_text().trim().is_empty();
    seen.stanza.children().any(|child| match (child.uri(), child.local()) {
        (CLIENT, "body") => filled(&child) && !is_retraction(seen.stanza),
        (CLIENT, "subject") => !room && filled(&child),
        name => TEXT.contains(&name),
    })
}

/// Whether the message retracts another one, and says that its whole body is for clients that do not know this.
fn is_retraction(message: Element<'_>) -> bool {
    let retract = |element: Element<'_>| element.local() == "retract" && element.uri().starts_with(RETRACT);
    // In its first version the element stood inside one of XEP-0422.
    message.children().any(|child| retract(child) || child.local() == "apply-to" && child.children().any(retract))
        && message.children().any(|child| {
            child.is(FALLBACK, "fallback")
                && child.attr("for").is_none_or(|meant| meant.starts_with(RETRACT))
                && child.children().all(|part| part.attr("start").is_none() && part.attr("end").is_none())
        })
}

const RETRACT: &str = "urn:xmpp:message-retract:";
