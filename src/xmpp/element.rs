//! One frame, parsed: a flat tree of elements and texts. quick-xml is used here and nowhere else.
//!
//! quick-xml silently accepts what RFC 6120 §11.1 forbids (comments, processing instructions, DOCTYPE, unbound prefixes, NUL) and reports
//! the end of input with elements still open as plain end. [`Irregular`] collects every such construct, because two parsers that disagree
//! about it may disagree about who said what ("stanza smuggling").
//!
//! A [`Document`] is filled again for each frame and keeps its memory.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::limits::Limits;
use super::names::{Names, NsId, Sym};

/// Constructs that XMPP forbids or on which parsers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Irregular {
    /// A comment.
    Comment,
    /// A processing instruction.
    ProcessingInstruction,
    /// A document type declaration.
    Doctype,
    /// A general entity other than the five predefined ones.
    UndefinedEntity,
    /// A character reference to something that is not a character.
    BadCharacterReference,
    /// A control character that XML does not allow.
    ControlCharacter,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// A prefix that is not bound.
    UnboundPrefix,
    /// `xmlns:p=''`, or a rebinding of `xml` or `xmlns`.
    BadBinding,
    /// The same attribute twice.
    DuplicateAttribute,
    /// An XML declaration where none may be.
    LateDeclaration,
}

impl Irregular {
    const ALL: [Irregular; 11] = [
        Irregular::Comment,
        Irregular::ProcessingInstruction,
        Irregular::Doctype,
        Irregular::UndefinedEntity,
        Irregular::BadCharacterReference,
        Irregular::ControlCharacter,
        Irregular::InvalidUtf8,
        Irregular::UnboundPrefix,
        Irregular::BadBinding,
        Irregular::DuplicateAttribute,
        Irregular::LateDeclaration,
    ];

    /// The name used in records.
    pub fn name(self) -> &'static str {
        match self {
            Irregular::Comment => "comment",
            Irregular::ProcessingInstruction => "processing_instruction",
            Irregular::Doctype => "doctype",
            Irregular::UndefinedEntity => "undefined_entity",
            Irregular::BadCharacterReference => "bad_character_reference",
            Irregular::ControlCharacter => "control_character",
            Irregular::InvalidUtf8 => "invalid_utf8",
            Irregular::UnboundPrefix => "unbound_prefix",
            Irregular::BadBinding => "bad_binding",
            Irregular::DuplicateAttribute => "duplicate_attribute",
            Irregular::LateDeclaration => "late_declaration",
        }
    }
}

/// A set of [`Irregular`] constructs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Irregulars(u16);

impl Irregulars {
    /// Adds one.
    pub fn insert(&mut self, what: Irregular) {
        self.0 |= 1 << what as u8;
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members.
    pub fn iter(self) -> impl Iterator<Item = Irregular> {
        Irregular::ALL.into_iter().filter(move |what| self.0 & (1 << *what as u8) != 0)
    }
}

/// Why a frame could not be turned into a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The markup is broken.
    #[error("not well formed: {0}")]
    Malformed(String),
    /// The frame holds no element.
    #[error("no element")]
    Empty,
    /// One of [`Limits`] was passed; which, and its value.
    #[error("more than {1} {0}")]
    Limit(&'static str, usize),
}

/// A piece of a document's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u32,
    len: u32,
}

impl Span {
    const EMPTY: Span = Span { start: 0, len: 0 };
}

/// Marks a span of the unescaped text, as opposed to the source.
const UNESCAPED: u32 = 1 << 31;

/// Index of a node; parents come before their children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// An element.
    Element,
    /// Character data.
    Text,
}

/// An element or a text.
#[derive(Debug, Clone)]
pub struct Node {
    /// Element or text.
    pub kind: NodeKind,
    /// Known name of the element.
    pub sym: Sym,
    /// Known namespace of the element.
    pub ns: NsId,
    /// Nesting; the frame's own element has 0.
    pub depth: u32,
    parent: u32,
    /// Index just past the last descendant.
    end: u32,
    name: Span,
    uri: Span,
    attrs: Range<u32>,
    source: Range<u32>,
}

/// An attribute that is not a namespace declaration.
#[derive(Debug, Clone)]
pub struct Attr {
    name: Span,
    local_at: u32,
    /// Namespace of a prefixed attribute.
    pub ns: NsId,
    uri: Span,
    value: Span,
}

#[derive(Debug, Clone, Copy)]
struct Binding {
    prefix: Span,
    uri: Span,
    ns: NsId,
}

