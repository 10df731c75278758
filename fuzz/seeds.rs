//! Writes the first inputs of the fuzz targets into `CORPUS/<target>/`: the catalog's examples, the inputs of the fault tests, records.

#[path = "../tests/faults/inputs.rs"]
#[allow(dead_code, reason = "only the bytes are used")]
mod inputs;

use std::io;
use std::path::{Path, PathBuf};

use stanzascope::catalog::Catalog;

/// What the fuzzer takes at most, as `scripts/fuzz` says.
const MAX_LEN: usize = 4096;

fn main() -> io::Result<()> {
    let corpus = PathBuf::from(std::env::args().nth(1).expect("usage: seeds CORPUS"));
    let catalog = Catalog::builtin();
    let examples = catalog.specs.iter().flat_map(|spec| spec.examples.iter().map(|example| example.xml.clone().into_bytes()));
    let stanzas: Vec<Vec<u8>> = examples.chain(inputs::cases().into_iter().map(|case| case.bytes)).collect();
    for target in ["framer", "auditor"] {
        // In front of the input: how many cuts, and where.
        write(&corpus.join(target), stanzas.iter().map(|stanza| [&[2, 7, 30][..], stanza].concat()))?;
    }
    write(&corpus.join("element"), stanzas.iter().cloned())?;
    let records = [include_str!("../tests/records/ordinary.jsonl"), include_str!("../tests/records/hostile.jsonl")];
    write(&corpus.join("report"), records.iter().flat_map(|text| text.lines()).map(|line| line.as_bytes().to_vec()))?;
    write(&corpus.join("redactor"), (0..8).map(|which| vec![which, b'x', b' ', b'@']))
}

fn write(place: &Path, inputs: impl Iterator<Item = Vec<u8>>) -> io::Result<()> {
    std::fs::create_dir_all(place)?;
    for (number, input) in inputs.enumerate().filter(|(_, input)| input.len() <= MAX_LEN) {
        std::fs::write(place.join(format!("seed-{number}")), input)?;
    }
    Ok(())
}
