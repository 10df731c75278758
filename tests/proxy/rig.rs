//! The proxy between a scripted server and scripted clients, all in this process and on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use stanzascope::audit::Settings;
use stanzascope::ca::{Authority, Scope};
use stanzascope::catalog::Catalog;
use stanzascope::proxy;
use stanzascope::proxy::gate::{ChannelBinding, Policy};
use stanzascope::proxy::scope::Ownership;
use stanzascope::proxy::upstream::{Dns, StepLimits, Target, TlsMode, Trust, TrustSource, UpstreamConfig};
use stanzascope::run::{self, Finished, Plan};
use stanzascope::sink::OnLogFailure;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='lab.test' version='1.0'>";
pub const SERVER_HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='lab.test' id='x' version='1.0'>";
pub const PLAIN_OFFER: &str =
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
pub const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
/// `\0ann\0CANARY-password`
pub const AUTH: &str = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFubgBDQU5BUlktcGFzc3dvcmQ=</auth>";
pub const BOUND: &str = "<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>ann@lab.test/test</jid></bind></iq>";
pub const BIND: &str = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";

/// Nothing in these tests takes longer.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a test may change about the proxy.
pub struct Options {
    pub accounts: Vec<String>,
    pub channel_binding: ChannelBinding,
    pub observe_only: bool,
    pub transcript: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { accounts: vec![], channel_binding: ChannelBinding::Observe, observe_only: false, transcript: false }
    }
}

/// A running proxy.
pub struct Rig {
    pub starttls: SocketAddr,
    pub direct: SocketAddr,
    /// Where the scripted server takes the proxy's connections.
    pub server: TcpListener,
    pub dir: tempfile::TempDir,
    stop: oneshot::Sender<()>,
    run: JoinHandle<Result<Finished, run::RunError>>,
}

/// A run that is over.
pub struct Log {
    pub records: Vec<Value>,
    pub path: PathBuf,
    /// Keeps the files until the test has looked at them.
    _dir: tempfile::TempDir,
}

impl Rig {
    /// A proxy in front of a server that speaks clear text on loopback.
    pub async fn start(options: Options) -> Rig {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = server.local_addr().unwrap().port();
        Rig::start_with(options, server, port, TlsMode::None, TrustSource::Platform).await
    }

    pub async fn start_with(options: Options, server: TcpListener, port: u16, tls: TlsMode, trust: TrustSource) -> Rig {
        let dir = tempfile::tempdir().unwrap();
        let certs = dir.path().join("certs");
        let domains = vec!["lab.test".to_owned()];
        let authority = Authority::create(&certs, &Scope::new(&domains, &[]).unwrap(), OffsetDateTime::now_utc()).unwrap();
        let listeners = vec![bind().await, bind().await];
        let addresses = proxy::addresses(&listeners);
        // Clear text needs no roots; the platform's may be empty on a build machine.
        let trust = match trust {
            TrustSource::Platform => TrustSource::Pins(vec![format!("sha256/{}=", "A".repeat(43)).parse().unwrap()]),
            other => other,
        };
        let plan = Plan {
            settings: Settings { accounts: options.accounts.clone(), ..Settings::default() },
            audit: stanzascope::proxy::Audit::On,
            policy: Policy {
                domains,
                accounts: options.accounts,
                channel_binding: options.channel_binding,
                observe_only: options.observe_only,
            },
            upstream: UpstreamConfig {
                target: Target::Fixed { host: "127.0.0.1".into(), port },
                tls,
                trust: Trust::load(&trust).unwrap(),
                dns: Arc::new(Dns::system()),
                listeners: addresses.clone(),
                ownership: Ownership::NotClaimed,
                limits: StepLimits::default(),
            },
            authority,
            names: vec![],
            allow_remote: vec![],
            key_log: false,
            label: "test".into(),
            runs: dir.path().join("runs"),
            transcript: options.transcript,
            on_log_failure: OnLogFailure::Stop,
            metrics: None,
            owner: None,
            profile: serde_json::Value::Null,
            intent: serde_json::Value::Null,
            preflight: Value::Null,
            marks_from_stdin: false,
            witness: None,
            collector: None,
            status_line: false,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let run = tokio::spawn(run::run(Catalog::builtin(), plan, listeners, async move { _ = stopped.await }));
        Rig { starttls: addresses[0], direct: addresses[1], server, dir, stop, run }
    }

    fn ca(&self) -> PathBuf {
        self.dir.path().join("certs/root.pem")
    }

    /// The next connection that the proxy makes to the server.
    pub async fn accept(&self) -> TcpStream {
        timeout(PATIENCE, self.server.accept()).await.expect("the proxy connects").unwrap().0
    }

    /// A client by direct TLS, and the server's end of its connection.
    pub async fn connect(&self) -> (Peer, Peer) {
        let client = async { tls(TcpStream::connect(self.direct).await.unwrap(), "lab.test", &self.ca()).await.unwrap() };
        let (client, server) = tokio::join!(client, self.accept());
        (Peer::new(client), Peer::new(server))
    }

    /// A TLS client that trusts the test CA, on a connection that is there already.
    pub async fn tls(&self, tcp: TcpStream, name: &str) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        tls(tcp, name, &self.ca()).await
    }

