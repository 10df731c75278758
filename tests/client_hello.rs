//! A rustls client against a rustls server with a leaf of the test CA, in memory: what the proxy will really see.
#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, pki_types::ServerName};
use stanzascope::{
    ca::{Authority, Scope},
    proxy::client_hello::ClientHello,
};
use time::OffsetDateTime;

#[test]
fn a_returning_client_shows_its_ticket() {
    let tmp = tempfile::tempdir().unwrap();
    let now = OffsetDateTime::now_utc();
    let authority = Authority::create(tmp.path(), &Scope::new(&["lab.test"], &[]).unwrap(), now).unwrap();
    let leaf = authority.leaf(&["lab.test"], now).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(leaf)));
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls::pki_types::pem::PemObject::pem_slice_iter(authority.root_pem().as_bytes()).flatten());
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"xmpp-client".to_vec()];
    let (server, client) = (Arc::new(server), Arc::new(client));

    let first = handshake(&client, &server);
    assert_eq!(first.alpn, [b"xmpp-client".to_vec()]);
    assert_eq!(first.server_name.as_deref(), Some("lab.test"));
    assert!(first.supported_versions.contains(&0x0304) && !first.key_share_groups.is_empty());
    assert!(first.psk_identities.is_empty() && !first.facts().iter().any(|(field, _)| field.ends_with("psk_identity")));
    let second = handshake(&client, &server);
    assert_eq!(second.psk_identities.len(), 1);
    let ticket = format!("{} bytes", second.psk_identities[0]);
    assert!(second.facts().contains(&("transport.tls.psk_identity", ticket)));
}

/// Completes a handshake in memory and returns what the client said first.
fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> ClientHello {
    let mut client = ClientConnection::new(client.clone(), ServerName::try_from("lab.test").unwrap()).unwrap();
    let mut server = ServerConnection::new(server.clone()).unwrap();
    let mut first = Vec::new();
    loop {
        let mut sent = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut sent).unwrap();
        }
        if first.is_empty() {
            first.clone_from(&sent);
        }
        let mut input = sent.as_slice();
        while !input.is_empty() {
            server.read_tls(&mut input).unwrap();
            server.process_new_packets().unwrap();
        }
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        if sent.is_empty() && answer.is_empty() {
            assert!(!client.is_handshaking(), "the leaf is accepted");
            return ClientHello::parse(&first).unwrap().expect("complete");
        }
        let mut input = answer.as_slice();
        while !input.is_empty() {
            client.read_tls(&mut input).unwrap();
            client.process_new_packets().unwrap();
        }
    }
}
