//! Looking at short byte strings: names, values, tags. Millions of them pass in a second.
//!
//! memchr prepares a vector, which pays after some fifty bytes, and a loop over a slice is made for long ones. Here short ones come first.

/// Words of eight bytes that are looked at here before the search is left to memchr.
const NEAR: usize = 6;

/// Eight bytes looked at at once.
#[derive(Debug, Clone, Copy)]
pub struct Word(u64);

impl Word {
    const LOW: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

    /// The first eight bytes, if there are as many.
    #[inline(always)]
    pub fn first(bytes: &[u8]) -> Option<Word> {
        bytes.first_chunk().copied().map(Word::new)
    }

    #[inline(always)]
    fn new(bytes: [u8; 8]) -> Word {
        Word(u64::from_le_bytes(bytes))
    }

    /// The first so many bytes, fewer than eight, the first one lowest; the others are 0.
    #[inline(always)]
    pub fn take(self, count: usize) -> u64 {
        debug_assert!(count < 8);
        self.0 & ((1 << (8 * count)) - 1)
    }

    /// How many letters of ASCII there are before anything else, and what that is; `None` when there are only letters.
    #[inline(always)]
    pub fn letters(self) -> Option<(usize, u8)> {
        let shift = self.not_letters().first_shift()?;
        Some((shift / 8, (self.0 >> shift) as u8))
    }

    /// Shows the first such byte, exactly ("Bit Twiddling Hacks"); what it shows after that may be wrong.
    #[inline(always)]
    pub fn equal(self, byte: u8) -> Hits {
        let differing = self.0 ^ (Word::LOW * u64::from(byte));
        Hits(differing.wrapping_sub(Word::LOW) & !differing & Word::HIGH)
    }

    /// Shows the first byte below this one, which is at most 128; as exact.
    #[inline(always)]
    pub fn below(self, byte: u8) -> Hits {
        Hits(self.0.wrapping_sub(Word::LOW * u64::from(byte)) & !self.0 & Word::HIGH)
    }

    /// Shows what is not ASCII.
    #[inline(always)]
    pub fn not_ascii(self) -> Hits {
        Hits(self.0 & Word::HIGH)
    }

    /// Shows the capital letters of ASCII.
    #[inline(always)]
    pub fn capitals(self) -> Hits {
        // Seven bits each, so that no sum goes into the next byte.
        let low = self.0 & !Word::HIGH;
        let from_a = low + Word::LOW * u64::from(0x80 - b'A');
        let after_z = low + Word::LOW * u64::from(0x7f - b'Z');
        Hits(from_a & !after_z & !self.0 & Word::HIGH)
    }

    /// Shows what is not a letter of ASCII.
    #[inline(always)]
    fn not_letters(self) -> Hits {
        // Seven bits each, so that no sum goes into the next byte. With this bit, both cases of a letter are the same.
        let lower = (self.0 & !Word::HIGH) | (Word::LOW * 0x20);
        let from_a = lower + Word::LOW * u64::from(0x80 - b'a');
        let after_z = lower + Word::LOW * u64::from(0x7f - b'z');
        Hits((!from_a | after_z | self.0) & Word::HIGH)
    }
}

/// Which bytes of a word passed a test: the highest bit of each that did.
#[derive(Debug, Clone, Copy)]
pub struct Hits(u64);

impl std::ops::BitOr for Hits {
    type Output = Hits;

    #[inline(always)]
    fn bitor(self, other: Hits) -> Hits {
        Hits(self.0 | other.0)
    }
}

impl Hits {
    #[inline(always)]
    fn first(self) -> Option<usize> {
        self.first_shift().map(|shift| shift / 8)
    }

    /// By how many bits the first one is above the lowest.
    #[inline(always)]
    fn first_shift(self) -> Option<usize> {
        (self.0 != 0).then(|| self.0.trailing_zeros() as usize & !7)
    }
}

