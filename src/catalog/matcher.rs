//! The automaton: from the elements of a stanza to the rows that apply.
//!
//! All paths form one tree of states; an element moves each active state along the edges that carry its name. The cost of an element
//! depends on how many states are active around it (a handful), not on how many rows there are.

use rustc_hash::FxHashMap;

use super::FieldId;
use super::path::{AttrTest, Cond, NameTest, Path, Step};
use crate::xmpp::element::Element;
use crate::xmpp::names::{Names, NsId, Sym};
use crate::xmpp::ns;

/// A place in the tree of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// The edges that carry one name. Those that ask for a certain value are found by that value, so that their number does not matter: hundreds
/// of rows ask for a form field by its `var`.
#[derive(Debug, Default)]
struct Edges {
    by_value: Vec<(Key, FxHashMap<String, Vec<Edge>>)>,
    others: Vec<Edge>,
}

/// What a value is asked of.
#[derive(Debug, PartialEq, Eq)]
enum Key {
    Attr(String),
    FormType,
}

impl Edges {
    /// The list an edge with these conditions belongs to.
    fn list(&mut self, conds: &[Cond]) -> &mut Vec<Edge> {
        let keyed = conds.iter().find_map(|cond| match cond {
            Cond::Form(value) => Some((Key::FormType, value)),
            Cond::Equals(name, value) => Some((Key::Attr(name.clone()), value)),
            _ => None,
        });
        let Some((key, value)) = keyed else { return &mut self.others };
        let index = self.by_value.iter().position(|(k, _)| *k == key).unwrap_or_else(|| {
            self.by_value.push((key, FxHashMap::default()));
            self.by_value.len() - 1
        });
        self.by_value[index].1.entry(value.clone()).or_default()
    }

    fn for_each(&self, element: Element<'_>, mut take: impl FnMut(&Edge)) {
        for (key, edges) in &self.by_value {
            let found = match key {
                Key::Attr(name) => element.attr(name).and_then(|value| edges.get(value)),
                Key::FormType => form_type(element).and_then(|value| edges.get(&*value)),
            };
            found.into_iter().flatten().for_each(&mut take);
        }
        self.others.iter().for_each(take);
    }
}

#[derive(Debug, Default)]
struct State {
    by_name: FxHashMap<Sym, Edges>,
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
        let state = &mut self.states[from.0 as usize];
        let same = |edge: &&Edge| edge.conds == step.conds;
        let existing = match step.name {
            NameTest::Name(sym) => state.by_name.entry(sym).or_default().list(&step.conds).iter().find(same),
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
            NameTest::Name(sym) => state.by_name.entry(sym).or_default().list(&edge.conds).push(edge),
            NameTest::Namespace(id) => state.by_namespace.push((id, edge)),
            NameTest::Any => state.any.push(edge),
        }
        to
    }

    /// Moves from the states around `element` to those inside it, which are appended to `inside`.
    ///
    /// `begins` says that the element begins a stanza or nonza (of the stream, or one that is forwarded).
    pub fn enter(&self, element: Element<'_>, around: &[StateId], begins: bool, inside: &mut Vec<StateId>) {
        for (from, root) in starts(around, begins) {
            if self.states[from.0 as usize].stays && from != ANYWHERE {
                inside.push(from);
            }
            self.edges(from, element, root, |edge| {
                if edge.conds.iter().all(|cond| holds(cond, element)) {
                    inside.push(edge.to);
                    inside.extend(self.states[edge.to.0 as usize].below);
                }
            });
        }
    }

    /// How many edges are looked at to enter an element: what matching costs.
    #[cfg(test)]
    fn candidates(&self, element: Element<'_>, around: &[StateId], begins: bool) -> usize {
        let mut count = 0;
        starts(around, begins).for_each(|(from, root)| self.edges(from, element, root, |_| count += 1));
        count
    }

    /// What has to be known about an element, besides its name and place, to say where it leads. `None` when that is too much to ask.
    pub fn questions(&self, element: Element<'_>, around: &[StateId], begins: bool) -> Option<Questions> {
        let mut questions = Questions::default();
        for (from, root) in starts(around, begins) {
            if let Some(edges) = self.states[from.0 as usize].by_name.get(&element.sym())
                && edges.by_value.iter().any(|(_, edges)| edges.len() > MAX_VALUES)
            {
                return None;
            }
            self.all_edges(from, element, root, |edge| edge.conds.iter().for_each(|cond| questions.add(cond)));
        }
        (questions.len() <= MAX_QUESTIONS).then_some(questions)
    }

    /// The edges that carry the element's name, and may have the values they ask for.
    fn edges(&self, from: StateId, element: Element<'_>, root: bool, mut each: impl FnMut(&Edge)) {
        if let Some(edges) = self.named(from, element) {
            edges.for_each(element, &mut each);
        }
        self.unnamed_edges(from, element, root, each);
    }

    /// The edges that carry the element's name, whatever values they ask for.
    fn all_edges(&self, from: StateId, element: Element<'_>, root: bool, mut each: impl FnMut(&Edge)) {
        if let Some(edges) = self.named(from, element) {
            edges.by_value.iter().flat_map(|(_, by_value)| by_value.values().flatten()).for_each(&mut each);
            edges.others.iter().for_each(&mut each);
        }
        self.unnamed_edges(from, element, root, each);
    }

    fn named(&self, from: StateId, element: Element<'_>) -> Option<&Edges> {
        self.states[from.0 as usize].by_name.get(&element.sym()).filter(|_| element.sym() != Sym::UNKNOWN)
    }

    fn unnamed_edges(&self, from: StateId, element: Element<'_>, root: bool, mut each: impl FnMut(&Edge)) {
        let state = &self.states[from.0 as usize];
        if element.ns() != NsId::UNKNOWN {
            state.by_namespace.iter().filter(|(ns, _)| *ns == element.ns()).for_each(|(_, edge)| each(edge));
        }
        // `*` as the first step means a stanza, not any nonza.
        if !root || self.stanzas.contains(&element.sym()) {
            state.any.iter().for_each(each);
        }
    }

    /// The rows that end in a state.
    pub fn fields(&self, state: StateId) -> &[FieldId] {
        &self.states[state.0 as usize].fields
    }
}

