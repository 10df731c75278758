//! Names for TLS's numbers, as the registry has them; `0x…` for those without.

use rustls::{CipherSuite, NamedGroup};

/// Values that clients send to keep servers tolerant (RFC 8701); they mean nothing and vary between connections.
pub(super) fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

pub(super) fn version(number: u16) -> String {
    match number {
        0x0002 => "SSL 2.0".to_owned(),
        0x0300 => "SSL 3.0".to_owned(),
        0x0301..=0x0304 => format!("TLS 1.{}", number - 0x0301),
        _ => unnamed(number),
    }
}

pub(super) fn cipher_suite(number: u16) -> String {
    // rustls calls those of TLS 1.3 TLS13_…, the registry TLS_….
    CipherSuite::from(number).as_str().map_or_else(|| unnamed(number), |name| name.replacen("TLS13_", "TLS_", 1))
}

pub(super) fn group(number: u16) -> String {
    match NamedGroup::from(number).as_str() {
        None => unnamed(number),
        Some(name) if name.contains("MLKEM") => name.to_owned(),
        // The registry writes all others in lower case.
        Some(name) => name.to_ascii_lowercase(),
    }
}

pub(super) fn signature_scheme(number: u16) -> String {
    look_up(&SIGNATURE_SCHEMES, number)
}

pub(super) fn extension(number: u16) -> String {
    look_up(&EXTENSIONS, number)
}

pub(super) fn compression(number: u8) -> String {
    match number {
        0 => "null".to_owned(),
        1 => "deflate".to_owned(),
        64 => "lzs".to_owned(),
        _ => format!("{number:#04x}"),
    }
}

fn look_up(table: &[(u16, &str)], number: u16) -> String {
    table.iter().find(|(known, _)| *known == number).map_or_else(|| unnamed(number), |(_, name)| (*name).to_owned())
}

fn unnamed(number: u16) -> String {
    if is_grease(number) { "GREASE".to_owned() } else { format!("{number:#06x}") }
}

/// Those that real clients send, from IANA's "TLS ExtensionType Values".
const EXTENSIONS: [(u16, &str); 31] = [
    (0, "server_name"),
    (1, "max_fragment_length"),
    (5, "status_request"),
    (10, "supported_groups"),
    (11, "ec_point_formats"),
    (12, "srp"),
    (13, "signature_algorithms"),
    (14, "use_srtp"),
    (15, "heartbeat"),
    (16, "application_layer_protocol_negotiation"),
    (17, "status_request_v2"),
    (18, "signed_certificate_timestamp"),
    (21, "padding"),
    (22, "encrypt_then_mac"),
    (23, "extended_master_secret"),
    (27, "compress_certificate"),
    (28, "record_size_limit"),
    (34, "delegated_credential"),
    (35, "session_ticket"),
    (41, "pre_shared_key"),
    (42, "early_data"),
    (43, "supported_versions"),
    (44, "cookie"),
    (45, "psk_key_exchange_modes"),
    (47, "certificate_authorities"),
    (49, "post_handshake_auth"),
    (50, "signature_algorithms_cert"),
    (51, "key_share"),
    (13172, "next_protocol_negotiation"),
    (0xfe0d, "encrypted_client_hello"),
    (0xff01, "renegotiation_info"),
];

/// From IANA's "TLS SignatureScheme"; the pairs of hash and algorithm of TLS 1.2 that have no name there keep their
/// name of RFC 5246.
const SIGNATURE_SCHEMES: [(u16, &str); 27] = [
    (0x0201, "rsa_pkcs1_sha1"),
    (0x0202, "dsa_sha1"),
    (0x0203, "ecdsa_sha1"),
    (0x0301, "rsa_sha224"),
    (0x0302, "dsa_sha224"),
    (0x0303, "ecdsa_sha224"),
    (0x0401, "rsa_pkcs1_sha256"),
    (0x0402, "dsa_sha256"),
    (0x0403, "ecdsa_secp256r1_sha256"),
    (0x0501, "rsa_pkcs1_sha384"),
    (0x0502, "dsa_sha384"),
    (0x0503, "ecdsa_secp384r1_sha384"),
    (0x0601, "rsa_pkcs1_sha512"),
    (0x0602, "dsa_sha512"),
    (0x0603, "ecdsa_secp521r1_sha512"),
    (0x0804, "rsa_pss_rsae_sha256"),
    (0x0805, "rsa_pss_rsae_sha384"),
    (0x0806, "rsa_pss_rsae_sha512"),
    (0x0807, "ed25519"),
    (0x0808, "ed448"),
    (0x0809, "rsa_pss_pss_sha256"),
    (0x080a, "rsa_pss_pss_sha384"),
    (0x080b, "rsa_pss_pss_sha512"),
    (0x081a, "ecdsa_brainpoolP256r1tls13_sha256"),
    (0x0904, "mldsa44"),
    (0x0905, "mldsa65"),
    (0x0906, "mldsa87"),
];
