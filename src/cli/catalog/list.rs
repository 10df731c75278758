//! Listing and counting rows.

use std::fmt::Write as _;

use anyhow::bail;
use serde::Serialize;
use stanzascope::catalog::rows::Rows;
use stanzascope::catalog::source::SpecFile;
use stanzascope::catalog::{Catalog, Field, Sensitivity};

use super::Filter;

/// The rows that pass the filters, aligned, or as JSON.
pub(super) fn list(filter: &Filter, json: bool) -> anyhow::Result<String> {
    let catalog = Catalog::builtin();
    let spec = filter.spec.as_deref().map(|wanted| spec_name(&catalog, wanted)).transpose()?;
    let is = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    let fields: Vec<&Field> = catalog
        .fields
        .iter()
        .filter(|field| spec.is_none_or(|spec| field.spec == spec))
        .filter(|field| is(&filter.layer, field.layer.name()) && is(&filter.pattern, field.pattern.name()))
        .filter(|field| is(&filter.sensitivity, field.sensitivity.name()))
        .collect();
    if json {
        return Ok(serde_json::to_string_pretty(&Rows::from_fields(fields.into_iter()))? + "\n");
    }
    let width = fields.iter().map(|field| field.id.len()).max().unwrap_or(0);
    let mut out = String::new();
    for field in &fields {
        let (layer, pattern, sensitivity) = (field.layer.name(), field.pattern.name(), field.sensitivity.name());
        writeln!(out, "{:<width$}  {layer:<9} {pattern:<16} {sensitivity:<8}  {:<8}  {}", field.id, field.spec, field.reveals)?;
    }
    writeln!(out, "{} of {} rows", fields.len(), catalog.fields.len())?;
    Ok(out)
}

/// The specification meant: `XEP-0384`, `xep-384` and `384` are the same.
fn spec_name<'a>(catalog: &'a Catalog, wanted: &str) -> anyhow::Result<&'a str> {
    let plain = |name: &str| name.to_ascii_lowercase().replace(['-', ' '], "");
    let number = |name: &str| plain(name).trim_start_matches("xep").trim_start_matches('0').to_owned();
    let names = || catalog.specs.iter().map(|spec| spec.spec.as_str());
    match names().find(|name| plain(name) == plain(wanted) || number(name) == number(wanted)) {
        Some(name) => Ok(name),
        None => bail!("the catalog has no specification {wanted:?} (`stanzascope catalog coverage` lists them)"),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Counted<'a> {
    spec: &'a str,
    title: &'a str,
    version: &'a str,
    fields: usize,
    critical: usize,
    high: usize,
    examples: usize,
    /// Rows that an example hits.
    tested: usize,
    /// Rows that say why none does, or that no stanza can show.
    excused: usize,
}

fn count<'a>(catalog: &Catalog, spec: &'a SpecFile) -> Counted<'a> {
    let of = |sensitivity: Sensitivity| spec.fields.iter().filter(|row| row.sensitivity == sensitivity).count();
    // Examples of any file may hit a row.
    let hit = |id: &str| catalog.specs.iter().any(|other| other.examples.iter().any(|example| example.expect.contains_key(id)));
    let tested = spec.fields.iter().filter(|row| hit(&row.id)).count();
    let excused =
        spec.fields.iter().filter(|row| !hit(&row.id) && (row.untested.is_some() || row.visible.is_some() || row.generic)).count();
    Counted {
        spec: &spec.spec,
        title: &spec.title,
        version: &spec.version,
        fields: spec.fields.len(),
        critical: of(Sensitivity::Critical),
        high: of(Sensitivity::High),
        examples: spec.examples.len(),
        tested,
        excused,
    }
}

/// Rows and examples per specification.
pub(super) fn coverage(json: bool) -> String {
    let catalog = Catalog::builtin();
    let counts: Vec<Counted<'_>> = catalog.specs.iter().map(|spec| count(&catalog, spec)).collect();
    if json {
        return serde_json::to_string_pretty(&counts).expect("strings and numbers") + "\n";
    }
    let mut out = format!(
        "{:<10} {:>6} {:>8} {:>5} {:>8} {:>6} {:>7}  title\n",
        "spec", "fields", "critical", "high", "examples", "tested", "excused"
    );
    for c in &counts {
        let line = format!(
            "{:<10} {:>6} {:>8} {:>5} {:>8} {:>6} {:>7}  {} {}",
            c.spec, c.fields, c.critical, c.high, c.examples, c.tested, c.excused, c.title, c.version
        );
        out.push_str(line.trim_end());
        out.push('\n');
    }
    let sum = |part: fn(&Counted<'_>) -> usize| counts.iter().map(part).sum::<usize>();
    let totals = (sum(|c| c.fields), sum(|c| c.examples), sum(|c| c.tested), sum(|c| c.excused));
    out.push_str(&format!(
        "{} specifications, {} fields, {} examples; {} fields are hit by an example, {} say why not, {} lack both\n",
        counts.len(),
        totals.0,
        totals.1,
        totals.2,
        totals.3,
        totals.0 - totals.2 - totals.3
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> Filter {
        Filter { spec: None, layer: None, pattern: None, sensitivity: None }
    }

    #[test]
    fn specifications_by_any_spelling() {
        let catalog = Catalog::builtin();
        for wanted in ["XEP-0384", "xep-384", "384", "0384"] {
            assert_eq!(spec_name(&catalog, wanted).unwrap(), "XEP-0384");
        }
        assert_eq!(spec_name(&catalog, "rfc 6120").unwrap(), "RFC6120");
        assert!(spec_name(&catalog, "XEP-9999").unwrap_err().to_string().contains("catalog coverage"));
    }

    #[test]
    fn filters_add_up() {
        let narrow = Filter { spec: Some("384".into()), layer: Some("e2ee".into()), sensitivity: Some("high".into()), ..filter() };
        let text = list(&narrow, false).unwrap();
        assert!(text.lines().count() > 3 && text.lines().rev().skip(1).all(|l| l.contains("XEP-0384") && l.contains(" high ")), "{text}");
        assert_eq!(Rows::from_json(&list(&filter(), true).unwrap()).unwrap(), Rows::of(&Catalog::builtin()));
    }

    #[test]
    fn coverage_counts_every_row_once() {
        let json: serde_json::Value = serde_json::from_str(&coverage(true)).unwrap();
        let fields: u64 = json.as_array().unwrap().iter().map(|spec| spec["fields"].as_u64().unwrap()).sum();
        assert_eq!(fields as usize, Catalog::builtin().fields.len());
        assert!(coverage(false).ends_with("lack both\n"));
    }
}
