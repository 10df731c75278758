//! Reading all that has arrived at once, into buffers that sessions share while they are silent.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

/// Read at most this much before writing.
const BUFFER: usize = 16 << 10;
/// Buffers that a thread keeps for the next session that reads.
const MAX_SPARE: usize = 4;

thread_local! {
    /// Buffers that no session uses now. A session has one only while it has read something.
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Reads everything that is there, up to [`BUFFER`], to the start of `buffer`, which is empty while there is nothing to read.
///
/// tokio-rustls hands out one TLS record per poll; collecting them makes one write out of many.
pub async fn read_available<R: AsyncRead + Unpin>(reader: &mut R, buffer: &mut Vec<u8>) -> io::Result<usize> {
    poll_fn(|cx| poll_available(Pin::new(&mut *reader), cx, buffer)).await
}

fn poll_available<R: AsyncRead>(mut reader: Pin<&mut R>, cx: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<io::Result<usize>> {
    if buffer.is_empty() {
        *buffer = SPARE.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; BUFFER]);
    }
    let mut read_buf = ReadBuf::new(buffer);
    let mut failed = None;
    let pending = loop {
        let before = read_buf.filled().len();
        match reader.as_mut().poll_read(cx, &mut read_buf) {
            Poll::Ready(Ok(())) if read_buf.filled().len() == before => break false,
            Poll::Ready(Ok(())) if read_buf.remaining() == 0 => break false,
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => {
                failed = Some(error);
                break false;
            }
            Poll::Pending => break true,
        }
    };
    match (read_buf.filled().len(), failed, pending) {
        (0, Some(error), _) => Poll::Ready(Err(error)),
        (0, None, true) => {
            let unused = std::mem::take(buffer);
            SPARE.with_borrow_mut(|spare| {
                if spare.len() < MAX_SPARE {
                    spare.push(unused);
                }
            });
            Poll::Pending
        }
        // An error after data shows again at the next read.
        (filled, ..) => Poll::Ready(Ok(filled)),
    }
}
