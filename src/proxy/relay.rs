//! Bytes from one side to the other: forward first, audit after the write.
//!
//! Each direction is a loop of its own, so that a side that does not read slows down only what is written to it. Before login frames go on
//! one by one, because the [gate](super::gate) may have to change them; afterwards everything that has arrived goes on at once, and only a
//! frame whose name says that it may carry an address is held until it is complete.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Audit;
use super::available::read_available;
use super::gate::{self, Decision};
use super::tap::{Inner, Tap};
use crate::metrics::Metrics;
use crate::record::{Body, Gap, Moment, Phase};
use crate::sink::LogFailed;
use crate::xmpp::Direction;
use crate::xmpp::framer::FrameKind;

/// A session that is silent for so long gives back the memory that its audit works with.
const IDLE: Duration = Duration::from_secs(10);
/// Time for a write that has begun when the session is told to end.
const GRACE: Duration = Duration::from_secs(2);
/// Nobody waits for the single stanzas of so many bytes at once.
const BURST: usize = 8 << 10;
/// A frame is held for the gate up to this size; a larger one passes as it is.
const MAX_HELD: usize = 64 << 10;

/// Why a direction stopped.
#[derive(Debug)]
pub enum End {
    /// The reading side closed in order.
    Closed,
    /// The reading side vanished: no TLS close, or a reset.
    Truncated(String),
    /// The writing side took no more.
    WriteFailed(String),
    /// The gate refused.
    Refused {
        /// Stream error for the client.
        condition: &'static str,
        /// Short reason.
        reason: &'static str,
        /// In words.
        detail: String,
    },
    /// The log is lost.
    Log(LogFailed),
    /// The run or the session was told to stop.
    Stopped,
}

/// The writing half of a leg. Both directions may write to the client.
pub type SharedWriter<'a> = tokio::sync::Mutex<Box<dyn AsyncWrite + Unpin + Send + 'a>>;

/// One direction of a session.
pub struct Pump<'a> {
    /// Direction.
    pub direction: Direction,
    /// The shared part.
    pub tap: &'a Tap,
    /// Counters.
    pub metrics: &'a Metrics,
    audit: Audit,
    /// Bytes that were passed on without a look, once that has begun.
    unaudited: Option<u64>,
    /// Bytes taken in and not passed on yet.
    held: Vec<u8>,
    /// Position in the stream of the first held byte.
    held_at: u64,
}

/// What a chunk turns into.
struct Passage<'c> {
    forward: Cow<'c, [u8]>,
    back: Vec<u8>,
    refused: Option<End>,
}

