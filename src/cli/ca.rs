//! `stanzascope ca`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use stanzascope::ca::{self, Authority, Facts, Scope, trust};
use time::OffsetDateTime;

use super::{Failure, Outcome, print};

/// The test CA: make, show, export and destroy it.
///
/// The root key is never stored; what signs is an intermediate that is good for 30 days and for the named domains and hosts only.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a CA for domains and the names clients dial.
    Init {
        /// Domain of the accounts under test. May be repeated.
        #[arg(long, value_name = "DOMAIN", required = true)]
        domain: Vec<String>,
        /// Name or address that clients dial. Loopback is always covered. May be repeated.
        #[arg(long, value_name = "HOST")]
        name: Vec<String>,
        /// Directory of the test CA.
        #[arg(long, value_name = "DIR", default_value = "certs")]
        certs: PathBuf,
    },
    /// Show the CA, and per client how to trust it and how to connect.
    Show {
        /// Directory of the test CA.
        #[arg(long, value_name = "DIR", default_value = "certs")]
        certs: PathBuf,
        /// Address of the proxy, for the instructions.
        #[arg(long, default_value = "127.0.0.1")]
        host: String,
        /// Its STARTTLS port.
        #[arg(long, default_value_t = 5222)]
        starttls_port: u16,
        /// Its direct TLS port.
        #[arg(long, default_value_t = 5223)]
        direct_port: u16,
        /// Only this client.
        #[arg(long)]
        client: Option<String>,
    },
    /// Write the certificate that clients have to trust.
    Export {
        /// Directory of the test CA.
        #[arg(long, value_name = "DIR", default_value = "certs")]
        certs: PathBuf,
        /// Where to write; standard output without it.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Wipe the CA and say how to remove the trust in it.
    Destroy {
        /// Directory of the test CA.
        #[arg(long, value_name = "DIR", default_value = "certs")]
        certs: PathBuf,
    },
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    let now = OffsetDateTime::now_utc();
    match &args.command {
        Command::Init { domain, name, certs } => {
            let scope = Scope::new(domain, name).map_err(usage)?;
            let authority = Authority::create(certs, &scope, now).map_err(usage)?;
            let trust = certs.join("root.pem");
            print(&format!(
                "{}\nclients trust {}; how: stanzascope ca show --certs {}\n",
                authority.facts(),
                trust.display(),
                certs.display()
            ))?;
        }
        Command::Show { certs, host, starttls_port, direct_port, client } => {
            let facts = Facts::read(certs, now).map_err(usage)?;
            let guides = guides(certs, host, *starttls_port, *direct_port, &facts, client.as_deref())?;
            print(&format!("{facts}\n\n{guides}"))?;
        }
        Command::Export { certs, output } => {
            let pem = ca::export(certs).map_err(usage)?;
            match output {
                Some(path) => std::fs::write(path, pem).with_context(|| format!("cannot write {}", path.display()))?,
                None => print(&pem)?,
            }
        }
        Command::Destroy { certs } => {
            let destroyed = ca::destroy(certs).map_err(usage)?;
            let removed: String = destroyed.removed.iter().map(|path| format!("removed {}\n", path.display())).collect();
            print(&format!("{removed}\n{}\n", destroyed.remove_trust))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn guides(certs: &Path, host: &str, starttls_port: u16, direct_port: u16, facts: &Facts, client: Option<&str>) -> Result<String, Failure> {
    let root = certs.join("root.pem");
    let domain = facts.scope.domains().first().cloned().unwrap_or_default();
    let place = trust::Place { ca: &root, host, starttls_port, direct_port, domain: &domain };
    let Some(client) = client else { return Ok(trust::guides(&place).iter().map(|guide| format!("{guide}\n")).collect()) };
    trust::guide(client, &place).map(|guide| format!("{guide}\n")).ok_or_else(|| {
        let known: Vec<_> = trust::guides(&place).iter().map(|guide| guide.client.to_string()).collect();
        Failure::Usage(anyhow::anyhow!("no guide for {client:?}; there are: {}", known.join(", ")))
    })
}

fn usage(error: ca::Error) -> Failure {
    Failure::Usage(error.into())
}
