//! The files of a run, read for reports.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::catalog::Catalog;
use crate::catalog::rows::{CopyError, Rows};
use crate::report::model::quotes;
use crate::report::read::ReadError;
use crate::report::run::RunError;
use crate::report::text::{self, FileNote};
use crate::report::{Model, RunInfo, Summary, html, json, labs, markdown, sections};
use crate::run_dir::{CATALOG, MANIFEST, RECORDS, TRANSCRIPT};

/// Why a run could not be read. Names the file and the way out.
#[derive(Debug, thiserror::Error)]
pub enum RunFilesError {
    /// Nothing is there.
    #[error("{0} does not exist (`stanzascope runs` lists the runs)")]
    Missing(PathBuf),
    /// A directory without records.
    #[error("{0} holds no {RECORDS}, so it is no run (`stanzascope runs` lists the runs)")]
    NoRun(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {0}: {1}")]
    Unreadable(PathBuf, io::Error),
    /// The records are not records.
    #[error("{0}: {1}")]
    Records(PathBuf, ReadError),
    /// The catalog copy is none.
    #[error("{0}: {1} (move it away to use the catalog of this program)")]
    Catalog(PathBuf, CopyError),
    /// The manifest is none.
    #[error("{0}: {1} (move it away to do without what it says)")]
    Manifest(PathBuf, RunError),
}

/// A run's files, as far as they exist.
#[derive(Debug, Clone)]
pub struct RunFiles {
    records: PathBuf,
    /// Directory of the others; none for a log on its own.
    directory: Option<PathBuf>,
}

impl RunFiles {
    /// Finds the files of a run directory, or takes a log on its own. A `records.jsonl` brings what lies beside it.
    ///
    /// # Errors
    /// Nothing is there, or a directory without records.
    pub fn find(path: &Path) -> Result<RunFiles, RunFilesError> {
        let kind = std::fs::metadata(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => RunFilesError::Missing(path.to_owned()),
            _ => RunFilesError::Unreadable(path.to_owned(), error),
        })?;
        if !kind.is_dir() {
            let parent = path.parent().unwrap_or(Path::new("")).to_owned();
            let directory = path.file_name().is_some_and(|name| name == RECORDS).then_some(parent);
            return Ok(RunFiles { records: path.to_owned(), directory });
        }
        let records = path.join(RECORDS);
        if !records.exists() {
            return Err(RunFilesError::NoRun(path.to_owned()));
        }
        Ok(RunFiles { records, directory: Some(path.to_owned()) })
    }

    fn beside(&self, name: &str) -> Option<PathBuf> {
        self.directory.as_ref().map(|directory| directory.join(name)).filter(|path| path.exists())
    }

