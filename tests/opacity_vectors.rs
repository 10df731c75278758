//! Every vector of `tests/vectors` gets the verdict its manifest expects, by the rule it names.

#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use stanzascope::audit::canary::Canaries;
use stanzascope::audit::{DeviceList, Settings};
use stanzascope::catalog::Catalog;
use stanzascope::scan::{Options, scan};

#[derive(Deserialize)]
struct Manifest {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    file: String,
    expect: String,
    rule: Option<String>,
    canary: Option<String>,
    directory: Option<String>,
}

#[derive(Deserialize)]
struct Directory {
    namespace: Option<String>,
    device_lists: BTreeMap<String, Vec<u32>>,
}

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn directory(name: &str) -> Vec<DeviceList> {
    let directory: Directory = serde_json::from_str(&file(name)).unwrap();
    let lists = directory.device_lists.into_iter();
    lists.map(|(account, devices)| DeviceList { namespace: directory.namespace.clone(), account, devices }).collect()
}

fn verdicts(settings: Settings, input: &str) -> Vec<Value> {
    let mut out = Vec::new();
    scan(&Catalog::builtin(), &Options { settings, ..Options::default() }, &mut input.as_bytes(), &mut out).unwrap();
    let rows = String::from_utf8(out).unwrap();
    rows.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|row| row["type"] == "stanza")
        .map(|row| row["verdict"].clone())
        .collect()
}

/// The verdict on a file is the worst of its messages; strongest first.
const ORDER: [&str; 5] = ["PROVEN_LEAK", "SUSPECT", "NOT_ENCRYPTED", "OTHER_E2EE", "OPAQUE"];

#[test]
fn every_vector_gets_its_verdict() {
    let manifest: Manifest = serde_json::from_str(&file("manifest.json")).unwrap();
    let mut problems = Vec::new();
    for entry in &manifest.entries {
        let settings = Settings {
            canaries: Canaries::of_texts(entry.canary.iter().cloned()).unwrap(),
            device_lists: entry.directory.as_deref().map(directory).unwrap_or_default(),
            ..Settings::default()
        };
        let verdicts = verdicts(settings, &file(&entry.file));
        let worst = verdicts
            .iter()
            .filter(|verdict| !verdict.is_null())
            .min_by_key(|verdict| ORDER.iter().position(|name| verdict["body"] == **name).unwrap());
        let body = worst.map_or("none", |verdict| verdict["body"].as_str().unwrap());
        let by_rule = |rule: &str| worst.is_some_and(|verdict| verdict["rules"].as_array().unwrap().iter().any(|id| id == rule));
        if body != entry.expect || entry.rule.as_deref().is_some_and(|rule| !by_rule(rule)) {
            problems.push(format!("{}: expected {} {:?}, got {verdicts:?}", entry.file, entry.expect, entry.rule));
        }
    }
    assert!(
        manifest.entries.len() > 30 && problems.is_empty(),
        "{} of {}:\n{}",
        problems.len(),
        manifest.entries.len(),
        problems.join("\n")
    );
}
