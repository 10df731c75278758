//! The demo: a recorded session of real clients, played through the real proxy over real TLS on loopback.
//!
//! A peer on each side plays its half of the recording, in the recorded order: what one side sends next waits until the other side has what
//! came before. What the proxy sees is what it saw when the recording was made.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::transcript::{Event, Header, Line};
use crate::xmpp::Direction;

/// The recording: two OMEMO clients with roster, presence, a room, a file, several devices, and one message that leaks.
const RECORDING: &str = include_str!("../demo/session.jsonl");
/// How long one side waits for what the other sent.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// What somebody who evaluates these clients might have put into the session file: some of what no wire can show, and some left open.
pub fn profile() -> serde_json::Value {
    serde_json::json!({
        "threat_model": "the people who run the server must not read what the allotment plans",
        "recipient_trust": "Bob's fingerprints were compared in the garden; those of the room were not",
    })
}

/// What the same person might mean to do: a private chat.
pub fn intent() -> serde_json::Value {
    serde_json::json!({
        "goal": "agree on who plants what without the server reading it",
        "recipient": "bob@lab.test",
        "need_anonymity": false,
        "content_secrecy": true,
        "metadata_secrecy": true,
        "attachments": "the seed list, name and content hidden",
        "allowed_clients": ["slixmpp", "Gajim"],
    })
}

/// What the demo plays.
#[derive(Debug)]
pub struct Recording {
    /// Domain of the accounts.
    pub domain: String,
    /// Accounts under test.
    pub accounts: Vec<String>,
    lines: Vec<Line>,
}

/// The demo cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The recording is damaged.
    #[error("the recording is damaged: line {0}: {1}")]
    Recording(usize, String),
    /// A peer failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// TLS failed.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    /// The peer's certificate could not be made.
    #[error("{0}")]
    Certificate(#[from] rcgen::Error),
    /// Something did not come.
    #[error("{0}")]
    Stuck(String),
}

impl Recording {
    /// The recording that comes with the program.
    ///
    /// # Errors
    /// It is damaged.
    pub fn builtin() -> Result<Recording, DemoError> {
        let mut lines = RECORDING.lines().enumerate();
        let damaged = |at: usize, error: serde_json::Error| DemoError::Recording(at + 1, error.to_string());
        let (_, first) = lines.next().ok_or_else(|| DemoError::Recording(1, "empty".into()))?;
        let header: Header = serde_json::from_str(first).map_err(|error| damaged(0, error))?;
        let lines = lines.map(|(at, line)| serde_json::from_str(line).map_err(|error| damaged(at, error))).collect::<Result<_, _>>()?;
        Ok(Recording { domain: header.domains.first().cloned().unwrap_or_else(|| "lab.test".into()), accounts: header.accounts, lines })
    }
}

/// The server's side of the demo.
pub struct Stage {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    /// Where it listens.
    pub address: SocketAddr,
    /// Pin of its public key, as `--upstream-pin` takes it.
    pub pin: String,
}

impl Stage {
    /// Opens the server's side, with a certificate made for the occasion.
    ///
    /// # Errors
    /// No socket or no certificate.
    pub async fn open(domain: &str) -> Result<Stage, DemoError> {
        let key = rcgen::KeyPair::generate()?;
        let certificate = rcgen::CertificateParams::new(vec![domain.to_owned()])?.self_signed(&key)?;
        let pin = format!(
            "sha256/{}",
            base64::engine::general_purpose::STANDARD.encode(Sha256::digest(rcgen::PublicKeyData::subject_public_key_info(&key)))
        );
        let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| DemoError::Stuck(error.to_owned()))?;
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Stage { listener, acceptor: TlsAcceptor::from(Arc::new(config)), address, pin })
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// One end of a session: a way to send, and how much has arrived.
struct End {
    writer: Box<dyn AsyncWrite + Unpin + Send>,
    arrived: watch::Receiver<u64>,
    sent: u64,
}

impl End {
    fn new<S: AsyncRead + AsyncWrite + Send + 'static>(stream: S) -> End {
        let (mut reader, writer) = tokio::io::split(stream);
        let (count, arrived) = watch::channel(0u64);
        tokio::spawn(async move {
            let mut buffer = vec![0; 16 << 10];
            while let Ok(read @ 1..) = reader.read(&mut buffer).await {
                count.send_modify(|arrived| *arrived += read as u64);
            }
        });
        End { writer: Box::new(writer), arrived, sent: 0 }
    }
}

struct Actors {
    client: End,
    server: End,
}

