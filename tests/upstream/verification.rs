//! Which certificates are accepted, under which kind of trust.
use rcgen::{BasicConstraints, IsCa, date_time_ymd};
use stanzascope::proxy::upstream::{CertificateFault, TlsMode, TlsVersions, Trust, TrustSource, UpstreamError, connect};

use super::certificates::{Identity, authority_pem, good, issued, other_name, self_signed};
use super::fake_server::{FakeServer, starttls, tls, tls_with};
use super::{DOMAIN, ca_file, config, pinned, soon};

const XMPP_ADDRESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 8, 5];
const SRV_NAME: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 8, 7];

/// `None` when the certificate is accepted for the domain, over either opening.
async fn fault(identity: &Identity, trust: Trust, domain: &str) -> Option<CertificateFault> {
    let mut faults = Vec::new();
    for (mode, script) in [(TlsMode::Direct, vec![tls(identity)]), (TlsMode::StartTls, [starttls(""), vec![tls(identity)]].concat())] {
        let server = FakeServer::start(script).await;
        faults.push(match connect(&config(&server, mode, trust.clone()), domain, TlsVersions::Any, soon()).await {
            Ok(_) => None,
            Err(UpstreamError::Certificate { fault, presented, domain: named, .. }) => {
                assert_eq!(named, domain);
                assert_eq!(presented.sha256.len(), 64);
                Some(fault)
            }
            Err(other) => panic!("{other}"),
        });
    }
    assert_eq!(faults[0], faults[1]);
    faults.swap_remove(0)
}

fn by_authority() -> Trust {
    ca_file(&authority_pem())
}

#[tokio::test]
async fn a_ca_file_vouches_for_what_it_issued_and_nothing_else() {
    assert_eq!(fault(good(), by_authority(), DOMAIN).await, None);
    assert_eq!(fault(&self_signed(&[DOMAIN], |_| {}), by_authority(), DOMAIN).await, Some(CertificateFault::Untrusted));
}

/// F-39: a certificate of an authority that nobody vouched for → refused, never used unverified
#[tokio::test]
async fn the_platform_does_not_vouch_for_a_test_authority() {
    // A machine without roots refuses to start instead, which is as good.
    if let Ok(platform) = Trust::load(&TrustSource::Platform) {
        assert_eq!(fault(good(), platform, DOMAIN).await, Some(CertificateFault::Untrusted));
    }
}

/// F-39: a certificate for another name → refused
#[tokio::test]
async fn the_certificate_must_name_the_domain_not_the_host() {
    assert_eq!(fault(&issued(&["127.0.0.1", "localhost"], |_| {}), by_authority(), DOMAIN).await, Some(CertificateFault::WrongName));
    assert_eq!(fault(&issued(&["*.lab.test"], |_| {}), by_authority(), "im.lab.test").await, None);
    assert_eq!(fault(&issued(&["*.lab.test"], |_| {}), by_authority(), DOMAIN).await, Some(CertificateFault::WrongName));
    assert_eq!(fault(&issued(&["LAB.TEST"], |_| {}), by_authority(), DOMAIN).await, None);
    assert_eq!(fault(&issued(&["xn--gre-6ka8i.test"], |_| {}), by_authority(), "größe.test").await, None);
}

