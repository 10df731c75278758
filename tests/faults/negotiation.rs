//! F-20 to F-29: what comes before a client is logged in, and what a client tries besides.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::cli::{AUTH, BIND, BOUND, FEATURES, HEADER, OFFER, SERVER_HEADER, SUCCESS};
use crate::rig::Rig;

const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// Sends this in clear and reads to the end: what came back, how long it took, why the session ended.
fn in_clear(rig: &mut Rig, direct: bool, bytes: &[u8]) -> (String, Duration, String) {
    let ends = rig.ends();
    let mut tcp = TcpStream::connect(if direct { rig.proxy.direct() } else { rig.proxy.starttls() }).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let began = Instant::now();
    tcp.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let _ = tcp.read_to_end(&mut answer);
    let took = began.elapsed();
    drop(tcp);
    let records = rig.last_end(ends);
    let reason = records.last().unwrap()["reason"].as_str().unwrap().to_owned();
    (String::from_utf8_lossy(&answer).into_owned(), took, reason)
}

/// F-20: stream header of another namespace, without `to`, for another domain, HTTP, SSH, binary, on either port → the stream error that fits, within a second; counted by reason
#[test]
fn strangers() {
    let mut rig = Rig::new(&[]);
    let foreign = HEADER.replace("http://etherx.jabber.org/streams", "urn:other");
    let nowhere = HEADER.replace("to='lab.test' ", "");
    let elsewhere = HEADER.replace("lab.test", "real.example");
    for (bytes, condition, reason) in [
        (foreign.as_bytes(), "invalid-namespace", "not_xmpp"),
        (nowhere.as_bytes(), "host-unknown", "domain_refused"),
        (elsewhere.as_bytes(), "host-unknown", "domain_refused"),
        (b"GET / HTTP/1.1\r\nHost: lab.test\r\n\r\n", "bad-format", "not_xmpp"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "bad-format", "not_xmpp"),
        (b"\0\0\0\0\xff\xff", "bad-format", "not_xmpp"),
        (b"<presence/>", "invalid-xml", "not_xmpp"),
    ] {
        for direct in [false, true] {
            let (said, took, ended) = in_clear(&mut rig, direct, bytes);
            let input = String::from_utf8_lossy(bytes);
            assert!(said.contains(&format!("<{condition} xmlns=")), "{input}: {said}");
            assert_eq!(ended, reason, "{input}");
            assert!(took < Duration::from_secs(1), "{input}: {took:?}");
        }
    }
    rig.is_well("strangers");
    let metrics = crate::cli::http(rig.proxy.metrics(), "GET /metrics HTTP/1.1\r\nHost: HOST\r\n\r\n");
    assert!(metrics.contains("stanzascope_session_ends_total{reason=\"not_xmpp\",run=\"unnamed\"} 10"), "{metrics}");
    rig.stop();
}

/// F-20: stream header without `version` → offered STARTTLS as any other
#[test]
fn a_header_without_version_is_answered() {
    let rig = Rig::new(&[]);
    let mut tcp = TcpStream::connect(rig.proxy.starttls()).unwrap();
    tcp.write_all(HEADER.replace(" version='1.0'", "").as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while !String::from_utf8_lossy(&answer).contains("</stream:features>") {
        let read = tcp.read(&mut buffer).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&buffer[..read]);
    }
    assert!(String::from_utf8_lossy(&answer).contains("<required/>"));
}

