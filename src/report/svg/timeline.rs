//! Activity over time, as bars: what a server's log of times alone says about someone's day.

use super::{Anchor, Canvas, Picture};
use crate::report::model::Model;
use crate::report::text::layout::grouped;

/// Bars in the picture.
const MAX_BARS: usize = 72;
const LEFT: f64 = 34.0;
const TOP: f64 = 26.0;
const HIGH: f64 = 110.0;
const WIDE: f64 = 358.0;

/// The picture; none when no record has a time.
pub fn draw(model: &Model) -> Option<Picture> {
    if model.timeline.is_empty() {
        return None;
    }
    let (length, start, slots) = model.timeline.slots(MAX_BARS);
    let most = slots.iter().map(|slot| slot.iter().sum::<u64>()).max().unwrap_or(0).max(1);
    let step = WIDE / slots.len().max(6) as f64;
    let mut canvas = Canvas::new();
    canvas.text(LEFT, 14.0, Anchor::Start, "th", &format!("stanzas per {}", unit(length)), 40);
    canvas.text(LEFT - 4.0, TOP + 8.0, Anchor::End, "tm", &grouped(most), 8);
    canvas.text(LEFT - 4.0, TOP + HIGH, Anchor::End, "tm", "0", 8);
    canvas.line((LEFT, TOP + HIGH), (LEFT + WIDE, TOP + HIGH), 1.0, "axis");
    for (index, slot) in slots.iter().enumerate() {
        let mut base = TOP + HIGH;
        for (count, class) in slot.iter().zip(["bar a", "bar b", "bar c"]) {
            let height = HIGH * *count as f64 / most as f64;
            base -= height;
            if *count > 0 {
                canvas.rect([LEFT + step * index as f64 + 0.5, base, (step - 1.0).clamp(0.8, 40.0), height], class);
            }
        }
    }
    let (first, last) = (clock(start, length), clock(start + length * (slots.len() as i64 - 1), length));
    canvas.text(LEFT, TOP + HIGH + 14.0, Anchor::Start, "tm", &first, 24);
    if slots.len() > 1 {
        canvas.text(LEFT + (step * slots.len() as f64).max(200.0), TOP + HIGH + 14.0, Anchor::End, "tm", &last, 24);
    }
    let y = TOP + HIGH + 34.0;
    for (index, (class, label)) in [("bar a", "messages"), ("bar b", "presence"), ("bar c", "everything else")].into_iter().enumerate() {
        let x = LEFT + 100.0 * index as f64;
        canvas.rect([x, y - 9.0, 10.0, 10.0], class);
        canvas.text(x + 14.0, y, Anchor::Start, "t", label, 20);
    }
    let busiest = slots.iter().enumerate().max_by_key(|(_, slot)| slot.iter().sum::<u64>()).map_or(0, |(index, _)| index as i64);
    let description = format!(
        "Stanzas per {} from {first} to {last}, in UTC. The busiest is {} with {} stanzas.",
        unit(length),
        clock(start + busiest * length, length),
        grouped(most)
    );
    Some(canvas.finish("timeline-picture", y + 10.0, "When the account was active".into(), description))
}

/// An interval in words.
pub fn unit(length: i64) -> &'static str {
    match length {
        1 => "second",
        60 => "minute",
        3_600 => "hour",
        86_400 => "day",
        _ => "30 days",
    }
}

/// A time in UTC, as precise as the interval needs.
pub fn clock(seconds: i64, length: i64) -> String {
    let Ok(at) = time::OffsetDateTime::from_unix_timestamp(seconds) else { return "?".into() };
    let (date, hour, minute, second) = (at.date(), at.hour(), at.minute(), at.second());
    match length {
        1 => format!("{hour:02}:{minute:02}:{second:02}"),
        60 => format!("{date} {hour:02}:{minute:02}"),
        3_600 => format!("{date} {hour:02}h"),
        _ => date.to_string(),
    }
}
