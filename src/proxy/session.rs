//! One client connection, from accept to the end.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rustls::server::Acceptor;
use rustls::{AlertDescription, ServerConfig, SupportedProtocolVersion};
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::admission::Refusal;
use super::client_hello::ClientHello;
use super::client_leg::{Failed, Greeted, HANDSHAKE_TIMEOUT, HEADER_TIMEOUT, greet};
use super::gate::{Decision, Gate};
use super::read_ahead::ReadAhead;
use super::relay::{End, Pump, SharedWriter, unless_stopped};
use super::tap::Tap;
use super::upstream::{self, TlsVersion, TlsVersions, Upstream, UpstreamError, UpstreamStream};
use super::{Shared, scope};
use crate::audit::Auditor;
use crate::metrics::Entry;
use crate::record::{Body, Exposures, Finding, Gap, Intervention};
use crate::xmpp::Direction;

/// Time for the upstream to be there.
const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(10);
/// Time from the end of the handshake to a confirmed login.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);
/// Time for what a client was still sending when its session ended.
const LAST_BYTES: Duration = Duration::from_millis(500);
/// Time for the other direction to end once one has.
const LINGER: Duration = Duration::from_secs(10);

/// How a session ended: short reason and words.
struct Ending {
    reason: &'static str,
    detail: String,
}

impl Ending {
    fn new(reason: &'static str, detail: impl Into<String>) -> Ending {
        Ending { reason, detail: detail.into() }
    }
}

/// Serves one connection and records it.
pub async fn serve(shared: Arc<Shared>, mut tcp: TcpStream, peer: SocketAddr, local: SocketAddr) {
    let id = shared.next_session();
    let auditor = Auditor::new(shared.catalog.clone(), shared.settings.clone(), id.as_str());
    let gate = Gate::new(shared.catalog.clone(), shared.policy.clone(), local.to_string());
    let tap = Tap::new(auditor, gate, id.clone(), shared.sink.clone(), shared.transcript.clone(), shared.metrics.clone(), shared.clock);
    let now = tap.now();
    {
        let mut inner = tap.lock();
        inner.auditor.set_opened(now);
        inner.note(Body::opened(), now);
        let facts = [
            ("transport.tcp.client_ip", peer.ip().to_canonical().to_string()),
            ("transport.tcp.client_port", peer.port().to_string()),
            ("transport.tcp.server_endpoint", local.to_string()),
            ("transport.tcp.address_family", if peer.ip().to_canonical().is_ipv4() { "IPv4" } else { "IPv6" }.to_owned()),
        ];
        let exposures = Exposures::of_facts(&shared.catalog, &facts);
        inner.note(Body::Transport { direction: Some(Direction::ClientToServer), exposures }, now);
    }
    let mut opened = false;
    let ending = talk(&shared, &tap, &mut tcp, local, &mut opened).await;
    // However it ended: what is incomplete is a gap, and rules have their last word.
    let now = tap.now();
    for direction in Direction::BOTH {
        tap.lock().finish(direction, now);
    }
    let _ = tap.drain().await;
    let finding = {
        let inner = tap.lock();
        let client_left = matches!(ending.reason, "client_closed" | "client_vanished" | "closed");
        inner.gate.login.finding(client_left, vec![inner.auditor.next_seq().saturating_sub(1)])
    };
    if let Some(finding) = finding {
        tap.note(Body::Finding(Box::new(finding)));
    }
    let now = tap.now();
    {
        let mut inner = tap.lock();
        let closed = inner.auditor.closing(ending.reason, &ending.detail, now);
        inner.note(closed, now);
    }
    let _ = tap.drain().await;
    let (session, ledger) = tap.lock().auditor.take_ledger();
    shared.assessor.lock().unwrap_or_else(PoisonError::into_inner).add(&session, ledger);
    let redirect = tap.lock().gate.redirected_to.clone();
    if let Some(target) = redirect.filter(|_| !shared.policy.observe_only) {
        shared.follow(&id, &target);
    }
    shared.metrics.session_ended(ending.reason, opened);
    tracing::debug!(session = %id, reason = ending.reason, "session ended");
    let_finish(&shared, tcp).await;
}