/// Namespace declarations that a frame inherits from its stream header.
#[derive(Debug, Clone, Default)]
pub struct Inherited {
    bindings: Vec<InheritedBinding>,
}

#[derive(Debug, Clone)]
struct InheritedBinding {
    prefix: String,
    uri: String,
    /// Looked up already, if known.
    ns: Option<NsId>,
}

impl Inherited {
    /// No stream header: stanzas are in `jabber:client`, `stream:` means streams.
    pub fn client() -> Inherited {
        let binding = |prefix: &str, uri: &str| InheritedBinding { prefix: prefix.into(), uri: uri.into(), ns: None };
        Inherited { bindings: vec![binding("", super::ns::CLIENT), binding("stream", super::ns::STREAM)] }
    }

    /// The declarations of the stream header in `document`.
    pub fn from_header(document: &Document) -> Inherited {
        let text = |span| document.text(span).to_owned();
        let binding = |b: &Binding| InheritedBinding { prefix: text(b.prefix), uri: text(b.uri), ns: Some(b.ns) };
        Inherited { bindings: document.tree.root_bindings.iter().map(binding).collect() }
    }
}

/// A parsed frame.
#[derive(Debug, Default)]
pub struct Document {
    source: String,
    tree: Tree,
}

/// Everything but the source, so that it can grow while the reader borrows the source.
#[derive(Debug, Default)]
struct Tree {
    unescaped: String,
    nodes: Vec<Node>,
    attrs: Vec<Attr>,
    bindings: Vec<Binding>,
    root_bindings: Vec<Binding>,
    stack: Vec<(u32, usize)>,
    irregular: Irregulars,
}

impl Document {
    /// An empty document; [`Document::parse`] fills it.
    pub fn new() -> Document {
        Document::default()
    }

    /// Parses one frame.
    ///
    /// `header` frames are stream headers: their start tag is all there is. Names are looked up in `names`.
    ///
    /// # Errors
    /// [`ParseError`] when the frame is not one well-formed element or passes a limit. Irregular constructs are no error: see
    /// [`Document::irregular`].
    pub fn parse(&mut self, frame: &[u8], header: bool, inherited: &Inherited, names: &Names, limits: &Limits) -> Result<(), ParseError> {
        self.clear();
        if frame.len() >= UNESCAPED as usize {
            return Err(ParseError::Limit("bytes", UNESCAPED as usize));
        }
        match std::str::from_utf8(frame) {
            Ok(text) => self.source.push_str(text),
            Err(_) => {
                self.tree.irregular.insert(Irregular::InvalidUtf8);
                self.source.push_str(&String::from_utf8_lossy(frame));
            }
        }
        // No early exit: this way the compiler looks at many bytes at a time.
        if frame.iter().fold(false, |any, &b| any | (b < 0x20 && b != b'\t' && b != b'\n' && b != b'\r')) {
            self.tree.irregular.insert(Irregular::ControlCharacter);
        }
        for InheritedBinding { prefix, uri, ns } in &inherited.bindings {
            let ns = ns.unwrap_or_else(|| names.ns(uri));
            let binding = Binding { prefix: self.tree.unescape_to(prefix), uri: self.tree.unescape_to(uri), ns };
            self.tree.bindings.push(binding);
        }
        self.tree.read(&self.source, header, names, limits)?;
        if self.tree.nodes.is_empty() { Err(ParseError::Empty) } else { Ok(()) }
    }

    /// Empties the document; one huge frame does not keep its memory.
    fn clear(&mut self) {
        self.source.clear();
        self.source.shrink_to(1 << 14);
        let tree = &mut self.tree;
        tree.unescaped.clear();
        tree.unescaped.shrink_to(1 << 14);
        tree.nodes.clear();
        tree.nodes.shrink_to(1 << 8);
        tree.attrs.clear();
        tree.attrs.shrink_to(1 << 8);
        tree.bindings.clear();
        tree.root_bindings.clear();
        tree.stack.clear();
        tree.irregular = Irregulars::default();
    }

    /// The text a span stands for.
    #[inline]
    fn text(&self, span: Span) -> &str {
        self.tree.str(&self.source, span)
    }

    /// Forbidden or ambiguous constructs that were seen.
    pub fn irregular(&self) -> Irregulars {
        self.tree.irregular
    }

