//! Megabytes per second of a proxy's processor time, as fast as it goes, over a few connections.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stanzascope::xmpp::Direction;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::log_in;
use crate::contender::Contender;
use crate::process;
use crate::traffic::{Feed, Records, Stanzas};
use crate::upstream::{Pair, Upstream};

/// Connections at once.
const CONNECTIONS: usize = 4;
/// Bytes given to the socket at a time.
const BURST: usize = 32 << 10;
/// What was sent arrives within this time, or is lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// What passed, and what it cost.
#[derive(Debug, Clone, Copy)]
pub struct Passed {
    pub bytes: u64,
    pub cpu: Duration,
}

impl Passed {
    /// 10^6 bytes per second of processor time.
    pub fn megabytes_per_cpu_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.cpu.as_secs_f64()
    }
}

/// Sends for so long and waits until all has arrived.
pub async fn measure(
    contender: &Contender,
    upstream: &Upstream,
    stanzas: &Arc<Stanzas>,
    direction: Direction,
    records: Records,
    length: Duration,
) -> io::Result<Passed> {
    let pairs = log_in(contender, upstream, CONNECTIONS, CONNECTIONS).await?;
    let before = process::settled_cpu(contender.pid()).await;
    let arrived = Arc::new(AtomicU64::new(0));
    let until = Instant::now() + length;
    let (mut senders, mut receivers) = (Vec::new(), Vec::new());
    for Pair { client, server } in pairs {
        let (mut from, mut to) = match direction {
            Direction::ClientToServer => (client, server),
            Direction::ServerToClient => (server, client),
        };
        let (stanzas, arrived) = (stanzas.clone(), arrived.clone());
        senders.push(tokio::spawn(async move {
            let mut feed = Feed::new(&stanzas, records);
            while Instant::now() < until {
                feed.fill(&mut from, BURST)?;
                from.flush().await?;
            }
            // Given back, so that the connection stays open.
            io::Result::Ok((feed.sent, feed.bytes, from))
        }));
        receivers.push(tokio::spawn(async move {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(read @ 1..) = to.read(&mut buffer).await {
                arrived.fetch_add(read as u64, Ordering::Relaxed);
            }
        }));
    }
    let (mut bytes, mut sent, mut open) = (0, 0, Vec::new());
    for sender in senders {
        let (stanzas, sent_bytes, stream) = sender.await.expect("no sender panics")?;
        (sent, bytes) = (sent + stanzas, bytes + sent_bytes);
        open.push(stream);
    }
    let deadline = Instant::now() + PATIENCE;
    while arrived.load(Ordering::Relaxed) < bytes {
        if Instant::now() > deadline {
            let arrived = arrived.load(Ordering::Relaxed);
            return Err(io::Error::other(format!("{}: of {bytes} bytes sent {arrived} arrived", contender.kind.name())));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let cpu = process::settled_cpu(contender.pid()).await.saturating_sub(before);
    receivers.iter().for_each(tokio::task::JoinHandle::abort);
    contender.expect(0, sent);
    Ok(Passed { bytes, cpu })
}
