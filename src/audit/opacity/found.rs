//! What a rule found: the rule, where it looked, and what it makes of the verdict.

use std::borrow::Cow;

use crate::record::{Detail, Verdict};
use crate::xmpp::element::Element;
use crate::xmpp::names::Sym;

/// Findings kept per stanza: a hostile stanza can break a rule in each of its thousands of elements.
pub const MAX_FOUND: usize = 32;

/// One finding of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The verdict it asks for; none when it only informs.
    pub verdict: Option<Verdict>,
    /// What the record says of it.
    pub detail: Detail,
}

impl Found {
    fn new(
        verdict: Option<Verdict>,
        rule: &'static str,
        place: Element<'_>,
        detail: impl Into<Cow<'static, str>>,
        source: &'static str,
    ) -> Found {
        let detail = Detail { rule, path: path(place), offset: None, length: None, detail: detail.into(), source };
        Found { verdict, detail }
    }

    /// Content, or a key to it, can be read.
    pub fn leak(rule: &'static str, place: Element<'_>, detail: impl Into<Cow<'static, str>>, source: &'static str) -> Found {
        Found::new(Some(Verdict::ProvenLeak), rule, place, detail, source)
    }

    /// Protection is broken or weakened, or cannot be told.
    pub fn suspect(rule: &'static str, place: Element<'_>, detail: impl Into<Cow<'static, str>>, source: &'static str) -> Found {
        Found::new(Some(Verdict::Suspect), rule, place, detail, source)
    }

    /// Content without any protection, or none sent.
    pub fn clear(rule: &'static str, place: Element<'_>, detail: impl Into<Cow<'static, str>>, source: &'static str) -> Found {
        Found::new(Some(Verdict::NotEncrypted), rule, place, detail, source)
    }

    /// Another end-to-end system.
    pub fn other(rule: &'static str, place: Element<'_>, detail: impl Into<Cow<'static, str>>, source: &'static str) -> Found {
        Found::new(Some(Verdict::OtherE2ee), rule, place, detail, source)
    }

    /// Worth knowing; changes no verdict.
    pub fn info(rule: &'static str, place: Element<'_>, detail: impl Into<Cow<'static, str>>, source: &'static str) -> Found {
        Found::new(None, rule, place, detail, source)
    }

    /// Names the bytes it is about, in the decoded text or blob of its place.
    pub fn bytes(mut self, offset: usize, length: usize) -> Found {
        (self.detail.offset, self.detail.length) = (Some(offset as u64), Some(length as u64));
        self
    }

    /// Names an attribute of its place.
    pub fn attribute(mut self, name: &str) -> Found {
        self.detail.path.push_str("/@");
        self.detail.path.push_str(name);
        self
    }
}

/// Local names from the root, with a number where a name occurs more than once: `message/encrypted/header/key[2]`.
pub fn path(element: Element<'_>) -> String {
    let mut out = String::with_capacity(64);
    write_path(element, &mut out);
    out
}

fn write_path(element: Element<'_>, out: &mut String) {
    let local = element.local();
    let Some(parent) = element.parent() else { return out.push_str(local) };
    write_path(parent, out);
    out.push('/');
    out.push_str(local);
    let (mut number, mut count) = (0, 0);
    // The same known name is the same local name.
    let is_same = |sibling: &Element<'_>| (sibling.sym() == element.sym() && element.sym() != Sym::UNKNOWN) || sibling.local() == local;
    for sibling in parent.children().filter(is_same) {
        count += 1;
        if sibling.id <= element.id {
            number = count;
        }
    }
    if count > 1 {
        out.push('[');
        crate::audit::value::push_number(out, number);
        out.push(']');
    }
}
