//! Markup that is written the plain way, read in one pass: nearly all there is.
//!
//! At the first thing that is anything else (comments, CDATA, white space around `=`, an end tag that does not fit, a limit) this gives up,
//! and quick-xml reads the frame from its start: what is allowed, and what it means, is for one place to say.

use super::tree::Begun;
use super::{Attr, Limits, NameKey, Names, NsId, Span, Tree};
use crate::bytes::{Word, find, find_any, letters};

impl Tree {
    /// Reads a frame that is one element. `None` when it holds something unusual; what was read up to there has to be dropped.
    pub(super) fn read_plain(&mut self, source: &str, names: &Names, limits: &Limits) -> Option<()> {
        let bytes = source.as_bytes();
        let mut at = 0;
        if bytes.first() != Some(&b'<') {
            return None;
        }
        loop {
            // At the beginning of some markup.
            if *bytes.get(at + 1)? == b'/' {
                at = self.close_plain(source, at)?;
                if self.stack.is_empty() {
                    return (at == bytes.len()).then_some(());
                }
            } else {
                let (after, empty) = self.open_plain(source, at, names, limits)?;
                at = after;
                if empty {
                    self.close(at as u32).ok()?;
                    if self.stack.is_empty() {
                        return (at == bytes.len()).then_some(());
                    }
                }
            }
            while bytes.get(at)? != &b'<' {
                at = self.text_plain(source, at)?;
            }
        }
    }

    /// Reads a start tag; gives what comes after it, and whether it ends the element as well.
    fn open_plain(&mut self, source: &str, at: usize, names: &Names, limits: &Limits) -> Option<(usize, bool)> {
        // The element is the first or inside of one: there is no other way to get here.
        if self.stack.len() >= limits.max_depth || self.nodes.len() >= limits.max_elements {
            return None;
        }
        let bytes = source.as_bytes();
        let begun = Begun { at: at as u32, first_binding: self.bindings.len(), first_attr: self.attrs.len() };
        let name = Name::read(bytes, at + 1)?;
        let mut end = name.end;
        let empty = loop {
            let next = *bytes.get(end + 1)?;
            match bytes[end] {
                b' ' | b'\n' | b'\t' | b'\r' if is_in_name(next) => end = self.attribute_plain(source, end + 1, &begun, names, limits)?,
                b' ' | b'\n' | b'\t' | b'\r' => end += 1,
                b'>' => break false,
                b'/' if next == b'>' => break true,
                _ => return None,
            }
        };
        let qname = Span { start: at as u32 + 1, len: (name.end - at - 1) as u32 };
        match name.letters {
            Some(key) => {
                let namespace = self.resolve_attributes(source, &begun, names);
                self.push_element(source, begun, key, qname, namespace, namespace, names);
            }
            None => self.open(source, qname, begun, names).ok()?,
        }
        Some((end + if empty { 2 } else { 1 }, empty))
    }

    /// Reads an attribute or a namespace declaration; gives what comes after it.
    #[inline]
    fn attribute_plain(&mut self, source: &str, at: usize, begun: &Begun, names: &Names, limits: &Limits) -> Option<usize> {
        let bytes = source.as_bytes();
        let count = self.attrs.len() - begun.first_attr + self.bindings.len() - begun.first_binding;
        if count >= limits.max_attributes {
            return None;
        }
        let Name { end: equals, letters } = Name::read(bytes, at)?;
        let [b'=', quote @ (b'\'' | b'"'), rest @ ..] = &bytes[equals..] else { return None };
        let from = equals + 2;
        let length = find_any([*quote, b'&', b'<'], rest)?;
        if let Some(key) = letters
            && rest[length] == *quote
        {
            let name = Span { start: at as u32, len: (equals - at) as u32 };
            let value = Span { start: from as u32, len: length as u32 };
            if key == NameKey::of("xmlns") {
                if self.bindings.len() >= limits.max_bindings {
                    return None;
                }
                self.bind(source, Span::EMPTY, value, false, names);
            } else {
                self.attrs.push(Attr { key, name, local_at: 0, ns: NsId::UNKNOWN, uri: Span::EMPTY, value });
            }
            return Some(from + length + 1);
        }
        let close = from + length + find(*quote, &rest[length..])?;
        self.add_attribute(source, &source[at..equals], &source[from..close], count, names, limits).ok()?;
        Some(close + 1)
    }

    /// Reads the end tag of the innermost element; gives what comes after it.
    fn close_plain(&mut self, source: &str, at: usize) -> Option<usize> {
        let node = &self.nodes[self.stack.last()?.node as usize];
        let name = &source.as_bytes()[at + 2..];
        let length = (node.name.start + node.name.len - node.source.start - 1) as usize;
        let unprefixed = length == node.name.len as usize;
        let same = match Word::first(name) {
            Some(word) if unprefixed && node.key.is_whole() => NameKey::packed(word.take(length), length) == node.key,
            _ => name.starts_with(&source.as_bytes()[node.source.start as usize + 1..][..length]),
        };
        if !same || name.get(length) != Some(&b'>') {
            return None;
        }
        let after = at + 2 + length + 1;
        self.close(after as u32).ok()?;
        Some(after)
    }

    /// Reads text up to the next `<` or past a reference.
    fn text_plain(&mut self, source: &str, at: usize) -> Option<usize> {
        let bytes = source.as_bytes();
        if bytes[at] != b'&' {
            let end = at + find_any([b'<', b'&'], &bytes[at..])?;
            self.add_text(source, Span { start: at as u32, len: (end - at) as u32 });
            return Some(end);
        }
        let length = bytes[at + 1..].iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'#').filter(|length| *length > 0)?;
        let end = at + 1 + length;
        if bytes[end] != b';' {
            return None;
        }
        let character = self.resolve_name(&source[at + 1..end]);
        let span = self.unescape_to(character.encode_utf8(&mut [0; 4]));
        self.add_text(source, span);
        Some(end + 1)
    }
}

/// A name as it stands in markup: whether it is a good one is not asked here.
struct Name {
    end: usize,
    /// Its key, if it is made of letters alone. Nearly all are, and need no second look: that is a good name, and has no prefix.
    letters: Option<NameKey>,
}

impl Name {
    /// The name that begins here.
    #[inline(always)]
    fn read(bytes: &[u8], at: usize) -> Option<Name> {
        let rest = bytes.get(at..)?;
        if let Some(word) = Word::first(rest)
            && let Some((length @ 1.., next)) = word.letters()
            && !is_in_name(next)
        {
            return Some(Name { end: at + length, letters: Some(NameKey::packed(word.take(length), length)) });
        }
        let (length, letters) = Name::read_long(rest)?;
        Some(Name { end: at + length, letters })
    }

    /// A name of any length: that, and the key of one that is made of letters.
    #[inline(never)]
    fn read_long(rest: &[u8]) -> Option<(usize, Option<NameKey>)> {
        let length = letters(rest);
        if length > 0 && !is_in_name(*rest.get(length)?) {
            return Some((length, Some(NameKey::of_bytes(&rest[..length]))));
        }
        let length = rest.iter().position(|b| !is_in_name(*b)).filter(|length| *length > 0)?;
        Some((length, None))
    }
}

fn is_in_name(byte: u8) -> bool {
    IN_NAME[usize::from(byte)]
}

/// What a name is made of, as far as markup goes: whether it is a good name is not asked here.
const IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.' || b == b':' || !b.is_ascii();
        byte += 1;
    }
    table
};
