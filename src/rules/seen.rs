//! One stanza as a rule sees it.

use std::borrow::Cow;
use std::ops::Deref;

use super::World;
use crate::audit::value;
use crate::record::{Phase, Verdict};
use crate::xmpp::Direction;
use crate::xmpp::element::{Element, NodeId, NodeKind};
use crate::xmpp::jid::normalised_bare;

/// What became of the stanza's content.
#[derive(Debug, Clone)]
pub struct Judged<'a> {
    /// The verdict.
    pub body: Verdict,
    /// Ids of the rules of the procedure that decided it, or were noted.
    pub rules: Vec<Cow<'a, str>>,
}

/// One stanza with what its record says.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The stanza. Its content and secrets may be replaced by their class and length (`[text, 5 bytes]`).
    pub stanza: Element<'a>,
    /// Direction, when known.
    pub direction: Option<Direction>,
    /// Phase of the stream.
    pub phase: Phase,
    /// What became of its content.
    pub verdict: Option<&'a Judged<'a>>,
    /// With whom the content is exchanged: bare address.
    pub conversation: Option<&'a str>,
    /// When it passed, in microseconds of a steady clock.
    pub at: Option<u64>,
    /// Number of its record (or of the input).
    pub number: u64,
}

/// One stanza, and what a rule may ask about it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub(super) sight: Sight<'a>,
    /// What the session taught before this stanza.
    pub world: &'a World,
}

impl<'a> Deref for Seen<'a> {
    type Target = Sight<'a>;

    fn deref(&self) -> &Sight<'a> {
        &self.sight
    }
}

impl<'a> Seen<'a> {
    /// Whether the client under test sent it. Without a direction: unless it is addressed to the account by somebody else.
    pub fn is_sent(&self) -> bool {
        match self.direction {
            Some(direction) => direction == Direction::ClientToServer,
            None => match (self.stanza.attr("from"), self.stanza.attr("to")) {
                (Some(from), _) if self.world.is_own(from) => true,
                (Some(_), Some(to)) => !self.world.is_own(to),
                _ => true,
            },
        }
    }

    /// Whether the client under test received it.
    pub fn is_received(&self) -> bool {
        !self.is_sent()
    }

    /// Whether it is a copy of what passed before: a carbon, an archive result, a room's history.
    pub fn is_copy(&self) -> bool {
        use super::names::{CARBONS, DELAY, MAM};
        self.stanza.children().any(|child| {
            child.uri() == CARBONS && matches!(child.local(), "sent" | "received") || child.uri() == MAM && child.local() == "result"
        }) || self.is_received() && self.stanza.attr("type") == Some("groupchat") && self.child(DELAY, "delay").is_some()
    }

    /// Whether it is an error: what it carries is an echo.
    pub fn is_error(&self) -> bool {
        self.stanza.attr("type") == Some("error")
    }

