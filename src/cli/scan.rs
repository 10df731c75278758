//! `stanzascope scan`

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;
use stanzascope::audit::canary::{Canaries, Canary};
use stanzascope::audit::{DeviceList, Evidence, Settings};
use stanzascope::config::SessionFile;
use stanzascope::record::SEVERITIES;
use stanzascope::run::read_witnesses;
use stanzascope::say;
use stanzascope::scan::{Options, ScanError, scan};
use stanzascope::xmpp::Direction;

use super::{FINDINGS, Failure, Outcome, extra_catalog};

/// Audit stanzas or a recorded transcript, without a network.
///
/// Input is a transcript (`run --transcript`), or stanzas one after the other (one session), or lines of JSON:
/// {"xml": "…", "direction": "client_to_server", "session": "a", "phase": "before_tls"}, all but xml optional; lines without a session are
/// each a session of their own. Output is one line of JSON per stanza, in order, with "input": N.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// File to read; `-` or nothing for standard input.
    #[arg(default_value = "-")]
    input: PathBuf,
    /// Direction of stanzas that do not say their own. Without it, rows of either direction match.
    #[arg(long, value_enum)]
    direction: Option<DirectionArg>,
    /// An account under test, whose view it is. May be repeated.
    #[arg(long, value_name = "JID")]
    account: Vec<String>,
    /// Device lists that accounts had published: {"namespace": "urn:xmpp:omemo:2", "device_lists": {"jid": [id, …]}}; without a namespace
    /// they count for every version of OMEMO.
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// Text that must stay encrypted; finding it is a proven leak. May be repeated.
    #[arg(long, value_name = "TEXT")]
    canary: Vec<String>,
    /// Session file whose canaries are looked for too, such as the canaries.toml of `canary new`.
    #[arg(long, value_name = "FILE")]
    canaries: Option<PathBuf>,
    /// What receiving devices showed: lines of {"id": "…", "from": "…", "canary": "name"}, or the records of a run on the recipient's client.
    #[arg(long, value_name = "FILE")]
    witness: Option<PathBuf>,
    /// Write message content out instead of its class and length.
    #[arg(long)]
    keep_content: bool,
    /// Whether lines carry the stanza's redacted XML.
    #[arg(long, value_enum, default_value = "redacted")]
    evidence: EvidenceArg,
    /// Directory with catalog files of your own, used besides the built-in ones.
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
    /// Exit with 1 when there is a finding at or above this severity.
    #[arg(long, value_name = "SEVERITY", value_parser = SEVERITIES)]
    fail_on: Option<String>,
    /// Where to write; standard output without it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum DirectionArg {
    ClientToServer,
    ServerToClient,
}

/// `--evidence`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum EvidenceArg {
    /// The redacted XML of each stanza.
    Redacted,
    /// None.
    None,
}

impl From<EvidenceArg> for Evidence {
    fn from(arg: EvidenceArg) -> Evidence {
        match arg {
            EvidenceArg::Redacted => Evidence::Redacted,
            EvidenceArg::None => Evidence::None,
        }
    }
}

#[derive(serde::Deserialize)]
struct Directory {
    /// Which version of OMEMO; every one without it.
    namespace: Option<String>,
    device_lists: std::collections::BTreeMap<String, Vec<u32>>,
}

fn canaries(args: &Args) -> anyhow::Result<Canaries> {
    let mut all: Vec<Canary> = args.canary.iter().map(|text| Canary::from(text.as_str())).collect();
    if let Some(path) = &args.canaries {
        all.extend(SessionFile::read(path)?.all_canaries());
    }
    Ok(Canaries::new(all)?)
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    let directory = match &args.directory {
        Some(path) => read_directory(path).map_err(Failure::Usage)?,
        None => Vec::new(),
    };
    let canaries = canaries(args).map_err(Failure::Usage)?;
    let witnesses = match &args.witness {
        Some(path) => read_witnesses(path, &canaries).map_err(|problem| Failure::Usage(anyhow!(problem)))?,
        None => Vec::new(),
    };
    let options = Options {
        witnesses,
        direction: args.direction.map(|d| match d {
            DirectionArg::ClientToServer => Direction::ClientToServer,
            DirectionArg::ServerToClient => Direction::ServerToClient,
        }),
        settings: Settings {
            accounts: args.account.clone(),
            keep_content: args.keep_content,
            evidence: args.evidence.into(),
            canaries,
            device_lists: directory,
            ..Settings::default()
        },
    };
    let mut input: Box<dyn BufRead> = if args.input.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin().lock()))
    } else {
        let file = File::open(&args.input).with_context(|| format!("cannot read {}", args.input.display())).map_err(Failure::Usage)?;
        Box::new(BufReader::with_capacity(1 << 16, file))
    };
    let mut out: BufWriter<Box<dyn io::Write>> = BufWriter::with_capacity(
        1 << 16,
        match &args.output {
            Some(path) => Box::new(File::create(path).with_context(|| format!("cannot write {}", path.display())).map_err(Failure::Usage)?),
            None => Box::new(io::stdout().lock()),
        },
    );
    let catalog = extra_catalog::load(args.catalog.as_deref()).map_err(Failure::Usage)?;
    let outcome = scan(&catalog, &options, &mut *input, &mut out).map_err(|error| match error {
        ScanError::Io(error) => Failure::Operation(error.into()),
        other => Failure::Usage(anyhow!(other)),
    })?;
    out.flush()?;
    outcome.unused.iter().for_each(|problem| say!("witness {problem}"));
    let threshold = args.fail_on.as_deref().and_then(|name| SEVERITIES.iter().position(|s| *s == name));
    let met = threshold.is_some_and(|threshold| outcome.severest.is_some_and(|severest| severest >= threshold));
    Ok(if met { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
}

fn read_directory(path: &std::path::Path) -> anyhow::Result<Vec<DeviceList>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let directory: Directory =
        serde_json::from_str(&text).with_context(|| format!("{}: expected {{\"device_lists\": {{\"jid\": [id, …]}}}}", path.display()))?;
    let lists = directory.device_lists.into_iter();
    Ok(lists.map(|(account, devices)| DeviceList { namespace: directory.namespace.clone(), account, devices }).collect())
}
