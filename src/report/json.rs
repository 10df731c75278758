//! The report as JSON, for programs: `docs/report.md` describes its keys.
//!
//! Strings are as the log has them; whoever prints them shows control characters some other way. `/` of `</` needs no care here, because
//! the file is no part of a page; `<` is written as `\u003c` all the same, so that it may become one.

use serde_json::{Value, json};

use super::labs::{Basis, Lab};
use super::model::Model;
use super::model::contacts::Contact;
use super::model::findings::FindingGroup;
use super::model::place::{Place, Places};
use super::model::watchers::SORTS;
use super::sections;
use crate::catalog::{Layer, Pattern};
use crate::record::Observer;

/// Version of the format.
pub const SCHEMA_VERSION: u32 = 1;

/// Writes the report.
pub fn page(model: &Model, labs: &[Lab]) -> String {
    let value = report(model, labs);
    let mut text = serde_json::to_string_pretty(&value).expect("a report has string keys");
    text = text.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    text.push('\n');
    text
}

fn report(model: &Model, labs: &[Lab]) -> Value {
    let summary = &model.summary;
    let coverage = &summary.coverage;
    let (step, start, slots) = model.timeline.slots(4096);
    json!({
        "schema": SCHEMA_VERSION,
        "run": {
            "label": summary.run.label,
            "started": summary.run.started,
            "ended": summary.run.ended,
            "accounts": model.accounts(),
            "domains": model.own_domains(),
            "tool": summary.run.tool.version,
        },
        "sentence": sections::sentence(model).plain(),
        "partial": summary.partial(),
        "matrix": matrix(model),
        "conversations": conversations(model),
        "findings": model.findings.against().into_iter().chain(model.findings.in_favour()).map(|group| finding(model, group)).collect::<Vec<_>>(),
        "advice": sections::advice(model).into_iter().map(|(step, pieces)| json!({
            "step": step.key,
            "what": step.what,
            "pieces": pieces.iter().map(|piece| json!({ "text": piece.plain(), "records": piece.named().map(|place| record(model, place)).collect::<Vec<_>>() })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "does_not_help": sections::no_help(model).into_iter().map(|(item, shown)| json!({
            "what": item.key,
            "text": item.what,
            "records": shown.named().map(|place| record(model, place)).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "labs": labs.iter().map(|lab| self::lab(model, lab)).collect::<Vec<_>>(),
        "observers": observers(model),
        "contacts": model.contacts.by_account().map(|(account, contacts)| json!({
            "account": account,
            "contacts": contacts.into_iter().filter(|(address, _)| !model.rooms.contains(address) && *address != account).map(|(address, seen)| contact(model, address, seen)).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "rooms": rooms(model),
        "devices": devices(model),
        "timeline": { "seconds": step, "start": start, "slots": slots.iter().map(|[messages, presence, other]| json!({ "messages": messages, "presence": presence, "other": other })).collect::<Vec<_>>() },
        "sizes": model.sizes.exact.iter().map(|(bytes, places)| json!({ "bytes": bytes, "messages": places.count })).collect::<Vec<_>>(),
        "federation": model.domains.remote(&model.own_domains()).map(|(name, domain)| json!({
            "domain": name,
            "addresses": domain.addresses,
            "values": SORTS.iter().zip(domain.sorts).map(|((sort, _), count)| ((*sort).to_owned(), json!(count))).collect::<serde_json::Map<_, _>>(),
            "records": records(model, &domain.places),
        })).collect::<Vec<_>>(),
        "files": model.files.uploads.iter().map(|file| json!({
            "account": file.account, "name": file.name, "bytes": file.size, "type": file.media_type, "records": records(model, &file.places),
        })).collect::<Vec<_>>(),
        "links": model.files.links.iter().map(|link| json!({
            "field": link.field, "url": link.url, "times": link.places.count, "records": records(model, &link.places),
        })).collect::<Vec<_>>(),
        "coverage": {
            "sessions": coverage.sessions.len(),
            "stanzas": coverage.stanza_count(),
            "values": coverage.classified + coverage.unclassified.total() + coverage.foreign,
            "copies": coverage.copies,
            "unclassified": coverage.unclassified.total(),
            "gaps": coverage.gaps.iter().map(|(reason, gap)| json!({ "reason": reason, "count": gap.count, "bytes": gap.bytes })).collect::<Vec<_>>(),
            "interventions": summary.interventions.iter().map(|(action, seen)| json!({ "action": action, "count": seen.count })).collect::<Vec<_>>(),
        },
    })
}

fn record(model: &Model, place: Place) -> Value {
    let number = if model.by_input { "input" } else { "seq" };
    json!({ "session": model.sessions.get(place.session).name, number: place.number })
}

fn records(model: &Model, places: &Places) -> Value {
    places.first.iter().map(|place| record(model, *place)).collect()
}

fn matrix(model: &Model) -> Vec<Value> {
    let mut cells = Vec::new();
    for (pattern, layer) in Pattern::ALL.iter().flat_map(|pattern| Layer::ALL.iter().map(move |layer| (*pattern, *layer))) {
        if let Some(cell) = model.summary.matrix.get(&(layer, pattern)) {
            let places = model.matrix.get(&(layer, pattern)).map(|(_, places)| records(model, places));
            cells.push(json!({ "layer": layer, "pattern": pattern, "values": cell.values, "worst": cell.worst, "records": places }));
        }
    }
    cells
}

fn conversations(model: &Model) -> Vec<Value> {
    let ranked = model.summary.talks.ranked();
    ranked
        .into_iter()
        .map(|(with, talk)| {
            let verdicts: Vec<Value> = talk
                .verdicts
                .iter()
                .map(|(verdict, judged)| {
                    json!({ "verdict": verdict.name(), "messages": judged.messages, "reasons": judged.reasons, "records": records(model, &model.contacts.verdict_places(with, *verdict)) })
                })
                .collect();
            json!({
                "with": with,
                "room": model.rooms.contains(with),
                "verdict": talk.lowest().map(|verdict| verdict.name()),
                "level": (talk.lowest_level > 0).then(|| format!("E{}", talk.lowest_level)),
                "sent": talk.sent,
                "received": talk.received + talk.undirected,
                "copies": talk.copies.values().sum::<u64>(),
                "verdicts": verdicts,
            })
        })
        .collect()
}

fn finding(model: &Model, group: &FindingGroup) -> Value {
    let finding = &group.first;
    let cases: Vec<Value> = group
        .cases
        .iter()
        .map(|case| {
            let evidence: Vec<Value> = case.evidence.iter().map(|place| record(model, *place)).collect();
            json!({ "session": case.session, "about": case.about, "fact": case.fact, "records": evidence, "accepted": case.accepted })
        })
        .collect();
    json!({
        "rule": finding.rule, "severity": finding.severity, "confidence": finding.confidence, "avoidability": finding.avoidability,
        "favour": finding.favour, "times": group.count, "accepted": group.accepted, "advice": finding.advice, "source": finding.source, "cases": cases,
    })
}

fn lab(model: &Model, lab: &Lab) -> Value {
    let answers: Vec<Value> = lab
        .answers
        .iter()
        .map(|answer| {
            let (places, said) = match &answer.basis {
                Basis::Observed(places) => (records(model, places), None),
                Basis::NotObserved(_) => (json!([]), None),
                Basis::Said(key) | Basis::Ask(key) => (json!([]), Some(key.clone())),
            };
            json!({
                "key": answer.key, "question": answer.question, "short": answer.short.1, "answer": answer.answer.plain(), "basis": answer.basis.name(),
                "session_file": said, "records": places,
            })
        })
        .collect();
    json!({ "lab": lab.id.trim_start_matches("lab-"), "title": lab.title, "answers": answers })
}

fn observers(model: &Model) -> Vec<Value> {
    Observer::ALL
        .iter()
        .filter_map(|observer| {
            let views = model.watchers.of(*observer)?;
            let sorts: Vec<Value> = SORTS
                .iter()
                .zip(views)
                .filter(|(_, view)| view.values > 0)
                .map(|((sort, _), view)| json!({ "sort": sort, "values": view.values, "worst": view.worst, "records": records(model, &view.places) }))
                .collect();
            Some(json!({ "observer": observer, "sorts": sorts }))
        })
        .collect()
}

fn contact(model: &Model, address: &str, contact: &Contact) -> Value {
    json!({
        "address": address, "roster": !contact.roster.is_empty(), "name": contact.name, "subscription": contact.subscription, "groups": contact.groups,
        "sent": contact.sent, "received": contact.received, "copies": contact.copies, "presence": contact.presences, "resources": contact.resources,
        "in_rooms": contact.in_rooms, "records": records(model, &contact.places),
    })
}

fn rooms(model: &Model) -> Vec<Value> {
    model
        .rooms
        .iter()
        .map(|(address, room)| {
            let occupants: Vec<Value> = room
                .occupants
                .iter()
                .map(|(nick, seen)| json!({ "nick": nick, "affiliation": seen.affiliation, "role": seen.role, "real_address": seen.real, "messages": seen.messages }))
                .collect();
            let members: Vec<Value> = room.members.iter().map(|(member, (affiliation, _))| json!({ "address": member, "affiliation": affiliation })).collect();
            json!({
                "address": address, "real_addresses_shown": room.shows_addresses(), "occupants": occupants, "members": members,
                "sent": room.sent, "received": room.received, "history": room.history, "records": records(model, &room.places),
            })
        })
        .collect()
}

fn devices(model: &Model) -> Vec<Value> {
    model
        .devices
        .iter()
        .map(|(account, seen)| {
            let (announced, active, dormant) = seen.counts();
            let devices: Vec<Value> = seen
                .devices
                .iter()
                .map(|(id, device)| {
                    json!({ "id": id, "announced": device.announced, "label": device.label, "messages": device.wrote.count, "one_time_keys": device.prekeys, "records": records(model, &device.lists) })
                })
                .collect();
            json!({ "account": account, "announced": announced, "active": active, "dormant": dormant, "devices": devices })
        })
        .collect()
}
