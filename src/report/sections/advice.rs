//! Advice in the order of its effect, and what does not help. Both are data; what a run showed decides what is said under each.

use crate::catalog::{Layer, Sensitivity};
use crate::record::Verdict;
use crate::report::doc::{Block, Inline, Section};
use crate::report::model::Model;
use crate::report::model::findings::FindingGroup;
use crate::report::model::place::Places;
use crate::report::sections::words::plural;
use crate::rules::RULES;

/// Pieces of advice from findings under one step.
const MAX_PIECES: usize = 8;

/// A step of advice.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// A word for programs.
    pub key: &'static str,
    /// What to do.
    pub what: &'static str,
    /// Why it stands where it stands.
    pub why: &'static str,
    /// Themes of rules whose advice belongs here.
    themes: &'static [&'static str],
    /// Avoidability of findings that no rule of ours explains.
    avoidability: &'static str,
}

/// The steps, the most effective first.
pub const STEPS: [Step; 5] = [
    Step {
        key: "encrypt",
        what: "Encrypt end to end",
        why: "Nothing else keeps the server out of what people write.",
        themes: &["content", "files"],
        avoidability: "",
    },
    Step {
        key: "limit",
        what: "Limit metadata",
        why: "What is not sent cannot be read, kept or demanded.",
        themes: &["presence", "storage"],
        avoidability: "optional",
    },
    Step {
        key: "client",
        what: "Choose client and settings",
        why: "Clients differ in what they send unasked.",
        themes: &["linkage", "login", "trust", "fetches"],
        avoidability: "avoidable",
    },
    Step {
        key: "devices",
        what: "Separate devices and sessions",
        why: "Each device can read along, and ties the others to the same person.",
        themes: &["recipients"],
        avoidability: "",
    },
    Step {
        key: "holder",
        what: "Treat the server as a holder of metadata",
        why: "Who, with whom and when remain with it whatever you do: choose who runs it.",
        themes: &[],
        avoidability: "inherent",
    },
];

/// Advice for this run: each step with its pieces.
pub fn advice(model: &Model) -> Vec<(Step, Vec<Inline>)> {
    let mut steps: Vec<(Step, Vec<Inline>)> = STEPS.iter().map(|step| (*step, own_words(model, step.key))).collect();
    for group in model.findings.against().into_iter().filter(|group| !group.first.advice.is_empty() && !group.is_accepted()) {
        let pieces = &mut steps[step_of(group)].1;
        let text = &*group.first.advice;
        if pieces.len() < MAX_PIECES && !pieces.iter().any(|piece| piece.plain().contains(text)) {
            let records: Vec<_> = group.cases.first().map(|case| case.evidence.clone()).unwrap_or_default();
            pieces.push(Inline::new().text(capital(text)).text(" (").strong(group.first.rule.clone()).text(")").records(&records));
        }
    }
    steps
}

/// The step that a finding's advice belongs to: by the theme of its rule, or by whether it could have been avoided.
fn step_of(group: &FindingGroup) -> usize {
    let finding = &group.first;
    let holder = STEPS.len() - 1;
    if finding.avoidability == "inherent" {
        return holder;
    }
    let theme = RULES.iter().find(|rule| rule.id == finding.rule).map(|rule| rule.theme.name());
    let by_theme = theme.and_then(|theme| STEPS.iter().position(|step| step.themes.contains(&theme)));
    by_theme.or_else(|| STEPS.iter().position(|step| step.avoidability == finding.avoidability)).unwrap_or(holder)
}