impl<'a> Pump<'a> {
    /// A pump for one direction of a stream inside TLS.
    pub fn new(direction: Direction, tap: &'a Tap, metrics: &'a Metrics, audit: Audit) -> Pump<'a> {
        Pump { direction, tap, metrics, audit, unaudited: None, held: Vec::new(), held_at: 0 }
    }

    /// Runs until the reading side ends, the gate refuses, or `stop` changes. Answers to the client go to `client`, which is `writer` when
    /// the server is read.
    pub async fn run<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut R,
        writer: &SharedWriter<'_>,
        client: &SharedWriter<'_>,
        stop: watch::Receiver<bool>,
    ) -> End {
        let end = self.relay(reader, writer, client, stop).await;
        if let Some(bytes) = self.unaudited.filter(|bytes| *bytes > 0) {
            let detail = format!("{} after login, which --no-audit keeps from being looked at", self.direction.name());
            self.tap.note(Body::Gap(Gap { reason: "not_audited".into(), detail, bytes }));
        }
        end
    }

    async fn relay<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut R,
        writer: &SharedWriter<'_>,
        client: &SharedWriter<'_>,
        mut stop: watch::Receiver<bool>,
    ) -> End {
        let mut buffer = Vec::new();
        let mut told = stop.clone();
        let stopped = told.wait_for(|stop| *stop);
        // One timer for the session: setting it anew for each chunk would cost more than looking at the time when it rings.
        let (idle, mut is_idle, mut last) = (tokio::time::sleep(IDLE), false, Instant::now());
        tokio::pin!(stopped, idle);
        loop {
            let read = tokio::select! {
                biased;
                read = read_available(reader, &mut buffer) => read,
                _ = &mut stopped => return End::Stopped,
                () = &mut idle, if !is_idle => {
                    is_idle = last.elapsed() >= IDLE;
                    if is_idle {
                        self.tap.lock().auditor.shrink();
                    } else {
                        idle.as_mut().reset(last + IDLE);
                    }
                    continue;
                }
            };
            // A side that never falls silent must not keep the session alive.
            if *stop.borrow() {
                return End::Stopped;
            }
            let began = Instant::now();
            last = began;
            if std::mem::take(&mut is_idle) {
                idle.as_mut().reset(last + IDLE);
            }
            let end = match read {
                Ok(0) => Some(End::Closed),
                Ok(_) => None,
                Err(ref error) => Some(End::Truncated(error.to_string())),
            };
            let chunk = &buffer[..read.unwrap_or(0)];
            let now = self.tap.now();
            if let Some(end) = end {
                // What was held back, waiting for the rest of a frame, goes on as it is.
                let rest = std::mem::take(&mut self.held);
                let _ = unless_stopped(send(writer, &rest), &mut stop).await;
                self.tap.lock().finish(self.direction, now);
                return match self.tap.drain().await {
                    Ok(()) => end,
                    Err(error) => End::Log(error),
                };
            }
            self.metrics.bytes(self.direction, chunk.len() as u64);
            if self.goes_unaudited(chunk.len() as u64) {
                match unless_stopped(send(writer, chunk), &mut stop).await {
                    Some(Ok(())) => continue,
                    failed => return failed.and_then(Result::err).map_or(End::Stopped, |error| End::WriteFailed(error.to_string())),
                }
            }
            let passage = self.pass(chunk, now);
            let written = async {
                send(writer, &passage.forward).await?;
                // A client that cannot be answered shows at its own next read or write.
                let _ = send(client, &passage.back).await;
                io::Result::Ok(())
            };
            match unless_stopped(written, &mut stop).await {
                Some(Ok(())) => {}
                failed => {
                    let _ = self.tap.drain().await;
                    return failed.and_then(Result::err).map_or(End::Stopped, |error| End::WriteFailed(error.to_string()));
                }
            }
            let passed = Instant::now();
            if !passage.forward.is_empty() {
                self.metrics.forwarded(self.direction, passed - began);
            }
            // Who waits for these bytes may wait for this very processor, and the audit is not in a hurry.
            if chunk.len() < BURST {
                std::thread::yield_now();
            }
            let drained = self.tap.drain().await;
            self.metrics.audited(self.direction, passed.elapsed());
            if let Err(error) = drained {
                return End::Log(error);
            }
            if let Some(refused) = passage.refused {
                return refused;
            }
        }
    }

    /// Whether these bytes are not to be looked at. The login always is: until the account is let in, and to the end of a frame.
    fn goes_unaudited(&mut self, bytes: u64) -> bool {
        if self.audit == Audit::On {
            return false;
        }
        if self.unaudited.is_none() && self.held.is_empty() {
            let inner = self.tap.lock();
            let logged_in = inner.auditor.phase(self.direction) == Phase::LoggedIn && inner.gate.has_admitted();
            let between_frames = inner.auditor.pending(self.direction).is_empty();
            self.unaudited = (logged_in && between_frames).then_some(0);
        }
        self.unaudited.as_mut().map(|passed| *passed += bytes).is_some()
    }

    /// Feeds a chunk to the audit and decides what goes on now.
    fn pass<'c>(&mut self, chunk: &'c [u8], now: Moment) -> Passage<'c> {
        let mut inner = self.tap.lock();
        let inner = &mut *inner;
        let before_login = inner.auditor.phase(self.direction) != Phase::LoggedIn;
        inner.feed(self.direction, chunk, now);
        let frames = frames_to_judge(inner, self.direction, before_login);
        // What is too long to be looked at before login does not begin to pass either.
        let unread = before_login && self.direction == Direction::ClientToServer && inner.auditor.is_over_limit(self.direction);
        if self.held.is_empty() && frames.is_empty() && !unread && !self.must_hold(inner, before_login, chunk.len()) {
            self.held_at += chunk.len() as u64;
            return Passage { forward: Cow::Borrowed(chunk), back: Vec::new(), refused: None };
        }
        self.held.extend_from_slice(chunk);
        let (mut forward, mut back, mut refused) = (Vec::with_capacity(self.held.len()), Vec::new(), None);
        let mut done = 0; // bytes of `held` that are decided
        for (kind, offset, len, bytes) in frames {
            let end = usize::try_from((offset + len).saturating_sub(self.held_at)).unwrap_or(usize::MAX).min(self.held.len());
            let start = usize::try_from(offset.saturating_sub(self.held_at)).unwrap_or(usize::MAX).clamp(done, end);
            let decision = match (&bytes, self.direction) {
                (None, Direction::ClientToServer) => inner.gate.from_client(kind, &[]),
                (None, Direction::ServerToClient) => Decision::Pass,
                (Some(bytes), Direction::ClientToServer) => inner.gate.from_client(kind, bytes),
                (Some(bytes), Direction::ServerToClient) => inner.gate.from_server(kind, bytes),
            };
            // Of a frame that has begun to pass nothing can be replaced any more: the rest follows as it is.
            let decision = match decision {
                Decision::Replace(_) | Decision::Answer(_) if offset < self.held_at => {
                    inner.gate.take_interventions();
                    Decision::Pass
                }
                decision => decision,
            };
            forward.extend_from_slice(&self.held[done..start]);
            done = end;
            match decision {
                Decision::Pass => forward.extend_from_slice(&self.held[start..end]),
                Decision::Replace(bytes) => forward.extend_from_slice(&bytes),
                Decision::Answer(answer) => back.extend_from_slice(answer.as_bytes()),
                Decision::Refuse { condition, reason, detail } => {
                    refused = Some(End::Refused { condition, reason, detail });
                    break;
                }
            }
        }
        inner.note_interventions(now);
        if let (true, None, Decision::Refuse { condition, reason, detail }) = (unread, &refused, inner.gate.unread()) {
            refused = Some(End::Refused { condition, reason, detail });
        }
        if refused.is_none() && !self.must_hold(inner, before_login, self.held.len() - done) {
            forward.extend_from_slice(&self.held[done..]);
            done = self.held.len();
        }
        self.held.drain(..done);
        self.held_at += done as u64;
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        Passage { forward: Cow::Owned(forward), back, refused }
    }

    /// Whether an incomplete frame has to wait for its end.
    fn must_hold(&self, inner: &Inner, before_login: bool, waiting: usize) -> bool {
        let pending = inner.auditor.pending(self.direction);
        // A frame of which a part has passed is not held again.
        if waiting == 0 || waiting > MAX_HELD || pending.len() > waiting || pending.first() != Some(&b'<') {
            return false;
        }
        if before_login {
            return true;
        }
        match gate::opening_name(pending) {
            _ if self.direction == Direction::ClientToServer => false,
            Some(name) => inner.gate.wants(name),
            None => pending.len() < gate::MAX_NAME,
        }
    }
}

