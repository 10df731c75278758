//! Cuts a byte stream into frames: stream headers, first-level elements, white space between them.
//!
//! quick-xml is a pull parser over complete input, so this push framer finds where each first-level element ends and hands out complete
//! slices. It looks only at markup boundaries (quotes, comments, CDATA, processing instructions, nesting); whether the markup is well
//! formed is decided by [`super::element`]. Feeding is linear in the number of bytes however they are cut.

use std::ops::Range;

use crate::bytes;

/// What a [`Frame`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// `<stream:stream …>`, not closed. Opens a stream, or restarts one (RFC 6120 §4.3.3).
    StreamOpen,
    /// `</stream:stream>`.
    StreamClose,
    /// A complete first-level element: a stanza or a nonza.
    Element,
    /// White space between first-level elements (RFC 6120 §4.6.1): the server sees it, so the audit does too.
    Keepalive,
    /// `<?xml … ?>`.
    Declaration,
    /// Anything else between elements: text, comments, processing instructions, DOCTYPE. Not allowed in XMPP (RFC 6120 §11.1).
    Stray,
    /// A first-level element longer than the limit. Its bytes were not kept.
    TooLong,
    /// The input ended inside an element.
    Truncated,
}

/// A piece of the stream. Its bytes are [`Framer::bytes`] until the next [`Framer::feed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: FrameKind,
    /// Position of its first byte in the stream, in bytes since the framer was made.
    pub offset: u64,
    /// Its length in bytes. For [`FrameKind::TooLong`] the length on the wire, not of what was kept.
    pub len: u64,
    range: Range<usize>,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between first-level elements, or before the stream.
    Outside,
    /// In white space between them.
    Space,
    /// In stray text between them.
    StrayText,
    /// In the content of an element, looking for `<`.
    Content,
    /// After `<`, before it is known which markup this is.
    Markup,
    /// In a start tag; the quote that is open, or 0.
    StartTag { quote: u8, slash: bool },
    /// In an end tag.
    EndTag,
    /// Until `?>`.
    Instruction { question: bool },
    /// Until `-->`; how many `-` were seen.
    Comment { dashes: u8 },
    /// Until `]]>`; how many `]` were seen.
    CData { brackets: u8 },
    /// Until `>` outside `[…]` and quotes.
    Doctype { quote: u8, brackets: u8 },
}

/// Splits a byte stream into [`Frame`]s.
#[derive(Debug)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Stream position of `buffer[0]`.
    base: u64,
    /// Start of the frame that is being read. `start <= scanned <= buffer.len()`.
    start: usize,
    scanned: usize,
    /// Where the markup being read began.
    markup: usize,
    state: State,
    /// Open elements below the stream.
    depth: usize,
    max_bytes: usize,
    /// Stream position of an element that grew over the limit and is skipped.
    skipped_from: Option<u64>,
    /// Whether the first tag of a skipped element was a stream header.
    stream_tag_skipped: bool,
}

const MARKUP_HEAD: usize = 9; // "<![CDATA[" is the longest opening that decides what follows

impl Framer {
    /// A framer for one direction. Elements over `max_bytes` become [`FrameKind::TooLong`].
    pub fn new(max_bytes: usize) -> Framer {
        Framer {
            buffer: Vec::new(),
            base: 0,
            start: 0,
            scanned: 0,
            markup: 0,
            state: State::Outside,
            depth: 0,
            max_bytes,
            skipped_from: None,
            stream_tag_skipped: false,
        }
    }

    /// Changes the limit, e.g. after login.
    pub fn set_max_bytes(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
    }

    /// Takes in any number of bytes. Frames handed out before this call lose their bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.base += self.start as u64;
            self.scanned -= self.start;
            self.markup = self.markup.saturating_sub(self.start);
            self.start = 0;
            // A stanza of ten megabytes should not pin ten megabytes for the rest of the session.
            if self.buffer.capacity() > 1 << 16 && self.buffer.len() < 1 << 14 {
                self.buffer.shrink_to(1 << 14);
            }
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The bytes of a frame.
    pub fn bytes(&self, frame: &Frame) -> &[u8] {
        &self.buffer[frame.range.clone()]
    }