/// More values of one attribute are looked up in a table, rather than asked for one by one.
const MAX_VALUES: usize = 8;
/// As many as an answer has bits.
const MAX_QUESTIONS: usize = 64;

/// The states that an element may leave, and whether it does so as the first step of a path that begins at the stream.
fn starts(around: &[StateId], begins: bool) -> impl Iterator<Item = (StateId, bool)> {
    begins.then_some((ROOT, true)).into_iter().chain([(ANYWHERE, false)]).chain(around.iter().map(|from| (*from, false)))
}

/// Whether a condition holds for an element.
fn holds(cond: &Cond, element: Element<'_>) -> bool {
    if let Some(name) = cond.attr() {
        return holds_for(cond, element.attr(name));
    }
    match cond {
        Cond::Form(value) => form_type(element).is_some_and(|found| *found == **value),
        Cond::HasChild(names) => element.children().any(|child| names.contains(&child.sym())),
        Cond::NoChild(name) => element.child(*name).is_none(),
        Cond::Childless => element.children().next().is_none(),
        Cond::ContentNamespace(uri) => element.uri() == uri,
        _ => false,
    }
}

/// Whether a condition on an attribute holds for its value.
fn holds_for(cond: &Cond, found: Option<&str>) -> bool {
    match cond {
        Cond::HasAttr(_) => found.is_some(),
        Cond::NoAttr(_) => found.is_none(),
        Cond::Equals(_, value) => found == Some(value),
        Cond::OneOf(_, values) => found.is_some_and(|found| values.iter().any(|value| value == found)),
        Cond::Differs(_, value) => found != Some(value),
        Cond::Starts(_, value) => found.is_some_and(|found| found.starts_with(value.as_str())),
        Cond::Ends(_, value) => found.is_some_and(|found| found.ends_with(value.as_str())),
        _ => false,
    }
}

/// Conditions whose answers decide where an element leads.
#[derive(Debug, Default)]
pub struct Questions {
    /// Those on attributes, so that each attribute is looked for once.
    of_attrs: Vec<(AttrTest, Vec<Cond>)>,
    /// Those on children, as the names that are asked for and the bit of each: one pass over the children answers all of them.
    of_children: FxHashMap<Sym, u64>,
    childless: bool,
    others: Vec<Cond>,
}

impl Questions {
    fn add(&mut self, cond: &Cond) {
        let list = match cond {
            Cond::HasChild(names) => return names.iter().for_each(|name| self.add_child(*name)),
            Cond::NoChild(name) => return self.add_child(*name),
            Cond::Childless => return self.childless = true,
            _ => match cond.attr() {
                None => &mut self.others,
                Some(name) => {
                    let index = self.of_attrs.iter().position(|(of, _)| of.local == name).unwrap_or_else(|| {
                        self.of_attrs.push((AttrTest::new(None, name.to_owned()), Vec::new()));
                        self.of_attrs.len() - 1
                    });
                    &mut self.of_attrs[index].1
                }
            },
        };
        if !list.contains(cond) {
            list.push(cond.clone());
        }
    }

