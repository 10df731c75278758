//! Everything else that can go wrong, and what is then said.
use std::net::SocketAddr;
use std::time::Duration;

use stanzascope::proxy::scope::ScopeError;
use stanzascope::proxy::upstream::{Opening, Stage, TlsMode, TlsVersions, UpstreamError, connect};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::certificates::good;
use super::fake_server::{FakeServer, HEADER, Step, features, starttls, tls};
use super::{DOMAIN, config, config_for, connect_any, impatient, pinned, soon};

/// The reason, the condition for the client, and a part of the message.
fn check(error: &UpstreamError, reason: &str, condition: &str, part: &str) {
    assert_eq!(error.reason(), reason, "{error}");
    assert_eq!(error.stream_error_condition(), condition, "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

async fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn refused() {
    let address = free_port().await.to_string();
    let error = connect_any(&config_for(&address, TlsMode::Auto, pinned(good()))).await.unwrap_err();
    check(&error, "refused", "remote-connection-failed", "is the server running");
    assert!(matches!(error, UpstreamError::Refused { .. }), "one attempt is enough to know: {error}");
}

/// F-26: a server that falls silent before `<proceed/>`, or anywhere before a stream is there → given up in time, the stage named
#[tokio::test]
async fn silence_at_every_stage() {
    let cases = [
        (TlsMode::StartTls, vec![Step::Silence], Stage::Stream),
        (TlsMode::StartTls, vec![Step::Expect(">"), Step::Send(HEADER.into()), Step::Silence], Stage::Stream),
        (TlsMode::StartTls, [starttls(""), vec![Step::Silence]].concat(), Stage::Handshake),
        (TlsMode::Direct, vec![Step::Silence], Stage::Handshake),
    ];
    for (mode, script, expected) in cases {
        let server = FakeServer::start(script).await;
        let started = Instant::now();
        let error = connect_any(&impatient(config(&server, mode, pinned(good())), expected)).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Timeout { stage, .. } if stage == expected), "{error}");
        check(&error, "timeout", "remote-connection-failed", "longer than 400 ms");
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn the_callers_deadline_cuts_everything() {
    let server = FakeServer::start(vec![Step::Silence]).await;
    let config = config(&server, TlsMode::Auto, pinned(good()));
    let started = Instant::now();
    let error = connect(&config, DOMAIN, TlsVersions::Any, started + Duration::from_millis(600)).await.unwrap_err();
    assert_eq!(error.reason(), "timeout");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

/// F-39: a server that hangs up at any stage → said with its stage; never in clear instead
#[tokio::test]
async fn hanging_up_at_every_stage() {
    let answers: [(TlsMode, Vec<Step>); 3] = [
        (TlsMode::StartTls, vec![Step::SendAndClose(b"")]),
        (TlsMode::StartTls, [starttls("")[..2].to_vec(), vec![Step::SendAndClose(b"")]].concat()),
        (TlsMode::Direct, vec![Step::SendAndClose(b"")]),
    ];
    for (mode, script) in answers {
        let server = FakeServer::start(script).await;
        let error = connect_any(&config(&server, mode, pinned(good()))).await.unwrap_err();
        check(&error, "closed", "remote-connection-failed", "closed the connection while");
    }
}

#[tokio::test]
async fn other_protocols() {
    for (answer, part) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], "\"SSH-2.0-OpenSSH_9.2\""),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1 400"),
        (b"220 mail.lab.test ESMTP\r\n", "220 mail"),
        (b"\x15\x03\x03\x00\x02\x02\x32", "--upstream-tls direct"),
    ] {
        let server = FakeServer::start(vec![Step::SendAndClose(answer)]).await;
        let error = connect_any(&config(&server, TlsMode::StartTls, pinned(good()))).await.unwrap_err();
        check(&error, "not_xmpp", "remote-connection-failed", part);
    }
}

