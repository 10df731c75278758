//! From a parsed frame to its exposures: which row owns which value, what is read besides, what nobody claims.

use std::borrow::Cow;
use std::net::IpAddr;

use super::decode;
use super::decoded::Decoded;
use super::memory::{Memory, Peer};
use super::value::{self, Shape};
use crate::catalog::path::{Extract, From, JidPart};
pub use crate::catalog::plan::Claim;
use crate::catalog::plan::{Plans, SetId, Situation};
use crate::catalog::{Catalog, FieldId, Kind, ValueType};
use crate::record::exposure::PoolRange;
use crate::record::{Exposure, Exposures, Typed, Via};
use crate::xmpp::Direction;
use crate::xmpp::element::{Document, Element, NodeId, NodeKind};
use crate::xmpp::jid::{Jid, normalised_bare};
use crate::xmpp::names::{NsId, Sym};

/// What the frame is read as.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Direction; rows of either match when it is not known.
    pub direction: Option<Direction>,
    /// Session memory.
    pub memory: &'a Memory,
    /// Whether content is written out.
    pub keep_content: bool,
    /// Levels of forwarding that are followed.
    pub max_forwards: usize,
    /// The other party of the frame's own stanza.
    pub peer: Peer,
}

/// A stanza inside the frame: the frame's own, or one that is forwarded.
#[derive(Debug, Clone, Copy)]
struct Scope {
    via: Via,
    peer: Peer,
    forwards: usize,
}

impl Scope {
    /// A copy may be of either direction.
    fn situation(self, direction: Option<Direction>) -> Situation {
        let own_direction = matches!(self.via, Via::Direct | Via::History | Via::ErrorEcho);
        let Peer { room, own, server, .. } = self.peer;
        Situation { direction: direction.filter(|_| own_direction), room, own, server }
    }
}

/// What became of an attribute or a text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Read {
    /// Who owns it.
    pub claim: Claim,
    /// What the log shows of it, where evidence shows the same: not where that is longer, or a number that stands for it.
    pub shown: Option<PoolRange>,
}

/// Working memory, kept between frames.
#[derive(Debug, Default)]
pub struct Extractor {
    /// Per node: the states inside it.
    inside: Vec<SetId>,
    scopes: Vec<Scope>,
    /// Per node: index into `scopes`.
    scope_of: Vec<u16>,
    /// The frame is an error stanza: what it holds besides the error is an echo.
    echoes: bool,
    /// Per attribute, and per node for its text.
    attrs: Vec<Read>,
    texts: Vec<Read>,
    scratch: Scratch,
}

impl Extractor {
    /// What became of the attribute with this index, after [`Extractor::run`].
    pub fn attr(&self, index: usize) -> Read {
        self.attrs[index]
    }

    /// What became of the text of an element, after [`Extractor::run`].
    pub fn text(&self, id: NodeId) -> Read {
        self.texts[id.0 as usize]
    }

    /// What was decoded of the frame, after [`Extractor::run`].
    pub fn decoded(&self) -> &Decoded {
        &self.scratch.decoded
    }

    /// The same, to decode more of it.
    pub fn decoded_mut(&mut self) -> &mut Decoded {
        &mut self.scratch.decoded
    }

    /// Reads the exposures of a frame into `out`, in document order.
    pub fn run(&mut self, catalog: &Catalog, document: &Document, context: Context<'_>, out: &mut Exposures) {
        self.reset(catalog, document, context);
        // About one value for each attribute and each node, about half of what came in.
        out.reserve(document.attr_count() + document.len(), document.root().size() as usize / 2);
        let mut plans = catalog.lend_plans();
        for index in 0..document.len() {
            let id = NodeId(index as u32);
            if document.node(id).kind == NodeKind::Element {
                self.read(catalog, document.element(id), context, &mut plans, out);
            }
        }
        catalog.give_back(plans);
    }

