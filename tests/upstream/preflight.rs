//! The look at a server before the first client comes.
use std::time::Duration;

use stanzascope::proxy::preflight::{Greeting, Report, Status, preflight};
use stanzascope::proxy::upstream::{TlsMode, TlsVersion, Trust};
use tokio::time::Instant;

use super::certificates::{good, self_signed};
use super::fake_server::{FakeServer, Step, features, mechanisms, starttls, tls, tls_with};
use super::{DOMAIN, ca_file, config, pinned, soon};

async fn look(server: &FakeServer, mode: TlsMode, trust: Trust) -> Report {
    preflight(&config(server, mode, trust), DOMAIN, None, soon()).await
}

fn has(report: &Report, status: Status, part: &str) {
    let found = report
        .checks
        .iter()
        .any(|check| check.status == status && format!("{} {}", check.text, check.advice.as_deref().unwrap_or_default()).contains(part));
    assert!(found, "no {status:?} with {part:?} in\n{report}");
}

/// A connection over STARTTLS that is then offered these mechanisms.
fn session(version: &'static rustls::SupportedProtocolVersion, offer: &str) -> Vec<Step> {
    let mut script = starttls("");
    script.extend([tls_with(good(), &[version], &[]), Step::Expect("version='1.0'>"), features(offer)]);
    script
}

#[tokio::test]
async fn binding_with_tls_12_only_is_found_by_asking_for_it() {
    let (old, new) = (&rustls::version::TLS12, &rustls::version::TLS13);
    let plain = mechanisms(&["SCRAM-SHA-1", "PLAIN"]);
    let server = FakeServer::start_in_turn(vec![
        session(new, &plain),
        session(new, &plain),
        session(old, &mechanisms(&["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"])),
    ])
    .await;
    let report = look(&server, TlsMode::StartTls, pinned(good())).await;

    has(&report, Status::Ok, "answers by STARTTLS with TLS 1.3");
    has(&report, Status::Ok, "verified by its public key");
    has(&report, Status::Warn, "SCRAM-SHA-1-PLUS with TLS 1.2 only");
    assert_eq!(
        report.offers.iter().map(|offer| (offer.tls, offer.greeting)).collect::<Vec<_>>(),
        [
            (Some(TlsVersion::Tls13), Greeting::Anonymous),
            (Some(TlsVersion::Tls13), Greeting::Named),
            (Some(TlsVersion::Tls12), Greeting::Named),
        ]
    );
    let seen = server.seen();
    assert!(!seen[0].text.contains("from=") && seen[1].text.contains("from='probe@lab.test'"), "{seen:?}");
    assert_eq!(report.upstream.as_ref().unwrap().address, server.address);
}

#[tokio::test]
async fn the_address_is_never_said_in_clear_before_tls() {
    let server = FakeServer::start(session(&rustls::version::TLS12, &mechanisms(&["SCRAM-SHA-1"]))).await;
    let report = preflight(&config(&server, TlsMode::StartTls, pinned(good())), DOMAIN, Some("alice@lab.test"), soon()).await;
    assert_eq!(report.worst(), Status::Ok, "{report}");
    let named = &server.seen()[1].text;
    let (before, after) = named.split_once("<starttls").unwrap();
    assert!(!before.contains("alice") && after.contains("from='alice@lab.test'"), "{named}");
}

#[tokio::test]
async fn clear_text_that_offers_no_login_says_how_to_mend_it() {
    let server = FakeServer::start(vec![
        Step::Expect("version='1.0'>"),
        features("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"),
    ])
    .await;
    let report = look(&server, TlsMode::None, pinned(good())).await;
    assert_eq!(report.worst(), Status::Fail);
    has(&report, Status::Fail, "c2s_require_encryption = false");
    has(&report, Status::Warn, "readable on this machine");
}

#[tokio::test]
async fn a_server_that_cannot_be_verified_fails_with_the_way_out() {
    let server = FakeServer::start(vec![tls(good())]).await;
    let report = look(&server, TlsMode::Direct, ca_file(&self_signed(&["x.test"], |_| {}).pem)).await;
    assert_eq!(report.worst(), Status::Fail);
    assert_eq!(report.checks[0].name, "certificate");
    has(&report, Status::Fail, "--upstream-pin sha256/");
    assert!(report.upstream.is_none() && report.offers.is_empty());
}

#[tokio::test]
async fn injected_bytes_and_logins_in_clear_are_warned_about() {
    let mut script = starttls("<iq/>");
    script[1] = features(&format!("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{}", mechanisms(&["PLAIN"])));
    script.extend([tls(good()), Step::Expect("version='1.0'>"), features(&mechanisms(&["PLAIN"]))]);
    let server = FakeServer::start(script).await;
    let report = look(&server, TlsMode::StartTls, pinned(good())).await;
    has(&report, Status::Warn, "5 bytes came in clear");
    has(&report, Status::Warn, "offers a login before TLS (PLAIN)");
    has(&report, Status::Warn, "PLAIN only");
}

#[tokio::test]
async fn a_server_that_gives_up_later_is_reported_as_incomplete() {
    let good_session = session(&rustls::version::TLS12, &mechanisms(&["SCRAM-SHA-1"]));
    let server = FakeServer::start_in_turn(vec![good_session, vec![Step::SendAndClose(b"")]]).await;
    let report = look(&server, TlsMode::StartTls, pinned(good())).await;
    has(&report, Status::Warn, "the offer may be incomplete");
    has(&report, Status::Ok, "the server offers SCRAM-SHA-1");
}

#[tokio::test]
async fn a_silent_server_costs_no_more_than_the_deadline() {
    let server = FakeServer::start(vec![Step::Silence]).await;
    let started = Instant::now();
    let report = preflight(&config(&server, TlsMode::Auto, pinned(good())), DOMAIN, None, started + Duration::from_millis(600)).await;
    assert_eq!(report.worst(), Status::Fail);
    assert!(started.elapsed() < Duration::from_secs(4));
}
