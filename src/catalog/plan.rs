//! Plans: what is read of an element, settled once for each set of states and each situation.
//!
//! Which rows apply to an element depends on the states that end there, on the direction and on who the other party is, not on the values.
//! Traffic repeats itself, so a plan that was made is kept and found again by its states.

use rustc_hash::FxHashMap;

use super::matcher::{Matcher, Questions, StateId};
use super::path::{AttrTest, Extract};
use super::{Catalog, Field, FieldId, When};
use crate::xmpp::Direction;
use crate::xmpp::element::Element;
use crate::xmpp::names::Sym;

/// Who owns a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Claim {
    /// Nobody.
    #[default]
    None,
    /// Nobody owns it, but a row reads a part of it.
    Touched,
    /// This row.
    Field(FieldId),
}

/// A claim and the specificity of its row.
#[derive(Debug, Clone, Copy, Default)]
struct Scored {
    claim: Claim,
    score: u32,
}

impl Scored {
    /// The most specific row owns a value; of several the first.
    fn take(&mut self, id: FieldId, specificity: u32) {
        if !matches!(self.claim, Claim::Field(_)) || specificity > self.score {
            *self = Scored { claim: Claim::Field(id), score: specificity };
        }
    }

    fn touch(&mut self) {
        if self.claim == Claim::None {
            self.claim = Claim::Touched;
        }
    }
}

/// What rows ask about besides the element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Situation {
    /// The direction, if rows of the other do not apply.
    pub direction: Option<Direction>,
    /// The other party is a room, or somebody in it.
    pub room: bool,
    /// It is the own account.
    pub own: bool,
    /// It is the own server.
    pub server: bool,
}

impl Situation {
    const COUNT: usize = 3 << 3;

    fn index(self) -> usize {
        let direction = self.direction.map_or(0, |direction| direction.index() + 1);
        direction << 3 | usize::from(self.room) << 2 | usize::from(self.own) << 1 | usize::from(self.server)
    }

    fn admits(self, field: &Field) -> bool {
        let direction = field.direction.is_none() || self.direction.is_none() || field.direction == self.direction;
        direction
            && match field.when {
                None => true,
                Some(When::PeerIsRoom) => self.room,
                Some(When::PeerIsNotRoom) => !self.room,
                Some(When::PeerIsSelf) => self.own,
                Some(When::PeerIsNotSelf) => !self.own && !self.server,
                Some(When::PeerIsServer) => self.server,
            }
    }
}

/// What is read of an element.
#[derive(Debug, Default)]
pub struct Plan {
    /// Rows that own an attribute if the element has it, the most specific first.
    attrs: Vec<AttrRow>,
    /// Who owns the text.
    pub text: Claim,
    /// Rows that read something without owning a value.
    pub derived: Vec<FieldId>,
    /// Whether any row applies.
    pub matched: bool,
}

/// A row that owns an attribute. Of several that find the same attribute the first that claims it with the highest specificity wins.
#[derive(Debug)]
struct AttrRow {
    test: AttrTest,
    field: FieldId,
    specificity: u32,
}

impl Plan {
    /// The row that owns an attribute of the element, given by its index.
    #[inline]
    pub fn owner_of_attr(&self, element: Element<'_>, attr: usize) -> Option<FieldId> {
        self.attrs.iter().find(|row| row.test.finds(element, attr)).map(|row| row.field)
    }

    fn make(catalog: &Catalog, states: &[StateId], situation: Situation) -> Plan {
        let mut plan = Plan::default();
        let mut text = Scored::default();
        for &id in states.iter().flat_map(|state| catalog.matcher.fields(*state)) {
            let field = catalog.field(id);
            if !situation.admits(field) {
                continue;
            }
            plan.matched = true;
            match &field.extract {
                Extract::Attrs(tests) => tests.iter().for_each(|test| plan.add_attr(test, id, field.specificity)),
                Extract::Text | Extract::Base64 | Extract::Base64Length => text.take(id, field.specificity),
                other => {
                    if other.reads_text() {
                        text.touch();
                    }
                    plan.derived.push(id);
                }
            }
        }
        plan.text = text.claim;
        // Stable: of equals the first stays first.
        plan.attrs.sort_by_key(|row| std::cmp::Reverse(row.specificity));
        plan.derived.sort_unstable();
        plan.derived.dedup();
        plan.keep_most_specific(catalog);
        plan
    }

    /// Only the best row for each test is of use.
    fn add_attr(&mut self, test: &AttrTest, field: FieldId, specificity: u32) {
        let best = self.attrs.iter().filter(|row| row.test == *test).map(|row| row.specificity).max();
        if best.is_none_or(|best| specificity > best) {
            self.attrs.retain(|row| row.test != *test);
            self.attrs.push(AttrRow { test: test.clone(), field, specificity });
        }
    }

    /// Of several rows that read the same part of an element the most specific stays.
    fn keep_most_specific(&mut self, catalog: &Catalog) {
        let all = self.derived.clone();
        self.derived.retain(|id| {
            let one = catalog.field(*id);
            let beats = |other: &Field| other.extract == one.extract && other.specificity > one.specificity;
            !all.iter().any(|other| beats(catalog.field(*other)))
        });
    }
}