    fn reset(&mut self, catalog: &Catalog, document: &Document, context: Context<'_>) {
        let (nodes, attrs) = (document.len(), document.attr_count());
        self.scopes.clear();
        self.attrs.clear();
        self.attrs.resize(attrs, Read::default());
        self.texts.clear();
        self.texts.resize(nodes, Read::default());
        self.inside.clear();
        self.inside.resize(nodes, SetId::EMPTY);
        self.scope_of.clear();
        self.scope_of.resize(nodes, 0);
        self.scratch.decoded.reset(nodes);

        let root = document.root();
        let history = root.sym() == catalog.known.message
            && root.attr("type") == Some("groupchat")
            && root.children().any(|child| child.local() == "delay" && child.uri() == "urn:xmpp:delay");
        self.scopes.push(Scope { via: if history { Via::History } else { Via::Direct }, peer: context.peer, forwards: 0 });
        let stanza = [catalog.known.message, catalog.known.presence, catalog.known.iq].contains(&root.sym());
        self.echoes = stanza && root.attr("type") == Some("error");
    }

    /// Reads one element: which rows apply follows from those of the element around it.
    fn read(&mut self, catalog: &Catalog, element: Element<'_>, context: Context<'_>, plans: &mut Plans, out: &mut Exposures) {
        let (document, index) = (element.document(), element.id.0 as usize);
        let (mut around, mut scope, mut begins) = (SetId::EMPTY, 0, true);
        if let Some(parent) = element.parent() {
            (around, scope) = (self.inside[parent.id.0 as usize], self.scope_of[parent.id.0 as usize]);
            begins = match self.inner_scope(catalog, element, parent, scope, context) {
                Some(inner) if self.scopes.len() < usize::from(u16::MAX) => {
                    scope = self.scopes.len() as u16;
                    let stanza = inner.via != Via::ErrorEcho;
                    self.scopes.push(inner);
                    stanza
                }
                _ => false,
            };
        }
        let inside = plans.enter(&catalog.matcher, element, around, begins);
        (self.inside[index], self.scope_of[index]) = (inside, scope);
        let scope = self.scopes[usize::from(scope)];
        let plan = plans.of(catalog, inside, scope.situation(context.direction));
        let place = Place { via: scope.via, element: index as u32 };
        for attr in element.attr_indices() {
            let value = value::trimmed(document.attr_value(attr));
            self.attrs[attr] = match plan.owner_of_attr(element, attr) {
                Some(field) => {
                    Read { claim: Claim::Field(field), shown: push_claimed(out, catalog, field, value, place, context.keep_content) }
                }
                None => {
                    let path = out.intern(|pool| write_path(pool, element, Some(document.attr_qname(attr))));
                    Read { claim: Claim::None, shown: push_unclassified(out, value, document.attr_local(attr), path, place) }
                }
            };
        }
        let text = element.own_text();
        // Of several texts evidence shows each by itself.
        let whole = matches!(text, Cow::Borrowed(_));
        let text = value::trimmed(&text);
        self.texts[index].claim = plan.text;
        if !text.is_empty() {
            let shown = match plan.text {
                Claim::Field(field) => push_claimed(out, catalog, field, text, place, context.keep_content),
                Claim::Touched => None,
                Claim::None => {
                    let path = out.intern(|pool| write_path(pool, element, None));
                    push_unclassified(out, text, element.local(), path, place)
                }
            };
            self.texts[index].shown = shown.filter(|_| whole);
        } else if !plan.matched && opens_unknown(element) {
            let path = out.intern(|pool| write_path(pool, element, None));
            let value = out.intern_str("present");
            out.push(Exposure {
                field: None,
                value,
                path: Some(path),
                via: place.via,
                derived: false,
                typed: Typed::Plain,
                element: place.element,
            });
        }
        for &field in &plan.derived {
            self.scratch.push_derived(out, catalog, element, field, place.via, context.keep_content);
        }
    }

    /// The scope that begins at an element: a forwarded stanza, or what an error echoes.
    fn inner_scope(&self, catalog: &Catalog, element: Element<'_>, parent: Element<'_>, scope: u16, context: Context<'_>) -> Option<Scope> {
        let known = &catalog.known;
        let outer = self.scopes[usize::from(scope)];
        if parent.sym() == known.forwarded {
            let stanza = [known.message, known.presence, known.iq].contains(&element.sym());
            if !stanza || outer.forwards >= context.max_forwards {
                return None;
            }
            let via = match parent.parent().map(Element::sym) {
                _ if outer.via != Via::Direct => outer.via,
                Some(sym) if sym == known.carbons_sent => Via::CarbonSent,
                Some(sym) if sym == known.carbons_received => Via::CarbonReceived,
                Some(sym) if sym == known.mam_result => Via::Archive,
                _ => Via::Forwarded,
            };
            return Some(Scope { via, peer: context.memory.peer(element, None, known), forwards: outer.forwards + 1 });
        }
        let echo = self.echoes && parent.id.0 == 0 && element.sym() != known.error;
        echo.then_some(Scope { via: Via::ErrorEcho, ..outer })
    }
}