    /// Number of bytes that belong to a frame not yet complete.
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// The bytes of the frame not yet complete, at most `pending` of them.
    pub fn pending_bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Whether white space between elements is being read.
    pub fn in_keepalive(&self) -> bool {
        self.state == State::Space
    }

    /// Whether a first-level element has begun and not ended.
    pub fn in_element(&self) -> bool {
        !matches!(self.state, State::Outside | State::Space)
    }

    /// Whether the element that is being read has passed the limit; its bytes are not kept.
    pub fn is_over_limit(&self) -> bool {
        self.skipped_from.is_some()
    }

    /// Frees the buffer of an idle stream.
    pub fn shrink(&mut self) {
        if self.pending() == 0 {
            self.base += self.buffer.len() as u64;
            self.buffer = Vec::new();
            self.start = 0;
            self.scanned = 0;
            self.markup = 0;
        }
    }

    /// The next complete frame; `None` when more bytes are needed.
    pub fn poll(&mut self) -> Option<Frame> {
        loop {
            if self.scanned >= self.buffer.len() {
                self.skip_over_limit();
                return None;
            }
            if let Some(frame) = self.step() {
                return Some(frame);
            }
        }
    }

    /// What is left when the input has ended: white space, or an element that will never be complete.
    pub fn finish(&mut self) -> Option<Frame> {
        match self.state {
            State::Outside => None,
            State::Space => Some(self.cut(FrameKind::Keepalive)),
            State::StrayText => Some(self.cut(FrameKind::Stray)),
            _ => {
                self.depth = 0;
                Some(self.cut(FrameKind::Truncated))
            }
        }
    }

    /// Ends the current frame at `scanned`.
    fn cut(&mut self, kind: FrameKind) -> Frame {
        let end = self.base + self.scanned as u64;
        self.state = State::Outside;
        let offset = self.skipped_from.take().unwrap_or(self.base + self.start as u64);
        self.stream_tag_skipped = false;
        let kind = match kind {
            FrameKind::Keepalive | FrameKind::Truncated => kind,
            _ if end - offset > self.max_bytes as u64 => FrameKind::TooLong,
            _ => kind,
        };
        let frame = Frame { kind, offset, len: end - offset, range: self.start..self.scanned };
        self.start = self.scanned;
        frame
    }

    /// Forgets the bytes of an element over the limit, whose end has not come yet, but goes on looking for it.
    fn skip_over_limit(&mut self) {
        let over = self.skipped_from.is_some() || self.scanned - self.start > self.max_bytes;
        if !over || self.state == State::Outside {
            return;
        }
        if self.depth == 0 && self.skipped_from.is_none() && matches!(self.state, State::StartTag { .. }) {
            self.stream_tag_skipped = is_stream_name(&self.buffer[self.markup..self.scanned]);
        }
        // Markup whose kind is still open is needed to decide it.
        let keep_from = if self.state == State::Markup { self.markup } else { self.scanned };
        self.skipped_from.get_or_insert(self.base + self.start as u64);
        self.start = keep_from.max(self.start).min(self.scanned);
    }

