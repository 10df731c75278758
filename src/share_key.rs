//! The key of a run's pseudonyms: `share.key` in the run directory. Made by the first shared export, destroyed by `runs forget-key`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Its name.
pub const SHARE_KEY: &str = "share.key";
/// Bytes in a key.
const LENGTH: usize = 32;

/// A key that is wiped when it is no longer used.
pub type ShareKey = Zeroizing<[u8; LENGTH]>;

/// Why there is no key to be had.
#[derive(Debug, thiserror::Error)]
pub enum ShareKeyError {
    /// The file cannot be read or made.
    #[error("cannot use {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is no key.
    #[error("{} is no key (`stanzascope runs forget-key` removes it; the next shared export makes another)", .0.display())]
    NoKey(PathBuf),
    /// Others can read it.
    #[error("{path} is open to other users (chmod 600 {path})", path = .0.display())]
    Open(PathBuf),
}

/// A key for one export, kept nowhere.
///
/// # Errors
/// The system gives no random bytes.
pub fn fresh() -> io::Result<ShareKey> {
    let mut key = Zeroizing::new([0; LENGTH]);
    getrandom::fill(&mut *key).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(key)
}

/// The run's key; made if there is none yet.
///
/// # Errors
/// It cannot be read or made, is no key, or others can read it.
pub fn of_run(directory: &Path) -> Result<ShareKey, ShareKeyError> {
    let path = directory.join(SHARE_KEY);
    let here = |error| ShareKeyError::Io { path: path.clone(), error };
    let file = match open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = fresh().map_err(here)?;
            let text: Zeroizing<String> = Zeroizing::new(key.iter().map(|byte| format!("{byte:02x}")).collect());
            let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            match made {
                Ok(mut file) => {
                    file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all()).map_err(here)?;
                    return Ok(key);
                }
                // Another export was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open(&path).map_err(here)?,
                Err(error) => return Err(here(error)),
            }
        }
        Err(error) => return Err(here(error)),
    };
    if file.metadata().map_err(here)?.mode() & 0o077 != 0 {
        return Err(ShareKeyError::Open(path));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(256).read_to_string(&mut text).map_err(here)?;
    let mut key = Zeroizing::new([0; LENGTH]);
    let digits = text.trim();
    if digits.len() != 2 * LENGTH || !digits.is_ascii() {
        return Err(ShareKeyError::NoKey(path));
    }
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).map_err(|_| ShareKeyError::NoKey(path.clone()))?;
    }
    Ok(key)
}

/// Overwrites and deletes the run's key. Whether there was one.
///
/// # Errors
/// It cannot be deleted.
pub fn forget(directory: &Path) -> Result<bool, ShareKeyError> {
    let path = directory.join(SHARE_KEY);
    let here = |error| ShareKeyError::Io { path: path.clone(), error };
    let kind = match fs::symlink_metadata(&path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(here(error)),
    };
    if kind.is_file() {
        // Gone even where the file system gives no deleted block away; where it copies on writing, deleting is all there is.
        let zeros = vec![b'0'; usize::try_from(kind.len()).unwrap_or(0).min(4096)];
        let wiped = OpenOptions::new().write(true).custom_flags(no_follow()).open(&path);
        wiped.and_then(|mut file| file.write_all(&zeros).and_then(|()| file.sync_all())).map_err(here)?;
    }
    fs::remove_file(&path).map_err(here)?;
    Ok(true)
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(no_follow()).open(path)
}

fn no_follow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_kept_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let key = of_run(dir.path()).unwrap();
        assert_eq!(of_run(dir.path()).unwrap(), key);
        let path = dir.path().join(SHARE_KEY);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(forget(dir.path()).unwrap() && !path.exists());
        assert!(!forget(dir.path()).unwrap());
        assert_ne!(of_run(dir.path()).unwrap(), key);
    }

    #[test]
    fn what_is_no_key_of_ours_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(SHARE_KEY);
        fs::write(&path, "hello").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(of_run(dir.path()), Err(ShareKeyError::NoKey(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(of_run(dir.path()), Err(ShareKeyError::Open(_))));
        fs::remove_file(&path).unwrap();
        fs::write(dir.path().join("other"), "0".repeat(64)).unwrap();
        std::os::unix::fs::symlink("other", &path).unwrap();
        assert!(matches!(of_run(dir.path()), Err(ShareKeyError::Io { .. })));
        assert!(forget(dir.path()).unwrap());
        assert!(dir.path().join("other").exists() && !path.is_symlink());
    }
}