/// Whether an element is the first of a namespace nobody knows.
fn opens_unknown(element: Element<'_>) -> bool {
    element.ns() == NsId::UNKNOWN && element.parent().is_none_or(|parent| parent.uri() != element.uri())
}

/// Where a value stands, and how it came to be on the stream.
#[derive(Debug, Clone, Copy)]
struct Place {
    via: Via,
    element: u32,
}

/// Memory for values that are made, kept between frames.
#[derive(Debug, Default)]
struct Scratch {
    value: String,
    /// Of the text of an element several rows may read a part.
    decoded: Decoded,
}

impl Scratch {
    fn push_derived(&mut self, out: &mut Exposures, catalog: &Catalog, element: Element<'_>, id: FieldId, via: Via, keep_content: bool) {
        let field = catalog.field(id);
        let (value, typed) = if field.kind == Kind::Metadata && field.extract.writes_itself() {
            // What is no text of anybody's needs no look before it is shown.
            let value = out.intern(|pool| self.derive(catalog, &field.extract, element, pool));
            if value.is_empty() {
                return;
            }
            (value, Typed::Plain)
        } else {
            let mut text = std::mem::take(&mut self.value);
            text.clear();
            self.derive(catalog, &field.extract, element, &mut text);
            let shown = (!text.is_empty()).then(|| show(out, field.kind, field.value_type, &text, keep_content));
            self.value = text;
            let Some(shown) = shown else { return };
            shown
        };
        out.push(Exposure { field: Some(id), value, path: None, via, derived: true, typed, element: element.id.0 });
    }

    /// Appends what a row reads of an element to `value`; nothing when there is nothing.
    fn derive(&mut self, catalog: &Catalog, extract: &Extract, element: Element<'_>, value: &mut String) {
        let text = || element.own_text();
        match extract {
            Extract::Present => value.push_str("present"),
            Extract::Time => value.push_str("arrival"),
            Extract::Size => value::push_number(value, element.size().into()),
            Extract::LocalName => value.push_str(element.local()),
            Extract::NamespaceUri => value.push_str(element.uri()),
            Extract::ChildName => value.push_str(element.children().next().map_or("", Element::local)),
            Extract::ChildNs => value.push_str(element.children().next().map_or("", Element::uri)),
            Extract::Count => {
                if let Some(count) = count_of_first(element) {
                    value::push_number(value, count);
                }
            }
            Extract::Jid(part, from) => {
                let source: Option<Cow<'_, str>> = match from {
                    From::Attr(test) => test.find(element).map(|index| element.document().attr_value(index).into()),
                    From::Text => Some(text()),
                };
                value.push_str(source.as_deref().and_then(|source| jid_part(source, *part)).unwrap_or(""));
            }
            Extract::Sasl(part) => value.push_str(&decode::sasl_part(value::trimmed(&text()), part).unwrap_or_default()),
            Extract::Protobuf(numbers) => {
                // Signal messages of legacy OMEMO begin with a version byte.
                let legacy = element.ns() == catalog.known.omemo[0];
                if let Some(message) = self.decoded.read(element).and_then(|bytes| bytes.get(usize::from(legacy)..)) {
                    decode::protobuf_field(message, numbers, value);
                }
            }
            Extract::Unescaped(test) => {
                let local = test.find(element).and_then(|index| decode::unescaped_localpart(element.document().attr_value(index)));
                value.push_str(local.as_deref().unwrap_or(""));
            }
            Extract::Extension(test) => {
                let extension = test.find(element).and_then(|index| decode::extension(element.document().attr_value(index)));
                value.push_str(extension.unwrap_or(""));
            }
            Extract::Styled if decode::is_styled(&text()) => value.push_str("present"),
            Extract::FragmentLength => {
                if let Some(length) = decode::fragment_length(value::trimmed(&text())) {
                    value::push_number(value, length as u64);
                }
            }
            Extract::Base64Byte(index) => {
                if let Some(byte) = self.decoded.read(element).and_then(|bytes| bytes.get(*index)) {
                    value::push_number(value, u64::from(*byte));
                }
            }
            Extract::Otr(part) => value.push_str(&decode::otr_part(value::trimmed(&text()), part).unwrap_or_default()),
            Extract::TextStarts(prefix) if text().trim_start().starts_with(prefix.as_str()) => value.push_str("present"),
            Extract::TextContains(needle) if contains(&text(), needle) => value.push_str("present"),
            _ => {}
        }
    }
}

