//! From a canary to the byte strings that are searched for: every encoding that can be found without decoding anything.
//!
//! A *whole* needle is the decisive part of a canary in one encoding. A *window* stands for six characters of the random part of a long
//! canary; found, it is stretched as far as the canary goes, and twelve characters are a hit. Every stretch of twelve holds one of the
//! windows, because they follow each other without gap (6 + 6 - 1 < 12).

use unicode_normalization::UnicodeNormalization as _;

use super::coding::Coding;
use super::declare::Canary;

/// Random characters that are a hit, where only a part of a long canary is seen: 60 bits.
pub const WINDOW: usize = 12;
/// Characters of a long canary that the automaton knows in one piece.
const BLOCK: usize = 6;
/// Bytes of a needle that the automaton knows; the rest is compared.
pub const ANCHOR: usize = 12;
/// What generated canaries begin with.
pub const PREFIX: &str = "CNRY";
/// Random characters of a short canary.
pub const RANDOM: usize = 12;

/// How windows of a long canary are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// One byte a character, perhaps backwards, perhaps moved by 13.
    Plain,
    /// Two bytes a character: UTF-16 or hexadecimal.
    Pairs,
    /// Base64 in which the window begins so many bytes after a multiple of three.
    Base64(usize),
}

/// Something the automaton looks for.
#[derive(Debug)]
pub struct Needle {
    /// Which canary.
    pub canary: usize,
    /// From what is seen to the canary, the outermost first.
    pub chain: Vec<Coding>,
    /// What the automaton knows of it.
    pub anchor: Vec<u8>,
    /// What has to be there.
    pub sought: Sought,
}

/// What has to be there for a hit.
#[derive(Debug)]
pub enum Sought {
    /// These bytes; with any capitals when the flag says so.
    Whole {
        /// The bytes.
        bytes: Vec<u8>,
        /// Whether capitals matter.
        exact: bool,
    },
    /// Twelve characters of a long canary, of which the anchor is a part.
    Window {
        /// The characters, each as one or two bytes.
        units: std::sync::Arc<Vec<u8>>,
        /// Which character the anchor begins with.
        at: usize,
        /// How they are written.
        written: Written,
    },
}

/// The decisive part of a canary: of a generated one what is random in it, so that a word that autocorrect changed does not hide it.
pub fn decisive(text: &str) -> &str {
    let random = random_part(text);
    if random.len() >= PREFIX.len() + RANDOM { random } else { text }
}

