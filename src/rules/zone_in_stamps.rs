//! Finds times that carry the person's time zone.
//!
//! **What it checks.** A time that the client sends (since when the person is idle, when a message was written, since when a room's history
//! is wanted, when a file was changed) has an offset to UTC other than zero.
//!
//! **Why it matters.** The offset tells on which part of the earth the device is, changes when the person travels, and nobody asked for it.
//!
//! **Evidence.** The stanza.
//!
//! **Limits.** Says nothing for people whose zone is UTC. What is told on request is another rule's (`time-zone-answered`).
//!
//! **References.** XEP-0203 §2, XEP-0319 §1, XEP-0045 §7.2.14, XEP-0082 §3.2.

use super::names::{DELAY, FILE_METADATA, FORWARD, IDLE, JINGLE_FILE, MUC};
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "zone-in-stamps",
    title: "times carry the time zone",
    theme: Theme::Linkage,
    severity: Severity::Low,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "report it: times go out in UTC",
    source: "XEP-0203 §2 (the stamp must be expressed in UTC); XEP-0045 §7.2.14 (the UTC datetime)",
    watches: &[(IDLE, "idle"), (DELAY, "delay"), (MUC, "history"), (FILE_METADATA, "date"), (JINGLE_FILE, "date")],
    verdicts: &[],
    page: include_str!("zone_in_stamps.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    if !seen.is_sent() || seen.is_error() {
        return;
    }
    for stamp in seen.watched() {
        let attr = stamp.attr("since").or(stamp.attr("stamp"));
        let zoned = attr.map_or_else(|| has_zone(&stamp.own_text()), has_zone);
        // Inside a forwarded stanza the time is somebody else's.
        let forwarded = || std::iter::successors(stamp.parent(), |around| around.parent()).any(|around| around.is_in(FORWARD));
        if zoned && !forwarded() {
            out.report(found(format!("<{}/> tells a time with the offset of the person's time zone", stamp.local())));
        }
    }
}

/// Whether a time ends in an offset that is not zero (XEP-0082 §3.2).
fn has_zone(time: &str) -> bool {
    let time = time.trim();
    let Some((at, offset)) = time.len().checked_sub(6).and_then(|at| Some((at, time.get(at..)?))) else { return false };
    let digits = |range: std::ops::Range<usize>| offset.as_bytes()[range].iter().all(u8::is_ascii_digit);
    // `2026-03-01` ends in six characters of that shape but for the colon.
    at >= 16 && offset.starts_with(['+', '-']) && offset.as_bytes()[3] == b':' && digits(1..3) && digits(4..6) && &offset[1..] != "00:00"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_zone_is_one() {
        for time in ["2026-03-01T21:04:10+02:00", "2026-03-01T21:04:10.5-03:30"] {
            assert!(has_zone(time), "{time}");
        }
        for time in ["2026-03-01T21:04:10Z", "2026-03-01T21:04:10+00:00", "2026-03-01", "20260301T21:04:10", "", "é+02:00"] {
            assert!(!has_zone(time), "{time}");
        }
    }
}
