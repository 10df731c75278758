//! What of a stanza the procedure is about, found in one pass over its elements. In most stanzas that is nothing.

use super::Scene;
use super::family::Family;
use super::other;
use crate::catalog::Known;
use crate::xmpp::element::{Element, NodeId};
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

/// Elements by what they are, in the order of the document; containers and envelopes sorted by their stanza.
#[derive(Debug, Default)]
pub struct Parts {
    /// The stanza itself, if it is one, and those in it: forwarded ones, items of a node (MucSub).
    pub messages: Vec<NodeId>,
    /// OMEMO containers.
    pub containers: Vec<(Family, Place)>,
    /// Containers of other systems.
    pub others: Vec<Place>,
    /// Encryption envelopes that stand in no other.
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
                    let around = ancestors(document.element(id)).filter(|outer| outer.sym() == known.message);
                    if around.count() <= scene.max_forwards {
                        self.messages.push(id);
                    }
                }
                // Texts too.
                Use::Nothing => {}
                what => self.add(document.element(id), what, known, namespaces),
            }
        }
        self.find_in_nodes(root, known);
        // Nearly always they are: what belongs to a stanza stands in it, and few hold others.
        self.containers.sort_by_key(|(_, place)| place.stanza);
        self.others.sort_by_key(|place| place.stanza);
        self.envelopes.sort_by_key(|place| place.stanza);
    }

    /// Containers of systems that nobody knows: beside a body they are looked for by name, elsewhere only where an item of a node is one.
    fn find_in_nodes(&mut self, root: Element<'_>, known: &Known) {
        let document = root.document();
        let inner = self.messages.iter().map(|message| document.element(*message)).filter(|message| message.id != root.id);
        let nodes = inner.chain([root]).flat_map(|stanza| stanza.children().map(move |child| (stanza, child)));
        let nodes = nodes.filter(|(_, child)| child.sym() == known.pubsub || child.sym() == known.pubsub_event);
        let items = nodes.flat_map(|(stanza, node)| node.children().flat_map(Element::children).map(move |item| (stanza, item)));
        for (stanza, item) in items.filter(|(_, item)| item.has_local("item")) {
            let inside = item.children().flat_map(|child| child.children().filter(move |_| other::is_targeted(child)).chain([child]));
            let unknown = inside.filter(|child| child.has_local("encrypted") && other::is_unknown(*child));
            self.others.extend(unknown.map(|child| Place { id: child.id, stanza: stanza.id }));
        }
    }

    fn add(&mut self, element: Element<'_>, what: Use, known: &Known, namespaces: &Namespaces) {
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
            Use::Envelope if ancestors(element).any(|outer| namespaces.of(outer.ns()) == Use::Envelope) => {}
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
        let here = of_stanza(&self.containers, stanza, |(_, place)| place.stanza);
        here.iter().map(move |(family, place)| (*family, stanza.document().element(place.id)))
    }

    /// Containers of other systems in a stanza.
    pub fn others_of<'a>(&self, stanza: Element<'a>) -> impl Iterator<Item = Element<'a>> {
        of_stanza(&self.others, stanza, |place| place.stanza).iter().map(move |place| stanza.document().element(place.id))
    }

    /// Envelopes in a stanza that stand in no other.
    pub fn envelopes_of<'a>(&self, stanza: Element<'a>) -> impl Iterator<Item = Element<'a>> {
        of_stanza(&self.envelopes, stanza, |place| place.stanza).iter().map(move |place| stanza.document().element(place.id))
    }
}

/// Of places sorted by their stanza, those of one.
fn of_stanza<'a, T>(places: &'a [T], stanza: Element<'_>, stanza_of: impl Fn(&T) -> NodeId) -> &'a [T] {
    let begin = places.partition_point(|place| stanza_of(place) < stanza.id);
    let end = begin + places[begin..].partition_point(|place| stanza_of(place) == stanza.id);
    &places[begin..end]
}

/// The elements around an element, from the nearest.
fn ancestors(element: Element<'_>) -> impl Iterator<Item = Element<'_>> {
    std::iter::successors(element.parent(), |outer| outer.parent())
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
