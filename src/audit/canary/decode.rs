//! Decodings, one inside the other, down to [`MAX_DEPTH`].
//!
//! A decoding is only tried where the bytes can be of it: there is a run of its alphabet, its escape sign, its magic number. What is
//! random (ciphertext in base64) is decoded once and searched, and goes no further.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfkc_quick};

use super::coding::Coding;
use super::search::{Found, Search, symbol};
use super::unpack::{self, MAX_EXPANSION};
use super::{escapes, needles};

/// Decodings inside each other.
pub const MAX_DEPTH: u8 = 4;
/// Bytes that the decodings of one frame may come to. What is beyond is not searched, and the frame says so.
pub const MAX_WORK: usize = 16 << 20;
/// How long runs are that are worth decoding: they stand for the shortest canary.
#[derive(Debug, Clone, Copy)]
struct Least {
    bytes: usize,
    base64: usize,
    base32: usize,
    hex: usize,
}

impl Least {
    fn of(search: &Search) -> Least {
        let bytes = search.shortest();
        Least { bytes, base64: (bytes * 8).div_ceil(6), base32: (bytes * 8).div_ceil(5), hex: bytes * 2 }
    }
}

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Looks into what bytes decode to.
pub struct Decoder<'a> {
    search: &'a Search,
    least: Least,
    chain: Vec<Coding>,
    found: Vec<Found>,
    /// Bytes that may still be decoded.
    work: usize,
    /// Whether something was not looked into.
    pub gave_up: bool,
}

/// What was done to a text that is its own undoing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turned {
    reversed: bool,
    rot13: bool,
}

const AS_IT_IS: Turned = Turned { reversed: false, rot13: false };