/// Plays the recording between `proxy` (whose CA is in the PEM file `ca`) and the stage.
///
/// # Errors
/// A connection fails, or something that was sent does not arrive at the other side.
pub async fn play(recording: &Recording, stage: &Stage, proxy: Entrances, ca: &Path) -> Result<(), DemoError> {
    let connector = connector(ca)?;
    let mut actors: HashMap<&str, Actors> = HashMap::new();
    let mut clear: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in &recording.lines {
        let session = line.session.as_str();
        match &line.event {
            Event::Bytes { direction, text, base64 } => {
                let bytes = match (text, base64) {
                    (Some(text), _) => text.clone().into_bytes(),
                    (None, Some(base64)) => {
                        base64::engine::general_purpose::STANDARD.decode(base64).map_err(|error| DemoError::Stuck(error.to_string()))?
                    }
                    (None, None) => continue,
                };
                match actors.get_mut(session) {
                    Some(actors) => actors.say(*direction, &bytes).await?,
                    None => clear.entry(session).or_default().extend(text.as_deref()),
                }
            }
            Event::Tls => {
                let before = clear.remove(session).unwrap_or_default();
                actors.insert(session, enter(stage, &connector, proxy, &recording.domain, &before).await?);
            }
            Event::Finish { direction } => {
                if let Some(actors) = actors.get_mut(session) {
                    let end = if *direction == Direction::ClientToServer { &mut actors.client } else { &mut actors.server };
                    let _ = end.writer.shutdown().await;
                }
            }
            Event::Note { .. } => {}
        }
    }
    for (_, mut actors) in actors {
        let _ = actors.client.writer.shutdown().await;
        let _ = actors.server.writer.shutdown().await;
    }
    Ok(())
}

/// Where the proxy listens.
#[derive(Debug, Clone, Copy)]
pub struct Entrances {
    /// For STARTTLS.
    pub starttls: SocketAddr,
    /// For direct TLS.
    pub direct: SocketAddr,
}

fn connector(ca: &Path) -> Result<TlsConnector, DemoError> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(ca).map_err(|error| DemoError::Stuck(format!("{}: {error}", ca.display())))?;
    roots.add(root)?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// One client connects; the server's side takes the connection that the proxy makes for it.
async fn enter(stage: &Stage, connector: &TlsConnector, proxy: Entrances, domain: &str, before: &[&str]) -> Result<Actors, DemoError> {
    let name = ServerName::try_from(domain.to_owned()).map_err(|error| DemoError::Stuck(error.to_string()))?;
    let client = async {
        let mut tcp = TcpStream::connect(if before.is_empty() { proxy.direct } else { proxy.starttls }).await?;
        for said in before {
            tcp.write_all(said.as_bytes()).await?;
            if said.contains("<starttls") {
                read_until(&mut tcp, "<proceed").await?;
            } else if said.contains(":stream ") {
                read_until(&mut tcp, "</stream:features>").await?;
            }
        }
        Ok::<_, DemoError>(connector.connect(name, tcp).await?)
    };
    let server = async {
        let (tcp, _) = stage.listener.accept().await?;
        Ok::<_, DemoError>(stage.acceptor.accept(tcp).await?)
    };
    let both = timeout(STEP_TIMEOUT, async { tokio::try_join!(client, server) }).await;
    let (client, server) = both.map_err(|_| DemoError::Stuck("a client could not connect through the proxy".into()))??;
    Ok(Actors { client: End::new(client), server: End::new(server) })
}

async fn read_until(tcp: &mut TcpStream, wanted: &str) -> Result<(), DemoError> {
    let mut seen = Vec::new();
    while memchr::memmem::find(&seen, wanted.as_bytes()).is_none() {
        if tcp.read_buf(&mut seen).await? == 0 {
            return Err(DemoError::Stuck(format!("the proxy closed before {wanted}")));
        }
    }
    // `<proceed …/>` ends with its `>`; nothing else may follow it before TLS.
    while seen.last() != Some(&b'>') {
        if tcp.read_buf(&mut seen).await? == 0 {
            break;
        }
    }
    Ok(())
}

impl Actors {
    /// One side says something and waits until the other has it.
    async fn say(&mut self, direction: Direction, bytes: &[u8]) -> Result<(), DemoError> {
        let (from, to) = match direction {
            Direction::ClientToServer => (&mut self.client, &mut self.server),
            Direction::ServerToClient => (&mut self.server, &mut self.client),
        };
        from.writer.write_all(bytes).await?;
        from.writer.flush().await?;
        from.sent += bytes.len() as u64;
        let wanted = from.sent;
        let arrived = matches!(timeout(STEP_TIMEOUT, to.arrived.wait_for(|arrived| *arrived >= wanted)).await, Ok(Ok(_)));
        if arrived {
            return Ok(());
        }
        let count = *to.arrived.borrow();
        Err(DemoError::Stuck(format!("{count} of {wanted} bytes arrived {}", direction.name())))
    }
}
