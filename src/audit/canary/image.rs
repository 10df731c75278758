//! A small picture that no other is like: random pixels, and a canary in its comment.

use std::io::Write as _;

use blake2::Blake2b;
use blake2::digest::{Digest, consts::U32};

use super::declare::FileFacts;
use super::make::Random;

/// Pixels on a side.
const SIDE: usize = 48;

/// A PNG of grey noise whose comment is `comment` (PNG, second edition, §11).
pub fn png(comment: &str, random: &mut Random<'_>) -> Vec<u8> {
    let mut pixels = vec![0; SIDE * SIDE];
    random(&mut pixels);
    // Each row begins with its filter: none.
    let rows: Vec<u8> = pixels.chunks(SIDE).flat_map(|row| std::iter::once(0).chain(row.iter().copied())).collect();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&rows).expect("memory takes everything");
    let packed = packed.finish().expect("memory takes everything");
    let side = (SIDE as u32).to_be_bytes();
    let header = [&side[..], &side, &[8, 0, 0, 0, 0]].concat();
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in
        [(b"IHDR", &header), (b"tEXt", &[b"Comment\0", comment.as_bytes()].concat()), (b"IDAT", &packed), (b"IEND", &vec![])]
    {
        out.extend_from_slice(&(data.len() as u32).to_be_bytes());
        let mut sum = flate2::Crc::new();
        sum.update(kind);
        sum.update(data);
        out.extend_from_slice(kind);
        out.extend_from_slice(data);
        out.extend_from_slice(&sum.sum().to_be_bytes());
    }
    out
}

/// Size and digests of a file.
pub fn facts(bytes: &[u8]) -> FileFacts {
    fn hex<D: Digest>(bytes: &[u8]) -> Option<String> {
        Some(D::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
    }
    FileFacts {
        size: Some(bytes.len() as u64),
        md5: hex::<md5::Md5>(bytes),
        sha1: hex::<sha1::Sha1>(bytes),
        sha256: hex::<sha2::Sha256>(bytes),
        sha512: hex::<sha2::Sha512>(bytes),
        sha3_256: hex::<sha3::Sha3_256>(bytes),
        blake2b_256: hex::<Blake2b<U32>>(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_their_standards() {
        let facts = facts(b"abc");
        for (digest, expected) in [
            (facts.md5, "900150983cd24fb0d6963f7d28e17f72"),
            (facts.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (facts.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (facts.sha3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
            (facts.blake2b_256, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
        ] {
            assert_eq!(digest.as_deref(), Some(expected));
        }
        assert!(facts.sha512.unwrap().starts_with("ddaf35a193617aba"));
    }

    #[test]
    fn a_picture_is_unique_and_holds_its_comment() {
        let mut next = 0u8;
        let mut random = |bytes: &mut [u8]| bytes.iter_mut().for_each(|byte| (*byte, next) = (next, next.wrapping_add(101)));
        let (one, other) = (png("CNRYABCDEFGH2345", &mut random), png("CNRYABCDEFGH2345", &mut |bytes| bytes.fill(3)));
        assert_ne!(one, other);
        assert!(memchr::memmem::find(&one, b"Comment\0CNRYABCDEFGH2345").is_some());
        assert_eq!(&one[..16], b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR");
        assert!(one.ends_with(&[0xae, 0x42, 0x60, 0x82]), "the checksum of IEND");
    }
}
