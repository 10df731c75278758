//! The redacted XML of a frame: what a reader may see as evidence.
//!
//! Structure, names and metadata stay; content shows as class and length, secrets as length. Prefixes are resolved into `xmlns` so that the
//! piece can be read by itself.

use std::borrow::Cow;

use super::extract::{Claim, Extractor, MAX_SAME, Read};
use super::file;
use super::value::{self, Shape};
use crate::bytes::{self, Word};
use crate::catalog::path::Extract;
use crate::catalog::{Kind, ValueType};
use crate::record::Exposures;
use crate::xmpp::element::{Document, Element, NodeId, NodeKind};

/// Longest metadata value shown in evidence, in bytes; the exposure has it whole.
const MAX_SHOWN: usize = 512;

/// Writes a frame's redacted XML into `out`, which is empty. The extractor has just read the frame into `exposures`.
pub fn redacted(document: &Document, extractor: &Extractor, exposures: &Exposures, keep_content: bool, mut out: String) -> String {
    out.reserve(document.root().size() as usize);
    let writer = Writer { document, extractor, exposures, keep_content };
    writer.element(&mut out, document.root(), crate::xmpp::ns::CLIENT);
    out
}

struct Writer<'a> {
    document: &'a Document,
    extractor: &'a Extractor,
    exposures: &'a Exposures,
    keep_content: bool,
}

impl Writer<'_> {
    /// Recursion is bounded by `Limits::max_depth`.
    fn element(&self, out: &mut String, element: Element<'_>, around: &str) {
        out.push('<');
        out.push_str(element.local());
        if element.uri() != around {
            out.push_str(" xmlns='");
            escape(out, element.uri());
            out.push('\'');
        }
        for attr in element.attr_indices() {
            out.push(' ');
            out.push_str(self.document.attr_qname(attr));
            out.push_str("='");
            let (read, local) = (self.extractor.attr(attr), self.document.attr_local(attr));
            match read.shown {
                Some(shown) => escape(out, self.exposures.text(shown)),
                None => self.value(out, read.claim, value::trimmed(self.document.attr_value(attr)), local, None),
            }
            out.push('\'');
        }
        let mut children = element.child_nodes().peekable();
        if children.peek().is_none() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for child in children {
            if self.document.node(child).kind == NodeKind::Text {
                self.text(out, element, child);
            } else {
                self.element(out, self.document.element(child), element.uri());
            }
        }
        out.push_str("</");
        out.push_str(element.local());
        out.push('>');
    }

    fn text(&self, out: &mut String, element: Element<'_>, id: NodeId) {
        let Read { claim, shown } = self.extractor.text(element.id);
        if let Some(shown) = shown {
            return escape(out, self.exposures.text(shown));
        }
        let text = value::trimmed(self.document.text_node(id));
        if !text.is_empty() {
            self.value(out, claim, text, element.local(), Some(element));
        }
    }

    /// A value that shows otherwise than in its exposure. It is the text `of` an element if it is no attribute.
    fn value(&self, out: &mut String, claim: Claim, raw: &str, hint: &str, of: Option<Element<'_>>) {
        // What was decoded whole has no sign in it that another class goes by.
        let decodes = |element: Element<'_>| {
            let whole = matches!(element.own_text(), Cow::Borrowed(_));
            whole && self.extractor.decoded().of(element).is_some_and(|bytes| bytes.len() >= 16) && !value::may_have_white_space(raw)
        };
        let class = || if of.is_some_and(decodes) { "base64" } else { value::text_class(raw) };
        let hide = |out: &mut String, class: &str| {
            out.push('[');
            out.push_str(class);
            out.push_str(", ");
            value::push_number(out, raw.len() as u64);
            out.push_str(" bytes]");
        };
        // What sort of file it is cannot be found out later.
        let hide_bytes = |out: &mut String, class: &str| match file::begins_in(raw) {
            Some(file) => hide(out, &format!("base64 {}{}", file.format, file.metadata)),
            None => hide(out, class),
        };
        match claim {
            Claim::Field(id) => {
                let field = self.exposures.catalog().field(id);
                match (field.kind, field.value_type) {
                    (Kind::Secret, _) => hide(out, "secret"),
                    (Kind::Content, _) if field.extract == Extract::Base64Length => hide_bytes(out, class()),
                    (Kind::Content, _) if !self.keep_content => hide(out, value::text_class(raw)),
                    (Kind::Mixed, _) if !self.keep_content && value::shape(raw, "") == Shape::Text => hide(out, value::text_class(raw)),
                    // The row reads a length. What has it is ciphertext at best, and text where a client encodes instead of encrypting.
                    _ if field.extract == Extract::Base64Length => hide(out, class()),
                    (_, ValueType::Base64) => hide_bytes(out, "base64"),
                    _ if raw.len() > MAX_SAME && class() == "base64" => hide(out, "base64"),
                    _ => self.shown(out, raw),
                }
            }
            // What is taken apart is encoded: its parts are exposures, the whole may hold secrets.
            Claim::Touched => hide(out, "encoded"),
            Claim::None if value::shape(raw, hint) == Shape::Text => hide(out, value::text_class(raw)),
            Claim::None => self.shown(out, raw),
        }
    }

    fn shown(&self, out: &mut String, raw: &str) {
        // Without `#` there is no fragment to cut, in a URI or in the middle of a text.
        if raw.len() <= MAX_SHOWN && !bytes::any(raw.as_bytes(), |b| b == b'#') && value::uri_scheme(raw).is_none() {
            return escape(out, raw);
        }
        let mut clean = String::new();
        value::sanitised_uri(raw, &mut clean);
        if clean.len() > MAX_SHOWN {
            let mut end = MAX_SHOWN;
            while !clean.is_char_boundary(end) {
                end -= 1;
            }
            clean.truncate(end);
            clean.push('…');
        }
        escape(out, &clean);
    }
}

fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    let is_special = |b| (b == b'&') | (b == b'<') | (b == b'>') | (b == b'\'');
    let special = |word: Word| word.equal(b'&') | word.equal(b'<') | word.equal(b'>') | word.equal(b'\'');
    if !bytes::any_of_few(text.as_bytes(), special) {
        return out.push_str(text);
    }
    while let Some(at) = rest.bytes().position(is_special) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            _ => "&apos;",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}
