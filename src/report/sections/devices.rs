//! Devices: how many the server counts, how OMEMO manages them, and what each session said of itself.

use super::words;
use crate::report::doc::{Inline, Section, Table, Tone};
use crate::report::model::Model;
use crate::report::svg;
use crate::report::text::layout::{counted, grouped};

/// Devices in the table.
const MAX_ROWS: usize = 80;
/// Sessions in the table.
const MAX_SESSIONS: usize = 40;

/// The section.
pub fn section(model: &Model) -> Section {
    let mut section = Section::new("devices", "Devices", "Devices, and how OMEMO manages them");
    section.picture(svg::devices(model));
    let mut table = Table::new(
        "OMEMO devices by account",
        &["Device", "Account", "State", "Keys published", "#One-time keys", "#Messages written", "#Encrypted for it", "Records"],
    );
    let mut left_out = 0;
    for (address, account) in model.devices.iter() {
        for (id, device) in &account.devices {
            if table.rows.len() >= MAX_ROWS {
                left_out += 1;
                continue;
            }
            let tone = match (device.announced, device.wrote.is_empty()) {
                (true, false) => Tone::Plain,
                (true, true) => Tone::Medium,
                (false, false) => Tone::High,
                (false, true) => Tone::Low,
            };
            let mut name = Inline::new().value(id.clone());
            if let Some(label) = &device.label {
                name = name.text(" called ").value(label.clone());
            }
            let mut places = device.lists.clone();
            places.extend(&device.wrote);
            table.row(vec![
                name,
                Inline::new().value(if address.is_empty() { "(the account)" } else { address }),
                Inline::new().badge(tone, svg_state(device)),
                if device.published.is_empty() { "not in this run".into() } else { Inline::new().text("yes").places(&device.published) },
                device.prekeys.map_or("–".into(), |count| grouped(count).into()),
                grouped(device.wrote.count).into(),
                grouped(model.devices.recipients.get(id).map_or(0, |places| places.count)).into(),
                Inline::new().places(&places),
            ]);
        }
    }
    table.left_out(left_out, "devices");
    if table.rows.is_empty() {
        section.text("No OMEMO device was announced, and none wrote.");
    }
    section.table(table);
    management(model, &mut section);
    sessions(model, &mut section);
    section
}

fn svg_state(device: &crate::report::model::devices::Device) -> &'static str {
    match (device.announced, device.wrote.is_empty()) {
        (true, false) => "announced, active",
        (true, true) => "announced, dormant",
        (false, false) => "writes, not on the list",
        (false, true) => "not on the list",
    }
}

fn management(model: &Model, section: &mut Section) {
    let mut items = Vec::new();
    let mut say = |text: String, places: &crate::report::model::place::Places| {
        if !places.is_empty() {
            items.push(Inline::new().text(text).places(places));
        }
    };
    let lists = model.facts.sent(&["omemo.axolotl.devicelist.publish_node", "omemo.v2.devices.publish_node"]);
    say(format!("The client published its device list {}", counted(lists.count, "time")), &lists);
    let bundles = model.facts.sent(&["omemo.axolotl.bundle.publish_node", "omemo.v2.bundle.item_id"]);
    say(format!("It published keys {}; each publication tells how many one-time keys are left", counted(bundles.count, "time")), &bundles);
    let fetched = model.facts.sent(&["omemo.axolotl.bundle.fetch_node", "omemo.v2.bundle.fetch_item"]);
    say(
        format!(
            "It asked for the keys of others {}: the server sees with whom a first message is about to be exchanged",
            counted(fetched.count, "time")
        ),
        &fetched,
    );
    let first = model.facts.places(&["omemo.axolotl.message.prekey_flag", "omemo.v2.message.kex"]);
    say(
        format!(
            "{} opened a new session between two devices, which the server can tell from a later one",
            words::plural(first.count, "key", "keys")
        ),
        &first,
    );
    let (most, places) = &model.devices.most_recipients;
    say(format!("A single message was encrypted for up to {}; their ids stand in clear", counted(*most as u64, "device")), places);
    let open = model.facts.places(&["pep.access_model"]);
    say("Nodes were published with an access model; one that is open lets anybody count devices".into(), &open);
    say(
        format!(
            "{} carried keys and no text: they renew sessions, and look different from messages",
            words::plural(model.sizes.empty.count, "container", "containers")
        ),
        &model.sizes.empty,
    );
    if !items.is_empty() {
        section.heading("What managing them tells the server");
        section.list(items);
    }
}

fn sessions(model: &Model, section: &mut Section) {
    let mut table = Table::new("What each session said of itself", &["Session", "Account and resource", "Software", "Connection", "Login"]);
    let all: Vec<_> = model.sessions.of_clients().collect();
    for (_, session) in all.iter().take(MAX_SESSIONS) {
        let fact = |id: &str| session.facts.get(id);
        let list = |ids: &[&str]| {
            ids.iter().filter_map(|id| fact(id)).fold(Inline::new(), |text, (value, place)| {
                let text = if text.is_empty() { text } else { text.text(", ") };
                text.value(value.clone()).records(&[*place])
            })
        };
        let or_none = |text: Inline| if text.is_empty() { "not seen".into() } else { text };
        let software = words::software(session).into_iter().fold(Inline::new(), |text, (value, place)| {
            let text = if text.is_empty() { text } else { text.text(", ") };
            text.value(value).records(&[place])
        });
        table.row(vec![
            Inline::new().value(session.name.clone()),
            Inline::new().value(words::session_name(session)),
            or_none(software),
            or_none(list(&["transport.connection_method", "transport.tls.version_negotiated", "transport.tls.ja4"])),
            or_none(list(&["sasl.mechanism", "sasl2.mechanism"])),
        ]);
    }
    table.left_out(all.len().saturating_sub(MAX_SESSIONS), "sessions");
    section.table(table);
}
