use std::fmt::Write;

use proptest::prelude::*;

use super::{
    captured::{CAPTURED, bytes},
    *,
};

fn parse(received: &[u8]) -> ClientHello {
    ClientHello::parse(received).unwrap().expect("complete")
}

/// The same handshake message in records of `size` bytes each.
fn in_records(hello: &[u8], size: usize) -> Vec<u8> {
    let records = hello[5..].chunks(size).map(|part| [&[22, 3, 1], &(part.len() as u16).to_be_bytes()[..], part].concat());
    records.flatten().collect()
}

#[test]
fn facts_in_words() {
    let mut text = String::new();
    for (field, value) in parse(&bytes(CAPTURED[0].0)).facts() {
        writeln!(text, "{field} = {value}").unwrap();
    }
    insta::assert_snapshot!(text);
    let old = parse(&bytes(CAPTURED[1].0)).facts();
    assert!(old.contains(&("transport.tls.versions_offered", "up to TLS 1.2".to_owned())));
    assert!(old.iter().all(|(field, _)| *field != "transport.tls.sni"));
}

#[test]
fn every_fact_has_a_row_in_the_catalog() {
    let catalog = crate::catalog::Catalog::builtin();
    let psk = [&[0, 9, 0, 3], &b"abc"[..], &[0; 4], &[0, 3, 2, 1, 1]].concat();
    let rare = with_extensions(&[(ENCRYPTED_CLIENT_HELLO, b"\0"), (EARLY_DATA, b""), (PRE_SHARED_KEY, &psk)]);
    let mut ids: Vec<_> = [bytes(CAPTURED[0].0), rare].iter().flat_map(|hello| parse(hello).facts()).collect();
    ids.sort_unstable();
    ids.dedup_by_key(|(id, _)| *id);
    assert_eq!(ids.len(), 15, "all that can be told is told here");
    for (id, _) in ids {
        assert!(catalog.by_id(id).is_some(), "{id}");
    }
}

#[test]
fn any_fragmentation_gives_the_same() {
    for (hex, ..) in CAPTURED {
        let whole = bytes(hex);
        let expected = parse(&whole);
        let parts = whole.len() - 5;
        for pieces in [1, 5, 100, parts] {
            let received = in_records(&whole, parts.div_ceil(pieces));
            for end in 0..received.len() {
                assert_eq!(ClientHello::parse(&received[..end]), Ok(None), "{end} of {} bytes", received.len());
            }
            assert_eq!(parse(&received), expected);
            assert_eq!(parse(&[received, b"what comes after".to_vec()].concat()), expected);
        }
    }
}

#[test]
fn what_is_no_client_hello_is_said_at_once() {
    for (received, error) in [
        (&b"<"[..], Error::NotHandshake(b'<')),
        (&[21, 3, 1], Error::NotHandshake(21)),
        (&[0x80, 0x2e, 1], Error::Ssl2),
        (&[0x80, 0x2e, 7], Error::NotHandshake(0x80)),
        (&[22, 2], Error::Malformed("record of no known version")),
        (&[22, 3, 1, 0, 1, 2], Error::OtherMessage(2)),
        (&[22, 3, 1, 0, 4, 1, 1, 0, 0], Error::TooLong),
        (&[22, 3, 1, 0x40, 1], Error::Malformed("record longer than 16,384 bytes")),
        (&[22, 3, 1, 0, 4, 1, 0, 0, 0], Error::Malformed("no version")),
    ] {
        assert_eq!(ClientHello::parse(received), Err(error), "{received:?}");
    }
}

#[test]
fn a_flood_of_empty_records_ends() {
    let empty = [22, 3, 1, 0, 0].repeat(MAX_RECORDS);
    assert_eq!(ClientHello::parse(&empty), Ok(None));
    assert_eq!(ClientHello::parse(&[22, 3, 1, 0, 0].repeat(MAX_RECORDS + 1)), Err(Error::TooLong));
}

