//! What of a stanza the procedure is about, found in one pass over its elements. In most stanzas that is nothing.

use super::Scene;
use super::family::Family;
use super::other;
use crate::catalog::Known;
use crate::xmpp::element::{Document, Element, NodeId};
use crate::xmpp::names::NsId;

/// More places of a kind than this are not kept room for from one stanza to the next.
const MAX_SPARE: usize = 64;

/// An element, and the message (or whatever stanza) it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The element.
    pub id: NodeId,
    /// Its stanza.
    pub stanza: NodeId,
}

/// Elements by what they are, in the order of the document.
#[derive(Debug, Default)]
pub struct Parts {
    /// The stanza itself, if it is one, and forwarded ones.
    pub messages: Vec<NodeId>,
    /// OMEMO containers.
    pub containers: Vec<(Family, Place)>,
    /// Containers of other systems.
    pub others: Vec<Place>,
    /// Encryption envelopes.
    pub envelopes: Vec<Place>,
    /// Device lists.
    pub lists: Vec<(Family, NodeId)>,
    /// Bundles.
    pub bundles: Vec<(Family, NodeId)>,
    /// There are elements of encrypted files.
    pub files: bool,
}

/// What a namespace is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Nothing,
    Omemo(Family),
    Envelope,
    OtherSystem,
    Files,
}

/// The use of each namespace, by number. The last ones have none.
#[derive(Debug)]
pub struct Namespaces(Box<[Use]>);

impl Namespaces {
    /// Of the namespaces with these numbers.
    pub fn new(known: &Known) -> Namespaces {
        let omemo = known.omemo.into_iter().zip(Family::ALL).map(|(ns, family)| (ns, Use::Omemo(family)));
        let sce = known.sce.into_iter().map(|ns| (ns, Use::Envelope));
        let other = known.e2ee.into_iter().map(|ns| (ns, Use::OtherSystem));
        let all: Vec<(NsId, Use)> = omemo.chain(sce).chain(other).chain([(known.esfs, Use::Files)]).collect();
        let length = all.iter().map(|(ns, _)| ns.0 as usize + 1).max().unwrap_or(0);
        let mut uses = vec![Use::Nothing; length];
        all.into_iter().for_each(|(ns, what)| uses[ns.0 as usize] = what);
        Namespaces(uses.into())
    }

    fn of(&self, ns: NsId) -> Use {
        self.0.get(ns.0 as usize).copied().unwrap_or(Use::Nothing)
    }
}

impl Parts {
    /// Adds those of a stanza.
    pub fn find(&mut self, root: Element<'_>, scene: &Scene<'_>, namespaces: &Namespaces) {
        let (document, known) = (root.document(), scene.known);
        if root.sym() == known.message {
            self.messages.push(root.id);
        }
        for index in root.id.0 + 1..document.len() as u32 {
            let id = NodeId(index);
            let node = document.node(id);
            match namespaces.of(node.ns) {
                Use::Nothing if node.sym == known.message => {
                    let forwarded = node.parent().is_some_and(|parent| document.node(parent).sym == known.forwarded);
                    if forwarded && self.messages.len() <= scene.max_forwards {
                        self.messages.push(id);
                    }
                }
                // Texts too.
                Use::Nothing => {}
                what => self.add(document.element(id), what, known),
            }
        }
    }

    fn add(&mut self, element: Element<'_>, what: Use, known: &Known) {
        let place = || Place { id: element.id, stanza: stanza_of(element, known).id };
        match what {
            Use::Omemo(family) if element.sym() == family.names(known).encrypted => self.containers.push((family, place())),
            // By far the most there are.
            Use::Omemo(family) if element.sym() == family.names(known).key => {}
            Use::Omemo(family) => match element.local() {
                "list" | "devices" => self.lists.push((family, element.id)),
                "bundle" => self.bundles.push((family, element.id)),
                _ => {}
            },
            Use::Envelope => self.envelopes.push(place()),
            Use::OtherSystem if other::CONTAINERS.contains(&(element.uri(), element.local())) => self.others.push(place()),
            Use::Files => self.files = true,
            Use::OtherSystem | Use::Nothing => {}
        }
    }

    /// Forgets them, and keeps some memory for the next stanza.
    pub fn clear(&mut self) {
        fn clear<T>(places: &mut Vec<T>) {
            places.clear();
            places.shrink_to(MAX_SPARE);
        }
        clear(&mut self.messages);
        clear(&mut self.containers);
        clear(&mut self.others);
        clear(&mut self.envelopes);
        clear(&mut self.lists);
        clear(&mut self.bundles);
        self.files = false;
    }

    /// Containers of a stanza.
    pub fn containers_of<'a>(&self, stanza: Element<'a>) -> impl Iterator<Item = (Family, Element<'a>)> + Clone {
        let here = self.containers.iter().filter(move |(_, place)| place.stanza == stanza.id);
        here.map(move |(family, place)| (*family, stanza.document().element(place.id)))
    }

    /// Containers of other systems in a stanza.
    pub fn others_of<'a>(&self, stanza: Element<'a>) -> impl Iterator<Item = Element<'a>> {
        self.others.iter().filter(move |place| place.stanza == stanza.id).map(move |place| stanza.document().element(place.id))
    }

    /// Envelopes in a stanza that stand in no other.
    pub fn envelopes_of<'a>(&self, stanza: Element<'a>) -> impl Iterator<Item = Element<'a>> {
        let outermost = move |place: &&Place| place.stanza == stanza.id && !self.is_inside_envelope(stanza.document(), place.id);
        self.envelopes.iter().filter(outermost).map(move |place| stanza.document().element(place.id))
    }

    fn is_inside_envelope(&self, document: &Document, id: NodeId) -> bool {
        let parent = document.node(id).parent();
        parent.is_some_and(|parent| self.envelopes.iter().any(|other| other.id == parent) || self.is_inside_envelope(document, parent))
    }
}

/// The message (or whatever stanza) an element belongs to.
pub fn stanza_of<'a>(element: Element<'a>, known: &Known) -> Element<'a> {
    let mut at = element;
    while let Some(parent) = at.parent() {
        at = parent;
        if at.sym() == known.message {
            break;
        }
    }
    at
}