/// Takes in what the client was still sending. Closing with unread bytes resets the connection, and the client would lose the stream error
/// that says why.
async fn let_finish(shared: &Shared, mut tcp: TcpStream) {
    let mut stop = shared.stop.clone();
    let mut buffer = vec![0; 4096];
    let _ = tcp.shutdown().await;
    let rest = async { while matches!(tcp.read(&mut buffer).await, Ok(1..)) {} };
    tokio::select! {
        _ = timeout(LAST_BYTES, rest) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Records a connection that was not let in, and how many more there were since the last such record. Without a peer it stands for those
/// alone.
pub async fn refused(shared: &Shared, peer: Option<SocketAddr>, refusal: Refusal, more: u64) {
    let mut auditor = Auditor::new(shared.catalog.clone(), shared.settings.clone(), shared.next_session());
    let now = shared.clock.now();
    auditor.set_opened(now);
    auditor.note(Body::opened(), now);
    if let Some(peer) = peer {
        let facts = [("transport.tcp.client_ip", peer.ip().to_canonical().to_string())];
        let exposures = Exposures::of_facts(&shared.catalog, &facts);
        auditor.note(Body::Transport { direction: Some(Direction::ClientToServer), exposures }, now);
    }
    let detail = match (peer, more) {
        (Some(_), 0) => refusal.to_string(),
        (Some(_), more) => format!("{refusal}; so were {more} more since the last such record"),
        (None, more) => format!("{refusal}; {more} connections were refused since the last such record"),
    };
    let closed = auditor.closing(refusal.reason(), &detail, now);
    auditor.note(closed, now);
    let (mut lines, mut count) = (Vec::new(), 0);
    while let Some(record) = auditor.poll() {
        shared.metrics.observe(&record);
        record.write_line(&mut lines);
        count += 1;
    }
    // A log that failed ends the run by itself.
    let _ = shared.sink.write(lines, count, now).await;
}

async fn talk(shared: &Shared, tap: &Tap, tcp: &mut TcpStream, local: SocketAddr, opened: &mut bool) -> Ending {
    // What is over before the relay begins is boxed: in the task it would take its room for as long as the session lasts.
    let greeted = match Box::pin(greet(tcp, tap, &shared.policy.domains[0])).await {
        Ok(greeted) => greeted,
        Err(failed) => return not_greeted(tcp, failed).await,
    };
    shared.metrics.session_opened(greeted.entry);
    *opened = true;
    note_hello(shared, tap, &greeted);
    if tap.drain().await.is_err() {
        return Ending::new("log_failure", "");
    }
    let sni = greeted.hello.as_ref().ok().and_then(|hello| hello.server_name.clone());
    if let Some(name) = sni.as_deref().filter(|name| !shared.answers_to(name)) {
        // TLS alert unrecognized_name (RFC 6066 §3), before any certificate was shown.
        let _ = tcp.write_all(&[0x15, 3, 3, 0, 2, 2, 112]).await;
        return Ending::new("domain_refused", format!("the client asked for {name} by SNI, which is neither --domain nor --name"));
    }
    let known_domain = tap.lock().gate.domain().map(str::to_owned);
    let domain =
        known_domain.or_else(|| sni.as_deref().and_then(|n| shared.domain_named(n))).unwrap_or_else(|| shared.policy.domains[0].clone());

    let offered = greeted.hello.as_ref().map_or(TlsVersions::Any, offered_versions);
    let upstream = Box::pin(connect(shared, &domain, offered)).await;
    let version = upstream.as_ref().ok().and_then(|up| up.facts.tls.as_ref()).map(|tls| tls.version);
    let client = match Box::pin(accept(shared, tcp, &greeted, local, &domain, version)).await {
        Ok(client) => Box::new(client),
        Err(ending) => {
            note_upstream_result(shared, tap, &upstream);
            return ending;
        }
    };
    note_client_tls(shared, tap, &client, version);
    note_upstream_result(shared, tap, &upstream);
    drop(greeted);
    let now = tap.now();
    tap.lock().tls_established(now);
    match upstream {
        Ok(Upstream { stream, .. }) => relay(shared, tap, client, stream, &domain).await,
        Err(error) => Box::pin(upstream_failed(tap, client, &domain, &error)).await,
    }
}

/// Tells a client that did not get to TLS why, as far as it can understand.
async fn not_greeted(tcp: &mut TcpStream, failed: Failed) -> Ending {
    let detail = failed.to_string();
    let (reason, condition) = match &failed {
        Failed::Timeout => ("timeout", Some("connection-timeout")),
        Failed::Closed => ("client_closed", None),
        Failed::NotXmpp(_) => ("not_xmpp", Some("bad-format")),
        Failed::Refused { condition, reason, .. } => (*reason, Some(*condition)),
        Failed::Io(_) => ("client_vanished", None),
    };
    if let Some(condition) = condition {
        let _ = tcp.write_all(stream_error(condition, true).as_bytes()).await;
        let _ = tcp.shutdown().await;
    }
    Ending::new(reason, detail)
}

fn stream_error(condition: &str, open: bool) -> String {
    let header = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
    format!(
        "{}<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
        if open { header } else { "" }
    )
}

fn note_hello(shared: &Shared, tap: &Tap, greeted: &Greeted) {
    let mut facts: Vec<(&str, String)> = vec![("transport.connection_method", greeted.entry.name().to_owned())];
    if greeted.entry == Entry::StartTls {
        facts.push(("stream.header_before_tls", "present".into()));
    }
    match &greeted.hello {
        Ok(hello) => facts.extend(hello.facts()),
        Err(error) => tap.note(Body::Gap(Gap {
            reason: "malformed".into(),
            detail: format!("the ClientHello could not be read: {error}"),
            bytes: greeted.hello_bytes.len() as u64,
        })),
    }
    let exposures = Exposures::of_facts(&shared.catalog, &facts);
    tap.note(Body::Transport { direction: Some(Direction::ClientToServer), exposures });
}

fn offered_versions(hello: &ClientHello) -> TlsVersions {
    if hello.supported_versions.contains(&0x0304) { TlsVersions::Any } else { TlsVersions::Only(TlsVersion::Tls12) }
}

async fn connect(shared: &Shared, domain: &str, versions: TlsVersions) -> Result<Upstream, UpstreamError> {
    let deadline = Instant::now() + UPSTREAM_TIMEOUT;
    let config = shared.upstream_config();
    match versions {
        TlsVersions::Any => upstream::connect(&config, domain, TlsVersions::Any, deadline).await,
        TlsVersions::Only(version) => upstream::connect_preferring(&config, domain, version, deadline).await,
    }
}

/// The client's TLS handshake, with the version of the other leg.
async fn accept<'t>(
    shared: &Shared,
    tcp: &'t mut TcpStream,
    greeted: &Greeted,
    local: SocketAddr,
    domain: &str,
    version: Option<TlsVersion>,
) -> Result<TlsStream<ReadAhead<&'t mut TcpStream>>, Ending> {
    let config = server_config(shared, greeted, local, domain, version).map_err(|error| Ending::new("tls_failed", error))?;
    let stream = ReadAhead::new(greeted.hello_bytes.clone(), tcp);
    let handshake = async {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        start.into_stream(Arc::new(config)).await
    };
    match timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(handshake_ending(&error)),
        Err(_) => Err(Ending::new("timeout", "the TLS handshake with the client took too long")),
    }
}

