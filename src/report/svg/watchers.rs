//! Who sees what: observers down, sorts of values across. A larger dot is more values; the letter is the most sensitive of them.

use super::{Anchor, Canvas, Picture};
use crate::catalog::Sensitivity;
use crate::record::Observer;
use crate::report::model::Model;
use crate::report::model::watchers::SORTS;

const LEFT: f64 = 88.0;
const STEP: f64 = 39.0;
const ROW: f64 = 31.0;
const TOP: f64 = 36.0;

/// The picture; none when nothing was seen.
pub fn draw(model: &Model) -> Option<Picture> {
    let most = Observer::ALL.iter().filter_map(|observer| model.watchers.of(*observer)).flatten().map(|view| view.values).max()?.max(2);
    let mut canvas = Canvas::new();
    for (index, (sort, _)) in SORTS.iter().enumerate() {
        canvas.text(LEFT + STEP * (index as f64 + 0.5), 18.0, Anchor::Middle, "th small", sort, 10);
    }
    let mut seen = Vec::new();
    for (row, observer) in Observer::ALL.iter().enumerate() {
        let y = TOP + ROW * row as f64 + 10.0;
        canvas.line((0.0, y - ROW / 2.0), (400.0, y - ROW / 2.0), 0.5, "axis");
        canvas.text(LEFT - 6.0, y + 4.0, Anchor::End, "t", name(*observer), 16);
        let Some(views) = model.watchers.of(*observer) else {
            canvas.text(LEFT + STEP * 4.0, y + 4.0, Anchor::Middle, "tm", "nothing seen in this run", 40);
            continue;
        };
        let mut sorts = Vec::new();
        for (index, view) in views.iter().enumerate().filter(|(_, view)| view.values > 0) {
            let x = LEFT + STEP * (index as f64 + 0.5);
            let radius = 6.5 + 7.5 * (view.values as f64).ln() / (most as f64).ln();
            let (class, letter) = match view.worst {
                Some(Sensitivity::Critical) => ("dot critical", "C"),
                Some(Sensitivity::High) => ("dot high", "H"),
                Some(Sensitivity::Medium) => ("dot medium", "M"),
                _ => ("dot low", "L"),
            };
            canvas.circle(x, y, radius, class);
            canvas.text(x, y + 4.0, Anchor::Middle, "ondot", letter, 1);
            sorts.push(SORTS[index].0);
        }
        seen.push(format!("{}: {}", name(*observer), sorts.join(", ")));
    }
    let height = TOP + ROW * Observer::ALL.len() as f64 + 14.0;
    canvas.text(8.0, height - 8.0, Anchor::Start, "tm", "larger: more values. C critical, H high, M medium, L low sensitivity.", 90);
    let description = format!("What each observer could read. {}. The table after it has the numbers.", seen.join("; "));
    Some(canvas.finish("watchers-picture", height, "Who sees what".into(), description))
}

/// An observer in words.
pub fn name(observer: Observer) -> &'static str {
    match observer {
        Observer::Network => "the network",
        Observer::OwnServer => "own server",
        Observer::PeerServer => "peer servers",
        Observer::Contacts => "contacts",
        Observer::Room => "rooms",
        Observer::UploadHost => "upload host",
        Observer::PushService => "push service",
        Observer::Anyone => "anyone",
    }
}