impl<'a> Decoder<'a> {
    /// For the texts of one frame.
    pub fn new(search: &'a Search) -> Decoder<'a> {
        Decoder { search, least: Least::of(search), chain: Vec::new(), found: Vec::new(), work: MAX_WORK, gave_up: false }
    }

    /// Canaries in a text: in all decodings, and as it is unless that was looked at before. Positions of decoded ones are those in the
    /// decoded bytes.
    pub fn text(&mut self, text: &[u8], as_it_is: bool) -> Vec<Found> {
        self.chain.clear();
        if as_it_is {
            self.look(text);
        }
        if text.len() > MAX_EXPANSION {
            self.gave_up = true;
        } else if text.len() > self.least.bytes {
            self.decode(text, MAX_DEPTH, AS_IT_IS);
        }
        std::mem::take(&mut self.found)
    }

    fn look(&mut self, bytes: &[u8]) {
        let (chain, found) = (&self.chain, &mut self.found);
        self.search.find(bytes, |mut one| {
            one.chain.splice(0..0, chain.iter().copied());
            found.push(one);
        });
    }

    fn inside(&mut self, coding: Coding, bytes: &[u8], depth: u8, turned: Turned) {
        if bytes.len() < self.least.bytes {
            return;
        }
        let Some(left) = self.work.checked_sub(bytes.len()) else {
            self.gave_up = true;
            return;
        };
        self.work = left;
        let bytes = &bytes[..bytes.len().min(MAX_EXPANSION)];
        self.chain.push(coding);
        self.look(bytes);
        if depth > 1 {
            self.decode(bytes, depth - 1, turned);
        }
        self.chain.pop();
    }

    fn decode(&mut self, bytes: &[u8], depth: u8, turned: Turned) {
        let shape = Shape::of(bytes);
        let is_text = shape.is_text(bytes);
        let promises = self.runs(bytes, is_text, depth);
        if shape.has(CONTROL) {
            self.wide(bytes, depth);
        }
        if !is_text && self.work > 0 {
            let mut unpacked = Vec::new();
            unpack::each(bytes, |coding, bytes| unpacked.push((coding, bytes)));
            for (coding, inner) in unpacked {
                self.inside(coding, &inner, depth, AS_IT_IS);
            }
        }
        if shape.has(SIGN) {
            for (coding, decode) in escapes::ALL {
                if let Some(decoded) = decode(bytes) {
                    self.inside(*coding, &decoded, depth, AS_IT_IS);
                }
            }
        }
        if is_text {
            self.text_forms(bytes, &shape, promises, depth, turned);
        }
    }

    /// What a text becomes when it is folded, packed, or turned round.
    fn text_forms(&mut self, bytes: &[u8], shape: &Shape, promises: Promises, depth: u8, turned: Turned) {
        if shape.has(HIGH) {
            let text = String::from_utf8_lossy(bytes);
            let plain = is_nfkc_quick(text.chars()) == IsNormalized::Yes && !text.chars().any(|c| !c.is_ascii() && c.is_uppercase());
            if !plain {
                let folded: String = text.nfkc().collect::<String>().to_lowercase();
                if folded.as_bytes() != bytes {
                    self.inside(Coding::Normalised, folded.as_bytes(), depth, turned);
                }
            }
        }
        if shape.has(SPACE) {
            let packed: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            // Words glued together are worth a look; only what was wrapped or grouped is worth decoding.
            let depth = if is_wrapped(bytes) { depth } else { 1 };
            self.inside(Coding::Space, &packed, depth, turned);
        }
        for ((reversed, rot13), promised) in TURNS.into_iter().zip(promises) {
            if depth < 2 || (reversed && turned.reversed) || (rot13 && turned.rot13) || !(promised || shape.has(SIGN)) {
                continue;
            }
            let now = Turned { reversed: turned.reversed || reversed, rot13: turned.rot13 || rot13 };
            let form = turn(bytes, reversed, rot13);
            match (reversed, rot13) {
                (true, true) => {
                    self.chain.push(Coding::Reversed);
                    self.inside(Coding::Rot13, &form, depth - 1, now);
                    self.chain.pop();
                }
                (true, false) => self.inside(Coding::Reversed, &form, depth, now),
                _ => self.inside(Coding::Rot13, &form, depth, now),
            }
        }
    }

    /// Runs of the alphabet of base64, of which those of base32 and hexadecimal are parts. Says which turns of a text promise something.
    fn runs(&mut self, bytes: &[u8], is_text: bool, depth: u8) -> Promises {
        let least = self.least;
        let mut promises = [false; 3];
        let look = is_text && depth > 1;
        for run in Runs::new(bytes, BASE64, least.base64) {
            if !is_uuid(run) {
                self.base64(run, depth);
                // In an address the parts of the path are runs of their own.
                if memchr::memchr(b'/', run).is_some() && memchr::memmem::find(bytes, b"://").is_some() {
                    run.split(|b| *b == b'/').filter(|part| part.len() >= least.base64).for_each(|part| self.base64(part, depth));
                }
            }
            if look {
                promise(&mut promises, run, &TURNS, |first| begins_well(unbase64_first(first, &mut [0; 12])));
            }
            for digits in Runs::new(run, HEX, least.hex) {
                self.inside(Coding::Hex, &unhex(digits), depth, AS_IT_IS);
                if look {
                    promise(&mut promises[..1], digits, &TURNS[..1], |first| begins_well(&unhex(first)));
                }
            }
            if look {
                let digits = Runs::new(run, HEX_ROT13, least.hex);
                digits.for_each(|digits| promise(&mut promises[1..], digits, &TURNS[1..], |first| begins_well(&unhex(first))));
            }
            for class in [BASE32, BASE32_LOWER] {
                for part in Runs::new(run, class, least.base32) {
                    self.inside(Coding::Base32, &unbase32(part), depth, AS_IT_IS);
                    if look {
                        promise(&mut promises, part, &TURNS, |first| begins_well(&unbase32(first)));
                    }
                }
            }
        }
        promises
    }

    fn base64(&mut self, run: &[u8], depth: u8) {
        if let Some(decoded) = unbase64(run) {
            self.inside(Coding::Base64, &decoded, depth, AS_IT_IS);
        }
    }

    fn wide(&mut self, bytes: &[u8], depth: u8) {
        let bytes = &bytes[..bytes.len() / 2 * 2];
        if bytes.len() < self.least.hex || bytes.iter().map(|b| usize::from(*b == 0)).sum::<usize>() * 4 < bytes.len() {
            return;
        }
        let zeros = |at: usize| bytes.iter().skip(at).step_by(2).filter(|b| **b == 0).count();
        for (coding, at) in [(Coding::Utf16Le, 1), (Coding::Utf16Be, 0)] {
            if zeros(at) * 4 >= bytes.len() {
                let unit =
                    |pair: &[u8]| if at == 1 { u16::from_le_bytes([pair[0], pair[1]]) } else { u16::from_be_bytes([pair[0], pair[1]]) };
                let text: String = char::decode_utf16(bytes.chunks(2).map(unit)).map(|c| c.unwrap_or('\u{fffd}')).collect();
                self.inside(coding, text.trim_start_matches('\u{feff}').as_bytes(), depth, AS_IT_IS);
            }
        }
    }
}

/// Backwards by characters, or by bytes where there are none.
fn turn(bytes: &[u8], reversed: bool, rot13: bool) -> Vec<u8> {
    let form: Vec<u8> = match std::str::from_utf8(bytes) {
        Ok(text) if reversed => text.chars().rev().collect::<String>().into_bytes(),
        _ if reversed => bytes.iter().rev().copied().collect(),
        _ => bytes.to_vec(),
    };
    if rot13 { needles::rot13(&form) } else { form }
}

/// The ways a text can be turned: reversed, moved by 13, and both.
const TURNS: [(bool, bool); 3] = [(true, false), (false, true), (true, true)];

/// For each of [`TURNS`], whether a text that is turned so can hold a run that decodes to something.
type Promises = [bool; 3];

/// Asks of the first symbols of a run, as they are once it is turned, whether they begin something.
fn promise(promises: &mut [bool], run: &[u8], turns: &[(bool, bool)], begins: impl Fn(&[u8]) -> bool) {
    // Sixteen symbols are twelve bytes of base64, ten of base32 and eight of hexadecimal.
    let mut turned = [0; 16];
    let turned = &mut turned[..run.len().min(16)];
    for (promise, (reversed, rot13)) in promises.iter_mut().zip(turns).filter(|(promise, _)| !**promise) {
        for (at, symbol) in turned.iter_mut().enumerate() {
            let b = if *reversed { run[run.len() - 1 - at] } else { run[at] };
            *symbol = if *rot13 { needles::turned(b) } else { b };
        }
        *promise = begins(turned);
    }
}

/// Whether these can be the first bytes of a text or of a format with a magic number.
fn begins_well(first: &[u8]) -> bool {
    let text = || std::str::from_utf8(first).map_or_else(|error| error.error_len().is_none(), |_| true);
    let zeros = |at: usize| first.iter().skip(at).step_by(2).filter(|b| **b == 0).count() * 3 >= first.len();
    (first.iter().all(|b| CLASS[usize::from(*b)] & CONTROL == 0) && text()) || unpack::magic(first).is_some() || zeros(0) || zeros(1)
}

/// Lines of one length, or groups of one length: the last may be shorter.
fn is_wrapped(bytes: &[u8]) -> bool {
    let mut parts = bytes.split(u8::is_ascii_whitespace).filter(|part| !part.is_empty()).map(<[u8]>::len);
    let Some(first) = parts.next() else { return false };
    let mut rest: Vec<usize> = parts.collect();
    let last = rest.pop().unwrap_or(0);
    last <= first && rest.iter().all(|len| *len == first)
}

fn is_uuid(run: &[u8]) -> bool {
    run.len() == 36 && run.iter().enumerate().all(|(at, b)| if matches!(at, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() })
}

fn unbase64(run: &[u8]) -> Option<Vec<u8>> {
    let run = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
    if memchr::memchr2(b'-', b'_', run).is_none() {
        STANDARD.decode(run).ok()
    } else {
        let url = |b: &u8| {
            if *b == b'+' {
                b'-'
            } else if *b == b'/' {
                b'_'
            } else {
                *b
            }
        };
        URL_SAFE.decode(run.iter().map(url).collect::<Vec<u8>>()).ok()
    }
}

/// The bytes that the first symbols of a run stand for, sixteen at most.
fn unbase64_first<'a>(symbols: &[u8], bytes: &'a mut [u8; 12]) -> &'a [u8] {
    let (groups, _) = symbols.as_chunks::<4>();
    for (group, out) in groups.iter().zip(bytes.as_chunks_mut::<3>().0) {
        let bits = group.iter().fold(0, |bits, b| bits << 6 | u32::from(SEXTETS[usize::from(*b)]));
        out.copy_from_slice(&bits.to_be_bytes()[1..]);
    }
    &bytes[..groups.len() * 3]
}

