//! The test CA as real verifiers see it: a leaf inside the scope is accepted, one outside is refused by every one of them,
//! even when it was signed with the very key of the intermediate (S-01).
//!
//! Needs, on Debian: `apt-get install openssl gnutls-bin libnss3-tools openjdk-17-jdk-headless python3`.
//! They are ignored unless asked for (`cargo test --test ca_external -- --include-ignored`); a missing tool then fails the test
//! that needs it. The one of webpki needs nothing and always runs.
#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

#[path = "ca_external/forge.rs"]
mod forge;
#[path = "ca_external/handshake.rs"]
mod handshake;
#[path = "ca_external/verifiers.rs"]
mod verifiers;

use forge::{Lab, Leaf};
use handshake::accepted_by;

/// Checks every case but those named with one verifier, which answers for each leaf in order.
fn check(verify: fn(&Lab, &[Leaf]) -> verifiers::Answers, but: &[&str]) {
    let lab = Lab::new();
    let leaves: Vec<Leaf> = lab.leaves().into_iter().filter(|leaf| !but.contains(&leaf.name)).collect();
    let answers = verify(&lab, &leaves);
    assert_eq!(answers.len(), leaves.len());
    let wrong: Vec<String> = leaves
        .iter()
        .zip(answers)
        .filter(|(leaf, answer)| leaf.acceptable != answer.is_ok())
        .map(|(leaf, answer)| format!("{} (acceptable: {}): {answer:?}", leaf.name, leaf.acceptable))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "needs openssl"]
fn openssl_keeps_to_the_scope() {
    check(verifiers::openssl, &[]);
}

#[test]
#[ignore = "needs gnutls-bin"]
fn gnutls_keeps_to_the_scope() {
    // GnuTLS 3.7 does not look at constraints on URIs. No TLS client takes a URI for the name of its server.
    check(verifiers::gnutls, &["a URI"]);
}

#[test]
#[ignore = "needs libnss3-tools"]
fn nss_keeps_to_the_scope() {
    check(verifiers::nss, &[]);
}

#[test]
fn webpki_keeps_to_the_scope() {
    check(verifiers::webpki, &[]);
}

#[test]
#[ignore = "needs openjdk-17-jdk-headless"]
fn java_keeps_to_the_scope() {
    check(verifiers::java, &[]);
}

#[test]
#[ignore = "needs openssl"]
fn openssl_connects_by_domain() {
    let hello = accepted_by("openssl", "openssl", |lab, port| {
        let connect = format!("127.0.0.1:{port}");
        let root = lab.path("root.pem");
        let args = ["s_client", "-connect", &connect, "-servername", "lab.test", "-verify_hostname", "lab.test", "-CAfile", &root];
        args.into_iter().chain(["-no-CApath", "-no-CAstore", "-verify_return_error"]).map(str::to_owned).collect()
    });
    assert_eq!(hello.server_name.as_deref(), Some("lab.test"));
}

#[test]
#[ignore = "needs gnutls-bin"]
fn gnutls_connects_by_name() {
    let hello = accepted_by("gnutls-cli", "gnutls-bin", |lab, port| {
        let (port, root) = (port.to_string(), lab.path("root.pem"));
        ["--x509cafile", &root, "--alpn", "xmpp-client", "-p", &port, "localhost"].map(str::to_owned).into()
    });
    assert_eq!(hello.alpn, [b"xmpp-client".to_vec()]);
}

#[test]
#[ignore = "needs python3"]
fn python_connects_by_address() {
    let program = "import socket, ssl, sys\n\
                   context = ssl.create_default_context(cafile=sys.argv[1])\n\
                   connection = socket.create_connection(('127.0.0.1', int(sys.argv[2])))\n\
                   assert context.wrap_socket(connection, server_hostname='127.0.0.1').read() == b'welcome\\n'";
    let hello =
        accepted_by("python3", "python3", |lab, port| ["-c", program, &lab.path("root.pem"), &port.to_string()].map(str::to_owned).into());
    assert_eq!(hello.server_name, None, "an address is not sent as a name");
}