    /// The frame's own element.
    ///
    /// # Panics
    /// When the last [`Document::parse`] failed.
    pub fn root(&self) -> Element<'_> {
        self.element(NodeId(0))
    }

    /// Number of nodes; ids run from 0.
    pub fn len(&self) -> usize {
        self.tree.nodes.len()
    }

    /// Whether nothing was parsed.
    pub fn is_empty(&self) -> bool {
        self.tree.nodes.is_empty()
    }

    /// Number of attributes of the whole document; indices run from 0.
    pub fn attr_count(&self) -> usize {
        self.tree.attrs.len()
    }

    /// A node by number.
    #[inline]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.tree.nodes[id.0 as usize]
    }

    /// An element by number.
    #[inline]
    pub fn element(&self, id: NodeId) -> Element<'_> {
        Element { document: self, id }
    }

    /// The text of a text node.
    #[inline]
    pub fn text_node(&self, id: NodeId) -> &str {
        self.text(self.node(id).name)
    }

    /// The value of the attribute with this index.
    #[inline]
    pub fn attr_value(&self, index: usize) -> &str {
        self.text(self.tree.attrs[index].value)
    }

    /// Local name of the attribute with this index.
    #[inline]
    pub fn attr_local(&self, index: usize) -> &str {
        let attr = &self.tree.attrs[index];
        &self.text(attr.name)[attr.local_at as usize..]
    }

    /// Name of the attribute with this index, as written.
    #[inline]
    pub fn attr_qname(&self, index: usize) -> &str {
        self.text(self.tree.attrs[index].name)
    }

    /// Known namespace of the attribute with this index; unprefixed attributes have none.
    #[inline]
    pub fn attr_ns(&self, index: usize) -> NsId {
        self.tree.attrs[index].ns
    }

    /// Whether the attribute with this index has a prefix.
    #[inline]
    pub fn attr_prefixed(&self, index: usize) -> bool {
        self.tree.attrs[index].local_at > 0
    }
}

/// An element of a document.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a> {
    document: &'a Document,
    /// Its number.
    pub id: NodeId,
}

impl<'a> Element<'a> {
    #[inline]
    fn node(self) -> &'a Node {
        &self.document.tree.nodes[self.id.0 as usize]
    }

    /// The document it belongs to.
    pub fn document(self) -> &'a Document {
        self.document
    }

    /// Known expanded name.
    #[inline]
    pub fn sym(self) -> Sym {
        self.node().sym
    }

    /// Known namespace.
    #[inline]
    pub fn ns(self) -> NsId {
        self.node().ns
    }

    /// Local name as written.
    #[inline]
    pub fn local(self) -> &'a str {
        self.document.text(self.node().name)
    }

    /// Namespace URI as written.
    #[inline]
    pub fn uri(self) -> &'a str {
        self.document.text(self.node().uri)
    }

    /// Bytes of its markup in the frame, tags included.
    pub fn size(self) -> u32 {
        self.node().source.end.saturating_sub(self.node().source.start)
    }

    /// Where its markup stands in the frame.
    pub fn source_range(self) -> Range<usize> {
        self.node().source.start as usize..self.node().source.end as usize
    }

    /// The element around it.
    #[inline]
    pub fn parent(self) -> Option<Element<'a>> {
        let parent = self.node().parent;
        (parent != u32::MAX).then_some(Element { document: self.document, id: NodeId(parent) })
    }

    /// Indices of its attributes.
    #[inline]
    pub fn attr_indices(self) -> Range<usize> {
        self.node().attrs.start as usize..self.node().attrs.end as usize
    }

    /// The value of an attribute without prefix.
    #[inline]
    pub fn attr(self, name: &str) -> Option<&'a str> {
        self.attr_index(name).map(|index| self.document.attr_value(index))
    }

    /// The index of an attribute without prefix, or of one written exactly so (`xml:lang`).
    #[inline]
    pub fn attr_index(self, name: &str) -> Option<usize> {
        let attrs = &self.document.tree.attrs;
        self.attr_indices().find(|&index| attrs[index].name.len as usize == name.len() && self.document.attr_qname(index) == name)
    }

    /// Its child nodes, texts included.
    #[inline]
    pub fn child_nodes(self) -> impl Iterator<Item = NodeId> + 'a {
        let nodes = &self.document.tree.nodes;
        let (mut next, end) = (self.id.0 + 1, self.node().end);
        std::iter::from_fn(move || {
            let current = (next < end).then_some(NodeId(next))?;
            next = nodes[next as usize].end;
            Some(current)
        })
    }

    /// Its child elements.
    #[inline]
    pub fn children(self) -> impl Iterator<Item = Element<'a>> + 'a {
        let document = self.document;
        self.child_nodes().filter(|&id| document.node(id).kind == NodeKind::Element).map(|id| document.element(id))
    }

    /// The first child with this known name.
    pub fn child(self, sym: Sym) -> Option<Element<'a>> {
        self.children().find(|child| child.sym() == sym && sym != Sym::UNKNOWN)
    }

    /// Its own character data (not that of its children), untrimmed. Borrowed unless split by child elements.
    pub fn own_text(self) -> std::borrow::Cow<'a, str> {
        let document = self.document;
        let mut texts = self.child_nodes().filter(|&id| document.node(id).kind == NodeKind::Text).map(|id| document.text_node(id));
        let Some(first) = texts.next() else { return "".into() };
        let mut all = std::borrow::Cow::Borrowed(first);
        for more in texts {
            all.to_mut().push_str(more);
        }
        all
    }
}