/// What the symbols of both alphabets of base64 stand for.
const SEXTETS: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        if let Some(value) = symbol(at as u8) {
            table[at] = value;
        }
        at += 1;
    }
    table
};

fn unhex(digits: &[u8]) -> Vec<u8> {
    let value = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
    digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}

fn unbase32(symbols: &[u8]) -> Vec<u8> {
    let value = |b: u8| if b.is_ascii_digit() { b - b'2' + 26 } else { b.to_ascii_uppercase() - b'A' };
    let mut out = Vec::with_capacity(symbols.len() * 5 / 8);
    let (mut bits, mut count) = (0u16, 0);
    for symbol in symbols {
        bits = bits << 5 | u16::from(value(*symbol));
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    out
}

const BASE64: u16 = 1;
const HEX: u16 = 2;
const BASE32: u16 = 4;
const BASE32_LOWER: u16 = 8;
const SPACE: u16 = 16;
/// What begins an escape.
const SIGN: u16 = 32;
/// Beyond ASCII.
const HIGH: u16 = 64;
/// What is in no text.
const CONTROL: u16 = 128;
/// What ROT13 makes of hexadecimal digits.
const HEX_ROT13: u16 = 256;

const CLASS: [u16; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let b = at as u8;
        let letter = b.is_ascii_alphabetic();
        let mut class = 0;
        if letter || b.is_ascii_digit() || matches!(b, b'+' | b'/' | b'-' | b'_') {
            class |= BASE64;
        }
        if b.is_ascii_hexdigit() {
            class |= HEX;
        }
        if b.is_ascii_digit() || matches!(b.to_ascii_lowercase(), b'n'..=b's') {
            class |= HEX_ROT13;
        }
        if b.is_ascii_uppercase() || matches!(b, b'2'..=b'7') {
            class |= BASE32;
        }
        if b.is_ascii_lowercase() || matches!(b, b'2'..=b'7') {
            class |= BASE32_LOWER;
        }
        if b.is_ascii_whitespace() {
            class |= SPACE;
        }
        if matches!(b, b'%' | b'&' | b'\\' | b'=') {
            class |= SIGN;
        }
        if b >= 0x80 {
            class |= HIGH;
        }
        if (b < 0x20 && !b.is_ascii_whitespace()) || b == 0x7f {
            class |= CONTROL;
        }
        table[at] = class;
        at += 1;
    }
    table
};

