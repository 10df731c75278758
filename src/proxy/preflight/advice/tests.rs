//! The sentences for what real servers offer.
use super::*;
use crate::proxy::preflight::report::Status;

fn offer(tls: Option<TlsVersion>, greeting: Greeting, mechanisms: &[&str]) -> Offer {
    let mechanisms = mechanisms.iter().map(|name| (*name).to_owned()).collect();
    Offer { tls, greeting, features: StreamFeatures { mechanisms, ..StreamFeatures::default() } }
}

/// Checks status and a part of the text of the check called `name`.
fn check(offers: &[Offer], name: &str, status: Status, part: &str) {
    let checks = of_offers(offers);
    let found = checks.iter().find(|check| check.name == name && check.status == status);
    let found = found.unwrap_or_else(|| panic!("no {name} {status:?} in {checks:#?}"));
    let whole = format!("{} {}", found.text, found.advice.as_deref().unwrap_or_default());
    assert!(whole.contains(part), "{whole}");
}

const T12: Option<TlsVersion> = Some(TlsVersion::Tls12);
const T13: Option<TlsVersion> = Some(TlsVersion::Tls13);
use Greeting::{Anonymous, Named};

#[test]
fn prosody_012_binds_with_tls_12_only() {
    let plain = ["SCRAM-SHA-1", "PLAIN"];
    let offers =
        [offer(T13, Anonymous, &plain), offer(T13, Named, &plain), offer(T12, Named, &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN"])];
    check(&offers, "channel binding", Status::Warn, "with TLS 1.2 only");
    check(&offers, "login", Status::Ok, "PLAIN, SCRAM-SHA-1, SCRAM-SHA-1-PLUS");
    assert!(of_offers(&offers).iter().all(|check| check.name != "tls" && check.name != "sasl2"));
}

#[test]
fn binding_everywhere_says_who_will_refuse_and_what_to_do() {
    let offers = [offer(T13, Anonymous, &["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]), offer(T12, Named, &["SCRAM-SHA-256-PLUS"])];
    check(&offers, "channel binding", Status::Warn, "profanity 0.15");
    check(&offers, "channel binding", Status::Warn, "a point in its favour");
    check(&offers, "channel binding", Status::Warn, "--upstream-tls none");
}

#[test]
fn clear_text_without_binding_lets_clients_in() {
    check(&[offer(None, Anonymous, &["SCRAM-SHA-1", "PLAIN"])], "channel binding", Status::Ok, "none in clear text");
    check(&[offer(T13, Anonymous, &["PLAIN", "SCRAM-SHA-1"])], "channel binding", Status::Ok, "goes through");
}

#[test]
fn clear_text_that_the_server_does_not_want_is_a_failure() {
    check(&[offer(None, Anonymous, &[])], "login", Status::Fail, "c2s_require_encryption = false");
    check(&[offer(T13, Anonymous, &[])], "login", Status::Fail, "no way to log in");
    check(&[offer(None, Anonymous, &["SCRAM-SHA-1"])], "login", Status::Warn, "allow_unencrypted_plain_auth");
}

#[test]
fn plain_alone_is_a_warning() {
    check(&[offer(T13, Anonymous, &["PLAIN"])], "login", Status::Warn, "PLAIN only");
}

#[test]
fn sasl2_is_told_with_its_condition() {
    let mut named = offer(T13, Named, &["SCRAM-SHA-1"]);
    named.features.sasl2_mechanisms = vec!["SCRAM-SHA-1".to_owned()];
    named.features.sasl2_inline = vec!["bind".to_owned(), "fast".to_owned()];
    named.features.fast_mechanisms = vec!["HT-SHA-256-EXPR".to_owned()];
    let offers = [offer(T13, Anonymous, &["SCRAM-SHA-1"]), named];
    check(&offers, "sasl2", Status::Ok, "put their address into the stream header: SCRAM-SHA-1, with bind, fast inside");
    check(&offers, "channel binding", Status::Warn, "HT-SHA-256-EXPR");
    check(&offers, "tls", Status::Ok, "TLS 1.2 was not got");
}

#[test]
fn compression_and_limits_are_told() {
    let mut offer = offer(T12, Anonymous, &["SCRAM-SHA-1"]);
    offer.features.compression = vec!["zlib".to_owned()];
    offer.features.max_stanza_bytes = Some(262_144);
    check(&[offer.clone()], "compression", Status::Ok, "zlib");
    check(&[offer.clone()], "limits", Status::Ok, "262144");
    check(&[offer], "tls", Status::Ok, "TLS 1.2 but not 1.3");
}
