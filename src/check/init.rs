//! A plan written from a run: what it shows is expected from now on, and nothing more. Checked against the same run, it passes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::BufRead;

use super::evaluate::most;
use super::expect::verdict_rank;
use crate::catalog::Sensitivity;
use crate::catalog::rows::Rows;
use crate::record::Observer;
use crate::report::read::{self, ReadBody, ReadError};
use crate::report::{RunInfo, Summary};
use crate::rules::RULES;
use crate::xmpp::Direction;

/// Writes the plan. `records` is read twice, so it is asked for twice.
///
/// # Errors
/// Failures of reading; input that is no record log.
pub fn plan<R: BufRead>(mut records: impl FnMut() -> Result<R, ReadError>, rows: &Rows, info: &RunInfo) -> Result<String, ReadError> {
    let summary = Summary::read(&mut records()?, rows, info.clone())?;
    let mut sent = BTreeSet::new();
    let mut observers: BTreeMap<&'static str, Option<Sensitivity>> = Observer::ALL.iter().map(|one| (one.name(), None)).collect();
    let mut worst: Option<(u8, String)> = None;
    let mut found = BTreeSet::new();
    read::each(&mut records()?, |_, body| match body {
        ReadBody::Stanza(stanza) => {
            for exposure in stanza.exposures.iter().filter(|exposure| exposure.via.is_none()) {
                if stanza.direction == Some(Direction::ClientToServer) {
                    sent.insert(exposure.field.to_string());
                }
                for observer in &stanza.observers {
                    if let Some(so_far) = observers.get_mut(&**observer) {
                        *so_far = most(*so_far, rows.get(&exposure.field));
                    }
                }
            }
            if let Some(verdict) = &stanza.verdict {
                let level = verdict.level.as_deref().or((verdict.body == "OPAQUE").then_some("E1"));
                let rank = verdict_rank(&verdict.body, level);
                if worst.as_ref().is_none_or(|(worst, _)| rank < *worst) {
                    let text = level.map_or_else(|| verdict.body.to_string(), |level| format!("{}({level})", verdict.body));
                    worst = Some((rank, text));
                }
            }
        }
        // What the connection itself shows counts for `only_fields` as what stanzas do.
        ReadBody::Transport(transport) if transport.direction == Some(Direction::ClientToServer) => {
            sent.extend(transport.exposures.iter().map(|exposure| exposure.field.to_string()));
        }
        ReadBody::Finding(finding) if finding.favour != "for" => _ = found.insert(finding.rule.to_string()),
        _ => {}
    })?;

    let mut out =
        String::from("# What a run showed, as a plan: what goes beyond it fails (stanzascope check RUN --plan FILE; docs/check.md).\n");
    for reason in summary.partial() {
        comment(
            &mut out,
            &format!("The run was not seen whole ({reason}), so checked against it, this plan does not pass without --accept-gaps."),
        );
    }
    if !sent.is_empty() {
        expect(&mut out, "What the client sends, and nothing else.");
        list(&mut out, "only_fields", sent.iter().map(String::as_str));
        out.push_str("direction = \"client_to_server\"\n");
    }
    if let Some((_, verdict)) = worst {
        expect(&mut out, "No message fares worse.");
        put(&mut out, format_args!("verdict_at_least = {}\n", quoted(&verdict)));
    }
    for (key, what, number) in [
        (
            "max_devices",
            "OMEMO device ids, the account's and others'.",
            summary.people.devices.len() as u64 + summary.people.devices.overflow(),
        ),
        ("max_resources", "Resources of the account.", summary.people.resources.len() as u64 + summary.people.resources.overflow()),
        ("max_contacts", "Addresses of other people.", summary.people.contacts().len() as u64 + summary.people.overflow()),
        ("max_rooms", "Rooms.", summary.people.rooms.len() as u64 + summary.people.rooms.overflow()),
        ("max_unclassified", "Values that no row of the catalog claims.", summary.coverage.unclassified.total() + summary.coverage.foreign),
    ] {
        expect(&mut out, what);
        put(&mut out, format_args!("{key} = {number}\n"));
    }
    for (observer, most) in observers {
        // An observer who may read everything is no expectation.
        if most < Some(Sensitivity::Critical) {
            expect(&mut out, "The most sensitive field it may read.");
            put(&mut out, format_args!("observer.{observer} = \"{}\"\n", most.map_or("none", Sensitivity::name)));
        }
    }
    let silent: Vec<&str> = RULES.iter().map(|rule| rule.id).filter(|id| !found.contains(*id)).collect();
    if !silent.is_empty() {
        expect(&mut out, "Rules that found nothing.");
        list(&mut out, "no_finding", silent.into_iter());
    }
    Ok(out)
}

fn expect(out: &mut String, about: &str) {
    out.push('\n');
    comment(out, about);
    out.push_str("[[expect]]\n");
}

fn comment(out: &mut String, text: &str) {
    put(out, format_args!("# {}\n", crate::report::terminal::shown(text)));
}

fn list<'a>(out: &mut String, key: &str, names: impl Iterator<Item = &'a str>) {
    put(out, format_args!("{key} = [\n"));
    names.for_each(|name| put(out, format_args!("    {},\n", quoted(name))));
    out.push_str("]\n");
}

/// A TOML string. Ids and verdicts are plain words; what is not is escaped as JSON does, which TOML understands.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string can be written")
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string");
}
