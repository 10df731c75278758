//! `stanzascope run`

use std::fs::OpenOptions;
use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::ValueEnum;
use ipnet::IpNet;
use stanzascope::audit::canary::Canaries;
use stanzascope::audit::{Evidence, Settings};
use stanzascope::ca::{self, Authority, Scope};
use stanzascope::config::{MetricsListener, SessionFile};
use stanzascope::otlp::Endpoint;
use stanzascope::proxy::gate::{ChannelBinding, Policy};
use stanzascope::proxy::scope::{self, Ownership};
use stanzascope::proxy::upstream::{
    Dns, SpkiPin, StepLimits, Target, TlsMode, Trust, TrustSource, UpstreamConfig, UpstreamError, check_scope,
};
use stanzascope::proxy::{self, Audit, preflight};
use stanzascope::rules::{Choice, RuleSet};
use stanzascope::run::{self, Plan};
use stanzascope::say;
use stanzascope::sink::OnLogFailure;
use time::OffsetDateTime;
use tokio::net::TcpListener;

use super::scan::EvidenceArg;
use super::{Failure, Outcome, consent, extra_catalog, print};

/// Intercept a test client's stream to a test server, and log what the server gets to see.
///
/// Point the client at the printed address, use it, then stop with Ctrl-C: a summary is shown. A line typed while it runs becomes a mark
/// in the log (steps of a scenario). Only the domains you name pass, only this machine may connect, and nothing is changed but what is listed
/// in the log as an intervention. For test accounts and test servers that you own.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Session file; stanzascope.toml in the current directory is used when it exists. Flags override it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print an annotated session file and exit.
    #[arg(long)]
    example_config: bool,
    /// Only look whether everything is in place: server, certificate, what it offers, own ports, CA.
    #[arg(long)]
    check: bool,
    /// Domain of the accounts under test; anything else is refused. May be repeated.
    #[arg(long, value_name = "DOMAIN")]
    domain: Vec<String>,
    /// The server: HOST:PORT, or `srv` to look it up like a client does.
    #[arg(long, value_name = "HOST:PORT|srv")]
    upstream: Option<String>,
    /// How to speak to the server. `none` (clear text) only on this machine: it lets clients with channel binding in.
    #[arg(long, value_enum)]
    upstream_tls: Option<TlsModeArg>,
    /// Verify the server by the certificates in this PEM file instead of the platform's.
    #[arg(long, value_name = "FILE")]
    upstream_ca: Option<PathBuf>,
    /// Verify the server by its public key: sha256/BASE64. May be repeated.
    #[arg(long, value_name = "PIN")]
    upstream_pin: Vec<String>,
    /// Name server for SRV and address lookups.
    #[arg(long, value_name = "ADDR:PORT")]
    resolver: Option<SocketAddr>,
    /// Account under test, and the only ones let through. May be repeated.
    #[arg(long, value_name = "JID")]
    account: Vec<String>,
    /// Name or address that clients dial, besides the domain. May be repeated; a name the CA does not cover needs a new CA.
    #[arg(long, value_name = "HOST")]
    name: Vec<String>,
    /// Name of this run, e.g. client and version.
    #[arg(long)]
    label: Option<String>,
    /// Address to listen on. Other than loopback needs --allow-remote.
    #[arg(long, value_name = "ADDR")]
    listen: Option<IpAddr>,
    /// Port for STARTTLS; 0 picks a free one. [default: 5222]
    #[arg(long, value_name = "PORT")]
    starttls_port: Option<u16>,
    /// Port for direct TLS; 0 picks a free one. [default: 5223]
    #[arg(long, value_name = "PORT")]
    direct_port: Option<u16>,
    /// Network that may connect, e.g. 192.168.1.20/32 for a phone under test. May be repeated.
    #[arg(long, value_name = "CIDR")]
    allow_remote: Vec<IpNet>,
    /// Directory of the test CA. [default: certs]
    #[arg(long, value_name = "DIR")]
    certs: Option<PathBuf>,
    /// Where run directories are made. [default: runs]
    #[arg(long, value_name = "DIR")]
    runs: Option<PathBuf>,
    /// Loopback address of /metrics and /mark; `off` for none. [default: 127.0.0.1:9222]
    #[arg(long, value_name = "ADDR:PORT|off")]
    metrics: Option<String>,
    /// What to do about channel binding.
    #[arg(long, value_enum)]
    channel_binding: Option<ChannelBindingArg>,
    /// Change nothing but STARTTLS and compression; addresses that lead round the proxy stay.
    #[arg(long)]
    observe_only: bool,
    /// Whether records carry the stanza's redacted XML.
    #[arg(long, value_enum)]
    evidence: Option<EvidenceArg>,
    /// Write message content out instead of its class and length.
    #[arg(long)]
    keep_content: bool,
    /// Also keep the raw decrypted traffic, passwords included, so that it can be audited again.
    #[arg(long)]
    transcript: bool,
    /// For measuring the relay alone: nothing after login is audited or logged, and addresses in the stream are not rewritten. The log then
    /// says nothing about the client, and the run counts as not seen whole.
    #[arg(long, conflicts_with_all = ["transcript", "witness"])]
    no_audit: bool,
    /// What receiving devices showed, read when the run ends: lines of {"id": "…", "from": "…", "canary": "name"}, or the records of a run on
    /// the recipient's client.
    #[arg(long, value_name = "FILE")]
    witness: Option<PathBuf>,
    /// Also send the records to this OpenTelemetry Collector (OTLP over HTTP) while they are written; the log stays complete. A token goes into
    /// OTEL_EXPORTER_OTLP_HEADERS.
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    #[command(flatten)]
    collector: super::collector::Reach,
    /// Write TLS keys to the file named by SSLKEYLOGFILE.
    #[arg(long)]
    tls_keylog: bool,
    /// Directory with catalog files of your own, used besides the built-in ones.
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
    /// When the log cannot be written: stop, or go on and leave a gap.
    #[arg(long, value_enum)]
    on_log_failure: Option<OnLogFailureArg>,
    /// The domain or the server is a real one: I own the account, and everybody concerned knows. Written into the manifest.
    #[arg(long)]
    i_own_this_account: bool,
    /// Do not ask for the first-run acknowledgement.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TlsModeArg {
    Starttls,
    Direct,
    None,
    Auto,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ChannelBindingArg {
    Observe,
    Strip,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnLogFailureArg {
    Stop,
    Gap,
}

const DEFAULT_SESSION_FILE: &str = "stanzascope.toml";
const DEFAULT_METRICS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9222);
/// The whole preflight.
const PREFLIGHT_TIMEOUT: Duration = Duration::from_secs(20);

