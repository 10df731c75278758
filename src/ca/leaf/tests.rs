use std::path::Path;

use time::macros::datetime;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::*;
use crate::ca::Scope;

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

fn new_ca(dir: &Path) -> Authority {
    Authority::create(dir, &Scope::new(&["lab.test"], &["proxy.local"]).unwrap(), NOW).unwrap()
}

#[test]
fn a_leaf_says_what_it_is_for_and_no_more() {
    let tmp = tempfile::tempdir().unwrap();
    let leaf = new_ca(tmp.path()).leaf(&["lab.test", "proxy.local", "127.0.0.1", "::1"], NOW).unwrap();
    assert_eq!(leaf.cert.len(), 2, "leaf and intermediate, without the root");
    let (_, certificate) = X509Certificate::from_der(&leaf.cert[0]).unwrap();
    assert_eq!(certificate.validity().not_before.to_datetime(), NOW - Duration::hours(1));
    assert_eq!(certificate.validity().not_after.to_datetime(), NOW + Duration::hours(24));
    assert!(!certificate.is_ca());
    let purposes = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(purposes.server_auth && !purposes.client_auth && !purposes.any && purposes.other.is_empty());
    let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
    let expected = [
        GeneralName::DNSName("lab.test"),
        GeneralName::DNSName("proxy.local"),
        GeneralName::IPAddress(&[127, 0, 0, 1]),
        GeneralName::IPAddress(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ];
    assert_eq!(*names, expected);
    assert!(leaf.keys_match().is_ok());
}

#[test]
fn names_outside_the_scope_are_refused_with_the_way_out() {
    let tmp = tempfile::tempdir().unwrap();
    let authority = new_ca(tmp.path());
    let error = authority.leaf(&["lab.test", "bank.example"], NOW).unwrap_err();
    assert!(error.to_string().contains("does not cover \"bank.example\", only lab.test, proxy.local, localhost"), "{error}");
    for names in [&["*.lab.test"][..], &[""], &[]] {
        assert!(matches!(authority.leaf(names, NOW), Err(Error::BadName { .. })), "{names:?}");
    }
}

/// Found by a clock that went forward by a day and back.
#[test]
fn a_leaf_of_tomorrow_is_not_shown_today() {
    let tmp = tempfile::tempdir().unwrap();
    let authority = new_ca(tmp.path());
    let tomorrow = authority.leaf(&["lab.test"], NOW + Duration::days(1)).unwrap();
    let today = authority.leaf(&["lab.test"], NOW).unwrap();
    assert!(!Arc::ptr_eq(&tomorrow, &today));
}

#[test]
fn the_same_names_give_the_same_leaf_until_its_last_hour() {
    let tmp = tempfile::tempdir().unwrap();
    let authority = new_ca(tmp.path());
    let first = authority.leaf(&["lab.test", "127.0.0.1"], NOW).unwrap();
    let same = |names: &[&str], after| Arc::ptr_eq(&first, &authority.leaf(names, NOW + after).unwrap());
    assert!(same(&["::ffff:127.0.0.1", "LAB.test.", "lab.test"], Duration::ZERO));
    assert!(!same(&["lab.test"], Duration::ZERO));
    assert!(same(&["lab.test", "127.0.0.1"], Duration::hours(23)));
    assert!(!same(&["lab.test", "127.0.0.1"], Duration::hours(23) + Duration::SECOND));
}

#[test]
fn no_leaf_outlives_the_ca() {
    let tmp = tempfile::tempdir().unwrap();
    let authority = new_ca(tmp.path());
    let end = NOW + Duration::days(30);
    let last = authority.leaf(&["lab.test"], end - Duration::minutes(30)).unwrap();
    let (_, certificate) = X509Certificate::from_der(&last.cert[0]).unwrap();
    assert_eq!(certificate.validity().not_after.to_datetime(), end);
    assert!(Arc::ptr_eq(&last, &authority.leaf(&["lab.test"], end - Duration::minutes(10)).unwrap()), "not signed anew each time");
    assert!(matches!(authority.leaf(&["lab.test"], end + Duration::SECOND), Err(Error::Expired { .. })));
}

#[test]
fn the_cache_is_bounded() {
    let tmp = tempfile::tempdir().unwrap();
    let authority = new_ca(tmp.path());
    for i in 0..CACHED + 3 {
        authority.leaf(&[format!("h{i}.lab.test")], NOW).unwrap();
    }
    assert!(authority.leaves.lock().unwrap().0.len() <= CACHED);
}
