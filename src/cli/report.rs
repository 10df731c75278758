//! `stanzascope report`

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use stanzascope::run_files::{Format, RunFiles};

use super::{Failure, Outcome, print};

/// Show what the server learned in a run.
///
/// Facts, interpretation and advice are kept apart, and what was not seen is said. Exit status is 0 whatever was found.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run directory (`stanzascope runs` lists them), or a file of records.
    run: PathBuf,
    /// How to write it. Without it: what the name of the file ends in (.html, .md, .json), and text otherwise.
    #[arg(short, long, value_enum)]
    format: Option<FormatArg>,
    /// Where to write; standard output without it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatArg {
    /// A screen of plain text.
    Text,
    /// One page with pictures, every statement linked to its records. No scripts, nothing loaded.
    Html,
    /// For wikis and merge requests.
    Md,
    /// For programs: docs/report.md has the keys.
    Json,
}

impl Args {
    fn format(&self) -> Format {
        match (self.format, self.output.as_ref().and_then(|path| path.extension()?.to_str())) {
            (Some(FormatArg::Text), _) => Format::Text,
            (Some(FormatArg::Html), _) | (None, Some("html" | "htm")) => Format::Html,
            (Some(FormatArg::Md), _) | (None, Some("md")) => Format::Markdown,
            (Some(FormatArg::Json), _) | (None, Some("json")) => Format::Json,
            (None, _) => Format::Text,
        }
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    let report = || {
        let files = RunFiles::find(&args.run)?;
        files.report(&files.rows()?, args.format())
    };
    let report = report().map_err(|error| Failure::Usage(error.into()))?;
    match &args.output {
        Some(path) => {
            // A report names people: a new file is for its owner only, as the run is.
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
            let written = file.and_then(|mut file| file.write_all(report.as_bytes()));
            written.with_context(|| format!("cannot write {}", path.display())).map_err(Failure::Usage)?;
        }
        None => print(&report)?,
    }
    Ok(ExitCode::SUCCESS)
}
