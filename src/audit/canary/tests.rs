//! Every disguise is seen through, alone and inside others, and what is none is not taken for one.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

use super::coding::described;
use super::frame::{Seen, look};
use super::unpack::tests::{FORMATS, pack};
use super::*;
use crate::catalog::Catalog;
use crate::xmpp::element::{Document, Inherited};
use crate::xmpp::limits::Limits;

const TEXT: &str = "CNRYAB2CDE3FGH7I";
const SPECIAL: &str = "CNRYAB&CD<EF>GH\"IJ'KLé\u{65}\u{301}M-heron";
/// 304 characters of which the first are those of generated ones.
fn long() -> String {
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(state >> 27) as usize] as char
    };
    format!("CNRY{}-lantern", (0..300).map(|_| next()).collect::<String>())
}

fn canaries() -> Canaries {
    static ALL: std::sync::LazyLock<Canaries> = std::sync::LazyLock::new(|| {
        Canaries::of_texts([TEXT.to_owned() + "-heron", SPECIAL.into(), long(), "the heron lands at noon".into()]).unwrap()
    });
    ALL.clone()
}

/// Finds in a frame; `place: which, how`.
fn seen_in(canaries: &Canaries, xml: &str) -> Seen {
    let mut document = Document::new();
    let parsed = document.parse(xml.as_bytes(), false, &Inherited::client(), &Catalog::builtin().names, &Limits::default());
    look(canaries.search().unwrap(), xml.as_bytes(), parsed.is_ok().then_some(&document))
}

fn shown(seen: &Seen) -> Vec<String> {
    let one = |s: &super::frame::Sighting| format!("{}: {} {}", s.place, s.found.canary, described(&s.found.chain));
    seen.sightings.iter().map(one).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;")
}

#[track_caller]
fn found(text: &str, canary: usize) -> String {
    let seen = seen_in(&canaries(), &format!("<message><body>{}</body></message>", escape(text)));
    let all: Vec<_> = seen.sightings.iter().filter(|s| s.found.canary == canary).collect();
    assert!(!all.is_empty(), "canary {canary} was not seen in {text:?}");
    described(&all[0].found.chain)
}

#[track_caller]
fn nothing(text: &str) {
    let seen = seen_in(&canaries(), &format!("<message><body>{}</body></message>", escape(text)));
    assert_eq!(shown(&seen), Vec::<String>::new(), "{text:?}");
}

fn encode(coding: Coding, bytes: &[u8]) -> Vec<u8> {
    let text = || String::from_utf8_lossy(bytes).into_owned();
    let utf16 = |bytes: fn(u16) -> [u8; 2]| text().encode_utf16().flat_map(bytes).collect();
    match coding {
        Coding::Case => text()
            .chars()
            .map(|c| if c.is_lowercase() { c.to_uppercase().to_string() } else { c.to_lowercase().to_string() })
            .collect::<String>()
            .into(),
        Coding::Space => text().chars().flat_map(|c| [c, ' ']).collect::<String>().into(),
        Coding::Normalised => text().nfd().collect::<String>().into(),
        Coding::Entity => text().chars().map(|c| format!("&#x{:x};", c as u32)).collect::<String>().into(),
        Coding::Percent => bytes.iter().map(|b| format!("%{b:02x}")).collect::<String>().into(),
        Coding::Escape => text().encode_utf16().map(|u| format!("\\u{u:04X}")).collect::<String>().into(),
        Coding::QuotedPrintable => bytes
            .iter()
            .map(|b| if b.is_ascii_alphanumeric() { (*b as char).to_string() } else { format!("={b:02X}") })
            .collect::<Vec<_>>()
            .chunks(20)
            .map(|line| line.concat())
            .collect::<Vec<_>>()
            .join("=\r\n")
            .into(),
        Coding::Base64 => STANDARD.encode(bytes).into(),
        Coding::Base32 => base32(bytes).into(),
        Coding::Hex => bytes.iter().map(|b| format!("{b:02x}")).collect::<String>().into(),
        Coding::Utf16Le => utf16(u16::to_le_bytes),
        Coding::Utf16Be => utf16(u16::to_be_bytes),
        Coding::Reversed => text().chars().rev().collect::<String>().into(),
        Coding::Rot13 => super::needles::rot13(bytes),
        Coding::Joined | Coding::Digest => panic!("{coding} is no encoding of a text"),
        packed => pack(packed, bytes),
    }
}