/// What sorts of bytes there are.
struct Shape {
    any: u16,
}

impl Shape {
    fn of(bytes: &[u8]) -> Shape {
        // Comparisons instead of the table: this way the compiler looks at many bytes at a time.
        let (mut high, mut control, mut space, mut sign) = (0u8, 0u8, 0u8, 0u8);
        for &b in bytes {
            let is = |other: u8| u8::from(b == other);
            let white = is(b' ') | is(b'\n') | is(b'\t') | is(b'\r') | is(0x0c);
            high |= b & 0x80;
            space |= white;
            control |= (u8::from(b < 0x20) & !white) | is(0x7f);
            sign |= is(b'%') | is(b'&') | is(b'\\') | is(b'=');
        }
        let [high, control, space, mut sign] = [high, control, space, sign].map(|any| any != 0);
        if sign {
            // The padding of base64 is no sign of anything.
            let inner = bytes.trim_ascii();
            let inner = inner.strip_prefix(b"==").or(inner.strip_prefix(b"=")).unwrap_or(inner);
            let inner = inner.strip_suffix(b"==").or(inner.strip_suffix(b"=")).unwrap_or(inner);
            sign = inner.iter().any(|b| CLASS[usize::from(*b)] & SIGN != 0);
        }
        let any = [(high, HIGH), (control, CONTROL), (space, SPACE), (sign, SIGN)].into_iter().filter(|(any, _)| *any);
        Shape { any: any.fold(0, |all, (_, class)| all | class) }
    }

    fn has(&self, class: u16) -> bool {
        self.any & class != 0
    }

    fn is_text(&self, bytes: &[u8]) -> bool {
        !self.has(CONTROL) && (!self.has(HIGH) || std::str::from_utf8(bytes).is_ok())
    }
}

/// Stretches of bytes of one class, as long as they go, that have so many at least.
struct Runs<'a> {
    bytes: &'a [u8],
    class: u16,
    least: usize,
    /// Everything before was looked at, and a run does not go on from there.
    at: usize,
}

impl<'a> Runs<'a> {
    fn new(bytes: &'a [u8], class: u16, least: usize) -> Runs<'a> {
        Runs { bytes, class, least, at: 0 }
    }
}

impl<'a> Iterator for Runs<'a> {
    type Item = &'a [u8];

    /// Looks at the byte where a run that begins here would have its last one: where there is none, all before it can be left out.
    fn next(&mut self) -> Option<&'a [u8]> {
        let is_other = |b: &u8| CLASS[usize::from(*b)] & self.class == 0;
        loop {
            let rest = &self.bytes[self.at..];
            let (first, more) = rest.split_at_checked(self.least)?;
            match first.iter().rposition(is_other) {
                Some(other) => self.at += other + 1,
                None => {
                    let len = self.least + more.iter().position(is_other).unwrap_or(more.len());
                    self.at += len;
                    return Some(&rest[..len]);
                }
            }
        }
    }
}
