//! The admin listener over real sockets, spoken to in raw HTTP.
#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use stanzascope::admin::{self, AdminError};
use stanzascope::catalog::Catalog;
use stanzascope::metrics::Metrics;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

struct Admin {
    address: SocketAddr,
    marks: mpsc::Receiver<String>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), AdminError>>,
}

impl Admin {
    async fn start() -> Admin {
        let listener = admin::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (marks_in, marks) = mpsc::channel(2);
        let (stop, stopped) = oneshot::channel();
        let metrics = Arc::new(Metrics::new(&Catalog::builtin()));
        let task = tokio::spawn(admin::serve(listener, metrics, marks_in, async { _ = stopped.await }));
        Admin { address, marks, stop, task }
    }

    /// Sends a request, `HOST` in it standing for ours, and reads until the end.
    async fn ask(&self, request: &str) -> String {
        let request = request.replace("HOST", &self.address.to_string()).replace('\n', "\r\n");
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A server that refuses may close while we are still writing.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    async fn status(&self, request: &str) -> u16 {
        let answer = self.ask(request).await;
        answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status in {answer:?}"))
    }

    async fn mark(&self, headers: &str, body: &str) -> u16 {
        let length = body.len();
        self.status(&format!("POST /mark HTTP/1.1\nHost: HOST\nContent-Length: {length}\n{headers}\n{body}")).await
    }
}

/// F-58: `..%2f`, other methods, other paths → 404, 405
#[tokio::test]
async fn it_shows_metrics_and_health_and_nothing_else() {
    let admin = Admin::start().await;
    let metrics = admin.ask("GET /metrics HTTP/1.1\nHost: HOST\n\n").await;
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4"), "{metrics}");
    assert!(metrics.contains("x-content-type-options: nosniff"), "{metrics}");
    assert!(metrics.contains("\nstanzascope_sessions_active{run=\"unnamed\"} 0\n"), "{metrics}");
    assert_eq!(admin.status("GET /healthz HTTP/1.1\nHost: HOST\n\n").await, 200);
    assert_eq!(admin.status("GET / HTTP/1.1\nHost: HOST\n\n").await, 404);
    assert_eq!(admin.status("GET /..%2fmetrics HTTP/1.1\nHost: HOST\n\n").await, 404);
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        assert_eq!(admin.status(&format!("{method} /mark HTTP/1.1\nHost: HOST\n\n")).await, 405, "{method}");
    }
}

/// F-58: foreign, missing, doubled `Host`; absolute targets → 421
#[tokio::test]
async fn only_loopback_names_with_our_port_are_hosts() {
    let admin = Admin::start().await;
    let port = admin.address.port();
    for host in [format!("localhost:{port}"), format!("LocalHost:{port}"), format!("[::1]:{port}"), format!("127.0.0.1:{port}")] {
        assert_eq!(admin.status(&format!("GET /healthz HTTP/1.1\nHost: {host}\n\n")).await, 200, "{host}");
    }
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "localhost",
        "127.0.0.1",
        "localhost:1",
        "",
        &format!("localhost:{port}.evil.example"),
    ] {
        assert_eq!(admin.status(&format!("GET /metrics HTTP/1.1\nHost: {host}\n\n")).await, 421, "{host}");
    }
    assert_eq!(admin.status("GET /metrics HTTP/1.0\n\n").await, 421, "no host");
    assert_eq!(admin.status("GET /metrics HTTP/1.1\nHost: HOST\nHost: evil.example\n\n").await, 421, "two hosts");
    assert_eq!(admin.status("GET http://evil.example/metrics HTTP/1.1\nHost: HOST\n\n").await, 421, "another target");
    assert_eq!(admin.status("GET /nothing HTTP/1.1\nHost: evil.example\n\n").await, 421, "before the path is looked at");
}

#[tokio::test]
async fn marks_reach_the_run() {
    let mut admin = Admin::start().await;
    assert_eq!(admin.mark("X-Stanzascope: mark\n", "ann joins the room\n").await, 204);
    assert_eq!(admin.marks.recv().await.unwrap(), "ann joins the room");
    assert_eq!(admin.mark("Content-Type: text/plain; charset=utf-8\n", "schön").await, 204);
    assert_eq!(admin.marks.recv().await.unwrap(), "schön");
    let own = format!("Origin: http://{}\nSec-Fetch-Site: same-origin\nContent-Type: text/plain\n", admin.address);
    assert_eq!(admin.mark(&own, "a").await, 204);
    assert_eq!(admin.mark("X-Stanzascope: mark\n", "b").await, 204);
    assert_eq!(admin.mark("X-Stanzascope: mark\n", "c").await, 503, "the queue is full");
    admin.marks.close();
    assert_eq!(admin.mark("X-Stanzascope: mark\n", "d").await, 503, "nobody listens");
}

