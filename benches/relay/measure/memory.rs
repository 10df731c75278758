//! Memory of a connection whose client is logged in and silent.

use std::io;
use std::time::Duration;

use super::log_in;
use crate::contender::Contender;
use crate::process;
use crate::upstream::Upstream;

/// Clients that log in at once.
const AT_ONCE: usize = 32;
/// Until buffers are given back, where a proxy does that after some time.
const SILENCE: Duration = Duration::from_secs(12);

/// KiB for each of so many connections.
pub async fn measure(contender: &Contender, upstream: &Upstream, connections: usize) -> io::Result<f64> {
    let before = process::memory_kib(contender.pid());
    let pairs = log_in(contender, upstream, connections, AT_ONCE).await?;
    tokio::time::sleep(SILENCE).await;
    let after = process::memory_kib(contender.pid());
    drop(pairs);
    Ok((after as f64 - before as f64) / connections as f64)
}
