//! Which attribute a row reads.

use crate::xmpp::element::{Document, Element, Irregular};
use crate::xmpp::names::{NameKey, NsId};

/// An attribute to read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttrTest {
    /// Namespace of a prefixed attribute.
    pub ns: Option<NsId>,
    /// Local name.
    pub local: String,
    /// The key of that.
    key: NameKey,
}

impl AttrTest {
    /// For an attribute of this local name, and this namespace if it is prefixed.
    pub fn new(ns: Option<NsId>, local: String) -> AttrTest {
        AttrTest { ns, key: NameKey::of(&local), local }
    }

    /// Whether the attribute of an element with this index is the one that is meant: of several of that name the first.
    #[inline]
    pub fn finds(&self, element: Element<'_>, attr: usize) -> bool {
        let document = element.document();
        self.names(document, attr) && (!document.irregular().contains(Irregular::DuplicateAttribute) || self.find(element) == Some(attr))
    }

    /// The index of the attribute that is meant, if the element has it.
    #[inline]
    pub fn find(&self, element: Element<'_>) -> Option<usize> {
        element.attr_indices().find(|&attr| self.names(element.document(), attr))
    }

    #[inline]
    fn names(&self, document: &Document, attr: usize) -> bool {
        match self.ns {
            None => document.attr_key(attr) == self.key && (self.key.is_whole() || document.attr_qname(attr) == self.local),
            Some(ns) => document.attr_prefixed(attr) && document.attr_ns(attr) == ns && document.attr_local(attr) == self.local,
        }
    }
}
