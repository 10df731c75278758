//! One frame, parsed: a flat tree of elements and texts. quick-xml is used here and nowhere else.
//!
//! quick-xml silently accepts what RFC 6120 §11.1 forbids (comments, processing instructions, DOCTYPE, unbound prefixes, NUL) and reports
//! the end of input with elements still open as plain end. [`Irregular`] collects every such construct, because two parsers that disagree
//! about it may disagree about who said what ("stanza smuggling").
//!
//! A [`Document`] is filled again for each frame and keeps its memory.

mod irregular;
mod name;
mod plain;
mod tree;

use std::ops::Range;

pub use irregular::{Irregular, Irregulars};

use super::limits::Limits;
use super::names::{NameKey, Names, NsId, Sym};
use crate::bytes;

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

/// Where the index of a node could be.
const NO_NODE: u32 = u32::MAX;

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
    /// The texts right inside an element: the first, and whether there are more.
    first_text: u32,
    more_texts: bool,
    /// Of the local name; of nothing for a text.
    key: NameKey,
    name: Span,
    uri: Span,
    attrs: Range<u32>,
    source: Range<u32>,
}

impl Node {
    /// The element it stands in.
    pub fn parent(&self) -> Option<NodeId> {
        (self.parent != NO_NODE).then_some(NodeId(self.parent))
    }
}

/// An attribute that is not a namespace declaration.
#[derive(Debug, Clone)]
pub struct Attr {
    key: NameKey,
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

    /// Those of an element that wraps stanzas in a file. It may be in any namespace; stanzas that name none are in `jabber:client`.
    pub fn from_wrapper(document: &Document) -> Inherited {
        let mut inherited = Inherited::from_header(document);
        inherited.bindings.retain(|binding| !binding.prefix.is_empty() || binding.uri.starts_with("jabber:"));
        inherited
    }
}

/// A parsed frame.
#[derive(Debug, Default)]
pub struct Document {
    source: String,
    tree: Tree,
}

/// An element whose end has not come.
#[derive(Debug, Clone, Copy)]
struct Open {
    node: u32,
    /// The bindings before those it declares.
    bindings: usize,
    /// Namespace of the elements in it that have no prefix.
    default: (Span, NsId),
}

