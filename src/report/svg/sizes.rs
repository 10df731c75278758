//! Sizes of encrypted bodies: OMEMO hides the words, not how many there are.

use super::{Anchor, Canvas, Picture};
use crate::report::model::Model;
use crate::report::model::sizes::RANGES;
use crate::report::text::layout::{counted, grouped};

const LEFT: f64 = 112.0;
const WIDE: f64 = 240.0;
const ROW: f64 = 20.0;

/// The picture; none without an encrypted body.
pub fn draw(model: &Model) -> Option<Picture> {
    let ranges = model.sizes.ranges();
    let most = ranges.iter().copied().max().filter(|most| *most > 0)?;
    let (first, last) = (ranges.iter().position(|count| *count > 0)?, ranges.iter().rposition(|count| *count > 0)?);
    let mut canvas = Canvas::new();
    canvas.text(8.0, 14.0, Anchor::Start, "th", "encrypted bytes in a message", 40);
    let mut y = 34.0;
    let mut described = Vec::new();
    for (index, count) in ranges.iter().enumerate().take(last + 1).skip(first) {
        let name = range(index);
        canvas.text(LEFT - 6.0, y, Anchor::End, "t", &name, 20);
        let width = WIDE * *count as f64 / most as f64;
        if *count > 0 {
            canvas.rect([LEFT, y - 11.0, width.max(1.0), 13.0], "bar a");
            described.push(format!("{name} bytes: {}", grouped(*count)));
        }
        canvas.text(LEFT + width + 5.0, y, Anchor::Start, "tm", &grouped(*count), 12);
        y += ROW;
    }
    let description = format!("{} with an encrypted body, by size. {}.", counted(model.sizes.messages(), "message"), described.join("; "));
    Some(canvas.finish("sizes-picture", y - 4.0, "How long the encrypted messages are".into(), description))
}

/// A range in words.
fn range(index: usize) -> String {
    let from = if index == 0 { 0 } else { RANGES[index - 1] + 1 };
    match RANGES.get(index) {
        Some(to) => format!("{} to {}", grouped(from), grouped(*to)),
        None => format!("{} or more", grouped(from)),
    }
}
