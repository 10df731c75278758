//! The rounds, and the tables that come of them.

use std::sync::Arc;
use std::time::Duration;

use stanzascope::xmpp::Direction;

use crate::contender::{Contender, Kind};
use crate::corpus::Corpus;
use crate::lab::{Lab, connector};
use crate::measure::{connections, latency, log_in, memory, throughput, volume};
use crate::plan::{Plan, What};
use crate::process;
use crate::statistics::Values;
use crate::traffic::{Records, Stanzas};
use crate::upstream::{Upstream, Way};

/// Against whom all are held.
const YARDSTICK: Kind = Kind::Haproxy;
/// mitmproxy needs a minute for more.
const MANY: usize = 2000;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A direction and how its stanzas are put into records.
const SHAPES: [(&str, Direction, Records); 4] = [
    ("stanza down", Direction::ServerToClient, Records::PerStanza),
    ("stanza up", Direction::ClientToServer, Records::PerStanza),
    ("bulk down", Direction::ServerToClient, Records::Bulk),
    ("bulk up", Direction::ClientToServer, Records::Bulk),
];

struct Bench<'p> {
    plan: &'p Plan,
    lab: Lab,
    upstream: Upstream,
    down: Arc<Stanzas>,
    up: Arc<Stanzas>,
}

/// Measures what the plan says.
///
/// # Errors
/// A proxy that fails, and a log that does not have every stanza.
pub async fn run(plan: &Plan) -> Result<(), Error> {
    let corpus = Corpus::new(plan.corpus_bytes);
    let lab = Lab::new();
    let upstream = Upstream::start(&lab).await;
    let stanzas = |direction| Arc::new(Stanzas::new(direction, &corpus));
    let bench = Bench { plan, lab, upstream, down: stanzas(Direction::ServerToClient), up: stanzas(Direction::ClientToServer) };
    drop(corpus);
    let mut kinds = Vec::new();
    for &kind in &plan.contenders {
        match kind.installed() {
            Some(_) => kinds.push(kind),
            None => eprintln!("left out: {} ({})", kind.name(), kind.remedy()),
        }
    }
    println!("machine: {}", machine());
    for &kind in kinds.iter().filter(|kind| matches!(kind, Kind::Redacted | Kind::Haproxy | Kind::Nginx | Kind::Sslsplit | Kind::Mitmproxy))
    {
        println!("version: {}: {}", kind.name().split(',').next().unwrap_or_default(), kind.version());
    }
    println!(
        "traffic: {} stanzas down, {} bytes on average; {} up, {} bytes; {} rounds of {:?}",
        bench.down.len(),
        bench.down.mean(),
        bench.up.len(),
        bench.up.mean(),
        plan.rounds,
        plan.length
    );
    for what in &plan.what {
        match what {
            What::Throughput => bench.throughput(&kinds, false).await?,
            What::Starttls => bench.throughput(&kinds, true).await?,
            What::Latency => bench.latency(&kinds).await?,
            What::Connections => bench.connections(&kinds).await?,
            What::Memory => bench.memory(&kinds).await?,
            What::Volume => bench.volume(&kinds).await?,
        }
    }
    Ok(())
}

