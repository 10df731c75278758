//! How much later a stanza arrives because of a proxy: a thousand stanzas a second, over one connection or many.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::statistics::percentile;
use crate::traffic::{Feed, Records, Stanzas};
use crate::upstream::Pair;

/// Stanzas a second, over all connections.
const RATE: u32 = 1000;
/// What was sent arrives within this time, or is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time from the write at the server to the read at the client, in microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Latency {
    pub p50: u32,
    pub p99: u32,
    /// How many stanzas this is about.
    pub stanzas: u64,
}

/// Sends from the server to the clients in turn. The connections are closed afterwards.
pub async fn measure(pairs: Vec<Pair>, stanzas: &Stanzas, length: Duration) -> io::Result<Latency> {
    let all = Arc::new(Mutex::new(Vec::new()));
    let mut servers = Vec::new();
    let mut readers = Vec::new();
    for Pair { mut client, server } in pairs {
        // Where each stanza ends in the stream, and when it was sent.
        let under_way: Arc<Mutex<VecDeque<(u64, Instant)>>> = Arc::default();
        servers.push((server, under_way.clone(), 0));
        let all = all.clone();
        readers.push(tokio::spawn(async move {
            let (mut buffer, mut at) = (vec![0; 8 << 10], 0);
            while let Ok(read @ 1..) = client.read(&mut buffer).await {
                let now = Instant::now();
                at += read as u64;
                let mut under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
                while under_way.front().is_some_and(|(end, _)| *end <= at) {
                    let Some((_, sent)) = under_way.pop_front() else { break };
                    let micros = u32::try_from((now - sent).as_micros()).unwrap_or(u32::MAX);
                    all.lock().unwrap_or_else(PoisonError::into_inner).push(micros);
                }
            }
        }));
    }
    let mut feed = Feed::new(stanzas, Records::PerStanza);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    let until = Instant::now() + length;
    let count = servers.len();
    let mut turn = 0;
    while Instant::now() < until {
        ticks.tick().await;
        let (server, under_way, end) = &mut servers[turn];
        turn = (turn + 1) % count;
        let before = feed.bytes;
        feed.fill(server, 1)?;
        *end += feed.bytes - before;
        under_way.lock().unwrap_or_else(PoisonError::into_inner).push_back((*end, Instant::now()));
        server.flush().await?;
    }
    let deadline = Instant::now() + PATIENCE;
    let arrived = || all.lock().unwrap_or_else(PoisonError::into_inner).len() as u64;
    while arrived() < feed.sent {
        if Instant::now() > deadline {
            return Err(io::Error::other(format!("of {} stanzas sent {} arrived", feed.sent, arrived())));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    readers.iter().for_each(tokio::task::JoinHandle::abort);
    let mut micros = std::mem::take(&mut *all.lock().unwrap_or_else(PoisonError::into_inner));
    micros.sort_unstable();
    Ok(Latency { p50: percentile(&micros, 50), p99: percentile(&micros, 99), stanzas: feed.sent })
}
