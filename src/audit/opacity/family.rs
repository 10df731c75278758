//! The namespaces of OMEMO and what differs between them (OPACITY 1).

use crate::catalog::{Known, OmemoNames};
use crate::xmpp::ns;

/// A version of OMEMO, told apart by its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `eu.siacs.conversations.axolotl`
    Legacy,
    /// `urn:xmpp:omemo:0`, Olm based: its key blobs are not examined.
    Olm,
    /// `urn:xmpp:omemo:1`
    One,
    /// `urn:xmpp:omemo:2`
    Two,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 4] = [Family::Legacy, Family::Olm, Family::One, Family::Two];

    /// Its namespace.
    pub fn uri(self) -> &'static str {
        match self {
            Family::Legacy => ns::OMEMO_LEGACY,
            Family::Olm => ns::OMEMO_0,
            Family::One => ns::OMEMO_1,
            Family::Two => ns::OMEMO_2,
        }
    }

    /// The one with this namespace.
    pub fn of(uri: &str) -> Option<Family> {
        Family::ALL.into_iter().find(|family| family.uri() == uri)
    }

    /// Names in its namespace.
    pub fn names(self, known: &Known) -> &OmemoNames {
        &known.omemo_names[self as usize]
    }

    /// Whether keys stand in `<header/>` itself and an `<iv/>` beside them.
    pub fn is_flat(self) -> bool {
        matches!(self, Family::Legacy | Family::Olm)
    }

    /// Where else its device lists and bundles may be: version 0.8.0 changed the namespace of messages only.
    pub fn elder(self) -> Option<Family> {
        (self == Family::Two).then_some(Family::One)
    }
}