/// Flags and session file, merged and checked.
struct Config {
    domains: Vec<String>,
    accounts: Vec<String>,
    names: Vec<String>,
    label: String,
    listen: IpAddr,
    ports: [u16; 2],
    allow_remote: Vec<IpNet>,
    certs: PathBuf,
    runs: PathBuf,
    metrics: Option<SocketAddr>,
    target: Target,
    tls: TlsMode,
    trust: TrustSource,
    resolver: Option<SocketAddr>,
    channel_binding: ChannelBinding,
    observe_only: bool,
    evidence: Evidence,
    keep_content: bool,
    transcript: bool,
    on_log_failure: OnLogFailure,
    canaries: Canaries,
    profile: serde_json::Value,
    intent: serde_json::Value,
    rules: Choice,
    ownership: Ownership,
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    if args.example_config {
        print(&SessionFile::template())?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = merge(args).map_err(Failure::Usage)?;
    let collector = args.otlp.as_deref().map(|url| args.collector.endpoint(url)).transpose().map_err(Failure::Usage)?;
    if !args.check {
        consent::require(args.yes).map_err(Failure::Usage)?;
        if args.tls_keylog {
            prepare_key_log().map_err(Failure::Usage)?;
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(start(args, config, collector))
}

/// Makes sure that the file for TLS keys is private before the TLS library opens it, which would leave that to the umask (S-14).
fn prepare_key_log() -> anyhow::Result<()> {
    let Some(path) = std::env::var_os("SSLKEYLOGFILE").map(PathBuf::from) else {
        bail!("--tls-keylog needs the environment variable SSLKEYLOGFILE to name a file");
    };
    let shown = path.display();
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path).with_context(|| format!("cannot write {shown}"))?;
    let mode = file.metadata().with_context(|| format!("cannot look at {shown}"))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!("{shown} is open to other users (mode {mode:04o}): run `chmod 600 {shown}`, or let SSLKEYLOGFILE name another file");
    }
    say!("WRITING TLS KEYS to {shown}: whoever has them can read recorded traffic of this run. Delete the file after use.");
    Ok(())
}

fn list(flag: &[String], file: Vec<String>) -> Vec<String> {
    if flag.is_empty() { file } else { flag.to_vec() }
}

fn merge(args: &Args) -> anyhow::Result<Config> {
    let default = PathBuf::from(DEFAULT_SESSION_FILE);
    let file = match &args.config {
        Some(path) => SessionFile::read(path)?,
        None if default.exists() => SessionFile::read(&default)?,
        None => SessionFile::default(),
    };
    let canaries = Canaries::new(file.all_canaries())?;
    let domains = list(&args.domain, file.domain);
    if domains.is_empty() {
        bail!("which domain are the accounts on? Give --domain, e.g. --domain lab.test, or `domain` in {DEFAULT_SESSION_FILE}");
    }
    let upstream = args.upstream.clone().or(file.upstream);
    let upstream = upstream
        .ok_or_else(|| anyhow!("where is the test server? Give --upstream HOST:PORT (or srv), or `upstream` in {DEFAULT_SESSION_FILE}"))?;
    let tls = match args.upstream_tls {
        Some(TlsModeArg::Starttls) => TlsMode::StartTls,
        Some(TlsModeArg::Direct) => TlsMode::Direct,
        Some(TlsModeArg::None) => TlsMode::None,
        Some(TlsModeArg::Auto) => TlsMode::Auto,
        None => file.upstream_tls.map_or(Ok(TlsMode::Auto), |mode| mode.name().parse())?,
    };
    let pins = list(&args.upstream_pin, file.upstream_pin);
    let trust = match (args.upstream_ca.clone().or(file.upstream_ca), pins.is_empty()) {
        (Some(_), false) => bail!("--upstream-ca and --upstream-pin exclude each other: say one way to verify the server"),
        (Some(path), true) => TrustSource::CaFile(path),
        (None, false) => TrustSource::Pins(pins.iter().map(|pin| pin.parse::<SpkiPin>()).collect::<Result<_, _>>()?),
        (None, true) => TrustSource::Platform,
    };
    let allow_remote = if args.allow_remote.is_empty() {
        file.allow_remote
            .iter()
            .map(|net| net.parse().with_context(|| format!("allow_remote: {net:?} is not a network such as 192.168.1.20/32")))
            .collect::<Result<_, _>>()?
    } else {
        args.allow_remote.clone()
    };
    let metrics = match args.metrics.as_deref() {
        Some(text) => text.parse().map_err(|why| anyhow!("--metrics {text}: {why}"))?,
        None => file.metrics.unwrap_or(MetricsListener::At(DEFAULT_METRICS)),
    };
    let ownership =
        if args.i_own_this_account || file.i_own_this_account.unwrap_or(false) { Ownership::Claimed } else { Ownership::NotClaimed };
    let config = Config {
        listen: args.listen.or(file.listen).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        ports: [args.starttls_port.or(file.starttls_port).unwrap_or(5222), args.direct_port.or(file.direct_port).unwrap_or(5223)],
        accounts: list(&args.account, file.accounts),
        names: list(&args.name, file.names),
        label: args.label.clone().or(file.label).unwrap_or_default(),
        certs: args.certs.clone().or(file.certs).unwrap_or_else(|| "certs".into()),
        runs: args.runs.clone().or(file.runs).unwrap_or_else(|| "runs".into()),
        metrics: match metrics {
            MetricsListener::Off => None,
            MetricsListener::At(address) => Some(address),
        },
        target: upstream.parse()?,
        tls,
        trust,
        resolver: args.resolver.or(file.resolver),
        channel_binding: match args.channel_binding {
            Some(ChannelBindingArg::Observe) => ChannelBinding::Observe,
            Some(ChannelBindingArg::Strip) => ChannelBinding::Strip,
            None => file.channel_binding.unwrap_or(ChannelBinding::Observe),
        },
        observe_only: args.observe_only || file.observe_only.unwrap_or(false),
        evidence: args.evidence.map(Evidence::from).or(file.evidence).unwrap_or_default(),
        keep_content: args.keep_content || file.keep_content.unwrap_or(false),
        transcript: args.transcript || file.transcript.unwrap_or(false),
        on_log_failure: match args.on_log_failure {
            Some(OnLogFailureArg::Stop) => OnLogFailure::Stop,
            Some(OnLogFailureArg::Gap) => OnLogFailure::Gap,
            None => file.on_log_failure.unwrap_or(OnLogFailure::Stop),
        },
        rules: Choice::new(file.rules_off, file.accepted)?,
        canaries,
        profile: serde_json::to_value(&file.profile).context("[profile] of the session file")?,
        intent: serde_json::to_value(&file.plan).context("[plan] of the session file")?,
        ownership,
        domains,
        allow_remote,
    };
    for domain in &config.domains {
        if !scope::is_special_use(domain) && config.ownership == Ownership::NotClaimed && !upstream_is_local(&config.target) {
            bail!(
                "{domain} looks like a real domain, and its server is not on this machine or in a private network. stanzascope is made for test accounts \
                 on test servers; if the account is yours and everybody concerned knows, say so with --i-own-this-account"
            );
        }
    }
    if let Some(address) = config.metrics {
        stanzascope::admin::check_address(address)?;
    }
    for port in config.ports {
        scope::check_listener(SocketAddr::new(config.listen, port), &config.allow_remote)?;
    }
    Ok(config)
}

fn upstream_is_local(target: &Target) -> bool {
    match target {
        Target::Fixed { host, .. } => host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| !scope::needs_ownership(ip)),
        Target::Srv => false,
    }
}

