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

/// What people ask about first, by the specifications that define it: for the table in the README.
const AREAS: &[(&str, &[&str])] = &[
    (
        "Connection, TLS, login",
        &["RFC6120", "RFC8446", "RFC5802", "RFC9000", "RFC9293", "XEP-0388", "XEP-0386", "XEP-0484", "XEP-0198", "XEP-0440", "XEP-0474"],
    ),
    (
        "Messages, presence, roster",
        &["RFC6121", "RFC3921", "XEP-0085", "XEP-0184", "XEP-0308", "XEP-0319", "XEP-0333", "XEP-0352", "XEP-0359"],
    ),
    ("OMEMO (three generations)", &["XEP-0384", "XEP-0420", "XEP-0380", "XEP-0434", "XEP-0450"]),
    ("OpenPGP, OTR, other encryption", &["XEP-0027", "XEP-0364", "XEP-0373", "XEP-0374", "XEP-0200", "XEP-0116"]),
    ("Rooms and channels", &["XEP-0045", "XEP-0249", "XEP-0369", "XEP-0403", "XEP-0405", "XEP-0421", "XEP-0425", "XEP-0486"]),
    ("Archives, carbons, bookmarks", &["XEP-0136", "XEP-0280", "XEP-0297", "XEP-0313", "XEP-0402", "XEP-0441", "XEP-0048", "XEP-0490"]),
    (
        "Files",
        &[
            "XEP-0047", "XEP-0065", "XEP-0066", "XEP-0096", "XEP-0231", "XEP-0234", "XEP-0363", "XEP-0385", "XEP-0446", "XEP-0447",
            "XEP-0448", "XEP-0454",
        ],
    ),
    ("Calls", &["XEP-0166", "XEP-0167", "XEP-0176", "XEP-0215", "XEP-0320", "XEP-0353", "XEP-0482"]),
    (
        "Reactions, replies, stickers, retraction",
        &["XEP-0372", "XEP-0382", "XEP-0422", "XEP-0424", "XEP-0428", "XEP-0444", "XEP-0449", "XEP-0461"],
    ),
    (
        "Profile, avatar, mood, place",
        &["XEP-0054", "XEP-0080", "XEP-0084", "XEP-0107", "XEP-0108", "XEP-0118", "XEP-0153", "XEP-0172", "XEP-0292"],
    ),
    ("Push", &["XEP-0357"]),
    ("Devices and software", &["XEP-0030", "XEP-0092", "XEP-0115", "XEP-0202", "XEP-0390"]),
];

/// The table for the README.
pub fn areas(catalog: &Catalog) -> String {
    let mut out = String::from("| | Specifications | Fields | of high or critical sensitivity |\n|---|---:|---:|---:|\n");
    let mut rest: Vec<&Field> = catalog.fields.iter().collect();
    let mut row = |name: &str, fields: &[&Field]| {
        let specs: std::collections::BTreeSet<&str> = fields.iter().map(|field| field.spec.as_str()).collect();
        writeln!(out, "| {name} | {} | {} | {} |", specs.len(), fields.len(), sensitive(fields)).expect("writing to a string");
    };
    for (name, specs) in AREAS {
        let (fields, others): (Vec<&Field>, Vec<&Field>) = rest.into_iter().partition(|field| specs.contains(&field.spec.as_str()));
        row(name, &fields);
        rest = others;
    }
    row("Everything else", &rest);
    row("**Together**", &catalog.fields.iter().collect::<Vec<_>>());
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
    fn the_table_in_the_readme_is_current() {
        const MARKS: (&str, &str) = ("<!-- coverage -->\n", "<!-- end of coverage -->");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (before, rest) = text.split_once(MARKS.0).expect("the README has the mark");
        let (table, after) = rest.split_once(MARKS.1).expect("the README has the end mark");
        let made = areas(&Catalog::builtin());
        if std::env::var_os("STANZASCOPE_REGENERATE").is_some() {
            std::fs::write(path, format!("{before}{}{made}{}{after}", MARKS.0, MARKS.1)).unwrap();
        } else {
            assert!(table == made, "the README's table is not current: run `STANZASCOPE_REGENERATE=1 cargo test --lib overview`");
        }
    }

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