fn server_config(
    shared: &Shared,
    greeted: &Greeted,
    local: SocketAddr,
    domain: &str,
    version: Option<TlsVersion>,
) -> Result<ServerConfig, String> {
    let names = shared.leaf_names(domain, local.ip());
    let leaf = shared.authority.leaf(&names, OffsetDateTime::now_utc()).map_err(|error| error.to_string())?;
    let versions: &[&'static SupportedProtocolVersion] = match version {
        Some(TlsVersion::Tls12) => &[&rustls::version::TLS12],
        Some(TlsVersion::Tls13) => &[&rustls::version::TLS13],
        None => &[&rustls::version::TLS13, &rustls::version::TLS12],
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(leaf)));
    // Answered when offered (XEP-0368 §3); a client that offers only something else gets no answer rather than an alert.
    if greeted.hello.as_ref().is_ok_and(|hello| hello.alpn.iter().any(|protocol| protocol == b"xmpp-client")) {
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
    }
    // Each connection shows its full ClientHello: no resumption.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    if shared.key_log {
        config.key_log = Arc::new(rustls::KeyLogFile::new());
    }
    Ok(config)
}

/// Tells a client that refuses our certificate from any other failure.
fn handshake_ending(error: &io::Error) -> Ending {
    use AlertDescription as A;
    let alert = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
        _ => None,
    };
    match alert {
        Some(
            A::UnknownCA
            | A::BadCertificate
            | A::CertificateUnknown
            | A::UnsupportedCertificate
            | A::CertificateExpired
            | A::CertificateRevoked
            | A::AccessDenied,
        ) => Ending::new(
            "client_refused_certificate",
            format!(
                "the client checked our certificate and refused it ({alert:?}), as it should until it is told to trust this CA: see `stanzascope ca show`"
            ),
        ),
        Some(alert) => Ending::new("tls_failed", format!("the client ended the handshake with the alert {alert:?}")),
        None if error.kind() == io::ErrorKind::UnexpectedEof || error.kind() == io::ErrorKind::ConnectionReset => Ending::new(
            "client_left_handshake",
            "the client closed the connection in the middle of the handshake, without an alert: most often it does not trust our certificate",
        ),
        None => Ending::new("tls_failed", error.to_string()),
    }
}