async fn start(args: &Args, config: Config, collector: Option<Endpoint>) -> Outcome {
    let catalog = extra_catalog::load(args.catalog.as_deref()).map_err(Failure::Usage)?;
    let listeners = bind(&config).await.map_err(Failure::Usage)?;
    let addresses = proxy::addresses(&listeners);
    let upstream = UpstreamConfig {
        target: config.target.clone(),
        tls: config.tls,
        trust: match (config.tls, &config.trust) {
            // A machine without roots can do without, where there is no certificate.
            (TlsMode::None, TrustSource::Platform) => Trust::nothing(),
            (_, source) => Trust::load(source).map_err(|e| Failure::Usage(e.into()))?,
        },
        dns: Arc::new(config.resolver.map_or_else(Dns::system, Dns::at)),
        listeners: addresses.clone(),
        ownership: config.ownership,
        limits: StepLimits::default(),
    };
    let deadline = tokio::time::Instant::now() + PREFLIGHT_TIMEOUT;
    for domain in &config.domains {
        // A server that cannot be found is for the preflight to tell; one that must not be dialled ends the start.
        if let Err(error @ UpstreamError::Scope(_)) = check_scope(&upstream, domain, deadline).await {
            return Err(Failure::Usage(error.into()));
        }
    }
    let (authority, is_new) = authority(&config).map_err(Failure::Usage)?;
    let report = preflight::preflight(&upstream, &config.domains[0], config.accounts.first().map(String::as_str), deadline).await;
    for line in report.lines() {
        say!("{line}");
    }
    if args.check {
        say!("ports: {} and {} are free", addresses[0], addresses[1]);
        say!("{}", authority.facts());
        return Ok(ExitCode::from(if report.worst() == preflight::Status::Fail { 3 } else { 0 }));
    }
    let settings = Settings {
        accounts: config.accounts.clone(),
        keep_content: config.keep_content,
        evidence: config.evidence,
        canaries: config.canaries,
        rules: Some(Arc::new(RuleSet::new(&catalog, config.rules))),
        ..Settings::default()
    };
    let policy = Policy {
        domains: config.domains.clone(),
        accounts: config.accounts,
        channel_binding: config.channel_binding,
        observe_only: config.observe_only,
    };
    if is_new {
        for guide in ca::trust::guides(&ca::trust::Place {
            ca: &config.certs.join("root.pem"),
            host: &addresses[0].ip().to_string(),
            starttls_port: addresses[0].port(),
            direct_port: addresses[1].port(),
            domain: &config.domains[0],
        }) {
            say!("{guide}");
        }
    } else {
        say!(
            "clients trust {} (how, per client: stanzascope ca show --certs {})",
            config.certs.join("root.pem").display(),
            config.certs.display()
        );
    }
    let plan = Plan {
        settings,
        audit: if args.no_audit { Audit::Off } else { Audit::On },
        policy,
        upstream,
        authority,
        names: config.names,
        allow_remote: config.allow_remote,
        key_log: args.tls_keylog,
        label: config.label,
        runs: config.runs,
        transcript: config.transcript,
        on_log_failure: config.on_log_failure,
        metrics: config.metrics,
        owner: (config.ownership == Ownership::Claimed).then(OffsetDateTime::now_utc),
        profile: config.profile,
        intent: config.intent,
        preflight: serde_json::to_value(&report).context("the preflight report")?,
        marks_from_stdin: true,
        witness: args.witness.clone(),
        collector,
        status_line: std::io::stderr().is_terminal(),
    };
    let finished = run::run(catalog, plan, listeners, run::interrupted()).await?;
    let printed = print(&finished.summary);
    if let Some(failure) = finished.log_failure {
        return Err(Failure::Operation(failure.into()));
    }
    printed?;
    if let Some(delivery) = finished.delivery {
        say!("to the collector: {delivery}");
        if !delivery.is_whole() {
            let run = finished.directory.display();
            return Err(Failure::Operation(anyhow!(
                "the collector does not have all records; the log has: send it again with `stanzascope export {run} --format otlp --to URL`"
            )));
        }
    }
    if let Some(failure) = finished.witness_failure {
        return Err(Failure::Operation(anyhow!("{failure} (the run is complete without it)")));
    }
    Ok(ExitCode::SUCCESS)
}

