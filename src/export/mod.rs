//! Exports: a run's records as CSV, as flat JSON lines, as an SQLite database, as OTLP logs. All can be made again from `records.jsonl` at any time.
//!
//! ```text
//! records.jsonl ─▶ read ─▶ (share: pseudonyms) ─▶ flat ─▶ csv, jsonl
//! catalog.json ──────────────────────────────────▶│
//!                                                 └─▶ sqlite
//! ```
//!
//! Nothing here opens a file or reads a clock: callers hand over readers, writers and a connection.

pub mod csv;
pub mod flat;
pub mod jsonl;
pub mod otlp;
pub mod share;
#[cfg(feature = "proxy")]
pub mod sqlite;

use std::io::{self, BufRead, Write};

use crate::catalog::rows::Rows;
use crate::report::read::{self, Damage, Head, ReadBody, ReadError};

pub use share::{Share, ShareOptions};

/// Why an export could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The records cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The export cannot be written.
    #[error("cannot write the export: {0}")]
    Write(#[from] io::Error),
    /// The database cannot be written.
    #[cfg(feature = "proxy")]
    #[error("cannot write the database: {0}")]
    Database(#[from] rusqlite::Error),
}

/// What went through an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// Records read.
    pub records: u64,
    /// Exposures written.
    pub exposures: u64,
    /// Damage of the log.
    pub damage: Damage,
}

/// Hands every record to `take`, with pseudonyms in it if asked for. Stops handing over after the first error, which it returns.
fn each(
    records: &mut dyn BufRead,
    mut share: Option<&mut Share>,
    mut take: impl FnMut(&Head<'_>, &ReadBody<'_>) -> Result<(), ExportError>,
) -> Result<Damage, ExportError> {
    let mut failed = None;
    let damage = read::each(records, |head, mut body| {
        if failed.is_some() {
            return;
        }
        let outcome = match share.as_deref_mut() {
            Some(share) => {
                let mut head = head.clone();
                share.record(&mut head, &mut body);
                take(&head, &body)
            }
            None => take(head, &body),
        };
        failed = outcome.err();
    })?;
    failed.map_or(Ok(damage), Err)
}

/// Writes one row an exposure.
fn rows(
    records: &mut dyn BufRead,
    catalog: &Rows,
    share: Option<&mut Share>,
    out: &mut dyn Write,
    mut write: impl FnMut(&mut dyn Write, &flat::FlatRow<'_>) -> io::Result<()>,
) -> Result<Done, ExportError> {
    let mut done = Done::default();
    let mut reader = flat::Flattener::default();
    done.damage = each(records, share, |head, body| {
        done.records += 1;
        reader.record(catalog, head, body, &mut |row| {
            done.exposures += 1;
            write(out, row)
        })?;
        Ok(())
    })?;
    out.flush()?;
    Ok(done)
}