/// F-21: three streams in one connection, each with declarations of its own, none closed → names are resolved by the newest header; no byte is unaccounted for
#[test]
fn each_stream_has_its_own_declarations() {
    let mut rig = Rig::new(&[]);
    let (mut client, mut server, session) = rig.session();
    let declaring = HEADER.replace(" to=", " xmlns:q='urn:xmpp:ping' to=");
    for (header, stanza) in [(declaring.as_str(), "<iq type='get' id='1'><q:ping/></iq>"), (HEADER, "<iq type='get' id='2'><q:ping/></iq>")]
    {
        client.says(header, &mut server);
        server.says(SERVER_HEADER, &mut client);
        client.says(stanza, &mut server);
    }
    drop((client, server));
    let records = rig.records_of(&session);
    let iqs: Vec<_> = records.iter().filter(|r| r["kind"] == "iq" && r["direction"] == "client_to_server").skip(1).collect();
    assert!(iqs[0]["irregular"].is_null() && iqs[0]["payloads"].to_string().contains("urn:xmpp:ping"), "{}", iqs[0]);
    assert_eq!(iqs[1]["irregular"].to_string(), "[\"unbound_prefix\"]");
    let up = records.iter().filter(|r| r["direction"] == "client_to_server").filter_map(|r| r["bytes"].as_u64()).sum::<u64>();
    let total = records.last().unwrap()["totals"]["bytes_client_to_server"].as_u64().unwrap();
    assert_eq!(up, total, "bytes of records and of the session");
    rig.is_well("stream restarts");
    rig.stop();
}

/// F-22: features of 20,000 bytes before login → pass unread, with a gap; the login goes on
#[test]
fn features_too_long_to_read_pass() {
    let mut rig = Rig::new(&[]);
    let (mut client, mut server) = rig.proxy.connect(&rig.server);
    let ends = rig.ends();
    client.says(HEADER, &mut server);
    let offer = OFFER.replace("</stream:features>", &format!("<x xmlns='urn:x'>{}</x></stream:features>", "y".repeat(20_000)));
    server.says(&format!("{SERVER_HEADER}{offer}"), &mut client);
    client.says(AUTH, &mut server);
    server.says(SUCCESS, &mut client);
    client.says(&format!("{HEADER}{BIND}"), &mut server);
    server.says(&format!("{SERVER_HEADER}{FEATURES}{BOUND}"), &mut client);
    drop((client, server));
    let records = rig.last_end(ends);
    let gaps: Vec<_> = records
        .iter()
        .filter(|r| r["gap"].is_object())
        .map(|r| (r["gap"]["reason"].as_str().unwrap(), r["phase"].as_str().unwrap()))
        .collect();
    assert_eq!(gaps, [("limit", "before_login")]);
    rig.is_well("long features");
    rig.stop();
}

/// F-26: ClientHello sent in clear behind `<starttls/>`, then silence → discarded; the session ends after 15 seconds as `timeout`
#[test]
fn a_client_hello_before_proceed_is_not_taken() {
    let mut rig = Rig::new(&[]);
    let hello = crate::tls::client_hello("lab.test");
    let text = [HEADER.as_bytes(), STARTTLS.as_bytes(), &hello].concat();
    let (said, took, reason) = in_clear(&mut rig, false, &text);
    assert!(said.contains("<proceed"), "{said}");
    assert_eq!(reason, "timeout");
    assert!(took > Duration::from_secs(14) && took < Duration::from_secs(18), "{took:?}");
    rig.is_well("a hasty client");
    rig.stop();
}