async fn bind(config: &Config) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for (port, kind) in config.ports.into_iter().zip(["starttls", "direct"]) {
        let address = SocketAddr::new(config.listen, port);
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address} (is another server there? choose a port with --{kind}-port, 0 picks a free one)")
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// The CA in the directory, made on first use. The flag says whether it is new.
fn authority(config: &Config) -> anyhow::Result<(Authority, bool)> {
    let now = OffsetDateTime::now_utc();
    let mut names = config.names.clone();
    if !config.listen.is_loopback() && !config.listen.is_unspecified() {
        names.push(config.listen.to_string());
    }
    let (authority, is_new) = match Authority::load(&config.certs, now) {
        Ok(authority) => (authority, false),
        Err(ca::Error::Absent { .. }) => (Authority::create(&config.certs, &Scope::new(&config.domains, &names)?, now)?, true),
        Err(error) => return Err(error.into()),
    };
    for name in config.domains.iter().chain(&names) {
        if !authority.covers(name) {
            bail!(
                "the CA in {} does not cover {name}: its certificates are limited to the names it was made for. A new name needs a new CA and new \
                 trust in the clients: `stanzascope ca destroy --certs {0}` and then `stanzascope ca init --certs {0}` with all domains and names",
                config.certs.display()
            );
        }
    }
    Ok((authority, is_new))
}
