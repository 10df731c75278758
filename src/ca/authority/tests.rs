use std::{fs, os::unix::fs::PermissionsExt};

use time::macros::datetime;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;
use crate::ca::{destroy, export};

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

fn new_ca(dir: &Path) -> Authority {
    Authority::create(dir, &Scope::new(&["lab.test"], &["proxy.local", "192.0.2.7"]).unwrap(), NOW).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn error(dir: &Path, now: OffsetDateTime) -> Error {
    Authority::load(dir, now).err().expect("refused")
}

#[test]
fn a_new_ca_is_private_and_can_be_opened_again() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("certs");
    let made = new_ca(&dir);
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join("intermediate.key")), 0o600);
    let opened = Authority::load(&dir, NOW).unwrap();
    assert_eq!(opened.facts(), made.facts());
    assert_eq!(export(&dir).unwrap(), opened.root_pem());
    assert!(opened.covers("muc.lab.test") && opened.covers("192.0.2.7") && opened.covers("localhost"));
    assert!(!opened.covers("lab.example") && !opened.covers("192.0.2.8") && !opened.covers("*.lab.test"));
}

#[test]
fn the_root_key_is_nowhere_on_disk() {
    let tmp = tempfile::tempdir().unwrap();
    let authority = new_ca(tmp.path());
    let mut files: Vec<_> = fs::read_dir(tmp.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["intermediate.key", "intermediate.pem", "root.pem"]);
    // The one private key is the intermediate's: its public half is in the intermediate and not in the root.
    let key = KeyPair::from_pem(&fs::read_to_string(tmp.path().join("intermediate.key")).unwrap()).unwrap();
    let root = store::certificate(authority.root_pem(), tmp.path()).unwrap();
    let has_key = |der: &[u8]| der.windows(key.public_key_raw().len()).any(|window| window == key.public_key_raw());
    assert!(has_key(&authority.intermediate) && !has_key(&root));
    for public in ["root.pem", "intermediate.pem"] {
        assert!(!fs::read_to_string(tmp.path().join(public)).unwrap().contains("PRIVATE"));
    }
}

#[test]
fn root_and_intermediate_say_what_they_are_for() {
    let tmp = tempfile::tempdir().unwrap();
    let authority = new_ca(tmp.path());
    let root = store::certificate(authority.root_pem(), tmp.path()).unwrap();
    for (der, path_length, server_only) in [(&root, None, false), (&authority.intermediate, Some(0), true)] {
        let (_, certificate) = X509Certificate::from_der(der).unwrap();
        let basic = certificate.basic_constraints().unwrap().unwrap();
        assert!(basic.critical && basic.value.ca);
        assert_eq!(basic.value.path_len_constraint, path_length);
        assert_eq!(certificate.extended_key_usage().unwrap().is_some_and(|e| e.value.server_auth && e.value.other.is_empty()), server_only);
        assert!(certificate.key_usage().unwrap().unwrap().value.key_cert_sign());
        assert_eq!(certificate.validity().not_after.to_datetime(), NOW + Duration::days(30));
        let name = certificate.subject().iter_common_name().next().unwrap().as_str().unwrap();
        assert!(name.starts_with("stanzascope test CA ") && name.ends_with(" 2026-11-22 - DO NOT TRUST OUTSIDE LAB"), "{name}");
        assert!(name.len() <= 64);
        assert_eq!(certificate.name_constraints().unwrap().is_some_and(|c| c.critical), server_only);
    }
}

#[test]
fn names_are_cut_to_what_x509_allows() {
    let name = common_name("a-very-long-machine-name.lab.test", NOW);
    assert_eq!(name, "stanzascope test CA a-very 2026-11-22 - DO NOT TRUST OUTSIDE LAB");
}

#[test]
fn a_key_that_others_can_reach_is_refused() {
    let tmp = tempfile::tempdir().unwrap();
    new_ca(tmp.path());
    let key = tmp.path().join("intermediate.key");
    for (path, good) in [(key.as_path(), 0o600), (tmp.path(), 0o700)] {
        for extra in [0o040, 0o020, 0o010, 0o004, 0o002, 0o001] {
            set_mode(path, good | extra);
            let error = error(tmp.path(), NOW);
            assert!(matches!(error, Error::OpenToOthers { .. }), "{error}");
            assert!(error.to_string().contains(&format!("`chmod {good:o} ")), "{error}");
        }
        set_mode(path, good);
    }
    set_mode(&tmp.path().join("root.pem"), 0o666);
    assert!(matches!(error(tmp.path(), NOW), Error::OpenToOthers { wanted: 0o644, .. }));
    set_mode(&tmp.path().join("root.pem"), 0o644);
    assert!(Authority::load(tmp.path(), NOW).is_ok());
}

#[test]
fn somebody_elses_key_is_refused() {
    // Only root can give a file away, so only root can show this.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let tmp = tempfile::tempdir().unwrap();
    new_ca(tmp.path());
    for path in [tmp.path().join("intermediate.key"), tmp.path().to_owned()] {
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        let error = error(tmp.path(), NOW);
        assert!(matches!(error, Error::ForeignOwner { owner: 12345, me: 0, .. }), "{error}");
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
    }
}

#[test]
fn outside_its_time_it_is_refused() {
    let tmp = tempfile::tempdir().unwrap();
    new_ca(tmp.path());
    assert!(Authority::load(tmp.path(), NOW + Duration::days(30)).is_ok());
    let expired = error(tmp.path(), NOW + Duration::days(30) + Duration::seconds(1));
    assert!(expired.to_string().contains("expired on 2026-12-22 (run `stanzascope ca destroy`"), "{expired}");
    assert!(matches!(error(tmp.path(), NOW - Duration::hours(2)), Error::NotYetValid { .. }));
    let facts = Facts::read(tmp.path(), NOW + Duration::days(31)).unwrap();
    assert!(facts.expired && facts.days_left == 0 && facts.to_string().contains("EXPIRED"));
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = new_ca(one.path());
    let second = new_ca(two.path());
    assert_ne!(first.facts().organisation, second.facts().organisation, "told apart in trust stores");
    for name in ["root.pem", "intermediate.pem", "intermediate.key"] {
        let path = two.path().join(name);
        let own = fs::read(&path).unwrap();
        fs::write(&path, fs::read(one.path().join(name)).unwrap()).unwrap();
        let mixed = error(two.path(), NOW);
        assert!(matches!(mixed, Error::Broken { .. }), "{name}: {mixed}");
        fs::write(&path, "rubbish").unwrap();
        assert!(matches!(error(two.path(), NOW), Error::Broken { .. }), "{name}");
        fs::remove_file(&path).unwrap();
        assert!(matches!(error(two.path(), NOW), Error::Incomplete { .. }), "{name}");
        fs::write(&path, own).unwrap();
        set_mode(&path, 0o600);
    }
    assert!(Authority::load(two.path(), NOW).is_ok());
}

#[test]
fn there_is_only_ever_one() {
    let tmp = tempfile::tempdir().unwrap();
    assert!(matches!(error(tmp.path(), NOW), Error::Absent { .. }));
    let first = new_ca(tmp.path());
    let scope = Scope::new(&["other.test"], &[]).unwrap();
    assert!(matches!(Authority::create(tmp.path(), &scope, NOW), Err(Error::Exists { .. })));
    assert_eq!(Authority::load(tmp.path(), NOW).unwrap().facts(), first.facts());
    destroy(tmp.path()).unwrap();
    assert!(Authority::create(tmp.path(), &scope, NOW).unwrap().covers("other.test"));
}
