//! `stanzascope catalog check`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use stanzascope::audit::{examples, generate};
use stanzascope::catalog::Catalog;
use stanzascope::report::terminal::shown;

use crate::cli::{FINDINGS, Failure, Outcome, print};

/// Checks the files; exit code 1 when an example does not hold, 2 when a file cannot be loaded.
pub(super) fn run(files: &[PathBuf]) -> Outcome {
    let problems = problems(files).map_err(Failure::Usage)?;
    if problems.is_empty() {
        print("all examples hold\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    print(&problems.iter().map(|problem| format!("{problem}\n")).collect::<String>())?;
    Ok(ExitCode::from(FINDINGS))
}

/// What is wrong with the examples of some files, after they were loaded together with the built-in catalog.
fn problems(files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut texts: Vec<(String, String)> = Catalog::files().iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let mut own = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = file_name(path)?;
        texts.retain(|(other, _)| *other != name);
        texts.push((name.clone(), text));
        own.push(name);
    }
    let borrowed: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let catalog = Arc::new(Catalog::load(&borrowed)?);
    let specs = || catalog.specs.iter().filter(|spec| own.contains(&spec.file));
    let mut problems: Vec<String> = examples::check(&catalog, specs()).iter().map(|mismatch| mismatch.to_string()).collect();
    problems.extend(generate::unhit(&catalog, specs()));
    Ok(problems.iter().map(|problem| problem.split('\n').map(shown).collect::<Vec<_>>().join("\n")).collect())
}

fn file_name(path: &Path) -> anyhow::Result<String> {
    let name = path.file_name().ok_or_else(|| anyhow!("{} is no file", path.display()))?;
    Ok(name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
spec = "XEP-9999"
title = "Weather"
[prefixes]
w = "urn:example:weather"
[[field]]
id = "weather.rain"
path = "message/w:rain/@mm"
layer = "client"
pattern = "any"
category = "location"
sensitivity = "low"
reveals = "How much it rains."
[[example]]
name = "rain"
xml = "<message><rain xmlns='urn:example:weather' mm='3'/></message>"
expect = { "weather.rain" = ["3"] }
"#;

    fn check(text: &str) -> anyhow::Result<Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("xep-9999.toml");
        std::fs::write(&file, text).unwrap();
        problems(&[file])
    }

    #[test]
    fn a_good_file_has_no_problems() {
        assert_eq!(check(GOOD).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn wrong_examples_and_rows_without_one_are_named() {
        let wrong = check(&GOOD.replace("[\"3\"]", "[\"4\"]")).unwrap();
        assert!(wrong[0].contains("xep-9999.toml: rain") && wrong[0].contains("found [\"3\"]"), "{wrong:?}");
        let cut = GOOD.split("[[example]]").next().unwrap();
        assert_eq!(check(cut).unwrap(), Vec::<String>::new(), "a generated one hits the row");
        let unread = cut.replace("@mm", "openpgp(text()).issuer");
        assert!(check(&unread).unwrap()[0].contains("has no example"));
    }

    #[test]
    fn a_file_that_does_not_load_says_where() {
        let error = check(&GOOD.replace("w:rain", "x:rain")).unwrap_err().to_string();
        assert!(error.contains("xep-9999.toml") && error.contains("weather.rain"), "{error}");
        let taken = check(&GOOD.replace("weather.rain", "message.body")).unwrap_err().to_string();
        assert!(taken.contains("the id is taken"), "{taken}");
    }
}
