//! The table of docs/robustness.md, made from the tests: the inputs of `inputs::cases`, and comments `/// F-NN: input → outcome` before tests
//! anywhere in the repository. `STANZASCOPE_REGENERATE=1 cargo test --test faults table` writes it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/robustness.md";
const BEGIN: &str = "<!-- rows: made from the tests, do not edit -->\n";
const END: &str = "<!-- end of rows -->";

/// Rows that must be there.
fn wanted() -> impl Iterator<Item = String> {
    (1..=40).chain(50..=58).chain(60..=65).chain(70..=71).map(|n| format!("F-{n:02}"))
}

/// Rows that nothing tests, and why.
const NOT_TESTED: &[(&str, &str, &str)] =
    &[("F-62", "`</script>`, U+2028 in JSON inside a page", "no page has scripts or JSON in it; the row waits for one that does")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut places = vec![root().join("src"), root().join("tests")];
    while let Some(place) = places.pop() {
        if place.is_dir() {
            places.extend(fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()));
        } else if place.extension().is_some_and(|extension| extension == "rs") && !place.ends_with("faults/table.rs") {
            found.push(place);
        }
    }
    found.sort();
    found
}

/// Lines of the table by row.
fn rows() -> BTreeMap<String, Vec<String>> {
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for case in crate::inputs::cases() {
        let line = format!("| {} | `{}` | `faults/inputs.rs` |", case.name.replace('|', "\\|"), case.log);
        rows.entry(case.row.to_owned()).or_default().push(line);
    }
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let place = path.strip_prefix(root()).unwrap().display().to_string();
        let place = place.strip_prefix("tests/").unwrap_or(&place);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(comment) = line.strip_prefix("/// F-") else { continue };
            let (number, rest) = comment.split_once(": ").unwrap_or_else(|| panic!("{place}: {line}"));
            let (input, outcome) = rest.split_once(" → ").unwrap_or_else(|| panic!("{place}: a row is `input → outcome`: {line}"));
            // What it stands before must be a test.
            let head: Vec<&&str> = lines[at..].iter().take_while(|line| !line.contains("fn ")).collect();
            assert!(head.iter().any(|line| line.starts_with("#[") && line.contains("test")), "{place}: {line} stands before no test");
            let ignored = head.iter().find_map(|line| line.strip_prefix("#[ignore = \"")?.strip_suffix("\"]"));
            let with = ignored.map_or(String::new(), |why| format!(", {why}"));
            let input = input.replace('|', "\\|");
            rows.entry(format!("F-{number}")).or_default().push(format!("| {input} | {outcome} | `{place}`{with} |"));
        }
    }
    for (row, input, why) in NOT_TESTED {
        rows.entry((*row).to_owned()).or_default().push(format!("| {input} | not tested: {why} | |"));
    }
    rows
}

#[test]
fn the_page_has_every_row() {
    let rows = rows();
    let missing: Vec<String> = wanted().filter(|row| !rows.contains_key(row)).collect();
    assert!(missing.is_empty(), "no test for {missing:?}");
    let unknown: Vec<&String> = rows.keys().filter(|row| !wanted().any(|wanted| wanted == **row)).collect();
    assert!(unknown.is_empty(), "{unknown:?} are no rows");
    let mut table = "| row | input | outcome | test |\n|---|---|---|---|\n".to_owned();
    for (row, lines) in &rows {
        lines.iter().for_each(|line| table += &format!("| {row} {line}\n"));
    }
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("a place for the rows");
    let (shown, after) = rest.split_once(END).expect("an end of the rows");
    if shown != table {
        if std::env::var_os("STANZASCOPE_REGENERATE").is_some() {
            fs::write(root().join(PAGE), format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
            return;
        }
        panic!("{PAGE} does not have the rows of the tests (STANZASCOPE_REGENERATE=1 cargo test --test faults table)");
    }
}
