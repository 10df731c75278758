//! Brings a log to the collector: in batches, in order, again after what may pass, and bounded when the run is over.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::client::{Client, Outcome};
use super::endpoint::Endpoint;
use super::log::Log;
use crate::export::otlp::Origin;
use crate::metrics::Metrics;
use crate::report::text::layout::counted;

/// How often a log that grows is looked at: what comes meanwhile goes together.
const LINGER: Duration = Duration::from_millis(500);
/// Pauses between tries: the first, doubled from try to try up to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Longest wait that a collector can ask for.
const MOST_PATIENCE: Duration = Duration::from_secs(300);

/// No limit that anybody meets, and that clocks can add.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What became of the records.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Delivery {
    /// Taken by the collector.
    pub sent: u64,
    /// Refused by it, for good.
    pub refused: u64,
    /// Lines that are no records.
    pub unreadable: u64,
    /// Not delivered when time was up.
    pub undelivered: u64,
    /// The last thing that went wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trouble: String,
}

impl Delivery {
    /// Whether everything arrived.
    pub fn is_whole(&self) -> bool {
        self.refused == 0 && self.unreadable == 0 && self.undelivered == 0
    }
}

impl std::fmt::Display for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} delivered", counted(self.sent, "record"))?;
        for (number, what) in [(self.refused, "refused"), (self.unreadable, "unreadable"), (self.undelivered, "not delivered")] {
            if number > 0 {
                write!(f, ", {number} {what}")?;
            }
        }
        if self.trouble.is_empty() { Ok(()) } else { write!(f, " ({})", self.trouble) }
    }
}

/// Brings one log to one collector.
pub struct Courier {
    log: Log,
    client: Client,
    origin: Origin,
    metrics: Option<Arc<Metrics>>,
    delivery: Delivery,
    /// Most records in a request: less after one was too large.
    most: u64,
    /// How long one batch may be tried.
    stubbornness: Duration,
}

/// The collector took nothing for too long.
struct GivenUp;

/// A courier that follows a log while it is written.
pub struct Following {
    thread: JoinHandle<Delivery>,
    /// How long it may still take once the log is complete.
    end: watch::Sender<Option<Duration>>,
}

impl Courier {
    /// A courier for that log.
    ///
    /// # Errors
    /// The log cannot be opened.
    pub fn new(endpoint: Endpoint, log: &Path, origin: Origin, metrics: Option<Arc<Metrics>>) -> std::io::Result<Courier> {
        let (log, client) = (Log::open(log)?, Client::new(endpoint));
        Ok(Courier { log, client, origin, metrics, delivery: Delivery::default(), most: u64::MAX, stubbornness: FOREVER })
    }

    /// Follows the log on a thread of its own: a busy relay is not slowed by what goes on here.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn follow(self) -> std::io::Result<Following> {
        let (end, ended) = watch::channel(None);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("otlp".into()).spawn(move || runtime.block_on(self.run(ended)))?;
        Ok(Following { thread, end })
    }

    async fn run(mut self, mut end: watch::Receiver<Option<Duration>>) -> Delivery {
        let mut until = end.clone();
        let time_is_up = async move {
            let patience = until.wait_for(Option::is_some).await.map_or(Duration::ZERO, |patience| patience.unwrap_or_default());
            sleep_until(Instant::now() + patience).await;
        };
        let in_time = {
            let work = self.work(&mut end);
            tokio::select! {
                () = work => true,
                () = time_is_up => false,
            }
        };
        if !in_time && self.delivery.trouble.is_empty() {
            self.delivery.trouble = "time was up".into();
        }
        self.delivery.undelivered = self.log.left();
        self.delivery
    }

    /// Until the log is complete and everything in it was dealt with.
    async fn work(&mut self, end: &mut watch::Receiver<Option<Duration>>) {
        loop {
            // Looked at before the log: what is written before the end is seen after it.
            let complete = end.borrow_and_update().is_some();
            let Ok(more) = self.deliver_next().await else { return };
            if let Some(metrics) = &self.metrics {
                metrics.otlp_behind(self.log.behind());
            }
            if more {
                continue;
            }
            if complete {
                return;
            }
            tokio::select! {
                _ = end.changed() => {}
                () = sleep(LINGER) => {}
            }
        }
    }

    /// Delivers the next batch. False when there is none.
    async fn deliver_next(&mut self) -> Result<bool, GivenUp> {
        let (began, mut pause) = (Instant::now(), BACKOFF.0);
        loop {
            let (batch, bytes, unreadable) = match self.log.next(&self.origin, self.most) {
                Ok(next) => next,
                Err(error) => {
                    self.delivery.trouble = format!("the log cannot be read: {error}");
                    return Ok(false);
                }
            };
            if bytes == 0 {
                return Ok(false);
            }
            let outcome = match batch.count {
                0 => Outcome::Taken { refused: 0, said: String::new() },
                _ => self.client.send(Bytes::from(batch.request(&self.origin))).await,
            };
            let (refused, why) = match outcome {
                Outcome::Taken { refused, said } => (refused.min(batch.count), said),
                Outcome::Refused { why } => (batch.count, why),
                Outcome::TooLarge if batch.count > 1 => {
                    self.most = batch.count / 2;
                    continue;
                }
                Outcome::TooLarge => (1, "a record is too large for the collector".into()),
                Outcome::Later { why, after } => {
                    self.trouble(why);
                    if let Some(metrics) = &self.metrics {
                        metrics.otlp_retry(self.log.behind());
                    }
                    let wait = after.map_or_else(|| jittered(pause), |after| after.min(MOST_PATIENCE));
                    if began.elapsed() + wait > self.stubbornness {
                        return Err(GivenUp);
                    }
                    sleep(wait).await;
                    pause = (pause * 2).min(BACKOFF.1);
                    continue;
                }
            };
            if !why.is_empty() {
                self.trouble(why);
            }
            self.log.advance(bytes);
            let delivery = &mut self.delivery;
            delivery.sent += batch.count - refused;
            delivery.refused += refused;
            delivery.unreadable += unreadable;
            if let Some(metrics) = &self.metrics {
                metrics.otlp_delivered(batch.count - refused, refused + unreadable);
            }
            return Ok(true);
        }
    }

    /// Said to the operator once for each kind of trouble in a row.
    fn trouble(&mut self, why: String) {
        if self.delivery.trouble != why {
            tracing::warn!(collector = %self.client.url(), %why, "records wait, or were refused");
            self.delivery.trouble = why;
        }
    }
}

impl Following {
    /// The log is complete: waits until everything is delivered, but no longer than `patience`.
    pub fn finish(self, patience: Duration) -> Delivery {
        self.end.send_replace(Some(patience));
        self.thread.join().unwrap_or_else(|_| Delivery { trouble: "its thread ended early".into(), ..Delivery::default() })
    }
}

/// Sends a log that is complete. Gives up when the collector takes nothing for `stubbornness`.
///
/// # Errors
/// No thread can be started.
pub fn send(mut courier: Courier, stubbornness: Duration) -> std::io::Result<Delivery> {
    courier.stubbornness = stubbornness;
    Ok(courier.follow()?.finish(FOREVER))
}

/// Up to a quarter shorter, so that many proxies do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    let _ = getrandom::fill(&mut byte);
    pause.mul_f64(1.0 - f64::from(byte[0]) / 1024.0)
}
