//! What stands beside a container in clear (OPACITY 4): allowed, metadata, or content (rule L4). The classes are in `data/siblings.toml`.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::container::has_text;
use super::found::Found;
use crate::xmpp::element::Element;
use crate::xmpp::names::{Names, Sym};
use crate::xmpp::ns;

/// Names of metadata elements that a record lists.
const MAX_NAMES: usize = 64;
/// Characters of the name of an element that nobody has classified.
const MAX_NAME: usize = 40;

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
        self.row(element).is_some_and(|row| row.class == Class::Content) && carries_content(element) && !is_otr(element)
    }

    /// Rates the children of a message beside its containers; bodies, containers and envelopes have their own rules. `envelope` says that
    /// the container could have held them (OMEMO 1 and 2).
    pub fn check(&self, message: Element<'_>, is_container: impl Fn(Element<'_>) -> bool, envelope: bool, found: &mut Vec<Found>) {
        let mut listed = Listed::default();
        for sibling in message.children() {
            let (local, uri) = (sibling.local(), sibling.uri());
            let own_rules = (local == "body" && uri == ns::CLIENT) || uri.starts_with("urn:xmpp:sce:");
            if own_rules || is_container(sibling) {
                continue;
            }
            match self.row(sibling) {
                Some(row) if row.class == Class::Content => {
                    if carries_content(sibling) && !is_otr(sibling) {
                        let scope = if row.partial { ": part of the content" } else { "" };
                        let detail = format!("<{}/> ({}) in clear beside the ciphertext{scope}", row.name, row.spec);
                        found.push(Found::leak("L4", sibling, detail, "XEP-0420 §9"));
                    }
                }
                Some(row) if row.class == Class::Metadata && !says_nothing(sibling) => listed.add(&row.name),
                Some(_) => {}
                None if has_text(sibling) || has_link(sibling) => {
                    let detail = "an element nobody has classified, with text or a link, in clear beside the ciphertext";
                    found.push(Found::suspect("L4", sibling, detail, "XEP-0420 §9"));
                }
                None => listed.add(local.char_indices().nth(MAX_NAME).map_or(local, |(end, _)| &local[..end])),
            }
        }
        if listed.count > 0 {
            let note = if envelope { ", which belongs inside the envelope" } else { "" };
            found.push(Found::info("M", message, listed.detail + note, "XEP-0420 §9"));
        }
    }
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

fn has_link(element: Element<'_>) -> bool {
    let document = element.document();
    element.attr_indices().any(|index| document.attr_value(index).contains("://")) || element.children().any(has_link)
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
