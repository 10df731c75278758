//! The product's log while it grows: how many stanzas it has, and how large it is.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use memchr::memmem::Finder;

/// Text from the wire has its quotes escaped, so this stands once in the line of each stanza.
const ROW: &[u8] = b"\"type\":\"stanza\"";

/// A log that is read from where the last reading ended.
pub struct Log {
    directory: PathBuf,
    at: Mutex<Place>,
}

struct Place {
    file: File,
    /// The end of what was read, which may be in the middle of a line.
    carried: Vec<u8>,
    rows: u64,
}

impl Log {
    pub fn open(directory: &Path, path: &Path) -> io::Result<Log> {
        let place = Place { file: File::options().read(true).write(true).open(path)?, carried: Vec::new(), rows: 0 };
        Ok(Log { directory: directory.to_owned(), at: Mutex::new(place) })
    }

    /// All of the run's files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Stanzas logged so far. The space of what was read is given back to the disk: a long measurement would fill it.
    pub fn rows(&self) -> io::Result<u64> {
        let place = &mut *self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let finder = Finder::new(ROW);
        let from = place.file.stream_position()?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = place.file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            place.carried.extend_from_slice(&buffer[..read]);
            place.rows += finder.find_iter(&place.carried).count() as u64;
            // What may be the beginning of a row stays.
            let keep = place.carried.len().min(ROW.len() - 1);
            let cut = place.carried.len() - keep;
            place.carried.drain(..cut);
        }
        let end = place.file.stream_position()?;
        let flags = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        // Not every file system can.
        let _ = rustix::fs::fallocate(&place.file, flags, from, end - from);
        Ok(place.rows)
    }

    /// Bytes written so far.
    pub fn size(&self) -> io::Result<u64> {
        Ok(self.at.lock().unwrap_or_else(PoisonError::into_inner).file.metadata()?.len())
    }
}
