//! Records sent to a collector: what arrives, what is tried again, what is said when it does not arrive.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::rig::{Bench, PATIENCE, Proxy, Server, http};

const RUN: &str = "runs/20260302T100000Z-reed";
const LINES: &str = include_str!("../records/ordinary.jsonl");

/// How a request is answered.
#[derive(Clone, Copy)]
enum Answer {
    /// Status line, headers and body.
    Says(&'static str),
    /// The connection is cut.
    Cut,
    /// Nothing is said for longer than anybody waits.
    Silence,
}

const TAKEN: Answer = Answer::Says("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}");

/// A collector that answers as told, the last way for ever.
struct Collector {
    address: SocketAddr,
    /// Head and body of each request, with the time it came.
    requests: Arc<Mutex<Vec<(String, Value, Instant)>>>,
}

impl Collector {
    fn new(answers: &'static [Answer]) -> Collector {
        Collector::at(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), answers)
    }

    fn at(listener: TcpListener, answers: &'static [Answer]) -> Collector {
        let (address, requests) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<_>>>::default());
        let seen = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let seen = seen.clone();
                std::thread::spawn(move || serve(stream.unwrap(), answers, &seen));
            }
        });
        Collector { address, requests }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bodies of all log records, in the order they came.
    fn lines(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let records =
            requests.iter().flat_map(|(_, body, _)| body["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array().unwrap().clone());
        records.map(|record| record["body"]["stringValue"].as_str().unwrap().to_owned()).collect()
    }
}

fn serve(stream: TcpStream, answers: &[Answer], seen: &Mutex<Vec<(String, Value, Instant)>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok()).unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push((head, serde_json::from_slice(&body).unwrap(), Instant::now()));
            seen.len() - 1
        };
        match answers[number.min(answers.len() - 1)] {
            Answer::Says(text) => reader.get_mut().write_all(text.as_bytes()).unwrap(),
            Answer::Cut => return,
            Answer::Silence => return std::thread::sleep(PATIENCE),
        }
    }
}

fn ordinary() -> Bench {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path(RUN)).unwrap();
    std::fs::write(bench.path(RUN).join("records.jsonl"), LINES).unwrap();
    std::fs::write(bench.path(RUN).join("run.json"), r#"{"schema":1,"label":"Reed 1.4","tool":{"version":"0.1.0"}}"#).unwrap();
    bench
}

/// The file format is the requests, a line each; their bodies are the records as they are.
#[test]
fn a_run_as_a_file() {
    let bench = ordinary();
    bench.run(&["export", RUN, "--format", "otlp", "-o", "out.jsonl"]).ended(0, &["records"]);
    let text = std::fs::read_to_string(bench.path("out.jsonl")).unwrap();
    assert_eq!(text, bench.run(&["export", RUN, "--format", "otlp"]).out);
    let request: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let records = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array().unwrap();
    assert!(records.iter().map(|record| record["body"]["stringValue"].as_str().unwrap()).eq(LINES.lines()));
    assert!(request["resourceLogs"][0]["resource"]["attributes"].to_string().contains("20260302T100000Z-reed"));
}

/// What may pass is tried again, at the time the collector names; what it refuses is counted.
#[test]
fn a_run_to_a_collector_that_has_its_moods() {
    let bench = ordinary();
    let collector = Collector::new(&[
        Answer::Says("HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n"),
        Answer::Cut,
        Answer::Says("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        TAKEN,
    ]);
    let mut command = bench.command(&["export", RUN, "--format", "otlp", "--to", &collector.url()]);
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hush-hush").env("STANZASCOPE_LOG", "trace");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let count = LINES.lines().count();
    assert!(output.status.success() && said.contains(&format!("{count} records delivered")), "{said}");
    assert!(!said.contains("hush-hush"), "{said}");
    let requests = collector.requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|(head, body, _)| head.starts_with("POST /v1/logs HTTP/1.1\r\n") && *body == requests[0].1));
    assert!(requests[0].0.contains("authorization: Bearer hush-hush\r\n") && requests[0].0.contains("content-type: application/json\r\n"));
    assert!(requests[1].2 - requests[0].2 >= Duration::from_secs(2), "it was asked to wait");

    let partial = Collector::new(&[Answer::Says(
        "HTTP/1.1 200 OK\r\ncontent-length: 80\r\n\r\n{\"partialSuccess\":{\"rejectedLogRecords\":\"3\",\"errorMessage\":\"too \\u001b[31mold\"}}",
    )]);
    let said = bench.run(&["export", RUN, "--format", "otlp", "--to", &partial.url()]);
    said.ended(3, &[&format!("{} records delivered, 3 refused (too \\u{{1b}}[31mold)", count - 3), "does not have all records"]);
    let stern = Collector::new(&[Answer::Says("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno")]);
    let said = bench.run(&["export", RUN, "--format", "otlp", "--to", &stern.url()]);
    said.ended(3, &[&format!("0 records delivered, {count} refused (401 Unauthorized: no)")]);
    // A redirect would take the records where the evaluator did not send them.
    let elsewhere =
        Collector::new(&[Answer::Says("HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")]);
    bench.run(&["export", RUN, "--format", "otlp", "--to", &elsewhere.url()]).ended(3, &["307"]);
    // Requests that are too large are made smaller.
    let small = Collector::new(&[Answer::Says("HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\n\r\n"), TAKEN]);
    bench.run(&["export", RUN, "--format", "otlp", "--to", &small.url()]).ended(0, &[]);
    assert!(small.requests.lock().unwrap().len() >= 3);
    assert!(small.lines()[count..].iter().eq(LINES.lines()), "everything arrives, in order, after the one that was too large");
}

