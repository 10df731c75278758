//! The automaton: from the elements of a stanza to the rows that apply.
//!
//! All paths form one tree of states; an element moves each active state along the edges that carry its name. The cost of an element
//! depends on how many states are active around it (a handful), not on how many rows there are.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::FieldId;
use super::path::{Cond, NameTest, Path, Step};
use crate::xmpp::element::Element;
use crate::xmpp::names::{Names, NsId, Sym};
use crate::xmpp::ns;

/// A place in the tree of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateId(u32);

/// Paths that begin at the stream.
const ROOT: StateId = StateId(0);
/// Paths that begin anywhere.
const ANYWHERE: StateId = StateId(1);

#[derive(Debug)]
struct Edge {
    conds: Vec<Cond>,
    to: StateId,
}

#[derive(Debug, Default)]
struct State {
    by_name: FxHashMap<Sym, Vec<Edge>>,
    by_namespace: Vec<(NsId, Edge)>,
    any: Vec<Edge>,
    /// Entered together with this state and kept for all descendants: the left side of `//`.
    below: Option<StateId>,
    stays: bool,
    fields: Vec<FieldId>,
}

/// All paths, compiled.
#[derive(Debug)]
pub struct Matcher {
    states: Vec<State>,
    stanzas: [Sym; 3],
}

impl Default for Matcher {
    fn default() -> Self {
        Matcher { states: vec![State::default(), State { stays: true, ..State::default() }], stanzas: [Sym::UNKNOWN; 3] }
    }
}

impl Matcher {
    /// Adds a path that leads to a row.
    pub fn insert(&mut self, path: Path, field: FieldId, names: &Names) {
        if self.stanzas[0] == Sym::UNKNOWN {
            self.stanzas = ["message", "presence", "iq"].map(|name| names.lookup(ns::CLIENT, name));
        }
        let mut at = if path.anchored { ROOT } else { ANYWHERE };
        for step in path.steps {
            at = self.step(at, step);
        }
        self.states[at.0 as usize].fields.push(field);
    }

    fn new_state(&mut self, stays: bool) -> StateId {
        self.states.push(State { stays, ..State::default() });
        StateId(u32::try_from(self.states.len() - 1).expect("fewer than 2^32 states"))
    }

    fn step(&mut self, mut from: StateId, step: Step) -> StateId {
        if step.descendant {
            from = match self.states[from.0 as usize].below {
                Some(below) => below,
                None => {
                    let below = self.new_state(true);
                    self.states[from.0 as usize].below = Some(below);
                    below
                }
            };
        }
        let state = &self.states[from.0 as usize];
        let same = |edge: &&Edge| edge.conds == step.conds;
        let existing = match step.name {
            NameTest::Name(sym) => state.by_name.get(&sym).and_then(|edges| edges.iter().find(same)),
            NameTest::Namespace(id) => state.by_namespace.iter().filter(|(ns, _)| *ns == id).map(|(_, edge)| edge).find(same),
            NameTest::Any => state.any.iter().find(same),
        };
        if let Some(edge) = existing {
            return edge.to;
        }
        let to = self.new_state(false);
        let edge = Edge { conds: step.conds, to };
        let state = &mut self.states[from.0 as usize];
        match step.name {
            NameTest::Name(sym) => state.by_name.entry(sym).or_default().push(edge),
            NameTest::Namespace(id) => state.by_namespace.push((id, edge)),
            NameTest::Any => state.any.push(edge),
        }
        to
    }

    /// Moves from the states around `element` (a range of `active`) to those inside it, which are appended to `active`.
    ///
    /// `stanza` says that the element begins a stanza or nonza (of the stream, or one that is forwarded).
    pub fn enter(&self, element: Element<'_>, around: Range<usize>, stanza: bool, active: &mut Vec<StateId>) {
        if stanza {
            self.follow(ROOT, element, true, active);
        }
        self.follow(ANYWHERE, element, false, active);
        for index in around {
            self.follow(active[index], element, false, active);
        }
    }

    fn follow(&self, from: StateId, element: Element<'_>, root: bool, inside: &mut Vec<StateId>) {
        let state = &self.states[from.0 as usize];
        if state.stays && from != ANYWHERE {
            inside.push(from);
        }
        if let Some(edges) = state.by_name.get(&element.sym()).filter(|_| element.sym() != Sym::UNKNOWN) {
            edges.iter().for_each(|edge| self.take(edge, element, inside));
        }
        if element.ns() != NsId::UNKNOWN {
            for (ns, edge) in &state.by_namespace {
                if *ns == element.ns() {
                    self.take(edge, element, inside);
                }
            }
        }
        // `*` as the first step means a stanza, not any nonza.
        if !root || self.stanzas.contains(&element.sym()) {
            state.any.iter().for_each(|edge| self.take(edge, element, inside));
        }
    }

    fn take(&self, edge: &Edge, element: Element<'_>, inside: &mut Vec<StateId>) {
        if edge.conds.iter().all(|cond| holds(cond, element)) {
            inside.push(edge.to);
            inside.extend(self.states[edge.to.0 as usize].below);
        }
    }

    /// The rows that end in a state.
    pub fn fields(&self, state: StateId) -> &[FieldId] {
        &self.states[state.0 as usize].fields
    }
}

fn holds(cond: &Cond, element: Element<'_>) -> bool {
    match cond {
        Cond::HasAttr(name) => element.attr(name).is_some(),
        Cond::NoAttr(name) => element.attr(name).is_none(),
        Cond::Equals(name, value) => element.attr(name) == Some(value),
        Cond::Differs(name, value) => element.attr(name) != Some(value),
        Cond::Starts(name, value) => element.attr(name).is_some_and(|v| v.starts_with(value.as_str())),
        Cond::Ends(name, value) => element.attr(name).is_some_and(|v| v.ends_with(value.as_str())),
        Cond::HasChild(names) => element.children().any(|child| names.contains(&child.sym())),
        Cond::NoChild(name) => element.child(*name).is_none(),
        Cond::Childless => element.children().next().is_none(),
        Cond::ContentNamespace(uri) => element.uri() == uri,
    }
}
