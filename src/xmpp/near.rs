//! Finding a byte that is probably near: the end of a name, of a value, of a tag.
//!
//! memchr prepares a vector, which pays after some fifty bytes. Markup seldom goes on for so long.

/// Words of eight bytes that are looked at here before the search is left to memchr.
const NEAR: usize = 6;

/// Position of the first such byte.
#[inline]
pub fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    const LOW: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let (words, _) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().take(NEAR).enumerate() {
        // The lowest set bit shows the first zero byte, exactly ("Bit Twiddling Hacks"); higher ones may be wrong.
        let differing = u64::from_le_bytes(*word) ^ (LOW * u64::from(byte));
        let zeros = differing.wrapping_sub(LOW) & !differing & HIGH;
        if zeros != 0 {
            return Some(index * 8 + zeros.trailing_zeros() as usize / 8);
        }
    }
    let seen = words.len().min(NEAR) * 8;
    if words.len() < NEAR {
        return bytes[seen..].iter().position(|b| *b == byte).map(|at| seen + at);
    }
    memchr::memchr(byte, &bytes[seen..]).map(|at| seen + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn near_or_far_it_is_the_first(bytes in proptest::collection::vec(0u8..=3, 0..80), byte in 0u8..=3) {
            let far: Vec<u8> = bytes.iter().map(|b| b | 4).chain([byte, 0]).collect();
            proptest::prop_assert_eq!(find(byte, &bytes), bytes.iter().position(|b| *b == byte));
            proptest::prop_assert_eq!(find(byte, &far), Some(bytes.len()));
        }
    }
}
