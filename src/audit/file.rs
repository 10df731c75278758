//! What file begins in a base64 text: its format, and whether a picture carries what the camera wrote into it.
//!
//! Redaction leaves no bytes to look at later, so that it is noted when a text is hidden (`[base64 PNG, 240 bytes]`). Formats are those of
//! `data/magic.toml` that six bytes or more tell apart; chance does not give them.

use super::base64;
use super::opacity::magic;

/// What a picture with metadata is called after its format.
pub const EXIF: &str = " with Exif";

/// The same when a position is in it.
pub const POSITION: &str = " with Exif and position";

/// Symbols that are decoded to recognise a format.
const BEGINNING: usize = 24;

/// Symbols of a picture that are decoded to look for metadata: a segment has no more than 64 KiB.
const MAX_SYMBOLS: usize = 90_000;

/// Tag of the pointer to the directory of the position (Exif 3.0 §4.6.3).
const GPS_IFD: u16 = 0x8825;

/// A file, as far as its beginning tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Its format.
    pub format: &'static str,
    /// [`EXIF`], [`POSITION`] or nothing.
    pub metadata: &'static str,
}

/// The file that begins in a base64 text; white space is ignored. One look at two symbols is all that most texts cost.
pub fn begins_in(text: &str) -> Option<File> {
    let mut symbols = text.bytes().filter(|b| !b.is_ascii_whitespace());
    let first = value_of(symbols.next()?)? << 2 | value_of(symbols.next()?)? >> 4;
    if !magic::may_begin(first) {
        return None;
    }
    let format = magic::file(&decoded(text, BEGINNING)?)?;
    let metadata: fn(&[u8]) -> Option<&[u8]> = match format.split(' ').next()? {
        "JPEG" => exif_of_jpeg,
        "PNG" => exif_of_png,
        "WebP" => exif_of_webp,
        _ => return Some(File { format, metadata: "" }),
    };
    let bytes = decoded(text, MAX_SYMBOLS)?;
    let metadata = metadata(&bytes).map_or("", |exif| if has_position(exif) == Some(true) { POSITION } else { EXIF });
    Some(File { format, metadata })
}