#[test]
fn what_else_a_client_may_offer() {
    let psk = [&[0, 18, 0, 3], &b"abc"[..], &[0; 4], &[0, 3], b"def", &[0; 4], &[0, 3, 2, 1, 1]].concat();
    let hello = with_extensions(&[
        (0x0a0a, b""),
        (ENCRYPTED_CLIENT_HELLO, b"\0anything"),
        (SESSION_TICKET, &[7; 192]),
        (EARLY_DATA, b""),
        (PRE_SHARED_KEY, &psk),
    ]);
    let hello = parse(&hello);
    assert_eq!(hello.malformed, [0u16; 0]);
    let facts = hello.facts();
    for (field, value) in [
        ("transport.tls.ech", "present"),
        ("transport.tls.early_data", "present"),
        ("transport.tls.psk_identity", "3 bytes,3 bytes,192 bytes (TLS 1.2 ticket)"),
        ("transport.tls.compression_methods", "deflate,null"),
        ("transport.tls.cipher_suites_offered", "TLS_AES_128_GCM_SHA256,0x1399,GREASE"),
        ("transport.tls.extensions_offered", "GREASE,encrypted_client_hello,session_ticket,early_data,pre_shared_key"),
    ] {
        assert!(facts.contains(&(field, value.to_owned())), "{field}: {facts:?}");
    }
    // Asking for a ticket shows nothing of the past.
    let asks = parse(&with_extensions(&[(SESSION_TICKET, b"")]));
    assert_eq!((asks.session_ticket, asks.tickets().as_str()), (Some(0), ""));
}

#[test]
fn a_body_cut_short_or_too_long_is_malformed() {
    let whole = with_extensions(&[(SERVER_NAME, b"\0\0")]);
    let body = &whole[9..];
    for end in 0..body.len() {
        // Without extensions at all it is a ClientHello of old.
        let old = end == body.len() - 8;
        assert_eq!(ClientHello::from_body(&body[..end]).is_ok(), old, "{end} of {}", body.len());
    }
    let long = [body, b"\0"].concat();
    assert_eq!(ClientHello::from_body(&long), Err(Error::Malformed("bytes after the extensions")));
}

/// A ClientHello with three cipher suites, two compression methods and these extensions, in one record.
fn with_extensions(extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let vec16 = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
    let list: Vec<u8> = extensions.iter().flat_map(|(kind, content)| [kind.to_be_bytes().to_vec(), vec16(content)].concat()).collect();
    let ciphers = [0x13, 1, 0x13, 0x99, 0x3a, 0x3a];
    let body = [&[3, 3], &[9; 32][..], &[0], &vec16(&ciphers), &[2, 1, 0], &vec16(&list)].concat();
    let message = [&[1, 0], &vec16(&body)[..]].concat();
    [&[22, 3, 1], &vec16(&message)[..]].concat()
}

#[test]
fn a_malformed_extension_does_not_hide_the_rest() {
    let mut hello = bytes(CAPTURED[0].0);
    // The length of the list of protocols, one too many.
    let alpn = hello.windows(4).position(|w| w == [0, 16, 0, 14]).unwrap();
    hello[alpn + 5] += 1;
    let hello = parse(&hello);
    assert_eq!(hello.malformed, [ALPN]);
    assert!(hello.alpn.is_empty() && hello.server_name.as_deref() == Some("lab.test") && hello.extensions.contains(&ALPN));
}

#[test]
fn unprintable_names_are_escaped() {
    let mut hello = bytes(CAPTURED[0].0);
    let name = hello.windows(8).position(|w| w == b"lab.test").unwrap();
    hello[name..name + 4].copy_from_slice(b"\x1b[\xff\n");
    assert_eq!(parse(&hello).facts()[0], ("transport.tls.sni", r"\x1b[\xff\ntest".to_owned()));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(received: Vec<u8>) {
        let _ = ClientHello::parse(&received);
        let record = [&[22, 3, 1], &(received.len() as u16).to_be_bytes()[..], &received].concat();
        let _ = ClientHello::parse(&record);
        let _ = ClientHello::from_body(&received);
    }

    #[test]
    fn no_damage_makes_it_panic(which in 0..CAPTURED.len(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut received = bytes(CAPTURED[which].0);
        let at = at.index(received.len());
        received[at] = byte;
        if let Ok(Some(hello)) = ClientHello::parse(&received) {
            for (_, value) in hello.facts() {
                prop_assert!(value.bytes().all(|b| (0x20..0x7f).contains(&b)));
            }
        }
        let _ = ClientHello::parse(&received[..cut.index(received.len())]);
    }
}