/// Position of the first such byte.
#[inline]
pub fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    find_any([byte], bytes)
}

/// Position of the first byte that is one of these, at most three.
#[inline(always)]
pub fn find_any<const N: usize>(wanted: [u8; N], bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().take(NEAR).enumerate() {
        let hits = wanted.iter().fold(Hits(0), |hits, byte| hits | Word::new(*word).equal(*byte));
        if let Some(at) = hits.first() {
            return Some(index * 8 + at);
        }
    }
    let seen = words.len().min(NEAR) * 8;
    let rest = &bytes[seen..];
    let at = match *wanted.as_slice() {
        _ if words.len() < NEAR => rest.iter().position(|b| wanted.contains(b)),
        [one] => memchr::memchr(one, rest),
        [one, other] => memchr::memchr2(one, other, rest),
        [one, other, third] => memchr::memchr3(one, other, third, rest),
        _ => rest.iter().position(|b| wanted.contains(b)),
    };
    at.map(|at| seen + at)
}

/// How many letters of ASCII there are before anything else.
pub fn letters(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        if let Some(at) = Word::new(*word).not_letters().first() {
            return index * 8 + at;
        }
    }
    words.len() * 8 + rest.iter().take_while(|b| b.is_ascii_alphabetic()).count()
}

/// Whether a test shows any byte of a short text. Some bytes are looked at more than once.
#[inline(always)]
pub fn any_of_few(bytes: &[u8], test: impl Fn(Word) -> Hits) -> bool {
    let test = |bytes: [u8; 8]| test(Word::new(bytes)).0;
    let found = if let Some(last) = bytes.last_chunk::<8>() {
        let (words, _) = bytes.as_chunks::<8>();
        words.iter().fold(test(*last), |found, word| found | test(*word))
    } else if let (Some(&[a, b, c, d]), Some(&[e, f, g, h])) = (bytes.first_chunk(), bytes.last_chunk()) {
        test([a, b, c, d, e, f, g, h])
    } else if let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) {
        let middle = bytes[bytes.len() / 2];
        test([first, middle, last, last, last, last, last, last])
    } else {
        0
    };
    found != 0
}

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
            proptest::prop_assert_eq!(any_of_few(&bytes, |word| word.equal(b'b')), there(|b| b == b'b'));
            proptest::prop_assert_eq!(any_of_few(&bytes, Word::capitals), there(|b| b.is_ascii_uppercase()));
            proptest::prop_assert_eq!(any_of_few(&bytes, Word::not_ascii), there(|b| !b.is_ascii()));
            proptest::prop_assert_eq!(any_of_few(&bytes, |word| word.equal(0xff) | word.below(b' ')), there(|b| b == 0xff || b < b' '));
        }

        #[test]
        fn near_or_far_it_is_the_first(bytes in proptest::collection::vec(0u8..=3, 0..80), byte in 0u8..=3) {
            let far: Vec<u8> = bytes.iter().map(|b| b | 4).chain([byte, 0]).collect();
            proptest::prop_assert_eq!(find(byte, &bytes), bytes.iter().position(|b| *b == byte));
            proptest::prop_assert_eq!(find(byte, &far), Some(bytes.len()));
            proptest::prop_assert_eq!(find_any([byte, 8], &far), Some(bytes.len()));
            proptest::prop_assert_eq!(find_any([9, byte, 0], &bytes), bytes.iter().position(|b| [byte, 0].contains(b)));
        }

        #[test]
        fn letters_are_those_of_ascii(letters_first in "[a-zA-Z]{0,20}", next: u8, more in proptest::collection::vec(proptest::num::u8::ANY, 0..9)) {
            let bytes = [letters_first.as_bytes(), &[next], &more].concat();
            proptest::prop_assert_eq!(letters(&bytes), bytes.iter().take_while(|b| b.is_ascii_alphabetic()).count());
        }
    }
}
