//! The proxies that are compared: how each is started to end TLS and begin it again before the same server.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::lab::{DOMAIN, Lab, connector};
use crate::log::Log;
use crate::upstream::{Upstream, Way};

/// None needs longer to start.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections that each has to take.
pub const MAX_CONNECTIONS: usize = 9000;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// The product as it comes: audit, evidence in every record.
    Redacted,
    /// The product with `--evidence none`.
    None,
    /// The product with `--no-audit`.
    NoAudit,
    /// The same of another build, named by `--before`.
    RedactedBefore,
    NoneBefore,
    NoAuditBefore,
    Haproxy,
    Nginx,
    Sslsplit,
    /// sslsplit that writes what passes to a file.
    SslsplitLog,
    Mitmproxy,
    /// mitmproxy with a script that writes a line for each message.
    MitmproxyScript,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Redacted => "stanzascope, redacted",
            Kind::None => "stanzascope, none",
            Kind::NoAudit => "stanzascope, no audit",
            Kind::RedactedBefore => "before, redacted",
            Kind::NoneBefore => "before, none",
            Kind::NoAuditBefore => "before, no audit",
            Kind::Haproxy => "HAProxy",
            Kind::Nginx => "nginx stream",
            Kind::Sslsplit => "sslsplit",
            Kind::SslsplitLog => "sslsplit -L",
            Kind::Mitmproxy => "mitmproxy",
            Kind::MitmproxyScript => "mitmproxy + script",
        }
    }

    pub fn is_product(self) -> bool {
        use Kind as K;
        matches!(self, K::Redacted | K::None | K::NoAudit) || self.is_before()
    }

    /// Whether it is the other build.
    pub fn is_before(self) -> bool {
        matches!(self, Kind::RedactedBefore | Kind::NoneBefore | Kind::NoAuditBefore)
    }

    /// Whether it writes a row for each stanza.
    pub fn audits(self) -> bool {
        matches!(self, Kind::Redacted | Kind::None | Kind::RedactedBefore | Kind::NoneBefore)
    }

    fn program(self) -> &'static str {
        match self {
            Kind::RedactedBefore | Kind::NoneBefore | Kind::NoAuditBefore => BEFORE.get().map_or("", String::as_str),
            Kind::Redacted | Kind::None | Kind::NoAudit => env!("CARGO_BIN_EXE_stanzascope"),
            Kind::Haproxy => "haproxy",
            Kind::Nginx => "nginx",
            Kind::Sslsplit | Kind::SslsplitLog => "sslsplit",
            Kind::Mitmproxy | Kind::MitmproxyScript => "mitmdump",
        }
    }

    /// The program's path; none when it is not installed.
    pub fn installed(self) -> Option<PathBuf> {
        let name = Path::new(self.program());
        let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join(VENV);
        let places = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
        places.into_iter().chain(["/usr/sbin".into(), venv]).map(|place| place.join(name)).find(|path| path.is_file())
    }

    /// How to come by it.
    pub fn remedy(self) -> &'static str {
        match self {
            _ if self.is_product() => "cargo build --release",
            Kind::Haproxy => "apt-get install haproxy",
            Kind::Nginx => "apt-get install nginx libnginx-mod-stream",
            Kind::Sslsplit | Kind::SslsplitLog => "apt-get install sslsplit",
            _ => "python3 -m venv target/bench-venv && target/bench-venv/bin/pip install mitmproxy",
        }
    }

    /// What it says its version is.
    pub fn version(self) -> String {
        let Some(program) = self.installed() else { return String::new() };
        let argument = match self {
            Kind::Haproxy | Kind::Nginx => "-v",
            Kind::Sslsplit | Kind::SslsplitLog => "-V",
            _ => "--version",
        };
        let Ok(output) = Command::new(program).arg(argument).stdin(Stdio::null()).output() else { return String::new() };
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        said.lines().next().unwrap_or_default().trim().to_owned()
    }
}

/// The other build of the product.
pub static BEFORE: OnceLock<String> = OnceLock::new();

/// Where `Kind::remedy` puts mitmproxy.
const VENV: &str = "target/bench-venv/bin";

/// A proxy that runs. Dropping it ends it.
pub struct Contender {
    pub kind: Kind,
    child: Child,
    pub direct: Way,
    /// Only the product has it.
    pub starttls: Option<Way>,
    /// The product's log.
    pub log: Option<Log>,
    /// Sessions opened and stanzas sent through it: what the log must show.
    pub sessions: std::cell::Cell<u64>,
    pub sent: std::cell::Cell<u64>,
}

