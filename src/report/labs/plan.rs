//! Lab 4: plan a private chat. The plan of the session file, judged line by line against the run.
//!
//! What the run can contradict is said to be *not met*. What it cannot prove is never said to be met: the best is *nothing against it*.

use super::{Answer, Basis, Lab};
use crate::record::Verdict;
use crate::report::doc::{Inline, Tone};
use crate::report::model::Model;
use crate::report::model::place::Places;
use crate::report::sections::words;

/// Keys of `[plan]` that are judged, with the question.
const LINES: [(&str, &str); 8] = [
    ("goal", "Goal"),
    ("recipient", "Recipient"),
    ("need_anonymity", "Anonymity needed"),
    ("content_secrecy", "Secrecy of content"),
    ("metadata_secrecy", "Secrecy of metadata"),
    ("attachments", "Attachments"),
    ("allowed_clients", "Allowed clients"),
    ("backup_policy", "Backup policy"),
];

const MET: (Tone, &str) = (Tone::Good, "met");
const NOT_MET: (Tone, &str) = (Tone::High, "not met");
const NOTHING_AGAINST: (Tone, &str) = (Tone::Good, "nothing against it");
const NOT_NEEDED: (Tone, &str) = (Tone::Plain, "not needed");
const NOT_OBSERVED: (Tone, &str) = (Tone::Plain, "not observed");
const YOURS: (Tone, &str) = (Tone::Plain, "yours to weigh");
const ASK: (Tone, &str) = (Tone::Plain, "ask the evaluator");

/// The lab.
pub fn lab(model: &Model) -> Lab {
    let plan = &model.summary.run.plan;
    let mut answers: Vec<Answer> = Vec::new();
    for (key, question) in LINES {
        let Some(said) = plan.text(key) else {
            let answer = Inline::new().text("The session file does not say.");
            answers.push(Answer {
                key: key.into(),
                question: question.into(),
                short: ASK,
                answer,
                basis: Basis::Ask(format!("[plan] {key}")),
            });
            continue;
        };
        let (short, judged, places) = judge(model, key);
        let answer = Inline::new().value(said).text(". ").and(judged);
        let basis = match places {
            Some(places) if !places.is_empty() => Basis::Observed(places),
            _ => Basis::Said(format!("[plan] {key}")),
        };
        answers.push(Answer { key: key.into(), question: question.into(), short, answer, basis });
    }
    for key in plan.0.keys().filter(|key| !LINES.iter().any(|(known, _)| known == key)).take(20) {
        let answer = Inline::new().value(plan.text(key).unwrap_or_default());
        let answer = answer.text(". As written: this line is not judged.");
        answers.push(Answer { key: key.clone(), question: key.clone(), short: YOURS, answer, basis: Basis::Said(format!("[plan] {key}")) });
    }
    Lab {
        id: "lab-plan",
        title: "Lab 4: plan a private chat",
        purpose: "The evaluator's plan, line by line, against what this run showed.",
        answers,
    }
}

