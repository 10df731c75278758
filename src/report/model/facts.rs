//! What was seen of each field, by direction, with some values and the records they stood in.

use rustc_hash::FxHashMap;

use super::At;
use super::place::Places;
use crate::catalog::rows::Row;
use crate::report::read::Exposure;
use crate::xmpp::Direction;

/// Different values that are kept per field and direction.
const MAX_VALUES: usize = 24;
/// Bytes of a value that are kept.
const MAX_BYTES: usize = 256;

/// A field in one direction.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Records it stood in, copies left out.
    pub places: Places,
    /// Different values in the order they came, with how often each was seen and where first.
    pub values: Vec<(String, Places)>,
    /// Values beyond the limit.
    pub more: u64,
}

impl Seen {
    fn add(&mut self, at: &At<'_>, value: &str) {
        self.places.add(at.place);
        let value = clip(value, MAX_BYTES);
        if let Some((_, places)) = self.values.iter_mut().find(|(had, _)| had == value) {
            places.add(at.place);
        } else if self.values.len() < MAX_VALUES {
            let mut places = Places::default();
            places.add(at.place);
            self.values.push((value.to_owned(), places));
        } else {
            self.more += 1;
        }
    }
}

/// A field in all directions.
#[derive(Debug, Clone, Default)]
pub struct FieldFacts {
    /// From the client.
    pub sent: Seen,
    /// To the client, or of unknown direction, or a fact about the connection.
    pub received: Seen,
    /// In copies: carbons, archives, history.
    pub copies: Places,
}

impl FieldFacts {
    /// Both directions together, copies left out.
    pub fn places(&self) -> Places {
        let mut places = self.sent.places.clone();
        places.extend(&self.received.places);
        places
    }

    /// Different values of both directions.
    pub fn values(&self) -> Vec<&str> {
        let mut values: Vec<&str> = Vec::new();
        for (value, _) in self.sent.values.iter().chain(&self.received.values) {
            if !values.contains(&value.as_str()) {
                values.push(value);
            }
        }
        values
    }
}

/// All fields that were seen.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    fields: FxHashMap<String, FieldFacts>,
}

impl Facts {
    /// Counts a value. The catalog bounds how many fields there are.
    pub(super) fn add(&mut self, at: &At<'_>, row: &Row, exposure: &Exposure<'_>) {
        let facts = match self.fields.get_mut(&row.id) {
            Some(facts) => facts,
            None => self.fields.entry(row.id.clone()).or_default(),
        };
        if exposure.via.is_some() {
            facts.copies.add(at.place);
        } else if at.direction == Some(Direction::ClientToServer) {
            facts.sent.add(at, &exposure.value);
        } else {
            facts.received.add(at, &exposure.value);
        }
    }

    /// A field.
    pub fn get(&self, id: &str) -> Option<&FieldFacts> {
        self.fields.get(id)
    }

    /// Fields whose id is one of these, or begins with one of these that ends in a dot.
    pub fn some<'a>(&'a self, ids: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a FieldFacts)> {
        let named = move |id: &str| ids.iter().any(|wanted| *wanted == id || (wanted.ends_with('.') && id.starts_with(wanted)));
        let mut found: Vec<(&str, &FieldFacts)> =
            self.fields.iter().map(|(id, facts)| (id.as_str(), facts)).filter(|(id, _)| named(id)).collect();
        found.sort_unstable_by_key(|(id, _)| *id);
        found.into_iter()
    }

    /// Records with any of these fields, copies left out.
    pub fn places(&self, ids: &[&str]) -> Places {
        self.some(ids).fold(Places::default(), |mut places, (_, facts)| {
            places.extend(&facts.places());
            places
        })
    }

    /// Records from the client with any of these fields.
    pub fn sent(&self, ids: &[&str]) -> Places {
        self.some(ids).fold(Places::default(), |mut places, (_, facts)| {
            places.extend(&facts.sent.places);
            places
        })
    }

    /// Different values of these fields, in both directions.
    pub fn values<'a>(&'a self, ids: &'a [&str]) -> Vec<&'a str> {
        let mut values: Vec<&str> = Vec::new();
        for (_, facts) in self.some(ids) {
            for value in facts.values() {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
        }
        values
    }

    /// Different values of these fields that the client sent.
    pub fn sent_values<'a>(&'a self, ids: &'a [&str]) -> Vec<&'a str> {
        let mut values: Vec<&str> = Vec::new();
        for (value, _) in self.some(ids).flat_map(|(_, facts)| &facts.sent.values) {
            if !values.contains(&value.as_str()) {
                values.push(value);
            }
        }
        values
    }
}

/// At most `max` bytes of a text, whole characters.
pub(super) fn clip(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}