impl Tree {
    #[inline]
    fn str<'a>(&'a self, source: &'a str, span: Span) -> &'a str {
        if span.start & UNESCAPED != 0 {
            let start = (span.start & !UNESCAPED) as usize;
            &self.unescaped[start..start + span.len as usize]
        } else {
            &source[span.start as usize..(span.start + span.len) as usize]
        }
    }

    /// Copies a string into the unescaped text.
    fn unescape_to(&mut self, text: &str) -> Span {
        let start = self.unescaped.len() as u32;
        self.unescaped.push_str(text);
        Span { start: start | UNESCAPED, len: text.len() as u32 }
    }

    fn read(&mut self, source: &str, header: bool, names: &Names, limits: &Limits) -> Result<(), ParseError> {
        let mut reader = Reader::from_str(source);
        reader.config_mut().allow_dangling_amp = true;
        loop {
            let before = reader.buffer_position() as u32;
            let event = reader.read_event().map_err(|error| ParseError::Malformed(error.to_string()))?;
            let after = reader.buffer_position() as u32;
            match event {
                Event::Start(tag) => {
                    self.open(source, &tag, before, names, limits)?;
                    if header {
                        self.root_bindings.clone_from(&self.bindings);
                        return self.close(after);
                    }
                }
                Event::Empty(tag) => {
                    self.open(source, &tag, before, names, limits)?;
                    self.close(after)?;
                }
                Event::End(_) => self.close(after)?,
                Event::Text(text) => self.add_text(source, span_in(source, &text)),
                Event::CData(text) => self.add_text(source, span_in(source, &text)),
                Event::GeneralRef(entity) => {
                    let character = self.resolve_name(&entity);
                    let span = self.unescape_to(character.encode_utf8(&mut [0; 4]));
                    self.add_text(source, span);
                }
                Event::Comment(_) => self.irregular.insert(Irregular::Comment),
                Event::PI(_) => self.irregular.insert(Irregular::ProcessingInstruction),
                Event::DocType(_) => self.irregular.insert(Irregular::Doctype),
                Event::Decl(_) => self.irregular.insert(Irregular::LateDeclaration),
                Event::Eof if self.stack.is_empty() => return Ok(()),
                Event::Eof => return Err(ParseError::Malformed("ends inside an element".into())),
            }
        }
    }

    fn open(&mut self, source: &str, tag: &BytesStart<'_>, at: u32, names: &Names, limits: &Limits) -> Result<(), ParseError> {
        if self.stack.is_empty() && !self.nodes.is_empty() {
            return Err(ParseError::Malformed("more than one element".into()));
        }
        if self.stack.len() >= limits.max_depth {
            return Err(ParseError::Limit("levels of nesting", limits.max_depth));
        }
        if self.nodes.len() >= limits.max_elements {
            return Err(ParseError::Limit("elements", limits.max_elements));
        }
        let (first_binding, first_attr) = (self.bindings.len(), self.attrs.len());
        self.read_attributes(source, tag, names, limits)?;
        for index in first_attr..self.attrs.len() {
            let Attr { name, local_at, .. } = self.attrs[index];
            if local_at > 0 {
                let (uri, ns) = self.namespace(source, Span { start: name.start, len: local_at - 1 }, names);
                (self.attrs[index].ns, self.attrs[index].uri) = (ns, uri);
            }
        }
        self.check_duplicates(source, first_attr);

        let qname = span_in(source, tag.name().as_ref());
        let written = self.str(source, qname);
        let colon = written.bytes().position(|b| b == b':').map_or(0, |at| at as u32 + 1);
        let (prefix, name) =
            (Span { start: qname.start, len: colon.saturating_sub(1) }, Span { start: qname.start + colon, len: qname.len - colon });
        let local = &written[colon as usize..];
        if local.is_empty() || local.contains(':') {
            return Err(ParseError::Malformed(format!("element name {written:?}")));
        }
        let (uri, ns) = self.namespace(source, prefix, names);
        let index = self.nodes.len() as u32;
        self.nodes.push(Node {
            kind: NodeKind::Element,
            sym: names.sym(ns, self.str(source, name)),
            ns,
            depth: self.stack.len() as u32,
            parent: self.stack.last().map_or(u32::MAX, |&(parent, _)| parent),
            end: index + 1,
            name,
            uri,
            attrs: first_attr as u32..self.attrs.len() as u32,
            source: at..at,
        });
        self.stack.push((index, first_binding));
        Ok(())
    }

