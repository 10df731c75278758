//! `stanzascope diff`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::ValueEnum;
use stanzascope::catalog::rows::Rows;
use stanzascope::diff::{Profile, Side, compare, html, json, text};
use stanzascope::report::terminal::guarded;
use stanzascope::run_files::{RunFiles, RunFilesError};

use super::{Failure, Outcome, write_out};

/// Compare two clients, versions or settings: what one exposes and the other does not.
///
/// Give two runs, the one before and the one after; or several recordings of the same scenario on each side with --a and --b, which tells chance
/// from difference (docs/diff.md). Exit status is 0 whatever differs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Two runs: A, then B.
    #[arg(value_name = "RUN", num_args = 2, conflicts_with_all = ["a", "b"])]
    runs: Vec<PathBuf>,
    /// Runs of side A.
    #[arg(long, value_name = "RUN", num_args = 1.., requires = "b")]
    a: Vec<PathBuf>,
    /// Runs of side B.
    #[arg(long, value_name = "RUN", num_args = 1.., requires = "a")]
    b: Vec<PathBuf>,
    /// What to write.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Where to write; standard output without it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A screen.
    Text,
    /// A page.
    Html,
    /// Everything, for programs.
    Json,
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    let (a, b) = match args.runs.as_slice() {
        [a, b] => (std::slice::from_ref(a), std::slice::from_ref(b)),
        _ => (args.a.as_slice(), args.b.as_slice()),
    };
    if a.is_empty() || b.is_empty() {
        return Err(Failure::Usage(anyhow!(
            "which runs? give two, or several a side: stanzascope diff --a RUN RUN --b RUN RUN (`stanzascope runs` lists them)"
        )));
    }
    let usage = |error: RunFilesError| Failure::Usage(error.into());
    let comparison = compare(&side(a).map_err(usage)?, &side(b).map_err(usage)?);
    let text = match args.format {
        Format::Text => guarded_lines(&text::screen(&comparison)),
        Format::Html => html::page(&comparison),
        Format::Json => json(&comparison),
    };
    write_out(args.output.as_deref(), &text)?;
    Ok(ExitCode::SUCCESS)
}

/// The screen's own line ends stay; whatever else could do harm does not.
fn guarded_lines(screen: &str) -> String {
    screen.lines().map(|line| format!("{}\n", guarded(line))).collect()
}

fn side(paths: &[PathBuf]) -> Result<Side, RunFilesError> {
    let mut runs = Vec::new();
    let mut first: Option<Rows> = None;
    for path in paths {
        let files = RunFiles::find(path)?;
        let rows = files.rows()?;
        let profile = Profile::read(&mut files.records()?, &rows, files.info()?, &files.name()).map_err(|error| files.unread(error))?;
        runs.push(profile);
        first.get_or_insert(rows);
    }
    Ok(Side { runs, rows: first.expect("a side has a run") })
}
