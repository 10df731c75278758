//! Looking at short byte strings: names, values, tags. Millions of them pass in a second.
//!
//! memchr prepares a vector, which pays after some fifty bytes, and a loop over a slice is made for long ones. Here short ones come first.

/// Words of eight bytes that are looked at here before the search is left to memchr.
const NEAR: usize = 6;

/// Position of the first such byte.
#[inline]
pub fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
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

/// Whether a test holds for any byte of a short text. `test` gets eight bytes at a time, some of them more than once, and sets the high bit
/// of one when there is such a byte among them: see [`is`] and [`below`].
#[inline(always)]
pub fn any_of_few(bytes: &[u8], test: impl Fn(u64) -> u64) -> bool {
    let found = if let Some(last) = bytes.last_chunk::<8>() {
        let (words, _) = bytes.as_chunks::<8>();
        words.iter().fold(test(u64::from_le_bytes(*last)), |found, word| found | test(u64::from_le_bytes(*word)))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        test(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)))
    } else if let [first, .., last] = *bytes {
        // Two or three bytes, the rest is the first one again.
        test(LOW * u64::from(first) & !0xffff | u64::from(bytes[bytes.len() / 2]) << 8 | u64::from(last))
    } else {
        bytes.first().map_or(0, |only| test(LOW * u64::from(*only)))
    };
    found & HIGH != 0
}

/// For [`any_of_few`]: this byte. The tests are those of "Bit Twiddling Hacks", exact about whether there is one.
#[inline(always)]
pub fn is(word: u64, byte: u8) -> u64 {
    let differing = word ^ (LOW * u64::from(byte));
    differing.wrapping_sub(LOW) & !differing
}

/// For [`any_of_few`]: a byte below this one, which is at most 128.
#[inline(always)]
pub fn below(word: u64, byte: u8) -> u64 {
    word.wrapping_sub(LOW * u64::from(byte)) & !word
}

const LOW: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// Whether a test holds for any byte. Looks at all of them, many at a time, if the test has no branches (`|`, not `||`).
#[inline(always)]
pub fn any(bytes: &[u8], test: impl Fn(u8) -> bool) -> bool {
    let (chunks, rest) = bytes.as_chunks::<16>();
    // The last bytes may be looked at twice.
    if let Some(last) = bytes.last_chunk::<16>() {
        let in_last = last.iter().fold(false, |any, b| any | test(*b));
        return if chunks.len() < 4 {
            chunks.iter().fold(in_last, |any, chunk| any | chunk.iter().fold(false, |any, b| any | test(*b)))
        } else {
            chunks.as_flattened().iter().fold(in_last, |any, b| any | test(*b))
        };
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        let in_first = first.iter().fold(false, |any, b| any | test(*b));
        return last.iter().fold(in_first, |any, b| any | test(*b));
    }
    rest.iter().any(|b| test(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_byte_is_left_out(length in 0usize..50, at in 0usize..50) {
            let mut bytes = vec![b'a'; length];
            bytes.get_mut(at).into_iter().for_each(|b| *b = b'b');
            proptest::prop_assert_eq!(any(&bytes, |b| b == b'b'), at < length);
        }

        #[test]
        fn of_few_none_is_left_out_either(length in 0usize..30, at in 0usize..30, byte: u8) {
            let mut bytes = vec![b'a'; length];
            bytes.get_mut(at).into_iter().for_each(|b| *b = byte);
            let there = |test: fn(u8) -> bool| bytes.iter().any(|b| test(*b));
            proptest::prop_assert_eq!(any_of_few(&bytes, |word| is(word, b'b')), there(|b| b == b'b'));
            proptest::prop_assert_eq!(any_of_few(&bytes, |word| is(word, 0xff) | below(word, b' ')), there(|b| b == 0xff || b < b' '));
        }

        #[test]
        fn near_or_far_it_is_the_first(bytes in proptest::collection::vec(0u8..=3, 0..80), byte in 0u8..=3) {
            let far: Vec<u8> = bytes.iter().map(|b| b | 4).chain([byte, 0]).collect();
            proptest::prop_assert_eq!(find(byte, &bytes), bytes.iter().position(|b| *b == byte));
            proptest::prop_assert_eq!(find(byte, &far), Some(bytes.len()));
        }
    }
}
