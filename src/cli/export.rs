//! `stanzascope export`

use std::fs::File;
use std::io::{BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use clap::ValueEnum;
use rusqlite::Connection;
use stanzascope::catalog::rows::Rows;
use stanzascope::export::otlp::Origin;
use stanzascope::export::{Done, ExportError, Share, ShareOptions, csv, jsonl, otlp, sqlite};
use stanzascope::otlp::Courier;
use stanzascope::report::text::layout::counted;
use stanzascope::run_dir::replace;
use stanzascope::run_files::RunFiles;
use stanzascope::say;
use stanzascope::share_key;

use super::{Failure, Outcome};

/// Write a run as CSV, as flat JSON lines, as an SQLite database, or as OTLP logs for an OpenTelemetry Collector.
///
/// One row an exposure (OTLP: the records as they are), joined with what the catalog says of its field (docs/export.md). With --share, whoever gets the export cannot tell who
/// is who.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run directory (`stanzascope runs` lists them), or a file of records.
    run: PathBuf,
    /// What to write.
    #[arg(long, value_enum)]
    format: Format,
    /// With --format otlp: send to this collector instead of writing. A token goes into OTEL_EXPORTER_OTLP_HEADERS.
    #[arg(long, value_name = "URL", conflicts_with = "output")]
    to: Option<String>,
    #[command(flatten)]
    collector: super::collector::Reach,
    /// Where to write, replacing what is there; standard output without it (not for sqlite).
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Put tokens in place of addresses, devices, ids and hosts, and lengths in place of text. The key stays in the run directory.
    #[arg(long)]
    share: bool,
    /// With --share: keep names and versions of software, and the run's label.
    #[arg(long, requires = "share")]
    keep_client: bool,
    /// With --share: keep dates and times; otherwise all are moved by the same amount.
    #[arg(long, requires = "share")]
    keep_times: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A header and a line an exposure.
    Csv,
    /// A database with tables, indices and views.
    Sqlite,
    /// An object an exposure.
    Jsonl,
    /// A request of OTLP logs a line.
    Otlp,
}

/// How long a collector may take nothing before `--to` gives up.
const STUBBORNNESS: Duration = Duration::from_secs(60);

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    let usage = |error: stanzascope::run_files::RunFilesError| Failure::Usage(error.into());
    let files = RunFiles::find(&args.run).map_err(usage)?;
    if args.format == Format::Otlp {
        return otlp(args, &files);
    }
    if args.to.is_some() {
        return Err(Failure::Usage(anyhow!("only --format otlp is sent to a collector")));
    }
    let rows = files.rows().map_err(usage)?;
    let mut share = match args.share {
        true => Some(share(args, &files, &rows)?),
        false => None,
    };
    let done = match (&args.output, args.format) {
        (None, Format::Sqlite) => {
            return Err(Failure::Usage(anyhow!("a database needs a file (name one with -o FILE)")));
        }
        (None, _) => write_flat(args.format, &files, &rows, share.as_mut(), &mut std::io::stdout().lock()).map_err(not_written)?,
        (Some(path), Format::Sqlite) => {
            let info = files.info().map_err(usage)?;
            let mut records = files.records().map_err(usage)?;
            in_place(path, |path| {
                let mut database = Connection::open(path)?;
                let done = sqlite::write(&mut database, &mut records, &rows, &info, share.as_mut())?;
                database.close().map_err(|(_, error)| error)?;
                Ok(done)
            })?
        }
        (Some(path), _) => in_place(path, |path| {
            let mut out = BufWriter::with_capacity(1 << 16, File::options().write(true).open(path)?);
            write_flat(args.format, &files, &rows, share.as_mut(), &mut out)
        })?,
    };
    say!("{} of {}{}", counted(done.exposures, "exposure"), counted(done.records, "record"), damage(&done));
    Ok(ExitCode::SUCCESS)
}

fn damage(done: &Done) -> String {
    match (done.damage.torn, done.damage.unreadable) {
        (false, 0) => String::new(),
        (torn, unreadable) => format!("; the log is damaged: {} cannot be read", counted(unreadable + u64::from(torn), "line")),
    }
}

