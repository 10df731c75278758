//! Lab 1: classify a messaging path.

use super::{Answer, Basis, Lab, PLAIN, asked, content, not_observed, seen};
use crate::catalog::Layer;
use crate::report::doc::{Inline, Tone};
use crate::report::model::Model;
use crate::report::model::place::Places;
use crate::report::sections::words;
use crate::report::text::layout::counted;

/// Encryption systems, by the beginning of the fields that show them.
const SYSTEMS: [(&str, &str); 7] = [
    ("omemo.axolotl.", "OMEMO (siacs, version 0.3)"),
    ("omemo.v1.", "OMEMO (urn:xmpp:omemo:1)"),
    ("omemo.v2.", "OMEMO (urn:xmpp:omemo:2)"),
    ("ox.", "OpenPGP for XMPP (XEP-0373)"),
    ("pgp27.", "old OpenPGP (XEP-0027)"),
    ("otr.", "OTR"),
    ("esession.", "encrypted sessions (XEP-0200)"),
];

/// The lab.
pub fn lab(model: &Model) -> Lab {
    let answers = vec![
        service(model),
        server_sees_content(model),
        server_sees_metadata(model),
        encryption(model),
        several_devices(model),
        groups(model),
        attachments(model),
        threat_model(model),
    ];
    Lab {
        id: "lab-classify",
        title: "Lab 1: classify the messaging path",
        purpose: "What sort of path is this, and what can its server read?",
        answers,
    }
}

fn service(model: &Model) -> Answer {
    let question = "Service";
    let mut answer = Inline::new().text("XMPP at ").values(model.own_domains(), 4);
    let mut places = model.facts.places(&["stream.to", "stream.from.server", "bind.jid_assigned", "transport.connection_method"]);
    if let Some(facts) = model.facts.get("disco.identity.name")
        && let Some((name, at)) = facts.received.values.first()
    {
        answer = answer.text("; the server calls itself ").value(name.clone());
        places.extend(at);
    }
    if places.is_empty() {
        places = model.facts.places(&["iq.", "message.", "presence."]);
    }
    seen("service", question, PLAIN, answer, places, "No stream was seen.")
}

fn server_sees_content(model: &Model) -> Answer {
    let question = "Does the server see content?";
    let Some((encrypted, answer, places)) = content(model) else {
        return not_observed("server_sees_content", question, "No message with content was seen: send some, encrypted and not.");
    };
    let short = match encrypted.1 {
        "no" => (Tone::High, "yes"),
        "in part" => (Tone::High, "in part"),
        _ => (Tone::Good, "not seen"),
    };
    Answer { key: "server_sees_content".into(), question: question.into(), short, answer, basis: Basis::Observed(places) }
}

fn server_sees_metadata(model: &Model) -> Answer {
    let count: u64 = model.summary.matrix.iter().filter(|((layer, _), _)| *layer != Layer::E2ee).map(|(_, cell)| cell.values).sum();
    let mut places = Places::default();
    model.matrix.iter().filter(|((layer, _), _)| *layer == Layer::Server).for_each(|(_, (_, more))| places.extend(more));
    let people = model.contacts.addresses().len() as u64;
    let answer = Inline::new()
        .text(format!(
            "{} outside the encrypted parts, naming {}. ",
            counted(count, "value"),
            words::plural(people, "address", "addresses")
        ))
        .link("matrix", "The matrix has them by layer and pattern.");
    seen("server_sees_metadata", "Does the server see metadata?", (Tone::High, "yes"), answer, places, "Nothing was seen.")
}

fn encryption(model: &Model) -> Answer {
    let question = "OMEMO or similar in use?";
    let mut answer = Inline::new();
    let mut places = Places::default();
    for (prefix, name) in SYSTEMS {
        // Announcing a system is not using it: what counts is a container in a message.
        let more = match prefix.strip_prefix("omemo.") {
            Some(generation) => model.facts.places(&[&format!("omemo.{generation}message.")]),
            None => model.facts.places(&[prefix]),
        };
        if !more.is_empty() {
            answer = if answer.is_empty() { answer } else { answer.text(", ") };
            answer = answer.text(name).places(&more);
            places.extend(&more);
        }
    }
    if !model.omemo.is_empty() {
        answer = answer.text(format!("; {} with an OMEMO container", counted(model.omemo.count, "message")));
    }
    seen("uses_omemo", question, (Tone::Good, "yes"), answer, places, "No encrypted container was seen in a message.")
}

