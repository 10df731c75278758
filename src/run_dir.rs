//! A run on disk: `runs/<start>-<label>/` with `run.json`, `catalog.json`, `records.jsonl` and, when asked for, `transcript.jsonl`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use rustix::process::Pid;

use crate::catalog::Catalog;
use crate::catalog::rows::Rows;

/// The log.
pub const RECORDS: &str = "records.jsonl";
/// Raw traffic.
pub const TRANSCRIPT: &str = "transcript.jsonl";
/// What is the same for every exposure of a field.
pub const CATALOG: &str = "catalog.json";
/// What the run was.
pub const MANIFEST: &str = "run.json";

/// A directory that belongs to one run.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes `<runs>/<start>-<label>/`, readable by the user only. `start` is a time stamp that sorts.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn create(runs: &Path, start: &str, label: &str) -> io::Result<RunDir> {
        DirBuilder::new().recursive(true).mode(0o700).create(runs)?;
        let safe: String =
            label.chars().take(48).map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }).collect();
        let name = if safe.is_empty() { start.to_owned() } else { format!("{start}-{safe}") };
        // Two runs in the same second get numbers.
        for attempt in 0..1000 {
            let path = runs.join(if attempt == 0 { name.clone() } else { format!("{name}.{attempt}") });
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(RunDir { path }),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{name} exists a thousand times in {}", runs.display())))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes the copy of the catalog that the records refer to.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_catalog(&self, catalog: &Catalog) -> io::Result<()> {
        self.write_json(CATALOG, &Rows::of(catalog))
    }

    /// Writes `run.json`, replacing an earlier one in one step.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_manifest<M: Serialize>(&self, manifest: &M) -> io::Result<()> {
        self.write_json(MANIFEST, manifest)
    }

    fn write_json<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        let temporary = self.file(&format!(".{name}"));
        let mut file = private_file(&temporary)?;
        let mut text = serde_json::to_vec_pretty(value).map_err(io::Error::other)?;
        text.push(b'\n');
        file.write_all(&text)?;
        drop(file);
        fs::rename(temporary, self.file(name))
    }
}

/// Writes a file that only the user can read, and puts it in place in one step when `write` has succeeded: whoever looks sees the old one or
/// the whole new one. What is no plain file (`/dev/stdout`, a pipe) is written as it is.
///
/// # Errors
/// What `write` returns, and failures of making and renaming the file.
pub fn replace<T, E: From<io::Error>>(path: &Path, write: impl FnOnce(&Path) -> Result<T, E>) -> Result<T, E> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return write(path);
    }
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "this is no name for a file"))?;
    let temporary = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    sweep(path, &name.to_string_lossy());
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = write(&temporary).and_then(|value| {
        File::open(&temporary)?.sync_all()?;
        fs::rename(&temporary, path)?;
        Ok(value)
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Removes what processes that were killed left of the same file: it says who talked to whom, and nobody knows that it is there.
fn sweep(path: &Path, name: &str) {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let left = entry.file_name();
        let pid = left.to_str().and_then(|left| left.strip_prefix('.')?.strip_prefix(name)?.strip_prefix('.')?.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else { continue };
        if pid == rustix::process::getpid() || rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_run_is_private_and_its_name_safe() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::create(dir.path(), "20261122T100000Z", "my client/../1").unwrap();
        assert_eq!(run.path().file_name().unwrap(), "20261122T100000Z-my-client-..-1");
        assert_eq!(fs::metadata(run.path()).unwrap().permissions().mode() & 0o777, 0o700);
        let second = RunDir::create(dir.path(), "20261122T100000Z", "my client/../1").unwrap();
        assert_ne!(run.path(), second.path());
        run.write_manifest(&json!({"a": 1})).unwrap();
        run.write_manifest(&json!({"a": 2})).unwrap();
        assert_eq!(fs::metadata(run.file(MANIFEST)).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(run.file(MANIFEST)).unwrap().contains("2"));
        run.write_catalog(&Catalog::builtin()).unwrap();
        let catalog: Value = serde_json::from_slice(&fs::read(run.file(CATALOG)).unwrap()).unwrap();
        assert_eq!(catalog["fields"]["presence.show"]["layer"], "client");
    }
}