#[tokio::test]
async fn labels_are_checked() {
    let admin = Admin::start().await;
    let header = "X-Stanzascope: mark\n";
    assert_eq!(admin.mark(header, &"x".repeat(200)).await, 204);
    for (body, status) in
        [("x".repeat(201), 413), ("x".repeat(5000), 413), (String::new(), 400), (" \n".into(), 400), ("a\u{1b}[31m".into(), 400)]
    {
        assert_eq!(admin.mark(header, &body).await, status, "{body:?}");
    }
    let mut stream = TcpStream::connect(admin.address).await.unwrap();
    let head = format!("POST /mark HTTP/1.1\r\nHost: {}\r\nX-Stanzascope: mark\r\nContent-Length: 2\r\n\r\n", admin.address);
    stream.write_all(&[head.as_bytes(), &[0xff, 0xfe]].concat()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "not UTF-8: {answer}");
}

/// F-58: `Origin` and `Sec-Fetch-Site` of foreign pages → 403
#[tokio::test]
async fn foreign_pages_cannot_mark() {
    let admin = Admin::start().await;
    for headers in [
        "",
        "Content-Type: application/x-www-form-urlencoded\n",
        "Content-Type: text/plain\nOrigin: http://evil.example\n",
        "X-Stanzascope: mark\nOrigin: null\n",
        "X-Stanzascope: mark\nOrigin: http://localhost:1\n",
        "X-Stanzascope: mark\nOrigin: https://HOST\n",
        "Content-Type: text/plain\nSec-Fetch-Site: cross-site\n",
        "Content-Type: text/plain\nSec-Fetch-Site: same-site\n",
    ] {
        assert_eq!(admin.mark(headers, "x").await, 403, "{headers}");
    }
}

/// F-58: a target and a header of 70,000 bytes, 100 headers → 4xx
#[tokio::test]
async fn oversized_heads_are_refused() {
    let admin = Admin::start().await;
    let many: String = (0..100).map(|i| format!("X-{i}: 1\n")).collect();
    for request in [
        format!("GET /{} HTTP/1.1\nHost: HOST\n\n", "x".repeat(70_000)),
        format!("GET /healthz HTTP/1.1\nHost: HOST\nX: {}\n\n", "x".repeat(70_000)),
        format!("GET /healthz HTTP/1.1\nHost: HOST\n{many}\n"),
    ] {
        let status = admin.status(&request).await;
        assert!((400..500).contains(&status), "{status}");
    }
}

/// F-58: silence, half a head, half a body → cut off after 5 seconds
#[tokio::test]
async fn a_slow_client_is_cut_off_after_five_seconds() {
    let admin = Admin::start().await;
    let cut_off = async |sent: &str| {
        let mut stream = TcpStream::connect(admin.address).await.unwrap();
        stream.write_all(sent.replace("HOST", &admin.address.to_string()).as_bytes()).await.unwrap();
        let begun = std::time::Instant::now();
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.expect("cut off");
        let took = begun.elapsed();
        assert!(took > Duration::from_secs(4) && took < Duration::from_secs(7), "{sent:?} {took:?}");
    };
    tokio::join!(
        cut_off(""),
        cut_off("GET /metrics HTTP/1.1\r\n"),
        cut_off("POST /mark HTTP/1.1\r\nHost: HOST\r\nX-Stanzascope: mark\r\nContent-Length: 5\r\n\r\nab"),
    );
}

#[tokio::test]
async fn it_stops_when_told() {
    let admin = Admin::start().await;
    let _idle = TcpStream::connect(admin.address).await.unwrap();
    admin.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(1), admin.task).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(admin.address).await.is_err());
}

#[tokio::test]
async fn other_machines_must_not_reach_it() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9222", "[::ffff:192.0.2.1]:1"] {
        let error = admin::bind(address.parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, AdminError::NotLoopback(_)), "{error}");
    }
    for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert!(admin::check_address(address.parse().unwrap()).is_ok(), "{address}");
    }
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let metrics = Arc::new(Metrics::new(&Catalog::builtin()));
    let served = admin::serve(listener, metrics, mpsc::channel(1).0, std::future::pending()).await;
    assert!(matches!(served, Err(AdminError::NotLoopback(_))));
}