    /// Stops the proxy and reads its log.
    pub async fn finish(self) -> Log {
        let _ = self.stop.send(());
        let finished = timeout(PATIENCE, self.run).await.expect("the proxy stops").unwrap().unwrap();
        let path = finished.directory;
        let text = std::fs::read_to_string(path.join("records.jsonl")).unwrap();
        let records = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
        Log { records, path, _dir: self.dir }
    }
}

async fn bind() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

async fn tls(tcp: TcpStream, name: &str, ca: &Path) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    tls_with(tcp, name, roots, &[]).await
}

/// A TLS client with other trust or protocols.
pub async fn tls_with(
    tcp: TcpStream,
    name: &str,
    roots: RootCertStore,
    alpn: &[&str],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), tcp).await
}

/// One end of a connection that reads and writes text.
pub struct Peer {
    stream: Box<dyn Stream>,
    seen: Vec<u8>,
}

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Peer {
    pub fn new(stream: impl Stream + 'static) -> Peer {
        Peer { stream: Box::new(stream), seen: Vec::new() }
    }

    pub async fn say(&mut self, text: &str) {
        self.say_bytes(text.as_bytes()).await;
    }

    pub async fn say_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Says something as long as the other side is there.
    pub async fn try_say(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).await.is_ok()
    }

    /// Reads until exactly this has come.
    #[track_caller]
    pub fn hears(&mut self, text: &str) -> impl Future<Output = ()> {
        let expected = text.as_bytes().to_vec();
        async move {
            while self.seen.len() < expected.len() {
                let read = timeout(PATIENCE, self.stream.read_buf(&mut self.seen)).await;
                let got = || String::from_utf8_lossy(&self.seen).into_owned();
                match read {
                    Ok(Ok(1..)) => {}
                    other => panic!("{other:?} after {:?}, expected {:?}", got(), String::from_utf8_lossy(&expected)),
                }
            }
            let rest = self.seen.split_off(expected.len());
            assert_eq!(String::from_utf8_lossy(&self.seen), String::from_utf8_lossy(&expected));
            self.seen = rest;
        }
    }

    /// Reads until the other side ends; what came, and whether it ended in order.
    pub async fn rest(&mut self) -> (String, bool) {
        loop {
            match timeout(PATIENCE, self.stream.read_buf(&mut self.seen)).await.expect("an end") {
                Ok(0) => return (String::from_utf8_lossy(&self.seen).into_owned(), true),
                Ok(_) => {}
                Err(_) => return (String::from_utf8_lossy(&self.seen).into_owned(), false),
            }
        }
    }

    pub async fn close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }
}

/// Logs ann in; both ends have said and heard everything up to the bind result.
pub async fn log_in(client: &mut Peer, server: &mut Peer) {
    client.say(HEADER).await;
    server.hears(HEADER).await;
    server.say(&format!("{SERVER_HEADER}{PLAIN_OFFER}")).await;
    client.hears(&format!("{SERVER_HEADER}{PLAIN_OFFER}")).await;
    client.say(AUTH).await;
    server.hears(AUTH).await;
    server.say(SUCCESS).await;
    client.hears(SUCCESS).await;
    // The stream restarts (RFC 6120 §6.4.6).
    client.say(HEADER).await;
    server.hears(HEADER).await;
    server.say(&format!("{SERVER_HEADER}<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>")).await;
    client.hears(&format!("{SERVER_HEADER}<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>")).await;
    client.say(BIND).await;
    server.hears(BIND).await;
    server.say(BOUND).await;
    client.hears(BOUND).await;
}

impl Log {
    /// Records of a type.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.records.iter().filter(move |r| r["type"] == kind)
    }

    /// Why the only session ended.
    pub fn end(&self) -> String {
        let ends: Vec<_> = self.of("session").filter(|r| r["event"] == "close").map(|r| r["reason"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ends.len(), 1, "{:#?}", self.records);
        ends[0].clone()
    }

    /// Values of a field, in order.
    pub fn values(&self, field: &str) -> Vec<String> {
        let exposures = self.records.iter().filter_map(|r| r["exposures"].as_array()).flatten();
        exposures.filter(|e| e["field"] == field).map(|e| e["value"].as_str().unwrap().to_owned()).collect()
    }

    pub fn actions(&self) -> Vec<String> {
        self.of("intervention").map(|r| r["action"].as_str().unwrap().to_owned()).collect()
    }

    pub fn rules(&self) -> Vec<String> {
        self.of("finding").map(|r| r["rule"].as_str().unwrap().to_owned()).collect()
    }
}