/// What the run itself suggests under a step.
fn own_words(model: &Model, step: &str) -> Vec<Inline> {
    let mut pieces = Vec::new();
    let totals = model.summary.talks.totals();
    match step {
        "encrypt" => {
            let mut clear = model.contacts.with_verdict(Verdict::NotEncrypted);
            clear.extend(&model.contacts.with_verdict(Verdict::ProvenLeak));
            if !clear.is_empty() {
                let text = format!(
                    "{} went in clear: see whether the client can require encryption, and whether it was off by choice",
                    plural(clear.count, "message", "messages")
                );
                pieces.push(Inline::new().text(text).places(&clear));
            }
            if totals.contains_key(&Verdict::Opaque) && model.summary.run.canaries == 0 {
                pieces.push(
                    "To know more than that messages look opaque, declare a canary in the session file and send it in the next run".into(),
                );
            }
        }
        "limit" => {
            let status = model.facts.sent(&["presence.status"]);
            if !status.is_empty() {
                pieces.push(Inline::new().text("Leave the status text empty").places(&status));
            }
            let typing = model.facts.sent(&["chatstate."]);
            if !typing.is_empty() {
                pieces.push(Inline::new().text("Switch typing notifications off").places(&typing));
            }
            let names = model.facts.sent(&["upload.request.filename"]);
            if !names.is_empty() {
                pieces.push(Inline::new().text("Rename files before sending, or use a client that randomises their names").places(&names));
            }
        }
        "devices" => {
            let several = model.devices.iter().filter(|(_, devices)| devices.counts().0 > 1);
            let places = several.fold(Places::default(), |mut places, (_, devices)| {
                places.extend(&devices.lists);
                places
            });
            if !places.is_empty() {
                pieces.push(Inline::new().text("Take devices that are no longer used off the device list; use a second account where two roles must not be linked").places(&places));
            }
        }
        "holder" => {
            let values: u64 =
                model.summary.matrix.iter().filter(|((layer, _), _)| *layer == Layer::Server).map(|(_, cell)| cell.values).sum();
            if values > 0 {
                pieces.push(
                    format!(
                        "{} were read that the protocol needs: ask who runs the server, what it logs, and for how long",
                        plural(values, "value", "values")
                    )
                    .into(),
                );
            }
            let archive = model.facts.places(&["message.stanza_id", "mam.prefs.default"]);
            if !archive.is_empty() {
                pieces.push(Inline::new().text("It keeps an archive: see whether that can be switched off or shortened").places(&archive));
            }
        }
        _ => {}
    }
    pieces
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

/// The section with advice.
pub fn section(model: &Model) -> Section {
    let mut section = Section::new("advice", "Advice", "What to do, the most effective first");
    let mut steps = Vec::new();
    for (step, pieces) in advice(model) {
        let mut text = Inline::new().strong(format!("{}. ", step.what)).text(step.why);
        if pieces.is_empty() {
            text = text.text(" Nothing in this run asks for more.");
        }
        steps.push((text, pieces));
    }
    section.blocks.push(Block::Steps(steps));
    section
}

/// Something that is often believed to help.
#[derive(Debug, Clone, Copy)]
pub struct NoHelp {
    /// A word for programs.
    pub key: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Why it does not help here.
    pub why: &'static str,
}

/// What does not help.
pub const NO_HELP: [NoHelp; 4] = [
    NoHelp { key: "tls_alone", what: "TLS alone", why: "It ends at the server, which reads everything that passes." },
    NoHelp {
        key: "open_standard_alone",
        what: "An open standard alone",
        why: "That anybody may read the specification does not keep the server from reading the stream.",
    },
    NoHelp {
        key: "one_to_one_assumptions",
        what: "Assumptions from one-to-one chat, in groups",
        why: "A room service sees who is in it, as what and when, and each member's devices are further readers.",
    },
    NoHelp {
        key: "compromised_device",
        what: "A secure client on a compromised device",
        why: "Whoever has the device reads what is typed and shown. No run can show that.",
    },
];

/// What does not help and applies to this run, with what shows it.
pub fn no_help(model: &Model) -> Vec<(NoHelp, Inline)> {
    let values: u64 = model.summary.matrix.values().map(|cell| cell.values).sum();
    NO_HELP
        .iter()
        .filter_map(|item| {
            let shown = match item.key {
                "tls_alone" => {
                    let tls = model.facts.places(&["transport.tls.version_negotiated"]);
                    if tls.is_empty() || values == 0 {
                        return None;
                    }
                    let text = format!("This run used it, and the server read {}", plural(values, "value", "values"));
                    Inline::new().text(text).places(&tls).text(".")
                }
                "open_standard_alone" => {
                    let sensitive = model.summary.fields.values().filter(|seen| seen.row.sensitivity >= Sensitivity::High);
                    let count: u64 = sensitive.map(|seen| seen.count).sum();
                    if count == 0 {
                        return None;
                    }
                    let mut places = Places::default();
                    model.matrix.values().filter(|(worst, _)| *worst >= Some(Sensitivity::High)).for_each(|(_, more)| places.extend(more));
                    Inline::new()
                        .text(format!("{} of high or critical sensitivity were in published formats", plural(count, "value", "values")))
                        .places(&places)
                        .text(".")
                }
                "one_to_one_assumptions" => {
                    if model.rooms.is_empty() {
                        return None;
                    }
                    let mut places = Places::default();
                    model.rooms.iter().for_each(|(_, room)| places.extend(&room.places));
                    Inline::new()
                        .text(format!("{} in this run", plural(model.rooms.len() as u64, "room", "rooms")))
                        .places(&places)
                        .text(". ")
                        .link("rooms", "What they showed")
                }
                _ if values == 0 => return None,
                _ => Inline::new(),
            };
            Some((*item, shown))
        })
        .collect()
}

/// The section with what does not help.
pub fn no_help_section(model: &Model) -> Section {
    let mut section = Section::new("no-help", "What does not help", "What does not help");
    let items = no_help(model);
    if items.is_empty() {
        section.text("Nothing was seen that this could be said of.");
    }
    section.list(
        items
            .into_iter()
            .map(|(item, shown)| Inline::new().strong(format!("{}. ", item.what)).text(format!("{} ", item.why)).and(shown))
            .collect(),
    );
    section
}
