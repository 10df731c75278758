//! The admin listener: `GET /metrics`, `GET /healthz` and `POST /mark`, for programs on this machine.
//!
//! It hands out aggregates only, so it needs no token (S-22). What a web page in the evaluator's browser could do to it is met by S-21: the
//! `Host` must be a loopback name with our port (DNS rebinding), and a mark needs a header that a foreign page cannot set or an `Origin`
//! that is our own. Every connection serves one request and lives five seconds at most.

mod guard;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use guard::Hosts;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::metrics::Metrics;

/// Longest label of a mark, in bytes of UTF-8.
pub const MAX_MARK_BYTES: usize = 200;

/// From the first byte of a connection to its last.
const CONNECTION_TIME: Duration = Duration::from_secs(5);
/// Request line and headers together, in bytes.
const MAX_HEAD_BYTES: usize = 16 << 10;
const MAX_HEADERS: usize = 64;
const MAX_BODY_BYTES: usize = 1 << 10;
const MAX_CONNECTIONS: usize = 32;
/// How long to wait when no connection can be accepted (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the admin listener does not run.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Other machines could reach it.
    #[error("the admin listener has no password, so it must not be reachable from other machines: {0} is no loopback address (use 127.0.0.1:{port}, or forward that port)", port = .0.port())]
    NotLoopback(SocketAddr),
    /// The address cannot be used.
    #[error("cannot listen on {address} for metrics: {error} (choose another with --metrics ADDR:PORT)")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The listener broke.
    #[error("the admin listener failed: {0}")]
    Listener(#[from] io::Error),
}

/// Refuses addresses that other machines can reach.
///
/// # Errors
/// [`AdminError::NotLoopback`].
pub fn check_address(address: SocketAddr) -> Result<(), AdminError> {
    if address.ip().to_canonical().is_loopback() { Ok(()) } else { Err(AdminError::NotLoopback(address)) }
}

/// Opens the listener.
///
/// # Errors
/// An address that other machines can reach, or that cannot be bound.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, AdminError> {
    check_address(address)?;
    TcpListener::bind(address).await.map_err(|error| AdminError::Bind { address, error })
}

/// Serves until `shutdown` completes. Labels of marks go to `marks`.
///
/// # Errors
/// A listener that other machines can reach.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    marks: Sender<String>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), AdminError> {
    let address = listener.local_addr()?;
    check_address(address)?;
    let router = router(metrics, marks, Hosts::of(address));
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            let slot = free.clone().acquire_owned().await.expect("the semaphore is never closed");
            (listener.accept().await, slot)
        };
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            (accepted, slot) = accepted => match accepted {
                Ok((stream, _)) => {
                    let router = router.clone();
                    connections.spawn(async move {
                        // A client that is too slow, breaks off or talks no HTTP is of no interest to anybody.
                        let _ = timeout(CONNECTION_TIME, connection(stream, router)).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the admin listener");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

async fn connection(stream: TcpStream, router: Router) -> Result<(), hyper::Error> {
    hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await
}

#[derive(Debug, Clone)]
struct Shared {
    metrics: Arc<Metrics>,
    marks: Sender<String>,
    hosts: Arc<Hosts>,
}

fn router(metrics: Arc<Metrics>, marks: Sender<String>, hosts: Hosts) -> Router {
    let hosts = Arc::new(hosts);
    Router::new()
        .route("/metrics", get(show_metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/mark", post(mark))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there are /metrics, /healthz and /mark\n") })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(hosts.clone(), guard::check_host))
        .with_state(Shared { metrics, marks, hosts })
}

async fn show_metrics(State(shared): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], shared.metrics.encode()).into_response()
}

async fn mark(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Result<StatusCode, (StatusCode, &'static str)> {
    guard::check_mark(&headers, &shared.hosts)?;
    let label = mark_label(&body)?;
    match shared.marks.try_send(label.to_owned()) {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(TrySendError::Full(_)) => Err((StatusCode::SERVICE_UNAVAILABLE, "too many marks at once: try again\n")),
        Err(TrySendError::Closed(_)) => Err((StatusCode::SERVICE_UNAVAILABLE, "the run is over\n")),
    }
}

/// The label in a body, white space around it aside.
fn mark_label(body: &[u8]) -> Result<&str, (StatusCode, &'static str)> {
    let label = std::str::from_utf8(body).map_err(|_| (StatusCode::BAD_REQUEST, "the label is not UTF-8\n"))?.trim();
    if label.is_empty() {
        return Err((StatusCode::BAD_REQUEST, "no label: send it as the body\n"));
    }
    if label.len() > MAX_MARK_BYTES {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, "the label has more than 200 bytes\n"));
    }
    if label.chars().any(char::is_control) {
        return Err((StatusCode::BAD_REQUEST, "the label has control characters\n"));
    }
    Ok(label)
}