impl Drop for Contender {
    fn drop(&mut self) {
        // sslsplit's child and nginx's workers go with their parents on SIGTERM, not on SIGKILL.
        let pid = rustix::process::Pid::from_child(&self.child);
        if !self.kind.is_product() && rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok() {
            let until = Instant::now() + Duration::from_secs(2);
            while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        // The product would sum up a log that nobody reads.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(log) = &self.log {
            let _ = std::fs::remove_dir_all(log.directory());
        }
    }
}

impl Contender {
    /// Starts one and waits until it takes connections.
    ///
    /// # Errors
    /// It is not installed, or does not start; in words.
    pub fn start(kind: Kind, lab: &Lab, upstream: &Upstream, starttls: bool) -> Result<Contender, String> {
        let program = kind.installed().ok_or_else(|| format!("{} is not installed: {}", kind.name(), kind.remedy()))?;
        let mut command = Command::new(program);
        command.current_dir(lab.path("")).stdin(Stdio::null()).stdout(Stdio::null());
        if kind.is_product() {
            return start_product(kind, command, lab, if starttls { upstream.starttls } else { upstream.direct }, starttls);
        }
        let address = free_port();
        configure(kind, &mut command, lab, address, upstream.direct);
        let errors = lab.path("stderr");
        let file = File::create(&errors).map_err(|error| error.to_string())?;
        let mut child = command.stderr(file).spawn().map_err(|error| format!("{}: {error}", kind.name()))?;
        let began = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            if began.elapsed() > PATIENCE || !matches!(child.try_wait(), Ok(None)) {
                let _ = child.kill();
                return Err(format!("{} does not start: {}", kind.name(), std::fs::read_to_string(errors).unwrap_or_default().trim()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let direct = Way { address, starttls: false, tls: connector(&[&lab.path("ca.pem")]) };
        Ok(Contender { kind, child, direct, starttls: None, log: None, sessions: 0.into(), sent: 0.into() })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The way that is measured.
    pub fn way(&self) -> &Way {
        self.starttls.as_ref().unwrap_or(&self.direct)
    }

    /// Notes what its log must show.
    pub fn expect(&self, sessions: u64, stanzas: u64) {
        self.sessions.set(self.sessions.get() + sessions);
        self.sent.set(self.sent.get() + stanzas);
    }
}

/// A port of loopback that nobody listens on.
fn free_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a port")
}

fn start_product(kind: Kind, mut command: Command, lab: &Lab, upstream: SocketAddr, starttls: bool) -> Result<Contender, String> {
    let home = tempfile::Builder::new().prefix("product-").tempdir_in(lab.path("")).map_err(|error| error.to_string())?.keep();
    let [ca, upstream] = [lab.path("ca.pem").display().to_string(), upstream.to_string()];
    command.current_dir(&home).env("HOME", &home).args(["run", "--yes", "--domain", DOMAIN, "--upstream", &upstream, "--upstream-ca", &ca]);
    command.args(["--upstream-tls", if starttls { "starttls" } else { "direct" }]);
    command.args(["--starttls-port", "0", "--direct-port", "0", "--metrics", "off"]);
    command.args(match kind {
        Kind::None | Kind::NoneBefore => &["--evidence", "none"][..],
        Kind::NoAudit | Kind::NoAuditBefore => &["--no-audit"],
        _ => &[],
    });
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(|error: io::Error| error.to_string())?;
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let (mut said, mut ports, mut directory) = (String::new(), [None, None], None);
    for line in lines.by_ref().map_while(Result::ok) {
        for (port, name) in ports.iter_mut().zip(["listening direct ", "listening starttls "]) {
            *port = port.or_else(|| line.strip_prefix(name)?.parse::<SocketAddr>().ok());
        }
        directory = directory.or_else(|| line.strip_prefix("run directory ").map(|path| home.join(path)));
        said.push_str(&line);
        said.push('\n');
        if directory.is_some() {
            break;
        }
    }
    // Nobody may wait for a full pipe.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    let ([Some(direct), Some(second)], Some(directory)) = (ports, directory) else {
        let _ = child.kill();
        return Err(format!("{} does not start: {said}", kind.name()));
    };
    let tls = connector(&[&home.join("certs/root.pem")]);
    let way = |address, starttls| Way { address, starttls, tls: tls.clone() };
    let log = Log::open(&home, &directory.join("records.jsonl")).map_err(|error| format!("the log of {}: {error}", kind.name()))?;
    Ok(Contender {
        kind,
        child,
        direct: way(direct, false),
        starttls: starttls.then(|| way(second, true)),
        log: Some(log),
        sessions: 0.into(),
        sent: 0.into(),
    })
}

/// Files and arguments of the others: TLS 1.3 on both sides, and the server's certificate verified by those that can.
fn configure(kind: Kind, command: &mut Command, lab: &Lab, listen: SocketAddr, upstream: SocketAddr) {
    let dir = lab.path("");
    let dir = dir.display();
    let (port, up) = (listen.port().to_string(), upstream.port().to_string());
    match kind {
        Kind::Haproxy => {
            let config = format!(
                "global\n  maxconn {MAX_CONNECTIONS}\n\
                 defaults\n  mode tcp\n  timeout connect 10s\n  timeout client 1h\n  timeout server 1h\n\
                 frontend f\n  bind {listen} ssl crt {dir}/leaf-and-key.pem ssl-min-ver TLSv1.3\n  default_backend b\n\
                 backend b\n  server s {upstream} ssl verify required ca-file {dir}/ca.pem sni str({DOMAIN}) verifyhost {DOMAIN} no-ssl-reuse\n"
            );
            command.arg("-db").arg("-f").arg(lab.write(&format!("haproxy-{port}.cfg"), &config));
        }
        Kind::Nginx => {
            let module = "/usr/lib/nginx/modules/ngx_stream_module.so";
            let load = if Path::new(module).exists() { format!("load_module {module};\n") } else { String::new() };
            let config = format!(
                "{load}daemon off;\nworker_processes auto;\nworker_rlimit_nofile 20000;\npid {dir}/nginx-{port}.pid;\nerror_log {dir}/nginx-{port}.log;\n\
                 events {{ worker_connections {}; }}\n\
                 stream {{\n server {{\n  listen {listen} ssl backlog=4096;\n  ssl_certificate {dir}/leaf.pem;\n  ssl_certificate_key {dir}/leaf.key;\n\
                 ssl_protocols TLSv1.3;\n  ssl_session_tickets off;\n  proxy_pass {upstream};\n  proxy_timeout 1h;\n  proxy_ssl on;\n  proxy_ssl_protocols TLSv1.3;\n\
                 proxy_ssl_verify on;\n  proxy_ssl_trusted_certificate {dir}/ca.pem;\n  proxy_ssl_name {DOMAIN};\n  proxy_ssl_server_name on;\n\
                 proxy_ssl_session_reuse off;\n }}\n}}\n",
                2 * MAX_CONNECTIONS + 100
            );
            command.arg("-c").arg(lab.write(&format!("nginx-{port}.conf"), &config)).args(["-e", "stderr"]);
        }
        Kind::Sslsplit | Kind::SslsplitLog => {
            if kind == Kind::SslsplitLog {
                command.arg("-L").arg(lab.path(&format!("sslsplit-{port}.log")));
            }
            command.args(["-k", "ca.key", "-c", "ca.pem", "-K", "leaf.key", "-u", "root", "ssl", "127.0.0.1", &port, "127.0.0.1", &up]);
        }
        Kind::Mitmproxy | Kind::MitmproxyScript => {
            command.args(["--quiet", "--mode", &format!("reverse:tls://127.0.0.1:{up}@127.0.0.1:{port}")]);
            command.args(["--certs", "leaf-and-key.pem", "--set", "ssl_insecure=true", "--set", &format!("confdir={dir}/mitmproxy")]);
            if kind == Kind::MitmproxyScript {
                let script = lab.write("log_messages.py", &MITMPROXY_SCRIPT.replace("LOG", &format!("{dir}/mitmproxy-{port}.jsonl")));
                command.arg("--scripts").arg(script);
            }
        }
        _ => unreachable!("the product is started by itself"),
    }
}

/// A line of JSON for each message, unparsed: the least that a logging script does.
const MITMPROXY_SCRIPT: &str = r#"import json

out = open("LOG", "w")


def tcp_message(flow):
    message = flow.messages[-1]
    line = {"at": message.timestamp, "from_client": message.from_client, "content": message.content.decode("utf-8", "replace")}
    out.write(json.dumps(line) + "\n")
"#;
