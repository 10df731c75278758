//! `docs/catalog.md`: what the catalog knows, one line per specification.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Catalog, Field, Layer, Sensitivity};

/// The page, from the catalog.
pub fn page(catalog: &Catalog) -> String {
    let mut by_spec: BTreeMap<&str, Vec<&Field>> = BTreeMap::new();
    for field in &catalog.fields {
        by_spec.entry(&field.spec).or_default().push(field);
    }
    let mut out = String::from(HEAD);
    let examples: usize = catalog.specs.iter().map(|spec| spec.examples.len()).sum();
    writeln!(
        out,
        "{} fields of {} specifications, {examples} examples written by hand; every other field that a stanza can show is hit by a generated one.\n",
        catalog.fields.len(),
        by_spec.len()
    )
    .expect("writing to a string");
    out.push_str("| Layer | Fields | of high or critical sensitivity |\n|---|---:|---:|\n");
    for layer in Layer::ALL {
        let fields: Vec<&Field> = catalog.fields.iter().filter(|field| field.layer == *layer).collect();
        writeln!(out, "| {layer} | {} | {} |", fields.len(), sensitive(&fields)).expect("writing to a string");
    }
    out.push_str(
        "\n| Specification | Title | Version read | Fields | high or critical | not visible here |\n|---|---|---|---:|---:|---:|\n",
    );
    for (spec, fields) in &by_spec {
        let file = catalog.specs.iter().find(|file| file.spec == *spec).expect("a field comes from a file");
        let hidden = fields.iter().filter(|field| field.invisible.is_some()).count();
        let title = file.title.replace('|', "\\|");
        writeln!(out, "| {spec} | {title} | {} | {} | {} | {hidden} |", file.version, fields.len(), sensitive(fields))
            .expect("writing to a string");
    }
    out
}

fn sensitive(fields: &[&Field]) -> usize {
    fields.iter().filter(|field| field.sensitivity >= Sensitivity::High).count()
}

const HEAD: &str = "# What the catalog knows\n
<!-- Written from catalog/ by `STANZASCOPE_REGENERATE=1 cargo test --lib overview`; a test keeps it current. -->\n
`stanzascope catalog --spec 45` lists the fields of a specification, `stanzascope catalog show FIELD` shows one in full.\n\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overview_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/catalog.md");
        let page = page(&Catalog::builtin());
        if std::env::var_os("STANZASCOPE_REGENERATE").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == page, "docs/catalog.md is not current: run `STANZASCOPE_REGENERATE=1 cargo test --lib overview`");
    }
}
