//! T5: a payload that begins like a known format and can be unpacked was never encrypted. The formats are in `data/magic.toml`.
//! Those that need no unpacking also tell what file is sent where none of this procedure applies (`audit/file.rs`).

use std::sync::LazyLock;

use serde::Deserialize;

use super::found::Found;
use crate::xmpp::element::Element;

/// Unpacked bytes after which no more is asked for.
const MAX_UNPACKED: u64 = 1 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    magic: Vec<Magic>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Magic {
    name: String,
    parts: Vec<Part>,
    check: Check,
}

/// Offset and bytes in hexadecimal.
#[derive(Debug, Deserialize)]
struct Part(usize, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Check {
    None,
    Gzip,
    Zlib,
    Zstd,
    Json,
}

/// A format, ready to compare.
#[derive(Debug)]
struct Format {
    name: String,
    parts: Vec<(usize, Vec<u8>)>,
    check: Check,
}

/// The formats; and by first byte, whether any could begin so. Nearly always none can.
static FORMATS: LazyLock<(Vec<Format>, [bool; 256])> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../../../data/magic.toml")).expect("data/magic.toml is tested");
    let format = |magic: Magic| Format {
        parts: magic.parts.iter().map(|Part(at, hex)| (*at, bytes(hex))).collect(),
        name: magic.name,
        check: magic.check,
    };
    let formats: Vec<Format> = file.magic.into_iter().map(format).collect();
    let first = |format: &Format| format.parts.iter().find(|(at, _)| *at == 0).map(|(_, part)| part[0]);
    let may_begin = |byte: usize| formats.iter().any(|format| first(format).is_none_or(|first| usize::from(first) == byte));
    let beginnings = std::array::from_fn(may_begin);
    (formats, beginnings)
});

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).expect("data/magic.toml is tested") as u8;
    hex.as_bytes().as_chunks::<2>().0.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect()
}

/// T5.
pub fn check(payload: &[u8], place: Element<'_>, found: &mut Vec<Found>) {
    if let Some(name) = recognised(payload) {
        found.push(Found::leak("T5", place, format!("the payload is {name} data, not ciphertext"), "OPACITY 6.1").bytes(0, payload.len()));
    }
}

fn recognised(payload: &[u8]) -> Option<&'static str> {
    let (formats, beginnings) = &*FORMATS;
    if !beginnings[usize::from(*payload.first()?)] {
        return None;
    }
    formats.iter().filter(|format| begins(format, payload)).find(|format| holds(format.check, payload)).map(|format| format.name.as_str())
}

/// Whether a format could begin with this byte.
pub fn may_begin(byte: u8) -> bool {
    FORMATS.1[usize::from(byte)]
}

/// The format of a file of which only the beginning is at hand.
pub fn file(beginning: &[u8]) -> Option<&'static str> {
    FORMATS
        .0
        .iter()
        .filter(|format| format.check == Check::None)
        .find(|format| begins(format, beginning))
        .map(|format| format.name.as_str())
}

fn begins(format: &Format, bytes: &[u8]) -> bool {
    format.parts.iter().all(|(at, part)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(part)))
}

fn holds(check: Check, payload: &[u8]) -> bool {
    match check {
        Check::None => true,
        Check::Gzip => unpacks(flate2::read::GzDecoder::new(payload)),
        Check::Zlib => unpacks(flate2::read::ZlibDecoder::new(payload)),
        Check::Zstd => ruzstd::decoding::StreamingDecoder::new(payload).is_ok_and(unpacks),
        Check::Json => serde_json::from_slice::<serde::de::IgnoredAny>(payload).is_ok(),
    }
}

fn unpacks(decoder: impl std::io::Read) -> bool {
    std::io::copy(&mut decoder.take(MAX_UNPACKED), &mut std::io::sink()).is_ok_and(|unpacked| unpacked > 0)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_needs_no_check_is_long_enough() {
        for format in &FORMATS.0 {
            let length: usize = format.parts.iter().map(|(_, part)| part.len()).sum();
            assert!(format.check != Check::None || length >= 6, "{}: {length} bytes happen by chance", format.name);
        }
    }

    #[test]
    fn a_header_alone_is_not_enough() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(b"the text that should have been encrypted").unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(b"the text that should have been encrypted").unwrap();
        let zlib = zlib.finish().unwrap();
        assert_eq!(recognised(&gzip), Some("gzip"));
        assert_eq!(recognised(&zlib), Some("zlib"));
        assert_eq!(recognised(&gzip[..gzip.len() - 5]), None);
        assert_eq!(recognised(&[gzip[..12].to_vec(), vec![7; 40]].concat()), None);
        let zstd = ruzstd::encoding::compress_to_vec(&b"the text, the text, the text"[..], ruzstd::encoding::CompressionLevel::Fastest);
        assert_eq!(recognised(&zstd), Some("zstd"));
        assert_eq!(recognised(&[&zstd[..4], &[7; 40]].concat()), None);
        assert_eq!(recognised(b"\x78\x9c plus whatever comes by chance"), None);
        assert_eq!(recognised(b"{\"body\": \"x\"}"), Some("JSON"));
        assert_eq!(recognised(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some("PNG"));
    }
}