fn base32(bytes: &[u8]) -> String {
    let bits: String = bytes.iter().map(|b| format!("{b:08b}")).collect();
    let symbol = |group: &[u8]| {
        let value = group.iter().chain(std::iter::repeat(&b'0')).take(5).fold(0, |all, bit| all * 2 + usize::from(bit - b'0'));
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[value] as char
    };
    let mut out: String = bits.as_bytes().chunks(5).map(symbol).collect();
    while !out.len().is_multiple_of(8) {
        out.push('=');
    }
    out
}

#[test]
fn every_encoding_of_a_text() {
    for coding in [
        Coding::Case,
        Coding::Space,
        Coding::Entity,
        Coding::Percent,
        Coding::Escape,
        Coding::QuotedPrintable,
        Coding::Base64,
        Coding::Base32,
        Coding::Hex,
        Coding::Reversed,
        Coding::Rot13,
    ] {
        for (canary, text) in [(0, TEXT), (1, SPECIAL), (3, "the heron lands at noon")] {
            let around =
                if coding == Coding::Base64 || coding == Coding::Base32 || coding == Coding::Hex { ["", ""] } else { ["see ", ", or not"] };
            let encoded = String::from_utf8(encode(coding, text.as_bytes())).unwrap();
            let how = found(&format!("{}{encoded}{}", around[0], around[1]), canary);
            assert!(how.contains(coding.name()) || coding == Coding::QuotedPrintable && canary != 1, "{coding}: {how}");
            // Half of it is none.
            let half: String = text.chars().take(text.chars().count() / 2).collect();
            nothing(&String::from_utf8(encode(coding, half.as_bytes())).unwrap());
        }
    }
    assert_eq!(found(&format!("see {TEXT}!"), 0), "as written");
    nothing("CNRYAB2CDE3FGH7J and the heron landed at noon");
}

#[test]
fn every_encoding_of_bytes_inside_base64_and_hexadecimal() {
    for outer in [Coding::Base64, Coding::Hex, Coding::Base32] {
        for &inner in FORMATS.iter().chain(&[Coding::Utf16Le, Coding::Utf16Be]) {
            for (canary, text) in [(0, TEXT), (1, SPECIAL), (3, "the heron lands at noon")] {
                // A short text is stored as it is; one that comes again is not.
                let text = format!("{text} {text} {text}");
                let encoded = String::from_utf8(encode(outer, &encode(inner, text.as_bytes()))).unwrap();
                let how = found(&encoded, canary);
                let stored = FORMATS.contains(&inner) && how == format!("as {}", outer.name());
                assert!(stored || how == format!("as {} of {}", outer.name(), inner.name()), "{how}");
                let half: String = text.chars().take(8).collect();
                nothing(&String::from_utf8(encode(outer, &encode(inner, half.as_bytes()))).unwrap());
            }
        }
    }
}

#[test]
fn in_the_middle_of_base64_at_every_offset() {
    for before in 0..7 {
        for after in 0..4 {
            let bytes = [&vec![0xf3; before][..], TEXT.as_bytes(), &vec![0x9c; after][..]].concat();
            for encoded in [STANDARD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
                assert_eq!(found(&encoded, 0), "as base64");
                // Also where what is before it makes the run begin elsewhere.
                assert_eq!(found(&format!("xyz{encoded}"), 0), "as base64");
            }
        }
    }
}

