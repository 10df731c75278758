//! One request to the collector, and what its answer means.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::endpoint::Endpoint;

/// A request with its answer; connecting included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const MAX_ANSWER: usize = 64 << 10;
/// Longest part of an answer that is repeated.
const MAX_SAID: usize = 200;

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Taken, but for so many records; why.
    Taken {
        /// Records that the collector refused.
        refused: u64,
        /// What it said.
        said: String,
    },
    /// The same request may succeed later.
    Later {
        /// Why not now.
        why: String,
        /// When the collector wants to be asked again.
        after: Option<Duration>,
    },
    /// Smaller requests may succeed.
    TooLarge,
    /// The same request will never succeed.
    Refused {
        /// Why.
        why: String,
    },
}

/// A client that keeps its connection.
pub struct Client {
    endpoint: Endpoint,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client of that collector. Connects when it first sends.
    pub fn new(endpoint: Endpoint) -> Client {
        Client { endpoint, connection: None }
    }

    /// Where it sends to.
    pub fn url(&self) -> String {
        self.endpoint.url()
    }

    /// Sends one `ExportLogsServiceRequest` in JSON.
    pub async fn send(&mut self, request: Bytes) -> Outcome {
        let sent = tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(request)).await;
        match sent.unwrap_or_else(|_| Err(format!("no answer within {} s", REQUEST_TIMEOUT.as_secs()))) {
            Ok(outcome) => outcome,
            Err(why) => {
                self.connection = None;
                Outcome::Later { why, after: None }
            }
        }
    }

    async fn exchange(&mut self, body: Bytes) -> Result<Outcome, String> {
        // A connection that the collector closed meanwhile is replaced.
        let mut connection = match self.connection.take().filter(|connection| !connection.is_closed()) {
            Some(connection) => connection,
            None => connect(&self.endpoint).await?,
        };
        let mut request =
            Request::post(&self.endpoint.path).header(HOST, &self.endpoint.authority).header(CONTENT_TYPE, "application/json");
        request.headers_mut().expect("path and host are valid").extend(self.endpoint.headers.clone());
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        let answer = connection.send_request(request).await.map_err(|error| error.to_string())?;
        let outcome = understood(answer).await?;
        self.connection = Some(connection);
        Ok(outcome)
    }
}

async fn connect(endpoint: &Endpoint) -> Result<SendRequest<Full<Bytes>>, String> {
    let tcp = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await.map_err(|error| format!("cannot connect: {error}"))?;
    let _ = tcp.set_nodelay(true);
    match &endpoint.tls {
        None => speak(tcp).await,
        Some(config) => {
            let name = ServerName::try_from(endpoint.host.clone()).map_err(|error| error.to_string())?;
            let tls = TlsConnector::from(config.clone()).connect(name, tcp).await;
            speak(tls.map_err(|error| format!("no TLS: {error} (its certificate can be named with --otlp-ca FILE)"))?).await
        }
    }
}

async fn speak(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>, String> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

/// What OTLP says an answer means. Redirects are not followed: records go where the evaluator said.
async fn understood(answer: Response<hyper::body::Incoming>) -> Result<Outcome, String> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| format!("its answer cannot be read: {error}"))?.to_bytes();
    Ok(match head.status {
        status if status.is_success() => match serde_json::from_slice::<Answer>(&body).unwrap_or_default().partial_success {
            Some(partial) => Outcome::Taken { refused: partial.rejected_log_records.number(), said: shortened(&partial.error_message) },
            None => Outcome::Taken { refused: 0, said: String::new() },
        },
        StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            let seconds = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
            Outcome::Later { why: head.status.to_string(), after: seconds.map(Duration::from_secs) }
        }
        StatusCode::PAYLOAD_TOO_LARGE => Outcome::TooLarge,
        status => {
            let said = shortened(&String::from_utf8_lossy(&body));
            Outcome::Refused { why: if said.is_empty() { status.to_string() } else { format!("{status}: {said}") } }
        }
    })
}

/// What a collector says is somebody else's text.
fn shortened(text: &str) -> String {
    crate::report::terminal::clipped(text.trim(), MAX_SAID)
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    partial_success: Option<Partial>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Partial {
    rejected_log_records: Count,
    error_message: String,
}

/// 64-bit integers are strings in the JSON of Protocol Buffers; some collectors write numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u64),
    Text(String),
}

impl Default for Count {
    fn default() -> Count {
        Count::Number(0)
    }
}

impl Count {
    fn number(&self) -> u64 {
        match self {
            Count::Number(number) => *number,
            Count::Text(text) => text.parse().unwrap_or(0),
        }
    }
}
