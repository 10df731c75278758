//! Real clients over a real socket: they accept the chain as the proxy sends it, and their ClientHello is read.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, sign::SingleCertAndKey};
use stanzascope::proxy::client_hello::ClientHello;

use crate::forge::Lab;

/// Starts a client with the port, waits for it, and returns what it offered. Fails unless the client was content.
pub fn accepted_by(program: &str, package: &str, args: impl Fn(&Lab, u16) -> Vec<String>) -> ClientHello {
    let lab = Lab::new();
    let now = time::OffsetDateTime::now_utc();
    let leaf = lab.authority.leaf(&["lab.test", "localhost", "127.0.0.1", "::1"], now).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(leaf)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = Command::new(program)
        .args(args(&lab, port))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {program}: {error} (apt-get install {package})"));
    let server = thread::spawn(move || serve(listener.accept().unwrap().0, config));
    let output = client.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{program} refuses: {text}");
    server.join().unwrap()
}

/// Reads the ClientHello piece by piece, hands it to rustls, completes the handshake and closes.
fn serve(mut socket: TcpStream, config: ServerConfig) -> ClientHello {
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut received = Vec::new();
    let hello = loop {
        let mut piece = [0; 100];
        let length = socket.read(&mut piece).unwrap();
        assert_ne!(length, 0, "closed before the end of the ClientHello");
        received.extend_from_slice(&piece[..length]);
        if let Some(hello) = ClientHello::parse(&received).unwrap() {
            break hello;
        }
    };
    let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
    let mut first = received.as_slice();
    while !first.is_empty() {
        tls.read_tls(&mut first).unwrap();
        tls.process_new_packets().unwrap();
    }
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).unwrap();
    }
    tls.writer().write_all(b"welcome\n").unwrap();
    tls.send_close_notify();
    // The client may be gone already: it has seen what it came for.
    let _ = tls.complete_io(&mut socket);
    hello
}
