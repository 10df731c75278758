//! Escapes inside a text: `None` when there is nothing to undo.

use super::coding::Coding;

/// Undoes one sort of escape.
type Undo = fn(&[u8]) -> Option<Vec<u8>>;

/// Every sort, by what it is called.
pub const ALL: &[(Coding, Undo)] =
    &[(Coding::Entity, entities), (Coding::Percent, percent), (Coding::Escape, backslash), (Coding::QuotedPrintable, quoted_printable)];

/// Replaces what `one` reads at each `sign`; it says what stands there and how long it was.
fn undo(bytes: &[u8], sign: u8, mut one: impl FnMut(&[u8], &mut Vec<u8>) -> Option<usize>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut written = 0;
    for at in memchr::memchr_iter(sign, bytes) {
        if at < written {
            continue;
        }
        let len = out.len();
        out.extend_from_slice(&bytes[written..at]);
        match one(&bytes[at + 1..], &mut out) {
            Some(read) => written = at + 1 + read,
            None => out.truncate(len),
        }
    }
    (written > 0).then(|| {
        out.extend_from_slice(&bytes[written..]);
        out
    })
}

fn hex(bytes: &[u8], digits: usize) -> Option<u32> {
    bytes.get(..digits)?.iter().try_fold(0, |all, b| Some(all << 4 | (*b as char).to_digit(16)?))
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn percent(bytes: &[u8]) -> Option<Vec<u8>> {
    undo(bytes, b'%', |rest, out| {
        out.push(hex(rest, 2)? as u8);
        Some(2)
    })
}

fn quoted_printable(bytes: &[u8]) -> Option<Vec<u8>> {
    undo(bytes, b'=', |rest, out| match rest {
        [b'\r', b'\n', ..] => Some(2),
        [b'\n', ..] => Some(1),
        _ => {
            out.push(hex(rest, 2)? as u8);
            Some(2)
        }
    })
}

/// The escapes of JSON strings (RFC 8259 §7), and `\xXX`.
fn backslash(bytes: &[u8]) -> Option<Vec<u8>> {
    undo(bytes, b'\\', |rest, out| {
        match rest.first()? {
            b'u' => {
                let unit = hex(&rest[1..], 4)?;
                let low = rest[5..].strip_prefix(b"\\u").and_then(|low| hex(low, 4)).filter(|low| (0xdc00..0xe000).contains(low));
                if let (0xd800..0xdc00, Some(low)) = (unit, low) {
                    push(out, char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))?);
                    return Some(11);
                }
                push(out, char::from_u32(unit).unwrap_or('\u{fffd}'));
                return Some(5);
            }
            b'x' => {
                push(out, char::from_u32(hex(&rest[1..], 2)?)?);
                return Some(3);
            }
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            same @ (b'"' | b'\'' | b'\\' | b'/') => out.push(*same),
            _ => return None,
        }
        Some(1)
    })
}

fn entities(bytes: &[u8]) -> Option<Vec<u8>> {
    const LONGEST: usize = 10;
    undo(bytes, b'&', |rest, out| {
        let end = memchr::memchr(b';', &rest[..rest.len().min(LONGEST + 1)])?;
        let name = &rest[..end];
        let number = match name {
            [b'#', b'x' | b'X', digits @ ..] if (1..=6).contains(&digits.len()) => hex(digits, digits.len()),
            [b'#', digits @ ..] => std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()),
            _ => named(name),
        };
        push(out, char::from_u32(number?)?);
        Some(end + 1)
    })
}

fn named(name: &[u8]) -> Option<u32> {
    Some(
        match name {
            b"amp" => '&',
            b"lt" => '<',
            b"gt" => '>',
            b"quot" => '"',
            b"apos" => '\'',
            _ => return LATIN_1.split_ascii_whitespace().position(|known| known.as_bytes() == name).map(|at| at as u32 + 0xa0),
        }
        .into(),
    )
}

/// The names that HTML gives the characters from U+00A0 to U+00FF.
const LATIN_1: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot \
    cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute \
    Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml \
    aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute \
    ucirc uuml yacute thorn yuml";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(undo: fn(&[u8]) -> Option<Vec<u8>>, text: &str, expected: Option<&str>) {
        assert_eq!(undo(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap()).as_deref(), expected, "{text}");
    }

    #[test]
    fn each_escape_is_undone_and_what_is_none_stays() {
        check(percent, "a%20b%2Fc%zz%", Some("a b/c%zz%"));
        check(percent, "100 % or 5%", None);
        check(quoted_printable, "caf=C3=A9 =\r\nand=\nmore=", Some("café andmore="));
        check(quoted_printable, "QUJD=", None);
        check(backslash, r#"\u0043\u00e9\ud83e\udd80\"\/\x41\q\u12"#, Some("Cé🦀\"/A\\q\\u12"));
        check(backslash, r"C:\Program", None);
        check(backslash, r"\ud83e", Some("\u{fffd}"));
        check(entities, "a&amp;lt;&#67;&#x4e;&eacute;&yuml;&nope;&;&#x110000;", Some("a&lt;CNéÿ&nope;&;&#x110000;"));
        check(entities, "Tom & Jerry; and", None);
    }
}