fn note_client_tls(shared: &Shared, tap: &Tap, client: &TlsStream<ReadAhead<&mut TcpStream>>, upstream: Option<TlsVersion>) {
    let connection = client.get_ref().1;
    let mut facts: Vec<(&str, String)> = vec![("transport.tls.server_certificate_accepted", "present".into())];
    let version = connection.protocol_version().and_then(TlsVersion::from_rustls);
    if let Some(version) = version {
        facts.push(("transport.tls.version_negotiated", version.to_string()));
    }
    if let Some(suite) = connection.negotiated_cipher_suite() {
        facts.push(("transport.tls.cipher_negotiated", format!("{:?}", suite.suite())));
    }
    if let Some(alpn) = connection.alpn_protocol() {
        facts.push(("transport.tls.alpn_selected", String::from_utf8_lossy(alpn).into_owned()));
    }
    tap.note(Body::Transport { direction: None, exposures: Exposures::of_facts(&shared.catalog, &facts) });
    if let (Some(ours), Some(theirs)) = (version, upstream)
        && ours != theirs
    {
        tracing::info!(client = %ours, server = %theirs, "the two legs use different TLS versions");
    }
}

fn note_upstream_result(shared: &Shared, tap: &Tap, upstream: &Result<Upstream, UpstreamError>) {
    let Ok(upstream) = upstream else { return };
    if upstream.facts.discarded_bytes > 0 {
        tap.note(Body::Intervention(Intervention {
            action: "cleartext_discarded".into(),
            direction: Some(Direction::ServerToClient),
            detail: "bytes that the server's side sent in clear behind <proceed/> were discarded".into(),
            bytes: Some(upstream.facts.discarded_bytes as u64),
        }));
        let seq = tap.lock().auditor.next_seq();
        tap.note(Body::Finding(Box::new(Finding {
            rule: "cleartext-behind-proceed".into(),
            severity: "high".into(),
            confidence: "certain".into(),
            avoidability: "avoidable".into(),
            favour: "against".into(),
            about: None,
            fact: format!(
                "{} bytes in clear followed <proceed/>: the server is broken, or somebody injects",
                upstream.facts.discarded_bytes
            ),
            advice: "check the server and the path to it".into(),
            source: "RFC 6120 §5.4.3.3".into(),
            evidence: vec![seq],
            accepted: None,
        })));
    }
    if upstream.facts.opening == upstream::Opening::StartTls {
        tap.note(Body::Intervention(Intervention {
            action: "starttls_ended".into(),
            direction: Some(Direction::ServerToClient),
            detail: format!("the proxy opened the server's leg to {} by STARTTLS itself", upstream.facts.address),
            bytes: None,
        }));
    }
    let _ = shared;
}

