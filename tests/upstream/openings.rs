//! STARTTLS, direct TLS, clear text, and choosing between them.
use std::sync::Arc;

use stanzascope::proxy::upstream::{
    Opening, Stage, StartTlsOffer, TlsMode, TlsVersion, TlsVersions, UpstreamError, UpstreamStream, connect, connect_preferring,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::certificates::good;
use super::fake_server::{FakeServer, HEADER, Step, features, mechanisms, starttls, tls, tls_with};
use super::{DOMAIN, config, connect_any, impatient, pinned, soon};

#[tokio::test]
async fn starttls_gives_a_clean_encrypted_stream() {
    let server = FakeServer::start([starttls(""), vec![tls(good()), Step::Expect("hello"), Step::Send("welcome".into())]].concat()).await;
    let mut upstream = connect_any(&config(&server, TlsMode::StartTls, pinned(good()))).await.unwrap();

    let facts = &upstream.facts;
    assert_eq!(facts.opening, Opening::StartTls);
    assert_eq!(facts.address, server.address);
    assert_eq!(facts.discarded_bytes, 0);
    assert_eq!(facts.before_tls.as_ref().unwrap().starttls, StartTlsOffer::Required);
    let tls = facts.tls.as_ref().unwrap();
    assert_eq!(tls.version, TlsVersion::Tls13);
    assert!(tls.cipher.starts_with("TLS_"), "{}", tls.cipher);
    assert!(tls.key_exchange.is_some());
    assert_eq!(tls.alpn, None);
    assert_eq!(tls.certificate.names, [DOMAIN]);
    assert_eq!(tls.certificate.subject, "CN=a test server");

    upstream.stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 7];
    upstream.stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"welcome");
    let seen = &server.seen()[0];
    assert_eq!(seen.sni.as_deref(), Some(DOMAIN));
    assert!(seen.text.starts_with("<?xml version='1.0'?><stream:stream "), "{}", seen.text);
    assert!(!seen.text.contains("from="), "{}", seen.text);
}

/// F-25: a stanza in clear behind `<proceed/>` → discarded, counted, never part of the stream
#[tokio::test]
async fn bytes_in_clear_behind_proceed_never_reach_the_stream() {
    let injected = "<message from='evil@lab.test'><body>obey</body></message>";
    let server = FakeServer::start([starttls(injected), vec![tls(good()), Step::Send("genuine".into())]].concat()).await;
    let mut upstream = connect_any(&config(&server, TlsMode::StartTls, pinned(good()))).await.unwrap();
    assert_eq!(upstream.facts.discarded_bytes, injected.len());
    let mut answer = [0; 7];
    upstream.stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"genuine");
}

#[tokio::test]
async fn direct_tls_offers_alpn_and_lives_without_an_answer() {
    for (answered, alpn) in [(None, &[][..]), (Some("xmpp-client"), &["xmpp-client"][..])] {
        let server = FakeServer::start(vec![tls_with(good(), &[&rustls::version::TLS13], alpn)]).await;
        let upstream = connect_any(&config(&server, TlsMode::Direct, pinned(good()))).await.unwrap();
        assert_eq!(upstream.facts.opening, Opening::Direct);
        assert_eq!(upstream.facts.before_tls, None);
        assert_eq!(upstream.facts.tls.unwrap().alpn.as_deref(), answered);
    }
}

#[tokio::test]
async fn clear_text_sends_nothing_of_its_own() {
    let server = FakeServer::start(vec![Step::Expect("hello"), Step::Send("welcome".into())]).await;
    let mut upstream = connect_any(&config(&server, TlsMode::None, pinned(good()))).await.unwrap();
    assert!(matches!(upstream.stream, UpstreamStream::Plain(_)));
    assert_eq!((upstream.facts.opening, &upstream.facts.tls), (Opening::Clear, &None));
    upstream.stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 7];
    upstream.stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(server.seen()[0].text, "hello");
}