    fn close(&mut self, at: u32) -> Result<(), ParseError> {
        let Some((index, bindings)) = self.stack.pop() else {
            return Err(ParseError::Malformed("end tag without start tag".into()));
        };
        self.bindings.truncate(bindings);
        let end = self.nodes.len() as u32;
        let node = &mut self.nodes[index as usize];
        node.end = end;
        node.source.end = at;
        Ok(())
    }

    fn read_attributes(&mut self, source: &str, tag: &BytesStart<'_>, names: &Names, limits: &Limits) -> Result<(), ParseError> {
        let (first_binding, first_attr) = (self.bindings.len(), self.attrs.len());
        let mut rest = tag.attributes_raw();
        let mut count = 0;
        loop {
            match plain_attribute(rest) {
                Plain::Attribute { key, value, rest: after } => {
                    self.add_attribute(source, key, value, count, names, limits)?;
                    rest = after;
                    count += 1;
                }
                Plain::End => return Ok(()),
                Plain::Unusual => break,
            }
        }
        // Whether something unusual is allowed, and what it means, is for quick-xml to say.
        self.bindings.truncate(first_binding);
        self.attrs.truncate(first_attr);
        for (count, attr) in tag.attributes().with_checks(false).enumerate() {
            check_attribute_count(count, limits)?;
            let attr = attr.map_err(|error| ParseError::Malformed(error.to_string()))?;
            self.add_attribute(source, attr.key.as_ref(), &attr.value, count, names, limits)?;
        }
        Ok(())
    }

    /// Takes in an attribute or a namespace declaration; `key` and `raw` are slices of `source`.
    fn add_attribute(
        &mut self,
        source: &str,
        key: &str,
        raw: &str,
        count: usize,
        names: &Names,
        limits: &Limits,
    ) -> Result<(), ParseError> {
        check_attribute_count(count, limits)?;
        let name = span_in(source, key);
        let value = self.attribute_value(source, raw);
        let colon = key.bytes().position(|b| b == b':');
        if &key.as_bytes()[..colon.unwrap_or(key.len())] != b"xmlns" {
            let local_at = colon.map_or(0, |at| at as u32 + 1);
            self.attrs.push(Attr { name, local_at, ns: NsId::UNKNOWN, uri: Span::EMPTY, value });
            return Ok(());
        }
        if self.bindings.len() >= limits.max_bindings {
            return Err(ParseError::Limit("namespace bindings", limits.max_bindings));
        }
        let skipped = colon.map_or(name.len, |at| at as u32 + 1);
        let prefix = Span { start: name.start + skipped, len: name.len - skipped };
        let (word, uri) = (self.str(source, prefix), self.str(source, value));
        let bad = matches!(word, "xml" | "xmlns") || (colon.is_some() && (uri.is_empty() || word.is_empty()));
        let ns = names.ns(uri);
        if bad {
            self.irregular.insert(Irregular::BadBinding);
        }
        self.bindings.push(Binding { prefix, uri: value, ns });
        Ok(())
    }

    fn attribute_value(&mut self, source: &str, raw: &str) -> Span {
        let Some(mut amp) = memchr::memchr(b'&', raw.as_bytes()) else {
            return span_in(source, raw);
        };
        let start = self.unescaped.len();
        let mut rest = raw;
        loop {
            self.unescaped.push_str(&rest[..amp]);
            rest = &rest[amp + 1..];
            match rest.find(';') {
                Some(end) => {
                    let character = self.resolve_name(&rest[..end]);
                    self.unescaped.push(character);
                    rest = &rest[end + 1..];
                }
                None => {
                    self.irregular.insert(Irregular::UndefinedEntity);
                    self.unescaped.push(char::REPLACEMENT_CHARACTER);
                }
            }
            match memchr::memchr(b'&', rest.as_bytes()) {
                Some(next) => amp = next,
                None => break,
            }
        }
        self.unescaped.push_str(rest);
        Span { start: start as u32 | UNESCAPED, len: (self.unescaped.len() - start) as u32 }
    }

