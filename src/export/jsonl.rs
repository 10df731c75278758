//! Flat JSON lines: one object an exposure, with the columns of the CSV as keys. Empty ones are left out.

use std::io::{self, BufRead, Write};

use super::flat::{COLUMNS, Cell, FlatRow};
use super::{Done, ExportError, Share};
use crate::catalog::rows::Rows;

/// Writes the export.
///
/// # Errors
/// Failures of reading and writing; input that is no record log.
pub fn write(records: &mut dyn BufRead, catalog: &Rows, share: Option<&mut Share>, out: &mut dyn Write) -> Result<Done, ExportError> {
    let mut line = Vec::new();
    super::rows(records, catalog, share, out, |out, row| {
        line.clear();
        object(&mut line, row)?;
        out.write_all(&line)
    })
}

fn object(line: &mut Vec<u8>, row: &FlatRow<'_>) -> io::Result<()> {
    line.push(b'{');
    for (column, cell) in COLUMNS.iter().zip(row.cells()) {
        if matches!(cell, Cell::Empty | Cell::Flag(false)) {
            continue;
        }
        if line.len() > 1 {
            line.push(b',');
        }
        write!(line, "\"{}\":", column.name)?;
        match cell {
            Cell::Empty => {}
            Cell::Text(text) => serde_json::to_writer(&mut *line, &text)?,
            Cell::Number(number) => serde_json::to_writer(&mut *line, &number)?,
            Cell::Seconds(seconds) => serde_json::to_writer(&mut *line, &seconds)?,
            Cell::Flag(flag) => serde_json::to_writer(&mut *line, &flag)?,
        }
    }
    line.extend_from_slice(b"}\n");
    Ok(())
}