/// `CNRY` and the characters A to Z and 2 to 7 that follow.
fn random_part(text: &str) -> &str {
    let Some(rest) = text.strip_prefix(PREFIX) else { return "" };
    let len = rest.bytes().take_while(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7')).count();
    &text[..PREFIX.len() + len]
}

/// All needles of a canary.
pub fn of(canary: usize, declared: &Canary, out: &mut Vec<Needle>) {
    let random = random_part(&declared.text);
    if random.len() >= 2 * (PREFIX.len() + RANDOM) {
        windows(canary, random, out);
    } else {
        for (coding, form) in forms(decisive(&declared.text)) {
            wholes(canary, coding, &form, out);
        }
    }
    for digest in declared.file.iter().flat_map(|file| file.digests()) {
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        whole(canary, vec![Coding::Hex, Coding::Digest], hex.into_bytes(), false, out);
        for core in base64_cores(&digest) {
            whole(canary, vec![Coding::Base64, Coding::Digest], core, true, out);
        }
        whole(canary, vec![Coding::Digest], digest, true, out);
    }
}

/// The forms of a text that stand for the same: normalisations, capitals beyond ASCII, and without white space.
fn forms(text: &str) -> Vec<(Option<Coding>, String)> {
    let mut forms: Vec<(Option<Coding>, String)> = vec![(None, text.to_owned())];
    let mut add = |coding, form: String| {
        if !forms.iter().any(|(_, known)| known.eq_ignore_ascii_case(&form)) {
            forms.push((Some(coding), form));
        }
    };
    for form in [text.nfc().collect::<String>(), text.nfd().collect(), text.nfkc().collect()] {
        let (lower, upper) = (form.to_lowercase(), form.to_uppercase());
        add(Coding::Normalised, form);
        add(Coding::Case, lower);
        add(Coding::Case, upper);
    }
    if text.contains(char::is_whitespace) {
        add(Coding::Space, text.split_whitespace().collect());
        // As forms are sent over HTTP.
        add(Coding::Percent, text.split_whitespace().collect::<Vec<_>>().join("+"));
    }
    forms
}

fn wholes(canary: usize, coding: Option<Coding>, form: &str, out: &mut Vec<Needle>) {
    let chain = |outer: &[Coding]| outer.iter().copied().chain(coding).collect::<Vec<_>>();
    let backwards: String = form.chars().rev().collect();
    let mut add = |outer: &[Coding], bytes: Vec<u8>, exact| whole(canary, chain(outer), bytes, exact, out);
    add(&[], form.into(), false);
    add(&[Coding::Reversed], backwards.clone().into(), false);
    add(&[Coding::Rot13], rot13(form.as_bytes()), false);
    add(&[Coding::Reversed, Coding::Rot13], rot13(backwards.as_bytes()), false);
    add(&[Coding::Utf16Le], form.encode_utf16().flat_map(u16::to_le_bytes).collect(), false);
    add(&[Coding::Utf16Be], form.encode_utf16().flat_map(u16::to_be_bytes).collect(), false);
    add(&[Coding::Hex], form.bytes().flat_map(hex).collect(), false);
    for core in base64_cores(form.as_bytes()) {
        add(&[Coding::Base64], core, true);
    }
}

fn whole(canary: usize, chain: Vec<Coding>, bytes: Vec<u8>, exact: bool, out: &mut Vec<Needle>) {
    let anchor = bytes[..bytes.len().min(ANCHOR)].to_vec();
    out.push(Needle { canary, chain, anchor, sought: Sought::Whole { bytes, exact } });
}

fn windows(canary: usize, text: &str, out: &mut Vec<Needle>) {
    let shared = |bytes: Vec<u8>| std::sync::Arc::new(bytes);
    let forwards = shared(text.into());
    let backwards: Vec<u8> = text.bytes().rev().collect();
    let wide = |high_first: bool| text.bytes().flat_map(|b| if high_first { [0, b] } else { [b, 0] }).collect();
    for (chain, written, units) in [
        (&[][..], Written::Plain, forwards.clone()),
        (&[Coding::Reversed], Written::Plain, shared(backwards.clone())),
        (&[Coding::Rot13], Written::Plain, shared(rot13(text.as_bytes()))),
        (&[Coding::Reversed, Coding::Rot13], Written::Plain, shared(rot13(&backwards))),
        (&[Coding::Utf16Le], Written::Pairs, shared(wide(false))),
        (&[Coding::Utf16Be], Written::Pairs, shared(wide(true))),
        (&[Coding::Hex], Written::Pairs, shared(text.bytes().flat_map(hex).collect())),
    ] {
        let size = if written == Written::Pairs { 2 } else { 1 };
        for at in (0..text.len() - BLOCK).step_by(BLOCK) {
            let anchor = units[at * size..(at + BLOCK) * size].to_vec();
            let sought = Sought::Window { units: units.clone(), at, written };
            out.push(Needle { canary, chain: chain.to_vec(), anchor, sought });
        }
    }
    for at in (0..text.len() - BLOCK).step_by(BLOCK) {
        for offset in 0..3 {
            let sought = Sought::Window { units: forwards.clone(), at, written: Written::Base64(offset) };
            let anchor = base64_core(&text.as_bytes()[at..at + BLOCK], offset);
            out.push(Needle { canary, chain: vec![Coding::Base64], anchor, sought });
        }
    }
}

/// What base64 makes of these bytes whatever stands around them, for the three positions they can begin at, in both alphabets.
fn base64_cores(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut cores: Vec<Vec<u8>> = (0..3).map(|offset| base64_core(bytes, offset)).collect();
    let url = |core: &Vec<u8>| {
        core.iter()
            .map(|b| {
                if *b == b'+' {
                    b'-'
                } else if *b == b'/' {
                    b'_'
                } else {
                    *b
                }
            })
            .collect::<Vec<u8>>()
    };
    let others: Vec<Vec<u8>> = cores.iter().map(url).filter(|other| !cores.contains(other)).collect();
    cores.extend(others);
    cores
}

/// Symbols of the first byte and the last that no neighbour has a part in.
fn base64_core(bytes: &[u8], offset: usize) -> Vec<u8> {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode([&[0; 2][..offset], bytes].concat());
    encoded.as_bytes()[base64_margin(offset)..8 * (offset + bytes.len()) / 6].to_vec()
}

/// Symbols before the core that depend on what stands before it.
pub fn base64_margin(offset: usize) -> usize {
    (8 * offset).div_ceil(6)
}

fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// Letters moved by 13; everything else stays.
pub fn rot13(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|b| turned(*b)).collect()
}

