//! The files of the test CA: made private, opened only if still private, wiped.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use rustls_pki_types::{CertificateDer, pem::PemObject};
use zeroize::Zeroizing;

use super::{Error, destroy::wipe};

/// The three files, as text.
pub(super) struct Files {
    pub(super) root: String,
    pub(super) intermediate: String,
    pub(super) key: Zeroizing<String>,
}

/// Makes the directory private (0700) and sure that no CA is in it.
///
/// An existing directory is only closed to others if it is ours and holds nothing but what the repository puts there.
pub(super) fn prepare(dir: &Path) -> Result<(), Error> {
    match fs::metadata(dir) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_error("create directory", dir))?;
            return close_to_others(dir);
        }
        Err(source) => return Err(io_error("look at", dir)(source)),
        Ok(_) => {}
    }
    if let Some(path) = FILES.iter().map(|name| dir.join(name)).find(|path| path.symlink_metadata().is_ok()) {
        return Err(Error::Exists { path });
    }
    match check_private(dir) {
        Err(Error::OpenToOthers { .. }) => {}
        other => return other,
    }
    for entry in fs::read_dir(dir).map_err(io_error("list", dir))? {
        let name = entry.map_err(io_error("list", dir))?.file_name();
        if !KEPT.iter().any(|kept| name == *kept) {
            return Err(Error::SharedDirectory { dir: dir.to_owned(), other: name.to_string_lossy().into_owned() });
        }
    }
    close_to_others(dir)
}

/// Writes the files, each only if it does not exist. If one fails, those written before it are removed again.
pub(super) fn write(dir: &Path, files: &Files) -> Result<(), Error> {
    let contents = [(KEY, files.key.as_str(), 0o600), (INTERMEDIATE, &files.intermediate, 0o644), (ROOT, &files.root, 0o644)];
    for (done, (name, text, mode)) in contents.iter().enumerate() {
        let path = dir.join(name);
        if let Err(error) = write_new(&path, text, *mode) {
            for (name, ..) in &contents[..done] {
                let _ = wipe(&dir.join(name));
            }
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => Error::Exists { path },
                _ => {
                    let _ = wipe(&path);
                    io_error("write", &path)(error)
                }
            });
        }
    }
    Ok(())
}

/// Reads the files, after making sure that nobody else could have read or replaced the key (S-02).
pub(super) fn read(dir: &Path) -> Result<Files, Error> {
    if FILES.iter().all(|name| dir.join(name).symlink_metadata().is_err()) {
        return Err(Error::Absent { dir: dir.to_owned() });
    }
    check_private(dir)?;
    Ok(Files { root: read_file(dir, ROOT)?, intermediate: read_file(dir, INTERMEDIATE)?, key: Zeroizing::new(read_file(dir, KEY)?) })
}

/// The root certificate as PEM: what clients are given. Never anything else that may have got into the file.
///
/// # Errors
/// [`Error::Absent`] when there is no CA, [`Error::Broken`] when the file is not exactly one certificate.
pub fn export(dir: &Path) -> Result<String, Error> {
    let pem = public_file(dir, ROOT)?;
    certificate(&pem, &dir.join(ROOT))?;
    Ok(pem)
}

/// Reads `name` as a public certificate file, whatever its permissions.
pub(super) fn public_file(dir: &Path, name: &str) -> Result<String, Error> {
    let path = dir.join(name);
    fs::read_to_string(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::Absent { dir: dir.to_owned() },
        _ => io_error("read", &path)(source),
    })
}

/// The one certificate in a PEM text.
pub(super) fn certificate(pem: &str, path: &Path) -> Result<CertificateDer<'static>, Error> {
    let broken = |why: &str| Error::Broken { path: path.to_owned(), why: why.to_owned() };
    if pem.matches("-----BEGIN ").count() != 1 {
        return Err(broken("not exactly one certificate"));
    }
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| broken("not a certificate in PEM form"))
}

pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { action, path: path.to_owned(), source }
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    // The umask has only taken bits away; a strange one may have taken ours.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Opens without following a link, and looks at what was opened rather than at what the path says now.
fn read_file(dir: &Path, name: &str) -> Result<String, Error> {
    let path = dir.join(name);
    let mut file = open_no_follow(&path, false).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::Incomplete { path: path.clone() },
        _ => io_error("open", &path)(source),
    })?;
    let metadata = file.metadata().map_err(io_error("look at", &path))?;
    if !metadata.is_file() {
        return Err(Error::Broken { path, why: "not a file".to_owned() });
    }
    check_metadata(&path, &metadata, if name == KEY { 0o600 } else { 0o644 })?;
    // Room for all of it at once, so that growing leaves no copy of the key behind.
    let mut text = String::with_capacity(metadata.len() as usize + 1);
    file.read_to_string(&mut text).map_err(io_error("read", &path))?;
    Ok(text)
}

fn close_to_others(dir: &Path) -> Result<(), Error> {
    fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(io_error("close to others", dir))
}

fn check_private(dir: &Path) -> Result<(), Error> {
    let metadata = fs::metadata(dir).map_err(io_error("look at", dir))?;
    if !metadata.is_dir() {
        return Err(Error::Broken { path: dir.to_owned(), why: "not a directory".to_owned() });
    }
    check_metadata(dir, &metadata, 0o700)
}

/// Ours, and no bit for others beyond those of `wanted`.
fn check_metadata(path: &Path, metadata: &fs::Metadata, wanted: u32) -> Result<(), Error> {
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me {
        return Err(Error::ForeignOwner { path: path.to_owned(), owner: metadata.uid(), me });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 & !wanted != 0 {
        return Err(Error::OpenToOthers { path: path.to_owned(), mode, wanted });
    }
    Ok(())
}

pub(super) fn open_no_follow(path: &Path, write: bool) -> io::Result<File> {
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    OpenOptions::new().read(!write).write(write).custom_flags(no_follow).open(path)
}

pub(super) const ROOT: &str = "root.pem";
pub(super) const INTERMEDIATE: &str = "intermediate.pem";
pub(super) const KEY: &str = "intermediate.key";
pub(super) const FILES: [&str; 3] = [KEY, INTERMEDIATE, ROOT];
/// What the repository keeps in its own `certs/`.
const KEPT: [&str; 2] = ["README.md", ".gitignore"];

#[cfg(test)]
mod tests;