/// Does work that needs the other side to read. One that takes nothing must not keep the session alive once it is told to end, so the work
/// then has [`GRACE`] left; `None` when that was not enough.
pub async fn unless_stopped<T>(work: impl Future<Output = T>, stop: &mut watch::Receiver<bool>) -> Option<T> {
    let stopped = async {
        let _ = stop.wait_for(|stop| *stop).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = stopped => None,
    }
}

async fn send(writer: &SharedWriter<'_>, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut writer = writer.lock().await;
    writer.write_all(bytes).await?;
    writer.flush().await
}

/// A frame for the gate: kind, position, length, and bytes where there is something to judge.
type Judged = (FrameKind, u64, u64, Option<Vec<u8>>);

/// Frames found by the last feed that the gate has to see.
fn frames_to_judge(inner: &Inner, direction: Direction, before_login: bool) -> Vec<Judged> {
    let wants = |kind: FrameKind, bytes: &[u8]| {
        before_login
            || kind == FrameKind::StreamOpen
            || (direction == Direction::ServerToClient && gate::opening_name(bytes).is_some_and(|name| inner.gate.wants(name)))
    };
    inner
        .auditor
        .frames(direction)
        .filter(|(frame, bytes)| wants(frame.kind, bytes))
        .map(|(frame, bytes)| {
            let judged = matches!(frame.kind, FrameKind::StreamOpen | FrameKind::Element).then(|| bytes.to_vec());
            (frame.kind, frame.offset, frame.len, judged)
        })
        .collect()
}
