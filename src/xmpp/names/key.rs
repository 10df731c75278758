//! Names packed into a number, so that asking for an attribute by its name compares numbers.

/// A name as one number: its first bytes and its length.
///
/// Nearly all names of XMPP are so short that the key is the whole name ([`NameKey::is_whole`]). Two longer names may share a key: there,
/// equal keys mean that the strings have to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NameKey(u64);

impl NameKey {
    /// Bytes of a name that have room; the length takes the eighth.
    pub const ROOM: usize = 7;

    /// The key of a name. Costs nothing for a literal: the compiler knows the number.
    #[inline(always)]
    pub const fn of(name: &str) -> NameKey {
        NameKey::of_bytes(name.as_bytes())
    }

    /// The key of a name that is there as bytes.
    #[inline(always)]
    pub(crate) const fn of_bytes(bytes: &[u8]) -> NameKey {
        let mut packed = 0;
        let mut at = 0;
        while at < bytes.len() && at < NameKey::ROOM {
            packed |= (bytes[at] as u64) << (8 * at);
            at += 1;
        }
        NameKey::packed(packed, if bytes.len() < u8::MAX as usize { bytes.len() } else { u8::MAX as usize })
    }

    /// The key of a short name, whose bytes are the lowest of `packed`; what is above them has to be 0.
    #[inline(always)]
    pub(crate) const fn packed(packed: u64, length: usize) -> NameKey {
        NameKey(packed | (length as u64) << (8 * NameKey::ROOM))
    }

    /// Whether no other name has this key.
    #[inline(always)]
    pub const fn is_whole(self) -> bool {
        self.0 >> (8 * NameKey::ROOM) <= NameKey::ROOM as u64
    }

    /// The number itself, for hashing.
    #[inline(always)]
    pub(super) const fn number(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn different_names_of_equal_key_are_long(one in "[ab\0]{0,9}", other in "[ab\0]{0,9}") {
            let (key, same) = (NameKey::of(&one), NameKey::of(&one) == NameKey::of(&other));
            proptest::prop_assert_eq!(key.is_whole(), one.len() <= NameKey::ROOM);
            proptest::prop_assert!(same || one != other);
            proptest::prop_assert!(!same || one == other || !key.is_whole());
        }
    }
}
