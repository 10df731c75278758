//! `stanzascope check`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;
use stanzascope::catalog::Catalog;
use stanzascope::catalog::rows::Rows;
use stanzascope::check::evaluate::{Plan, check};
use stanzascope::check::{Checked, Outcome as Checking, Status, init, junit};
use stanzascope::config::{FILE_NAME, SessionFile, SessionFileError};
use stanzascope::record::SEVERITIES;
use stanzascope::report::read::ReadError;
use stanzascope::report::terminal::shown;
use stanzascope::run_files::{RunFiles, RunFilesError};

use super::{FINDINGS, Failure, Outcome, print, write_out};

/// Hold a run against the expectations of the session file, for CI.
///
/// One line an expectation. Exit status is 1 when one fails or could not be checked, or when a finding that is not accepted is at or above
/// --fail-on (docs/check.md).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run directory (`stanzascope runs` lists them), or a file of records.
    run: PathBuf,
    /// The session file with the expectations [default: stanzascope.toml, if there is one].
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Also fail when there is a finding at or above this severity.
    #[arg(long, value_name = "SEVERITY", value_parser = SEVERITIES)]
    fail_on: Option<String>,
    /// Judge a run that was not seen whole by what was seen of it.
    #[arg(long)]
    accept_gaps: bool,
    /// Also write the outcomes as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a plan to standard output that this run passes, instead of checking.
    #[arg(long, conflicts_with_all = ["plan", "fail_on", "junit", "accept_gaps"])]
    init: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    let usage = |error: RunFilesError| Failure::Usage(error.into());
    let files = RunFiles::find(&args.run).map_err(usage)?;
    let (rows, info) = (files.rows().map_err(usage)?, files.info().map_err(usage)?);
    if args.init {
        let records = || files.records().map_err(|error| ReadError::Io(std::io::Error::other(error)));
        let plan = init::plan(records, &rows, &info).map_err(|error| usage(files.unread(error)))?;
        print(&plan)?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = args.plan.clone().or_else(|| Some(PathBuf::from(FILE_NAME)).filter(|path| path.exists()));
    let file = match &path {
        Some(path) => plan(path, &rows).map_err(|error| Failure::Usage(error.into()))?,
        None => SessionFile::default(),
    };
    let choice = file.rule_choice().map_err(|error| Failure::Usage(error.into()))?;
    if file.expectations.is_empty() && args.fail_on.is_none() {
        return Err(Failure::Usage(anyhow!(
            "there is nothing to check: no [[expect]] in {} (`stanzascope check RUN --init` writes a plan from a run), and no --fail-on SEVERITY",
            path.as_deref().unwrap_or(Path::new(FILE_NAME)).display()
        )));
    }
    let plan = Plan { expectations: &file.expectations, choice: &choice, fail_on: args.fail_on.as_deref(), accept_gaps: args.accept_gaps };
    let checked = check(&mut files.records().map_err(usage)?, &rows, &info, plan).map_err(|error| usage(files.unread(error)))?;
    if let Some(output) = &args.junit {
        let name = if info.label.is_empty() { files.name() } else { info.label.clone() };
        write_out(Some(output), &junit::xml(&checked, &name, &path.unwrap_or_default().display().to_string()))?;
    }
    print(&screen(&checked, args.accept_gaps))?;
    Ok(if checked.passed() { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

/// The session file, whose expectations name what exists: in the run's catalog, or in the program's.
fn plan(path: &Path, rows: &Rows) -> Result<SessionFile, SessionFileError> {
    let file = SessionFile::read(path)?;
    let builtin = Rows::of(&Catalog::builtin());
    for expectation in &file.expectations {
        expectation.names_exist(&[rows, &builtin]).map_err(|error| SessionFileError::Content {
            path: path.to_owned(),
            line: expectation.line,
            problem: error.problem,
            remedy: error.remedy,
        })?;
    }
    Ok(file)
}

fn screen(checked: &Checked, accept_gaps: bool) -> String {
    let mut out = String::new();
    for outcome in &checked.outcomes {
        out.push_str(&line(outcome));
        out.push('\n');
    }
    for reason in &checked.partial {
        let accepted = if accept_gaps { " (accepted)" } else { "" };
        out.push_str(&format!("partial: {}{accepted}\n", shown(reason)));
    }
    let count = |status: Status| checked.outcomes.iter().filter(|outcome| outcome.status == status).count();
    let (passed, failed, unchecked) = (count(Status::Passed), count(Status::Failed), count(Status::NotChecked));
    out.push_str(&format!("{passed} passed, {failed} failed, {unchecked} could not be checked\n"));
    out
}

fn line(outcome: &Checking) -> String {
    let status = match outcome.status {
        Status::Passed => "passed",
        Status::Failed => "FAILED",
        Status::NotChecked => "could not be checked",
    };
    let mut text = format!("{status}: {}: {}", shown(&outcome.text), shown(&outcome.seen));
    let records = junit::records(outcome);
    if outcome.status != Status::Passed && !records.is_empty() {
        text.push_str(&format!(" ({})", shown(&records)));
    }
    if let Some(line) = outcome.line {
        text.push_str(&format!(" [line {line}]"));
    }
    if outcome.status != Status::Passed && !outcome.because.is_empty() {
        text.push_str(&format!(" because {}", shown(&outcome.because)));
    }
    text
}
