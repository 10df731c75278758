//! Constructs that XMPP forbids, or on which parsers differ.

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
