//! What is measured, one thing a file.

pub mod connections;
pub mod latency;
pub mod memory;
pub mod throughput;
pub mod volume;

use std::io;

use crate::contender::Contender;
use crate::upstream::{Pair, Upstream, login_rows};

/// Logs in so many clients, some at once, and notes what the log must show of it.
pub async fn log_in(contender: &Contender, upstream: &Upstream, clients: usize, at_once: usize) -> io::Result<Vec<Pair>> {
    let way = contender.way();
    let mut pairs = Vec::with_capacity(clients);
    while pairs.len() < clients {
        let batch = (0..at_once.min(clients - pairs.len())).map(|_| upstream.pair(way));
        for pair in together(batch).await {
            pairs.push(pair?);
        }
    }
    contender.expect(clients as u64, clients as u64 * login_rows(way));
    Ok(pairs)
}

/// Runs all of them at once, in this task.
async fn together<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    use std::task::Poll;
    let mut all: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        let mut waiting = false;
        for (future, output) in &mut all {
            if output.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(done) => *output = Some(done),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    all.into_iter().map(|(_, output)| output.expect("all are done")).collect()
}