/// A collector that comes late gets everything, and the relay does not wait for it.
#[test]
fn a_run_is_followed() {
    let (bench, server) = (Bench::new(), Server::new());
    // A place where nobody listens yet.
    let place = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = place.local_addr().unwrap();
    drop(place);
    let proxy = Proxy::start(&bench, &server, &["--otlp", &format!("http://{address}"), "--label", "reed"]);
    let (mut client, mut upstream) = proxy.log_in(&server);
    let message = "<message to='ben@lab.test' type='chat'><body>hello</body></message>";
    for _ in 0..50 {
        client.says(message, &mut upstream);
    }
    let metrics = || http(proxy.metrics(), "GET /metrics HTTP/1.1\r\nhost: HOST\r\nconnection: close\r\n\r\n");
    let began = Instant::now();
    while metrics().contains("stanzascope_otlp_retries_total 0") {
        assert!(began.elapsed() < PATIENCE, "{}", metrics());
    }
    assert!(!metrics().contains("stanzascope_otlp_behind_bytes 0"), "{}", metrics());
    let collector = Collector::at(TcpListener::bind(address).unwrap(), &[TAKEN]);
    while collector.lines().len() < 50 {
        assert!(began.elapsed() < PATIENCE, "{}", metrics());
        std::thread::sleep(Duration::from_millis(50));
    }
    drop((client, upstream));
    let ended = proxy.stop(&bench);
    ended.said.ended(0, &["to the collector: ", "records delivered"]);
    let log = ended.file("records.jsonl");
    assert!(collector.lines().iter().eq(log.lines()), "the collector has the log, in its order");
    assert_eq!(ended.manifest()["otlp"]["sent"], log.lines().count());
    assert_eq!(ended.manifest()["otlp"]["undelivered"], 0);
}

/// A collector that takes requests and never answers costs the run its patience at the end, and nothing else.
#[test]
fn what_was_not_delivered_is_said() {
    let (bench, server) = (Bench::new(), Server::new());
    let collector = Collector::new(&[Answer::Silence]);
    let proxy = Proxy::start_with(&bench, &server, &["--otlp", &collector.url()], |command| {
        command.env("OTEL_EXPORTER_OTLP_HEADERS", "x-token=hush-hush");
    });
    let (client, upstream) = proxy.log_in(&server);
    drop((client, upstream));
    let began = Instant::now();
    let ended = proxy.stop(&bench);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let log = ended.file("records.jsonl");
    let (count, run) = (log.lines().count(), ended.directory.file_name().unwrap().to_string_lossy().into_owned());
    ended.said.ended(3, &[&format!("{count} not delivered"), &format!("stanzascope export runs/{run} --format otlp --to URL")]);
    assert!(ended.said.out.contains("What the server learned"), "the summary does not depend on it");
    assert_eq!(ended.manifest()["otlp"]["undelivered"], count);
    for file in std::fs::read_dir(&ended.directory).unwrap() {
        let path = file.unwrap().path();
        assert!(!std::fs::read_to_string(&path).unwrap().contains("hush-hush"), "{path:?}");
    }
    // Later it goes as it says.
    let later = Collector::new(&[TAKEN]);
    bench.run(&["export", &format!("runs/{run}"), "--format", "otlp", "--to", &later.url()]).ended(0, &[]);
    assert!(later.lines().iter().eq(log.lines()));
}

#[test]
fn mistakes_are_named() {
    let bench = ordinary();
    let export = |more: &[&str]| bench.run(&[&["export", RUN, "--format"], more].concat());
    export(&["otlp", "--share"]).ended(2, &["names included", "csv"]);
    export(&["csv", "--to", "http://127.0.0.1:1"]).ended(2, &["only --format otlp"]);
    export(&["otlp", "--to", "http://192.0.2.1"]).ended(2, &["in clear over the network", "--otlp-insecure"]);
    export(&["otlp", "--to", "https://ann:hush@127.0.0.1"]).ended(2, &["OTEL_EXPORTER_OTLP_HEADERS"]);
    export(&["otlp", "--to", "https://127.0.0.1", "--otlp-ca", "nowhere.pem"]).ended(2, &["nowhere.pem"]);
    export(&["otlp", "--to", "http://127.0.0.1", "-o", "x"]).ended(2, &["--output"]);
    let refused =
        bench.run(&["run", "--yes", "--domain", "lab.test", "--upstream", "127.0.0.1:1", "--upstream-tls", "none", "--otlp", "nonsense"]);
    refused.ended(2, &["\"nonsense\" is no URL of a collector"]);
    std::fs::write(bench.path("broken.jsonl"), "no records\n").unwrap();
    bench.run(&["export", "broken.jsonl", "--format", "otlp", "--to", "http://127.0.0.1:1"]).ended(2, &["not a record"]);
}