#[tokio::test]
async fn clear_xmpp_on_the_direct_tls_port() {
    let server = FakeServer::start(vec![Step::SendAndClose(
        b"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>",
    )])
    .await;
    let error = connect_any(&config(&server, TlsMode::Direct, pinned(good()))).await.unwrap_err();
    check(&error, "not_tls", "remote-connection-failed", "--upstream-tls starttls");
}

#[tokio::test]
async fn both_openings_failing_are_told_together() {
    let server = FakeServer::start(vec![Step::SendAndClose(b"SSH-2.0-OpenSSH_9.2\r\n")]).await;
    let error = connect_any(&config(&server, TlsMode::Auto, pinned(good()))).await.unwrap_err();
    check(&error, "not_xmpp", "remote-connection-failed", "STARTTLS: not_xmpp; direct TLS: ");
    assert!(matches!(error, UpstreamError::Several { .. }));
}

#[tokio::test]
async fn a_domain_the_server_does_not_serve() {
    let text = format!("{HEADER}<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
    let server = FakeServer::start(vec![Step::Expect(">"), Step::Send(text)]).await;
    let error = connect_any(&config(&server, TlsMode::Auto, pinned(good()))).await.unwrap_err();
    check(&error, "stream_error", "host-unknown", "check --domain and --upstream");
}

#[tokio::test]
async fn starttls_missing_or_refused() {
    let server = FakeServer::start(vec![Step::Expect(">"), features("")]).await;
    let error = connect_any(&config(&server, TlsMode::StartTls, pinned(good()))).await.unwrap_err();
    check(&error, "no_starttls", "remote-connection-failed", "It was not used in clear");

    let mut script = starttls("");
    script[3] = Step::Send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>".into());
    let server = FakeServer::start(script).await;
    let error = connect_any(&config(&server, TlsMode::StartTls, pinned(good()))).await.unwrap_err();
    check(&error, "starttls_refused", "remote-connection-failed", "refused to start it");
}

#[tokio::test]
async fn features_beyond_the_limit() {
    let server = FakeServer::start(vec![Step::Expect(">"), features(&"<x xmlns='urn:x'/>".repeat(1_000))]).await;
    let error = connect_any(&config(&server, TlsMode::StartTls, pinned(good()))).await.unwrap_err();
    check(&error, "protocol", "remote-connection-failed", "10,000 bytes");
}

#[tokio::test]
async fn clear_text_in_place_of_the_handshake() {
    let server = FakeServer::start([starttls(""), vec![Step::SendAndClose(b"<message from='evil@lab.test'/>")]].concat()).await;
    let error = connect_any(&config(&server, TlsMode::StartTls, pinned(good()))).await.unwrap_err();
    check(&error, "tls_failed", "remote-connection-failed", "clear text came where TLS had to begin");
}

#[tokio::test]
async fn out_of_scope_addresses_are_never_dialled() {
    let server = FakeServer::start(vec![tls(good())]).await;
    let mut own = config(&server, TlsMode::Auto, pinned(good()));
    own.listeners = vec![server.address];
    let error = connect_any(&own).await.unwrap_err();
    check(&error, "loop", "policy-violation", "this proxy's own listener");
    assert!(server.seen().is_empty());

    let error = connect_any(&config_for("203.0.113.9:5222", TlsMode::Auto, pinned(good()))).await.unwrap_err();
    check(&error, "out_of_scope", "policy-violation", "--i-own-this-account");
    let error = connect_any(&config_for("192.168.77.1:5222", TlsMode::None, pinned(good()))).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Scope(ScopeError::ClearTextUpstream(_))), "{error}");
}

#[tokio::test]
async fn a_domain_that_cannot_be_a_server_name() {
    let server = FakeServer::start(vec![tls(good())]).await;
    let error = connect(&config(&server, TlsMode::Direct, pinned(good())), "a b.test", TlsVersions::Any, soon()).await.unwrap_err();
    check(&error, "bad_domain", "remote-connection-failed", "xn--");
}

#[test]
fn openings_have_names() {
    assert_eq!(
        [Opening::StartTls, Opening::Direct, Opening::Clear].map(|opening| opening.to_string()),
        ["STARTTLS", "direct TLS", "clear text"]
    );
}
