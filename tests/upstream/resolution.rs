//! Finding servers by SRV, against a name server of our own.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use stanzascope::proxy::upstream::{Dns, LookupError, Opening, Resolution, ResolveError, Target, TlsMode, check_scope, resolve};
use tokio::time::Instant;

use super::certificates::good;
use super::fake_dns::{Answer, FakeDns, a, srv};
use super::fake_server::{FakeServer, Step, tls};
use super::{DOMAIN, config_for, connect_any, pinned, soon};

const DIRECT: &str = "_xmpps-client._tcp.lab.test.";
const CLIENT: &str = "_xmpp-client._tcp.lab.test.";

async fn look_up(dns: &FakeDns, mode: TlsMode) -> Result<Resolution, ResolveError> {
    resolve(&Dns::at(dns.address), &Target::Srv, DOMAIN, mode, soon()).await
}

fn show(resolution: &Resolution) -> Vec<String> {
    let show =
        |candidate: &stanzascope::proxy::upstream::Candidate| format!("{} {} {:?}", candidate.host, candidate.address, candidate.openings);
    resolution.candidates.iter().map(show).collect()
}

#[tokio::test]
async fn both_services_are_merged_by_priority() {
    let dns = FakeDns::start(&[
        (DIRECT, srv(&[(20, 0, 443, "late.lab.test.")])),
        (CLIENT, srv(&[(10, 0, 5222, "early.lab.test."), (30, 0, 5222, "gone.lab.test.")])),
        ("late.lab.test.", a([127, 0, 0, 2])),
        ("early.lab.test.", a([127, 0, 0, 1])),
    ])
    .await;
    let resolution = look_up(&dns, TlsMode::Auto).await.unwrap();
    assert_eq!(show(&resolution), ["early.lab.test 127.0.0.1:5222 [StartTls]", "late.lab.test 127.0.0.2:443 [Direct]"]);
    let trail = resolution.trail.join("\n");
    assert!(trail.contains("SRV _xmpps-client._tcp.lab.test: late.lab.test.:443 (priority 20, weight 0)"), "{trail}");
    assert!(trail.contains("gone.lab.test.: resolver 127.0.0.1:") && trail.contains("does not exist"), "{trail}");
}

#[tokio::test]
async fn a_mode_asks_for_its_own_service_only() {
    let dns = FakeDns::start(&[
        (DIRECT, srv(&[(1, 0, 443, "x.lab.test.")])),
        (CLIENT, srv(&[(1, 0, 5222, "x.lab.test.")])),
        ("x.lab.test.", a([127, 0, 0, 1])),
    ])
    .await;
    let direct = look_up(&dns, TlsMode::Direct).await.unwrap();
    assert_eq!(show(&direct), ["x.lab.test 127.0.0.1:443 [Direct]"]);
    assert!(!dns.was_asked(RecordType::SRV, CLIENT));
    let clear = look_up(&dns, TlsMode::None).await.unwrap();
    assert_eq!(show(&clear), ["x.lab.test 127.0.0.1:5222 [Clear]"]);
}

#[tokio::test]
async fn without_records_the_domain_itself_is_taken() {
    let dns = FakeDns::start(&[("lab.test.", a([127, 0, 0, 1]))]).await;
    assert_eq!(show(&look_up(&dns, TlsMode::Auto).await.unwrap()), ["lab.test 127.0.0.1:5222 [StartTls]"]);
    assert_eq!(show(&look_up(&dns, TlsMode::Direct).await.unwrap()), ["lab.test 127.0.0.1:5223 [Direct]"]);
    assert!(dns.was_asked(RecordType::SRV, DIRECT) && dns.was_asked(RecordType::SRV, CLIENT));
}

/// F-39: SRV target `.` → the service is not there, nothing is guessed
#[tokio::test]
async fn a_dot_declines_a_service() {
    let dot = || srv(&[(0, 0, 0, ".")]);
    let dns = FakeDns::start(&[(DIRECT, dot()), (CLIENT, dot()), ("lab.test.", a([127, 0, 0, 1]))]).await;
    let error = look_up(&dns, TlsMode::Auto).await.unwrap_err();
    assert!(matches!(error, ResolveError::NotOffered { .. }), "{error}");
    assert!(error.to_string().contains("--upstream HOST:PORT"), "{error}");
    assert!(!dns.was_asked(RecordType::A, "lab.test."));

    // Declining direct TLS says nothing about STARTTLS.
    let dns = FakeDns::start(&[(DIRECT, dot()), ("lab.test.", a([127, 0, 0, 1]))]).await;
    assert_eq!(show(&look_up(&dns, TlsMode::Auto).await.unwrap()), ["lab.test 127.0.0.1:5222 [StartTls]"]);

    let dns = FakeDns::start(&[(DIRECT, srv(&[(0, 0, 443, "x.lab.test.")])), (CLIENT, dot()), ("x.lab.test.", a([127, 0, 0, 1]))]).await;
    assert_eq!(show(&look_up(&dns, TlsMode::Auto).await.unwrap()), ["x.lab.test 127.0.0.1:443 [Direct]"]);
}

/// F-39: NXDOMAIN → said so
#[tokio::test]
async fn a_domain_that_does_not_exist() {
    let dns = FakeDns::start(&[]).await;
    let error = look_up(&dns, TlsMode::Auto).await.unwrap_err();
    assert!(matches!(&error, ResolveError::Lookup { error: LookupError::NoSuchName { .. }, .. }), "{error}");
    assert!(error.to_string().contains("A/AAAA lab.test") && error.to_string().contains("--resolver"), "{error}");
}