#[tokio::test]
async fn auto_finds_direct_tls_behind_an_unusual_port() {
    // What a TLS server does with a stream header: an alert, or just hanging up.
    for answer in [&b"\x15\x03\x01\x00\x02\x02\x0a"[..], b""] {
        let server = FakeServer::start_in_turn(vec![vec![Step::SendAndClose(answer)], vec![tls(good())]]).await;
        let upstream = connect_any(&config(&server, TlsMode::Auto, pinned(good()))).await.unwrap();
        assert_eq!(upstream.facts.opening, Opening::Direct);
        assert_eq!(upstream.facts.failed_attempts.len(), 1);
        assert!(upstream.facts.failed_attempts[0].contains("by STARTTLS"), "{:?}", upstream.facts.failed_attempts);
    }
}

#[tokio::test]
async fn auto_outwaits_a_server_that_says_nothing() {
    let server = FakeServer::start_in_turn(vec![vec![Step::Silence], vec![tls(good())]]).await;
    let upstream = connect_any(&impatient(config(&server, TlsMode::Auto, pinned(good())), Stage::Stream)).await.unwrap();
    assert_eq!(upstream.facts.opening, Opening::Direct);
}

#[tokio::test]
async fn auto_never_becomes_clear_text() {
    let server = FakeServer::start(vec![Step::Expect("version='1.0'>"), features(&mechanisms(&["PLAIN"]))]).await;
    let error = connect_any(&config(&server, TlsMode::Auto, pinned(good()))).await.unwrap_err();
    assert!(matches!(&error, UpstreamError::NoStartTls { offered, .. } if offered.mechanisms == ["PLAIN"]), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_bad_certificate_is_final_for_auto() {
    let server = FakeServer::start([starttls(""), vec![tls(good())]].concat()).await;
    let other = super::certificates::self_signed(&[DOMAIN], |_| {});
    let error = connect_any(&config(&server, TlsMode::Auto, pinned(&other))).await.unwrap_err();
    assert_eq!(error.reason(), "certificate_pin_mismatch");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn the_version_of_the_other_leg_is_kept_where_the_server_has_it() {
    let both = [&rustls::version::TLS12, &rustls::version::TLS13];
    for (server_has, wanted, got) in [
        (&both[..], TlsVersion::Tls12, TlsVersion::Tls12),
        (&both[..], TlsVersion::Tls13, TlsVersion::Tls13),
        (&both[..1], TlsVersion::Tls13, TlsVersion::Tls12),
        (&both[1..], TlsVersion::Tls12, TlsVersion::Tls13),
    ] {
        let server = FakeServer::start([starttls(""), vec![tls_with(good(), server_has, &[])]].concat()).await;
        let config = config(&server, TlsMode::StartTls, pinned(good()));
        let upstream = connect_preferring(&config, DOMAIN, wanted, soon()).await.unwrap();
        assert_eq!(upstream.facts.tls.unwrap().version, got);
        assert_eq!(upstream.facts.failed_attempts.is_empty(), wanted == got);

        let strict = connect(&config, DOMAIN, TlsVersions::Only(wanted), soon()).await;
        match strict {
            Ok(upstream) => assert_eq!(upstream.facts.tls.unwrap().version, wanted),
            Err(error) => {
                assert_ne!(wanted, got);
                assert!(matches!(error, UpstreamError::TlsVersion { .. }), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn the_header_survives_a_server_that_answers_byte_by_byte() {
    let text = format!("{HEADER}<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>");
    let mut script = vec![Step::Expect("version='1.0'>")];
    script.extend(text.chars().map(|character| Step::Send(character.to_string())));
    script.extend(starttls("").into_iter().skip(2));
    script.push(tls(good()));
    let server = FakeServer::start(script).await;
    assert!(connect_any(&config(&server, TlsMode::StartTls, pinned(good()))).await.is_ok());
}

#[tokio::test]
async fn sessions_may_run_as_tasks() {
    let server = FakeServer::start([starttls(""), vec![tls(good())]].concat()).await;
    let config = Arc::new(config(&server, TlsMode::Auto, pinned(good())));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let config = Arc::clone(&config);
            tokio::spawn(async move { connect_preferring(&config, DOMAIN, TlsVersion::Tls13, soon()).await })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().is_ok());
    }
    let look = tokio::spawn(async move { stanzascope::proxy::preflight::preflight(&config, DOMAIN, None, soon()).await });
    look.abort();
}