    /// The character a reference stands for; U+FFFD, never a guess, when it stands for none.
    fn resolve_name(&mut self, name: &str) -> char {
        let code = match name {
            "amp" => return '&',
            "lt" => return '<',
            "gt" => return '>',
            "apos" => return '\'',
            "quot" => return '"',
            _ => match name.strip_prefix('#') {
                Some(number) => match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => number.parse().ok(),
                },
                None => {
                    self.irregular.insert(Irregular::UndefinedEntity);
                    return char::REPLACEMENT_CHARACTER;
                }
            },
        };
        // XML 1.0 §2.2: most control characters and the two non-characters of the basic plane are no characters.
        let character = code
            .and_then(char::from_u32)
            .filter(|&c| !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'));
        character.unwrap_or_else(|| {
            self.irregular.insert(Irregular::BadCharacterReference);
            char::REPLACEMENT_CHARACTER
        })
    }

    /// The namespace of a prefix: the innermost binding wins.
    fn namespace(&mut self, source: &str, prefix: Span, names: &Names) -> (Span, NsId) {
        const XML: &str = "http://www.w3.org/XML/1998/namespace";
        let wanted = self.str(source, prefix);
        let same = |b: &&Binding| b.prefix.len == prefix.len && (prefix.len == 0 || self.str(source, b.prefix) == wanted);
        if let Some(binding) = self.bindings.iter().rev().find(same) {
            return (binding.uri, binding.ns);
        }
        match wanted {
            "" => (Span::EMPTY, NsId::UNKNOWN),
            "xml" => (self.unescape_to(XML), names.ns(XML)),
            _ => {
                self.irregular.insert(Irregular::UnboundPrefix);
                (Span::EMPTY, NsId::UNKNOWN)
            }
        }
    }

    fn check_duplicates(&mut self, source: &str, first: usize) {
        let attrs = &self.attrs[first..];
        let length = |a: &Attr| a.name.len - a.local_at;
        let expanded = |a: &Attr| {
            let name = self.str(source, a.name);
            (self.str(source, a.uri), &name[a.local_at as usize..])
        };
        let duplicate = if attrs.len() <= 16 {
            attrs.iter().enumerate().any(|(i, a)| attrs[..i].iter().any(|b| length(a) == length(b) && expanded(a) == expanded(b)))
        } else {
            let mut seen: Vec<(&str, &str)> = attrs.iter().map(expanded).collect();
            seen.sort_unstable();
            seen.windows(2).any(|pair| pair[0] == pair[1])
        };
        if duplicate {
            self.irregular.insert(Irregular::DuplicateAttribute);
        }
    }

    /// Adds a text node, or joins it to the text just before it: a reference or CDATA section splits one text into several events.
    fn add_text(&mut self, source: &str, span: Span) {
        let Some(&(parent, _)) = self.stack.last() else { return };
        if span.len == 0 {
            return;
        }
        if let Some(last) = self.nodes.last()
            && last.kind == NodeKind::Text
            && last.parent == parent
        {
            let joined = self.join(source, last.name, span);
            self.nodes.last_mut().expect("a text node was just seen").name = joined;
            return;
        }
        let index = self.nodes.len() as u32;
        self.nodes.push(Node {
            kind: NodeKind::Text,
            sym: Sym::UNKNOWN,
            ns: NsId::UNKNOWN,
            depth: self.stack.len() as u32,
            parent,
            end: index + 1,
            name: span,
            uri: Span::EMPTY,
            attrs: 0..0,
            source: 0..0,
        });
    }
}

impl Tree {
    /// Puts two pieces side by side in the unescaped text. A first piece that is already its newest part grows in place, so that a text
    /// of many references stays linear.
    fn join(&mut self, source: &str, first: Span, second: Span) -> Span {
        let end_of = |span: Span| (span.start & !UNESCAPED) as usize + span.len as usize;
        let unescaped = |span: Span| span.start & UNESCAPED != 0;
        let second_is_newest = unescaped(second) && end_of(second) == self.unescaped.len();
        let tail = if second_is_newest { self.unescaped.len() - second.len as usize } else { self.unescaped.len() };
        if unescaped(first) && end_of(first) == tail {
            if !second_is_newest {
                self.copy(source, second);
            }
            return Span { start: first.start, len: first.len + second.len };
        }
        let start = self.unescaped.len() as u32;
        self.copy(source, first);
        self.copy(source, second);
        Span { start: start | UNESCAPED, len: first.len + second.len }
    }

