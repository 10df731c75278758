//! Lab 3: review the device surface.

use super::{Answer, Basis, Lab, PLAIN, asked, seen};
use crate::report::doc::{Inline, Tone};
use crate::report::model::Model;
use crate::report::model::place::Places;
use crate::report::sections::words;
use crate::report::text::layout::counted;

/// The lab.
pub fn lab(model: &Model) -> Lab {
    let answers = vec![count(model), apps(model), keys(model), history(model), backups(model), notifications(model), storage(model)];
    Lab {
        id: "lab-devices",
        title: "Lab 3: review the device surface",
        purpose: "Every device is a place where messages can be read, and something the server can count.",
        answers,
    }
}

fn count(model: &Model) -> Answer {
    let mut answer = Inline::new();
    let mut places = Places::default();
    let mut most = 0;
    for account in model.accounts() {
        let Some(devices) = model.devices.of(account) else { continue };
        let (announced, active, dormant) = devices.counts();
        most = most.max(announced);
        answer = if answer.is_empty() { answer } else { answer.text("; ") };
        answer = answer.value(account).text(format!(": {announced} announced, {active} active, {dormant} dormant")).places(&devices.lists);
        places.extend(&devices.lists);
    }
    let short = if most > 1 { (Tone::Medium, "several") } else { (Tone::Low, "one each") };
    seen("device_count", "Devices per account", short, answer, places, "No device list was seen: without OMEMO there is none.")
}

fn apps(model: &Model) -> Answer {
    let mut answer = Inline::new();
    let mut places = Places::default();
    for (_, session) in model.sessions.of_clients().take(6) {
        let Some(place) = session.opened else { continue };
        let told = words::software(session);
        answer = if answer.is_empty() { answer } else { answer.text("; ") };
        answer = answer.value(words::session_name(session)).text(": ");
        answer = if told.is_empty() { answer.text("did not say") } else { answer.values(told.iter().map(|(text, _)| text), 3) };
        let mut here = Places::default();
        told.iter().for_each(|(_, place)| here.add(Some(*place)));
        if told.is_empty() {
            here.add(Some(place));
        }
        answer = answer.places(&here);
        places.extend(&here);
    }
    seen("client_apps", "Client apps and versions", PLAIN, answer, places, "No client was seen.")
}

fn keys(model: &Model) -> Answer {
    let published = model.facts.sent(&["omemo.axolotl.bundle.publish_node", "omemo.v2.bundle.item_id", "ox.pubkey.node"]);
    let one_time = model.facts.sent(&["omemo.axolotl.bundle.prekey", "omemo.v2.bundle.pk"]);
    let mut answer = Inline::new().text(format!("{} of public keys", counted(published.count, "publication"))).places(&published);
    let counts = model.facts.sent_values(&["omemo.axolotl.bundle.prekey_count", "omemo.v2.bundle.pk_count"]);
    if !counts.is_empty() {
        answer = answer.text(", with ").values(counts, 3).text(" one-time keys at a time");
    }
    if !one_time.is_empty() {
        answer = answer.text(". The server can tell from their number how often new sessions begin, and can withhold or replace keys");
    }
    let backup = model.facts.places(&["ox.secretkey.backup"]);
    if !backup.is_empty() {
        answer = answer.text(". A secret key was stored on the server").places(&backup);
    }
    seen(
        "key_material",
        "Key material published",
        (Tone::Low, "public keys"),
        answer,
        published,
        "No key was published in this run; it may have been before.",
    )
}

fn history(model: &Model) -> Answer {
    let settings = model.facts.values(&["mam.prefs.default"]);
    let archived = model.facts.places(&["message.stanza_id"]);
    let used = model.facts.places(&["mam.query.", "mam.result.", "mam.fin."]);
    let hints = model.facts.places(&["omemo.axolotl.message.store_hint", "omemo.v2.message.store_hint"]);
    let rooms = model.facts.places(&["muc.config.logging", "muc.config_form.logging"]);
    let mut places = Places::default();
    let mut answer = Inline::new();
    if !settings.is_empty() {
        answer = answer.text("Archive setting: ").values(settings, 3).places(&model.facts.places(&["mam.prefs.default"])).text(". ");
        places.extend(&model.facts.places(&["mam.prefs.default"]));
    }
    if !archived.is_empty() {
        answer = answer
            .text(format!("The server gave {} an archive number: it keeps them", counted(archived.count, "message")))
            .places(&archived)
            .text(". ");
        places.extend(&archived);
    }
    if !hints.is_empty() {
        answer = answer.text(format!("The client asked it to keep {}", counted(hints.count, "message"))).places(&hints).text(". ");
        places.extend(&hints);
    }
    if !used.is_empty() {
        answer = answer.text("The client read the archive").places(&used).text(". ");
        places.extend(&used);
    }
    if !rooms.is_empty() {
        answer = answer.text("Rooms keep a log").places(&rooms).text(". ");
        places.extend(&rooms);
    }
    seen(
        "history",
        "Message history on the server",
        (Tone::Medium, "kept"),
        answer,
        places,
        "No sign of an archive: it may be on all the same.",
    )
}

fn backups(model: &Model) -> Answer {
    asked(model, "backups", "Backups", "Whether device or cloud backups hold messages is not on the wire: say so in [profile] backups.")
}

fn notifications(model: &Model) -> Answer {
    let places = model.facts.places(&["push.service_jid", "push.node", "push.notification.", "push.form."]);
    let mut answer = Inline::new().text("Through ").values(model.facts.values(&["push.service_jid"]), 3);
    answer = answer.text(": that service learns when something arrives for this device");
    let told = model.facts.places(&["push.notification.sender", "push.notification.body", "push.form.sender", "push.form.body"]);
    if !told.is_empty() {
        answer = answer.text(", and from whom or what").places(&told);
    }
    seen("notifications", "Notification exposure", (Tone::Medium, "push"), answer, places, "No push service was registered in this run.")
}

fn storage(model: &Model) -> Answer {
    let answer =
        asked(model, "key_storage", "Keys at rest", "How the device keeps its keys is not on the wire: say so in [profile] key_storage.");
    debug_assert!(!matches!(answer.basis, Basis::Observed(_)));
    answer
}
