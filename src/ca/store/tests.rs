use std::os::unix::fs::symlink;

use super::*;
use crate::ca::destroy;

fn files() -> Files {
    Files { root: "root".into(), intermediate: "intermediate".into(), key: Zeroizing::new("key".into()) }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn the_repositorys_own_directory_is_closed_to_others() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("certs");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("README.md"), "").unwrap();
    fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
    prepare(&dir).unwrap();
    assert_eq!(mode(&dir), 0o700);
}

#[test]
fn a_directory_with_other_things_in_it_is_left_as_it_is() {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("passwd"), "").unwrap();
    fs::set_permissions(tmp.path(), Permissions::from_mode(0o755)).unwrap();
    let error = prepare(tmp.path()).unwrap_err();
    assert!(matches!(&error, Error::SharedDirectory { other, .. } if other == "passwd"), "{error}");
    assert_eq!(mode(tmp.path()), 0o755);
    // Private already: nothing to change, so nothing to refuse.
    fs::set_permissions(tmp.path(), Permissions::from_mode(0o700)).unwrap();
    prepare(tmp.path()).unwrap();
}

#[test]
fn nothing_is_written_over_or_through_a_link() {
    for taken in FILES {
        let tmp = tempfile::tempdir().unwrap();
        let target = tmp.path().join("target");
        symlink(&target, tmp.path().join(taken)).unwrap();
        assert!(matches!(prepare(tmp.path()), Err(Error::Exists { .. })), "{taken}");
        assert!(matches!(write(tmp.path(), &files()), Err(Error::Exists { .. })), "{taken}");
        assert!(!target.exists());
        let left = fs::read_dir(tmp.path()).unwrap().count();
        assert_eq!(left, 1, "{taken}: what was written before is gone again, the link stays");
    }
}

#[test]
fn a_linked_key_is_not_followed() {
    let tmp = tempfile::tempdir().unwrap();
    prepare(tmp.path()).unwrap();
    write(tmp.path(), &files()).unwrap();
    let (key, elsewhere) = (tmp.path().join(KEY), tmp.path().join("elsewhere"));
    fs::rename(&key, &elsewhere).unwrap();
    symlink(&elsewhere, &key).unwrap();
    assert!(matches!(read(tmp.path()), Err(Error::Io { .. })));
    destroy(tmp.path()).unwrap();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "key", "only the link is ours to remove");
}

#[test]
fn the_key_is_overwritten_before_it_is_deleted() {
    let tmp = tempfile::tempdir().unwrap();
    write(tmp.path(), &files()).unwrap();
    fs::write(tmp.path().join("note"), "mine").unwrap();
    // A second link shows what was done to the bytes.
    let witness = tmp.path().join("witness");
    fs::hard_link(tmp.path().join(KEY), &witness).unwrap();
    let destroyed = destroy(tmp.path()).unwrap();
    assert_eq!(fs::read(&witness).unwrap(), [0; 3]);
    assert_eq!(destroyed.removed.len(), 3);
    assert!(destroyed.remove_trust.contains("update-ca-certificates --fresh"));
    assert!(tmp.path().join("note").exists());
    assert!(matches!(destroy(tmp.path()), Err(Error::Absent { .. })));
}

#[test]
fn half_a_ca_can_be_destroyed_and_an_empty_directory_goes() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("certs");
    prepare(&dir).unwrap();
    fs::write(dir.join(KEY), "key").unwrap();
    fs::set_permissions(dir.join(KEY), Permissions::from_mode(0o400)).unwrap();
    destroy(&dir).unwrap();
    assert!(!dir.exists());
}

#[test]
fn only_a_certificate_is_ever_exported() {
    let tmp = tempfile::tempdir().unwrap();
    assert!(matches!(export(tmp.path()), Err(Error::Absent { .. })));
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
    for (text, good) in [(pem.clone(), true), (pem + &key.serialize_pem(), false), (key.serialize_pem(), false)] {
        fs::write(tmp.path().join(ROOT), text).unwrap();
        assert_eq!(export(tmp.path()).is_ok(), good);
    }
}