    /// Local name of the stanza: `message`, `presence`, `iq`, or that of a nonza.
    pub fn name(&self) -> &'a str {
        self.stanza.local()
    }

    /// Value of its `type` attribute.
    pub fn stanza_type(&self) -> Option<&'a str> {
        self.stanza.attr("type")
    }

    /// The other party's address, as written: whom it is sent to, or who it is from. None for the own server or account.
    pub fn peer(&self) -> Option<&'a str> {
        if self.is_sent() { self.stanza.attr("to") } else { self.stanza.attr("from") }
    }

    /// The other party's bare address, normalised.
    pub fn peer_bare(&self) -> Option<Cow<'a, str>> {
        self.peer().map(normalised_bare)
    }

    /// With whom a message or a request is exchanged: the conversation, or the other party's bare address where there is no content.
    pub fn partner(&self) -> Option<Cow<'a, str>> {
        self.conversation.map(Cow::Borrowed).or_else(|| self.peer_bare())
    }

    /// Whether the other party is neither the own account nor the own server. False as long as the account is not known.
    pub fn peer_is_foreign(&self) -> bool {
        self.world.own().is_some() && self.peer().is_some_and(|peer| !self.world.is_own(peer) && !self.world.is_own_server(peer))
    }

    /// Whether the other party is a stranger who is not even on the roster.
    pub fn peer_is_unknown(&self) -> bool {
        self.peer_is_stranger() && self.peer().is_some_and(|peer| !self.world.is_contact(peer))
    }

    /// Whether no more than so many microseconds went by since a moment. False where either is not known.
    pub fn is_soon_after(&self, earlier: Option<u64>, micros: u64) -> bool {
        matches!((earlier, self.at), (Some(earlier), Some(now)) if now.saturating_sub(earlier) <= micros)
    }

    /// Whether the other party is somebody who is not entitled to the account's presence: not on the roster with a subscription to it, not
    /// the own server or account, not a room it is in. False as long as the roster was not seen.
    pub fn peer_is_stranger(&self) -> bool {
        self.peer().is_some_and(|peer| self.world.is_stranger(peer))
    }

    /// Whether it goes to, or comes from, a room: as a whole, or one occupant.
    pub fn peer_is_room(&self) -> bool {
        self.stanza_type() == Some("groupchat") || self.peer().is_some_and(|peer| self.world.is_room(peer))
    }

    /// A direct child of the stanza.
    pub fn child(&self, uri: &str, local: &str) -> Option<Element<'a>> {
        child(self.stanza, uri, local)
    }

    /// Every element of that name, at any depth, but not inside forwarded copies.
    pub fn each(&self, uri: &'a str, local: &'a str) -> impl Iterator<Item = Element<'a>> {
        self.anywhere(uri, local).filter(|element| {
            !std::iter::successors(element.parent(), |parent| parent.parent()).any(|around| around.uri() == super::names::FORWARD)
        })
    }

    /// Every element of that name, at any depth, in document order.
    pub fn anywhere(&self, uri: &'a str, local: &'a str) -> impl Iterator<Item = Element<'a>> {
        self.elements().filter(move |element| element.local() == local && element.uri() == uri)
    }

    /// Every element, at any depth, in document order.
    pub fn elements(&self) -> impl Iterator<Item = Element<'a>> {
        let document = self.stanza.document();
        let nodes = (0..document.len()).map(|index| NodeId(index as u32)).filter(|id| document.node(*id).kind != NodeKind::Text);
        nodes.map(|id| document.element(id))
    }

    /// The OMEMO container that stands directly in the stanza.
    pub fn omemo(&self) -> Option<Element<'a>> {
        self.stanza.children().find(|child| child.local() == "encrypted" && super::names::OMEMO.contains(&child.uri()))
    }

    /// Whether an encryption container stands directly in the stanza.
    pub fn has_container(&self) -> bool {
        use super::names::{OPENPGP, PGP_ENCRYPTED};
        self.omemo().is_some() || self.child(OPENPGP, "openpgp").is_some() || self.child(PGP_ENCRYPTED, "x").is_some()
    }

    /// Whether a rule of the opacity procedure fired: a name, or the beginning of one.
    pub fn has_verdict_rule(&self, id: &str) -> bool {
        self.verdict.is_some_and(|verdict| verdict.rules.iter().any(|rule| names(id, rule)))
    }

    /// Who sent it, for a sentence.
    pub fn sender(&self) -> &'static str {
        if self.is_sent() { "the client" } else { "the other side's client" }
    }
}

/// Whether a rule's name of the procedure is the one that is meant: `R3` is `R3`, and one of `R`.
pub(super) fn names(meant: &str, rule: &str) -> bool {
    rule == meant
        || meant.bytes().all(|b| b.is_ascii_alphabetic())
            && rule.strip_prefix(meant).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// A child of that name.
pub fn child<'a>(element: Element<'a>, uri: &str, local: &str) -> Option<Element<'a>> {
    element.children().find(|child| child.local() == local && child.uri() == uri)
}

/// What sort of text an element holds (`link`, `aesgcm_link`, `base64`, `text` …, `empty`), also where only its class is left.
pub fn class_of(text: &str) -> &str {
    let text = text.trim();
    let redacted = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(" bytes]")).and_then(|inner| inner.split_once(", "));
    match redacted {
        Some((class, bytes)) if !bytes.is_empty() && bytes.bytes().all(|b| b.is_ascii_digit()) => class,
        _ => value::text_class(text),
    }
}

/// How many bytes a base64 text decodes to, also where only its length is left. Padding counts: the answer is at most two too long.
pub fn base64_length(text: &str) -> Option<usize> {
    let text = text.trim();
    let redacted =
        text.strip_prefix("[base64, ").and_then(|rest| rest.strip_suffix(" bytes]")).and_then(|length| length.parse::<usize>().ok());
    redacted.or_else(|| value::base64_length(text).map(|_| text.len())).map(|length| length / 4 * 3)
}

/// The field of a data form (XEP-0004) with that name: its first value.
pub fn form_value<'a>(form: Element<'a>, var: &str) -> Option<Cow<'a, str>> {
    let field = form.children().find(|field| field.local() == "field" && field.attr("var") == Some(var))?;
    field.children().find(|value| value.local() == "value").map(|value| value.own_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_text_survives_redaction() {
        assert_eq!(class_of("hello there"), "text");
        assert_eq!(class_of("[text, 11 bytes]"), "text");
        assert_eq!(class_of("[aesgcm_link, 140 bytes]"), "aesgcm_link");
        assert_eq!(class_of("[x, y bytes]"), "text");
    }

    #[test]
    fn rules_of_the_procedure_go_by_name_or_family() {
        assert!(names("R", "R3") && names("R3", "R3") && names("L1", "L1"));
        assert!(!names("R3", "R30") && !names("L1", "L2") && !names("O", "O2q"));
    }
}
