//! The contact and group graph as the server sees it: accounts on the left, whom they deal with on the right.

use super::{Anchor, Canvas, Picture};
use crate::record::Verdict;
use crate::report::model::Model;
use crate::report::model::contacts::Contact;
use crate::report::sections::words::plural;
use crate::report::text::layout::counted;

/// Contacts and rooms in the picture; tables list more.
const MAX_RIGHT: usize = 24;
/// Accounts in the picture.
const MAX_LEFT: usize = 8;
/// Height of a row.
const ROW: f64 = 26.0;

/// The picture; none when nobody was seen.
pub fn draw(model: &Model) -> Option<Picture> {
    let mut edges: Vec<(&str, &str, &Contact)> = Vec::new();
    for (account, contacts) in model.contacts.by_account() {
        // Messages between the account's own devices are no contact.
        edges.extend(contacts.into_iter().filter(|(address, _)| *address != account).map(|(address, contact)| (account, address, contact)));
    }
    edges.sort_by_key(|(_, _, contact)| std::cmp::Reverse((contact.messages() + contact.copies, contact.places.count)));
    let (mut left, mut right): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for (account, address, _) in &edges {
        if !left.contains(account) && left.len() < MAX_LEFT {
            left.push(account);
        }
        if !right.contains(address) && right.len() < MAX_RIGHT {
            right.push(address);
        }
    }
    if right.is_empty() {
        return None;
    }
    // Rooms below people.
    right.sort_by_key(|address| model.rooms.contains(address));
    let rows = left.len().max(right.len()) as f64;
    let top = 34.0;
    let left_at = |index: usize| top + ROW * (rows / left.len() as f64) * (index as f64 + 0.5);
    let right_at = |index: usize| top + ROW * (rows / right.len() as f64) * (index as f64 + 0.5);
    let most = edges.iter().map(|(_, _, contact)| contact.messages() + contact.copies).max().unwrap_or(0).max(1) as f64;
    let mut canvas = Canvas::new();
    canvas.text(8.0, 16.0, Anchor::Start, "th", "accounts under test", 30);
    canvas.text(392.0, 16.0, Anchor::End, "th", "contacts ○ and rooms □", 30);
    let mut drawn = 0;
    for (account, address, contact) in &edges {
        let (Some(from), Some(to)) = (left.iter().position(|had| had == account), right.iter().position(|had| had == address)) else {
            continue;
        };
        drawn += 1;
        let messages = contact.messages() + contact.copies;
        let width = 1.0 + 5.0 * (messages as f64 / most).sqrt();
        let class = match contact.lowest() {
            Some(Verdict::Opaque) => "edge good",
            Some(_) => "edge bad",
            None => "edge none",
        };
        let (start, end) = ((136.0, left_at(from)), (252.0, right_at(to)));
        canvas.line(start, end, if messages == 0 { 1.0 } else { width }, class);
    }
    for (index, account) in left.iter().enumerate() {
        let y = left_at(index);
        canvas.circle(136.0, y, 4.0, "node own");
        canvas.text(128.0, y + 4.0, Anchor::End, "t", if account.is_empty() { "the account" } else { account }, 20);
    }
    for (index, address) in right.iter().enumerate() {
        let y = right_at(index);
        if model.rooms.contains(address) {
            canvas.rect([248.0, y - 4.0, 8.0, 8.0], "node room");
        } else {
            canvas.circle(252.0, y, 4.0, "node");
        }
        canvas.text(261.0, y + 4.0, Anchor::Start, "t", address, 22);
    }
    let height = top + ROW * rows + 36.0;
    canvas.text(8.0, height - 20.0, Anchor::Start, "tm", "Solid: every message looked opaque. Dashed: some did not.", 80);
    canvas.text(8.0, height - 6.0, Anchor::Start, "tm", "Dotted: no message. Thicker: more messages.", 80);
    let description = format!(
        "{} on the left joined by {} to {} on the right. The table after it says the same in words.",
        counted(left.len() as u64, "account"),
        counted(drawn, "line"),
        plural(right.len() as u64, "contact or room", "contacts and rooms")
    );
    Some(canvas.finish("graph-picture", height, "Who the server knows to be in touch with whom".into(), description))
}
