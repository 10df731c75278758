//! `stanzascope runs`

use std::io::{BufRead as _, ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use stanzascope::catalog::Catalog;
use stanzascope::catalog::rows::Rows;
use stanzascope::report::terminal::{clipped, shown};
use stanzascope::report::text::layout::{counted, padded};
use stanzascope::report::text::verdict_line;
use stanzascope::retention::{self, Purge};
use stanzascope::run_dir::RECORDS;
use stanzascope::run_files::RunFiles;
use stanzascope::say;
use stanzascope::share_key;
use time::{Duration, OffsetDateTime};

use super::{Failure, Outcome};

/// List the runs, delete old ones, or destroy the key of a run's pseudonyms.
///
/// Without a subcommand it lists them, the newest first. Nothing is ever deleted by itself.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct Place {
    /// Directory that holds them.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the runs, the newest first.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Delete runs, with everything in their directories.
    ///
    /// A run goes when it is beyond every limit given. Runs that may still be going on, links, and directories that are no runs stay.
    #[command(group = clap::ArgGroup::new("limit").required(true).multiple(true).args(["older_than", "keep"]))]
    Purge {
        /// Runs that began longer ago: 12h, 30d, 8w.
        #[arg(long, value_name = "AGE", value_parser = retention::age)]
        older_than: Option<Duration>,
        /// All but so many of the newest.
        #[arg(long, value_name = "N")]
        keep: Option<usize>,
        /// Delete without asking.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Destroy the key of a run's pseudonyms: nobody can tell any more who is who in what was exported with --share.
    ForgetKey {
        /// A run directory.
        run: PathBuf,
    },
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    match &args.command {
        None => list(&args.place.runs),
        Some(Command::List { place }) => list(&place.runs),
        Some(Command::Purge { older_than, keep, yes, place }) => purge(&place.runs, Purge { older_than: *older_than, keep: *keep }, *yes),
        Some(Command::ForgetKey { run }) => forget_key(run),
    }
}

fn purge(directory: &Path, purge: Purge, yes: bool) -> Outcome {
    let now = OffsetDateTime::now_utc();
    let runs = retention::runs(directory, now).with_context(|| format!("cannot list {}", directory.display())).map_err(Failure::Usage)?;
    let going = purge.choose(&runs, now);
    if going.is_empty() {
        say!("nothing to delete: {} in {}, none beyond the limit", counted(runs.len() as u64, "run"), directory.display());
        return Ok(ExitCode::SUCCESS);
    }
    for run in &going {
        say!("{}  {} KiB", shown(&run.name), run.bytes.div_ceil(1024));
    }
    let what = format!("{} of {}", going.len(), counted(runs.len() as u64, "run"));
    if !yes {
        if !std::io::stdin().is_terminal() {
            return Err(Failure::Usage(anyhow!("nothing was deleted; to delete these {what} give --yes")));
        }
        stanzascope::stderr::part(format_args!("Delete these {what} for good? Type yes: "));
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if answer.trim() != "yes" {
            return Err(Failure::Usage(anyhow!("nothing was deleted")));
        }
    }
    for run in &going {
        retention::delete(run, now).with_context(|| format!("cannot delete {}", run.path.display()))?;
    }
    say!("deleted {what}");
    Ok(ExitCode::SUCCESS)
}

fn forget_key(run: &Path) -> Outcome {
    let files = RunFiles::find(run).map_err(|error| Failure::Usage(error.into()))?;
    let directory =
        files.directory().ok_or_else(|| Failure::Usage(anyhow!("{} lies in no run directory, so it has no key", run.display())))?;
    if share_key::forget(directory)? {
        say!("the key is destroyed: what was exported with --share cannot be resolved any more");
    } else {
        say!("{} has no key", run.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn list(runs: &Path) -> Outcome {
    let names = run_names(runs).map_err(Failure::Usage)?;
    let mut out = std::io::stdout().lock();
    if names.is_empty() {
        writeln!(out, "no runs in {} (`stanzascope run` makes them, `--runs DIR` looks elsewhere)", runs.display())?;
    }
    let rows = Rows::of(&Catalog::builtin());
    let width = names.iter().map(|name| shown(name).chars().count()).max().unwrap_or(0);
    for name in names {
        writeln!(out, "{}  {}", padded(&shown(&name), width), line(&runs.join(&name), &rows))?;
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