/// The server cannot be reached: the client is told in its own words, inside TLS.
async fn upstream_failed<S: AsyncRead + AsyncWrite + Unpin>(tap: &Tap, mut client: S, domain: &str, error: &UpstreamError) -> Ending {
    // The header is read first, so that the answer is part of a stream; and so that a wrong domain is refused as such.
    let deadline = Instant::now() + HEADER_TIMEOUT;
    let mut condition = error.stream_error_condition();
    let mut ending = Ending::new("upstream_failed", format!("the server of {domain} could not be reached: {error}"));
    let mut buffer = Vec::with_capacity(1024);
    'read: while let Ok(Ok(1..)) = timeout_at(deadline, client.read_buf(&mut buffer)).await {
        let now = tap.now();
        {
            let mut inner = tap.lock();
            inner.feed(Direction::ClientToServer, &buffer, now);
            buffer.clear();
            let frames: Vec<_> =
                inner.auditor.frames(Direction::ClientToServer).map(|(frame, bytes)| (frame.kind, bytes.to_vec())).collect();
            for (kind, bytes) in frames {
                match inner.gate.from_client(kind, &bytes) {
                    Decision::Refuse { condition: other, reason, detail } => {
                        condition = other;
                        ending = Ending::new(reason, detail);
                        break 'read;
                    }
                    _ if inner.gate.domain().is_some() && kind == crate::xmpp::framer::FrameKind::StreamOpen => break 'read,
                    _ => {}
                }
            }
        }
        if tap.drain().await.is_err() {
            break;
        }
    }
    let _ = tap.drain().await;
    let _ = client.write_all(stream_error(condition, true).as_bytes()).await;
    let _ = client.shutdown().await;
    ending
}

async fn relay<S: AsyncRead + AsyncWrite + Unpin + Send>(
    shared: &Shared,
    tap: &Tap,
    client: S,
    server: UpstreamStream,
    domain: &str,
) -> Ending {
    let (mut client_read, client_write) = tokio::io::split(client);
    let (mut server_read, server_write) = tokio::io::split(server);
    let client_write: SharedWriter<'_> = tokio::sync::Mutex::new(Box::new(client_write));
    let server_write: SharedWriter<'_> = tokio::sync::Mutex::new(Box::new(server_write));
    let (stop_sender, stop) = watch::channel(false);
    let mut up = Pump::new(Direction::ClientToServer, tap, &shared.metrics, shared.audit);
    let mut down = Pump::new(Direction::ServerToClient, tap, &shared.metrics, shared.audit);

    let up = async {
        let end = up.run(&mut client_read, &server_write, &client_write, stop.clone()).await;
        // Half-close: the server may still have something to say.
        shut(&server_write, stop.clone()).await;
        end
    };
    let down = async {
        let end = down.run(&mut server_read, &client_write, &client_write, stop.clone()).await;
        if !matches!(end, End::Refused { .. } | End::Stopped) {
            shut(&client_write, stop.clone()).await;
        }
        end
    };
    let watchdog = watchdog(shared, tap);
    tokio::pin!(up, down, watchdog);
    let (mut first, mut second, mut forced) = (None, None, None);
    let linger = tokio::time::sleep(Duration::MAX / 4);
    tokio::pin!(linger);
    // `first` is the end of the client's side, `second` of the server's.
    while first.is_none() || second.is_none() {
        tokio::select! {
            end = &mut up, if first.is_none() => first = Some(end),
            end = &mut down, if second.is_none() => second = Some(end),
            ending = &mut watchdog, if forced.is_none() => {
                forced = Some(ending);
                stop_sender.send_replace(true);
            }
            () = &mut linger => { stop_sender.send_replace(true); }
        }
        let over = first.iter().chain(&second).any(|end| !matches!(end, End::Closed));
        if over {
            stop_sender.send_replace(true);
        } else if first.is_some() != second.is_some() {
            linger.as_mut().reset(Instant::now() + LINGER);
        }
    }
    let ending = conclude(forced, first.expect("the loop ends with both"), second.expect("the loop ends with both"), domain);
    if let (Some(condition), ending) = &ending {
        // A stream to which the server has not answered is opened by this.
        let open = ending.reason == "domain_refused" || tap.lock().auditor.received(Direction::ServerToClient) == 0;
        let mut client = client_write.lock().await;
        let _ = timeout(Duration::from_secs(2), async {
            client.write_all(stream_error(condition, open).as_bytes()).await?;
            client.shutdown().await
        })
        .await;
    }
    let _ = tap.drain().await;
    ending.1
}

