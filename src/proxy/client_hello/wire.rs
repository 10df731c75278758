//! A cursor over TLS's presentation language (RFC 8446 §3). `None` always means: not enough bytes.

#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Option<Cursor<'a>> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(Cursor(head))
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes.0[0])
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes.0[0], bytes.0[1]]))
    }

    /// A vector with a length of one byte before it.
    pub(super) fn vec8(&mut self) -> Option<Cursor<'a>> {
        let length = self.u8()?;
        self.take(length.into())
    }

    /// A vector with a length of two bytes before it.
    pub(super) fn vec16(&mut self) -> Option<Cursor<'a>> {
        let length = self.u16()?;
        self.take(length.into())
    }

    /// The rest as 16-bit numbers; `None` if one is left half.
    pub(super) fn all_u16(self) -> Option<Vec<u16>> {
        let (pairs, rest) = self.0.as_chunks::<2>();
        rest.is_empty().then(|| pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect())
    }
}
