//! Subcommands and exit codes: 0 ok, 1 findings at or above `--fail-on`, 2 usage or configuration, 3 operational.

mod ca;
mod canary;
mod catalog;
mod check;
mod collector;
mod consent;
mod demo;
mod diff;
mod export;
mod extra_catalog;
mod report;
mod rules;
mod run;
mod runs;
mod scan;

use stanzascope::say;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// Shows what an XMPP server gets to see of a client.
///
/// An interception tool for test accounts on test servers that you own. It listens on loopback and passes only the domains you name.
#[derive(Debug, Parser)]
#[command(name = "stanzascope", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Intercept a test client's stream to a test server, and log what the server gets to see.
    Run(Box<run::Args>),
    /// Play a recorded session through the proxy, and show what the server learned.
    Demo(demo::Args),
    /// The test CA: make, show, export and destroy it.
    Ca(ca::Args),
    Canary(canary::Args),
    /// Audit stanzas or a recorded transcript, without a network.
    Scan(scan::Args),
    Report(report::Args),
    Diff(diff::Args),
    Check(check::Args),
    Export(export::Args),
    Runs(runs::Args),
    Rules(rules::Args),
    Catalog(catalog::Args),
}

/// Something went wrong; the exit code says whose turn it is.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Exit code 2: usage or configuration.
    Usage(anyhow::Error),
    /// Exit code 3: the operation failed.
    Operation(anyhow::Error),
}

/// Exit code of a command that worked.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Findings at or above `--fail-on`.
pub(crate) const FINDINGS: u8 = 1;

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Operation(error.into())
    }
}

/// Writes to standard output; a reader that went away is an error like any other, not a panic.
pub(crate) fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes text to a file that only the user can read, or to standard output.
pub(crate) fn write_out(output: Option<&std::path::Path>, text: &str) -> Result<(), Failure> {
    let Some(path) = output else { return Ok(print(text)?) };
    stanzascope::run_dir::replace(path, |path| std::fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(Failure::Usage)
}

/// Parses the command line, runs the command, reports errors.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("STANZASCOPE_LOG").unwrap_or_else(|_| "warn".into());
    // In a file or a journal colours are rubbish. And the subscriber would say on standard error that standard error cannot be written to,
    // and panic.
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).log_internal_errors(false).init();
    let outcome = match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Ca(args) => ca::run(&args),
        Command::Canary(args) => canary::run(&args),
        Command::Scan(args) => scan::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Catalog(args) => catalog::run(&args),
    };
    outcome.unwrap_or_else(|failure| {
        let (code, error) = match failure {
            Failure::Usage(error) => (2, error),
            Failure::Operation(error) => (3, error),
        };
        // A reader that went away (`| head`) is no failure worth a message.
        if !error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)) {
            say!("error: {error:#}");
        }
        ExitCode::from(code)
    })
}