    /// Scans one construct. `None` means go on.
    fn step(&mut self) -> Option<Frame> {
        let rest = &self.buffer[self.scanned..];
        match self.state {
            State::Outside => {
                self.start = self.scanned;
                let first = rest[0];
                match first {
                    b'<' if self.skim() => return Some(self.cut(FrameKind::Element)),
                    b'<' if self.depth > 0 => self.state = State::Content,
                    b'<' => self.open_markup(),
                    b' ' | b'\t' | b'\r' | b'\n' => self.state = State::Space,
                    _ => self.state = State::StrayText,
                }
                None
            }
            State::Space => {
                let space = rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).count();
                self.scanned += space;
                (self.scanned < self.buffer.len()).then(|| self.cut(FrameKind::Keepalive))
            }
            State::StrayText => {
                let end = memchr::memchr(b'<', rest);
                self.scanned += end.unwrap_or(rest.len());
                end.map(|_| self.cut(FrameKind::Stray))
            }
            State::Content => {
                if self.skim() {
                    return Some(self.cut(FrameKind::Element));
                }
                if self.scanned < self.buffer.len() {
                    self.open_markup();
                }
                None
            }
            State::Markup => {
                self.markup_kind();
                None
            }
            State::StartTag { quote, slash } => self.start_tag(quote, slash),
            State::EndTag => {
                let Some(at) = bytes::find(b'>', rest) else {
                    self.scanned = self.buffer.len();
                    return None;
                };
                self.scanned += at + 1;
                if self.depth == 0 {
                    return Some(self.cut(FrameKind::StreamClose));
                }
                self.depth -= 1;
                if self.depth == 0 {
                    return Some(self.cut(FrameKind::Element));
                }
                self.state = State::Content;
                None
            }
            State::Instruction { mut question } => {
                for (i, &b) in rest.iter().enumerate() {
                    if b == b'>' && question {
                        self.scanned += i + 1;
                        let xml = self.buffer.get(self.markup..).is_some_and(|m| m.starts_with(b"<?xml") && !m.starts_with(b"<?xml-"));
                        return self.end_of_aside(if xml { FrameKind::Declaration } else { FrameKind::Stray });
                    }
                    question = b == b'?';
                }
                self.scanned = self.buffer.len();
                self.state = State::Instruction { question };
                None
            }
            State::Comment { mut dashes } => {
                for (i, &b) in rest.iter().enumerate() {
                    if b == b'>' && dashes >= 2 {
                        self.scanned += i + 1;
                        return self.end_of_aside(FrameKind::Stray);
                    }
                    dashes = if b == b'-' { dashes.saturating_add(1) } else { 0 };
                }
                self.scanned = self.buffer.len();
                self.state = State::Comment { dashes };
                None
            }
            State::CData { mut brackets } => {
                for (i, &b) in rest.iter().enumerate() {
                    if b == b'>' && brackets >= 2 {
                        self.scanned += i + 1;
                        return self.end_of_aside(FrameKind::Stray);
                    }
                    brackets = if b == b']' { brackets.saturating_add(1) } else { 0 };
                }
                self.scanned = self.buffer.len();
                self.state = State::CData { brackets };
                None
            }
            State::Doctype { mut quote, mut brackets } => {
                for (i, &b) in rest.iter().enumerate() {
                    match (quote, b) {
                        (0, b'"' | b'\'') => quote = b,
                        (q, b) if q != 0 && q == b => quote = 0,
                        (0, b'[') => brackets = brackets.saturating_add(1),
                        (0, b']') => brackets = brackets.saturating_sub(1),
                        (0, b'>') if brackets == 0 => {
                            self.scanned += i + 1;
                            return self.end_of_aside(FrameKind::Stray);
                        }
                        _ => {}
                    }
                }
                self.scanned = self.buffer.len();
                self.state = State::Doctype { quote, brackets };
                None
            }
        }
    }

    /// Goes over tags that are there as a whole, and over the text between them: nearly all there is. True when that ends the
    /// first-level element; else the next byte, if there is one, begins markup that is not complete or not a stanza's tag.
    fn skim(&mut self) -> bool {
        while let Some(rest) = self.buffer.get(self.scanned..).filter(|rest| !rest.is_empty()) {
            let text = if rest[0] == b'<' { 0 } else { bytes::find(b'<', rest).unwrap_or(rest.len()) };
            self.scanned += text;
            let tag = &rest[text..];
            let end = match tag.get(1) {
                None | Some(b'!' | b'?') => None,
                Some(b'/') if self.depth == 0 => None,
                Some(b'/') => bytes::find(b'>', tag),
                Some(_) if self.depth == 0 && is_stream_name(tag) => None,
                Some(_) => end_of_start_tag(tag),
            };
            let Some(end) = end else { return false };
            self.scanned += end + 1;
            if tag[1] == b'/' {
                self.depth -= 1;
            } else if tag[end - 1] != b'/' {
                self.depth += 1;
            }
            if self.depth == 0 {
                return true;
            }
        }
        false
    }

    fn open_markup(&mut self) {
        self.markup = self.scanned;
        self.state = State::Markup;
        self.scanned += 1;
    }

    /// Decides from the first bytes after `<` what this markup is; waits while they are ambiguous.
    fn markup_kind(&mut self) {
        let head = &self.buffer[self.markup..(self.markup + MARKUP_HEAD).min(self.buffer.len())];
        let ambiguous = |full: &[u8]| head.len() < full.len() && full.starts_with(head);
        self.state = match head.get(1) {
            None => return,
            Some(b'/') => State::EndTag,
            Some(b'?') => State::Instruction { question: false },
            Some(b'!') => {
                if head.starts_with(b"<!--") {
                    State::Comment { dashes: 0 }
                } else if head.starts_with(b"<![CDATA[") {
                    State::CData { brackets: 0 }
                } else if ambiguous(b"<!--") || ambiguous(b"<![CDATA[") {
                    // Everything buffered has been looked at; come back with more.
                    self.scanned = self.buffer.len();
                    return;
                } else {
                    State::Doctype { quote: 0, brackets: 0 }
                }
            }
            Some(_) => State::StartTag { quote: 0, slash: false },
        };
        self.scanned = self.markup
            + match self.state {
                State::Comment { .. } => 4,
                State::CData { .. } => 9,
                State::StartTag { .. } => 1,
                _ => 2,
            };
    }

    fn start_tag(&mut self, mut quote: u8, mut slash: bool) -> Option<Frame> {
        loop {
            let rest = &self.buffer[self.scanned..];
            if quote != 0 {
                let Some(at) = bytes::find(quote, rest) else {
                    self.scanned = self.buffer.len();
                    self.state = State::StartTag { quote, slash: false };
                    return None;
                };
                self.scanned += at + 1;
                quote = 0;
                slash = false;
                continue;
            }
            let Some(at) = bytes::find_any([b'>', b'"', b'\''], rest) else {
                if let Some(&last) = rest.last() {
                    slash = last == b'/';
                }
                self.scanned = self.buffer.len();
                self.state = State::StartTag { quote: 0, slash };
                return None;
            };
            if at > 0 {
                slash = rest[at - 1] == b'/';
            }
            self.scanned += at + 1;
            if rest[at] != b'>' {
                quote = rest[at];
                continue;
            }
            if slash {
                if self.depth == 0 {
                    return Some(self.cut(FrameKind::Element));
                }
            } else {
                if self.depth == 0 && self.at_stream_header() {
                    return Some(self.cut(FrameKind::StreamOpen));
                }
                self.depth += 1;
            }
            self.state = State::Content;
            return None;
        }
    }

    fn at_stream_header(&self) -> bool {
        if self.skipped_from.is_some() { self.stream_tag_skipped } else { is_stream_name(&self.buffer[self.markup..self.scanned]) }
    }

    /// A comment, CDATA section, instruction or DOCTYPE is over: inside an element its content goes on, outside it is a frame.
    fn end_of_aside(&mut self, kind: FrameKind) -> Option<Frame> {
        if self.depth > 0 {
            self.state = State::Content;
            None
        } else {
            Some(self.cut(kind))
        }
    }
}

/// Position of the `>` of a start tag, if it is there.
#[inline]
fn end_of_start_tag(tag: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += bytes::find_any([b'>', b'"', b'\''], &tag[at..])?;
        if tag[at] == b'>' {
            return Some(at);
        }
        at += 1;
        at += bytes::find(tag[at - 1], &tag[at..])? + 1;
    }
}

/// Whether a start tag's local name is `stream`, whatever its prefix.
fn is_stream_name(tag: &[u8]) -> bool {
    let name = &tag[1..];
    let end = name.iter().position(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'>' | b'/')).unwrap_or(name.len());
    let name = &name[..end];
    let local = memchr::memrchr(b':', name).map_or(name, |colon| &name[colon + 1..]);
    local == b"stream"
}

#[cfg(test)]
mod tests;
