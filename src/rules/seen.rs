//! One stanza as a rule sees it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Deref;

use super::World;
use super::engine::Mask;
use crate::audit::value;
use crate::record::{Phase, Verdict};
use crate::xmpp::Direction;
use crate::xmpp::element::{Element, NodeId, NodeKind};
use crate::xmpp::jid::normalised_bare;

/// What became of the stanza's content.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The verdict.
    pub body: Verdict,
    /// Ids of the rules of the procedure that decided it, or were noted.
    pub rules: &'a [&'a str],
    /// Those of them that were only noted.
    pub noted: &'a [&'a str],
}

/// When a stanza passed: by the clock, if there was one, and in the order of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Microseconds of a steady clock.
    pub at: Option<u64>,
    /// Number of its record (or of the input).
    pub number: u64,
}

/// How one knows that little time went by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Soon {
    /// The clock says so.
    ByClock,
    /// There is no clock, and hardly anything passed in between: a guess.
    ByOrder,
}

/// Without a clock so many records later counts as soon.
const FEW_RECORDS: u64 = 3;

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
    pub verdict: Option<Judged<'a>>,
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
    pub(super) facts: &'a Facts<'a>,
    pub(super) woke: &'a [Woke],
    /// The bit of the rule that looks.
    pub(super) rule: Mask,
}

/// An element that somebody watches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Woke {
    pub element: NodeId,
    /// Who.
    pub rules: Mask,
}

/// What nearly every rule asks, found out once for all of them: what is cheap at once, the rest when somebody asks.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub sent: bool,
    name: &'a str,
    stanza_type: Option<&'a str>,
    peer: Option<&'a str>,
    pub peer_bare: Option<Cow<'a, str>>,
    copy: OnceCell<bool>,
    omemo: OnceCell<Option<NodeId>>,
    foreign: OnceCell<bool>,
    stranger: OnceCell<bool>,
    room: OnceCell<bool>,
}

impl<'a> Facts<'a> {
    pub fn of(sight: &Sight<'a>, world: &World) -> Facts<'a> {
        let stanza = sight.stanza;
        let (from, to) = (stanza.attr("from"), stanza.attr("to"));
        let sent = world.way(stanza, sight.direction) != Some(Direction::ServerToClient);
        let peer = if sent { to } else { from };
        Facts {
            sent,
            name: stanza.local(),
            stanza_type: stanza.attr("type"),
            peer,
            peer_bare: peer.map(normalised_bare),
            copy: OnceCell::new(),
            omemo: OnceCell::new(),
            foreign: OnceCell::new(),
            stranger: OnceCell::new(),
            room: OnceCell::new(),
        }
    }
}

impl<'a> Deref for Seen<'a> {
    type Target = Sight<'a>;

    fn deref(&self) -> &Sight<'a> {
        &self.sight
    }
}

impl<'a> Seen<'a> {
    /// Whether the client under test sent it. Without a direction: unless the stanza shows that it was received.
    pub fn is_sent(&self) -> bool {
        self.facts.sent
    }

    /// Whether the client under test received it.
    pub fn is_received(&self) -> bool {
        !self.is_sent()
    }

    /// Whether it is a copy of what passed before: a carbon, an archive result, a room's history.
    pub fn is_copy(&self) -> bool {
        use super::names::{CARBONS, DELAY, MAM};
        *self.facts.copy.get_or_init(|| {
            self.stanza.children().any(|child| child.is(CARBONS, "sent") || child.is(CARBONS, "received") || child.is(MAM, "result"))
                || self.is_received() && self.stanza_type() == Some("groupchat") && self.child(DELAY, "delay").is_some()
        })
    }

    /// Whether it is an error: what it carries is an echo.
    pub fn is_error(&self) -> bool {
        self.stanza_type() == Some("error")
    }

