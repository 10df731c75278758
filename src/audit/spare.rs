//! Memory of records that were written, for the next ones: a session that goes on allocates hardly anything for a stanza.

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::record::{Exposures, Stanza};

/// More memory than this is not kept from one record to the next.
const MAX_BYTES: usize = 1 << 16;
/// Texts that are kept at most, and how long they may be: a stanza names up to 64 namespaces and a conversation.
const MAX_TEXTS: usize = 65;
const MAX_TEXT_BYTES: usize = 256;

/// What is left of records that were written.
#[derive(Debug, Default)]
pub(super) struct Spare {
    /// Blank.
    stanza: Option<Box<Stanza>>,
    evidence: String,
    texts: Vec<String>,
}

impl Spare {
    /// A record of which nothing is known yet.
    pub fn stanza(&mut self, catalog: &Arc<Catalog>) -> Box<Stanza> {
        self.stanza.take().unwrap_or_else(|| Box::new(Stanza::new(Exposures::new(catalog.clone()))))
    }

    /// An empty text for a stanza's redacted XML.
    pub fn evidence(&mut self) -> String {
        std::mem::take(&mut self.evidence)
    }

    /// A copy of a short text.
    pub fn text(&mut self, text: &str) -> String {
        let mut copy = self.texts.pop().unwrap_or_default();
        copy.push_str(text);
        copy
    }

    /// Takes a record back. One that was huge is let go.
    pub fn keep(&mut self, mut stanza: Box<Stanza>) {
        let texts = [&stanza.name, &stanza.namespace, &stanza.stanza_type].into_iter().chain(&stanza.evidence);
        if stanza.exposures.memory() + texts.map(String::capacity).sum::<usize>() > MAX_BYTES {
            return;
        }
        self.evidence = stanza.evidence.take().map(emptied).unwrap_or_default();
        for text in stanza.payloads.drain(..).chain(stanza.conversation.take()) {
            if self.texts.len() < MAX_TEXTS && text.capacity() <= MAX_TEXT_BYTES {
                self.texts.push(emptied(text));
            }
        }
        stanza.clear();
        self.stanza = Some(stanza);
    }
}

/// The text without what it said, with its memory.
fn emptied(mut text: String) -> String {
    text.clear();
    text
}