#[tokio::test]
async fn xmpp_names_count_under_a_ca_file() {
    let named = |oid: &[u64], value: &str| issued(&[], |params| params.subject_alt_names = vec![other_name(oid, value)]);
    assert_eq!(fault(&named(XMPP_ADDRESS, DOMAIN), by_authority(), DOMAIN).await, None);
    assert_eq!(fault(&named(SRV_NAME, "_xmpp-client.lab.test"), by_authority(), DOMAIN).await, None);
    for (oid, value) in [(XMPP_ADDRESS, "other.test"), (SRV_NAME, "_xmpp-server.lab.test"), (&[1, 2, 3][..], DOMAIN)] {
        assert_eq!(fault(&named(oid, value), by_authority(), DOMAIN).await, Some(CertificateFault::WrongName), "{value}");
    }
    let expired = issued(&[], |params| {
        params.subject_alt_names = vec![other_name(XMPP_ADDRESS, DOMAIN)];
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    assert_eq!(fault(&expired, by_authority(), DOMAIN).await, Some(CertificateFault::Expired));
}

/// F-39: a certificate that is expired or not valid yet → refused
#[tokio::test]
async fn dates_count_under_a_ca_file() {
    let expired = issued(&[DOMAIN], |params| params.not_after = date_time_ymd(2020, 1, 1));
    assert_eq!(fault(&expired, by_authority(), DOMAIN).await, Some(CertificateFault::Expired));
    let early = issued(&[DOMAIN], |params| params.not_before = date_time_ymd(2090, 1, 1));
    assert_eq!(fault(&early, by_authority(), DOMAIN).await, Some(CertificateFault::NotYetValid));
}

#[tokio::test]
async fn a_servers_own_certificate_may_stand_in_the_ca_file() {
    let plain = self_signed(&[DOMAIN], |_| {});
    assert_eq!(fault(&plain, ca_file(&plain.pem), DOMAIN).await, None);
    // As Prosody makes them: marked as an authority, which no chain may end in.
    let marked = self_signed(&[DOMAIN], |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(fault(&marked, ca_file(&marked.pem), DOMAIN).await, None);
    assert_eq!(fault(&marked, by_authority(), DOMAIN).await, Some(CertificateFault::Untrusted));
    assert_eq!(fault(&marked, ca_file(&marked.pem), "other.test").await, Some(CertificateFault::WrongName));
    let expired = self_signed(&[DOMAIN], |params| params.not_after = date_time_ymd(2020, 1, 1));
    assert_eq!(fault(&expired, ca_file(&expired.pem), DOMAIN).await, Some(CertificateFault::Expired));
    let early = self_signed(&[DOMAIN], |params| params.not_before = date_time_ymd(2090, 1, 1));
    assert_eq!(fault(&early, ca_file(&early.pem), DOMAIN).await, Some(CertificateFault::NotYetValid));
}

#[tokio::test]
async fn a_pin_asks_for_the_key_alone() {
    let odd = self_signed(&["elsewhere.test"], |params| params.not_after = date_time_ymd(2020, 1, 1));
    assert_eq!(fault(&odd, pinned(&odd), DOMAIN).await, None);
    assert_eq!(fault(good(), pinned(&odd), DOMAIN).await, Some(CertificateFault::PinMismatch));
}

#[tokio::test]
async fn a_pinned_certificate_without_its_key_is_worth_nothing() {
    // Whoever has seen the certificate can show it, but cannot sign the handshake.
    let (genuine, impostor) = (self_signed(&[DOMAIN], |_| {}), self_signed(&[DOMAIN], |_| {}));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stolen = genuine.shown_with_key_of(&impostor);
        let server = FakeServer::start(vec![tls_with(&stolen, &[version], &[])]).await;
        let error = connect(&config(&server, TlsMode::Direct, pinned(&genuine)), DOMAIN, TlsVersions::Any, soon()).await.unwrap_err();
        assert_eq!(error.reason(), "certificate_bad_signature", "{error}");
        assert!(!error.to_string().contains("--upstream-pin"), "{error}");
    }
}

#[tokio::test]
async fn a_refusal_shows_the_pin_that_would_accept() {
    let server = FakeServer::start(vec![tls(good())]).await;
    let other = self_signed(&[DOMAIN], |_| {});
    let error = connect(&config(&server, TlsMode::Direct, ca_file(&other.pem)), DOMAIN, TlsVersions::Any, soon()).await.unwrap_err();
    let presented = error.presented().unwrap();
    assert_eq!(presented.names, [DOMAIN]);
    let text = error.to_string();
    for part in ["lab.test", "no trusted authority", &format!("--upstream-pin {}", presented.spki_pin), "--upstream-ca FILE"] {
        assert!(text.contains(part), "{text}");
    }
    let pins = TrustSource::Pins(vec![presented.spki_pin.parse().unwrap()]);
    assert_eq!(fault(good(), Trust::load(&pins).unwrap(), DOMAIN).await, None);
}

#[tokio::test]
async fn control_characters_in_a_certificate_do_not_reach_the_message() {
    let hostile = self_signed(&[], |params| {
        params.subject_alt_names = vec![other_name(XMPP_ADDRESS, "a\u{1b}[2J\u{202e}")];
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "b\u{1b}[2J\r\n");
    });
    let server = FakeServer::start(vec![tls(&hostile)]).await;
    let error = connect(&config(&server, TlsMode::Direct, pinned(good())), DOMAIN, TlsVersions::Any, soon()).await.unwrap_err().to_string();
    assert!(!error.contains(|character: char| character.is_control() || character == '\u{202e}'), "{error:?}");
}
