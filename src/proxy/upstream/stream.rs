//! The connection to the server, encrypted or not, behind one type, and what is known about it.
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::super::read_ahead::ReadAhead;
use super::certificate::PresentedCertificate;
use super::features::StreamFeatures;
use super::target::Opening;
use super::version::TlsVersion;

/// A connection ready for the client's stream header: nothing of an earlier header is left in it.
#[derive(Debug)]
pub struct Upstream {
    /// The bytes.
    pub stream: UpstreamStream,
    /// What is known about them.
    pub facts: UpstreamFacts,
}

/// Encrypted or clear. Clear only to a server on this machine, and only when asked for.
#[derive(Debug)]
pub enum UpstreamStream {
    /// Through TLS, by whichever opening.
    Tls(Box<TlsStream<ReadAhead<TcpStream>>>),
    /// As it is.
    Plain(TcpStream),
}

impl UpstreamStream {
    /// The socket underneath.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Tls(stream) => stream.get_ref().0.get_ref(),
            Self::Plain(stream) => stream,
        }
    }
}

/// What is known about a connection to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamFacts {
    /// The name or literal the address was found under.
    pub host: String,
    /// What was dialled.
    pub address: SocketAddr,
    /// How the stream was opened.
    pub opening: Opening,
    /// What TLS negotiated, `None` for clear text.
    pub tls: Option<TlsFacts>,
    /// The features offered in clear before STARTTLS: readable by the network.
    pub before_tls: Option<StreamFeatures>,
    /// Bytes in clear behind `<proceed/>`, which were discarded. More than 0 is an attack or a broken server.
    pub discarded_bytes: usize,
    /// The questions to the name system and their answers.
    pub trail: Vec<String>,
    /// What was tried in vain before, one line each.
    pub failed_attempts: Vec<String>,
}

/// What TLS negotiated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFacts {
    /// The version.
    pub version: TlsVersion,
    /// The cipher suite, by its IANA name.
    pub cipher: String,
    /// The key exchange group, if one is known.
    pub key_exchange: Option<String>,
    /// The application protocol. Servers hardly ever answer one.
    pub alpn: Option<String>,
    /// The server's certificate.
    pub certificate: PresentedCertificate,
    /// What it was verified by.
    pub verified_by: String,
}

impl AsyncRead for UpstreamStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for UpstreamStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Plain(stream) => stream.is_write_vectored(),
        }
    }
}