#[tokio::test]
async fn a_failing_server_is_no_reason_to_guess() {
    for answer in [Answer::Code(ResponseCode::ServFail), Answer::Code(ResponseCode::Refused)] {
        let dns = FakeDns::start(&[(DIRECT, answer.clone()), (CLIENT, answer), ("lab.test.", a([127, 0, 0, 1]))]).await;
        let error = look_up(&dns, TlsMode::Auto).await.unwrap_err();
        assert!(matches!(&error, ResolveError::Lookup { error: LookupError::Failed { .. }, .. }), "{error}");
        assert!(!dns.was_asked(RecordType::A, "lab.test."));
    }
}

#[tokio::test]
async fn one_failing_question_does_not_spoil_the_other() {
    let dns = FakeDns::start(&[
        (DIRECT, Answer::Code(ResponseCode::ServFail)),
        (CLIENT, srv(&[(1, 1, 5222, "x.lab.test.")])),
        ("x.lab.test.", a([127, 0, 0, 1])),
    ])
    .await;
    assert_eq!(show(&look_up(&dns, TlsMode::Auto).await.unwrap()), ["x.lab.test 127.0.0.1:5222 [StartTls]"]);
}

/// F-39: a name server that says nothing → given up in time
#[tokio::test]
async fn a_silent_server_times_out() {
    let dns = FakeDns::start(&[(DIRECT, Answer::Silence), (CLIENT, Answer::Silence)]).await;
    let started = Instant::now();
    let deadline = started + Duration::from_millis(300);
    let error = resolve(&Dns::at(dns.address), &Target::Srv, DOMAIN, TlsMode::Auto, deadline).await.unwrap_err();
    assert!(matches!(&error, ResolveError::Lookup { error: LookupError::Timeout { .. }, .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_fixed_name_is_resolved_to_all_its_addresses() {
    let two = Answer::Records(
        [a([127, 0, 0, 1]), a([127, 0, 0, 2])]
            .into_iter()
            .flat_map(|answer| match answer {
                Answer::Records(records) => records,
                _ => Vec::new(),
            })
            .collect(),
    );
    let dns = FakeDns::start(&[("xmpp.lab.test.", two)]).await;
    let target: Target = "xmpp.lab.test:5223".parse().unwrap();
    let resolution = resolve(&Dns::at(dns.address), &target, DOMAIN, TlsMode::Auto, soon()).await.unwrap();
    let mut addresses: Vec<SocketAddr> = resolution.candidates.iter().map(|candidate| candidate.address).collect();
    addresses.sort();
    assert_eq!(addresses, ["127.0.0.1:5223".parse().unwrap(), "127.0.0.2:5223".parse().unwrap()]);
    assert_eq!(resolution.candidates[0].openings, [Opening::Direct, Opening::StartTls]);
}

#[tokio::test]
async fn an_address_needs_no_name_server() {
    let dns = FakeDns::start(&[]).await;
    let target: Target = "[::1]:5222".parse().unwrap();
    let resolution = resolve(&Dns::at(dns.address), &target, DOMAIN, TlsMode::StartTls, soon()).await.unwrap();
    assert_eq!(show(&resolution), ["::1 [::1]:5222 [StartTls]"]);
    assert!(dns.asked().is_empty() && resolution.trail.is_empty());
}

#[tokio::test]
async fn the_next_target_is_tried_when_one_is_down() {
    let down = FakeServer::start(vec![Step::SendAndClose(b"")]).await;
    let up = FakeServer::start(vec![tls(good())]).await;
    let records = srv(&[(1, 0, down.address.port(), "x.lab.test."), (2, 0, up.address.port(), "x.lab.test.")]);
    let dns = FakeDns::start(&[(DIRECT, records), ("x.lab.test.", a([127, 0, 0, 1]))]).await;
    let mut config = config_for("srv", TlsMode::Auto, pinned(good()));
    config.dns = Arc::new(Dns::at(dns.address));
    let upstream = connect_any(&config).await.unwrap();
    assert_eq!((upstream.facts.address, upstream.facts.host.as_str()), (up.address, "x.lab.test"));
    assert_eq!(upstream.facts.failed_attempts.len(), 1);
    assert!(!upstream.facts.trail.is_empty());
}

#[tokio::test]
async fn a_name_that_leads_to_a_public_address_is_out_of_scope() {
    let dns = FakeDns::start(&[(CLIENT, srv(&[(1, 1, 5222, "x.lab.test.")])), ("x.lab.test.", a([203, 0, 113, 9]))]).await;
    let mut config = config_for("srv", TlsMode::Auto, pinned(good()));
    config.dns = Arc::new(Dns::at(dns.address));
    assert_eq!(connect_any(&config).await.unwrap_err().reason(), "out_of_scope");
}

#[tokio::test]
async fn a_name_that_leads_back_to_us_is_found_at_start() {
    let server = FakeServer::start(vec![tls(good())]).await;
    let dns = FakeDns::start(&[("me.lab.test.", a([127, 0, 0, 1]))]).await;
    let mut config = config_for(&format!("me.lab.test:{}", server.address.port()), TlsMode::Auto, pinned(good()));
    config.dns = Arc::new(Dns::at(dns.address));
    assert_eq!(check_scope(&config, DOMAIN, soon()).await.unwrap().candidates[0].address, server.address);
    config.listeners = vec![server.address];
    assert_eq!(check_scope(&config, DOMAIN, soon()).await.unwrap_err().reason(), "loop");
    config.listeners = vec![SocketAddr::new([0, 0, 0, 0].into(), server.address.port())];
    assert_eq!(check_scope(&config, DOMAIN, soon()).await.unwrap_err().reason(), "loop");
    assert!(server.seen().is_empty());
}
