//! A load: a server that logs anybody in and answers messages, and clients that talk to it and leave in all the ways clients leave.
//!
//! Each message carries an id of its own, and both ends remember which ids they sent and which arrived, so that a log can be held against
//! what really passed.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use stanzascope::xmpp::framer::FrameKind;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::frames::Frames;
use super::random::Random;

/// What every client's password is: it must be in no artefact.
pub const PASSWORD: &str = "CANARY-of-the-load";
/// `\0ann\0` and the password, in base64.
const PLAIN: &str = "AGFubgBDQU5BUlktb2YtdGhlLWxvYWQ=";
const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='lab.test' version='1.0'>";
const ANSWER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='lab.test' id='x' version='1.0'>";
const MECHANISMS: &str =
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
const BIND: &str = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
/// Nobody waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(40);

/// Ids of messages.
pub type Ids = Arc<Mutex<BTreeSet<String>>>;

/// The server, which speaks clear text on loopback. It runs until it is dropped.
pub struct EchoServer {
    pub address: SocketAddr,
    /// Messages that arrived.
    pub received: Ids,
    connections: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl EchoServer {
    pub async fn start() -> EchoServer {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (received, connections) = (Ids::default(), Arc::new(AtomicU64::new(0)));
        let (ids, count) = (received.clone(), connections.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::Relaxed);
                let _ = stream.set_nodelay(true);
                let ids = ids.clone();
                tokio::spawn(async move { _ = serve(stream, number, &ids).await });
            }
        });
        EchoServer { address, received, connections, task }
    }

    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let start = element.find(&format!(" {name}='"))? + name.len() + 3;
    element[start..].split('\'').next()
}

async fn serve(mut stream: TcpStream, number: u64, received: &Ids) -> io::Result<()> {
    let mut frames = Frames::new();
    let mut logged_in = false;
    while let Some((kind, frame)) = frames.next(&mut stream).await? {
        let answer = match kind {
            FrameKind::StreamOpen => format!("{ANSWER}{}", if logged_in { BIND } else { MECHANISMS }),
            FrameKind::StreamClose => {
                stream.write_all(b"</stream:stream>").await?;
                stream.shutdown().await?;
                return Ok(());
            }
            FrameKind::Element if frame.starts_with("<auth") => {
                logged_in = true;
                "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned()
            }
            FrameKind::Element if frame.starts_with("<iq") && frame.contains("xmpp-bind") => format!(
                "<iq type='result' id='{}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>ann@lab.test/r{number}</jid></bind></iq>",
                attribute(&frame, "id").unwrap_or_default()
            ),
            FrameKind::Element if frame.starts_with("<iq") => {
                format!("<iq type='result' from='lab.test' id='{}'/>", attribute(&frame, "id").unwrap_or_default())
            }
            FrameKind::Element if frame.starts_with("<message") => {
                let Some(id) = attribute(&frame, "id") else { continue };
                received.lock().expect("nobody panicked").insert(id.to_owned());
                format!("<message from='ben@lab.test/x' id='e-{id}'><body>I have it</body></message>")
            }
            _ => continue,
        };
        stream.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// How a client's connection begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leave {
    /// `</stream:stream>`, TLS close, TCP close.
    InOrder,
    /// The process of the client dies: TCP ends without a TLS close.
    Vanish,
    /// The same, in the middle of a stanza.
    MidStanza,
    /// A reset.
    Reset,
}

impl Leave {
    pub const ALL: [Leave; 4] = [Leave::InOrder, Leave::Vanish, Leave::MidStanza, Leave::Reset];
}

/// What clients did together.
#[derive(Debug, Default)]
pub struct Tally {
    pub sessions: AtomicU64,
    /// Sessions that something cut before the client left.
    pub cut: AtomicU64,
    pub sent: AtomicU64,
    /// Answers that arrived: ids of the messages they answer.
    pub answered: Ids,
    /// Time from a message to its answer, in microseconds.
    pub latency: Mutex<Vec<u32>>,
}

/// What one client does.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    /// In every id, so that ids differ between clients.
    pub number: u64,
    pub messages: u64,
    /// Pause between messages.
    pub pause: Duration,
    pub starttls: bool,
    pub leave: Leave,
}