    /// Local name of the stanza: `message`, `presence`, `iq`, or that of a nonza.
    pub fn name(&self) -> &'a str {
        self.facts.name
    }

    /// Value of its `type` attribute.
    pub fn stanza_type(&self) -> Option<&'a str> {
        self.facts.stanza_type
    }

    /// The other party's address, as written: whom it is sent to, or who it is from. None for the own server or account.
    pub fn peer(&self) -> Option<&'a str> {
        self.facts.peer
    }

    /// The other party's bare address, normalised.
    pub fn peer_bare(&self) -> Option<&'a str> {
        self.facts.peer_bare.as_deref()
    }

    /// With whom a message or a request is exchanged: the conversation, or the other party's bare address where there is no content.
    pub fn partner(&self) -> Option<&'a str> {
        self.conversation.or(self.peer_bare())
    }

    /// Whether the other party is named, and is the own account.
    pub fn peer_is_own(&self) -> bool {
        self.peer_bare().is_some_and(|peer| self.world.is_own_bare(peer))
    }

    /// Whether the other party is neither the own account nor the own server. False as long as the account is not known.
    pub fn peer_is_foreign(&self) -> bool {
        let foreign = |peer: &str| self.world.own().is_some() && !self.peer_is_own() && !self.world.is_own_server(peer);
        *self.facts.foreign.get_or_init(|| self.peer().is_some_and(foreign))
    }

    /// Whether the other party is a stranger who is not even on the roster.
    pub fn peer_is_unknown(&self) -> bool {
        self.peer_bare().is_some_and(|peer| !self.world.is_contact_bare(peer)) && self.peer_is_stranger()
    }

    /// When it passed.
    pub fn passed(&self) -> Passed {
        Passed { at: self.at, number: self.number }
    }

    /// Whether no more than so many microseconds went by since another stanza passed, and how one knows. Stanzas without a clock, as in a
    /// `scan`, show only their order.
    pub fn soon_after(&self, earlier: Passed, micros: u64) -> Option<Soon> {
        match (earlier.at, self.at) {
            (Some(earlier), Some(now)) => (now.saturating_sub(earlier) <= micros).then_some(Soon::ByClock),
            (None, None) => (self.number.saturating_sub(earlier.number) <= FEW_RECORDS).then_some(Soon::ByOrder),
            _ => None,
        }
    }

    /// Whether the other party is somebody who is not entitled to the account's presence: not on the roster with a subscription to it, not
    /// the own server or account, not a room it is in. False as long as the roster was not seen.
    pub fn peer_is_stranger(&self) -> bool {
        *self.facts.stranger.get_or_init(|| self.peer().is_some_and(|peer| self.world.is_stranger(peer)))
    }

    /// Whether it goes to, or comes from, a room: as a whole, or one occupant.
    pub fn peer_is_room(&self) -> bool {
        self.stanza_type() == Some("groupchat") || self.peer_is_known_room()
    }

    /// Whether it goes to, or comes from, a room that the account joined, or one occupant.
    pub fn peer_is_known_room(&self) -> bool {
        *self.facts.room.get_or_init(|| self.peer_bare().is_some_and(|peer| self.world.is_room_bare(peer)))
    }

    /// A direct child of the stanza.
    pub fn child(&self, uri: &str, local: &str) -> Option<Element<'a>> {
        child(self.stanza, uri, local)
    }

    /// The elements that the rule watches, at any depth, in document order.
    pub fn watched(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        let (document, rule) = (self.stanza.document(), self.rule);
        self.woke.iter().filter(move |woke| woke.rules & rule != 0).map(move |woke| document.element(woke.element))
    }

    /// Every element of that name, at any depth, but not inside forwarded copies.
    pub fn each(&self, uri: &'a str, local: &'a str) -> impl Iterator<Item = Element<'a>> {
        self.anywhere(uri, local).filter(|element| {
            !std::iter::successors(element.parent(), |parent| parent.parent()).any(|around| around.is_in(super::names::FORWARD))
        })
    }

    /// Every element of that name, at any depth, in document order.
    pub fn anywhere(&self, uri: &'a str, local: &'a str) -> impl Iterator<Item = Element<'a>> {
        self.elements().filter(move |element| element.is(uri, local))
    }

    /// Every element, at any depth, in document order.
    pub fn elements(&self) -> impl Iterator<Item = Element<'a>> {
        let document = self.stanza.document();
        let nodes = (0..document.len()).map(|index| NodeId(index as u32)).filter(|id| document.node(*id).kind != NodeKind::Text);
        nodes.map(|id| document.element(id))
    }

    /// The OMEMO container that stands directly in the stanza.
    pub fn omemo(&self) -> Option<Element<'a>> {
        let container = |child: &Element<'_>| super::names::OMEMO.iter().any(|system| child.is(system, "encrypted"));
        let found = self.facts.omemo.get_or_init(|| self.stanza.children().find(container).map(|container| container.id));
        found.map(|id| self.stanza.document().element(id))
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

    /// Whether a rule of the opacity procedure decided the verdict, or would have: it did not only note something.
    pub fn is_decided_by(&self, id: &str) -> bool {
        self.verdict.is_some_and(|verdict| verdict.rules.iter().any(|rule| names(id, rule) && !verdict.noted.contains(rule)))
    }

    /// Which way it went, as far as one can tell.
    pub fn way(&self) -> Direction {
        if self.is_sent() { Direction::ClientToServer } else { Direction::ServerToClient }
    }

    /// Who sent it, for a sentence.
    pub fn sender(&self) -> &'static str {
        if self.is_sent() { "the client" } else { "the other side's client" }
    }
}

/// Whether a rule's name of the procedure is the one that is meant: `R3` is `R3`, and one of `R`.
pub(super) fn names(meant: &str, rule: &str) -> bool {
    rule == meant || family(rule) == Some(meant)
}

/// The family that a rule of the procedure belongs to: letters before a number.
pub(super) fn family(rule: &str) -> Option<&str> {
    let letters = rule.trim_end_matches(|c: char| c.is_ascii_digit());
    (letters.len() < rule.len() && letters.bytes().all(|b| b.is_ascii_alphabetic())).then_some(letters)
}

/// A child of that name.
pub fn child<'a>(element: Element<'a>, uri: &str, local: &str) -> Option<Element<'a>> {
    element.children().find(|child| child.is(uri, local))
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

/// How many bytes a text has, also where only its class and length are left.
pub fn length_of(text: &str) -> usize {
    let text = text.trim();
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(" bytes]")).and_then(|inner| inner.split_once(", "));
    inner.and_then(|(_, bytes)| bytes.parse().ok()).unwrap_or(text.len())
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
        assert_eq!((length_of(" http://a.example "), length_of("[link, 16 bytes]"), length_of("[x, y bytes]")), (16, 16, 12));
    }

    #[test]
    fn rules_of_the_procedure_go_by_name_or_family() {
        assert!(names("R", "R3") && names("R3", "R3") && names("L1", "L1"));
        assert!(!names("R3", "R30") && !names("L1", "L2") && !names("O", "O2q"));
    }
}
