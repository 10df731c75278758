//! Finds files whose bytes pass in clear though the conversation is encrypted.
//!
//! **What it checks.** In a conversation that was encrypted before, a block of an in-band bytestream (XEP-0047) that the client sends begins
//! like a file of a known format.
//!
//! **Why it matters.** In-band bytes go through both servers. A file that is not encrypted by itself is theirs to read, while the messages
//! around it look safe.
//!
//! **Evidence.** The block, and the last encrypted message before it. Records keep no bytes of it, only the format.
//!
//! **Limits.** Formats are those of `data/magic.toml` that six bytes or more tell apart; a text or another format is not recognised. Bytes
//! that go past the servers are not seen.
//!
//! **References.** XEP-0047 §6, XEP-0391, XEP-0396.

use super::file_format::file_format;
use super::names::IBB;
use super::rule::{Avoidability, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;

pub(super) const RULE: Rule = Rule {
    id: "file-bytes-in-clear",
    title: "the bytes of a file in clear in an encrypted conversation",
    theme: Theme::Files,
    severity: Severity::Critical,
    confidence: Confidence::Certain,
    avoidability: Avoidability::Avoidable,
    advice: "send files by encrypted upload instead; report it: the client should refuse, or encrypt the transfer",
    source: "XEP-0047 §6 (a bytestream is as secure as the transport; security of its own is left to the application)",
    watches: &[(IBB, "data")],
    verdicts: &[],
    page: include_str!("file_bytes_in_clear.rs"),
    check: || Box::new(see),
};

fn see(seen: &Seen<'_>, out: &mut Out) {
    let Some(with) = seen.peer_bare().filter(|_| seen.is_sent() && !seen.is_error()) else { return };
    let Some(before) = seen.world.encrypted_at_all(with) else { return };
    for block in seen.watched() {
        let text = block.own_text();
        if let Some(format) = file_format(&text) {
            let format = format.split(" with ").next().unwrap_or_default();
            out.report(
                found(format!("a file ({format}) went to {with} in clear, in a conversation that was encrypted before"))
                    .about(with)
                    .after(before.number),
            );
        }
    }
}
