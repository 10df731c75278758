//! Hashes to compare by, under seeds of the process: nobody outside can choose two values that have the same one. By chance two have it
//! once in 2^64.

use std::hash::{BuildHasher as _, Hash};
use std::sync::LazyLock;

use foldhash::quality::RandomState;

struct Seeds {
    state: RandomState,
    /// For [`joined`].
    pair: [u64; 2],
}

static SEEDS: LazyLock<Seeds> = LazyLock::new(|| {
    let state = RandomState::default();
    let pair = [state.hash_one("first"), state.hash_one("second")];
    Seeds { state, pair }
});

/// The hash of a value.
pub fn hash(value: impl Hash) -> u64 {
    SEEDS.state.hash_one(value)
}

/// The hash of two values, of which one at least is a hash already; the other may be a number. Much cheaper than hashing both again: one
/// multiplication whose halves are folded together, as foldhash does it within.
#[inline]
pub fn joined(one: u64, other: u64) -> u64 {
    let [first, second] = SEEDS.pair;
    let product = u128::from(one ^ first) * u128::from(other ^ second);
    product as u64 ^ (product >> 64) as u64
}

/// The hash of a public key, of which a container has one or two for each device.
#[inline]
pub fn hash_key(key: &[u8; 32]) -> u64 {
    let (words, _) = key.as_chunks::<8>();
    let [a, b, c, d] = [0, 1, 2, 3].map(|at| u64::from_le_bytes(words[at]));
    // Without knowing the seeds nobody can choose words that make two products equal, or one of them 0.
    joined(joined(a, b), joined(c, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_differs_in_either_part_and_in_order() {
        let (ann, ben) = (hash("ann"), hash("ben"));
        let all = [joined(ann, ben), joined(ben, ann), joined(ann, 0), joined(ann, 1), joined(ben, 0), joined(0, ann), ann, ben];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{all:x?}");
        }
        assert_eq!(joined(ann, 1), joined(hash("ann"), 1));
    }

    #[test]
    fn keys_differ_in_each_byte() {
        let keys: Vec<[u8; 32]> = (0..32).map(|at| std::array::from_fn(|other| u8::from(other == at))).chain([[0; 32]]).collect();
        let mut hashes: Vec<u64> = keys.iter().map(hash_key).collect();
        hashes.sort_unstable();
        assert!(hashes.windows(2).all(|pair| pair[0] != pair[1]), "{hashes:x?}");
    }
}
