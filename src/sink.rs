//! The log on disk: a bounded queue and one thread that writes.
//!
//! Sessions hand over whole lines and wait when the queue is full, so nothing is dropped. Batches are appended whole, so that a killed process
//! leaves at most one torn last line. What cannot be written is handled by policy: stop, or go on and leave a gap record.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Seek as _, Write as _};
use std::num::NonZeroU64;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

pub use crate::config::OnLogFailure;
use crate::metrics::Metrics;
use crate::record::{Body, Gap, Moment, Record};

/// Bytes that may wait to be written.
const QUEUE_BYTES: usize = 8 << 20;
/// Batches that are appended together.
const MAX_APPEND: usize = 64;
/// Batches that may wait.
const QUEUE_BATCHES: usize = 4096;
/// Bytes of the log after which the page cache is asked to let go of what is on the disk.
const RELEASE_EVERY: u64 = 1 << 20;
/// Bytes before these that are asked for again: what was still on its way to the disk the last time.
const RELEASE_AGAIN: u64 = 16 << 20;
/// Name of the session under which the log speaks of itself.
const LOG_SESSION: &str = "log";

struct Batch {
    bytes: Vec<u8>,
    records: u64,
    at: Moment,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Batch {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// What a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Records.
    Records,
    /// Raw traffic.
    Transcript,
}

/// Where sessions write to.
#[derive(Clone)]
pub struct Sink {
    queue: mpsc::Sender<Batch>,
    room: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    failed: watch::Receiver<Option<String>>,
}

/// The log can no longer be written and the policy is to stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log cannot be written: {0}")]
pub struct LogFailed(pub String);

/// The thread that writes; joined at the end.
pub struct Writer {
    thread: std::thread::JoinHandle<()>,
    failed: watch::Receiver<Option<String>>,
}

impl Sink {
    /// Opens `path` for appending, private to the user, and starts its writer.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn open(path: &Path, holds: Holds, policy: OnLogFailure, metrics: Arc<Metrics>) -> io::Result<(Sink, Writer)> {
        let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(path)?;
        let (queue, batches) = mpsc::channel(QUEUE_BATCHES);
        let (failure, failed) = watch::channel(None);
        let appender = Appender {
            file,
            path: path.to_owned(),
            holds,
            good: 0,
            released: 0,
            policy,
            failure,
            metrics: metrics.clone(),
            lost: Lost::default(),
            seq: 0,
        };
        let thread = std::thread::Builder::new().name("log".into()).spawn(move || appender.run(batches))?;
        let sink = Sink { queue, room: Arc::new(Semaphore::new(QUEUE_BYTES)), metrics, failed: failed.clone() };
        Ok((sink, Writer { thread, failed }))
    }

    /// Hands over complete lines; waits for room.
    ///
    /// # Errors
    /// [`LogFailed`] once writing has failed under [`OnLogFailure::Stop`].
    pub async fn write(&self, bytes: Vec<u8>, records: u64, at: Moment) -> Result<(), LogFailed> {
        if bytes.is_empty() {
            return Ok(());
        }
        if let Some(reason) = self.failed.borrow().as_ref() {
            return Err(LogFailed(reason.clone()));
        }
        let wanted = u32::try_from(bytes.len().min(QUEUE_BYTES)).expect("the queue is smaller than 4 GiB");
        let room = match self.room.clone().try_acquire_many_owned(wanted) {
            Ok(room) => room,
            Err(_) => {
                let since = Instant::now();
                let room = self.room.clone().acquire_many_owned(wanted).await.expect("the semaphore is never closed");
                self.metrics.queue_wait(since.elapsed());
                room
            }
        };
        let batch = Batch { bytes, records, at, _room: room };
        self.queue.send(batch).await.map_err(|_| LogFailed(self.failed.borrow().clone().unwrap_or_else(|| "its writer is gone".into())))
    }

