//! Memory after much traffic: it must not grow with what has passed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use stanzascope::xmpp::Direction;

use super::throughput;
use crate::contender::Contender;
use crate::process;
use crate::traffic::{Records, Stanzas};
use crate::upstream::Upstream;

/// Time of one step; what was logged is counted after each.
const STEP: Duration = Duration::from_secs(5);

/// MiB after each gigabyte.
pub async fn measure(contender: &Contender, upstream: &Upstream, stanzas: &Arc<Stanzas>, gigabytes: u64) -> io::Result<Vec<f64>> {
    let (mut passed, mut memory) = (0, Vec::new());
    while (memory.len() as u64) < gigabytes {
        let step = throughput::measure(contender, upstream, stanzas, Direction::ServerToClient, Records::PerStanza, STEP).await?;
        passed += step.bytes;
        if let Some(log) = &contender.log {
            log.rows()?;
        }
        while (memory.len() as u64) < (passed / 1_000_000_000).min(gigabytes) {
            memory.push(process::memory_kib(contender.pid()) as f64 / 1024.0);
        }
    }
    Ok(memory)
}
