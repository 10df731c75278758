//! Runs the rules over the stanzas of one session.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::choice::Choice;
use super::rule::Out;
use super::seen::{Facts, Seen, Sight, Woke, family};
use super::shared::Shared;
use super::world::{self, Lesson};
use super::{Check, Found, RULES, Rule, Severity, World};
use crate::catalog::Catalog;
use crate::record::Finding;
use crate::xmpp::element::NodeId;
use crate::xmpp::names::Sym;

/// Findings of severity low and info are told once per rule and subject; so many subjects are remembered.
const MAX_TOLD: usize = 10_000;

/// One bit a rule, and one for the world.
pub(super) type Mask = u128;

/// The bit of the world.
const WORLD: Mask = 1 << 127;

/// Which rules are on, and what wakes them up. Shared by all sessions of a run.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<&'static Rule>,
    /// What watches an element, as an index of `masks`, by number of its name.
    by_element: Vec<u16>,
    /// Different sets of rules. The first is empty.
    masks: Vec<Mask>,
    /// What a rule of the opacity procedure wakes up: by its name, or by the letters that a family of names begins with.
    by_verdict: FxHashMap<&'static str, Mask>,
    choice: Choice,
    shared: Arc<Shared>,
}

impl RuleSet {
    /// The rules that `choice` leaves on.
    pub fn new(catalog: &Catalog, choice: Choice) -> RuleSet {
        const { assert!(RULES.len() < 127, "one bit a rule") };
        let rules: Vec<&'static Rule> = RULES.iter().copied().filter(|rule| !choice.is_off(rule.id)).collect();
        let mut by_element: FxHashMap<Sym, Mask> = FxHashMap::default();
        let mut by_verdict: FxHashMap<&'static str, Mask> = FxHashMap::default();
        let mut watch = |watches: &[(&str, &str)], bit: Mask| {
            for (uri, local) in watches {
                let sym = catalog.names.lookup(uri, local);
                if sym != Sym::UNKNOWN {
                    *by_element.entry(sym).or_default() |= bit;
                }
            }
        };
        watch(world::WATCHES, WORLD);
        for (index, rule) in rules.iter().enumerate() {
            watch(rule.watches, 1 << index);
            for id in rule.verdicts {
                *by_verdict.entry(id).or_default() |= 1 << index;
            }
        }
        let mut masks = vec![0];
        let mut by_name = vec![0; by_element.keys().map(|sym| sym.0 as usize + 1).max().unwrap_or(0)];
        for (sym, mask) in by_element {
            let known = masks.iter().position(|known| *known == mask);
            by_name[sym.0 as usize] = known.unwrap_or(masks.len()) as u16;
            if known.is_none() {
                masks.push(mask);
            }
        }
        RuleSet { rules, by_element: by_name, masks, by_verdict, choice, shared: Arc::default() }
    }

    /// The rules that watch an element of this name; none for most.
    fn watching(&self, sym: Sym) -> Option<Mask> {
        let index = self.by_element.get(sym.0 as usize).copied().filter(|index| *index != 0)?;
        Some(self.masks[usize::from(index)])
    }

    /// The rules that a rule of the procedure wakes up.
    fn woken_by(&self, verdict: &str) -> Mask {
        let mask = |name| self.by_verdict.get(name).copied().unwrap_or_default();
        mask(verdict) | family(verdict).map_or(0, mask)
    }
}

/// The rules at work in one session.
pub struct Engine {
    set: Arc<RuleSet>,
    checks: Vec<Box<dyn Check>>,
    world: World,
    told: FxHashSet<(usize, String)>,
    /// The elements of the stanza at hand that somebody watches. Kept for its memory.
    woke: Vec<Woke>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("rules", &self.checks.len()).field("world", &self.world).finish_non_exhaustive()
    }
}

impl Engine {
    /// For a session of one of these accounts.
    pub fn new(set: Arc<RuleSet>, accounts: &[String]) -> Engine {
        let checks = set.rules.iter().map(|rule| (rule.check)()).collect();
        let world = World::new(accounts, set.shared.clone());
        Engine { set, checks, world, told: FxHashSet::default(), woke: Vec::new() }
    }

    /// What the session taught.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The proxy did something to the stream.
    pub fn intervened(&mut self, action: &str) {
        self.world.learn_intervention(action);
    }

    /// Frees what an idle session does not need.
    pub fn shrink(&mut self) {
        self.woke = Vec::new();
    }

    /// Shows a stanza to the rules that watch something in it; what they find, ready for the log.
    pub fn see(&mut self, sight: Sight<'_>) -> Vec<Finding> {
        let mut awake: Mask = 0;
        let document = sight.stanza.document();
        self.woke.clear();
        for index in 0..document.len() as u32 {
            // Texts have no name.
            if let Some(rules) = self.set.watching(document.node(NodeId(index)).sym) {
                awake |= rules;
                self.woke.push(Woke { element: NodeId(index), rules });
            }
        }
        for rule in sight.verdict.iter().flat_map(|verdict| verdict.rules) {
            awake |= self.set.woken_by(rule);
        }
        if awake == 0 {
            return Vec::new();
        }
        self.world.learn_own(&sight);
        let facts = Facts::of(&sight, &self.world);
        let mut seen = Seen { sight, world: &self.world, facts: &facts, woke: &self.woke, rule: 0 };
        let mut findings = Vec::new();
        let mut out = Out::default();
        let mut rules = awake & !WORLD;
        while rules != 0 {
            seen.rule = rules & rules.wrapping_neg();
            rules ^= seen.rule;
            let index = seen.rule.trailing_zeros() as usize;
            self.checks[index].see(&seen, &mut out);
            if !out.found.is_empty() {
                let found = out.found.drain(..);
                findings.extend(found.filter_map(|found| finding(&self.set, &mut self.told, index, found, Some(sight.number))));
            }
        }
        if awake & WORLD != 0 {
            self.world.learn(&Lesson::of(&sight, &facts));
        }
        findings
    }

    /// The session has ended.
    pub fn end(&mut self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut out = Out::default();
        for (index, check) in self.checks.iter_mut().enumerate() {
            check.end(&self.world, &mut out);
            for found in out.found.drain(..) {
                findings.extend(finding(&self.set, &mut self.told, index, found, None));
            }
        }
        findings
    }
}

/// The finding as a record; none when it is mild and was told before.
fn finding(set: &RuleSet, told: &mut FxHashSet<(usize, String)>, index: usize, found: Found, number: Option<u64>) -> Option<Finding> {
    let rule = set.rules[index];
    let severity = found.severity.unwrap_or(rule.severity);
    if severity <= Severity::Low {
        // The fact without an address distinguishes what a rule says of the same subject.
        let key = (index, found.about.clone().unwrap_or_else(|| found.fact.clone()));
        if told.len() >= MAX_TOLD && !told.contains(&key) || !told.insert(key) {
            return None;
        }
    }
    let mut evidence = found.evidence;
    evidence.extend(number);
    evidence.sort_unstable();
    evidence.dedup();
    let avoidability = found.avoidability.unwrap_or(rule.avoidability);
    let accepted = set.choice.accepts(rule.id, found.about.as_deref());
    Some(Finding {
        rule: rule.id.into(),
        severity: severity.name().into(),
        confidence: found.confidence.unwrap_or(rule.confidence).name().into(),
        avoidability: avoidability.name().into(),
        favour: "against".into(),
        about: found.about,
        fact: found.fact,
        advice: found.advice.unwrap_or_else(|| rule.advice.to_owned()),
        source: rule.source.into(),
        evidence,
        accepted,
    })
}
