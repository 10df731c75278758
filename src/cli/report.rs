//! `stanzascope report`

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use stanzascope::run_files::summary_screen;

use super::{Failure, Outcome};

/// Show what the server learned in a run.
///
/// Facts, interpretation and advice are kept apart, and what was not seen is said. Exit status is 0 whatever was found.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run directory (`stanzascope runs` lists them), or a file of records.
    run: PathBuf,
    /// Where to write; standard output without it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    let screen = summary_screen(&args.run).map_err(|error| Failure::Usage(error.into()))?;
    match &args.output {
        Some(path) => std::fs::write(path, screen).with_context(|| format!("cannot write {}", path.display())).map_err(Failure::Usage)?,
        None => std::io::stdout().lock().write_all(screen.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}
