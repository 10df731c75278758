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
    /// A general entity other than the five predefined ones, or an ampersand that begins none.
    UndefinedEntity,
    /// A character reference to something that is not a character.
    BadCharacterReference,
    /// A control character, or a code point that is no character, that XML does not allow.
    ControlCharacter,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// A prefix that is not bound.
    UnboundPrefix,
    /// `xmlns:p=''`, or a binding that concerns `xml` or `xmlns`.
    BadBinding,
    /// The same attribute twice.
    DuplicateAttribute,
    /// An XML declaration where none may be.
    LateDeclaration,
    /// A name that is none in XML, or has colons where namespaces allow none.
    BadName,
    /// No white space before an attribute.
    MissingSpace,
    /// `<` in an attribute value.
    LessThanInAttribute,
    /// `]]>` in text.
    CdataEndInText,
}

impl Irregular {
    const ALL: [Irregular; 15] = [
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
        Irregular::BadName,
        Irregular::MissingSpace,
        Irregular::LessThanInAttribute,
        Irregular::CdataEndInText,
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
            Irregular::BadName => "bad_name",
            Irregular::MissingSpace => "missing_space",
            Irregular::LessThanInAttribute => "less_than_in_attribute",
            Irregular::CdataEndInText => "cdata_end_in_text",
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

    /// Whether one is there.
    pub fn contains(self, what: Irregular) -> bool {
        self.0 & (1 << what as u8) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members.
    pub fn iter(self) -> impl Iterator<Item = Irregular> {
        Irregular::ALL.into_iter().filter(move |what| self.contains(*what))
    }
}