/// A client's TLS, trusting only this CA.
pub fn connector(ca: &Path) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("a certificate")).expect("a CA");
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("rustls' own versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// One session from connecting to leaving. What happened is in the tally, whatever happened.
pub async fn talk(proxy: SocketAddr, tls: &TlsConnector, session: Session, tally: &Tally) {
    tally.sessions.fetch_add(1, Ordering::Relaxed);
    if try_to_talk(proxy, tls, session, tally).await.is_err() {
        tally.cut.fetch_add(1, Ordering::Relaxed);
    }
}

async fn try_to_talk(proxy: SocketAddr, tls: &TlsConnector, session: Session, tally: &Tally) -> io::Result<()> {
    let mut stream = log_in(proxy, tls, session.starttls).await?;
    let mut frames = Frames::new();
    let mut random = Random::new(session.number);
    for n in 0..session.messages {
        let id = format!("m-{}-{n}", session.number);
        let message = message(&id, &mut random);
        // In pieces, as a network would deliver it.
        let cut = random.below(message.len() as u64) as usize;
        let cut = (0..=cut).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
        tally.sent.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        stream.write_all(&message.as_bytes()[..cut]).await?;
        stream.flush().await?;
        stream.write_all(&message.as_bytes()[cut..]).await?;
        stream.flush().await?;
        let wanted = format!("e-{id}");
        loop {
            let Some((_, frame)) = frames.next(&mut stream).await? else { return Err(io::ErrorKind::UnexpectedEof.into()) };
            if attribute(&frame, "id") == Some(&wanted) {
                break;
            }
        }
        let micros = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
        tally.latency.lock().expect("nobody panicked").push(micros);
        tally.answered.lock().expect("nobody panicked").insert(id);
        tokio::time::sleep(session.pause).await;
    }
    leave(stream, session.leave).await
}

/// A stanza of the kinds that clients send, with something before the message now and then.
fn message(id: &str, random: &mut Random) -> String {
    let before = match random.below(6) {
        0 => "<presence><show>away</show><status>in a meeting</status></presence>",
        1 => "<iq type='get' id='p' to='lab.test'><ping xmlns='urn:xmpp:ping'/></iq>",
        2 => " ",
        3 => "<message to='ben@lab.test' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
        _ => "",
    };
    let body = match random.below(4) {
        0 => format!("<body>{}</body>", "words and words, ".repeat(1 + random.below(200) as usize)),
        1 => "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2'>MwohBe6KSVOTzXno3V8VSqKID3gmzJR4jf00bBtmmJNHUsR3EAAYAiIw</key><iv>QUJDREVGR0hJSktM</iv></header><payload>QUJDREVGR0hJSktMTU5PUA==</payload></encrypted><store xmlns='urn:xmpp:hints'/>".to_owned(),
        2 => "<body>é \u{1f980} &amp; more</body><request xmlns='urn:xmpp:receipts'/>".to_owned(),
        _ => "<body>hello</body><active xmlns='http://jabber.org/protocol/chatstates'/>".to_owned(),
    };
    format!("{before}<message to='ben@lab.test' type='chat' id='{id}'>{body}</message>")
}

/// A client that is logged in.
pub async fn log_in(proxy: SocketAddr, tls: &TlsConnector, starttls: bool) -> io::Result<TlsStream<TcpStream>> {
    let mut tcp = TcpStream::connect(proxy).await?;
    tcp.set_nodelay(true)?;
    if starttls {
        say(&mut tcp, HEADER, "</stream:features>").await?;
        say(&mut tcp, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await?;
    }
    let mut stream = tls.connect(ServerName::try_from("lab.test").expect("a name"), tcp).await?;
    let auth = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{PLAIN}</auth>");
    say(&mut stream, HEADER, "</stream:features>").await?;
    say(&mut stream, &auth, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").await?;
    say(&mut stream, HEADER, "</stream:features>").await?;
    say(&mut stream, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "</iq>").await?;
    Ok(stream)
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, text: &str, until: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await?;
    let mut heard = Vec::new();
    while !heard.ends_with(until.as_bytes()) {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut heard)).await.map_err(|_| io::ErrorKind::TimedOut)??;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

async fn leave(mut stream: TlsStream<TcpStream>, how: Leave) -> io::Result<()> {
    match how {
        Leave::InOrder => {
            stream.write_all(b"</stream:stream>").await?;
            stream.shutdown().await?;
            let mut rest = Vec::new();
            tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.map_err(|_| io::ErrorKind::TimedOut)??;
        }
        Leave::Vanish => {}
        Leave::MidStanza => {
            stream.write_all(b"<message to='ben@lab.test' id='never'><body>and th").await?;
            stream.flush().await?;
        }
        Leave::Reset => socket2::SockRef::from(stream.get_ref().0).set_linger(Some(Duration::ZERO))?,
    }
    Ok(())
}