#[test]
fn characters_that_are_equivalent() {
    let nfc: String = SPECIAL.nfc().collect();
    let nfd: String = SPECIAL.nfd().collect();
    let wide: String = TEXT.chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap()).collect();
    assert!(found(&nfc, 1).contains("equivalent") && found(&nfd, 1).contains("equivalent"));
    assert!(found(&STANDARD.encode(&nfd), 1).contains("base64"));
    assert!(found(&wide, 0).contains("equivalent"));
    assert!(found(&nfd.to_uppercase(), 1).contains("capitals"));
}

#[test]
fn split_over_elements() {
    for (xml, expected) in [
        (format!("<message><body>CNRY<b/>{}</body></message>", &TEXT[4..]), vec!["message/body: 0 as split over elements"]),
        (
            format!("<message><x xmlns='u'><t>{}</t>\n <t>{}</t></x></message>", &TEXT[..9], &TEXT[9..]),
            vec!["message/{u}x/t: 0 as split over elements"],
        ),
        (
            format!("<message><a>{}</a><b>{}</b></message>", &STANDARD.encode(TEXT)[..9], &STANDARD.encode(TEXT)[9..]),
            vec!["message/a: 0 as split over elements of base64"],
        ),
        (format!("<message><a>{TEXT}</a><b>{TEXT}</b></message>"), vec!["message/a: 0 as written", "message/b: 0 as written"]),
        (format!("<message><a>{}</a><b>x</b><c>{}</c></message>", &TEXT[..9], &TEXT[9..]), vec![]),
    ] {
        assert_eq!(shown(&seen_in(&canaries(), &xml)), expected, "{xml}");
    }
}

#[test]
fn in_attributes_markup_and_what_cannot_be_read() {
    for (xml, expected) in [
        (format!("<iq><q xmlns='u' filename='{TEXT}.png'/></iq>"), "iq/{u}q/@filename: 0 as written"),
        (format!("<iq><!-- {TEXT} --><q xmlns='u'/></iq>"), "iq, in its markup: 0 as written"),
        (format!("<iq><q xmlns='u:{TEXT}'/></iq>"), "iq, in its markup: 0 as written"),
        (format!("<iq><{TEXT}/></iq>"), "iq, in its markup: 0 as written"),
        (format!("<message><body>{TEXT}</bod></message>"), "bytes that could not be read as XML: 0 as written"),
        (
            format!("<message><body>{}</bod></message>", STANDARD.encode(pack(Coding::Gzip, TEXT.as_bytes()))),
            "bytes that could not be read as XML: 0 as base64 of gzip",
        ),
        ("<message><body><![CDATA[CNRYAB2]]>CDE3&#70;GH7I</body></message>".to_owned(), "message/body: 0 as written"),
    ] {
        assert_eq!(shown(&seen_in(&canaries(), &xml)), [expected], "{xml}");
    }
}

#[test]
fn a_part_of_a_long_one_is_enough() {
    let long = long();
    for (from, length) in [(0, 12), (1, 12), (5, 12), (6, 50), (100, 13), (292, 12), (4, 200)] {
        let part = &long[from..from + length];
        assert_eq!(found(&format!("{part}…"), 2), "as written");
        assert_eq!(found(&part.to_lowercase(), 2), "as other capitals");
        assert_eq!(found(&encode(Coding::Hex, part.as_bytes()).iter().map(|b| *b as char).collect::<String>(), 2), "as hexadecimal");
        for around in 0..3 {
            assert_eq!(found(&STANDARD.encode([&vec![7; around][..], part.as_bytes(), b"\0\0"].concat()), 2), "as base64");
        }
        assert!(found(&String::from_utf8(encode(Coding::Reversed, part.as_bytes())).unwrap(), 2).contains("reversed"));
        assert!(found(&STANDARD.encode(encode(Coding::Utf16Le, part.as_bytes())), 2).contains("UTF-16"));
        nothing(&part[..11]);
    }
}