/// One byte of [`rot13`].
#[inline]
pub fn turned(b: u8) -> u8 {
    const TURNED: [u8; 256] = {
        let mut table = [0; 256];
        let mut at = 0;
        while at < 256 {
            table[at] = match at as u8 {
                b @ b'a'..=b'z' => (b - b'a' + 13) % 26 + b'a',
                b @ b'A'..=b'Z' => (b - b'A' + 13) % 26 + b'A',
                other => other,
            };
            at += 1;
        }
        table
    };
    TURNED[usize::from(b)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What can be found by chance (procedure, §7.3): P positions, needles of L symbols, P·64⁻ᴸ in base64 and P·256⁻ᴸ in bytes.
    #[test]
    fn accidental_hits_are_as_rare_as_the_procedure_says() {
        let expected = |positions: f64, symbols: f64, length: usize| positions * symbols.powi(-(length as i32));
        assert!((expected(1e9, 64.0, 12) - 2e-13).abs() < 1e-13);
        assert!((expected(1e9, 64.0, 8) - 4e-6).abs() < 1e-6);
        // The shortest core of the shortest canary, and a window, in a gigabyte.
        let shortest = base64_cores(&[b'x'; super::super::declare::MIN_CHARS]).iter().map(Vec::len).min().unwrap();
        assert!(shortest >= 10 && expected(1e9, 64.0, shortest) < 1e-8);
        assert!(expected(1e9, 32.0, WINDOW) < 1e-8);
    }

    #[test]
    fn cores_do_not_depend_on_their_surroundings() {
        use base64::Engine as _;
        let bytes = b"CNRYAB2CDE3FGH7I";
        for before in 0..6 {
            for after in 0..4 {
                let around = [&vec![0xa7; before][..], bytes, &vec![0xff; after][..]].concat();
                let encoded = base64::engine::general_purpose::STANDARD.encode(around);
                let core = base64_core(bytes, before % 3);
                assert!(memchr::memmem::find(encoded.as_bytes(), &core).is_some(), "{before} {after}");
            }
        }
    }

    #[test]
    fn the_decisive_part_is_what_is_random() {
        assert_eq!(decisive("CNRYABCDEFGH2345-heron"), "CNRYABCDEFGH2345");
        assert_eq!(decisive("the heron lands"), "the heron lands");
        assert_eq!(decisive("CNRYABC&DEF<GHI-heron"), "CNRYABC&DEF<GHI-heron");
    }

    /// A hundred ordinary canaries are an automaton of some ten thousand states, not of millions.
    #[test]
    fn needles_are_few() {
        let mut out = Vec::new();
        of(0, &Canary::plain("CNRYABCDEFGH2345-heron"), &mut out);
        assert_eq!(out.len(), 10);
    }
}