impl Bench<'_> {
    fn start(&self, kind: Kind, starttls: bool) -> Result<Contender, Error> {
        tokio::task::block_in_place(|| Contender::start(kind, &self.lab, &self.upstream, starttls)).map_err(Into::into)
    }

    /// All of them, running side by side: those whose turn it is not wait and cost nothing.
    fn start_all(&self, kinds: &[Kind]) -> Result<Vec<Contender>, Error> {
        kinds.iter().map(|&kind| self.start(kind, false)).collect()
    }

    fn stanzas(&self, direction: Direction) -> &Arc<Stanzas> {
        if direction == Direction::ClientToServer { &self.up } else { &self.down }
    }

    async fn throughput(&self, kinds: &[Kind], starttls: bool) -> Result<(), Error> {
        println!("\n## MB per second of the proxy's processor time{}", if starttls { ", by STARTTLS against direct TLS" } else { "" });
        // Each product is there twice, by direct TLS and by STARTTLS; the others do not speak XMPP.
        let mut contenders = Vec::new();
        for &kind in kinds.iter().filter(|kind| !starttls || kind.is_product()) {
            contenders.push(self.start(kind, false)?);
            if starttls {
                contenders.push(self.start(kind, true)?);
            }
        }
        let shapes = if starttls { &SHAPES[..2] } else { &SHAPES[..] };
        let mut values = vec![vec![Values::default(); contenders.len()]; shapes.len()];
        for _ in 0..self.plan.rounds {
            for (&(_, direction, records), values) in shapes.iter().zip(&mut values) {
                for (contender, values) in contenders.iter().zip(values) {
                    let stanzas = self.stanzas(direction);
                    let passed = throughput::measure(contender, &self.upstream, stanzas, direction, records, self.plan.length).await?;
                    values.0.push(passed.megabytes_per_cpu_second());
                }
            }
        }
        let name =
            |contender: &Contender| format!("{}{}", contender.kind.name(), if contender.starttls.is_some() { ", STARTTLS" } else { "" });
        for ((title, ..), values) in shapes.iter().zip(&values) {
            println!("\n{title}");
            for (at, (contender, of)) in contenders.iter().zip(values).enumerate() {
                let yardstick = match starttls {
                    true => Some(at & !1),
                    false => contenders.iter().position(|contender| contender.kind == YARDSTICK),
                };
                let ratio = yardstick.map(|at| of.by(&values[at])).unwrap_or_default();
                println!("  {:<34} {:<22} {ratio}", name(contender), of.to_string());
            }
        }
        self.check_rows(&contenders).await
    }

    async fn latency(&self, kinds: &[Kind]) -> Result<(), Error> {
        let contenders = self.start_all(kinds)?;
        let without = Way { address: self.upstream.direct, starttls: false, tls: connector(&[&self.lab.path("ca.pem")]) };
        // Long enough for a p99 that is more than one stanza.
        let length = self.plan.length.max(Duration::from_secs(1));
        for &connections in &self.plan.latency_at {
            println!("\n## Added latency in µs, {connections} connections, 1,000 stanzas a second");
            let mut values = vec![[Values::default(), Values::default()]; contenders.len()];
            let mut bare = [Values::default(), Values::default()];
            for _ in 0..self.plan.rounds {
                let mut pairs = Vec::new();
                for _ in 0..connections {
                    pairs.push(self.upstream.pair(&without).await?);
                }
                let base = latency::measure(pairs, &self.down, length).await?;
                bare[0].0.push(f64::from(base.p50));
                bare[1].0.push(f64::from(base.p99));
                for (contender, values) in contenders.iter().zip(&mut values) {
                    let pairs = log_in(contender, &self.upstream, connections, 16).await?;
                    let with = latency::measure(pairs, &self.down, length).await?;
                    contender.expect(0, with.stanzas);
                    values[0].0.push(f64::from(with.p50) - f64::from(base.p50));
                    values[1].0.push(f64::from(with.p99) - f64::from(base.p99));
                }
            }
            println!("  {:<26} p50 {:<22} p99 {}", "without a proxy (whole)", bare[0].to_string(), bare[1]);
            let yardstick = contenders.iter().position(|contender| contender.kind == YARDSTICK);
            for (contender, of) in contenders.iter().zip(&values) {
                let ratio = yardstick.map(|at| of[0].by(&values[at][0])).unwrap_or_default();
                println!("  {:<26} p50 {:<22} p99 {:<26} p50 ratio {ratio}", contender.kind.name(), of[0].to_string(), of[1].to_string());
            }
        }
        self.check_rows(&contenders).await
    }

    async fn connections(&self, kinds: &[Kind]) -> Result<(), Error> {
        println!("\n## Connections with login, 8 at once");
        let contenders = self.start_all(kinds)?;
        let mut values = vec![[Values::default(), Values::default()]; contenders.len()];
        for _ in 0..self.plan.rounds {
            for (contender, values) in contenders.iter().zip(&mut values) {
                let rate = connections::measure(contender, &self.upstream, self.plan.length).await?;
                values[0].0.push(rate.per_second);
                values[1].0.push(rate.cpu_ms);
            }
        }
        let yardstick = contenders.iter().position(|contender| contender.kind == YARDSTICK);
        for (contender, of) in contenders.iter().zip(&values) {
            let [rate, cpu] = [0, 1].map(|n| yardstick.map(|at| of[n].by(&values[at][n])).unwrap_or_default());
            let name = contender.kind.name();
            println!("  {name:<26} a second {:<22} {rate:<22} CPU ms {:<22} {cpu}", of[0].to_string(), of[1].to_string());
        }
        self.check_rows(&contenders).await
    }

    async fn memory(&self, kinds: &[Kind]) -> Result<(), Error> {
        for &connections in &self.plan.memory_at {
            println!("\n## KiB per idle connection that is logged in, {connections} of them");
            for &kind in kinds {
                if connections > MANY && matches!(kind, Kind::Mitmproxy | Kind::MitmproxyScript | Kind::SslsplitLog) {
                    continue;
                }
                let contender = self.start(kind, false)?;
                let each = memory::measure(&contender, &self.upstream, connections).await?;
                println!("  {:<26} {each:.1}", kind.name());
                self.check_rows(std::slice::from_ref(&contender)).await?;
            }
        }
        Ok(())
    }

    async fn volume(&self, kinds: &[Kind]) -> Result<(), Error> {
        println!("\n## MiB of memory after each gigabyte through one process");
        for &kind in kinds.iter().filter(|kind| kind.audits()) {
            let contender = self.start(kind, false)?;
            let idle = process::memory_kib(contender.pid()) as f64 / 1024.0;
            let memory = volume::measure(&contender, &self.upstream, &self.down, self.plan.gigabytes).await?;
            let shown: Vec<String> = memory.iter().map(|mib| format!("{mib:.0}")).collect();
            println!("  {:<26} {idle:.0} at start; {}", kind.name(), shown.join(" "));
            self.check_rows(std::slice::from_ref(&contender)).await?;
        }
        Ok(())
    }

    /// Each stanza that was sent has its row in the log; without the audit there is none of what came after login.
    async fn check_rows(&self, contenders: &[Contender]) -> Result<(), Error> {
        for contender in contenders.iter().filter(|contender| contender.kind.audits()) {
            let (Some(log), sent) = (&contender.log, contender.sent.get()) else { continue };
            let mut rows = log.rows()?;
            for _ in 0..50 {
                if rows >= sent {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                rows = log.rows()?;
            }
            if rows != sent {
                return Err(format!("{}: {sent} stanzas were sent and {rows} rows logged", contender.kind.name()).into());
            }
            println!(
                "  rows: {}: {rows} logged, {sent} sent in {} sessions; the log has {} MB",
                contender.kind.name(),
                contender.sessions.get(),
                log.size()? / 1_000_000
            );
        }
        Ok(())
    }
}

fn machine() -> String {
    let text = |path| std::fs::read_to_string(path).unwrap_or_default();
    let info = text("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1)).unwrap_or("unknown processor").to_owned();
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    format!("{cores} cores of {model}, Linux {}", text("/proc/sys/kernel/osrelease").trim())
}
