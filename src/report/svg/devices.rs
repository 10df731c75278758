//! The device surface: for each account its OMEMO devices, and whether they are announced, writing, or silent.

use super::{Anchor, Canvas, Picture};
use crate::report::model::Model;
use crate::report::model::devices::Device;
use crate::report::text::layout::counted;

/// Accounts in the picture.
const MAX_ACCOUNTS: usize = 8;
/// Devices per account in the picture.
const MAX_DEVICES: usize = 9;
const BOX: f64 = 120.0;

/// The picture; none without a device.
pub fn draw(model: &Model) -> Option<Picture> {
    let accounts: Vec<_> = model.devices.iter().filter(|(_, devices)| !devices.devices.is_empty()).collect();
    if accounts.is_empty() {
        return None;
    }
    let mut canvas = Canvas::new();
    let mut y = 4.0;
    let mut described = Vec::new();
    for (address, account) in accounts.iter().take(MAX_ACCOUNTS) {
        canvas.text(4.0, y + 12.0, Anchor::Start, "th", if address.is_empty() { "the account" } else { address }, 50);
        y += 20.0;
        for (index, (id, device)) in account.devices.iter().take(MAX_DEVICES).enumerate() {
            let x = 4.0 + (BOX + 12.0) * (index % 3) as f64;
            if index > 0 && index % 3 == 0 {
                y += 52.0;
            }
            let (class, state) = state(device);
            canvas.rect([x, y, BOX, 44.0], class);
            canvas.text(x + 8.0, y + 17.0, Anchor::Start, "t", id, 15);
            canvas.text(x + 8.0, y + 34.0, Anchor::Start, "tm", state, 19);
        }
        y += 52.0;
        if account.devices.len() > MAX_DEVICES {
            canvas.text(4.0, y + 8.0, Anchor::Start, "tm", &format!("and {} more", account.devices.len() - MAX_DEVICES), 40);
            y += 16.0;
        }
        let (announced, active, dormant) = account.counts();
        described.push(format!("{address}: {announced} announced, {active} writing, {dormant} silent"));
        y += 8.0;
    }
    if accounts.len() > MAX_ACCOUNTS {
        let more = counted((accounts.len() - MAX_ACCOUNTS) as u64, "more account");
        canvas.text(4.0, y + 8.0, Anchor::Start, "tm", &format!("and {more}"), 40);
        y += 16.0;
    }
    Some(canvas.finish("devices-picture", y, "Devices the server can count".into(), format!("{}.", described.join("; "))))
}

/// A device's state: how it is drawn, and in words.
pub fn state(device: &Device) -> (&'static str, &'static str) {
    match (device.announced, device.wrote.is_empty()) {
        (true, false) => ("box active", "announced, wrote"),
        (true, true) => ("box dormant", "announced, silent"),
        (false, false) => ("box stray", "wrote, not listed"),
        (false, true) => ("box none", "keys only"),
    }
}