    /// The catalog copy; the built-in catalog without one.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub fn rows(&self) -> Result<Rows, RunFilesError> {
        match self.beside(CATALOG) {
            Some(path) => Rows::from_json(&read(&path)?).map_err(|error| RunFilesError::Catalog(path, error)),
            None => Ok(Rows::of(&Catalog::builtin())),
        }
    }

    /// The manifest; an empty one without the file.
    ///
    /// # Errors
    /// The manifest cannot be read.
    pub fn info(&self) -> Result<RunInfo, RunFilesError> {
        match self.beside(MANIFEST) {
            Some(path) => RunInfo::from_json(&read(&path)?).map_err(|error| RunFilesError::Manifest(path, error)),
            None => Ok(RunInfo::default()),
        }
    }

    /// The directory the run lies in; none for a log on its own.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// What the run is called on a screen: its path, as given or found.
    pub fn name(&self) -> String {
        self.directory.as_deref().unwrap_or(&self.records).display().to_string()
    }

    /// The log.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn records(&self) -> Result<BufReader<File>, RunFilesError> {
        let file = File::open(&self.records).map_err(|error| RunFilesError::Unreadable(self.records.clone(), error))?;
        Ok(BufReader::with_capacity(1 << 16, file))
    }

    /// Where the log is.
    pub fn log(&self) -> &Path {
        &self.records
    }

    /// An error of reading the log, with its name.
    pub fn unread(&self, error: ReadError) -> RunFilesError {
        RunFilesError::Records(self.records.clone(), error)
    }

    /// Reads the records, with manifest and `rows`.
    ///
    /// # Errors
    /// One of the files cannot be read.
    pub fn summary(&self, rows: &Rows) -> Result<Summary, RunFilesError> {
        let info = self.info()?;
        Summary::read(&mut self.records()?, rows, info).map_err(|error| self.unread(error))
    }

    /// Writes a report. The records are read twice: for what to say, and for the records that it rests on.
    ///
    /// # Errors
    /// One of the files cannot be read.
    pub fn report(&self, rows: &Rows, format: Format) -> Result<String, RunFilesError> {
        if format == Format::Text {
            return Ok(text::screen(&self.summary(rows)?, &self.notes()));
        }
        let unreadable = |error| RunFilesError::Unreadable(self.records.clone(), error);
        let wrong = |error| RunFilesError::Records(self.records.clone(), error);
        let again = self.again().map_err(unreadable)?;
        let open = || -> io::Result<Box<dyn BufRead + '_>> {
            Ok(match &again {
                Some(bytes) => Box::new(Cursor::new(bytes.as_slice())),
                None => Box::new(BufReader::with_capacity(1 << 16, File::open(&self.records)?)),
            })
        };
        let model = Model::read(&mut *open().map_err(unreadable)?, rows, self.info()?).map_err(wrong)?;
        let labs = labs::all(&model);
        if format == Format::Json {
            return Ok(json::page(&model, &labs));
        }
        let document = sections::document(&model, &labs);
        let quotes = quotes::fetch(&mut *open().map_err(unreadable)?, &model.sessions, model.by_input, &document.named()).map_err(wrong)?;
        Ok(match format {
            Format::Html => html::page(&document, &model.sessions, &quotes),
            _ => markdown::page(&document, &model.sessions, &quotes),
        })
    }

    /// The records, when they cannot be opened twice: a pipe.
    fn again(&self) -> io::Result<Option<Vec<u8>>> {
        let mut file = File::open(&self.records)?;
        if file.metadata()?.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// The files that exist, with what they hold.
    pub fn notes(&self) -> Vec<FileNote> {
        let note = |path: &Path, holds: &str| FileNote { path: path.display().to_string(), holds: holds.into() };
        let mut notes = vec![note(&self.records, "every record, one a line (docs/records.md)")];
        for (name, holds) in [
            (MANIFEST, "what the run was"),
            (CATALOG, "what each field means"),
            (TRANSCRIPT, "RAW TRAFFIC: passwords and texts in clear; delete it after use"),
        ] {
            notes.extend(self.beside(name).map(|path| note(&path, holds)));
        }
        notes
    }
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A screen of plain text.
    Text,
    /// One page without scripts or anything loaded.
    Html,
    /// For wikis and merge requests.
    Markdown,
    /// For programs.
    Json,
}

fn read(path: &Path) -> Result<String, RunFilesError> {
    std::fs::read_to_string(path).map_err(|error| RunFilesError::Unreadable(path.to_owned(), error))
}

/// The summary screen of a run directory, or of a file of records.
///
/// # Errors
/// A path that is no run, and files that cannot be read or are not what they should be.
pub fn summary_screen(run: &Path) -> Result<String, RunFilesError> {
    let files = RunFiles::find(run)?;
    Ok(text::screen(&files.summary(&files.rows()?)?, &files.notes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = include_str!("../tests/records/ordinary.jsonl");

    #[test]
    fn a_run_a_log_and_neither() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).unwrap();
            dir.path().join(name)
        };
        assert!(matches!(summary_screen(&dir.path().join("none")), Err(RunFilesError::Missing(_))));
        assert!(matches!(summary_screen(dir.path()), Err(RunFilesError::NoRun(_))));
        let records = file(RECORDS, RECORD);
        file(MANIFEST, r#"{"schema":1,"label":"Reed 1.4"}"#);
        assert!(summary_screen(dir.path()).unwrap().contains("Reed 1.4"));
        assert!(summary_screen(&records).unwrap().contains("Reed 1.4"));
        // A log of another name stands alone.
        let alone = file("scan.jsonl", RECORD);
        assert!(!summary_screen(&alone).unwrap().contains("Reed 1.4"));
    }

    #[test]
    fn the_catalog_copy_wins_and_a_broken_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(RECORDS), RECORD).unwrap();
        std::fs::write(dir.path().join(CATALOG), r#"{"schema":1,"fields":{}}"#).unwrap();
        assert!(summary_screen(dir.path()).unwrap().contains("of fields that the catalog at hand does not have"));
        std::fs::write(dir.path().join(CATALOG), "{}").unwrap();
        let error = summary_screen(dir.path()).unwrap_err().to_string();
        assert!(error.contains(CATALOG) && error.contains("move it away"), "{error}");
    }
}