/// Whether a text contains another. The searches of the standard library prepare themselves for long texts.
fn contains(text: &str, needle: &str) -> bool {
    let Some(&first) = needle.as_bytes().first() else { return true };
    memchr::memchr_iter(first, text.as_bytes()).any(|at| text.as_bytes()[at..].starts_with(needle.as_bytes()))
}

/// How many siblings an element has of its name, itself included, if it is the first of them.
fn count_of_first(element: Element<'_>) -> Option<u64> {
    let known = element.sym() != Sym::UNKNOWN;
    let same = |sibling: &Element<'_>| {
        sibling.sym() == element.sym() && (known || sibling.local() == element.local() && sibling.uri() == element.uri())
    };
    let parent = element.parent()?;
    let first = parent.children().find(same)?;
    (first.id == element.id).then(|| parent.children().filter(same).count() as u64)
}

fn jid_part(address: &str, part: JidPart) -> Option<&str> {
    let jid = Jid::split(value::trimmed(address));
    match part {
        JidPart::Local => jid.localpart(),
        JidPart::Domain => Some(jid.domainpart()),
        JidPart::Resource => jid.resourcepart(),
    }
}

/// Adds the value of a row. What is returned is [`Read::shown`].
fn push_claimed(out: &mut Exposures, catalog: &Catalog, id: FieldId, raw: &str, place: Place, keep_content: bool) -> Option<PoolRange> {
    let field = catalog.field(id);
    let mut same = false;
    let (value, typed) = if matches!(field.extract, Extract::Base64Length) {
        let length = value::base64_length(raw);
        let write = |pool: &mut String| match length {
            Some(length) => value::push_number(pool, length as u64),
            None => pool.push_str("not base64"),
        };
        (out.intern(write), Typed::Plain)
    } else if matches!(field.extract, Extract::Base64) && field.value_type != ValueType::Base64 {
        // The row says that the decoded bytes are text.
        let decoded = value::decode_base64(raw).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        show(out, field.kind, field.value_type, decoded.as_deref().unwrap_or("[not base64]"), keep_content)
    } else {
        let hidden = field.kind == Kind::Secret || field.kind == Kind::Content && !keep_content;
        same = hidden || evidence_shows_the_same(field.value_type, raw);
        show(out, field.kind, field.value_type, raw, keep_content)
    };
    out.push(Exposure { field: Some(id), value, path: None, via: place.via, derived: false, typed, element: place.element });
    same.then_some(value)
}

/// Whether evidence shows of a value that is not hidden what its exposure shows: evidence cuts what is long, hides what looks like a key,
/// and takes fragments out of whatever is a URI.
fn evidence_shows_the_same(value_type: ValueType, raw: &str) -> bool {
    raw.len() <= MAX_SAME
        && match value_type {
            ValueType::Base64 => false,
            ValueType::Jid | ValueType::Time | ValueType::Ip => !value::may_be_uri(raw),
            ValueType::Uri | ValueType::Text | ValueType::Number => true,
        }
}

/// Longer values may be base64, which evidence hides.
pub const MAX_SAME: usize = 64;

/// The same for a value that no row claims.
fn push_unclassified(out: &mut Exposures, raw: &str, hint: &str, path: PoolRange, place: Place) -> Option<PoolRange> {
    let shaped = shaped(raw, hint);
    let (value, typed) = match shaped {
        Some(value_type) => show(out, Kind::Metadata, value_type, raw, false),
        // Nobody said that this may be shown, so it is treated like content.
        None => show(out, Kind::Content, ValueType::Text, raw, false),
    };
    out.push(Exposure { field: None, value, path: Some(path), via: place.via, derived: false, typed, element: place.element });
    shaped.is_none_or(|value_type| evidence_shows_the_same(value_type, raw)).then_some(value)
}

