//! The end of a test CA (S-04).

use std::{
    fs::{self, Permissions},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{
    Error,
    facts::RootFacts,
    store::{FILES, io_error, open_no_follow},
    trust,
};

/// What [`destroy`] did, and what is left to do by hand.
#[derive(Debug)]
pub struct Destroyed {
    /// The files that are gone.
    pub removed: Vec<PathBuf>,
    /// How to remove the trust from each platform and client, to be shown to the user.
    pub remove_trust: String,
}

/// Overwrites the key, deletes the files, and tells how to remove the trust.
///
/// Works on broken, expired and half-written CAs too. Overwriting is best effort: file systems that copy on write and
/// flash memory may keep the old blocks; the certificates run out within 30 days in any case.
///
/// # Errors
/// [`Error::Absent`] when there is nothing to destroy, [`Error::Io`] when a file could not be removed.
pub fn destroy(dir: &Path) -> Result<Destroyed, Error> {
    let paths: Vec<PathBuf> = FILES.iter().map(|name| dir.join(name)).filter(|path| path.symlink_metadata().is_ok()).collect();
    if paths.is_empty() {
        return Err(Error::Absent { dir: dir.to_owned() });
    }
    let root = RootFacts::read(dir).ok();
    for path in &paths {
        wipe(path).map_err(io_error("wipe", path))?;
    }
    // Goes only if nothing else is in it, which is what we want.
    let _ = fs::remove_dir(dir);
    Ok(Destroyed { removed: paths, remove_trust: trust::removal(root.as_ref()) })
}

/// Overwrites a file with zeros, then deletes it. A link is deleted, what it points to left alone.
pub(super) fn wipe(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_file() {
        // A key made read-only by hand must go too.
        let _ = fs::set_permissions(path, Permissions::from_mode(0o600));
        let mut file = open_no_follow(path, true)?;
        let length = file.metadata()?.len();
        io::copy(&mut io::repeat(0).take(length), &mut file)?;
        file.sync_all()?;
    }
    fs::remove_file(path)
}