/// A set of states, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SetId(u32);

impl SetId {
    /// No state.
    pub const EMPTY: SetId = SetId(0);
}

/// What decides, besides conditions on values, which states an element leads to: the set of states around it, its name or, when that is
/// not known, its namespace, and whether it begins a stanza or nonza (of the stream, or one that is forwarded). In one word, since it is
/// looked up for each element that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Step(u64);

impl Step {
    fn new(around: SetId, element: Element<'_>, begins: bool) -> Step {
        // A known name has one namespace.
        let name = match element.sym() {
            Sym::UNKNOWN => element.ns().0 | NAMESPACE,
            Sym(name) => name,
        };
        Step(u64::from(around.0) << 32 | u64::from(name) << 1 | u64::from(begins))
    }
}

/// Marks a namespace, as opposed to a name. Of both there are fewer.
const NAMESPACE: u32 = 1 << 30;

/// Where a step leads.
#[derive(Debug)]
enum Leads {
    /// Always here.
    To(SetId),
    /// It depends on the answers to some questions; each bit is one. Where known answers lead.
    Asks(Box<(Questions, FxHashMap<u64, SetId>)>),
    /// It depends on too much.
    Depends,
}

/// A set of states and the plans made for it.
#[derive(Debug)]
struct Set {
    states: Box<[StateId]>,
    /// For each situation the plan; 0 while it is not made.
    plans: [u32; Situation::COUNT],
}

/// Sets of states and plans that were met. One frame at a time uses them.
#[derive(Debug)]
pub struct Plans {
    set_ids: FxHashMap<Box<[StateId]>, SetId>,
    sets: Vec<Set>,
    steps: FxHashMap<Step, Leads>,
    /// The first is that of no state.
    plans: Vec<Plan>,
    /// Answers that are known, over all steps.
    answered: usize,
    entered: Vec<StateId>,
}

impl Default for Plans {
    fn default() -> Plans {
        let empty = Set { states: Box::default(), plans: [0; Situation::COUNT] };
        Plans {
            set_ids: FxHashMap::from_iter([(Box::default(), SetId::EMPTY)]),
            sets: vec![empty],
            steps: FxHashMap::default(),
            plans: vec![Plan::default()],
            answered: 0,
            entered: Vec::new(),
        }
    }
}

impl Plans {
    /// Traffic that is made to meet ever new sets of states must not fill the memory.
    const MAX: usize = 10_000;

    /// Forgets everything if there is too much. Numbers given out before are void then.
    pub fn bound(&mut self) {
        if self.plans.len() + self.sets.len() + self.steps.len() + self.answered > Plans::MAX {
            *self = Plans::default();
        }
    }

    /// The states inside `element`, from those around it.
    ///
    /// `begins` says that the element begins a stanza or nonza (of the stream, or one that is forwarded).
    pub fn enter(&mut self, matcher: &Matcher, element: Element<'_>, around: SetId, begins: bool) -> SetId {
        let step = Step::new(around, element, begins);
        let answers = match self.steps.get(&step) {
            Some(Leads::To(set)) => return *set,
            Some(Leads::Asks(asks)) => {
                let (questions, known) = &**asks;
                let answers = questions.answers(element);
                if let Some(set) = known.get(&answers) {
                    return *set;
                }
                Some(answers)
            }
            _ => None,
        };
        let set = self.enter_anew(matcher, element, around, begins);
        let states = &self.sets[around.0 as usize].states;
        let leads = self.steps.entry(step).or_insert_with(|| match matcher.questions(element, states, begins) {
            Some(questions) if questions.is_empty() => Leads::To(set),
            Some(questions) => Leads::Asks(Box::new((questions, FxHashMap::default()))),
            None => Leads::Depends,
        });
        if let (Leads::Asks(asks), Some(answers)) = (leads, answers) {
            asks.1.insert(answers, set);
            self.answered += 1;
        }
        set
    }

    fn enter_anew(&mut self, matcher: &Matcher, element: Element<'_>, around: SetId, begins: bool) -> SetId {
        self.entered.clear();
        matcher.enter(element, &self.sets[around.0 as usize].states, begins, &mut self.entered);
        if let Some(set) = self.set_ids.get(&*self.entered) {
            return *set;
        }
        let set = SetId(self.sets.len() as u32);
        self.sets.push(Set { states: self.entered.as_slice().into(), plans: [0; Situation::COUNT] });
        self.set_ids.insert(self.entered.as_slice().into(), set);
        set
    }

    /// The plan for an element in which these states end.
    pub fn of(&mut self, catalog: &Catalog, set: SetId, situation: Situation) -> &Plan {
        if set == SetId::EMPTY {
            return &self.plans[0];
        }
        let Set { states, plans } = &mut self.sets[set.0 as usize];
        let plan = &mut plans[situation.index()];
        if *plan == 0 {
            *plan = self.plans.len() as u32;
            self.plans.push(Plan::make(catalog, states, situation));
        }
        &self.plans[*plan as usize]
    }
}