fn several_devices(model: &Model) -> Answer {
    let mut answer = Inline::new();
    let mut places = Places::default();
    let mut most = 0;
    for account in model.accounts() {
        let announced = model.devices.of(account).map_or(0, |devices| devices.counts().0);
        let sessions = model.sessions.of_clients().filter(|(_, session)| session.account.as_deref() == Some(account)).count();
        most = most.max(announced).max(sessions);
        answer = if answer.is_empty() { answer } else { answer.text("; ") };
        answer = answer.value(account).text(format!(": {announced} announced, {} in this run", counted(sessions as u64, "session")));
        if let Some(devices) = model.devices.of(account) {
            places.extend(&devices.lists);
        }
    }
    let carbons = model.facts.places(&["carbons.enable", "bind2.enable_carbons"]);
    if !carbons.is_empty() {
        answer = answer.text("; carbons are on: the server copies every message to every device").places(&carbons);
        places.extend(&carbons);
    }
    if places.is_empty() {
        places = model.facts.places(&["bind.jid_assigned"]);
    }
    let short = if most > 1 { (Tone::Medium, "yes") } else { (Tone::Low, "one device") };
    seen("multi_device", "Several devices?", short, answer, places, "No login and no device list was seen.")
}

fn groups(model: &Model) -> Answer {
    let question = "Group chat?";
    let mut places = Places::default();
    let mut answer = Inline::new();
    for (address, room) in model.rooms.iter().take(4) {
        answer = if answer.is_empty() { answer } else { answer.text("; ") };
        let addresses = if room.shows_addresses() { "real addresses shown" } else { "real addresses not seen" };
        answer = answer.value(address).text(format!(": {} known, {addresses}", counted(room.people() as u64, "participant")));
        places.extend(&room.places);
    }
    if model.rooms.len() > 4 {
        answer = answer.text(format!("; and {}", counted((model.rooms.len() - 4) as u64, "more room")));
    }
    seen("group_chat", question, (Tone::Medium, "yes"), answer, places, "No room was joined: join one to see what it tells the server.")
}

fn attachments(model: &Model) -> Answer {
    let mut places = Places::default();
    model.files.uploads.iter().for_each(|file| places.extend(&file.places));
    model.files.links.iter().for_each(|link| places.extend(&link.places));
    let mut answer = Inline::new().text(format!(
        "{} announced, {} in clear",
        counted(model.files.uploads.len() as u64, "file"),
        counted(model.files.links.len() as u64, "link")
    ));
    let names: Vec<&str> = model.files.uploads.iter().filter_map(|file| file.name.as_deref()).collect();
    if !names.is_empty() {
        answer = answer.text("; the server read the name ").values(names, 3);
    }
    seen(
        "attachments",
        "Attachments?",
        (Tone::Medium, "yes"),
        answer,
        places,
        "No file was sent: send one to see what is announced before the upload.",
    )
}

fn threat_model(model: &Model) -> Answer {
    let mut answer = asked(
        model,
        "threat_model",
        "Does it fit the threat model?",
        "Whom must what be kept from? Only the evaluator can say, in [profile] threat_model; then weigh it against the answers above.",
    );
    if matches!(answer.basis, Basis::Said(_)) {
        let against = model.findings.against().iter().filter(|group| group.rank() >= 3 && !group.is_accepted()).count() as u64;
        answer.short = (Tone::Plain, "yours to weigh");
        answer.answer = answer.answer.text(format!(
            ". To weigh it against: {} of medium severity or worse, and {} that the server read. Whether that fits is for the evaluator to judge.",
            counted(against, "finding"),
            words::plural(model.summary.matrix.values().map(|cell| cell.values).sum(), "value", "values")
        ));
    }
    answer
}
