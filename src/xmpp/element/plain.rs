//! Markup that is written the plain way, read in one pass: nearly all there is.
//!
//! At the first thing that is anything else (comments, CDATA, white space around `=`, an end tag that does not fit, a limit) this gives up,
//! and quick-xml reads the frame from its start: what is allowed, and what it means, is for one place to say.

use super::{Limits, Names, Span, Tree};
use crate::bytes::find;

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
        self.check_room(limits).ok()?;
        let bytes = source.as_bytes();
        let (first_binding, first_attr) = (self.bindings.len(), self.attrs.len());
        let name_end = end_of_name(bytes, at + 1)?;
        let mut end = name_end;
        let empty = loop {
            match (*bytes.get(end)?, *bytes.get(end + 1)?) {
                (b' ' | b'\n' | b'\t' | b'\r', next) if is_in_name(next) => {
                    let equals = end_of_name(bytes, end + 1).filter(|end| bytes[*end] == b'=')?;
                    let quote = *bytes.get(equals + 1).filter(|quote| matches!(quote, b'\'' | b'"'))?;
                    let close = equals + 2 + find(quote, &bytes[equals + 2..])?;
                    let count = self.attrs.len() - first_attr + self.bindings.len() - first_binding;
                    self.add_attribute(source, &source[end + 1..equals], &source[equals + 2..close], count, names, limits).ok()?;
                    end = close + 1;
                }
                (b' ' | b'\n' | b'\t' | b'\r', _) => end += 1,
                (b'/', b'>') => break true,
                (b'>', _) => break false,
                _ => return None,
            }
        };
        let qname = Span { start: at as u32 + 1, len: (name_end - at - 1) as u32 };
        self.open(source, qname, at as u32, first_binding, first_attr, names).ok()?;
        Some((end + if empty { 2 } else { 1 }, empty))
    }

    /// Reads the end tag of the innermost element; gives what comes after it.
    fn close_plain(&mut self, source: &str, at: usize) -> Option<usize> {
        let &(index, _) = self.stack.last()?;
        let node = &self.nodes[index as usize];
        let qname = &source[node.source.start as usize + 1..(node.name.start + node.name.len) as usize];
        let rest = source.as_bytes()[at + 2..].strip_prefix(qname.as_bytes())?;
        let after = at + 2 + qname.len() + 1;
        (rest.first() == Some(&b'>')).then(|| self.close(after as u32).ok())??;
        Some(after)
    }

    /// Reads text up to the next `<` or past a reference.
    fn text_plain(&mut self, source: &str, at: usize) -> Option<usize> {
        let bytes = source.as_bytes();
        if bytes[at] != b'&' {
            let end = at + memchr::memchr2(b'<', b'&', &bytes[at..])?;
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

/// Where a name that begins at `from` ends.
fn end_of_name(bytes: &[u8], from: usize) -> Option<usize> {
    let length = bytes[from..].iter().position(|b| !is_in_name(*b)).filter(|length| *length > 0)?;
    Some(from + length)
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
