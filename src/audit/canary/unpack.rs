//! Compressed data unpacked, as far as it is what it says: the whole of it has to unpack, at most [`MAX_EXPANSION`] bytes are kept.

use std::io::Read;

use super::coding::Coding;

/// Bytes of an expansion that are looked at.
pub const MAX_EXPANSION: usize = 1 << 20;
/// Shortest data worth trying: nothing of eight bytes compresses to less.
const MIN_BYTES: usize = 9;

/// What these bytes unpack to, for each format that they are.
pub fn each(data: &[u8], mut out: impl FnMut(Coding, Vec<u8>)) {
    if data.len() < MIN_BYTES {
        return;
    }
    let mut add = |coding, unpacked: Option<Vec<u8>>| unpacked.into_iter().for_each(|bytes| out(coding, bytes));
    match magic(data) {
        // Several may follow each other; or something else follows the first, such as the padding of a cipher.
        Some(Coding::Gzip) => {
            let several = all(flate2::read::MultiGzDecoder::new(data));
            return add(Coding::Gzip, several.or_else(|| all(flate2::read::GzDecoder::new(data))));
        }
        Some(Coding::Bzip2) => {
            let several = all(bzip2::read::MultiBzDecoder::new(data));
            return add(Coding::Bzip2, several.or_else(|| all(bzip2::read::BzDecoder::new(data))));
        }
        Some(Coding::Xz) if dictionary_is_small(data) => {
            let several = all(lzma_rust2::XzReader::new(data, true));
            return add(Coding::Xz, several.or_else(|| all(lzma_rust2::XzReader::new(data, false))));
        }
        Some(Coding::Zstd) => return add(Coding::Zstd, zstd(data)),
        // Two bytes are no evidence: what is no zlib may still be another.
        Some(Coding::Zlib) => add(Coding::Zlib, all(flate2::read::ZlibDecoder::new(data))),
        _ => {}
    }
    if begins_deflate(data) {
        add(Coding::Deflate, deflate(data));
    }
    add(Coding::Brotli, brotli(data));
    let padding = padding(data);
    if padding > 0 && data.len() - padding >= MIN_BYTES {
        add(Coding::Brotli, brotli(&data[..data.len() - padding]));
    }
}

/// Bytes of a block cipher's padding.
const BLOCK: usize = 16;

/// Bytes at the end that are padding: as many as each of them says (PKCS #7), or zeros.
fn padding(data: &[u8]) -> usize {
    let Some(&last) = data.last() else { return 0 };
    let same = data.iter().rev().take(BLOCK).take_while(|b| **b == last).count();
    match usize::from(last) {
        0 => same,
        count if count <= same => count,
        _ => 0,
    }
}

/// The format that the first bytes name.
pub fn magic(data: &[u8]) -> Option<Coding> {
    Some(match data {
        [0x1f, 0x8b, 8, ..] => Coding::Gzip,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, ..] => Coding::Bzip2,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Coding::Xz,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Coding::Zstd,
        [method, flags, ..] if method & 0x8f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0 && flags & 0x20 == 0 => Coding::Zlib,
        _ => return None,
    })
}

/// Reads to the end, or to the limit; nothing when the data is broken.
fn all(reader: impl Read) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(MAX_EXPANSION as u64).read_to_end(&mut out).ok().map(|_| out)
}

/// Data without magic is taken for what unpacks to its very end, or to its padding.
fn deflate(data: &[u8]) -> Option<Vec<u8>> {
    let mut state = flate2::Decompress::new(false);
    let mut out = Vec::with_capacity((data.len() * 4).clamp(64, MAX_EXPANSION));
    loop {
        let before = (state.total_in(), state.total_out());
        let status = state.decompress_vec(&data[before.0 as usize..], &mut out, flate2::FlushDecompress::None).ok()?;
        match status {
            flate2::Status::StreamEnd => return is_end(&data[state.total_in() as usize..]).then_some(out),
            _ if out.len() >= MAX_EXPANSION => {
                out.truncate(MAX_EXPANSION);
                return Some(out);
            }
            _ if out.len() == out.capacity() => out.reserve(out.len().max(64)),
            _ if (state.total_in(), state.total_out()) == before => return None,
            _ => {}
        }
    }
}

/// Whether nothing follows but padding.
fn is_end(rest: &[u8]) -> bool {
    rest.len() <= BLOCK && padding(rest) == rest.len()
}

/// Whether the first block can be one (RFC 1951 §3.2). Most of what is random is told by its first bytes, for a fraction of what trying costs.
fn begins_deflate(data: &[u8]) -> bool {
    match data[0] >> 1 & 3 {
        // A stored block repeats its length.
        0 => data[1] == !data[3] && data[2] == !data[4],
        1 => begins_fixed(data).unwrap_or(false),
        2 => begins_dynamic(data).unwrap_or(false),
        _ => false,
    }
}