/// The type of a value that looks like one, whoever wrote it; text has none.
fn shaped(raw: &str, hint: &str) -> Option<ValueType> {
    match value::shape(raw, hint) {
        Shape::Jid => Some(ValueType::Jid),
        Shape::Time => Some(ValueType::Time),
        Shape::Uri => Some(ValueType::Uri),
        Shape::Ip => Some(ValueType::Ip),
        Shape::Number => Some(ValueType::Number),
        Shape::Text => None,
    }
}

/// The value a log may hold, and its typed parts.
fn show(out: &mut Exposures, kind: Kind, value_type: ValueType, raw: &str, keep_content: bool) -> (PoolRange, Typed) {
    let bytes = raw.len() as u32;
    match kind {
        Kind::Secret => (out.intern(|pool| write_hidden(pool, "secret", raw.len())), Typed::Hidden { class: "secret", bytes }),
        Kind::Content if !keep_content => {
            let class = value::text_class(raw);
            (out.intern(|pool| write_hidden(pool, class, raw.len())), Typed::Hidden { class, bytes })
        }
        Kind::Mixed => match shaped(raw, "") {
            Some(value_type) => typed(out, value_type, raw),
            None => show(out, Kind::Content, value_type, raw, keep_content),
        },
        _ => typed(out, value_type, raw),
    }
}

fn write_hidden(pool: &mut String, class: &str, bytes: usize) {
    pool.push('[');
    pool.push_str(class);
    pool.push_str(", ");
    value::push_number(pool, bytes as u64);
    pool.push_str(" bytes]");
}

fn typed(out: &mut Exposures, value_type: ValueType, raw: &str) -> (PoolRange, Typed) {
    match value_type {
        ValueType::Jid => {
            let value = out.intern_str(raw);
            let jid = Jid::split(raw);
            let normal = jid.is_normalised();
            if jid.resourcepart().is_none() && normal {
                return (value, Typed::Plain);
            }
            // Parts that are as written are not written again.
            let bare = if normal { value.part(0, jid.bare().len()) } else { out.intern_str(&normalised_bare(raw)) };
            let resource = jid.resourcepart().map(|resource| value.part(raw.len() - resource.len(), raw.len()));
            (value, Typed::Jid { bare, resource })
        }
        ValueType::Time => {
            let value = out.intern_str(raw);
            let Some(time) = value::parse_time(raw) else { return (value, Typed::Plain) };
            let shown = time.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
            (value, Typed::Time(out.intern_str(&shown)))
        }
        ValueType::Ip => {
            let typed = raw.parse::<IpAddr>().map_or(Typed::Plain, |ip| Typed::Ip(value::ip_class(ip)));
            (out.intern_str(raw), typed)
        }
        ValueType::Base64 => {
            let Some(bytes) = value::decode_base64(raw) else {
                let typed = Typed::Hidden { class: "base64", bytes: raw.len() as u32 };
                return (out.intern(|pool| write_hidden(pool, "not base64", raw.len())), typed);
            };
            let write = |pool: &mut String| {
                pool.push_str("[base64, ");
                value::push_number(pool, bytes.len() as u64);
                pool.push_str(" bytes, sha256 ");
                value::push_digest(pool, &bytes);
                pool.push(']');
            };
            (out.intern(write), Typed::Hidden { class: "base64", bytes: bytes.len() as u32 })
        }
        // Whatever a row calls it, a URI can carry credentials.
        ValueType::Uri | ValueType::Text | ValueType::Number => (out.intern(|pool| value::sanitised_uri(raw, pool)), Typed::Plain),
    }
}

/// Where a value stands: local names from the root down, `{namespace}` where it changes.
fn write_path(pool: &mut String, element: Element<'_>, attr: Option<&str>) {
    let mut chain = vec![element];
    while let Some(parent) = chain[chain.len() - 1].parent() {
        chain.push(parent);
    }
    let mut around = crate::xmpp::ns::CLIENT;
    for (i, step) in chain.iter().rev().enumerate() {
        if i > 0 {
            pool.push('/');
        }
        if step.uri() != around {
            pool.push('{');
            pool.push_str(step.uri());
            pool.push('}');
            around = step.uri();
        }
        pool.push_str(step.local());
    }
    match attr {
        Some(attr) => {
            pool.push_str("/@");
            pool.push_str(attr);
        }
        None => pool.push_str("/text()"),
    }
}
