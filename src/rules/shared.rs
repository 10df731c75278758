//! What the sessions of one run know of each other: which account showed an identifier first.
//!
//! Holds hashes, not the identifiers, and is bounded: beyond [`MAX_KNOWN`] nothing is added.

use std::hash::{BuildHasher as _, Hash};
use std::sync::{Mutex, PoisonError};

use foldhash::quality::RandomState;
use rustc_hash::FxHashMap;

/// Identifiers that are remembered at most.
const MAX_KNOWN: usize = 50_000;

/// Which account showed what, over the sessions of a run.
#[derive(Debug, Default)]
pub(super) struct Shared {
    keys: RandomState,
    first: Mutex<FxHashMap<u64, String>>,
}

impl Shared {
    /// Remembers that an account showed an identifier. Gives the account that showed it first, if that is another one.
    pub fn show(&self, kind: &'static str, identifier: impl Hash, account: &str) -> Option<String> {
        let key = self.key(kind, identifier);
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = first.get(&key) {
            return (before != account).then(|| before.clone());
        }
        if first.len() < MAX_KNOWN {
            first.insert(key, account.to_owned());
        }
        None
    }

    /// The account that showed an identifier first.
    pub fn who_showed(&self, kind: &'static str, identifier: impl Hash) -> Option<String> {
        let key = self.key(kind, identifier);
        self.first.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// Forgets an identifier, whoever showed it.
    pub fn forget(&self, kind: &'static str, identifier: impl Hash) {
        let key = self.key(kind, identifier);
        self.first.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    fn key(&self, kind: &'static str, identifier: impl Hash) -> u64 {
        self.keys.hash_one((kind, identifier))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_account_with_the_same_identifier_is_told() {
        let shared = Shared::default();
        assert_eq!(shared.show("id", "7f3a", "mira@fern.example"), None);
        assert_eq!(shared.show("id", "7f3a", "mira@fern.example"), None);
        assert_eq!(shared.show("node", "7f3a", "tomas@moss.example"), None);
        assert_eq!(shared.show("id", "7f3a", "tomas@moss.example").as_deref(), Some("mira@fern.example"));
        assert_eq!(shared.who_showed("id", "7f3a").as_deref(), Some("mira@fern.example"));
        shared.forget("id", "7f3a");
        assert_eq!(shared.who_showed("id", "7f3a"), None);
        assert_eq!(shared.who_showed("node", "7f3a").as_deref(), Some("tomas@moss.example"));
    }
}
