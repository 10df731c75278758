//! `stanzascope runs`

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use stanzascope::catalog::Catalog;
use stanzascope::catalog::rows::Rows;
use stanzascope::report::terminal::{clipped, shown};
use stanzascope::report::text::layout::{counted, padded};
use stanzascope::report::text::verdict_line;
use stanzascope::run_dir::RECORDS;
use stanzascope::run_files::RunFiles;

use super::{Failure, Outcome};

/// List the runs, the newest first.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory that holds them.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    let names = run_names(&args.runs).map_err(Failure::Usage)?;
    let mut out = std::io::stdout().lock();
    if names.is_empty() {
        writeln!(out, "no runs in {} (`stanzascope run` makes them, `--runs DIR` looks elsewhere)", args.runs.display())?;
    }
    let rows = Rows::of(&Catalog::builtin());
    let width = names.iter().map(|name| shown(name).chars().count()).max().unwrap_or(0);
    for name in names {
        writeln!(out, "{}  {}", padded(&shown(&name), width), line(&args.runs.join(&name), &rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Names of the directories that hold records, the newest first: a name begins with the time of the run's start.
fn run_names(runs: &Path) -> anyhow::Result<Vec<String>> {
    let entries = match std::fs::read_dir(runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot list {}", runs.display())),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", runs.display()))?;
        if entry.path().join(RECORDS).exists() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

/// One run in a line. A run that cannot be read is listed with the reason, not left out.
fn line(directory: &Path, rows: &Rows) -> String {
    match RunFiles::find(directory).and_then(|files| files.summary(rows)) {
        Ok(summary) => {
            let account = summary.people.own.ranked().first().map_or("no account", |(own, _)| own).to_owned();
            let label = if summary.run.label.is_empty() { "no label" } else { &summary.run.label };
            let partial = if summary.partial().is_empty() { "" } else { ", partial" };
            format!(
                "{}  {}  {}  {}{partial}",
                clipped(label, 24),
                clipped(&account, 40),
                counted(summary.coverage.stanza_count(), "stanza"),
                verdict_line(&summary)
            )
        }
        Err(error) => format!("cannot be read: {}", clipped(&error.to_string(), 200)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_first_and_only_runs() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["20260101T000000Z-a", "20260301T000000Z-b", "20260201T000000Z-c", "other"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            if name != "other" {
                std::fs::write(dir.path().join(name).join(RECORDS), "").unwrap();
            }
        }
        assert_eq!(run_names(dir.path()).unwrap(), ["20260301T000000Z-b", "20260201T000000Z-c", "20260101T000000Z-a"]);
        assert!(run_names(&dir.path().join("missing")).unwrap().is_empty());
    }

    #[test]
    fn a_broken_run_is_listed_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(RECORDS), "no records\n").unwrap();
        let line = line(dir.path(), &Rows::of(&Catalog::builtin()));
        assert!(line.starts_with("cannot be read: ") && line.contains("first line"), "{line}");
    }
}
