//! What stands beside a container in clear (OPACITY 4): allowed, metadata, or content (rule L4). The classes are in `data/siblings.toml`.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::container::has_text;
use super::found::Found;
use crate::xmpp::element::Element;
use crate::xmpp::ns;

/// Names of metadata elements that a record lists.
const MAX_NAMES: usize = 64;

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

static CLASSES: LazyLock<FxHashMap<&'static str, Vec<&'static Row>>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../../../data/siblings.toml")).expect("data/siblings.toml is tested");
    let mut classes: FxHashMap<&'static str, Vec<&'static Row>> = FxHashMap::default();
    for row in Vec::leak(file.sibling) {
        classes.entry(&row.namespace).or_default().push(row);
    }
    classes
});

fn row(element: Element<'_>) -> Option<&'static Row> {
    let (name, rows) = (element.local(), CLASSES.get(element.uri())?);
    rows.iter().find(|row| row.name == name).copied()
}

/// Whether an element is content by itself, and not empty. Bodies are not asked about here.
pub fn is_content(element: Element<'_>) -> bool {
    row(element).is_some_and(|row| row.class == Class::Content) && carries_content(element) && !is_otr(element)
}

/// Rates the children of a message beside its containers; bodies, containers and envelopes have their own rules. `envelope` says that the
/// container could have held them (OMEMO 1 and 2).
pub fn check(message: Element<'_>, is_container: impl Fn(Element<'_>) -> bool, envelope: bool, found: &mut Vec<Found>) {
    let mut names: Vec<String> = Vec::new();
    for sibling in message.children() {
        let own_rules = (sibling.local() == "body" && sibling.uri() == ns::CLIENT) || sibling.uri().starts_with("urn:xmpp:sce:");
        if own_rules || is_container(sibling) {
            continue;
        }
        match row(sibling) {
            Some(row) if row.class == Class::Content => {
                if carries_content(sibling) && !is_otr(sibling) {
                    let scope = if row.partial { ": part of the content" } else { "" };
                    let detail = format!("<{}/> ({}) in clear beside the ciphertext{scope}", row.name, row.spec);
                    found.push(Found::leak("L4", sibling, detail, "XEP-0420 §9"));
                }
            }
            Some(row) if row.class == Class::Metadata && !says_nothing(sibling) => {
                names.push(format!("<{}/>", row.name));
            }
            Some(_) => {}
            None if has_text(sibling) || has_link(sibling) => {
                let detail = "an element nobody has classified, with text or a link, in clear beside the ciphertext";
                found.push(Found::suspect("L4", sibling, detail, "XEP-0420 §9"));
            }
            None => names.push(format!("<{}/>", sibling.local().chars().take(40).collect::<String>())),
        }
        names.truncate(MAX_NAMES);
    }
    if !names.is_empty() {
        let note = if envelope { ", which belongs inside the envelope" } else { "" };
        let detail = format!("metadata in clear beside the ciphertext: {}{note}", names.join(", "));
        found.push(Found::info("M", message, detail, "XEP-0420 §9"));
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
        let rows: Vec<_> = CLASSES.values().flatten().map(|row| (&row.namespace, &row.name)).collect();
        for row in &rows {
            assert_eq!(rows.iter().filter(|other| other == &row).count(), 1, "{row:?}");
        }
        assert!(rows.len() > 60);
    }
}
