//! `stanzascope demo`

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use stanzascope::audit::Settings;
use stanzascope::ca::{self, Authority, Scope};
use stanzascope::catalog::Catalog;
use stanzascope::demo::{self, Entrances, Recording, Stage};
use stanzascope::proxy::gate::{ChannelBinding, Policy};
use stanzascope::proxy::scope::Ownership;
use stanzascope::proxy::upstream::{Dns, StepLimits, Target, TlsMode, Trust, TrustSource, UpstreamConfig};
use stanzascope::proxy::{self, Audit};
use stanzascope::run::{self, Plan};
use stanzascope::say;
use stanzascope::sink::OnLogFailure;
use time::OffsetDateTime;
use tokio::net::TcpListener;

use super::{Outcome, print};

/// Play a recorded session of real clients through the proxy, and show what the server learned.
///
/// Needs nothing but this program: both sides are played on loopback, over real TLS, with a CA made for the occasion and wiped afterwards.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep the metrics endpoint up until Ctrl-C.
    #[arg(long)]
    stay: bool,
    /// Where the run directory is made.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
    /// Loopback address of the metrics endpoint; port 0 picks a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    metrics: SocketAddr,
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(show(args))
}

async fn show(args: &Args) -> Outcome {
    let recording = Recording::builtin()?;
    let stage = Stage::open(&recording.domain).await?;
    let certs = std::env::temp_dir().join(format!("stanzascope-demo-{}", std::process::id()));
    let scope = Scope::new(std::slice::from_ref(&recording.domain), &[])?;
    let authority = Authority::create(&certs, &scope, OffsetDateTime::now_utc())?;
    let starttls = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let direct = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let listeners = vec![starttls, direct];
    let addresses = proxy::addresses(&listeners);
    let plan = Plan {
        settings: Settings { accounts: recording.accounts.clone(), ..Settings::default() },
        audit: Audit::On,
        policy: Policy {
            domains: vec![recording.domain.clone()],
            accounts: recording.accounts.clone(),
            channel_binding: ChannelBinding::Observe,
            observe_only: false,
        },
        upstream: UpstreamConfig {
            target: Target::Fixed { host: stage.address.ip().to_string(), port: stage.address.port() },
            tls: TlsMode::Direct,
            trust: Trust::load(&TrustSource::Pins(vec![stage.pin.parse()?]))?,
            dns: Arc::new(Dns::system()),
            listeners: addresses.clone(),
            ownership: Ownership::NotClaimed,
            limits: StepLimits::default(),
        },
        authority,
        names: Vec::new(),
        allow_remote: Vec::new(),
        key_log: false,
        label: "demo".into(),
        runs: args.runs.clone(),
        transcript: false,
        on_log_failure: OnLogFailure::Stop,
        metrics: Some(args.metrics),
        owner: None,
        profile: demo::profile(),
        intent: demo::intent(),
        preflight: serde_json::Value::Null,
        marks_from_stdin: false,
        witness: None,
        collector: None,
        status_line: false,
    };
    let root = certs.join("root.pem");
    let entrances = Entrances { starttls: addresses[0], direct: addresses[1] };
    let mut played = Ok(());
    let driver = async {
        played = demo::play(&recording, &stage, entrances, &root).await;
        // The sessions end by themselves once both sides have closed.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        if args.stay && played.is_ok() {
            say!("the recording is over; metrics stay up until Ctrl-C");
            run::interrupted().await;
        }
    };
    let finished = run::run(Catalog::builtin(), plan, listeners, driver).await;
    let wiped = ca::destroy(&certs);
    let _ = std::fs::remove_dir(&certs);
    let finished = finished?;
    played.context("the demo did not come to its end")?;
    wiped?;
    print(&format!(
        "{}\nThis was a recording. To see your own client: stanzascope run --domain YOUR.TEST.DOMAIN --upstream HOST:PORT, and point the client at it.\n\
         Every exposure, one JSON line per stanza: {}\n",
        finished.summary,
        finished.directory.join("records.jsonl").display()
    ))?;
    Ok(ExitCode::SUCCESS)
}