/// F-28: 1,000 logins begun and aborted on one stream → all pass and are logged, no password is
#[test]
fn aborted_logins() {
    let mut rig = Rig::new(&[]);
    let (mut client, mut server) = rig.proxy.connect(&rig.server);
    let ends = rig.ends();
    client.says(HEADER, &mut server);
    server.says(&format!("{SERVER_HEADER}{OFFER}"), &mut client);
    let abort = format!("{AUTH}<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    let failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><aborted/></failure>";
    for _ in 0..1000 {
        client.says(&abort, &mut server);
        server.says(failure, &mut client);
    }
    drop((client, server));
    let records = rig.last_end(ends);
    assert_eq!(records.iter().filter(|r| r["name"] == "abort").count(), 1000);
    assert!(!serde_json::to_string(&records).unwrap().contains("AGFubgBwYXNzd29yZA"), "a password in the log");
    rig.is_well("aborted logins");
    rig.stop();
}

/// F-29: stream management: resumption in another session and in another run after `kill -9`, with a wrong id, counters past 2^32 → passes unchanged; a session says which one of the run it continues; ids are never logged
#[test]
fn resumption_is_between_client_and_server() {
    Rig::new(&[]).kill();
    let mut rig = Rig::new(&[]);
    let login = [
        (HEADER, format!("{SERVER_HEADER}{OFFER}")),
        (AUTH, SUCCESS.to_owned()),
        (HEADER, format!("{SERVER_HEADER}<stream:features><sm xmlns='urn:xmpp:sm:3'/></stream:features>")),
    ];
    let session = |rig: &mut Rig, exchange: &[(&str, &str)]| {
        let (mut client, mut server) = rig.proxy.connect(&rig.server);
        let ends = rig.ends();
        let steps = login.iter().map(|(client, server)| (*client, server.as_str())).chain(exchange.iter().copied());
        for (from_client, from_server) in steps {
            client.says(from_client, &mut server);
            server.says(from_server, &mut client);
        }
        drop((client, server));
        rig.last_end(ends)
    };
    let enabled = [("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", "<enabled xmlns='urn:xmpp:sm:3' id='CANARY-right' resume='true'/>")];
    let before = session(&mut rig, &enabled);
    let after = session(
        &mut rig,
        &[
            ("<resume xmlns='urn:xmpp:sm:3' h='4294967297' previd='CANARY-wrong'/>", "<failed xmlns='urn:xmpp:sm:3' h='4294967295'/>"),
            (
                "<resume xmlns='urn:xmpp:sm:3' h='4294967295' previd='CANARY-right'/>",
                "<resumed xmlns='urn:xmpp:sm:3' h='0' previd='CANARY-right'/>",
            ),
            ("<message id='1'/><r xmlns='urn:xmpp:sm:3'/>", "<a xmlns='urn:xmpp:sm:3' h='4294967296'/>"),
        ],
    );
    let continues: Vec<_> = after.iter().filter(|record| record["event"] == "resume").collect();
    assert_eq!(continues.len(), 1, "{after:?}");
    assert_eq!(continues[0]["resumed_from"], before[0]["session"]);
    let records = serde_json::to_string(&[before, after]).unwrap();
    assert!(records.contains("\"resumed\"") && !records.contains("CANARY"), "{records}");
    rig.is_well("resumption");
    rig.stop();
}

/// F-36: 64 connections that send a byte every two seconds → each is dropped after ten, with its reason; others get in meanwhile
#[test]
fn slow_senders() {
    let mut rig = Rig::new(&[]);
    let ends = rig.ends();
    let began = Instant::now();
    let mut slow: Vec<TcpStream> = (0..64).map(|_| TcpStream::connect(rig.proxy.starttls()).unwrap()).collect();
    let mut buffer = [0; 4096];
    for byte in HEADER.as_bytes() {
        slow.retain_mut(|tcp| tcp.write_all(&[*byte]).is_ok());
        if began.elapsed() < Duration::from_secs(5) {
            rig.is_well("a slow sender");
        }
        if began.elapsed() > Duration::from_secs(9) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1500));
    }
    for mut tcp in slow {
        tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        while matches!(tcp.read(&mut buffer), Ok(1..)) {}
        let _ = tcp.shutdown(Shutdown::Both);
    }
    assert!(began.elapsed() < Duration::from_secs(16), "{:?}", began.elapsed());
    let timeouts = rig.wait_for("the ends of slow sessions", |records| {
        let count = records.iter().filter(|r| r["event"] == "close" && r["reason"] == "timeout").count();
        (count >= 64).then_some(count)
    });
    assert_eq!((timeouts, ends < rig.ends()), (64, true));
    rig.is_well("slow senders");
    rig.stop();
}

/// F-40: the upstream is the proxy's own listener → refused at the start, exit code 2
#[test]
fn no_loop() {
    let bench = crate::cli::Bench::new();
    let port = crate::cli::Server::new().address().port();
    let (port, upstream) = (port.to_string(), format!("127.0.0.1:{port}"));
    let args = ["run", "--yes", "--domain", "lab.test", "--starttls-port", &port, "--direct-port", "0", "--metrics", "127.0.0.1:0"];
    let said = bench.run(&[&args[..], &["--upstream", &upstream, "--upstream-tls", "none"]].concat());
    said.ended(2, &["own listener", "--upstream HOST:PORT"]);
}