    /// Resolves when the log has failed for good.
    pub async fn failure(&self) -> LogFailed {
        let mut failed = self.failed.clone();
        loop {
            if let Some(reason) = failed.borrow_and_update().clone() {
                return LogFailed(reason);
            }
            if failed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Writer {
    /// Waits until everything is written. All [`Sink`]s must be gone.
    ///
    /// # Errors
    /// [`LogFailed`] when writing had failed for good.
    pub fn finish(self) -> Result<(), LogFailed> {
        let _ = self.thread.join();
        let reason = self.failed.borrow().clone();
        reason.map_or(Ok(()), |reason| Err(LogFailed(reason)))
    }
}

#[derive(Debug, Default)]
struct Lost {
    records: u64,
    bytes: u64,
    why: String,
}

struct Appender {
    file: File,
    path: PathBuf,
    holds: Holds,
    /// Length of the file up to its last complete line.
    good: u64,
    /// Up to where the page cache was asked to let go of the log.
    released: u64,
    policy: OnLogFailure,
    failure: watch::Sender<Option<String>>,
    metrics: Arc<Metrics>,
    lost: Lost,
    seq: u64,
}

impl Appender {
    fn run(mut self, mut batches: mpsc::Receiver<Batch>) {
        let mut last = None;
        let mut waiting = Vec::new();
        // Under load all that waits is one append.
        while batches.blocking_recv_many(&mut waiting, MAX_APPEND) > 0 {
            last = waiting.last().map(|batch| batch.at);
            self.write_gap(waiting[0].at);
            // What cannot be appended together may fit one by one.
            if waiting.len() > 1 && self.append(&waiting).is_ok() {
                self.wrote(waiting.iter().map(|batch| batch.records).sum());
                waiting.clear();
                continue;
            }
            for batch in waiting.drain(..) {
                self.write_gap(batch.at);
                match self.append(std::slice::from_ref(&batch)) {
                    Ok(()) => self.wrote(batch.records),
                    Err(error) => {
                        self.fail(&error, batch.records, batch.bytes.len() as u64);
                        if self.policy == OnLogFailure::Stop {
                            return;
                        }
                    }
                }
            }
        }
        if let Some(at) = last {
            self.write_gap(at);
            self.settle();
        }
    }

    /// At the end nothing may be missing without a word: neither a gap that is still owed, nor a log that is no longer where it was.
    fn settle(&mut self) {
        let missing = match self.check_place() {
            Err(error) => Some(error.to_string()),
            Ok(()) if self.lost.records > 0 => Some(format!("{} records could not be written: {}", self.lost.records, self.lost.why)),
            Ok(()) => None,
        };
        if let Some(why) = missing {
            self.failure.send_replace(Some(format!("{}: {why}", self.path.display())));
        }
    }

    /// Writing to a file that was removed succeeds and keeps nothing; one that was moved is not where the run says it is.
    fn check_place(&self) -> io::Result<()> {
        let here = std::fs::metadata(&self.path).map_err(|_| io::Error::other("the log was removed or moved while the run went on"))?;
        let ours = self.file.metadata()?;
        if (here.dev(), here.ino()) == (ours.dev(), ours.ino()) {
            Ok(())
        } else {
            Err(io::Error::other("another file was put in the place of the log while the run went on"))
        }
    }

    /// One append; a part that was written before the failure is taken back, so that no line is torn.
    fn append(&mut self, batches: &[impl AsRef<[u8]>]) -> io::Result<()> {
        self.check_place()?;
        match write_all(&mut self.file, batches) {
            Ok(()) => {
                self.good += batches.iter().map(|batch| batch.as_ref().len() as u64).sum::<u64>();
                self.release();
                Ok(())
            }
            Err(error) => {
                // A device such as /dev/full cannot be truncated; then there is nothing to take back either.
                if self.file.set_len(self.good).is_ok() {
                    let _ = self.file.seek(io::SeekFrom::End(0));
                }
                Err(error)
            }
        }
    }

    /// Lets the kernel write the log out and use its pages again. Nobody reads most of a log while it grows, and kept whole it would push
    /// what others read out of the page cache; every append would need fresh memory, which is what an append costs most.
    fn release(&mut self) {
        if self.good - self.released < RELEASE_EVERY {
            return;
        }
        let from = self.released.saturating_sub(RELEASE_AGAIN);
        // Advice only: files that know none are written as before.
        let _ = rustix::fs::fadvise(&self.file, from, NonZeroU64::new(self.good - from), rustix::fs::Advice::DontNeed);
        self.released = self.good;
    }

    fn wrote(&self, records: u64) {
        if self.holds == Holds::Records {
            self.metrics.records_written(records);
        }
    }

    fn fail(&mut self, error: &io::Error, records: u64, bytes: u64) {
        self.metrics.log_failure(records);
        self.lost.records += records;
        self.lost.bytes += bytes;
        self.lost.why = error.to_string();
        let message = format!("{}: {error}", self.path.display());
        match self.policy {
            OnLogFailure::Stop => {
                tracing::error!(%error, path = %self.path.display(), "the log cannot be written; stopping");
                self.failure.send_replace(Some(message));
            }
            OnLogFailure::Gap => tracing::warn!(%error, path = %self.path.display(), records, "the log cannot be written; going on"),
        }
    }

    fn write_gap(&mut self, at: Moment) {
        if self.lost.records == 0 {
            return;
        }
        let detail = format!("{} records could not be written: {}", self.lost.records, self.lost.why);
        let gap = Gap { reason: "log_failure".into(), detail, bytes: self.lost.bytes };
        let record = Record { session: LOG_SESSION.into(), seq: self.seq, at: Some(at), body: Body::Gap(gap) };
        let mut line = Vec::new();
        record.write_line(&mut line);
        if self.append(&[line]).is_ok() {
            if self.holds == Holds::Records {
                self.metrics.observe(&record);
            }
            self.wrote(1);
            self.seq += 1;
            self.lost = Lost::default();
        }
    }
}

/// Writes all of them, in one system call where the system takes them.
fn write_all(file: &mut File, parts: &[impl AsRef<[u8]>]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part.as_ref())).collect();
    let mut slices = &mut slices[..];
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    const NOW: Moment = Moment { unix_micros: 0, mono_micros: 0 };

    /// An appender on a device that is always full.
    fn on_a_full_disk(policy: OnLogFailure) -> (Appender, watch::Receiver<Option<String>>) {
        let path = Path::new("/dev/full");
        let file = OpenOptions::new().append(true).open(path).unwrap();
        let (failure, failed) = watch::channel(None);
        let metrics = Arc::new(Metrics::new(&Catalog::builtin()));
        (
            Appender {
                file,
                path: path.to_owned(),
                holds: Holds::Records,
                good: 0,
                released: 0,
                policy,
                failure,
                metrics,
                lost: Lost::default(),
                seq: 0,
            },
            failed,
        )
    }

    fn batch(text: &str, records: u64) -> Batch {
        let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        Batch { bytes: text.into(), records, at: NOW, _room: room }
    }

    /// F-54: /dev/full, `stop` → the reason is said, nothing more is taken
    #[test]
    fn stop_says_why_and_takes_no_more() {
        let (appender, failed) = on_a_full_disk(OnLogFailure::Stop);
        let metrics = appender.metrics.clone();
        let (queue, batches) = mpsc::channel(4);
        queue.try_send(batch("{}\n", 1)).unwrap();
        queue.try_send(batch("{}\n", 1)).unwrap();
        appender.run(batches);
        let why = failed.borrow().clone().unwrap();
        assert!(why.contains("/dev/full") && why.contains("No space left"), "{why}");
        assert_eq!(metrics.glance().log_records_lost, 1, "the second was not tried");
        assert!(queue.is_closed());
    }

    #[test]
    fn a_log_that_is_removed_moved_or_replaced_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.jsonl");
        let (mut appender, failed) = on_a_full_disk(OnLogFailure::Gap);
        appender.path = path.clone();
        appender.file = OpenOptions::new().create_new(true).append(true).open(&path).unwrap();
        appender.append(&[b"{}\n"]).unwrap();
        std::fs::rename(&path, dir.path().join("elsewhere")).unwrap();
        assert!(appender.append(&[b"{}\n"]).unwrap_err().to_string().contains("removed or moved"));
        std::fs::write(&path, "").unwrap();
        assert!(appender.append(&[b"{}\n"]).unwrap_err().to_string().contains("another file"));
        std::fs::rename(dir.path().join("elsewhere"), &path).unwrap();
        appender.append(&[b"{}\n"]).unwrap();
        std::fs::remove_file(&path).unwrap();
        appender.settle();
        let why = failed.borrow().clone().unwrap();
        assert!(why.contains("removed or moved"), "{why}");
    }

