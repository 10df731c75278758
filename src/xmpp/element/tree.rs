//! Building the tree: from quick-xml's events to nodes, with namespaces, references and limits.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::name;
use super::{
    Attr, Binding, Irregular, Limits, NO_NODE, NameKey, Names, Node, NodeKind, NsId, Open, ParseError, Span, Sym, Tree, UNESCAPED,
};

/// A start tag that is being read: where it stands, and where what it declares and its attributes begin.
pub(super) struct Begun {
    pub(super) at: u32,
    pub(super) first_binding: usize,
    pub(super) first_attr: usize,
}

impl Tree {
    #[inline]
    pub(super) fn str<'a>(&'a self, source: &'a str, span: Span) -> &'a str {
        if span.start & UNESCAPED != 0 {
            let start = (span.start & !UNESCAPED) as usize;
            &self.unescaped[start..start + span.len as usize]
        } else {
            &source[span.start as usize..(span.start + span.len) as usize]
        }
    }

    /// Copies a string into the unescaped text.
    pub(super) fn unescape_to(&mut self, text: &str) -> Span {
        let start = self.unescaped.len() as u32;
        self.unescaped.push_str(text);
        Span { start: start | UNESCAPED, len: text.len() as u32 }
    }

    /// Reads a frame with quick-xml, which knows all there is to markup.
    pub(super) fn read(&mut self, source: &str, header: bool, names: &Names, limits: &Limits) -> Result<(), ParseError> {
        let mut reader = Reader::from_str(source);
        reader.config_mut().allow_dangling_amp = true;
        loop {
            let before = reader.buffer_position() as u32;
            let event = reader.read_event().map_err(|error| ParseError::Malformed(error.to_string()))?;
            let after = reader.buffer_position() as u32;
            match event {
                Event::Start(tag) => {
                    self.open_tag(source, &tag, before, names, limits)?;
                    if header {
                        self.root_bindings.clone_from(&self.bindings);
                        return self.close(after);
                    }
                }
                Event::Empty(tag) => {
                    self.open_tag(source, &tag, before, names, limits)?;
                    self.close(after)?;
                }
                Event::End(_) => self.close(after)?,
                Event::Text(text) => {
                    if memchr::memmem::find(text.as_bytes(), b"]]>").is_some() {
                        self.irregular.insert(Irregular::CdataEndInText);
                    }
                    if memchr::memchr(b'&', text.as_bytes()).is_some() {
                        self.irregular.insert(Irregular::UndefinedEntity);
                    }
                    self.add_text(source, span_in(source, &text));
                }
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

    /// Whether one more element may be opened.
    pub(super) fn check_room(&self, limits: &Limits) -> Result<(), ParseError> {
        if self.stack.is_empty() && !self.nodes.is_empty() {
            return Err(ParseError::Malformed("more than one element".into()));
        }
        if self.stack.len() >= limits.max_depth {
            return Err(ParseError::Limit("levels of nesting", limits.max_depth));
        }
        if self.nodes.len() >= limits.max_elements {
            return Err(ParseError::Limit("elements", limits.max_elements));
        }
        Ok(())
    }

    fn open_tag(&mut self, source: &str, tag: &BytesStart<'_>, at: u32, names: &Names, limits: &Limits) -> Result<(), ParseError> {
        self.check_room(limits)?;
        let begun = Begun { at, first_binding: self.bindings.len(), first_attr: self.attrs.len() };
        for (count, attr) in tag.attributes().with_checks(false).enumerate() {
            check_attribute_count(count, limits)?;
            let attr = attr.map_err(|error| ParseError::Malformed(error.to_string()))?;
            self.add_attribute(source, attr.key.as_ref(), &attr.value, count, names, limits)?;
        }
        self.open(source, span_in(source, tag.name().as_ref()), begun, names)
    }

    /// Opens an element whose attributes and namespace declarations were added.
    pub(super) fn open(&mut self, source: &str, qname: Span, begun: Begun, names: &Names) -> Result<(), ParseError> {
        let default = self.resolve_attributes(source, &begun, names);
        let written = self.str(source, qname);
        let colon = written.bytes().position(|b| b == b':').map_or(0, |at| at as u32 + 1);
        let local = &written[colon as usize..];
        if local.is_empty() || local.contains(':') {
            return Err(ParseError::Malformed(format!("element name {written:?}")));
        }
        let key = NameKey::of(local);
        if !name::is_qualified(written) {
            self.irregular.insert(Irregular::BadName);
        }
        let name = Span { start: qname.start + colon, len: qname.len - colon };
        // An empty prefix (`:a`) is as good as none.
        let prefix = Span { start: qname.start, len: colon.saturating_sub(1) };
        let namespace = if prefix.len == 0 { default } else { self.namespace(source, prefix, names) };
        self.push_element(source, begun, key, name, namespace, default, names);
        Ok(())
    }

    /// Looks at what the attributes of a start tag mean together; gives the namespace of names without prefix.
    #[inline(always)]
    pub(super) fn resolve_attributes(&mut self, source: &str, begun: &Begun, names: &Names) -> (Span, NsId) {
        match &self.attrs[begun.first_attr..] {
            [] => {}
            [only] if only.local_at == 0 => {}
            _ => self.resolve_several(source, begun.first_attr, names),
        }
        let own = self.bindings[begun.first_binding..].iter().rev().find(|binding| binding.prefix.len == 0);
        match (own, self.stack.last()) {
            (Some(own), _) => (own.uri, own.ns),
            (None, Some(around)) => around.default,
            (None, None) => self.namespace(source, Span::EMPTY, names),
        }
    }

    /// Gives prefixed attributes their namespaces, and looks for attributes that are there twice.
    #[inline(never)]
    fn resolve_several(&mut self, source: &str, first: usize, names: &Names) {
        for index in first..self.attrs.len() {
            let Attr { name, local_at, .. } = self.attrs[index];
            if local_at > 0 {
                let (uri, ns) = self.namespace(source, Span { start: name.start, len: local_at - 1 }, names);
                (self.attrs[index].ns, self.attrs[index].uri) = (ns, uri);
            }
        }
        if self.has_duplicates(source, first) {
            self.irregular.insert(Irregular::DuplicateAttribute);
        }
    }

    /// Puts an element into the tree: its local name, its namespace, and that of names without prefix in it.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "what a start tag comes to")]
    pub(super) fn push_element(
        &mut self,
        source: &str,
        begun: Begun,
        key: NameKey,
        name: Span,
        (uri, ns): (Span, NsId),
        default: (Span, NsId),
        names: &Names,
    ) {
        let index = self.nodes.len() as u32;
        let local = &source.as_bytes()[name.start as usize..(name.start + name.len) as usize];
        self.nodes.push(Node {
            kind: NodeKind::Element,
            sym: if ns == NsId::UNKNOWN { Sym::UNKNOWN } else { names.find(ns, key, local) },
            ns,
            depth: self.stack.len() as u32,
            parent: self.stack.last().map_or(NO_NODE, |open| open.node),
            end: index + 1,
            first_text: NO_NODE,
            more_texts: false,
            key,
            name,
            uri,
            attrs: begun.first_attr as u32..self.attrs.len() as u32,
            source: begun.at..begun.at,
        });
        self.stack.push(Open { node: index, bindings: begun.first_binding, default });
    }

    pub(super) fn close(&mut self, at: u32) -> Result<(), ParseError> {
        let Some(open) = self.stack.pop() else {
            return Err(ParseError::Malformed("end tag without start tag".into()));
        };
        self.bindings.truncate(open.bindings);
        let end = self.nodes.len() as u32;
        let node = &mut self.nodes[open.node as usize];
        node.end = end;
        node.source.end = at;
        Ok(())
    }

    /// Takes in an attribute or a namespace declaration; `key` and `raw` are slices of `source`.
    pub(super) fn add_attribute(
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
        if !source.as_bytes()[..name.start as usize].last().is_some_and(u8::is_ascii_whitespace) {
            self.irregular.insert(Irregular::MissingSpace);
        }
        if !name::is_qualified(key) {
            self.irregular.insert(Irregular::BadName);
        }
        let value = self.attribute_value(source, raw);
        let colon = key.bytes().position(|b| b == b':');
        if &key.as_bytes()[..colon.unwrap_or(key.len())] != b"xmlns" {
            let local_at = colon.map_or(0, |at| at as u32 + 1);
            self.attrs.push(Attr { key: NameKey::of(key), name, local_at, ns: NsId::UNKNOWN, uri: Span::EMPTY, value });
            return Ok(());
        }
        let skipped = colon.map_or(name.len, |at| at as u32 + 1);
        let prefix = Span { start: name.start + skipped, len: name.len - skipped };
        if self.bindings.len() >= limits.max_bindings {
            return Err(ParseError::Limit("namespace bindings", limits.max_bindings));
        }
        self.bind(source, prefix, value, colon.is_some(), names);
        Ok(())
    }

    /// Takes in a namespace declaration.
    pub(super) fn bind(&mut self, source: &str, prefix: Span, value: Span, has_colon: bool, names: &Names) {
        let (word, uri) = (self.str(source, prefix), self.str(source, value));
        // Namespaces in XML 1.0, §3: `xml` has its one name and no other has it; nothing is bound to or as `xmlns`.
        let bad = word == "xmlns" || uri == XMLNS || (word == "xml") != (uri == XML) || (has_colon && (uri.is_empty() || word.is_empty()));
        let ns = names.ns(uri);
        if bad {
            self.irregular.insert(Irregular::BadBinding);
        }
        self.bindings.push(Binding { prefix, uri: value, ns });
    }

    fn attribute_value(&mut self, source: &str, raw: &str) -> Span {
        let Some(mut amp) = memchr::memchr2(b'&', b'<', raw.as_bytes()) else {
            return span_in(source, raw);
        };
        if memchr::memchr(b'<', &raw.as_bytes()[amp..]).is_some() {
            self.irregular.insert(Irregular::LessThanInAttribute);
            match memchr::memchr(b'&', raw.as_bytes()) {
                Some(at) => amp = at,
                None => return span_in(source, raw),
            }
        }
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
    pub(super) fn resolve_name(&mut self, name: &str) -> char {
        let code = match name {
            "amp" => return '&',
            "lt" => return '<',
            "gt" => return '>',
            "apos" => return '\'',
            "quot" => return '"',
            _ => match name.strip_prefix('#') {
                // Rust's numbers may have a sign.
                Some(number) => match number.strip_prefix('x') {
                    _ if number.contains('+') => None,
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

    /// Whether an element has an attribute twice, its attributes being those from `first`.
    fn has_duplicates(&self, source: &str, first: usize) -> bool {
        let attrs = &self.attrs[first..];
        let expanded = |a: &Attr| {
            let name = self.str(source, a.name);
            (self.str(source, a.uri), &name[a.local_at as usize..])
        };
        // Unprefixed names are the same when what is written is, and different keys say that it is not.
        let same = |a: &Attr, b: &Attr| {
            let unprefixed = a.local_at == 0 && b.local_at == 0;
            if unprefixed && a.key.is_whole() { a.key == b.key } else { (!unprefixed || a.key == b.key) && expanded(a) == expanded(b) }
        };
        if attrs.len() <= 16 {
            return attrs.iter().enumerate().any(|(i, a)| attrs[..i].iter().any(|b| same(a, b)));
        }
        let mut seen: Vec<(&str, &str)> = attrs.iter().map(expanded).collect();
        seen.sort_unstable();
        seen.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Adds a text node, or joins it to the text just before it: a reference or CDATA section splits one text into several events.
    pub(super) fn add_text(&mut self, source: &str, span: Span) {
        let Some(&Open { node: parent, .. }) = self.stack.last() else { return };
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
        let around = &mut self.nodes[parent as usize];
        if around.first_text == NO_NODE {
            around.first_text = index;
        } else {
            around.more_texts = true;
        }
        self.nodes.push(Node {
            kind: NodeKind::Text,
            sym: Sym::UNKNOWN,
            ns: NsId::UNKNOWN,
            depth: self.stack.len() as u32,
            parent,
            end: index + 1,
            first_text: NO_NODE,
            more_texts: false,
            key: NameKey::of(""),
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

/// What the prefixes `xml` and `xmlns` stand for.
const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

fn check_attribute_count(count: usize, limits: &Limits) -> Result<(), ParseError> {
    if count >= limits.max_attributes { Err(ParseError::Limit("attributes on one element", limits.max_attributes)) } else { Ok(()) }
}

/// Where `part`, a slice of `source`, stands in it.
fn span_in(source: &str, part: &str) -> Span {
    let start = part.as_ptr() as usize - source.as_ptr() as usize;
    debug_assert!(start + part.len() <= source.len());
    Span { start: start as u32, len: part.len() as u32 }
}
