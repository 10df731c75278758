//! Finds capabilities that an account knows although only another account asked for them.
//!
//! **What it checks.** An account sees capabilities (XEP-0115) and does not ask what they mean, after another account of the run with
//! the same client had to ask for the very same.
//!
//! **Why it matters.** A contact who makes up capabilities that nobody else has, and shows them to both accounts, learns from the
//! missing question that both are on one device.
//!
//! **Evidence.** The presence with the capabilities.
//!
//! **Limits.** A second installation with a memory of its own looks the same: hence `possible`. So does a session that
//! ends before the client asks. Needs sessions of two accounts in one run. Hashes that come with the client are asked for by neither.
//!
//! **References.** XEP-0115 §8.2 and §9.4.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::names::{CAPS, DISCO_INFO};
use super::rule::{Avoidability, Check, Confidence, Out, Rule, Severity, Theme, found};
use super::seen::Seen;
use super::World;

pub(super) const RULE: Rule = Rule {
    id: "capabilities-shared-between-accounts",
    title: "an account knows capabilities that only another one asked for",
    theme: Theme::Linkage,
    severity: Severity::Low,
    confidence: Confidence::Possible,
    avoidability: Avoidability::Avoidable,
    advice: "keep what was learned about capabilities per account",
    source: "XEP-0115 §8.2 (what is remembered of capabilities)",
    watches: &[(CAPS, "c"), (DISCO_INFO, "query")],
    verdicts: &[],
    page: include_str!("capabilities_shared_between_accounts.rs"),
    check: || Box::<Cache>::default(),
};

/// Capabilities that a session may see, at most.
const MAX_SEEN: usize = 5_000;

#[derive(Default)]
struct Cache {
    /// Hash that each address showed last.
    shown_by: FxHashMap<String, Arc<str>>,
    hashes: FxHashSet<Arc<str>>,
    asked: FxHashSet<Arc<str>>,
    /// Hashes that another account had asked for when this one saw them first.
    known_to: Vec<(Arc<str>, String, u64)>,
    own_client: Option<String>,
}

impl Check for Cache {
    fn see(&mut self, seen: &Seen<'_>, _out: &mut Out) {
        let caps = seen.child(CAPS, "c").filter(|_| seen.name() == "presence");
        if let (Some(caps), true) = (caps, seen.is_sent()) {
            self.own_client = caps.attr("node").map(str::to_owned);
        }
        let (Some(peer), Some(own)) = (seen.peer(), seen.world.own()) else { return };
        if let (Some(hash), true) = (caps.and_then(|caps| caps.attr("ver")), seen.is_received()) {
            if self.shown_by.len() >= MAX_SEEN || seen.peer_is_own() {
                return;
            }
            if self.shown_by.get(peer).is_some_and(|before| **before == *hash) {
                return;
            }
            let known = self.hashes.get(hash).cloned();
            let hash = known.unwrap_or_else(|| {
                let hash: Arc<str> = hash.into();
                self.hashes.insert(hash.clone());
                let asker = seen.world.shared().who_showed("capabilities", self.key(&hash));
                if let Some(asker) = asker.filter(|asker| asker != own) {
                    self.known_to.push((hash.clone(), asker, seen.number));
                }
                hash
            });
            self.shown_by.insert(peer.to_owned(), hash);
        } else if seen.is_sent()
            && seen.stanza_type() == Some("get")
            && seen.child(DISCO_INFO, "query").is_some()
            && let Some(hash) = self.shown_by.get(peer).cloned()
        {
            seen.world.shared().show("capabilities", self.key(&hash), own);
            self.asked.insert(hash);
        }
    }

    fn end(&mut self, _world: &World, out: &mut Out) {
        for (hash, asker, number) in self.known_to.drain(..).filter(|(hash, ..)| !self.asked.contains(hash)) {
            let fact = format!("capabilities were known without asking, after {asker} had to ask for them");
            out.report(found(fact).after(number).about(&*hash));
        }
    }
}

impl Cache {
    /// A hash as seen by one sort of client.
    fn key<'a>(&'a self, hash: &'a str) -> (&'a str, &'a str) {
        (self.own_client.as_deref().unwrap_or_default(), hash)
    }
}