/// The records as they are, to a file or to a collector.
fn otlp(args: &Args, files: &RunFiles) -> Outcome {
    if args.share {
        return Err(Failure::Usage(anyhow!("otlp takes the records as they are, names included (csv, jsonl and sqlite can be shared)")));
    }
    let usage = |error: stanzascope::run_files::RunFilesError| Failure::Usage(error.into());
    let run = std::path::absolute(files.name()).unwrap_or_default();
    let run = run.file_name().unwrap_or_default().to_string_lossy();
    let origin = Origin::of(&run, &files.info().map_err(usage)?);
    if let Some(url) = &args.to {
        let endpoint = args.collector.endpoint(url).map_err(Failure::Usage)?;
        // What is no log is found before anything is sent.
        otlp::write(&mut files.records().map_err(usage)?.take(1 << 20), &origin, &mut std::io::sink()).map_err(not_written)?;
        let courier = Courier::new(endpoint, files.log(), origin, None)?;
        let delivery = stanzascope::otlp::send(courier, STUBBORNNESS)?;
        say!("{delivery}");
        if !delivery.is_whole() {
            return Err(Failure::Operation(anyhow!("the collector does not have all records (the same command sends them all again)")));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut records = files.records().map_err(usage)?;
    let done = match &args.output {
        None => otlp::write(&mut records, &origin, &mut std::io::stdout().lock()).map_err(not_written)?,
        Some(path) => in_place(path, |path| {
            let mut out = BufWriter::with_capacity(1 << 16, File::options().write(true).open(path)?);
            otlp::write(&mut records, &origin, &mut out)
        })?,
    };
    say!("{}{}", counted(done.records, "record"), damage(&done));
    Ok(ExitCode::SUCCESS)
}

fn share(args: &Args, files: &RunFiles, rows: &Rows) -> Result<Share, Failure> {
    let key = match files.directory() {
        Some(directory) => share_key::of_run(directory).map_err(|error| Failure::Usage(error.into()))?,
        None => {
            say!("the records lie in no run directory: the key of the tokens is kept nowhere, and the next export has other tokens");
            share_key::fresh().map_err(|error| Failure::Operation(error.into()))?
        }
    };
    let options = ShareOptions { keep_client: args.keep_client, keep_times: args.keep_times };
    let mut share = Share::new(&*key, rows, options);
    let mut records = files.records().map_err(|error| Failure::Usage(error.into()))?;
    share.learn(&mut records).map_err(|error| Failure::Usage(files.unread(error).into()))?;
    Ok(share)
}

fn write_flat(format: Format, files: &RunFiles, rows: &Rows, share: Option<&mut Share>, out: &mut dyn Write) -> Result<Done, ExportError> {
    let mut records = files.records().map_err(|error| ExportError::Write(std::io::Error::other(error)))?;
    match format {
        Format::Csv => csv::write(&mut records, rows, share, out),
        Format::Jsonl | Format::Sqlite | Format::Otlp => jsonl::write(&mut records, rows, share, out),
    }
}

fn in_place(path: &Path, write: impl FnOnce(&Path) -> Result<Done, ExportError>) -> Result<Done, Failure> {
    replace(path, write).map_err(|error| match error {
        // Records that are none are the caller's mistake, as is a place that cannot be written to.
        ExportError::Read(error) => Failure::Usage(error.into()),
        ExportError::Write(error) => Failure::Usage(anyhow::Error::from(error).context(format!("cannot write {}", path.display()))),
        ExportError::Database(error) => Failure::Operation(anyhow::Error::from(error).context(format!("cannot write {}", path.display()))),
    })
}

fn not_written(error: ExportError) -> Failure {
    match error {
        ExportError::Read(error) => Failure::Usage(error.into()),
        ExportError::Write(error) => Failure::Operation(error.into()),
        ExportError::Database(error) => Failure::Operation(error.into()),
    }
}
