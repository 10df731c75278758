//! The first inputs of the fuzz targets: the catalog's examples, the inputs of F-01 to F-19, records. Each goes through its target's check
//! here; with `STANZASCOPE_SEEDS=DIR`, as `scripts/fuzz` sets it, they are also written to `DIR/<target>/`.

use std::path::PathBuf;

use stanzascope::catalog::Catalog;

use crate::inputs::cases;

#[path = "../../fuzz/bodies.rs"]
mod bodies;

/// What the fuzzer takes at most, as `scripts/fuzz` says.
const MAX_LEN: usize = 4096;

type Target = (&'static str, fn(&[u8]), Vec<Vec<u8>>);

fn targets() -> Vec<Target> {
    let catalog = Catalog::builtin();
    let examples = catalog.specs.iter().flat_map(|spec| spec.examples.iter().map(|example| example.xml.clone().into_bytes()));
    let stanzas: Vec<Vec<u8>> =
        examples.chain(cases().into_iter().map(|case| case.bytes)).filter(|seed| seed.len() < MAX_LEN - 3).collect();
    // In front of the input: how many cuts, and where.
    let cut: Vec<Vec<u8>> = stanzas.iter().map(|stanza| [&[2, 7, 30][..], stanza].concat()).collect();
    let records = [include_str!("../records/ordinary.jsonl"), include_str!("../records/hostile.jsonl")];
    let lines = records.iter().flat_map(|text| text.lines()).map(|line| line.as_bytes().to_vec());
    vec![
        ("framer", bodies::framer, cut.clone()),
        ("auditor", bodies::auditor, cut),
        ("element", bodies::element, stanzas),
        ("client_hello", bodies::client_hello, vec![crate::tls::client_hello("lab.test")]),
        ("redactor", bodies::redactor, (0..8).map(|which| vec![which, b'x', b' ', b'@']).collect()),
        ("report", bodies::report, lines.filter(|line| line.len() < MAX_LEN).collect()),
    ]
}

#[test]
fn every_seed_passes_its_check() {
    let place = std::env::var_os("STANZASCOPE_SEEDS").map(PathBuf::from);
    for (target, check, seeds) in targets() {
        assert!(!seeds.is_empty(), "{target}");
        for (number, seed) in seeds.iter().enumerate() {
            check(seed);
            if let Some(place) = &place {
                std::fs::create_dir_all(place.join(target)).unwrap();
                std::fs::write(place.join(target).join(format!("seed-{number}")), seed).unwrap();
            }
        }
    }
}
