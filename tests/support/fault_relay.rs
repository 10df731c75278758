//! A TCP relay that spoils connections on purpose: delays, cuts, stalls, resets. It stands where a network would.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::random::Random;

/// What happens to one connection. The default passes everything on.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Each chunk waits so long.
    pub delay: Duration,
    /// Chunks are cut at random places into pieces of at most so many bytes; 0 leaves them.
    pub max_piece: usize,
    /// After so many bytes nothing moves for so long.
    pub stall: Option<(u64, Duration)>,
    /// After so many bytes both sides are reset.
    pub reset_after: Option<u64>,
}

/// A relay that runs until it is dropped.
pub struct FaultRelay {
    pub address: SocketAddr,
    connections: Arc<AtomicU64>,
    resets: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for FaultRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FaultRelay {
    /// Relays to `target`. `faults` says what happens to the connection with this number, from 0.
    pub async fn start(target: SocketAddr, faults: impl Fn(u64) -> Faults + Send + 'static) -> FaultRelay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (connections, resets) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (count, count_resets) = (connections.clone(), resets.clone());
        let task = tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::Relaxed);
                let (faults, resets) = (faults(number), count_resets.clone());
                tokio::spawn(async move {
                    if let Ok(true) = relay(from, target, faults, number).await {
                        resets.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        FaultRelay { address, connections, resets, task }
    }

    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Connections that were reset.
    pub fn resets(&self) -> u64 {
        self.resets.load(Ordering::Relaxed)
    }
}

/// True when it was reset.
async fn relay(from: TcpStream, target: SocketAddr, faults: Faults, seed: u64) -> io::Result<bool> {
    if faults.reset_after == Some(0) {
        reset(&from);
        return Ok(true);
    }
    let to = TcpStream::connect(target).await?;
    from.set_nodelay(true)?;
    to.set_nodelay(true)?;
    let passed = AtomicU64::new(0);
    let ((from_read, from_write), (to_read, to_write)) = (from.into_split(), to.into_split());
    let up = pump(from_read, to_write, &faults, &passed, Random::new(seed));
    let down = pump(to_read, from_write, &faults, &passed, Random::new(!seed));
    tokio::pin!(up, down);
    // One side that ends lets the other go on; a reset ends both.
    let (mut first, mut second) = (None, None);
    while first.is_none() || second.is_none() {
        tokio::select! {
            reset = &mut up, if first.is_none() => first = Some(reset?),
            reset = &mut down, if second.is_none() => second = Some(reset?),
        }
        if first == Some(true) || second == Some(true) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Relays one direction; true when the connection is to be reset, which dropping it then does.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    faults: &Faults,
    passed: &AtomicU64,
    mut random: Random,
) -> io::Result<bool> {
    let mut buffer = vec![0; 16 << 10];
    let mut stall = faults.stall;
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            to.shutdown().await?;
            return Ok(false);
        }
        tokio::time::sleep(faults.delay).await;
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            let len = match faults.max_piece {
                0 => rest.len(),
                most => (1 + random.below(most as u64) as usize).min(rest.len()),
            };
            to.write_all(&rest[..len]).await?;
            rest = &rest[len..];
            let total = passed.fetch_add(len as u64, Ordering::Relaxed) + len as u64;
            if let Some((after, pause)) = stall
                && total >= after
            {
                stall = None;
                tokio::time::sleep(pause).await;
            }
            if faults.reset_after.is_some_and(|after| total >= after) {
                reset(from.as_ref());
                reset(to.as_ref());
                return Ok(true);
            }
        }
    }
}

/// What is sent at close is then a reset and not an end.
fn reset(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
