//! The catalog as data again: the copy that lies beside a run's records, `catalog --json`, and what a report looks fields up in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Catalog, Category, Field, Kind, Layer, Pattern, Sensitivity, ValueType, When};
use crate::record::SCHEMA_VERSION;
use crate::xmpp::Direction;

/// What is the same for every exposure of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Unique name; in the file it is the key.
    #[serde(skip)]
    pub id: String,
    /// Specification it comes from.
    pub spec: String,
    /// Section, or another document and section.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Where it stands in a stanza.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Namespace of the element it stands on or in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// A fact that is not XML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<String>,
    /// The only direction it can be seen in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Layer.
    pub layer: Layer,
    /// Messaging pattern.
    pub pattern: Pattern,
    /// Category.
    pub category: Category,
    /// Sensitivity.
    pub sensitivity: Sensitivity,
    /// What a log may hold of it.
    pub kind: Kind,
    /// How its value is read.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// Session condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Whether it restates what a record's envelope says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub generic: bool,
    /// Why no stanza on a client's stream can show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invisible: Option<String>,
    /// Why no example hits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untested: Option<String>,
    /// What the server learns, in a few words.
    pub reveals: String,
}

impl From<&Field> for Row {
    fn from(field: &Field) -> Row {
        Row {
            id: field.id.clone(),
            spec: field.spec.clone(),
            source: field.source.clone(),
            path: field.path.clone(),
            namespace: field.namespace.clone(),
            fact: field.fact.clone(),
            direction: field.direction,
            layer: field.layer,
            pattern: field.pattern,
            category: field.category,
            sensitivity: field.sensitivity,
            kind: field.kind,
            value_type: field.value_type,
            when: field.when,
            generic: field.generic,
            invisible: field.invisible.clone(),
            untested: field.untested.clone(),
            reveals: field.reveals.clone(),
        }
    }
}

/// `catalog.json`: rows by field id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// Version of the records it belongs to.
    schema: u32,
    fields: BTreeMap<String, Row>,
}

/// Why a copy of the catalog could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It is not of the format.
    #[error("not a copy of the catalog: {0}")]
    Format(#[from] serde_json::Error),
    /// It is of a later version.
    #[error("version {0} of the format, where {SCHEMA_VERSION} is understood")]
    Version(u32),
}

impl Rows {
    /// The rows of a compiled catalog.
    pub fn of(catalog: &Catalog) -> Rows {
        Rows::from_fields(catalog.fields.iter())
    }

    /// Some rows of a compiled catalog.
    pub fn from_fields<'a>(fields: impl Iterator<Item = &'a Field>) -> Rows {
        Rows { schema: SCHEMA_VERSION, fields: fields.map(|field| (field.id.clone(), Row::from(field))).collect() }
    }

    /// Reads `catalog.json`.
    ///
    /// # Errors
    /// Text that is not of the format, or of a later version of it.
    pub fn from_json(text: &str) -> Result<Rows, CopyError> {
        let mut rows: Rows = serde_json::from_str(text)?;
        if rows.schema > SCHEMA_VERSION {
            return Err(CopyError::Version(rows.schema));
        }
        rows.fields.iter_mut().for_each(|(id, row)| row.id.clone_from(id));
        Ok(rows)
    }

    /// A row, by field id.
    pub fn get(&self, id: &str) -> Option<&Row> {
        self.fields.get(id)
    }

    /// Every row, by field id.
    pub fn iter(&self) -> impl Iterator<Item = &Row> {
        self.fields.values()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_reads_back() {
        let rows = Rows::of(&Catalog::builtin());
        assert_eq!(Rows::from_json(&serde_json::to_string(&rows).unwrap()).unwrap(), rows);
        assert_eq!(rows.get("message.body").map(|row| row.layer), Some(Layer::E2ee));
        assert_eq!(rows.len(), Catalog::builtin().fields.len());
    }

    #[test]
    fn a_later_version_is_refused() {
        assert!(matches!(Rows::from_json(r#"{"schema":2,"fields":{}}"#), Err(CopyError::Version(2))));
        assert!(matches!(Rows::from_json("{}"), Err(CopyError::Format(_))));
    }
}
