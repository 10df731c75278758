//! What was written to the log since it was last looked at.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::export::otlp::{Batch, MAX_BYTES, Origin};

/// A log that somebody else appends to.
///
/// Only whole lines are taken: a line that is being written, or one that a failed write leaves and then takes back, is left for later.
pub struct Log {
    file: File,
    /// Where the first line begins that has not been taken.
    at: u64,
}

impl Log {
    /// Begins at the first record.
    ///
    /// # Errors
    /// The log cannot be opened.
    pub fn open(path: &Path) -> io::Result<Log> {
        Ok(Log { file: File::open(path)?, at: 0 })
    }

    /// The next records, and how many bytes of the log they are; nothing once everything whole was taken. They count as taken when
    /// [`Log::advance`] says so. Lines that are no records are counted in the last number.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn next(&self, origin: &Origin, most: u64) -> io::Result<(Batch, u64, u64)> {
        let (mut batch, mut taken, mut unreadable) = (Batch::default(), 0, 0);
        let bytes = self.whole_lines()?;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if batch.is_full_for(line.len()) || batch.count >= most {
                break;
            }
            if batch.add(origin, &line[..line.len() - 1]).is_err() {
                unreadable += 1;
            }
            taken += line.len() as u64;
        }
        Ok((batch, taken, unreadable))
    }

    /// So many bytes were taken.
    pub fn advance(&mut self, bytes: u64) {
        self.at += bytes;
    }

    /// Bytes that have not been taken.
    pub fn behind(&self) -> u64 {
        self.file.metadata().map_or(0, |file| file.len().saturating_sub(self.at))
    }

    /// Records that have not been taken.
    pub fn left(&mut self) -> u64 {
        let mut left = 0;
        while let Ok(bytes) = self.whole_lines() {
            if bytes.is_empty() {
                break;
            }
            left += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.at += bytes.len() as u64;
        }
        left
    }

    /// As much as a request holds, or one line if that is longer.
    fn whole_lines(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let had = bytes.len();
            bytes.resize(had + MAX_BYTES, 0);
            let mut read = 0;
            while read < MAX_BYTES {
                match self.file.read_at(&mut bytes[had + read..], self.at + (had + read) as u64)? {
                    0 => break,
                    more => read += more,
                }
            }
            bytes.truncate(had + read);
            if let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') {
                bytes.truncate(end + 1);
                return Ok(bytes);
            }
            if read < MAX_BYTES {
                return Ok(Vec::new());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn only_whole_lines_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.jsonl");
        let mut file = File::create(&path).unwrap();
        let mut log = Log::open(&path).unwrap();
        let line = r#"{"v":1,"session":"s1","seq":0,"type":"mark"}"#;
        write!(file, "{line}\n{}", &line[..10]).unwrap();
        let (batch, taken, unreadable) = log.next(&Origin::default(), u64::MAX).unwrap();
        assert_eq!((batch.count, taken, unreadable), (1, 45, 0));
        // Not advanced: the same again.
        assert_eq!(log.next(&Origin::default(), u64::MAX).unwrap().0.count, 1);
        log.advance(taken);
        assert_eq!(log.next(&Origin::default(), u64::MAX).unwrap().0.count, 0);
        // The failed write is taken back, and another made.
        file.set_len(45).unwrap();
        use std::io::Seek as _;
        file.seek(io::SeekFrom::End(0)).unwrap();
        let long = format!(r#"{{"v":1,"session":"{}","seq":1,"type":"mark"}}"#, "x".repeat(3 << 20));
        write!(file, "nonsense\n{long}\n{line}\n").unwrap();
        let (batch, taken, unreadable) = log.next(&Origin::default(), u64::MAX).unwrap();
        assert_eq!((batch.count, unreadable), (0, 1), "the long one is for the next request");
        log.advance(taken);
        let (batch, taken, _) = log.next(&Origin::default(), u64::MAX).unwrap();
        assert_eq!(batch.count, 1);
        log.advance(taken);
        assert_eq!((log.behind(), log.left(), log.left()), (45, 1, 0));
    }
}
