//! What stands beside a container in clear (OPACITY 4): allowed, metadata, or content (rule L4). The classes are in `data/siblings.toml`.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::fallback;
use super::found::Found;
use crate::xmpp::element::{Element, NodeKind};
use crate::xmpp::names::{Names, Sym};
use crate::xmpp::ns;

/// Names of metadata elements that a record lists.
const MAX_NAMES: usize = 64;
/// Characters of the name of an element that nobody has classified.
const MAX_NAME: usize = 40;
/// How a link begins that has no `://`.
const LINKS: [&str; 10] = ["data:", "mailto:", "xmpp:", "geo:", "tel:", "sms:", "sip:", "sips:", "magnet:", "www."];
const XHTML_IM: &str = "http://jabber.org/protocol/xhtml-im";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sibling: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    class: Class,
    namespace: String,
    name: String,
    spec: String,
    #[serde(default)]
    partial: bool,
    /// It may hold text that is not content: a nickname, the reason for a delay.
    #[serde(default)]
    text: bool,
}

/// What an element beside a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Class {
    /// Belongs there.
    #[serde(rename = "A")]
    Allowed,
    /// Says something about the message.
    #[serde(rename = "M")]
    Metadata,
    /// Is content.
    #[serde(rename = "C")]
    Content,
}

/// Rows by namespace.
static ROWS: LazyLock<FxHashMap<&'static str, Vec<&'static Row>>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../../../data/siblings.toml")).expect("data/siblings.toml is tested");
    let mut rows: FxHashMap<&'static str, Vec<&'static Row>> = FxHashMap::default();
    for row in Vec::leak(file.sibling) {
        rows.entry(&row.namespace).or_default().push(row);
    }
    rows
});

/// The rows of elements that the catalog knows by number.
#[derive(Debug)]
pub struct Classes {
    /// Sorted.
    known: Box<[(Sym, &'static Row)]>,
}

impl Classes {
    /// With the numbers of these names.
    pub fn new(names: &Names) -> Classes {
        let number = |row: &'static Row| (names.lookup(&row.namespace, &row.name), row);
        let known = ROWS.values().flatten().map(|row| number(row)).filter(|(sym, _)| *sym != Sym::UNKNOWN);
        let mut known: Box<[_]> = known.collect();
        known.sort_by_key(|(sym, _)| *sym);
        Classes { known }
    }

    fn row(&self, element: Element<'_>) -> Option<&'static Row> {
        let uri = element.uri();
        if element.sym() != Sym::UNKNOWN {
            let at = self.known.binary_search_by_key(&element.sym(), |(sym, _)| *sym).ok()?;
            let row = self.known[at].1;
            // Several namespaces can have one number: the catalog has aliases, the file has not.
            if row.namespace == uri {
                return Some(row);
            }
        }
        ROWS.get(uri)?.iter().find(|row| row.name == element.local()).copied()
    }

    /// Whether an element is content by itself, and not empty. Bodies are not asked about here.
    pub fn is_content(&self, element: Element<'_>) -> bool {
        self.row(element).is_some_and(|row| row.class == Class::Content) && is_filled(element)
    }

    /// Whether the file has a class for an element.
    pub fn is_classified(&self, element: Element<'_>) -> bool {
        self.row(element).is_some()
    }

    /// The content that a child of a message is, or carries inside its metadata.
    pub fn content_in<'a>(&self, child: Element<'a>) -> Option<Element<'a>> {
        match self.row(child) {
            Some(row) if row.class == Class::Content => self.is_content(child).then_some(child),
            Some(row) if row.class == Class::Metadata => child.children().find_map(|inner| self.content_in(inner)),
            _ => None,
        }
    }

    /// Rates the children of a message beside its containers; bodies, containers and envelopes have their own rules. `envelope` says that
    /// the container could have held them (OMEMO 1 and 2).
    pub fn check(&self, message: Element<'_>, is_container: impl Fn(Element<'_>) -> bool, envelope: bool, found: &mut Vec<Found>) {
        let mut listed = Listed::default();
        if !message.own_text().trim().is_empty() {
            found.push(Found::suspect("L4", message, "text between the elements of a message, beside the ciphertext", "XEP-0420 §9"));
        }
        for sibling in message.children() {
            if has_own_rules(sibling) || is_container(sibling) {
                continue;
            }
            let row = self.row(sibling);
            match row {
                Some(row) if row.class == Class::Content => {
                    check_content(row, sibling, found);
                    continue;
                }
                Some(row) if row.class == Class::Metadata && !says_nothing(sibling) => listed.add(&row.name),
                _ => {}
            }
            let speaks = self.check_inside(row, false, sibling, &is_container, found);
            match row {
                Some(row) if speaks => {
                    let detail =
                        format!("<{}/> ({}) holds text or a link, which it has no place for, beside the ciphertext", row.name, row.spec);
                    found.push(Found::suspect("L4", sibling, detail, "XEP-0420 §9"));
                }
                None if speaks => {
                    let detail = "an element nobody has classified, with text or a link, in clear beside the ciphertext";
                    found.push(Found::suspect("L4", sibling, detail, "XEP-0420 §9"));
                }
                None => {
                    let local = sibling.local();
                    listed.add(local.char_indices().nth(MAX_NAME).map_or(local, |(end, _)| &local[..end]));
                }
                Some(_) => {}
            }
        }
        if listed.count > 0 {
            let note = if envelope { ", which belongs inside the envelope" } else { "" };
            found.push(Found::info("M", message, listed.detail + note, "XEP-0420 §9"));
        }
    }