    fn copy(&mut self, source: &str, span: Span) {
        let start = (span.start & !UNESCAPED) as usize;
        let range = start..start + span.len as usize;
        if span.start & UNESCAPED != 0 {
            self.unescaped.extend_from_within(range);
        } else {
            self.unescaped.push_str(&source[range]);
        }
    }
}

fn check_attribute_count(count: usize, limits: &Limits) -> Result<(), ParseError> {
    if count >= limits.max_attributes { Err(ParseError::Limit("attributes on one element", limits.max_attributes)) } else { Ok(()) }
}

/// What a tag goes on with after its name or an attribute.
enum Plain<'a> {
    /// `key='value'`, and what comes after it.
    Attribute { key: &'a str, value: &'a str, rest: &'a str },
    /// Nothing but white space.
    End,
    /// Anything else.
    Unusual,
}

/// Reads the next attribute if it is written in the plain way, without white space around `=`: as quick-xml would, in half the time.
fn plain_attribute(text: &str) -> Plain<'_> {
    let bytes = text.as_bytes();
    let is_space = |b: &u8| matches!(b, b' ' | b'\r' | b'\n' | b'\t');
    let Some(start) = bytes.iter().position(|b| !is_space(b)) else { return Plain::End };
    let Some(length) = bytes[start..].iter().position(|b| *b == b'=' || is_space(b)) else { return Plain::Unusual };
    if length == 0 {
        return Plain::Unusual;
    }
    let equals = start + length;
    let quote = match (bytes[equals], bytes.get(equals + 1)) {
        (b'=', Some(quote @ (b'\'' | b'"'))) => *quote,
        _ => return Plain::Unusual,
    };
    let value = &text[equals + 2..];
    match memchr::memchr(quote, value.as_bytes()) {
        Some(end) => Plain::Attribute { key: &text[start..equals], value: &value[..end], rest: &value[end + 1..] },
        None => Plain::Unusual,
    }
}

/// Where `part`, a slice of `source`, stands in it.
fn span_in(source: &str, part: &str) -> Span {
    let start = part.as_ptr() as usize - source.as_ptr() as usize;
    debug_assert!(start + part.len() <= source.len());
    Span { start: start as u32, len: part.len() as u32 }
}

#[cfg(test)]
mod tests {
    use super::super::ns;
    use super::*;

    fn names() -> Names {
        let mut names = Names::new();
        let client = names.intern_ns(ns::CLIENT);
        names.intern(client, "message");
        names.intern(client, "body");
        names
    }

    /// Renders a document as nested brackets, so that expectations stay short.
    fn render(document: &Document, id: NodeId) -> String {
        if document.node(id).kind == NodeKind::Text {
            return format!("{:?}", document.text_node(id));
        }
        let element = document.element(id);
        let attrs: String = element.attr_indices().map(|i| format!(" {}={}", document.attr_qname(i), document.attr_value(i))).collect();
        let children: Vec<String> = element.child_nodes().map(|child| render(document, child)).collect();
        format!("{{{}}}{}{attrs}[{}]", element.uri(), element.local(), children.join(" "))
    }