/// Bits of deflate, the lowest of a byte first.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<usize> {
        (0..count).try_fold(0, |value, bit| Some(value | self.one()? << bit))
    }

    /// As Huffman codes are packed.
    fn code(&mut self, count: usize) -> Option<usize> {
        (0..count).try_fold(0, |value, _| Some(value << 1 | self.one()?))
    }

    fn one(&mut self) -> Option<usize> {
        let byte = *self.data.get(self.at / 8)?;
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Some(usize::from(bit))
    }
}

/// Whether the first symbols of a block with fixed codes are such: what is random soon refers to more than there is.
fn begins_fixed(data: &[u8]) -> Option<bool> {
    const LOOK: usize = 24;
    let mut bits = Bits { data, at: 3 };
    let mut out = 0;
    for _ in 0..LOOK {
        let code = bits.code(7)?;
        let symbol = if code < 24 {
            256 + code
        } else {
            match code << 1 | bits.one()? {
                long @ 0xc0..=0xc7 => 280 + (long - 0xc0),
                0xc8.. => bits.one().map(|_| 0)?,
                _ => 0,
            }
        };
        match symbol {
            0 => out += 1,
            // The end of the block, which is that of the data if it says so.
            256 => return Some(data[0] & 1 == 0 || is_end(&data[bits.at.div_ceil(8)..])),
            286.. => return Some(false),
            length => {
                let extra = if (265..285).contains(&length) { (length - 261) / 4 } else { 0 };
                let more = bits.take(extra)?;
                out += 3 + more + if length < 265 { length - 257 } else { (4 + (length - 261) % 4) << extra };
                let distance = bits.code(5)?;
                let extra = (distance / 2).saturating_sub(1);
                let base = if distance < 4 { distance } else { (2 + distance % 2) << extra };
                if distance >= 30 || base + bits.take(extra)? + 1 > out {
                    return Some(false);
                }
            }
        }
    }
    Some(true)
}

/// Whether the header of a block with codes of its own is one: the counts exist, and the code of the code lengths is complete.
fn begins_dynamic(data: &[u8]) -> Option<bool> {
    let mut bits = Bits { data, at: 3 };
    if bits.take(5)? > 29 || bits.take(5)? > 29 {
        return Some(false);
    }
    let mut used = 0;
    for _ in 0..bits.take(4)? + 4 {
        let length = bits.take(3)?;
        used += if length == 0 { 0 } else { 128 >> length };
    }
    Some(used == 128)
}

/// The header of the first meta-block (RFC 7932 §9.1 and §9.2), as far as it can be one of such data. Random data rarely has one, and trying
/// costs more than everything else.
fn brotli_header(data: &[u8]) -> Option<Header> {
    let mut bits = Bits { data, at: 0 };
    match bits.one()? {
        0 => {}
        _ => match bits.take(3)? {
            0 if bits.take(3)? == 1 => return None,
            _ => {}
        },
    }
    let window = bits.at;
    let last = bits.one()? == 1;
    if last && bits.one()? == 1 {
        return None;
    }
    let nibbles = match bits.take(2)? {
        3 => return None,
        n => 4 + n,
    };
    let length = bits.take(4 * nibbles)? + 1;
    // Up to 64-fold, or 16 KiB.
    let largest = (data.len() * 64).max(16 << 10);
    if (nibbles > 4 && length <= 1 << (4 * (nibbles - 1))) || length > largest || length * 2 < data.len() {
        return None;
    }
    if last {
        return Some(Header { window, length }).filter(|_| has_one_sort(&mut bits, data));
    }
    // What is stored is as long as it says; and the last bits, before the padding, announce an empty last meta-block.
    let end = data.last().filter(|end| **end != 0)?;
    let top = 7 - end.leading_zeros();
    let ends = if top == 0 { data[data.len() - 2] & 0x80 != 0 } else { end >> (top - 1) & 1 == 1 };
    let stored = bits.one()? == 1;
    let plausible = if stored { length < data.len() && data.len() - length <= 8 } else { has_one_sort(&mut bits, data) };
    // What is stored begins at a byte, which moving it would change.
    let length = if stored { usize::MAX } else { length };
    Some(Header { window, length }).filter(|_| ends && plausible)
}

/// Short data has one sort of blocks each for literals, insertions and distances.
fn has_one_sort(bits: &mut Bits<'_>, data: &[u8]) -> bool {
    const SHORT: usize = 4096;
    data.len() > SHORT || bits.take(3) == Some(0)
}

struct Header {
    /// Bits that tell the size of the window.
    window: usize,
    /// Bytes of the first meta-block, if it can be moved by bits.
    length: usize,
}