type Judged = ((Tone, &'static str), Inline, Option<Places>);

fn judge(model: &Model, key: &str) -> Judged {
    match key {
        "recipient" => recipient(model),
        "need_anonymity" => anonymity(model),
        "content_secrecy" => content(model),
        "metadata_secrecy" => metadata(model),
        "attachments" => attachments(model),
        "allowed_clients" => clients(model),
        "backup_policy" => backup(model),
        _ => (YOURS, Inline::new().text("Weigh it against the lines below."), None),
    }
}

fn recipient(model: &Model) -> Judged {
    let mut places = Places::default();
    let mut lowest: Option<Verdict> = None;
    for address in model.summary.run.plan.list("recipient") {
        for contact in model.contacts.by_account().flat_map(|(_, contacts)| contacts).filter(|(known, _)| *known == address) {
            places.extend(&contact.1.places);
            lowest = match (lowest, contact.1.lowest()) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
    }
    let text = Inline::new();
    match lowest {
        _ if places.is_empty() => (NOT_OBSERVED, text.text("Nothing was exchanged with this address in the run."), None),
        Some(verdict) => (
            YOURS,
            text.text("Messages were exchanged; the worst of them: ").badge(verdict.into(), words::verdict(verdict)).text("."),
            Some(places),
        ),
        None => (YOURS, text.text("The address was seen, but no message with content."), Some(places)),
    }
}

fn anonymity(model: &Model) -> Judged {
    if model.summary.run.plan.yes("need_anonymity") == Some(false) {
        return (NOT_NEEDED, Inline::new().text("The server knows account, address and device."), None);
    }
    let who = model.facts.places(&["bind.jid_assigned", "sasl.scram.username", "sasl2.authorization_identifier"]);
    let network = model.facts.places(&["transport.tcp.client_ip"]);
    let mut places = who.clone();
    places.extend(&network);
    if places.is_empty() {
        return (NOT_OBSERVED, Inline::new().text("No login was seen."), None);
    }
    let mut text = Inline::new().text("The server links everything to the account");
    text = text.places(&who);
    if !network.is_empty() {
        text = text.text(" and to the network address it comes from").places(&network);
    }
    (NOT_MET, text.text(". An account without a name and a network that hides the address would be needed."), Some(places))
}

fn content(model: &Model) -> Judged {
    if model.summary.run.plan.yes("content_secrecy") == Some(false) {
        return (NOT_NEEDED, Inline::new(), None);
    }
    let wanted = model.summary.run.plan.list("recipient");
    let (mut bad, mut good) = (Places::default(), Places::default());
    for (address, contact) in model.contacts.by_account().flat_map(|(_, contacts)| contacts) {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == address) {
            continue;
        }
        for (verdict, places) in &contact.verdicts {
            if matches!(verdict, Verdict::Opaque | Verdict::OtherE2ee) { good.extend(places) } else { bad.extend(places) }
        }
    }
    let with = if wanted.is_empty() { "" } else { " with the recipient" };
    if !bad.is_empty() {
        let text = format!("{} of {} messages{with} could be read or raise suspicion.", bad.count, bad.count + good.count);
        return (NOT_MET, Inline::new().text(text), Some(bad));
    }
    if good.is_empty() {
        return (NOT_OBSERVED, Inline::new().text(format!("No message{with} was seen.")), None);
    }
    let level = model.summary.talks.lowest_level().unwrap_or(1);
    (
        NOTHING_AGAINST,
        Inline::new().text(format!("All {} messages{with} looked opaque (evidence E{level}); that is no proof.", good.count)),
        Some(good),
    )
}

fn metadata(model: &Model) -> Judged {
    if model.summary.run.plan.yes("metadata_secrecy") == Some(false) {
        return (NOT_NEEDED, Inline::new(), None);
    }
    let places =
        model.facts.places(&["message.to", "message.from", "roster.item.jid", "muc.join.room", "presence.show", "presence.status"]);
    if places.is_empty() {
        return (NOT_OBSERVED, Inline::new().text("No message, roster, room or presence was seen."), None);
    }
    (
        NOT_MET,
        Inline::new()
            .text("The server read who writes to whom, when, and who is in the roster and in rooms. XMPP cannot do without the first two."),
        Some(places),
    )
}

fn attachments(model: &Model) -> Judged {
    let mut places = Places::default();
    model.files.uploads.iter().for_each(|file| places.extend(&file.places));
    model.files.links.iter().for_each(|link| places.extend(&link.places));
    let none = model.summary.run.plan.yes("attachments") == Some(false);
    match (none, places.is_empty()) {
        (true, true) => (MET, Inline::new().text("No file was announced or linked in the run."), None),
        (true, false) => (NOT_MET, Inline::new().text("Files were announced or linked all the same."), Some(places)),
        (false, true) => (NOT_OBSERVED, Inline::new().text("No file was announced or linked in the run."), None),
        (false, false) => {
            let names = model.facts.sent(&["upload.request.filename"]);
            let text = if names.is_empty() {
                "The server saw that files went, and how large they are."
            } else {
                "The server read name and size of files before they were sent."
            };
            (YOURS, Inline::new().text(text).link("files", " Files"), Some(places))
        }
    }
}

fn clients(model: &Model) -> Judged {
    let allowed: Vec<String> = model.summary.run.plan.list("allowed_clients").iter().map(|name| name.to_lowercase()).collect();
    let (mut others, mut fits, mut places) = (Vec::new(), 0, Places::default());
    for (_, session) in model.sessions.of_clients() {
        let told = words::software(session);
        if told.is_empty() {
            continue;
        }
        told.iter().for_each(|(_, place)| places.add(Some(*place)));
        let known = told.iter().any(|(text, _)| allowed.iter().any(|name| text.to_lowercase().contains(name.as_str())));
        if known { fits += 1 } else { others.push(words::session_name(session)) }
    }
    match (fits, others.is_empty()) {
        (0, true) => (NOT_OBSERVED, Inline::new().text("No client said what it is."), None),
        (_, true) => {
            (MET, Inline::new().text("Every client that said what it is, is on the list. Clients can say what they like."), Some(places))
        }
        _ => (NOT_MET, Inline::new().text("Not on the list: ").values(others, 4).text("."), Some(places)),
    }
}

fn backup(model: &Model) -> Judged {
    match model.summary.run.profile.text("backups") {
        Some(said) => (YOURS, Inline::new().text("The profile says of backups: ").value(said).text("."), None),
        None => (ASK, Inline::new().text("Backups are not on the wire; [profile] backups would say how it is."), None),
    }
}