    fn add_child(&mut self, name: Sym) {
        // Beyond the bits there are, there are too many questions anyway.
        let bit = 1u64.checked_shl(self.of_children.len() as u32).unwrap_or(0);
        self.of_children.entry(name).or_insert(bit);
    }

    fn len(&self) -> usize {
        let of_attrs: usize = self.of_attrs.iter().map(|(_, list)| list.len()).sum();
        of_attrs + self.of_children.len() + usize::from(self.childless) + self.others.len()
    }

    /// Whether nothing has to be asked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The answers, a bit for each question.
    pub fn answers(&self, element: Element<'_>) -> u64 {
        let mut answers = 0;
        if !self.of_children.is_empty() {
            for child in element.children() {
                answers |= self.of_children.get(&child.sym()).copied().unwrap_or(0);
            }
        }
        let mut answer = |holds| answers = answers << 1 | u64::from(holds);
        for (name, conds) in &self.of_attrs {
            let found = name.find(element).map(|attr| element.document().attr_value(attr));
            conds.iter().for_each(|cond| answer(holds_for(cond, found)));
        }
        if self.childless {
            answer(element.children().next().is_none());
        }
        self.others.iter().for_each(|cond| answer(holds(cond, element)));
        answers
    }
}

/// What a data form says it is: the value of its field FORM_TYPE (XEP-0068).
fn form_type(form: Element<'_>) -> Option<std::borrow::Cow<'_, str>> {
    let field = form.children().find(|child| child.local() == "field" && child.attr("var") == Some("FORM_TYPE"))?;
    let text = field.children().find(|child| child.local() == "value")?.own_text();
    Some(match text {
        std::borrow::Cow::Borrowed(text) => text.trim().into(),
        std::borrow::Cow::Owned(text) => text.trim().to_owned().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::xmpp::element::{Document, Inherited, NodeId, NodeKind};
    use crate::xmpp::limits::Limits;

    /// Edges looked at for all elements of the catalog's own examples, and states entered.
    fn cost(catalog: &Catalog) -> (usize, usize) {
        let (mut edges, mut states) = (0, 0);
        let mut document = Document::new();
        for example in Catalog::builtin().specs.iter().flat_map(|spec| &spec.examples) {
            if document.parse(example.xml.as_bytes(), false, &Inherited::client(), &catalog.names, &Limits::default()).is_err() {
                continue;
            }
            let mut inside: Vec<Vec<StateId>> = vec![Vec::new(); document.len()];
            for index in (0..document.len()).filter(|index| document.node(NodeId(*index as u32)).kind == NodeKind::Element) {
                let element = document.element(NodeId(index as u32));
                let around = element.parent().map_or(Vec::new(), |parent| inside[parent.id.0 as usize].clone());
                let begins = element.parent().is_none();
                edges += catalog.matcher.candidates(element, &around, begins);
                catalog.matcher.enter(element, &around, begins, &mut inside[index]);
                states += inside[index].len();
            }
        }
        (edges, states)
    }

    /// What an element costs depends on the rows that may apply to it, not on how many others there are.
    #[test]
    fn unrelated_rows_cost_nothing() {
        let mut file = "spec = \"XEP-9999\"\ntitle = \"Test\"\n[prefixes]\nd = \"jabber:x:data\"\n".to_owned();
        (0..10).for_each(|n| file += &format!("u{n} = \"urn:example:{n}\"\n"));
        for n in 0..3000 {
            let path = match n % 4 {
                0 => format!("u{}:message/u0:body{n}/@id", n % 10),
                1 => format!("message[@type='unrelated-{n}']/u{}:x/@node", n % 10),
                2 => format!("u{}:encrypted//u1:key{n}/text()", n % 10),
                _ => format!("d:x[form='urn:example:form']/d:field[@var='unrelated-{n}']/d:value/text()"),
            };
            file += &format!(
                "[[field]]\nid = \"t.{n}\"\npath = \"{path}\"\nlayer = \"client\"\npattern = \"any\"\ncategory = \"identity\"\nsensitivity = \"low\"\nreveals = \"Test.\"\n"
            );
        }
        let more = Catalog::load_with(&[("t.toml", &file)]).unwrap();
        assert!(cost(&more).0 > 5_000, "{:?}", cost(&more));
        assert_eq!(cost(&more), cost(&Catalog::builtin()));
    }
}