fn brotli(data: &[u8]) -> Option<Vec<u8>> {
    const SMALL_WINDOW: usize = 15;
    let header = brotli_header(data)?;
    if header.length > (1 << SMALL_WINDOW) - 16 {
        return all(brotli_decompressor::Decompressor::new(data, 4096));
    }
    // The window is filled with zeros before anything is read, and most are of several megabytes. Where so little comes out a small one is
    // the same: 7 bits for 32 KiB, and the rest moved behind them.
    let mut bits = Bits { data, at: header.window };
    let mut moved = vec![0; data.len() + 1];
    moved[0] = 0b111_0001;
    let mut at = 7;
    while let Some(bit) = bits.one() {
        moved[at / 8] |= (bit as u8) << (at % 8);
        at += 1;
    }
    all(brotli_decompressor::Decompressor::new(&moved[..at.div_ceil(8)], 4096))
}

/// A window that takes no more memory than the largest setting of the usual tool: one LZMA2 filter with up to 64 MiB.
fn dictionary_is_small(data: &[u8]) -> bool {
    // Stream header of 12 bytes; then the block's size and flags, filter 0x21 with one byte of properties (the xz format, §3.1 and §5.3.1).
    let Some([flags, rest @ ..]) = data.get(13..) else { return false };
    let sizes = [flags & 0x40, flags & 0x80].iter().filter(|flag| **flag != 0).count();
    let mut rest = rest;
    for _ in 0..sizes {
        let Some(end) = rest.iter().position(|b| b & 0x80 == 0) else { return false };
        rest = &rest[end + 1..];
    }
    flags & 3 == 0 && matches!(rest, [0x21, 1, 0..=28, ..])
}

fn zstd(data: &[u8]) -> Option<Vec<u8>> {
    all(ruzstd::decoding::StreamingDecoder::new(data).ok()?)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use super::*;

    pub(in crate::audit::canary) const FORMATS: &[Coding] =
        &[Coding::Gzip, Coding::Zlib, Coding::Deflate, Coding::Bzip2, Coding::Xz, Coding::Brotli, Coding::Zstd];

    pub(in crate::audit::canary) fn pack(coding: Coding, data: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::default();
        match coding {
            Coding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Zlib => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Deflate => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Xz => {
                let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(6)).unwrap();
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Brotli => {
                let mut out = Vec::new();
                brotli::BrotliCompress(&mut &data[..], &mut out, &Default::default()).unwrap();
                out
            }
            Coding::Zstd => ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest),
            other => panic!("{other} is no compression"),
        }
    }

    fn unpacked(data: &[u8]) -> Vec<(Coding, Vec<u8>)> {
        let mut all = Vec::new();
        each(data, |coding, bytes| all.push((coding, bytes)));
        all
    }

    #[test]
    fn each_format_is_unpacked_and_a_damaged_one_is_not() {
        for text in ["CNRYABCDEFGH2345-heron".to_owned(), "CNRYABCD".into(), "the heron lands ".repeat(500), "x".repeat(3 << 20)] {
            for &format in FORMATS {
                let packed = pack(format, text.as_bytes());
                let expected = &text.as_bytes()[..text.len().min(MAX_EXPANSION)];
                if format == Coding::Brotli && text.len() > MAX_EXPANSION {
                    continue;
                }
                let found = unpacked(&packed);
                assert!(found.iter().any(|(coding, bytes)| *coding == format && bytes == expected), "{format}, {} bytes", text.len());
                let cut = unpacked(&packed[..packed.len() / 2]);
                assert!(text.len() > MAX_EXPANSION || cut.iter().all(|(_, bytes)| bytes != expected), "{format} cut");
            }
        }
    }

    #[test]
    fn padding_may_follow() {
        let text = "CNRYABCDEFGH2345-heron, CNRYABCDEFGH2345-heron";
        for &format in FORMATS {
            let packed = pack(format, text.as_bytes());
            let left = 16 - packed.len() % 16;
            for padding in [vec![0; left], vec![left as u8; left]] {
                let found = unpacked(&[&packed[..], &padding].concat());
                assert!(found.iter().any(|(coding, bytes)| *coding == format && bytes == text.as_bytes()), "{format} and {padding:?}");
            }
        }
    }

    #[test]
    fn a_huge_window_is_not_taken() {
        let mut packed = pack(Coding::Xz, b"the heron lands at noon");
        assert!(dictionary_is_small(&packed));
        let at = packed.windows(2).position(|pair| pair == [0x21, 1]).unwrap();
        packed[at + 2] = 40;
        assert!(!dictionary_is_small(&packed));
        assert_eq!(unpacked(&packed), []);
    }

    proptest::proptest! {
        /// Whatever follows a magic number: an answer, no panic.
        #[test]
        fn nothing_breaks_it(format in 0..FORMATS.len(), keep in 2usize..40, noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let packed = pack(FORMATS[format], b"the heron lands at noon, and noon comes late, and the heron lands again");
            let data = [&packed[..keep.min(packed.len())], &noise].concat();
            unpacked(&data);
        }
    }
}
