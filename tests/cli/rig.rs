//! The program, a directory for it, a scripted server in clear text, and a client by direct TLS.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;

/// Nothing in these tests takes longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='lab.test' version='1.0'>";
pub const SERVER_HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='lab.test' id='x' version='1.0'>";
pub const OFFER: &str =
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
pub const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
/// `\0ann\0password`
pub const AUTH: &str = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFubgBwYXNzd29yZA==</auth>";
pub const FEATURES: &str = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
pub const BIND: &str = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
pub const BOUND: &str = "<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>ann@lab.test/test</jid></bind></iq>";

/// A directory in which the program runs, with a home of its own.
pub struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("home")).unwrap();
        Bench { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stanzascope"));
        command.args(args).current_dir(self.dir.path()).env("HOME", self.path("home")).stdin(Stdio::null());
        for name in ["XDG_STATE_HOME", "STANZASCOPE_LOG", "SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs to the end, without standard input.
    pub fn run(&self, args: &[&str]) -> Said {
        Said::of(&self.command(args).output().unwrap())
    }

    /// Runs to the end with this on standard input.
    pub fn feed(&self, args: &[&str], input: &str) -> Said {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
        let writer = std::thread::spawn(move || _ = stdin.write_all(input.as_bytes()));
        let said = Said::of(&child.wait_with_output().unwrap());
        writer.join().unwrap();
        said
    }
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    fn of(output: &Output) -> Said {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Ended so, and said all of these on standard error.
    #[track_caller]
    pub fn ended(&self, code: i32, words: &[&str]) -> &Said {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} in {self:#?}");
        }
        assert!(!self.err.contains("panicked"), "{self:#?}");
        self
    }
}

/// A scripted XMPP server that speaks clear text.
pub struct Server {
    listener: TcpListener,
}

impl Server {
    pub fn new() -> Server {
        Server { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap() }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Shows every connection what the server offers, as long as `wanted` says.
    pub fn answer_probes(&self, mut wanted: impl FnMut() -> bool) {
        self.listener.set_nonblocking(true).unwrap();
        let began = Instant::now();
        while wanted() {
            assert!(began.elapsed() < PATIENCE, "the proxy does not start");
            match self.listener.accept() {
                Ok((stream, _)) => _ = std::thread::spawn(move || offer(stream)),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        self.listener.set_nonblocking(false).unwrap();
    }

    /// Forgets connections that nobody took.
    pub fn forget(&self) {
        self.listener.set_nonblocking(true).unwrap();
        while self.listener.accept().is_ok() {}
        self.listener.set_nonblocking(false).unwrap();
    }

    pub fn accept(&self) -> Peer {
        let stream = self.listener.accept().unwrap().0;
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Peer::new(stream)
    }
}

fn offer(mut stream: TcpStream) {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 1024];
    while !String::from_utf8_lossy(&seen).contains("version='1.0'") && !String::from_utf8_lossy(&seen).contains("version=\"1.0\"") {
        match stream.read(&mut buffer) {
            Ok(read @ 1..) => seen.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let _ = stream.write_all(format!("{SERVER_HEADER}{OFFER}").as_bytes());
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
}

/// The proxy while it runs. Killed when dropped.
pub struct Proxy {
    child: Child,
    said: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
    certs: PathBuf,
}

/// A proxy that has ended.
pub struct Ended {
    pub said: Said,
    pub directory: PathBuf,
}

impl Proxy {
    /// `stanzascope run` before `server`, with these arguments besides the usual ones, ready for clients.
    pub fn start(bench: &Bench, server: &Server, more: &[&str]) -> Proxy {
        Proxy::start_with(bench, server, more, |_| {})
    }

    pub fn start_with(bench: &Bench, server: &Server, more: &[&str], prepare: impl FnOnce(&mut Command)) -> Proxy {
        let mut proxy = Proxy::spawn(bench, server.address(), more, prepare);
        server.answer_probes(|| !proxy.is_ready());
        // Later lines of the announcement follow at once.
        std::thread::sleep(Duration::from_millis(50));
        proxy
    }

    /// The same before a server that answers by itself.
    pub fn start_before(bench: &Bench, upstream: SocketAddr, more: &[&str]) -> Proxy {
        let mut proxy = Proxy::spawn(bench, upstream, more, |_| {});
        let began = Instant::now();
        while !proxy.is_ready() {
            assert!(began.elapsed() < PATIENCE, "the proxy does not start: {}", proxy.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(50));
        proxy
    }

    fn is_ready(&mut self) -> bool {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the proxy ended with {status}: {}", self.said());
        }
        self.said().contains("run directory ")
    }

    fn spawn(bench: &Bench, upstream: SocketAddr, more: &[&str], prepare: impl FnOnce(&mut Command)) -> Proxy {
        let upstream = upstream.to_string();
        let mut args = vec!["run", "--yes", "--domain", "lab.test", "--upstream", &upstream, "--upstream-tls", "none"];
        args.extend(["--starttls-port", "0", "--direct-port", "0", "--metrics", "127.0.0.1:0"]);
        args.extend(more);
        let mut command = bench.command(&args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        prepare(&mut command);
        let mut child = command.spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (mut lines, into) = (BufReader::new(child.stderr.take().unwrap()), said.clone());
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            while matches!(lines.read_line(&mut line), Ok(1..)) {
                into.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Proxy { child, said, reader: Some(reader), certs: bench.path("certs") }
    }

    /// What it said on standard error so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    fn announced(&self, prefix: &str) -> String {
        let said = self.said();
        let line = said.lines().find_map(|line| line.strip_prefix(prefix));
        line.unwrap_or_else(|| panic!("no {prefix:?} in {said}")).to_owned()
    }

    pub fn direct(&self) -> SocketAddr {
        self.announced("listening direct ").parse().unwrap()
    }

    pub fn starttls(&self) -> SocketAddr {
        self.announced("listening starttls ").parse().unwrap()
    }

    /// The certificate that clients trust.
    pub fn ca(&self) -> PathBuf {
        self.certs.join("root.pem")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn metrics(&self) -> SocketAddr {
        self.announced("metrics http://").strip_suffix("/metrics").unwrap().parse().unwrap()
    }

    pub fn directory(&self, bench: &Bench) -> PathBuf {
        bench.path(&self.announced("run directory "))
    }

    pub fn stdin(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().unwrap()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// A client by direct TLS that trusts the test CA, and the server's end of its connection.
    pub fn connect(&self, server: &Server) -> (Peer, Peer) {
        connect(self.direct(), &self.certs, server)
    }

    /// A client that is logged in.
    pub fn log_in(&self, server: &Server) -> (Peer, Peer) {
        let (mut client, mut server) = self.connect(server);
        for (from_client, from_server) in [
            (HEADER, format!("{SERVER_HEADER}{OFFER}").as_str()),
            (AUTH, SUCCESS),
            (HEADER, &format!("{SERVER_HEADER}{FEATURES}")),
            (BIND, BOUND),
        ] {
            client.says(from_client, &mut server);
            server.says(from_server, &mut client);
        }
        (client, server)
    }

    /// Waits for the end.
    pub fn end(mut self, bench: &Bench) -> Ended {
        let directory = self.directory(bench);
        let mut out = String::new();
        drop(self.child.stdin.take());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        let said = Said { code: status.code(), out, err: self.said() };
        Ended { said, directory }
    }

    /// Asks it to stop, and waits.
    pub fn stop(self, bench: &Bench) -> Ended {
        self.signal(rustix::process::Signal::TERM);
        self.end(bench)
    }
}

/// A client by direct TLS at `address` that trusts the test CA in `certs`, and the server's end of its connection.
pub fn connect(address: SocketAddr, certs: &Path, server: &Server) -> (Peer, Peer) {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certs.join("root.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = rustls::ClientConnection::new(Arc::new(config), ServerName::try_from("lab.test").unwrap()).unwrap();
    let tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = rustls::StreamOwned::new(tls, tcp);
    // The handshake: an empty write makes rustls go through it.
    stream.conn.complete_io(&mut stream.sock).unwrap();
    (Peer::new(stream), server.accept())
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    pub fn records(&self) -> Vec<Value> {
        let text = self.file("records.jsonl");
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.join(name)).unwrap()
    }

    pub fn manifest(&self) -> Value {
        serde_json::from_str(&self.file("run.json")).unwrap()
    }
}

/// One end of a connection that reads and writes text.
pub struct Peer {
    stream: Box<dyn Stream>,
}

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Peer {
    fn new(stream: impl Stream + 'static) -> Peer {
        Peer { stream: Box::new(stream) }
    }

    /// Says something, and the other end hears exactly that.
    #[track_caller]
    pub fn says(&mut self, text: &str, other: &mut Peer) {
        self.send(text).unwrap();
        let mut heard = vec![0; text.len()];
        other.stream.read_exact(&mut heard).unwrap_or_else(|error| panic!("{error} while waiting for {text}"));
        assert_eq!(String::from_utf8_lossy(&heard), text);
    }

    pub fn send(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.write_all(text.as_bytes())?;
        self.stream.flush()
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// The next bytes, this many.
    pub fn hear(&mut self, len: usize) -> std::io::Result<Vec<u8>> {
        let mut heard = vec![0; len];
        self.stream.read_exact(&mut heard)?;
        Ok(heard)
    }

    /// Everything up to the end, and whether it ended in order.
    pub fn rest(&mut self) -> (String, bool) {
        let mut heard = Vec::new();
        let in_order = self.stream.read_to_end(&mut heard).is_ok();
        (String::from_utf8_lossy(&heard).into_owned(), in_order)
    }

    /// Reads until the end, whatever it is.
    pub fn drain(&mut self) {
        let mut buffer = vec![0; 64 << 10];
        while matches!(self.stream.read(&mut buffer), Ok(1..)) {}
    }
}

/// Permission bits.
#[track_caller]
pub fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

/// Sends a request to the admin listener; the whole answer.
pub fn http(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.replace("HOST", &address.to_string()).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
