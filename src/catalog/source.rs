//! The shape of a catalog file.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{CatalogError, Category, Kind, Layer, Pattern, Persistence, Sensitivity, ValueType, When};
use crate::record::Observer;
use crate::xmpp::Direction;

/// One file: one specification.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecFile {
    /// File name, for messages.
    #[serde(skip)]
    pub file: String,
    /// As cited: `XEP-NNNN` or `RFCNNNN`.
    pub spec: String,
    /// Its title.
    pub title: String,
    /// The revision that was read.
    #[serde(default)]
    pub version: String,
    /// Prefixes of the paths below.
    #[serde(default)]
    pub prefixes: BTreeMap<String, String>,
    /// Older namespaces of the same shape, by canonical name.
    #[serde(default)]
    pub aliases: BTreeMap<String, Vec<String>>,
    /// Rows.
    #[serde(default, rename = "field")]
    pub fields: Vec<FieldRow>,
    /// Examples: the tests.
    #[serde(default, rename = "example")]
    pub examples: Vec<Example>,
}

/// One row as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "catalog/README.md describes each key")]
pub struct FieldRow {
    pub id: String,
    pub path: Option<String>,
    pub fact: Option<String>,
    pub direction: Option<Direction>,
    #[serde(default)]
    pub source: String,
    pub layer: Layer,
    pub pattern: Pattern,
    pub category: Category,
    pub sensitivity: Sensitivity,
    pub kind: Option<Kind>,
    #[serde(rename = "type")]
    pub value_type: Option<ValueType>,
    pub when: Option<When>,
    #[serde(default)]
    pub generic: bool,
    pub visible: Option<String>,
    pub same_as: Option<String>,
    pub persistence: Option<Persistence>,
    pub avoid: Option<String>,
    pub observers: Option<Vec<Observer>>,
    pub untested: Option<String>,
    pub reveals: String,
}

/// A stanza of our own writing with the exposures that must come out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What it shows.
    pub name: String,
    /// Direction; none means unknown.
    pub direction: Option<Direction>,
    /// The account under test.
    pub account: Option<String>,
    /// Stanzas that set session memory up.
    #[serde(default)]
    pub before: Vec<Before>,
    /// The stanza.
    pub xml: String,
    /// Field id to values, in order, complete.
    pub expect: BTreeMap<String, Vec<String>>,
}

/// A stanza that comes before an example.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// Direction; none means unknown.
    pub direction: Option<Direction>,
    /// The stanza.
    pub xml: String,
}

impl SpecFile {
    /// Reads a file.
    ///
    /// # Errors
    /// What TOML or the format does not allow, with the line.
    pub fn parse(file: &str, text: &str) -> Result<SpecFile, CatalogError> {
        let mut spec: SpecFile = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            CatalogError {
                file: file.into(),
                place: format!("line {line}"),
                problem: error.message().to_owned(),
                remedy: "see catalog/README.md for the keys".into(),
            }
        })?;
        spec.file = file.into();
        Ok(spec)
    }
}
