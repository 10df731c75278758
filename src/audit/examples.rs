//! Runs the catalog's examples: each says exactly which exposures its stanza gives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Auditor, Settings};
use crate::catalog::Catalog;
use crate::catalog::source::{Example, SpecFile};
use crate::record::{Body, Exposures};

/// An example whose stanza gives something else than it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// File and example.
    pub place: String,
    /// Field, what was expected, what came out.
    pub differences: Vec<(String, Vec<String>, Vec<String>)>,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.place)?;
        for (field, expected, found) in &self.differences {
            write!(f, "\n    {field}: expected {expected:?}, found {found:?}")?;
        }
        Ok(())
    }
}

/// Field name to values, in order.
pub type Values = BTreeMap<String, Vec<String>>;

/// What an example's stanza gives.
pub fn exposures_of(catalog: &Arc<Catalog>, example: &Example) -> Values {
    let settings = Settings { accounts: example.account.iter().cloned().collect(), ..Settings::default() };
    let mut auditor = Auditor::new(catalog.clone(), Arc::new(settings), "example").assume_logged_in();
    for (input, before) in example.before.iter().enumerate() {
        auditor.audit_one(before.xml.as_bytes(), before.direction, None, input as u64);
    }
    let record = auditor.audit_one(example.xml.as_bytes(), example.direction, None, example.before.len() as u64);
    match record.body {
        Body::Stanza(stanza) => match stanza.gap {
            Some(gap) => Values::from([("gap".to_owned(), vec![gap.detail])]),
            None => values(&stanza.exposures),
        },
        _ => Values::new(),
    }
}

fn values(exposures: &Exposures) -> Values {
    let mut values = Values::new();
    for exposure in exposures.iter() {
        values.entry(exposures.field_name(exposure).to_owned()).or_default().push(exposures.text(exposure.value).to_owned());
    }
    values
}

/// Runs all examples of some files.
pub fn check<'a>(catalog: &Arc<Catalog>, specs: impl Iterator<Item = &'a SpecFile>) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    for spec in specs {
        for example in &spec.examples {
            let found = exposures_of(catalog, example);
            let fields: BTreeSet<&String> = example.expect.keys().chain(found.keys()).collect();
            let get = |values: &Values, field: &String| values.get(field).cloned().unwrap_or_default();
            let differences: Vec<_> = fields
                .into_iter()
                .map(|field| (field.clone(), get(&example.expect, field), get(&found, field)))
                .filter(|(_, expected, found)| expected != found)
                .collect();
            if !differences.is_empty() {
                mismatches.push(Mismatch { place: format!("{}: {}", spec.file, example.name), differences });
            }
        }
    }
    mismatches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalog_examples_hold() {
        let catalog = Catalog::builtin();
        let mismatches = check(&catalog, catalog.specs.iter());
        let shown: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
        assert!(mismatches.is_empty(), "{} examples disagree:\n{}", shown.len(), shown.join("\n"));
    }

    #[test]
    fn a_secret_row_wins_whatever_is_narrower() {
        let row = |id: &str, path: &str, kind: &str| {
            format!(
                "[[field]]\nid = \"{id}\"\npath = \"{path}\"\nlayer = \"client\"\npattern = \"any\"\ncategory = \"credential\"\nsensitivity = \"low\"\nkind = \"{kind}\"\nreveals = \"Test.\"\n"
            )
        };
        let file = format!(
            "spec = \"XEP-9999\"\ntitle = \"Test\"\n[prefixes]\nt = \"urn:example:t\"\n{}{}",
            row("t.wide", "t:*/@token", "secret"),
            row("t.narrow", "message[@type='chat']/t:a[@b='c']/@token", "metadata")
        );
        let catalog = Arc::new(Catalog::load(&[("t.toml", &file)]).unwrap());
        let xml = "<message type='chat'><a xmlns='urn:example:t' b='c' token='12345'/></message>".to_owned();
        let example = Example { name: String::new(), direction: None, account: None, before: Vec::new(), xml, expect: BTreeMap::new() };
        let found = exposures_of(&catalog, &example);
        assert_eq!(found.get("t.wide").map(Vec::as_slice), Some(&["[secret, 5 bytes]".to_owned()][..]));
        assert!(!found.contains_key("t.narrow") && !format!("{found:?}").contains("12345"));
    }
}
