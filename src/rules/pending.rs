//! What others did a moment ago, waiting for what the client does about it.

use std::collections::VecDeque;

use super::Seen;
use super::seen::Passed;

/// Entries that are kept at most; the oldest goes first.
const MAX: usize = 256;

/// What is kept of a stanza that may be answered.
#[derive(Debug, Clone)]
pub struct Waiting<T> {
    key: (String, String),
    /// What the rule wants to know again.
    pub what: T,
    /// When it passed.
    pub passed: Passed,
}

/// Stanzas that wait for an answer, by whom they are from (or what they are about) and a name. Bounded.
#[derive(Debug)]
pub struct Pending<T>(VecDeque<Waiting<T>>);

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Pending(VecDeque::new())
    }
}

impl<T> Pending<T> {
    /// Keeps a stanza under two names.
    pub fn keep(&mut self, seen: &Seen<'_>, first: &str, second: &str, what: T) {
        if self.0.len() >= MAX {
            self.0.pop_front();
        }
        self.0.push_back(Waiting { key: (first.to_owned(), second.to_owned()), what, passed: seen.passed() });
    }

    /// Takes out what was kept under these names.
    pub fn take(&mut self, first: &str, second: &str) -> Option<Waiting<T>> {
        let at = self.0.iter().position(|waiting| waiting.key.0 == first && waiting.key.1 == second)?;
        self.0.remove(at)
    }

    /// Keeps a request that was received, by its sender and id.
    pub fn keep_request(&mut self, seen: &Seen<'_>, what: T) {
        if let (Some(from), Some(id)) = (seen.stanza.attr("from"), seen.stanza.attr("id")) {
            self.keep(seen, from, id, what);
        }
    }

    /// The request that the client answers with this stanza: a result, or an error.
    pub fn take_answered(&mut self, seen: &Seen<'_>) -> Option<Waiting<T>> {
        if self.0.is_empty() || !seen.is_sent() || seen.name() != "iq" || !matches!(seen.stanza_type(), Some("result" | "error")) {
            return None;
        }
        self.take(seen.stanza.attr("to")?, seen.stanza.attr("id")?)
    }
}