    #[track_caller]
    fn check(xml: &str, expected: &str, irregular: &[&str]) {
        let mut document = Document::new();
        let result = document.parse(xml.as_bytes(), false, &Inherited::client(), &names(), &Limits::default());
        let shown = match result {
            Ok(()) => render(&document, NodeId(0)),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(shown.replace("{jabber:client}", ""), expected);
        assert_eq!(document.irregular().iter().map(Irregular::name).collect::<Vec<_>>(), irregular);
    }

    #[test]
    fn names_are_resolved_and_references_joined() {
        check("<message a='1&amp;2'><body>x &lt;<![CDATA[<y>]]>&#x41;</body></message>", "message a=1&2[body[\"x <<y>A\"]]", &[]);
        check("<q:a xmlns:q='u' q:b='c'><d xmlns='v'/></q:a>", "{u}a q:b=c[{v}d[]]", &[]);
        check("<a>1<b/>2</a>", "a[\"1\" b[] \"2\"]", &[]);
    }

    #[test]
    fn forbidden_constructs_are_reported() {
        check("<a><!-- c --><?p i?></a>", "a[]", &["comment", "processing_instruction"]);
        check("<a>&nope;&#0;</a>", "a[\"\u{fffd}\u{fffd}\"]", &["undefined_entity", "bad_character_reference"]);
        check("<p:a/>", "{}a[]", &["unbound_prefix"]);
        check("<a b='1' b='2'/>", "a b=1 b=2[]", &["duplicate_attribute"]);
        check("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", "a p:b=1 q:b=2[]", &["duplicate_attribute"]);
        check("<a>\u{1}</a>", "a[\"\\u{1}\"]", &["control_character"]);
    }

    #[test]
    fn attributes_written_in_unusual_ways_are_read_as_quick_xml_reads_them() {
        check("<a b = '1'\n c\t=\"2\" d='3'/>", "a b=1 c=2 d=3[]", &[]);
        check("<a b='1'c='2' xmlns:p='u' p:d='3'/>", "a b=1 c=2 p:d=3[]", &[]);
        check("<a b='1' xmlns='u' c = '2'/>", "{u}a b=1 c=2[]", &[]);
        check("<a ='1'/>", "error: not well formed: position 6: attribute key must be directly followed by `=` or space", &[]);
        check("<a b/>", "error: not well formed: position 3: attribute key must be directly followed by `=` or space", &[]);
        check("<a b=1/>", "error: not well formed: position 4: attribute value must be enclosed in `\"` or `'`", &[]);
    }

    #[test]
    fn broken_markup_is_an_error() {
        check("<a><b></a>", "error: not well formed: ill-formed document: expected `</b>`, but `</a>` was found", &[]);
        check("<a></a><b/>", "error: not well formed: more than one element", &[]);
        check("<a:b:c xmlns:a='u'/>", "error: not well formed: element name \"a:b:c\"", &[]);
    }

    #[test]
    fn limits_are_errors() {
        check(&format!("{}{}", "<a>".repeat(200), "</a>".repeat(200)), "error: more than 128 levels of nesting", &[]);
        let attrs: String = (0..600).map(|i| format!(" a{i}='1'")).collect();
        check(&format!("<a{attrs}/>"), "error: more than 512 attributes on one element", &[]);
        let bindings: String = (0..200).map(|i| format!(" xmlns:a{i}='u'")).collect();
        check(&format!("<a{bindings}/>"), "error: more than 128 namespace bindings", &[]);
    }

    #[test]
    fn a_header_is_its_start_tag() {
        let mut document = Document::new();
        let header = b"<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client' to='a.example'>";
        document.parse(header, true, &Inherited::default(), &names(), &Limits::default()).unwrap();
        assert_eq!(document.root().attr("to"), Some("a.example"));
        let inherited = Inherited::from_header(&document);
        document.parse(b"<message/>", false, &inherited, &names(), &Limits::default()).unwrap();
        assert_eq!(document.root().uri(), ns::CLIENT);
    }

    proptest::proptest! {
        #[test]
        fn plain_attributes_are_what_quick_xml_reads(text in "( ?[a=:'\" ]{0,3}=?['\"]?[a&=<']{0,3}['\"]?){0,5}") {
            let mut read = Vec::new();
            let mut rest = text.as_str();
            let plain = loop {
                match plain_attribute(rest) {
                    Plain::Attribute { key, value, rest: after } => {
                        read.push((key.to_owned(), value.to_owned()));
                        rest = after;
                    }
                    Plain::End => break true,
                    Plain::Unusual => break false,
                }
            };
            let tag = format!("a{text}");
            let tag = BytesStart::from_content(tag.as_str(), 1);
            let all: Vec<_> = tag.attributes().with_checks(false).map(|a| a.map(|a| (a.key.as_ref().to_owned(), a.value.into_owned()))).collect();
            let expected: Vec<_> = all.iter().map_while(|a| a.clone().ok()).collect();
            proptest::prop_assert!(expected.starts_with(&read), "{:?} {:?}", read, all);
            proptest::prop_assert!(!plain || (read == expected && all.len() == read.len()), "{:?} {:?}", read, all);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = Document::new().parse(&bytes, false, &Inherited::client(), &names(), &Limits::default());
        }

        #[test]
        fn no_markup_panics(text in "[<>/&;#x'\"=a-c: \\-!\\[\\]?\u{e9}]{0,80}") {
            let _ = Document::new().parse(text.as_bytes(), false, &Inherited::client(), &names(), &Limits::default());
        }
    }
}