/// Everything but the source, so that it can grow while the reader borrows the source.
#[derive(Debug, Default)]
struct Tree {
    unescaped: String,
    nodes: Vec<Node>,
    attrs: Vec<Attr>,
    bindings: Vec<Binding>,
    root_bindings: Vec<Binding>,
    stack: Vec<Open>,
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
        // One look for all that is rare: control characters and what is not ASCII are both below the space for signed numbers.
        let unusual = bytes::any(frame, |b| (b.cast_signed() < 0x20) | (b == b']'));
        self.take_in(frame, unusual, inherited, names)?;
        self.read(header, unusual, names, limits)?;
        if self.tree.nodes.is_empty() { Err(ParseError::Empty) } else { Ok(()) }
    }

    fn take_in(&mut self, frame: &[u8], unusual: bool, inherited: &Inherited, names: &Names) -> Result<(), ParseError> {
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
        if unusual && has_bad_characters(frame) {
            self.tree.irregular.insert(Irregular::ControlCharacter);
        }
        for InheritedBinding { prefix, uri, ns } in &inherited.bindings {
            let ns = ns.unwrap_or_else(|| names.ns(uri));
            let binding = Binding { prefix: self.tree.unescape_to(prefix), uri: self.tree.unescape_to(uri), ns };
            self.tree.bindings.push(binding);
        }
        Ok(())
    }

    fn read(&mut self, header: bool, unusual: bool, names: &Names, limits: &Limits) -> Result<(), ParseError> {
        let tree = &mut self.tree;
        let before = (tree.unescaped.len(), tree.bindings.len(), tree.irregular);
        // `]]>` ends what is not plain, or stands where it must not.
        let cdata_end = unusual && memchr::memmem::find(self.source.as_bytes(), b"]]>").is_some();
        if !header && !cdata_end && tree.read_plain(&self.source, names, limits).is_some() {
            return Ok(());
        }
        tree.nodes.clear();
        tree.attrs.clear();
        tree.stack.clear();
        tree.unescaped.truncate(before.0);
        tree.bindings.truncate(before.1);
        tree.irregular = before.2;
        tree.read(&self.source, header, names, limits)
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

    /// Key of the name of the attribute with this index, as written.
    #[inline]
    pub fn attr_key(&self, index: usize) -> NameKey {
        self.tree.attrs[index].key
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

/// Whether there are characters that XML does not allow, as bytes.
fn has_bad_characters(frame: &[u8]) -> bool {
    let control = bytes::any(frame, |b| (b < 0x20) & (b != b'\t') & (b != b'\n') & (b != b'\r'));
    // U+FFFE and U+FFFF, which no character is.
    control || memchr::memchr_iter(0xef, frame).any(|at| matches!(frame.get(at + 1..at + 3), Some([0xbf, 0xbe | 0xbf])))
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

    /// Whether this is its local name. For a literal this is cheaper than comparing [`Element::local`].
    #[inline(always)]
    pub fn has_local(self, local: &str) -> bool {
        let key = NameKey::of(local);
        self.node().key == key && (key.is_whole() || self.local() == local)
    }

    /// Namespace URI as written.
    #[inline]
    pub fn uri(self) -> &'a str {
        self.document.text(self.node().uri)
    }

    /// Whether this is its name, as written.
    #[inline(always)]
    pub fn is(self, uri: &str, local: &str) -> bool {
        self.has_local(local) && self.is_in(uri)
    }

    /// Whether this is its namespace, as written. The lengths alone tell nearly all others apart: too little for a call.
    #[inline(always)]
    pub fn is_in(self, uri: &str) -> bool {
        self.node().uri.len as usize == uri.len() && self.uri() == uri
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
        self.node().parent().map(|id| Element { document: self.document, id })
    }

    /// Indices of its attributes.
    #[inline]
    pub fn attr_indices(self) -> Range<usize> {
        self.node().attrs.start as usize..self.node().attrs.end as usize
    }

    /// The value of an attribute without prefix.
    #[inline(always)]
    pub fn attr(self, name: &str) -> Option<&'a str> {
        self.find_attr(name).map(|(_, attr)| self.document.text(attr.value))
    }

    /// The index of an attribute without prefix, or of one written exactly so (`xml:lang`).
    #[inline(always)]
    pub fn attr_index(self, name: &str) -> Option<usize> {
        self.find_attr(name).map(|(index, _)| index)
    }

    /// Asked for with literals all over the program, so the key has to be known when it is compiled, and the loop to stand in the caller.
    #[inline(always)]
    fn find_attr(self, name: &str) -> Option<(usize, &'a Attr)> {
        let key = NameKey::of(name);
        let range = self.attr_indices();
        for (index, attr) in range.clone().zip(&self.document.tree.attrs[range]) {
            if attr.key == key && (key.is_whole() || self.document.text(attr.name) == name) {
                return Some((index, attr));
            }
        }
        None
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

    /// The elements in it, at any depth, in document order.
    #[inline]
    pub fn descendants(self) -> impl Iterator<Item = Element<'a>> + 'a {
        let document = self.document;
        let nodes = (self.id.0 + 1..self.node().end).map(NodeId);
        nodes.filter(|&id| document.node(id).kind == NodeKind::Element).map(|id| document.element(id))
    }

    /// The first child with this known name.
    pub fn child(self, sym: Sym) -> Option<Element<'a>> {
        self.children().find(|child| child.sym() == sym && sym != Sym::UNKNOWN)
    }

    /// Its own character data (not that of its children), untrimmed. Borrowed unless split by child elements.
    pub fn own_text(self) -> std::borrow::Cow<'a, str> {
        let (document, node) = (self.document, self.node());
        if node.first_text == NO_NODE {
            return "".into();
        }
        if !node.more_texts {
            return document.text_node(NodeId(node.first_text)).into();
        }
        let texts = self.child_nodes().filter(|&id| document.node(id).kind == NodeKind::Text);
        texts.map(|id| document.text_node(id)).collect::<String>().into()
    }
}

#[cfg(test)]
mod tests;
