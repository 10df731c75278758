//! A server that plays a script on every connection and remembers what it was sent.
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::certificates::Identity;

/// One step of a script.
#[derive(Clone)]
pub enum Step {
    /// Wait until the client has sent something that ends with this.
    Expect(&'static str),
    /// Send this.
    Send(String),
    /// Send this and hang up.
    SendAndClose(&'static [u8]),
    /// Say nothing and keep the connection.
    Silence,
    /// Start TLS.
    Tls(TlsAcceptor),
}

/// What a connection looked like from the server's side.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    pub text: String,
    pub sni: Option<String>,
    pub alpn_offered: Option<String>,
}

pub struct FakeServer {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl FakeServer {
    /// Plays the same script on every connection.
    pub async fn start(script: Vec<Step>) -> Self {
        Self::start_in_turn(vec![script]).await
    }

    /// Plays the scripts in turn, one per connection, and the last one for all further connections.
    pub async fn start_in_turn(scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            for index in 0.. {
                let (tcp, _) = listener.accept().await.unwrap();
                let script = scripts[index.min(scripts.len() - 1)].clone();
                log.lock().unwrap().push(Seen::default());
                let log = Arc::clone(&log);
                tokio::spawn(async move { play(tcp, script, &log, index).await });
            }
        });
        Self { address, seen }
    }

    /// What was seen on each connection so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn play(mut tcp: TcpStream, script: Vec<Step>, log: &Mutex<Vec<Seen>>, index: usize) {
    let mut script = script.into_iter();
    while let Some(step) = script.next() {
        match step {
            Step::Tls(acceptor) => {
                let Ok(mut tls) = acceptor.accept(tcp).await else {
                    return;
                };
                {
                    let mut log = log.lock().unwrap();
                    let session = tls.get_ref().1;
                    log[index].sni = session.server_name().map(str::to_owned);
                    log[index].alpn_offered = session.alpn_protocol().map(|name| String::from_utf8(name.to_vec()).unwrap());
                }
                for step in script {
                    if !perform(&mut tls, step, log, index).await {
                        return;
                    }
                }
                drain(&mut tls, log, index).await;
                return;
            }
            step => {
                if !perform(&mut tcp, step, log, index).await {
                    return;
                }
            }
        }
    }
    drain(&mut tcp, log, index).await;
}

/// Returns false when the connection is over.
async fn perform<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, step: Step, log: &Mutex<Vec<Seen>>, index: usize) -> bool {
    match step {
        Step::Expect(end) => {
            let mut text = String::new();
            while !text.trim_end().ends_with(end) {
                let mut buffer = [0; 4_096];
                match stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => return false,
                    Ok(count) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
                }
            }
            log.lock().unwrap()[index].text.push_str(&text);
            true
        }
        Step::Send(text) => stream.write_all(text.as_bytes()).await.is_ok() && stream.flush().await.is_ok(),
        Step::SendAndClose(bytes) => {
            // Read first: closing with unread bytes would reset the connection and take the answer with it.
            let mut buffer = [0; 4_096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            false
        }
        Step::Silence => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            false
        }
        Step::Tls(_) => panic!("TLS inside TLS"),
    }
}

async fn drain<S: AsyncRead + Unpin>(stream: &mut S, log: &Mutex<Vec<Seen>>, index: usize) {
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    log.lock().unwrap()[index].text.push_str(&String::from_utf8_lossy(&text));
}

pub const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='x' from='lab.test' version='1.0'>";

pub fn features(inside: &str) -> Step {
    Step::Send(format!("{HEADER}<stream:features>{inside}</stream:features>"))
}

pub fn mechanisms(names: &[&str]) -> String {
    let list: String = names.iter().map(|name| format!("<mechanism>{name}</mechanism>")).collect();
    format!("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{list}</mechanisms>")
}

/// The clear part of a script, up to `<proceed/>`, with `behind` in clear behind it.
pub fn starttls(behind: &str) -> Vec<Step> {
    vec![
        Step::Expect("version='1.0'>"),
        features("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"),
        Step::Expect("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        Step::Send(format!("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{behind}")),
    ]
}

/// TLS with this identity, both versions, no ALPN.
pub fn tls(identity: &Identity) -> Step {
    tls_with(identity, &[&rustls::version::TLS12, &rustls::version::TLS13], &[])
}

pub fn tls_with(identity: &Identity, versions: &[&'static rustls::SupportedProtocolVersion], alpn: &[&str]) -> Step {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shown(Arc::new(identity.as_shown()))));
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Step::Tls(TlsAcceptor::from(Arc::new(config)))
}

/// Shows a certificate without asking whether the key fits.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