fn value_of(symbol: u8) -> Option<u8> {
    match symbol {
        b'A'..=b'Z' => Some(symbol - b'A'),
        b'a'..=b'z' => Some(symbol - b'a' + 26),
        b'0'..=b'9' => Some(symbol - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// What the first symbols stand for.
fn decoded(text: &str, max: usize) -> Option<Vec<u8>> {
    let mut symbols: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).take(max).collect();
    symbols.truncate(symbols.len() / 4 * 4);
    let mut bytes = Vec::new();
    base64::decode_onto(&symbols, &mut bytes).then_some(bytes)
}

/// The Exif segment (APP1) among those before the picture's data.
fn exif_of_jpeg(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(2..)?;
    loop {
        let (marker, length) = (rest.get(..2)?, rest.get(2..4)?);
        // Data begins, or what follows is no segment.
        if marker[0] != 0xff || matches!(marker[1], 0xda | 0xd9) {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let segment = rest.get(4..(2 + length).min(rest.len()))?;
        if let (0xe1, Some(exif)) = (marker[1], segment.strip_prefix(b"Exif\0\0")) {
            return Some(exif);
        }
        rest = rest.get(2 + length..)?;
    }
}

/// The `eXIf` chunk.
fn exif_of_png(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(8..)?;
    loop {
        let length = u32::from_be_bytes(rest.first_chunk().copied()?) as usize;
        let data = rest.get(8..)?;
        if &rest[4..8] == b"eXIf" {
            return Some(&data[..length.min(data.len())]);
        }
        rest = data.get(length.checked_add(4)?..)?;
    }
}

/// The `EXIF` chunk.
fn exif_of_webp(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(12..)?;
    loop {
        let data = rest.get(8..)?;
        let length = u32::from_le_bytes(*rest[4..].first_chunk()?) as usize;
        if &rest[..4] == b"EXIF" {
            let exif = &data[..length.min(data.len())];
            return Some(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
        }
        rest = data.get(length.checked_add(length & 1)?..)?;
    }
}

/// Whether the first directory points to one of a position.
fn has_position(exif: &[u8]) -> Option<bool> {
    let big = match exif.get(..2)? {
        b"MM" => true,
        b"II" => false,
        _ => return None,
    };
    let two = |at: usize| -> Option<u16> {
        let bytes = *exif.get(at..)?.first_chunk()?;
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let four = *exif.get(4..)?.first_chunk()?;
    let directory = (if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }) as usize;
    let entries = usize::from(two(directory)?);
    Some((0..entries).map_while(|entry| two(directory.checked_add(2 + 12 * entry)?)).any(|tag| tag == GPS_IFD))
}

#[cfg(test)]
mod tests {
    use ::base64::Engine as _;
    use ::base64::engine::general_purpose::STANDARD;

    use super::*;

    /// Exif data with a directory of these tags.
    fn exif(big: bool, tags: &[u16]) -> Vec<u8> {
        let two = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let four = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let mut bytes = if big { b"MM".to_vec() } else { b"II".to_vec() };
        bytes.extend(two(42));
        bytes.extend(four(8));
        bytes.extend(two(tags.len() as u16));
        for tag in tags {
            bytes.extend([two(*tag), two(4)].concat());
            bytes.extend([four(1), four(0)].concat());
        }
        bytes.extend(four(0));
        bytes
    }

    fn jpeg(segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8];
        for (marker, data) in segments {
            bytes.extend([0xff, *marker]);
            bytes.extend((data.len() as u16 + 2).to_be_bytes());
            bytes.extend(data);
        }
        bytes.extend([0xff, 0xda, 0, 2, 7, 7, 7]);
        bytes
    }

    fn png(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, data) in chunks {
            bytes.extend((data.len() as u32).to_be_bytes());
            bytes.extend(*kind);
            bytes.extend(data);
            bytes.extend([0; 4]);
        }
        bytes
    }

    fn webp(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WEBP".to_vec();
        for (kind, data) in chunks {
            bytes.extend(*kind);
            bytes.extend((data.len() as u32).to_le_bytes());
            bytes.extend(data);
            bytes.extend(vec![0; data.len() & 1]);
        }
        bytes
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<&str>) {
        let text = STANDARD.encode(bytes);
        let lines: String = text.as_bytes().chunks(40).map(|line| format!("\n  {}", str::from_utf8(line).unwrap())).collect();
        for text in [&text, &lines] {
            let found = begins_in(text).map(|file| format!("{}{}", file.format, file.metadata));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn pictures_with_and_without_metadata() {
        let app1 = |exif: Vec<u8>| (0xe1, [b"Exif\0\0".to_vec(), exif].concat());
        let jfif = (0xe0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0".to_vec());
        check(&jpeg(&[jfif.clone(), (0xdb, vec![1; 65])]), Some("JPEG (JFIF)"));
        check(&jpeg(&[app1(exif(true, &[0x010f, GPS_IFD]))]), Some("JPEG (EXIF) with Exif and position"));
        check(&jpeg(&[app1(exif(false, &[0x010f, 0x8769]))]), Some("JPEG (EXIF) with Exif"));
        check(
            &jpeg(&[jfif, (0xe1, b"http://ns.adobe.com/xap/1.0/\0".to_vec()), app1(exif(false, &[GPS_IFD]))]),
            Some("JPEG (JFIF) with Exif and position"),
        );
        let (head, data) = ((b"IHDR", vec![0; 13]), (b"IDAT", vec![9; 700]));
        check(&png(&[head.clone(), data.clone(), (b"IEND", vec![])]), Some("PNG"));
        check(&png(&[head, data, (b"eXIf", exif(true, &[GPS_IFD]))]), Some("PNG with Exif and position"));
        check(&webp(&[(b"VP8 ", vec![3; 31])]), Some("WebP"));
        check(&webp(&[(b"VP8 ", vec![3; 31]), (b"EXIF", exif(false, &[0x010f]))]), Some("WebP with Exif"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_too_wrong(start in 0..3usize, rest in proptest::collection::vec(0u8.., 0..200), cut in 0usize..4) {
            let starts: [&[u8]; 3] = [b"\xff\xd8\xff\xe1\0\x20Exif\0\0MM\0*\0\0", b"\x89PNG\r\n\x1a\n\0\0\0", b"RIFF\0\0\0\0WEBPEXIF"];
            let text = STANDARD.encode([starts[start], &rest].concat());
            let _ = begins_in(&text[..text.len() - cut]);
        }
    }

    #[test]
    fn what_is_cut_or_no_file_is_not_misread() {
        let app1 = (0xe1, [b"Exif\0\0".to_vec(), exif(true, &[0x010f, GPS_IFD])].concat());
        let whole = jpeg(&[app1]);
        // The pointer to the position is cut off, and the segment does not end.
        check(&whole[..30], Some("JPEG (EXIF) with Exif"));
        check(b"\x00\x10random bytes as ciphertext has them", None);
        check(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", Some("PDF"));
        check(&png(&[(b"IHDR", vec![0; 3])])[..20], Some("PNG"));
        for text in ["", "/", "//", "iVBO", "iVBORw0KGgo!", "é", "[base64, 80 bytes]"] {
            assert_eq!(begins_in(text), None, "{text}");
        }
    }
}
