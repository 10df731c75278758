//! Who may ask: checks against web pages that make a browser on this machine talk to us (S-21).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

type Refusal = (StatusCode, &'static str);

const FOREIGN: Refusal = (StatusCode::FORBIDDEN, "asked by a foreign page\n");
const NO_PROOF: Refusal = (StatusCode::FORBIDDEN, "a mark needs the header `X-Stanzascope: mark` or `Content-Type: text/plain`\n");

/// What `Host` may say.
#[derive(Debug)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// The names of a listener: its own address, and those of loopback, with its port.
    pub fn of(listener: SocketAddr) -> Hosts {
        let port = listener.port();
        let mut hosts = vec![listener.to_string()];
        hosts.extend(["127.0.0.1", "[::1]", "localhost"].map(|name| format!("{name}:{port}")));
        if port == 80 {
            hosts.extend(["127.0.0.1", "[::1]", "localhost"].map(str::to_owned));
        }
        Hosts(hosts)
    }

    fn allow(&self, host: &str) -> bool {
        self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }
}

/// Answers 421 unless the request is for us; adds headers that keep the answer from being embedded, cached or guessed at.
pub async fn check_host(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let mut named = request.headers().get_all(header::HOST).iter();
    let host = named.next().and_then(|host| host.to_str().ok());
    let target = request.uri().authority().is_none_or(|authority| hosts.allow(authority.as_str()));
    let mut response = if host.is_some_and(|host| hosts.allow(host)) && named.next().is_none() && target {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, "this is not the host you mean: use http://127.0.0.1 with this port\n").into_response()
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

const HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Refuses marks that a foreign page could have sent.
///
/// A page can send `text/plain` anywhere, but not without saying where it comes from, and it cannot add a header of its own without asking
/// first (which we never answer).
pub fn check_mark(headers: &HeaderMap, hosts: &Hosts) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let own = |origin: &str| origin.strip_prefix("http://").is_some_and(|host| hosts.allow(host));
    if text("origin").is_some_and(|origin| !own(origin)) {
        return Err(FOREIGN);
    }
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err(FOREIGN);
    }
    let plain = text("content-type").is_some_and(|kind| kind.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("text/plain"));
    if text("x-stanzascope") == Some("mark") || plain { Ok(()) } else { Err(NO_PROOF) }
}