    /// Looks for content further down in what is none itself: metadata can be about metadata (XEP-0422), and hold anything. Returns whether
    /// there is text, or a link in an element without a class, where neither belongs. `text` says that a row around it allows them.
    fn check_inside(
        &self,
        row: Option<&Row>,
        text: bool,
        element: Element<'_>,
        is_container: &impl Fn(Element<'_>) -> bool,
        found: &mut Vec<Found>,
    ) -> bool {
        let text = text || row.is_some_and(|row| row.text);
        let mut speaks = !text && (!element.own_text().trim().is_empty() || (row.is_none() && has_link(element)));
        for inner in element.children() {
            // A message is judged by itself.
            let judged_elsewhere =
                is_container(inner) || inner.is_in(ns::SCE_0) || inner.is_in(ns::SCE_1) || inner.is(ns::CLIENT, "message");
            if judged_elsewhere {
                continue;
            }
            match self.row(inner) {
                Some(row) if row.class == Class::Content => check_content(row, inner, found),
                row => speaks |= self.check_inside(row, text, inner, is_container, found),
            }
        }
        speaks
    }
}

/// Bodies and envelopes are not classified here.
fn has_own_rules(sibling: Element<'_>) -> bool {
    sibling.is(ns::CLIENT, "body") || sibling.uri().starts_with("urn:xmpp:sce:")
}

/// L4 for an element of class C.
fn check_content(row: &Row, element: Element<'_>, found: &mut Vec<Found>) {
    if is_filled(element) {
        let scope = if row.partial { ": part of the content" } else { "" };
        let detail = format!("<{}/> ({}) in clear beside the ciphertext{scope}", row.name, row.spec);
        found.push(Found::leak("L4", element, detail, "XEP-0420 §9"));
    }
}

/// Whether an element of class C holds anything that is not for clients without encryption.
fn is_filled(element: Element<'_>) -> bool {
    carries_content(element) && !is_otr(element) && !is_fallback_copy(element)
}

/// The metadata elements beside a container, as a record lists them.
#[derive(Debug, Default)]
struct Listed {
    count: usize,
    detail: String,
}

impl Listed {
    fn add(&mut self, name: &str) {
        match self.count {
            0 => {
                self.detail.reserve(128);
                self.detail.push_str("metadata in clear beside the ciphertext: ");
            }
            MAX_NAMES => return,
            _ => self.detail.push_str(", "),
        }
        self.count += 1;
        for part in ["<", name, "/>"] {
            self.detail.push_str(part);
        }
    }
}

/// A fallback indication for encryption is about the body beside it, not about the content.
fn says_nothing(sibling: Element<'_>) -> bool {
    sibling.local() == "fallback"
        && sibling.attr("for").is_some_and(|what| what.contains("omemo") || what.contains("axolotl") || what.contains("openpgp"))
}

/// A sibling without text or attributes anywhere says nothing.
fn carries_content(element: Element<'_>) -> bool {
    !element.own_text().trim().is_empty() || !element.attr_indices().is_empty() || element.children().any(carries_content)
}

/// Whether an attribute of an element is a link.
pub fn has_link(element: Element<'_>) -> bool {
    let document = element.document();
    element.attr_indices().any(|index| is_link(document.attr_value(index)))
}

/// What one can follow or call.
fn is_link(value: &str) -> bool {
    let value = value.trim_start();
    let begins = |scheme: &str| value.as_bytes().get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()));
    value.contains("://") || LINKS.iter().any(|scheme| begins(scheme))
}

/// Clients that format their texts repeat the fallback sentence as XHTML.
fn is_fallback_copy(element: Element<'_>) -> bool {
    let document = element.document();
    let says_more = |index: usize| {
        let style = matches!(document.attr_qname(index), "style" | "class" | "xml:lang");
        !style && !fallback::is_known_link(document.attr_value(index))
    };
    let is_sentence = |body: Element<'_>| {
        let mut text = String::new();
        add_text(body, &mut text);
        fallback::is_fallback(&text) || fallback::is_like_one(&text)
    };
    element.is(XHTML_IM, "html")
        && element.own_text().trim().is_empty()
        && !element.descendants().flat_map(Element::attr_indices).any(says_more)
        && element.children().all(is_sentence)
}

/// The text of an element and what is in it, as it is read.
fn add_text(element: Element<'_>, text: &mut String) {
    let document = element.document();
    for id in element.child_nodes() {
        match document.node(id).kind {
            NodeKind::Text => text.push_str(document.text_node(id)),
            NodeKind::Element => add_text(document.element(id), text),
        }
    }
}

/// Clients of libpurple put the OTR message into the formatted body too.
fn is_otr(element: Element<'_>) -> bool {
    let text = element.own_text();
    match text.trim() {
        "" => element.children().next().is_some_and(is_otr),
        text => text.starts_with("?OTR:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_names_each_element_once() {
        let rows: Vec<_> = ROWS.values().flatten().map(|row| (&row.namespace, &row.name)).collect();
        for row in &rows {
            assert_eq!(rows.iter().filter(|other| other == &row).count(), 1, "{row:?}");
        }
        assert!(rows.len() > 60);
    }
}
