//! Finds ids of stanzas that tell more than which stanza it is.
//!
//! **What it checks.** The ids of messages count up over several people, hold the time of the device's clock, the name of the account or a word
//! for the device. Or one thread is used with two people.
//!
//! **Why it matters.** Two people who compare what they got from an account see from a counter how much went to others in between, and from
//! a clock or a thread that two accounts are the same person. A name in an id travels to rooms that hide it.
//!
//! **Evidence.** The stanzas that show it.
//!
//! **Limits.** Only the first ids of a session are looked at. A counter is one when three ids follow closely and went to at least two people.
//! Words are looked up in a list (`data/device-words.toml`). Ids of clients that are known by their form have a rule of their own
//! (`client-named-in-ids`).
//!
//! **References.** XEP-0359 §2.1 and §3, XEP-0201 §4.1, RFC 6120 §8.1.3.

use rustc_hash::FxHashMap;

use super::names::{CLIENT, SID};
use super::rule::{Avoidability, Check, Confidence, Found, Out, Rule, Severity, Theme, found};
use super::seen::{Seen, child};
use super::words::device_words;
use crate::xmpp::jid::Jid;

pub(super) const RULE: Rule = Rule {
    id: "ids-that-tell",
    title: "ids of messages count, or hold a time or a name",
    theme: Theme::Linkage,
    severity: Severity::Low,
    confidence: Confidence::Likely,
    avoidability: Avoidability::Avoidable,
    advice: "report it: ids are random, and a thread belongs to one conversation",
    source: "XEP-0359 §3 (ids should be unpredictable), §2.1 (UUIDs are recommended); XEP-0201 §4.1 (a thread identifies one session between two entities)",
    watches: &[(CLIENT, "message"), (CLIENT, "iq")],
    verdicts: &[],
    page: include_str!("ids_that_tell.rs"),
    check: || Box::<Ids>::default(),
};

/// Ids that are looked at: they are all made alike.
const MAX_IDS: u32 = 300;

/// Ids that are searched for words and times.
const MAX_READ: u32 = 20;

/// Threads that are remembered, at most.
const MAX_THREADS: usize = 1_000;

/// Steps of a counter between two stanzas that are seen: there may be others in between, to the own server for instance.
const MAX_STEP: u64 = 20;

#[derive(Default)]
struct Ids {
    looked_at: u32,
    counter: Option<Counter>,
    threads: FxHashMap<String, (String, u64)>,
}

/// The last ids, as long as they count up.
struct Counter {
    prefix: String,
    last: u64,
    peer: String,
    /// Whether more than one person was among them.
    several: bool,
    numbers: Vec<u64>,
}

impl Check for Ids {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        let Some(to) = seen.peer_bare().filter(|_| seen.is_sent() && !matches!(seen.stanza_type(), Some("result" | "error"))) else {
            return;
        };
        if seen.peer_is_own() || seen.name() == "iq" && !seen.peer_is_foreign() {
            return;
        }
        if self.looked_at < MAX_IDS {
            let origin = child(seen.stanza, SID, "origin-id").and_then(|origin| origin.attr("id"));
            if let Some(id) = seen.stanza.attr("id").or(origin).filter(|id| !is_uuid(id)) {
                self.looked_at += 1;
                out.found.extend(self.counts(seen, id, to));
                if self.looked_at <= MAX_READ {
                    out.found.extend(time_in(id));
                    out.found.extend(name_in(id, seen.world.own()));
                }
            }
        }
        if seen.name() == "message" {
            out.found.extend(self.thread(seen, to));
        }
    }
}

impl Ids {
    fn counts(&mut self, seen: &Seen<'_>, id: &str, to: &str) -> Option<Found> {
        let prefix = id.trim_end_matches(|c: char| c.is_ascii_digit());
        let number: u64 = id[prefix.len()..].parse().ok()?;
        let follows = |counter: &&mut Counter| counter.prefix == prefix && (1..=MAX_STEP).contains(&number.wrapping_sub(counter.last));
        let Some(counter) = self.counter.as_mut().filter(follows) else {
            self.counter =
                Some(Counter { prefix: prefix.to_owned(), last: number, peer: to.to_owned(), several: false, numbers: vec![seen.number] });
            return None;
        };
        counter.last = number;
        counter.several |= counter.peer != to;
        if counter.numbers.len() < 2 {
            counter.numbers.push(seen.number);
        } else if counter.several {
            let mut finding = found("the ids of stanzas count up over several people");
            finding.evidence.clone_from(&counter.numbers);
            return Some(finding);
        }
        None
    }

    fn thread(&mut self, seen: &Seen<'_>, to: &str) -> Option<Found> {
        let thread = child(seen.stanza, CLIENT, "thread")?.own_text();
        let thread = thread.trim();
        // What redaction left of a long one would be the same for all of that length.
        if thread.is_empty() || thread.len() > 64 || thread.starts_with('[') {
            return None;
        }
        match self.threads.get(thread) {
            Some((other, number)) if other != to => {
                Some(found(format!("the same thread was used with {other} and {to}")).after(*number).confidence(Confidence::Certain))
            }
            None if self.threads.len() < MAX_THREADS => {
                self.threads.insert(thread.to_owned(), (to.to_owned(), seen.number));
                None
            }
            _ => None,
        }
    }
}

/// A Unix time between the years 2015 and 2050, in seconds, milliseconds or microseconds.
fn time_in(id: &str) -> Option<Found> {
    const SECONDS: std::ops::Range<u64> = 1_420_000_000..2_525_000_000;
    let is_time = |digits: &str| {
        let unit = match digits.len() {
            10 => 1,
            13 => 1_000,
            16 => 1_000_000,
            _ => return false,
        };
        digits.parse::<u64>().is_ok_and(|number| SECONDS.contains(&(number / unit)))
    };
    let times = id.split(|c: char| !c.is_ascii_alphanumeric()).any(is_time);
    times.then(|| found("the ids of stanzas hold the time of the device's clock"))
}

fn name_in(id: &str, own: Option<&str>) -> Option<Found> {
    let own = own.and_then(|own| Jid::split(own).localpart()).filter(|own| own.len() >= 4);
    if own.is_some_and(|own| id.split(|c: char| !c.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case(own))) {
        return Some(found("the ids of stanzas hold the name of the account"));
    }
    // Random ids hold short words by chance.
    let (_, kind) = device_words().find(id).filter(|(word, kind)| word.chars().count() >= 4 && *kind != "client")?;
    Some(found(format!("the ids of stanzas name the {kind}")))
}

fn is_uuid(id: &str) -> bool {
    let groups = || id.split('-').map(str::len);
    id.len() == 36 && groups().eq([8, 4, 4, 4, 12]) && id.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_names_are_told_from_chance() {
        for id in ["1714557072123", "x-1714557072-42", "m1714557072".trim_start_matches('m')] {
            assert!(time_in(id).is_some(), "{id}");
        }
        for id in ["123", "9999999999999", "4f1c1714557072123ab", "a1b2c3"] {
            assert!(time_in(id).is_none(), "{id}");
        }
        assert!(name_in("miras-macbook-42", None).is_some());
        assert!(name_in("mira-42", Some("mira@fern.example")).is_some());
        for id in ["q8Tv-W0mzA7p", "gajim-77", "x-tv-9"] {
            assert!(name_in(id, Some("mira@fern.example")).is_none(), "{id}");
        }
        assert!(is_uuid("4f1c2ab8-90de-4acc-9c1e-0d2b6c3ea551") && !is_uuid("4f1c2ab8-90de"));
    }
}