    /// F-54: /dev/full up to the end, `gap` → the run fails and says how many records are missing
    #[test]
    fn a_gap_that_is_owed_at_the_end_is_a_failure() {
        let (mut appender, failed) = on_a_full_disk(OnLogFailure::Gap);
        let error = appender.append(&[b"{}\n"]).unwrap_err();
        appender.fail(&error, 7, 3);
        appender.settle();
        let why = failed.borrow().clone().unwrap();
        assert!(why.contains("7 records could not be written: No space left"), "{why}");
    }

    #[test]
    fn gap_counts_what_is_lost_and_says_so_once_there_is_space() {
        let (mut appender, failed) = on_a_full_disk(OnLogFailure::Gap);
        for records in [2, 3] {
            let error = appender.append(&[b"{}\n"]).unwrap_err();
            appender.fail(&error, records, 3);
            appender.write_gap(NOW);
        }
        assert_eq!(appender.metrics.glance().log_records_lost, 5);
        assert_eq!((appender.lost.records, appender.lost.bytes), (5, 6), "a gap that could not be written is still owed");
        assert!(failed.borrow().is_none());

        let space = tempfile::NamedTempFile::new().unwrap();
        appender.file = space.reopen().unwrap();
        appender.path = space.path().to_owned();
        appender.write_gap(NOW);
        appender.write_gap(NOW);
        let metrics = appender.metrics.encode();
        for sample in
            [r#"stanzascope_log_records_written_total{run="unnamed"} 1"#, r#"stanzascope_records_total{type="gap",run="unnamed"} 1"#]
        {
            assert!(metrics.contains(sample), "made and written are counted alike: {metrics}");
        }
        let log = std::fs::read_to_string(space.path()).unwrap();
        let gap: serde_json::Value = serde_json::from_str(&log).unwrap();
        assert_eq!(gap["session"], "log");
        assert_eq!(gap["reason"], "log_failure");
        assert_eq!(gap["bytes"], 6);
        assert!(gap["detail"].as_str().unwrap().starts_with("5 records could not be written"), "{gap}");
    }
}
