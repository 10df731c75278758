//! What the texts of a frame's elements decode to as base64: decoded once, in one piece of memory, and lent to whoever asks.

use std::ops::Range;

use super::value;
use crate::xmpp::element::Element;

/// More memory than this is not kept from one frame to the next.
const MAX_SPARE_BYTES: usize = 1 << 16;

/// Decoded texts by element.
#[derive(Debug, Default)]
pub struct Decoded {
    bytes: Vec<u8>,
    /// By number of the element.
    texts: Vec<Text>,
}

#[derive(Debug, Clone, Default)]
enum Text {
    #[default]
    NotTried,
    NotBase64,
    Bytes(Range<u32>),
}

impl Decoded {
    /// Forgets the last frame. The next one has so many nodes.
    pub fn reset(&mut self, nodes: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(MAX_SPARE_BYTES);
        self.texts.clear();
        self.texts.shrink_to(MAX_SPARE_BYTES / size_of::<Text>());
        self.texts.resize(nodes, Text::NotTried);
    }

    /// What the text of an element decodes to, decoding it if nobody has asked before; none when it is not base64.
    pub fn read(&mut self, element: Element<'_>) -> Option<&[u8]> {
        let text = &mut self.texts[element.id.0 as usize];
        if let Text::NotTried = text {
            let from = self.bytes.len();
            *text = if value::decode_base64_onto(value::trimmed(&element.own_text()), &mut self.bytes) {
                // A frame has fewer than 2^31 bytes, and each is decoded once.
                Text::Bytes(from as u32..self.bytes.len() as u32)
            } else {
                Text::NotBase64
            };
        }
        self.of(element)
    }

    /// The same for an element that was [read](Decoded::read) before.
    pub fn of(&self, element: Element<'_>) -> Option<&[u8]> {
        match &self.texts[element.id.0 as usize] {
            Text::Bytes(range) => Some(&self.bytes[range.start as usize..range.end as usize]),
            Text::NotTried | Text::NotBase64 => None,
        }
    }
}
