//! JA3 and JA4: short names for a ClientHello that public lists of clients use.
//!
//! JA4 is the TLS client part of FoxIO's JA4+ (BSD licence), as its `technical_details/JA4.md` defines it, for TCP.

use md5::Md5;
use sha2::{Digest, Sha256};

use super::{ALPN, ClientHello, SERVER_NAME, names::is_grease};

impl ClientHello {
    /// JA3: MD5 over version, ciphers, extensions, groups and point formats in the order sent, as 32 hex digits.
    ///
    /// Clients that shuffle their extensions get another one each time; [`Self::ja4`] does not have that weakness.
    #[must_use]
    pub fn ja3(&self) -> String {
        hex(&Md5::digest(self.ja3_text()))
    }

    /// JA4, such as `t13d1516h2_8daaf6152771_e5627efa2ab1`.
    #[must_use]
    pub fn ja4(&self) -> String {
        let ciphers = without_grease(&self.cipher_suites);
        let extensions = without_grease(&self.extensions);
        let sni = if self.extensions.contains(&SERVER_NAME) { 'd' } else { 'i' };
        let counts = [ciphers.len(), extensions.len()].map(|count| count.min(99));
        let (first, last) = self.alpn_ends();

        let hashed: Vec<u16> = extensions.into_iter().filter(|kind| ![SERVER_NAME, ALPN].contains(kind)).collect();
        let mut offered = sorted_hex(&hashed);
        let schemes = without_grease(&self.signature_algorithms);
        if !schemes.is_empty() && !offered.is_empty() {
            // The signature algorithms stay in the order sent: it tells clients apart.
            offered = format!("{offered}_{}", join_hex(&schemes));
        }
        let (ciphers, offered) = (hash12(&sorted_hex(&ciphers)), hash12(&offered));
        format!("t{}{sni}{:02}{:02}{first}{last}_{ciphers}_{offered}", self.ja4_version(), counts[0], counts[1])
    }

    fn ja3_text(&self) -> String {
        let list = |numbers: &[u16]| {
            let decimal: Vec<String> = without_grease(numbers).iter().map(u16::to_string).collect();
            decimal.join("-")
        };
        let points: Vec<String> = self.point_formats.iter().map(u8::to_string).collect();
        let (ciphers, extensions, groups) = (list(&self.cipher_suites), list(&self.extensions), list(&self.groups));
        format!("{},{ciphers},{extensions},{groups},{}", self.legacy_version, points.join("-"))
    }

    fn ja4_version(&self) -> &'static str {
        let highest = without_grease(&self.supported_versions).into_iter().max().unwrap_or(self.legacy_version);
        match highest {
            0x0304 => "13",
            0x0303 => "12",
            0x0302 => "11",
            0x0301 => "10",
            0x0300 => "s3",
            0x0002 => "s2",
            _ => "00",
        }
    }

    /// First and last character of the first protocol, of its hex digits when either is not a letter or digit.
    fn alpn_ends(&self) -> (char, char) {
        let Some([first, .., last] | [first @ last]) = self.alpn.first().map(Vec::as_slice) else {
            return ('0', '0');
        };
        if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
            return (char::from(*first), char::from(*last));
        }
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
        (digit(first >> 4), digit(last & 0xf))
    }
}

fn without_grease(numbers: &[u16]) -> Vec<u16> {
    numbers.iter().copied().filter(|number| !is_grease(*number)).collect()
}

fn sorted_hex(numbers: &[u16]) -> String {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    join_hex(&sorted)
}

fn join_hex(numbers: &[u16]) -> String {
    let digits: Vec<String> = numbers.iter().map(|number| format!("{number:04x}")).collect();
    digits.join(",")
}

fn hash12(text: &str) -> String {
    if text.is_empty() { "0".repeat(12) } else { hex(&Sha256::digest(text)[..6]) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::client_hello::captured::{CAPTURED, bytes};

    #[test]
    fn fingerprints_are_those_other_tools_compute() {
        for (hex, ja3, ja4) in CAPTURED {
            let hello = ClientHello::parse(&bytes(hex)).unwrap().unwrap();
            assert_eq!((hello.ja3().as_str(), hello.ja4().as_str()), (ja3, ja4));
            assert_eq!(hello.malformed, [0u16; 0]);
        }
    }

    #[test]
    fn the_example_of_the_ja4_specification() {
        let hello = ClientHello {
            legacy_version: 0x0303,
            supported_versions: vec![0x6a6a, 0x0304, 0x0303],
            cipher_suites: vec![
                0xdada, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
                0x0035,
            ],
            extensions: vec![
                0x5a5a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b,
                0x000a, 0x0015, 0xbaba,
            ],
            alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            signature_algorithms: vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
            ..ClientHello::default()
        };
        assert_eq!(hello.ja4(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    }

    #[test]
    fn the_ends_of_ja4() {
        let ja4 = |alpn: &[&[u8]]| ClientHello { alpn: alpn.iter().map(|p| p.to_vec()).collect(), ..ClientHello::default() }.ja4();
        assert_eq!(ja4(&[]), "t00i000000_000000000000_000000000000");
        assert!(ja4(&[b"h"]).starts_with("t00i0000hh_"));
        assert!(ja4(&[b""]).starts_with("t00i000000_"));
        assert!(ja4(&[b"\xab\xcd"]).starts_with("t00i0000ad_"));
        assert!(ja4(&[b"\xab"]).starts_with("t00i0000ab_"));
        let many = ClientHello { cipher_suites: (0..200).collect(), ..ClientHello::default() };
        assert!(many.ja4().starts_with("t00i990000_"));
    }
}