#[test]
fn digests_of_a_file() {
    let file =
        FileFacts { sha256: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into()), ..FileFacts::default() };
    let canaries = Canaries::new(vec![Canary { file: Some(file.clone()), ..Canary::plain(TEXT) }]).unwrap();
    let digest = file.digests().next().unwrap();
    for (text, how) in [
        (file.sha256.clone().unwrap(), "as hexadecimal of digest of the file"),
        (file.sha256.clone().unwrap().to_uppercase(), "as hexadecimal of digest of the file"),
        (STANDARD.encode(&digest), "as base64 of digest of the file"),
        (URL_SAFE_NO_PAD.encode(&digest), "as base64 of digest of the file"),
        (base32(&digest), "as base32 of digest of the file"),
    ] {
        let seen = seen_in(&canaries, &format!("<iq><x xmlns='u'>{text}</x></iq>"));
        assert_eq!(shown(&seen), [format!("iq/{{u}}x: 0 {how}")]);
    }
    assert_eq!(shown(&seen_in(&canaries, &format!("<iq><x xmlns='u'>{}</x></iq>", &STANDARD.encode(&digest)[..30]))), Vec::<String>::new());
}

/// What can stand inside a text: encodings that give text again.
const TEXT_TO_TEXT: &[Coding] =
    &[Coding::Case, Coding::Entity, Coding::Percent, Coding::Escape, Coding::QuotedPrintable, Coding::Reversed, Coding::Rot13];
const TEXT_TO_BYTES: &[Coding] = &[Coding::Utf16Le, Coding::Utf16Be];
const BYTES_TO_TEXT: &[Coding] = &[Coding::Base64, Coding::Base32, Coding::Hex, Coding::Percent, Coding::QuotedPrintable];

/// Applies the choices one after the other, each among the encodings that can follow; the last has to give text, which is all XML carries.
fn chain(choices: &[u8], text: &str) -> Option<(Vec<Coding>, String)> {
    let (mut bytes, mut is_text, mut codings) = (text.as_bytes().to_vec(), true, Vec::new());
    for choice in choices {
        let possible: Vec<Coding> = if is_text {
            [TEXT_TO_TEXT, TEXT_TO_BYTES, FORMATS, &[Coding::Base64, Coding::Base32, Coding::Hex]].concat()
        } else {
            [BYTES_TO_TEXT, FORMATS].concat()
        };
        let coding = possible[usize::from(*choice) % possible.len()];
        is_text = !FORMATS.contains(&coding) && !TEXT_TO_BYTES.contains(&coding);
        // Capitals mean something in what was encoded.
        if coding == Coding::Case && !codings.is_empty() {
            return None;
        }
        bytes = encode(coding, &bytes);
        codings.push(coding);
    }
    // What was turned round is decoded only where it begins like text or like a format with a magic number.
    let hidden = |codings: &[Coding]| {
        let encoded = matches!(codings[1], Coding::Base64 | Coding::Base32 | Coding::Hex);
        matches!(codings[0], Coding::Deflate | Coding::Brotli) && encoded && matches!(codings[2], Coding::Reversed | Coding::Rot13)
    };
    (is_text && !codings.windows(3).any(hidden)).then(|| (codings, String::from_utf8(bytes).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_chain_of_three_encodings_is_seen_through(choices in proptest::collection::vec(any::<u8>(), 0..=3), which in 0usize..4) {
        let texts = [TEXT.to_owned(), SPECIAL.into(), long(), "the heron lands at noon".into()];
        if let Some((codings, encoded)) = chain(&choices, &texts[which]) {
            let seen = seen_in(&canaries(), &format!("<message><body>{}</body></message>", escape(&encoded)));
            prop_assert!(seen.sightings.iter().any(|s| s.found.canary == which), "{codings:?} of {which}: {encoded:?}");
        }
    }

    #[test]
    fn noise_holds_no_canary(noise in proptest::collection::vec(any::<u8>(), 0..600), text in ".{0,80}") {
        let xml = format!("<message><body>{}</body><x y='{}'/></message>", STANDARD.encode(&noise), escape(&text));
        let seen = seen_in(&canaries(), &xml);
        prop_assert_eq!(shown(&seen), Vec::<String>::new());
        prop_assert!(!seen.incomplete);
        // What is no XML neither, and without a panic.
        look(canaries().search().unwrap(), &noise, None);
    }
}
