//! One row an exposure, with what its record and its catalog row say. The columns of CSV and flat JSON lines, and of the view `exposures`.

use std::borrow::Cow;
use std::io;

use crate::catalog::rows::{Row, Rows};
use crate::report::read::{Exposure, Head, ReadBody, ReadStanza};
use crate::xmpp::Direction;

/// A column, with what it means.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub about: &'static str,
}

const fn column(name: &'static str, about: &'static str) -> Column {
    Column { name, about }
}

/// Every column, in order. `docs/export.md` lists them; a test compares.
pub const COLUMNS: &[Column] = &[
    column("session", "session of the record"),
    column("seq", "position of the record in its session"),
    column("ts", "wall clock, UTC, RFC 3339"),
    column("mono", "seconds since the run began"),
    column("step", "the mark before it: the step of the scenario; empty before the first"),
    column("direction", "`client_to_server`, `server_to_client`, or empty"),
    column("phase", "`before_tls`, `before_login`, `logged_in`; empty for facts about the connection"),
    column("stanza", "`message`, `presence`, `iq` and so on; `transport` for facts about the connection"),
    column("stanza_type", "the stanza's `type` attribute"),
    column("observers", "who could read it, separated by spaces"),
    column("conversation", "whom the content is exchanged with"),
    column("verdict", "what became of the message's content"),
    column("level", "evidence level of `OPAQUE`"),
    column("field", "the row of the catalog, or `unclassified`"),
    column("value", "the value, as the record has it"),
    column("class", "what sort of text was left out of the log"),
    column("length", "how many bytes it had"),
    column("bare", "an address: bare, normalised"),
    column("resource", "an address: its resource"),
    column("time", "a point in time, RFC 3339"),
    column("ip", "a network address: its class"),
    column("path", "where an unclassified value stood"),
    column("via", "how a copy came to be on the stream; empty for the thing itself"),
    column("derived", "whether it restates a part of another value"),
    column("element", "which element of the stanza it stood on or in: values with one number belong together"),
    column("layer", "catalog: layer"),
    column("pattern", "catalog: messaging pattern"),
    column("category", "catalog: category"),
    column("sensitivity", "catalog: sensitivity"),
    column("logged_as", "catalog: `metadata`, `content`, `mixed` or `secret`"),
    column("spec", "catalog: specification"),
    column("reveals", "catalog: what the server learns"),
];

/// Number of columns.
pub const WIDTH: usize = 32;

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// Nothing to say.
    Empty,
    /// Text.
    Text(Cow<'a, str>),
    /// A number.
    Number(u64),
    /// Seconds.
    Seconds(f64),
    /// Yes or no.
    Flag(bool),
}

impl<'a> Cell<'a> {
    fn word(text: Option<&'a str>) -> Cell<'a> {
        text.filter(|text| !text.is_empty()).map_or(Cell::Empty, |text| Cell::Text(Cow::Borrowed(text)))
    }
}

/// An exposure with what stands around it.
#[derive(Debug, Clone, Copy)]
pub struct FlatRow<'a> {
    /// Its record.
    pub head: &'a Head<'a>,
    /// Its stanza; none for facts about the connection.
    pub stanza: Option<&'a ReadStanza<'a>>,
    /// Direction of the record.
    pub direction: Option<Direction>,
    /// The mark before it.
    pub step: &'a str,
    /// Observers of the stanza, joined.
    pub observers: &'a str,
    /// The exposure.
    pub exposure: &'a Exposure<'a>,
    /// Which element it stood on or in.
    pub element: u32,
    /// Its catalog row.
    pub row: Option<&'a Row>,
}

impl FlatRow<'_> {
    /// The values, in the order of [`COLUMNS`].
    pub fn cells(&self) -> [Cell<'_>; WIDTH] {
        let (stanza, exposure, row) = (self.stanza, self.exposure, self.row);
        let typed = exposure.typed.as_ref();
        let verdict = stanza.and_then(|stanza| stanza.verdict.as_ref());
        let class = typed.and_then(|typed| typed.class.as_deref());
        [
            Cell::word(Some(&self.head.session)),
            Cell::Number(self.head.seq),
            Cell::word(self.head.ts.as_deref()),
            self.head.mono.map_or(Cell::Empty, Cell::Seconds),
            Cell::word(Some(self.step)),
            Cell::word(self.direction.map(Direction::name)),
            Cell::word(stanza.and_then(|stanza| stanza.phase).map(crate::record::Phase::name)),
            Cell::word(stanza.map_or(Some("transport"), |stanza| Some(&stanza.kind))),
            Cell::word(stanza.and_then(|stanza| stanza.stanza_type.as_deref())),
            Cell::word(Some(self.observers)),
            Cell::word(stanza.and_then(|stanza| stanza.conversation.as_deref())),
            Cell::word(verdict.map(|verdict| &*verdict.body)),
            Cell::word(verdict.and_then(|verdict| verdict.level.as_deref())),
            Cell::word(Some(&exposure.field)),
            Cell::Text(Cow::Borrowed(&exposure.value)),
            Cell::word(class),
            class.and(typed).map_or(Cell::Empty, |typed| Cell::Number(typed.bytes)),
            Cell::word(typed.and_then(|typed| typed.bare.as_deref())),
            Cell::word(typed.and_then(|typed| typed.resource.as_deref())),
            Cell::word(typed.and_then(|typed| typed.time.as_deref())),
            Cell::word(typed.and_then(|typed| typed.ip.as_deref())),
            Cell::word(exposure.path.as_deref()),
            Cell::word(exposure.via.as_deref()),
            Cell::Flag(exposure.derived),
            Cell::Number(u64::from(self.element)),
            Cell::word(row.map(|row| row.layer.name())),
            Cell::word(row.map(|row| row.pattern.name())),
            Cell::word(row.map(|row| row.category.name())),
            Cell::word(row.map(|row| row.sensitivity.name())),
            Cell::word(row.map(|row| row.kind.name())),
            Cell::word(row.map(|row| row.spec.as_str())),
            Cell::word(row.map(|row| row.reveals.as_str())),
        ]
    }
}

/// Takes records apart, and remembers which step they belong to.
#[derive(Debug, Default)]
pub struct Flattener {
    step: String,
    observers: String,
}

impl Flattener {
    /// Hands every exposure of a record to `take`.
    ///
    /// # Errors
    /// What `take` returns.
    pub fn record(
        &mut self,
        catalog: &Rows,
        head: &Head<'_>,
        body: &ReadBody<'_>,
        take: &mut dyn FnMut(&FlatRow<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let (stanza, direction, exposures) = match body {
            ReadBody::Stanza(stanza) => (Some(&**stanza), stanza.direction, &stanza.exposures),
            ReadBody::Transport(transport) => (None, transport.direction, &transport.exposures),
            ReadBody::Mark(mark) => {
                mark.label.clone_into(&mut self.step);
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.observers.clear();
        for observer in stanza.into_iter().flat_map(|stanza| &stanza.observers) {
            if !self.observers.is_empty() {
                self.observers.push(' ');
            }
            self.observers.push_str(observer);
        }
        let mut element = 0;
        for exposure in exposures {
            element = exposure.element.unwrap_or(element);
            let row = catalog.get(&exposure.field);
            take(&FlatRow { head, stanza, direction, step: &self.step, observers: &self.observers, exposure, element, row })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_name_of_its_own() {
        assert_eq!(COLUMNS.len(), WIDTH);
        let names: std::collections::BTreeSet<&str> = COLUMNS.iter().map(|column| column.name).collect();
        assert_eq!(names.len(), WIDTH);
    }
}
