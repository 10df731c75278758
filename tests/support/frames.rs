//! A stream read frame by frame.

use std::io;
use std::time::Duration;

use stanzascope::xmpp::framer::{FrameKind, Framer};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Nobody waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(40);

/// The frames of a stream.
pub struct Frames {
    framer: Framer,
}

impl Frames {
    pub fn new() -> Frames {
        Frames { framer: Framer::new(16 << 20) }
    }

    /// The next frame, its kind and text; none at the end.
    pub async fn next<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<Option<(FrameKind, String)>> {
        let mut buffer = [0; 16 << 10];
        loop {
            if let Some(frame) = self.framer.poll() {
                return Ok(Some((frame.kind, String::from_utf8_lossy(self.framer.bytes(&frame)).into_owned())));
            }
            let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.map_err(|_| io::ErrorKind::TimedOut)??;
            if read == 0 {
                return Ok(None);
            }
            self.framer.feed(&buffer[..read]);
        }
    }
}
