//! The server: logs anybody in and then hands the connection to whoever measures.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stanzascope::xmpp::framer::FrameKind;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::lab::{DOMAIN, Lab};
use crate::support::frames::Frames;
use crate::support::load;

const HEADER: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='lab.test' id='x' version='1.0'>";
const OFFERS: [&str; 2] = [
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>",
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
];
/// Nothing on loopback takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Rows that each session has in the log before what is measured: stream headers, login and first presence.
pub fn login_rows(way: &Way) -> u64 {
    let (client, server, before_tls) = (5, 6, 2);
    client + server + if way.starttls { before_tls } else { 0 }
}

/// A client that is logged in, and the server's end of its stream.
pub struct Pair {
    pub client: TlsStream<TcpStream>,
    pub server: TlsStream<TcpStream>,
}

/// Where a client connects to.
#[derive(Clone)]
pub struct Way {
    pub address: SocketAddr,
    pub starttls: bool,
    pub tls: TlsConnector,
}

/// Connections whose client has told its number, waiting to be fetched.
type Arrivals = Arc<Mutex<HashMap<u64, oneshot::Sender<TlsStream<TcpStream>>>>>;

/// The server, by direct TLS and by STARTTLS. It runs as long as the program.
pub struct Upstream {
    pub direct: SocketAddr,
    pub starttls: SocketAddr,
    arrivals: Arrivals,
    next: std::sync::atomic::AtomicU64,
}

impl Upstream {
    pub async fn start(lab: &Lab) -> Upstream {
        let arrivals = Arrivals::default();
        let mut addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); 2];
        for (address, starttls) in addresses.iter_mut().zip([false, true]) {
            let listener = listen();
            *address = listener.local_addr().expect("an address");
            let (acceptor, arrivals) = (lab.acceptor(), arrivals.clone());
            tokio::spawn(async move {
                while let Ok((tcp, _)) = listener.accept().await {
                    let (acceptor, arrivals) = (acceptor.clone(), arrivals.clone());
                    tokio::spawn(async move { _ = serve(tcp, starttls, acceptor, arrivals).await });
                }
            });
        }
        Upstream { direct: addresses[0], starttls: addresses[1], arrivals, next: std::sync::atomic::AtomicU64::new(1) }
    }

    /// A client that logs in, with the other end of its stream.
    pub async fn pair(&self, way: &Way) -> io::Result<Pair> {
        let number = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (sender, arrived) = oneshot::channel();
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).insert(number, sender);
        let log_in = async {
            let mut client = load::log_in(way.address, &way.tls, way.starttls).await?;
            client.write_all(format!("<presence id='{number}'/>").as_bytes()).await?;
            client.flush().await?;
            let server = arrived.await.map_err(|_| io::ErrorKind::ConnectionReset)?;
            Ok(Pair { client: client.into(), server })
        };
        tokio::time::timeout(PATIENCE, log_in).await.map_err(|_| io::ErrorKind::TimedOut)?
    }
}

/// With a long queue: thousands of clients come at once.
fn listen() -> TcpListener {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
    socket.listen(4096).expect("a listener")
}

async fn serve(mut tcp: TcpStream, starttls: bool, acceptor: TlsAcceptor, arrivals: Arrivals) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    if starttls {
        let mut frames = Frames::new();
        while let Some((kind, frame)) = frames.next(&mut tcp).await? {
            if kind == FrameKind::StreamOpen {
                let offer = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
                tcp.write_all(format!("{HEADER}{offer}").as_bytes()).await?;
            } else if frame.starts_with("<starttls") {
                tcp.write_all(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await?;
                break;
            }
        }
    }
    let mut stream = acceptor.accept(tcp).await?;
    if let Some(number) = log_in(&mut stream).await? {
        let wanted = arrivals.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        if let Some(sender) = wanted {
            let _ = sender.send(stream.into());
        }
    }
    Ok(())
}

/// Answers up to the first presence, whose id is the number of the client.
async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<Option<u64>> {
    let mut frames = Frames::new();
    let mut streams = 0;
    while let Some((kind, frame)) = frames.next(stream).await? {
        let answer = match kind {
            FrameKind::StreamOpen => {
                streams += 1;
                format!("{HEADER}{}", OFFERS[(streams - 1).min(1)])
            }
            FrameKind::Element if frame.starts_with("<auth") => "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned(),
            FrameKind::Element if frame.starts_with("<iq") => format!(
                "<iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>ann@{DOMAIN}/balcony.x7Qw</jid></bind></iq>"
            ),
            FrameKind::Element if frame.starts_with("<presence") => return Ok(frame.split('\'').nth(1).and_then(|id| id.parse().ok())),
            _ => continue,
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
    }
    Ok(None)
}
