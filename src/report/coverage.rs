//! How much of a run was seen: sessions, stanzas, values that no row claims, gaps.

use std::collections::BTreeMap;

use super::read::{Damage, Head, ReadBody, ReadStanza};
use super::tally::Tally;
use crate::catalog::rows::Row;
use crate::record::{Gap, SessionEvent, Totals};
use crate::xmpp::Direction;

/// Sessions, observers and the like that are told apart; a log can name any number.
const MAX_KEYS: usize = 4096;

/// What was not read, by reason.
#[derive(Debug, Clone, Default)]
pub struct GapSeen {
    /// How often.
    pub count: u64,
    /// Bytes.
    pub bytes: u64,
    /// As first told.
    pub detail: String,
}

/// What of the traffic was seen, and what not.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Records read.
    pub records: u64,
    /// Sessions by name, with how each ended; `None` while nothing said so.
    pub sessions: BTreeMap<String, Option<String>>,
    /// Sessions whose beginning was recorded.
    pub opened: u64,
    /// Sessions whose end was recorded.
    pub closed: u64,
    /// Sums over the sessions that ended.
    pub totals: Totals,
    /// Messages, presences and IQs by kind and direction (client to server, server to client, unknown).
    pub stanzas: BTreeMap<String, [u64; 3]>,
    /// Frames by who could read them.
    pub observers: BTreeMap<String, u64>,
    /// White space between stanzas.
    pub keepalives: u64,
    /// Values that a row claims.
    pub classified: u64,
    /// Values that a row claims, by namespace of the element they stood on or in; facts about the connection under `(connection)`.
    pub claimed: Tally,
    /// Values that no row claims, by namespace.
    pub unclassified: Tally,
    /// Values of fields the catalog at hand does not have.
    pub foreign: u64,
    /// Values in copies.
    pub copies: u64,
    /// What was not read, by reason.
    pub gaps: BTreeMap<String, GapSeen>,
    /// Forbidden or ambiguous constructs.
    pub irregular: BTreeMap<String, u64>,
    /// Damage of the log itself.
    pub damage: Damage,
    /// First and last time stamp.
    pub span: Option<(String, String)>,
}

impl Coverage {
    /// Messages, presences and IQs.
    pub fn stanza_count(&self) -> u64 {
        self.stanzas.values().flatten().sum()
    }

    /// Why the run was not seen whole; empty when nothing is known to be missing.
    pub fn partial(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self
            .gaps
            .iter()
            .map(|(reason, gap)| format!("{} × {reason} gap, {} bytes not read: {}", gap.count, gap.bytes, gap.detail))
            .collect();
        if self.damage.torn {
            reasons.push("the last line of the log was cut off".into());
        }
        if self.damage.unreadable > 0 {
            reasons.push(format!("{} lines of the log are not records", self.damage.unreadable));
        }
        if self.damage.unknown > 0 {
            reasons.push(format!("{} records are of types this version does not know", self.damage.unknown));
        }
        if self.opened > self.closed {
            reasons.push(format!("{} of {} sessions have no recorded end", self.opened - self.closed, self.opened));
        }
        reasons
    }

    /// Counts what a record says of how much was seen; its values aside.
    pub(crate) fn take(&mut self, head: &Head<'_>, body: &ReadBody<'_>) {
        match body {
            ReadBody::Stanza(stanza) => self.frame(stanza),
            ReadBody::Gap(gap) => self.gap(gap),
            ReadBody::Session(event) => {
                self.in_session(&head.session);
                self.session(&head.session, event);
            }
            _ => {}
        }
    }

    /// Counts a record of a client's session.
    pub(crate) fn in_session(&mut self, name: &str) {
        if self.sessions.len() < MAX_KEYS && !self.sessions.contains_key(name) {
            self.sessions.insert(name.to_owned(), None);
        }
    }

    /// Counts a time stamp.
    pub(super) fn at(&mut self, ts: &str) {
        match &mut self.span {
            Some((_, last)) => ts.clone_into(last),
            span => *span = Some((ts.to_owned(), ts.to_owned())),
        }
    }

    /// Counts a frame, its exposures aside.
    pub(crate) fn frame(&mut self, stanza: &ReadStanza<'_>) {
        if matches!(&*stanza.kind, "message" | "presence" | "iq") {
            let place = stanza.direction.map_or(2, Direction::index);
            self.stanzas.entry(stanza.kind.to_string()).or_default()[place] += 1;
        }
        for (words, counts) in [(&stanza.observers, &mut self.observers), (&stanza.irregular, &mut self.irregular)] {
            for word in words {
                if counts.len() < MAX_KEYS {
                    *counts.entry(word.to_string()).or_default() += 1;
                }
            }
        }
        if let Some(gap) = &stanza.gap {
            self.gap(gap);
        }
    }

    /// Counts a value that a row claims.
    pub(super) fn claimed(&mut self, row: &Row) {
        self.classified += 1;
        self.claimed.add(match row.namespace.as_str() {
            "" if row.fact.is_some() => "(connection)",
            "" => crate::xmpp::ns::CLIENT,
            namespace => namespace,
        });
    }

    /// Counts a value that no row claims.
    pub(super) fn unclassified(&mut self, path: &str) {
        self.unclassified.add(namespace(path));
    }

    /// Counts what was not read.
    pub(crate) fn gap(&mut self, gap: &Gap) {
        let seen = self.gaps.entry(gap.reason.to_string()).or_default();
        seen.count += 1;
        seen.bytes += gap.bytes;
        if seen.detail.is_empty() {
            gap.detail.clone_into(&mut seen.detail);
        }
    }

    /// Counts the start or end of a session.
    pub(crate) fn session(&mut self, name: &str, event: &SessionEvent) {
        match &*event.event {
            "open" => self.opened += 1,
            "close" => {
                self.closed += 1;
                let reason = event.reason.as_deref().unwrap_or("no reason given");
                let ended = if event.detail.is_empty() { reason.to_owned() } else { format!("{reason}: {}", event.detail) };
                if let Some(session) = self.sessions.get_mut(name) {
                    *session = Some(ended);
                }
                let totals = event.totals.unwrap_or_default();
                let sum = &mut self.totals;
                sum.bytes_client_to_server += totals.bytes_client_to_server;
                sum.bytes_server_to_client += totals.bytes_server_to_client;
                sum.frames_client_to_server += totals.frames_client_to_server;
                sum.frames_server_to_client += totals.frames_server_to_client;
                sum.duration_ms += totals.duration_ms;
            }
            _ => {}
        }
    }
}

/// Namespace of the innermost element of a path as the auditor writes it: `message/{urn:a}x/{urn:b}y/@z`.
fn namespace(path: &str) -> &str {
    let Some(start) = path.rfind('{') else { return crate::xmpp::ns::CLIENT };
    let rest = &path[start + 1..];
    rest.split('}').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_of_paths() {
        for (path, expected) in [
            ("message/@x", "jabber:client"),
            ("message/{urn:a}x/{urn:b}y/@z", "urn:b"),
            ("message/{http://a.example/x}y/text()", "http://a.example/x"),
            ("message/{torn", "torn"),
            ("", "jabber:client"),
        ] {
            assert_eq!(namespace(path), expected, "{path}");
        }
    }
}
