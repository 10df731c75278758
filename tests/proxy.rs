//! A scripted client and server through the real proxy: what passes, what is changed, what is refused, and what the log says of it.

#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "proxy/rig.rs"]
mod rig;

use rig::*;
use stanzascope::proxy::gate::ChannelBinding;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_session_passes_unchanged_and_is_logged() {
    let rig = Rig::start(Options::default()).await;
    let (mut client, mut server) = rig.connect().await;
    log_in(&mut client, &mut server).await;
    let message = "<message to='ben@lab.test' type='chat'><body>CANARY-body</body></message>";
    client.say(message).await;
    server.hears(message).await;
    server.say(" <presence from='ben@lab.test/p'><show>away</show></presence>").await;
    client.hears(" <presence from='ben@lab.test/p'><show>away</show></presence>").await;
    client.say("</stream:stream>").await;
    server.hears("</stream:stream>").await;
    server.say("</stream:stream>").await;
    server.close().await;
    client.hears("</stream:stream>").await;
    client.close().await;
    drop((client, server));
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let log = rig.finish().await;
    assert_eq!(log.end(), "closed");
    assert_eq!(log.values("message.to"), ["ben@lab.test"]);
    assert_eq!(log.values("message.body"), ["[text, 11 bytes]"]);
    assert_eq!(log.values("presence.show"), ["away"]);
    assert_eq!(log.values("bind.jid_assigned"), ["ann@lab.test/test"]);
    assert_eq!(log.values("transport.tls.sni"), ["lab.test"]);
    assert_eq!(log.values("transport.tls.version_negotiated"), ["TLS 1.3"]);
    assert_eq!(log.of("keepalive").count(), 1);
    let verdicts: Vec<_> = log.of("stanza").filter_map(|r| r["verdict"]["body"].as_str()).collect();
    assert_eq!(verdicts, ["NOT_ENCRYPTED"]);
    let seqs: Vec<_> = log.records.iter().filter(|r| r["session"] == "s1").map(|r| r["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>(), "no record is missing");
    for file in ["records.jsonl", "run.json", "catalog.json"] {
        let text = std::fs::read_to_string(log.path.join(file)).unwrap();
        assert!(!text.contains("CANARY") && !text.contains("AGFubgBDQU5BUlkt"), "a secret in {file}");
    }
}

#[tokio::test]
async fn any_split_and_any_pipelining_gives_the_same() {
    for size in [1, 7, 1000] {
        let rig = Rig::start(Options::default()).await;
        let (mut client, mut server) = rig.connect().await;
        log_in(&mut client, &mut server).await;
        let stanzas =
            "<message to='a@lab.test'><body>é&amp;</body></message>\n<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq><presence/>"
                .repeat(5);
        for piece in stanzas.as_bytes().chunks(size) {
            client.say_bytes(piece).await;
        }
        server.hears(&stanzas).await;
        server.say(&stanzas).await;
        client.hears(&stanzas).await;
        drop((client, server));
        let log = rig.finish().await;
        let kinds: Vec<_> =
            log.of("stanza").filter(|r| r["phase"] == "logged_in").filter(|r| r["kind"] == "message" || r["kind"] == "presence").collect();
        assert_eq!(kinds.len(), 20, "pieces of {size}");
        assert!(log.records.iter().all(|r| r["gap"].is_null()));
    }
}

#[tokio::test]
async fn starttls_is_answered_and_either_kind_works_on_either_port() {
    let rig = Rig::start(Options::default()).await;
    for port in [rig.starttls, rig.direct] {
        let mut tcp = TcpStream::connect(port).await.unwrap();
        tcp.write_all(HEADER.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let mut seen = String::new();
        while !seen.contains("</stream:features>") {
            let read = tcp.read(&mut answer).await.unwrap();
            seen.push_str(&String::from_utf8_lossy(&answer[..read]));
        }
        assert!(seen.contains("<required/>") && !seen.contains("mechanism"), "{seen}");
        tcp.write_all(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await.unwrap();
        let read = tcp.read(&mut answer).await.unwrap();
        assert!(String::from_utf8_lossy(&answer[..read]).starts_with("<proceed"));
        let (client, server) = tokio::join!(rig.tls(tcp, "lab.test"), rig.accept());
        let (mut client, mut server) = (Peer::new(client.unwrap()), Peer::new(server));
        log_in(&mut client, &mut server).await;
    }
    let (client, server) =
        tokio::join!(async { rig.tls(TcpStream::connect(rig.starttls).await.unwrap(), "lab.test").await.unwrap() }, rig.accept());
    log_in(&mut Peer::new(client), &mut Peer::new(server)).await;
    let log = rig.finish().await;
    assert_eq!(log.values("transport.connection_method"), ["starttls", "starttls", "direct"]);
    assert_eq!(log.values("stream.starttls_request"), ["present", "present"]);
    let before: Vec<_> = log.of("stanza").filter(|r| r["phase"] == "before_tls").map(|r| r["observers"][0].as_str().unwrap()).collect();
    assert!(!before.is_empty() && before.iter().all(|o| *o == "network"), "{before:?}");
}

/// F-24: stanza and login in clear behind `<starttls/>` → discarded, never read after TLS; finding `cleartext-behind-starttls`
#[tokio::test]
async fn bytes_in_clear_behind_starttls_are_discarded_and_reported() {
    let rig = Rig::start(Options::default()).await;
    let mut tcp = TcpStream::connect(rig.starttls).await.unwrap();
    let pipelined = format!("{HEADER}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{AUTH}");
    tcp.write_all(pipelined.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>") {
        assert!(tcp.read_buf(&mut seen).await.unwrap() > 0);
    }
    let (client, server) = tokio::join!(rig.tls(tcp, "lab.test"), rig.accept());
    let (mut client, mut server) = (Peer::new(client.unwrap()), Peer::new(server));
    client.say(HEADER).await;
    server.hears(HEADER).await;
    drop((client, server));
    let log = rig.finish().await;
    assert!(log.actions().contains(&"cleartext_discarded".to_owned()), "{:?}", log.actions());
    let rules: std::collections::BTreeSet<String> = log.rules().into_iter().collect();
    assert_eq!(rules, ["cleartext-behind-starttls", "login-before-tls"].map(str::to_owned).into());
}

/// F-22: features that arrive in pieces of 5 bytes → assembled before they are looked at
/// F-27: compression offered, and asked for → taken out of the offer; the request is answered with a failure; nothing is ever inflated
#[tokio::test]
async fn compression_and_starttls_are_taken_out_and_a_request_is_refused() {
    let rig = Rig::start(Options::default()).await;
    let (mut client, mut server) = rig.connect().await;
    client.say(HEADER).await;
    server.hears(HEADER).await;
    let offer = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression></stream:features>";
    for piece in format!("{SERVER_HEADER}{offer}").as_bytes().chunks(5) {
        server.say_bytes(piece).await;
    }
    client.hears(&format!("{SERVER_HEADER}<stream:features></stream:features>")).await;
    client.say("<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress><presence/>").await;
    client.hears("<failure xmlns='http://jabber.org/protocol/compress'><unsupported-method/></failure>").await;
    server.hears("<presence/>").await;
    drop((client, server));
    let log = rig.finish().await;
    assert_eq!(log.actions(), ["starttls_removed", "compression_removed", "compression_refused"]);
    assert_eq!(log.values("stream.compression.offered"), ["zlib"]);
}

#[tokio::test]
async fn other_domains_are_refused() {
    let rig = Rig::start(Options::default()).await;
    let (mut client, _server) = rig.connect().await;
    client.say(&HEADER.replace("lab.test", "real.example")).await;
    let (said, _) = client.rest().await;
    assert!(said.contains("<host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"), "{said}");
    assert_eq!(rig.finish().await.end(), "domain_refused");

    let rig = Rig::start(Options::default()).await;
    let mut tcp = TcpStream::connect(rig.starttls).await.unwrap();
    tcp.write_all(HEADER.replace("lab.test", "real.example").as_bytes()).await.unwrap();
    let mut said = String::new();
    tcp.read_to_string(&mut said).await.unwrap();
    assert!(said.contains("host-unknown"), "{said}");
    assert_eq!(rig.finish().await.end(), "domain_refused");

    let rig = Rig::start(Options::default()).await;
    let error = rig.tls(TcpStream::connect(rig.direct).await.unwrap(), "real.example").await.unwrap_err();
    assert!(error.to_string().contains("UnrecognisedName") || error.to_string().contains("UnrecognizedName"), "{error}");
    assert_eq!(rig.finish().await.end(), "domain_refused");
}

/// F-23: after login, a stream header for another domain → stream error, nothing of it passes, the session ends as `domain_refused`
#[tokio::test]
async fn a_restart_to_another_domain_is_refused() {
    let rig = Rig::start(Options::default()).await;
    let (mut client, mut server) = rig.connect().await;
    log_in(&mut client, &mut server).await;
    client.say(&HEADER.replace("lab.test", "real.example")).await;
    let (said, _) = client.rest().await;
    assert!(said.contains("<stream:error>"), "{said}");
    assert_eq!(rig.finish().await.end(), "domain_refused");
}

#[tokio::test]
async fn only_accounts_under_test_pass() {
    let rig = Rig::start(Options { accounts: vec!["ben@lab.test".into()], ..Options::default() }).await;
    let (mut client, mut server) = rig.connect().await;
    client.say(&format!("{HEADER}{AUTH}")).await;
    server.hears(HEADER).await;
    let (said, _) = client.rest().await;
    assert!(said.contains("policy-violation"), "{said}");
    let (heard, _) = server.rest().await;
    assert_eq!(heard, "", "the password stays here");
    assert_eq!(rig.finish().await.end(), "account_refused");
}

#[tokio::test]
async fn an_account_that_only_the_server_names_is_cut_at_bind() {
    let rig = Rig::start(Options { accounts: vec!["ben@lab.test".into()], ..Options::default() }).await;
    let (mut client, mut server) = rig.connect().await;
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>";
    client.say(&format!("{HEADER}{auth}")).await;
    server.hears(&format!("{HEADER}{auth}")).await;
    server.say(&format!("{SERVER_HEADER}{SUCCESS}")).await;
    client.hears(&format!("{SERVER_HEADER}{SUCCESS}")).await;
    client.say(&format!("{HEADER}{BIND}")).await;
    server.hears(&format!("{HEADER}{BIND}")).await;
    server.say(&format!("{SERVER_HEADER}{BOUND}<message/>")).await;
    let (said, _) = client.rest().await;
    assert!(said.contains("policy-violation") && !said.contains("ann@lab.test"), "{said}");
    drop((client, server));
    assert_eq!(rig.finish().await.end(), "account_refused");
}

/// F-28: SASL2 with Bind 2 and stream management inside → fields are logged, login and resumption id are not
#[tokio::test]
async fn sasl2_binds_inline_and_its_resumption_hint_is_removed() {
    let rig = Rig::start(Options::default()).await;
    let (mut client, mut server) = rig.connect().await;
    let authenticate = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGFubgBDQU5BUlktcGFzc3dvcmQ=</initial-response>\
        <user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>Garden</software><device>shed</device></user-agent>\
        <bind xmlns='urn:xmpp:bind:0'><tag>Garden</tag><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind></authenticate>";
    client.say(&format!("{HEADER}{authenticate}")).await;
    server.hears(&format!("{HEADER}{authenticate}")).await;
    let success = "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>ann@lab.test/Garden.1</authorization-identifier>\
        <bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='CANARY-resume' location='other.lab.test:5222' resume='true'/></bound></success>";
    server.say(&format!("{SERVER_HEADER}{success}<stream:features/>")).await;
    let passed = success.replace(" location='other.lab.test:5222'", "");
    client.hears(&format!("{SERVER_HEADER}{passed}<stream:features/>")).await;
    client.say("<presence/>").await;
    server.hears("<presence/>").await;
    drop((client, server));
    let log = rig.finish().await;
    assert_eq!(log.actions(), ["sm_location_removed"]);
    assert_eq!(log.values("sasl2.user_agent.software"), ["Garden"]);
    assert_eq!(log.values("sasl2.authorization_identifier"), ["ann@lab.test/Garden.1"]);
    let presence = log.of("stanza").find(|r| r["kind"] == "presence").unwrap();
    assert_eq!(presence["phase"], "logged_in", "no restart follows");
    let text = std::fs::read_to_string(log.path.join("records.jsonl")).unwrap();
    assert!(!text.contains("CANARY") && !text.contains("AGFubgBD"), "a secret in the log");
}

#[tokio::test]
async fn addresses_that_lead_round_the_proxy_are_rewritten_unless_only_observing() {
    let error = "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>127.0.0.1:1</see-other-host></stream:error></stream:stream>";
    for observe_only in [false, true] {
        let rig = Rig::start(Options { observe_only, ..Options::default() }).await;
        let here = rig.direct;
        let (mut client, mut server) = rig.connect().await;
        log_in(&mut client, &mut server).await;
        for piece in error.as_bytes().chunks(3) {
            server.say_bytes(piece).await;
        }
        let expected = if observe_only { error.to_owned() } else { error.replace("127.0.0.1:1", &here.to_string()) };
        client.hears(&expected).await;
        drop((client, server));
        let log = rig.finish().await;
        assert_eq!(log.values("stream.error.see_other_host"), ["127.0.0.1:1"]);
        assert_eq!(log.actions().iter().filter(|a| *a == "see_other_host_rewritten").count(), usize::from(!observe_only));
    }
}

#[tokio::test]
async fn a_client_that_refuses_the_certificate_is_told_apart() {
    let rig = Rig::start(Options::default()).await;
    let tcp = TcpStream::connect(rig.direct).await.unwrap();
    let error = tls_with(tcp, "lab.test", rustls::RootCertStore::empty(), &[]).await.unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(rig.finish().await.end(), "client_refused_certificate");
}

/// F-34: ALPN `xmpp-client`, `h2`, none → answered, ignored, ignored
#[tokio::test]
async fn alpn_is_answered_when_it_is_ours_and_ignored_otherwise() {
    let rig = Rig::start(Options::default()).await;
    let mut roots = rustls::RootCertStore::empty();
    use rustls::pki_types::pem::PemObject as _;
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(rig.dir.path().join("certs/root.pem")).unwrap()).unwrap();
    for (offered, answered) in [(&["xmpp-client"][..], Some("xmpp-client")), (&["h2"], None), (&[], None)] {
        let tcp = TcpStream::connect(rig.direct).await.unwrap();
        let stream = tls_with(tcp, "lab.test", roots.clone(), offered).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol().map(String::from_utf8_lossy).as_deref(), answered, "{offered:?}");
    }
    let _ = rig.finish().await;
}

/// F-39: nobody listens on the server's port → `remote-connection-failed` inside TLS, ends as `upstream_failed`, every record kept
#[tokio::test]
async fn a_server_that_is_away_is_said_in_the_stream() {
    let rig = Rig::start(Options::default()).await;
    let Rig { starttls, .. } = rig;
    let closed = TcpStream::connect(starttls).await.unwrap();
    drop(closed);
    // Nobody listens on the server's port any more.
    let rig = {
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = gone.local_addr().unwrap().port();
        drop(gone);
        let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        use stanzascope::proxy::upstream::{TlsMode, TrustSource};
        Rig::start_with(Options::default(), other, port, TlsMode::None, TrustSource::Platform).await
    };
    let client = rig.tls(TcpStream::connect(rig.direct).await.unwrap(), "lab.test").await.unwrap();
    let mut client = Peer::new(client);
    for piece in [&HEADER[..30], &HEADER[30..60], &HEADER[60..]] {
        client.say(piece).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (said, _) = client.rest().await;
    assert!(said.contains("<remote-connection-failed"), "{said}");
    let log = rig.finish().await;
    assert_eq!(log.end(), "upstream_failed");
    let seqs: Vec<_> = log.records.iter().map(|r| r["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>(), "no record is missing");
    assert_eq!(log.values("stream.prolog"), ["present"]);
}

/// F-35: one side closes, the other goes on for 5 MB, either way round → all of it arrives, then both are closed
#[tokio::test]
async fn half_close_lets_the_other_side_finish() {
    let rig = Rig::start(Options::default()).await;
    let (mut client, mut server) = rig.connect().await;
    log_in(&mut client, &mut server).await;
    client.close().await;
    let (heard, in_order) = server.rest().await;
    assert!(heard.is_empty() && in_order);
    let late = "<message from='ben@lab.test'><body>late</body></message>".repeat(1000);
    let large = format!("<message><body>{}</body></message>", "x".repeat(1_000_000)).repeat(5);
    let late = late + &large;
    let (_, (said, in_order)) = tokio::join!(
        async {
            server.say(&late).await;
            server.close().await;
        },
        client.rest()
    );
    assert!(said == late && in_order, "{} of {} bytes", said.len(), late.len());
    drop((client, server));
    let log = rig.finish().await;
    assert_eq!(log.end(), "closed");
    assert_eq!(log.of("stanza").filter(|r| r["kind"] == "message").count(), 1005);

    let rig = Rig::start(Options::default()).await;
    let (mut client, mut server) = rig.connect().await;
    log_in(&mut client, &mut server).await;
    server.close().await;
    let (heard, _) = tokio::join!(server.rest(), async {
        client.say(&large).await;
        client.close().await;
    });
    assert!(heard == (large, true), "{} bytes", heard.0.len());
    drop((client, server));
    assert_eq!(rig.finish().await.end(), "closed");
}

#[tokio::test]
async fn a_stanza_without_end_becomes_a_gap() {
    let rig = Rig::start(Options::default()).await;
    let (mut client, mut server) = rig.connect().await;
    log_in(&mut client, &mut server).await;
    client.say("<message to='b@lab.test'><body>never en").await;
    server.hears("<message to='b@lab.test'><body>never en").await;
    drop(client);
    drop(server);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let log = rig.finish().await;
    let gaps: Vec<_> = log.of("stanza").filter_map(|r| r["gap"]["reason"].as_str()).collect();
    assert_eq!(gaps, ["truncated"]);
    assert_eq!(log.end(), "client_vanished");
}

/// What has begun to pass cannot be taken back: the rest follows unchanged, and nothing passes twice.
#[tokio::test]
async fn a_frame_too_large_to_hold_passes_as_it_is() {
    let rig = Rig::start(Options::default()).await;
    let (mut client, mut server) = rig.connect().await;
    log_in(&mut client, &mut server).await;
    let location = "<enabled xmlns='urn:xmpp:sm:3' id='x' location='other.lab.test:5222'>";
    let large = format!("{location}{}</enabled>", "<x/>".repeat(20_000));
    for piece in large.as_bytes().chunks(9000) {
        server.say_bytes(piece).await;
    }
    client.hears(&large).await;
    server.say("<message/>").await;
    client.hears("<message/>").await;
    drop((client, server));
    assert!(rig.finish().await.actions().is_empty());
}

/// F-20: stream header or login of 20,000 bytes → refused, no byte of it passes
/// The scope guard reads what opens a stream. What it cannot read does not pass, whole or in part.
#[tokio::test]
async fn what_is_too_long_to_read_before_login_does_not_pass() {
    let padding = "x".repeat(20_000);
    let header = HEADER.replace("to='lab.test'", &format!("padding='{padding}' to='real.example'"));
    let auth = AUTH.replace("mechanism=", &format!("padding='{padding}' mechanism="));
    for (text, condition, reason) in [(header, "bad-format", "not_xmpp"), (format!("{HEADER}{auth}"), "policy-violation", "too_long")] {
        for size in [1000, 100_000] {
            let rig = Rig::start(Options::default()).await;
            let (mut client, mut server) = rig.connect().await;
            for piece in text.as_bytes().chunks(size) {
                // The answer may come before the end.
                let _ = client.try_say(std::str::from_utf8(piece).unwrap()).await;
            }
            let (said, _) = client.rest().await;
            assert!(said.contains(condition), "{said}");
            let (heard, _) = server.rest().await;
            assert!(!heard.contains("padding"), "{}", &heard[..heard.len().min(300)]);
            assert_eq!(rig.finish().await.end(), reason);
        }
    }
}

/// However a session ends, what was begun is a gap and rules have their last word.
#[tokio::test]
async fn a_run_that_is_stopped_says_what_was_incomplete() {
    let rig = Rig::start(Options::default()).await;
    let (mut client, mut server) = rig.connect().await;
    log_in(&mut client, &mut server).await;
    client.say("<message to='b@lab.test'><body>never en").await;
    server.hears("<message to='b@lab.test'><body>never en").await;
    let log = rig.finish().await;
    let gaps: Vec<_> = log.of("stanza").filter_map(|r| r["gap"]["reason"].as_str()).collect();
    assert_eq!(gaps, ["truncated"]);
    assert_eq!(log.end(), "stopped");
}

/// A client that closed and reads nothing does not keep its session for ever.
#[tokio::test]
async fn a_side_that_takes_nothing_is_given_up() {
    let rig = Rig::start(Options::default()).await;
    let (mut client, mut server) = rig.connect().await;
    log_in(&mut client, &mut server).await;
    let (said, mut heard) = tokio::sync::watch::channel(());
    let flood = tokio::spawn(async move {
        let message = format!("<message from='ben@lab.test'><body>{}</body></message>", "x".repeat(1 << 20));
        while server.try_say(&message).await {
            said.send_replace(());
        }
    });
    // Until all buffers on the way are full.
    while let Ok(Ok(())) = tokio::time::timeout(std::time::Duration::from_secs(1), heard.changed()).await {}
    client.close().await;
    let log = rig.finish().await;
    assert_eq!(log.end(), "stopped");
    flood.await.unwrap();
    drop(client);
}

#[tokio::test]
async fn channel_binding_that_notices_the_proxy_speaks_for_the_client() {
    let rig = Rig::start(Options::default()).await;
    let (mut client, mut server) = rig.connect().await;
    let offer = PLAIN_OFFER.replace("PLAIN", "SCRAM-SHA-256-PLUS");
    client.say(HEADER).await;
    server.hears(HEADER).await;
    server.say(&format!("{SERVER_HEADER}{offer}")).await;
    client.hears(&format!("{SERVER_HEADER}{offer}")).await;
    // p=tls-exporter,,n=ann,r=x
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256-PLUS'>cD10bHMtZXhwb3J0ZXIsLG49YW5uLHI9eA==</auth>";
    client.say(auth).await;
    server.hears(auth).await;
    let failure = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>";
    server.say(failure).await;
    client.hears(failure).await;
    client.close().await;
    server.close().await;
    drop((client, server));
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let log = rig.finish().await;
    assert_eq!(log.rules(), ["channel-binding-noticed-proxy"]);
    let finding = log.of("finding").next().unwrap();
    assert_eq!(finding["favour"], "for");
    assert!(finding["advice"].as_str().unwrap().contains("--upstream-tls none"));
}

#[tokio::test]
async fn strip_takes_binding_out_of_the_offer() {
    let rig = Rig::start(Options { channel_binding: ChannelBinding::Strip, ..Options::default() }).await;
    let (mut client, mut server) = rig.connect().await;
    client.say(HEADER).await;
    server.hears(HEADER).await;
    let offer = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
    server.say(&format!("{SERVER_HEADER}{offer}")).await;
    client.hears(&format!("{SERVER_HEADER}{PLAIN_OFFER}")).await;
    drop((client, server));
    assert_eq!(rig.finish().await.actions(), ["channel_binding_stripped"]);
}

#[tokio::test]
async fn strangers_get_a_clear_answer() {
    let rig = Rig::start(Options::default()).await;
    let mut tcp = TcpStream::connect(rig.starttls).await.unwrap();
    tcp.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut said = String::new();
    tcp.read_to_string(&mut said).await.unwrap();
    assert!(said.contains("<bad-format"), "{said}");
    assert_eq!(rig.finish().await.end(), "not_xmpp");
}

#[tokio::test]
async fn a_transcript_audited_again_gives_the_same_records() {
    let rig = Rig::start(Options { transcript: true, ..Options::default() }).await;
    let (mut client, mut server) = rig.connect().await;
    log_in(&mut client, &mut server).await;
    client.say("<presence/> <message to='b@lab.test'><body>x</body></message>").await;
    server.hears("<presence/> <message to='b@lab.test'><body>x</body></message>").await;
    server.say("<message from='b@lab.test'><body>\u{1f980}</bo").await;
    client.hears("<message from='b@lab.test'><body>\u{1f980}</bo").await;
    drop((client, server));
    let log = rig.finish().await;
    let mut out = Vec::new();
    let transcript = std::fs::File::open(log.path.join("transcript.jsonl")).unwrap();
    let catalog = stanzascope::catalog::Catalog::builtin();
    stanzascope::scan::scan(&catalog, &Default::default(), &mut std::io::BufReader::new(transcript), &mut out).unwrap();
    let again: Vec<serde_json::Value> = String::from_utf8(out).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut stripped = again;
    stripped.iter_mut().for_each(|r| _ = r.as_object_mut().unwrap().remove("input"));
    assert_eq!(stripped.len(), log.records.len());
    for (again, before) in stripped.iter().zip(&log.records) {
        assert_eq!(again, before);
    }
}
