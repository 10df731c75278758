//! Clients that come, log in and go.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;

use crate::contender::Contender;
use crate::process;
use crate::upstream::{Upstream, login_rows};

/// Clients at once.
const AT_ONCE: usize = 8;

/// How many there were, and what each cost.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub per_second: f64,
    /// Milliseconds of processor time.
    pub cpu_ms: f64,
}

/// Lets clients come for so long.
pub async fn measure(contender: &Contender, upstream: &Upstream, length: Duration) -> io::Result<Rate> {
    let before = process::settled_cpu(contender.pid()).await;
    let began = Instant::now();
    let visits = (0..AT_ONCE).map(|_| async {
        let mut visits = 0u64;
        while began.elapsed() < length {
            let mut pair = upstream.pair(contender.way()).await?;
            pair.client.shutdown().await?;
            visits += 1;
        }
        io::Result::Ok(visits)
    });
    let visits: u64 = super::together(visits).await.into_iter().sum::<io::Result<u64>>()?;
    let took = began.elapsed().as_secs_f64();
    let cpu = process::settled_cpu(contender.pid()).await.saturating_sub(before);
    contender.expect(visits, visits * login_rows(contender.way()));
    Ok(Rate { per_second: visits as f64 / took, cpu_ms: cpu.as_secs_f64() * 1000.0 / visits as f64 })
}
