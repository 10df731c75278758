//! The fuzz targets' checks on generated input: arbitrary bytes, and mutations of real stanzas.

#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

#[path = "../fuzz/bodies.rs"]
mod bodies;

use proptest::prelude::*;
use stanzascope::catalog::Catalog;

/// The catalog's examples: realistic stanzas of every kind.
fn example() -> impl Strategy<Value = String> {
    let catalog = Catalog::builtin();
    let all: Vec<String> = catalog.specs.iter().flat_map(|spec| spec.examples.iter().map(|example| example.xml.clone())).collect();
    proptest::sample::select(all)
}

/// Real stanzas with some bytes overwritten, in front of them the places to cut at.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (
        proptest::collection::vec(example(), 1..4),
        proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        proptest::collection::vec(any::<u8>(), 7),
    )
        .prop_map(|(stanzas, hits, cuts)| {
            let mut text = stanzas.concat().into_bytes();
            for (at, byte) in hits {
                let at = at.index(text.len());
                text[at] = byte;
            }
            let mut data = vec![7];
            data.extend(cuts);
            data.extend(text);
            data
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_framed(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        bodies::framer(&data);
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        bodies::element(&data);
    }

    #[test]
    fn damaged_stanzas_are_parsed_or_refused(data in damaged()) {
        bodies::element(&data[8..]);
    }

    #[test]
    fn secrets_stay_secret_whatever_stands_around_them(data in proptest::collection::vec(any::<u8>(), 0..60)) {
        bodies::redactor(&data);
    }

    #[test]
    fn any_bytes_are_audited(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        bodies::auditor(&data);
    }

    /// F-70: the checks of the fuzz targets on generated input, 2,000 cases each; `scripts/fuzz` looks for more, guided by coverage → no panic, no byte unaccounted for, the cuts do not show in the records
    #[test]
    fn damaged_stanzas_are_audited_whatever_the_cuts(data in damaged()) {
        bodies::auditor(&data);
    }
}

#[cfg(feature = "proxy")]
proptest! {
    #[test]
    fn any_bytes_are_a_client_hello_or_not(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        bodies::client_hello(&data);
    }
}

#[test]
fn records_become_a_report_or_are_refused() {
    for line in [include_str!("records/ordinary.jsonl"), include_str!("records/hostile.jsonl"), include_str!("records/leaky.jsonl")] {
        bodies::report(line.as_bytes());
        bodies::report(&line.as_bytes()[..line.len() - 10]);
    }
}