/// Says that no more follows. A side that does not read would never let this end, so the end of the session does.
async fn shut(writer: &SharedWriter<'_>, mut stop: watch::Receiver<bool>) {
    let _ = unless_stopped(async { writer.lock().await.shutdown().await }, &mut stop).await;
}

/// Ends a session from outside: login takes too long, the log is lost, the run stops.
async fn watchdog(shared: &Shared, tap: &Tap) -> (Option<&'static str>, Ending) {
    let login = async {
        tokio::time::sleep(LOGIN_TIMEOUT).await;
        if tap.lock().gate.login.succeeded() {
            std::future::pending::<()>().await;
        }
    };
    let mut stop = shared.stop.clone();
    tokio::select! {
        () = login => (Some("connection-timeout"), Ending::new("timeout", format!("no login within {} seconds", LOGIN_TIMEOUT.as_secs()))),
        failed = shared.sink.failure() => (Some("system-shutdown"), Ending::new("log_failure", failed.to_string())),
        _ = stop.wait_for(|stop| *stop) => (Some("system-shutdown"), Ending::new("stopped", "the proxy was stopped")),
    }
}

/// The stream error for the client, if one is due, and how the session ended.
fn conclude(forced: Option<(Option<&'static str>, Ending)>, client: End, server: End, domain: &str) -> (Option<&'static str>, Ending) {
    if let Some(forced) = forced {
        return forced;
    }
    for end in [&client, &server] {
        match end {
            End::Refused { condition, reason, detail } => return (Some(condition), Ending { reason, detail: detail.clone() }),
            End::Log(error) => return (Some("system-shutdown"), Ending::new("log_failure", error.to_string())),
            _ => {}
        }
    }
    let ending = match (client, server) {
        (End::Closed, End::Closed) => Ending::new("closed", ""),
        (End::Truncated(why), _) => Ending::new("client_vanished", format!("the client's connection ended without a TLS close: {why}")),
        (_, End::Truncated(why)) => Ending::new("server_vanished", format!("the connection of {domain} ended without a TLS close: {why}")),
        (End::WriteFailed(why), _) => Ending::new("server_vanished", format!("{domain} takes no more: {why}")),
        (_, End::WriteFailed(why)) => Ending::new("client_vanished", format!("the client takes no more: {why}")),
        (End::Closed, _) => Ending::new("client_closed", "the client closed and the server did not within ten seconds"),
        (_, End::Closed) => Ending::new("server_closed", "the server closed and the client did not within ten seconds"),
        _ => Ending::new("stopped", ""),
    };
    (None, ending)
}

impl Shared {
    /// Names that leafs carry: the domain, `--name`s, and the address that was dialled, as far as the CA covers them.
    fn leaf_names(&self, domain: &str, local: std::net::IpAddr) -> Vec<String> {
        let mut names = vec![domain.to_owned()];
        names.extend(self.names.iter().cloned());
        names.extend(["localhost".to_owned(), local.to_canonical().to_string()]);
        names.retain(|name| self.authority.covers(name));
        names.dedup();
        names
    }

    /// The server sent its client elsewhere and the client was sent back here: the next sessions go where the server said. The scope guard
    /// looks at the new address when it is dialled.
    fn follow(&self, session: &str, target: &str) {
        let target = if target.contains(':') { target.to_owned() } else { format!("{target}:5222") };
        match target.parse() {
            Ok(parsed) => {
                tracing::info!(%session, %target, "the server redirects its clients; following");
                *self.redirect.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(parsed);
            }
            Err(error) => tracing::warn!(%session, %error, "the server redirects its clients to an address that cannot be used"),
        }
    }

    fn answers_to(&self, sni: &str) -> bool {
        self.domain_named(sni).is_some()
            || self.names.iter().any(|name| scope::normal_domain(name) == scope::normal_domain(sni))
            || sni == "localhost"
    }

    fn domain_named(&self, name: &str) -> Option<String> {
        let normal = scope::normal_domain(name);
        self.policy.domains.iter().find(|domain| scope::normal_domain(domain) == normal).cloned()
    }
}
