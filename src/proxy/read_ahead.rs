//! A connection of which more is read at a time than is asked for.
//!
//! rustls asks the socket for 4 KiB at a time. Four times as much in one system call saves the other three, and most of what a busy session
//! costs are system calls.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one system call reads: a TLS record of full size with its header and tag, and a little of the next.
const AHEAD: usize = 17 << 10;

thread_local! {
    /// Reading never waits in the middle, so all sessions of a thread share this. Of a silent connection nothing is kept.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; AHEAD].into_boxed_slice());
}

/// A connection, with what was read from it and not asked for yet.
#[derive(Debug)]
pub struct ReadAhead<S> {
    ahead: Vec<u8>,
    at: usize,
    inner: S,
}

impl<S> ReadAhead<S> {
    /// A connection of which these bytes have been read already.
    pub fn new(ahead: Vec<u8>, inner: S) -> ReadAhead<S> {
        ReadAhead { ahead, at: 0, inner }
    }

    /// The connection underneath.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    fn hand_out(&mut self, buf: &mut ReadBuf<'_>) {
        let rest = &self.ahead[self.at..];
        let len = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..len]);
        self.at += len;
        if self.at == self.ahead.len() {
            (self.ahead, self.at) = (Vec::new(), 0);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ahead.is_empty() {
            this.hand_out(buf);
            return Poll::Ready(Ok(()));
        }
        if buf.remaining() >= AHEAD {
            return Pin::new(&mut this.inner).poll_read(cx, buf);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut read = ReadBuf::new(scratch);
            std::task::ready!(Pin::new(&mut this.inner).poll_read(cx, &mut read))?;
            let (now, later) = read.filled().split_at(read.filled().len().min(buf.remaining()));
            buf.put_slice(now);
            this.ahead = later.to_vec();
            Poll::Ready(Ok(()))
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadAhead<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, buf)
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn what_was_read_before_comes_first() {
        let mut stream = ReadAhead::new(b"abc".to_vec(), io::Cursor::new(b"def".to_vec()));
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "abcdef");
    }

    /// A reader that counts how often it is asked.
    struct Counting<'a>(&'a [u8], usize);

    impl AsyncRead for Counting<'_> {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            self.1 += 1;
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    #[tokio::test]
    async fn pieces_of_any_size_give_the_same_bytes_and_fewer_reads() {
        let bytes: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
        for piece in [1, 5, 4096, AHEAD - 1, AHEAD, 40_000] {
            let mut stream = ReadAhead::new(Vec::new(), Counting(&bytes, 0));
            let (mut all, mut buffer) = (Vec::new(), vec![0; piece]);
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                all.extend_from_slice(&buffer[..read]);
            }
            assert!(all == bytes, "pieces of {piece}");
            assert!(stream.get_ref().1 <= bytes.len().div_ceil(AHEAD) + 1, "{} reads for pieces of {piece}", stream.get_ref().1);
            assert_eq!(stream.ahead.capacity(), 0, "nothing is kept at the end");
        }
    }
}
