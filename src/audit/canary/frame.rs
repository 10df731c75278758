//! Canaries in one frame: in every text, every attribute, the texts taken together, and the bytes as they passed.

use super::coding::Coding;
use super::decode::Decoder;
use super::needles::ANCHOR;
use super::place;
use super::search::{Found, Search};
use crate::xmpp::element::{Document, NodeId, NodeKind};

/// Sightings of one frame that are told.
const MAX_SIGHTINGS: usize = 32;

/// A canary in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Path of the element or attribute.
    pub place: String,
    /// Which canary, and where in the text or in what it decodes to.
    pub found: Found,
}

/// What a frame showed.
#[derive(Debug, Default)]
pub struct Seen {
    /// Each canary once for each place, in its simplest disguise.
    pub sightings: Vec<Sighting>,
    /// Whether a part of the frame was not searched in all decodings.
    pub incomplete: bool,
}

impl Seen {
    fn add(&mut self, place: impl Fn() -> String, found: Vec<Found>) {
        for found in found {
            let place = place();
            let room = self.sightings.len() < MAX_SIGHTINGS;
            match self.sightings.iter_mut().find(|other| other.place == place && other.found.canary == found.canary) {
                Some(other) if other.found.chain.len() > found.chain.len() => other.found = found,
                None if room => self.sightings.push(Sighting { place, found }),
                _ => {}
            }
        }
    }
}

/// Looks through a frame that was parsed into `document`, or could not be.
pub fn look(search: &Search, bytes: &[u8], document: Option<&Document>) -> Seen {
    let mut seen = Seen::default();
    let mut decoder = Decoder::new(search);
    let in_bytes = search.may_match(bytes);
    match document {
        Some(document) => {
            // Where nothing was escaped, a text stands in the bytes as it is, and was looked at with them.
            let as_it_is = in_bytes || memchr::memchr(b'&', bytes).is_some() || memchr::memmem::find(bytes, b"<![").is_some();
            values(&mut decoder, document, as_it_is, &mut seen);
            joined(search, document, in_bytes, &mut seen);
            if in_bytes && seen.sightings.is_empty() {
                let place = || format!("{}, in its markup", place::of(document.root(), None));
                seen.add(place, direct(search, bytes));
            }
        }
        None => {
            let found = decoder.text(bytes, true);
            seen.add(|| "bytes that could not be read as XML".to_owned(), found);
        }
    }
    seen.incomplete = decoder.gave_up;
    seen
}

fn direct(search: &Search, bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    search.find(bytes, |one| found.push(one));
    found
}

fn values(decoder: &mut Decoder<'_>, document: &Document, as_it_is: bool, seen: &mut Seen) {
    for index in 0..document.len() {
        let id = NodeId(index as u32);
        let node = document.node(id);
        if node.kind == NodeKind::Text {
            let found = decoder.text(document.text_node(id).as_bytes(), as_it_is);
            if !found.is_empty() {
                seen.add(|| node.parent().map_or_else(String::new, |parent| place::of(document.element(parent), None)), found);
            }
            continue;
        }
        let element = document.element(id);
        for attribute in element.attr_indices() {
            let found = decoder.text(document.attr_value(attribute).as_bytes(), as_it_is);
            if !found.is_empty() {
                seen.add(|| place::of(element, Some(document.attr_qname(attribute))), found);
            }
        }
    }
}

/// Texts of different elements, one after the other: what somebody reads who leaves the markup out.
///
/// What stands in two texts begins in one of them, or between the two.
fn joined(search: &Search, document: &Document, begins_in_one: bool, seen: &mut Seen) {
    let texts = || (0..document.len()).map(|index| NodeId(index as u32)).filter(|id| document.node(*id).kind == NodeKind::Text);
    if texts().nth(1).is_none() || !(begins_in_one || search.may_match(&seams(document, texts()))) {
        return;
    }
    let mut all = String::new();
    let mut begins: Vec<(usize, NodeId)> = Vec::new();
    for packed in [false, true] {
        all.clear();
        begins.clear();
        for id in texts() {
            begins.push((all.len(), id));
            let text = document.text_node(id);
            if packed { all.extend(text.chars().filter(|c| !c.is_whitespace())) } else { all.push_str(text) }
        }
        for mut found in direct(search, all.as_bytes()) {
            let first = begins.partition_point(|(begin, _)| *begin <= found.range.start) - 1;
            if begins.get(first + 1).is_none_or(|(next, _)| *next >= found.range.end) {
                continue;
            }
            let (begin, id) = begins[first];
            found.range = found.range.start - begin..found.range.end - begin;
            found.chain.insert(0, Coding::Joined);
            let parent = document.node(id).parent();
            seen.add(|| parent.map_or_else(String::new, |parent| place::of(document.element(parent), None)), vec![found.clone()]);
        }
        if !all.contains(char::is_whitespace) {
            return;
        }
    }
}

/// The ends of texts with the beginnings of the next, as long as an anchor, white space left out.
fn seams(document: &Document, texts: impl Iterator<Item = NodeId>) -> Vec<u8> {
    let mut all: Vec<u8> = Vec::with_capacity(256);
    for id in texts {
        let text = document.text_node(id).as_bytes();
        let visible = || text.iter().copied().filter(|b| !b.is_ascii_whitespace());
        if text.len() <= 4 * ANCHOR {
            all.extend(visible());
        } else {
            all.extend(visible().take(ANCHOR));
            // No needle begins with two of these.
            all.extend([0xff; 2]);
            let at = all.len();
            all.extend(text.iter().rev().copied().filter(|b| !b.is_ascii_whitespace()).take(ANCHOR));
            all[at..].reverse();
        }
    }
    all
}
