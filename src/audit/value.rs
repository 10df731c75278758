//! Values: recognising what a string is, and what of it a log may hold.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::audit::base64;
use crate::bytes;
use crate::record::json::decimal;

/// What a string looks like. Used where no catalog row says what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An address.
    Jid,
    /// A point in time.
    Time,
    /// A URI.
    Uri,
    /// A network address.
    Ip,
    /// A number.
    Number,
    /// Anything else: free text.
    Text,
}

/// Recognises typed values. `hint` is the name of the attribute or element, which decides whether a bare domain is an address.
pub fn shape(value: &str, hint: &str) -> Shape {
    if value.is_empty() || value.len() > 4096 {
        return Shape::Text;
    }
    if value.parse::<IpAddr>().is_ok() {
        return Shape::Ip;
    }
    let bytes = value.as_bytes();
    if bytes.iter().all(u8::is_ascii_digit) || value.parse::<f64>().is_ok_and(f64::is_finite) {
        return Shape::Number;
    }
    if parse_time(value).is_some() || looks_like_date(value) {
        return Shape::Time;
    }
    if uri_scheme(value).is_some() {
        return Shape::Uri;
    }
    if value.contains(char::is_whitespace) && !value.contains('/') {
        return Shape::Text;
    }
    let jid = crate::xmpp::jid::Jid::split(value);
    let domain = jid.domainpart();
    let plausible_domain = !domain.is_empty()
        && domain.len() <= 255
        && domain.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
        && !domain.starts_with(['.', '-'])
        && !domain.ends_with(['.', '-']);
    if !plausible_domain || jid.bare().contains(char::is_whitespace) {
        return Shape::Text;
    }
    let named = matches!(
        hint,
        "to" | "from"
            | "jid"
            | "by"
            | "with"
            | "node_jid"
            | "initiator"
            | "responder"
            | "target"
            | "server"
            | "service"
            | "host"
            | "domain"
            | "room"
    );
    let dotted = domain.contains('.')
        && domain.rsplit('.').next().is_some_and(|tld| tld.len() >= 2 && tld.chars().all(char::is_alphabetic))
        && domain.split('.').all(|label| !label.is_empty());
    match jid.localpart() {
        Some(local) if !local.is_empty() => Shape::Jid,
        Some(_) => Shape::Text,
        None if named || dotted => Shape::Jid,
        None => Shape::Text,
    }
}

/// The scheme, when `value` is a URI of a kind that carries addresses.
pub fn uri_scheme(value: &str) -> Option<&str> {
    const WITHOUT_AUTHORITY: [&str; 10] = ["xmpp", "mailto", "tel", "sip", "sips", "geo", "cid", "im", "pres", "data"];
    let in_scheme = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let begins = value.as_bytes().first()?.is_ascii_alphabetic();
    let length = bytes::find(b':', &value.as_bytes()[..value.len().min(MAX_SCHEME + 1)])?;
    if !begins || !value.as_bytes()[..length].iter().all(in_scheme) {
        return None;
    }
    let (scheme, rest) = (&value[..length], &value[length + 1..]);
    let known = || WITHOUT_AUTHORITY.iter().any(|known| known.eq_ignore_ascii_case(scheme));
    (rest.starts_with("//") || (!rest.is_empty() && known())).then_some(scheme)
}

/// Longest scheme that is recognised.
const MAX_SCHEME: usize = 32;

/// Hosts whose URIs are protocol names (`http://jabber.org/protocol/muc#owner`): what follows `#` is part of the name and no secret.
const PROTOCOL_HOSTS: [&str; 5] = ["//jabber.org/", "//xmpp.org/", "//www.xmpp.org/", "//www.jabber.org/", "//www.w3.org/"];

/// Writes a URI without user info, query values and fragment: those can be credentials, capabilities and keys.
///
/// `data:` URIs are cut after the media type. Text that is no URI stays, but for the keys in it (see [`without_keys`]).
pub fn sanitised_uri(value: &str, out: &mut String) {
    if !may_be_uri(value) {
        return out.push_str(value);
    }
    let Some(scheme) = uri_scheme(value) else {
        without_keys(value, out);
        return;
    };
    let rest = &value[scheme.len() + 1..];
    out.push_str(scheme);
    out.push(':');
    if scheme.eq_ignore_ascii_case("data") {
        out.push_str(rest.split(',').next().unwrap_or(""));
        return;
    }
    if PROTOCOL_HOSTS.iter().any(|host| rest.starts_with(host)) {
        out.push_str(rest);
        return;
    }
    let (rest, _fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    match path.strip_prefix("//") {
        Some(authority_path) => {
            let end = authority_path.find('/').unwrap_or(authority_path.len());
            let (authority, path) = authority_path.split_at(end);
            out.push_str("//");
            out.push_str(authority.rsplit_once('@').map_or(authority, |(_user, host)| host));
            out.push_str(path);
        }
        None => out.push_str(path),
    }
    if let Some(query) = query {
        out.push('?');
        for pair in query.split_inclusive(['&', ';']) {
            let (pair, separator) = match pair.strip_suffix(['&', ';']) {
                Some(bare) => (bare, &pair[bare.len()..]),
                None => (pair, ""),
            };
            // A word without a value, or a base64 word whose `=` is padding, is a value itself unless it is short and plain.
            let key = pair.split('=').next().unwrap_or("");
            let plain = key.len() <= 32 && key.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_' | b'.'));
            out.push_str(if plain { key } else { "_" });
            out.push_str(separator);
        }
    }
}

/// Whether a text may be, or hold, something that [`sanitised_uri`] cuts: a URI has a colon, a key follows a hash sign.
pub fn may_be_uri(text: &str) -> bool {
    bytes::any_of_few(text.as_bytes(), |word| word.equal(b':') | word.equal(b'#'))
}

/// The text without white space around it. Nearly none has any, and that the first and last byte can tell.
#[inline]
pub fn trimmed(text: &str) -> &str {
    match (text.as_bytes().first(), text.as_bytes().last()) {
        (Some(first), Some(last)) if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// Writes text without the fragments of `aesgcm:` URLs in it. They are the keys of encrypted files (XEP-0454), which no flag shows.
fn without_keys(text: &str, out: &mut String) {
    const SCHEME: &[u8] = b"aesgcm";
    let mut written = 0;
    for at in memchr::memchr_iter(b':', text.as_bytes()) {
        if at < written
            || !text.as_bytes()[at + 1..].starts_with(b"//")
            || !at.checked_sub(SCHEME.len()).is_some_and(|from| text.as_bytes()[from..at].eq_ignore_ascii_case(SCHEME))
        {
            continue;
        }
        let end = text[at..].find(char::is_whitespace).map_or(text.len(), |len| at + len);
        let shown = text[at..end].find('#').map_or(end, |len| at + len);
        out.push_str(&text[written..shown]);
        written = end;
    }
    out.push_str(&text[written..]);
}

/// Reads RFC 3339 / XEP-0082 and the legacy form `20020910T23:08:25`.
pub fn parse_time(value: &str) -> Option<OffsetDateTime> {
    let bytes = value.as_bytes();
    if bytes.len() < 17 || bytes.len() > 40 || !bytes[0].is_ascii_digit() {
        return None;
    }
    if let Ok(time) = OffsetDateTime::parse(value, &Rfc3339) {
        return Some(time);
    }
    const LEGACY: &[time::format_description::BorrowedFormatItem<'static>] =
        time::macros::format_description!("[year][month][day]T[hour]:[minute]:[second]");
    time::PrimitiveDateTime::parse(value.trim_end_matches('Z'), LEGACY).ok().map(time::PrimitiveDateTime::assume_utc)
}

/// A date, or a date and time without zone: recognised, though no point in time.
fn looks_like_date(value: &str) -> bool {
    let b = value.as_bytes();
    let digits = |range: std::ops::Range<usize>| b.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    b.len() >= 10
        && digits(0..4)
        && b[4] == b'-'
        && digits(5..7)
        && b[7] == b'-'
        && digits(8..10)
        && (b.len() == 10 || b[10] == b'T')
        && b.len() <= 40
}

/// Whether an address is on this machine, in this network, or out there.
pub fn ip_class(ip: IpAddr) -> &'static str {
    match ip {
        IpAddr::V4(v4) if v4.is_loopback() => "loopback",
        IpAddr::V4(v4) if v4.is_link_local() => "link_local",
        IpAddr::V4(v4) if v4.is_private() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64) => "private",
        IpAddr::V4(v4) if v4.is_unspecified() => "unspecified",
        IpAddr::V6(v6) if v6.is_loopback() => "loopback",
        IpAddr::V6(v6) if v6.segments()[0] & 0xffc0 == 0xfe80 => "link_local",
        IpAddr::V6(v6) if v6.segments()[0] & 0xfe00 == 0xfc00 => "private",
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => ip_class(IpAddr::V4(v6.to_ipv4_mapped().expect("just checked"))),
        _ => "public",
    }
}

/// What sort of text is hidden, so that a reader can tell an emoji from an essay.
pub fn text_class(value: &str) -> &'static str {
    let trimmed = trimmed(value);
    if trimmed.is_empty() {
        "empty"
    } else if trimmed.starts_with("aesgcm://") {
        "aesgcm_link"
    } else if is_geo_uri(trimmed) {
        "geo_link"
    } else if uri_scheme(trimmed).is_some() && !trimmed.contains(char::is_whitespace) {
        "link"
    } else if trimmed.len() >= 16 && !may_have_white_space(trimmed) && decoded_base64_length(trimmed).is_some() {
        "base64"
    } else if trimmed.bytes().all(|b| b.is_ascii_digit()) {
        "number"
    } else if trimmed.chars().count() <= 8 && !trimmed.chars().any(char::is_alphanumeric) {
        "symbols"
    } else {
        "text"
    }
}

/// Whether it is a position and nothing else (RFC 5870 §3.3: two or three numbers).
fn is_geo_uri(value: &str) -> bool {
    let Some(rest) = value.get(4..).filter(|_| value.as_bytes()[..4].eq_ignore_ascii_case(b"geo:")) else { return false };
    let coordinates = rest.split([';', '?']).next().unwrap_or("");
    let numbers = coordinates.split(',').all(|number| number.parse::<f64>().is_ok());
    numbers && (1..=2).contains(&coordinates.matches(',').count()) && !rest.contains(char::is_whitespace)
}

/// Decodes standard base64, white space ignored.
pub fn decode_base64(value: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    decode_base64_onto(value, &mut bytes).then_some(bytes)
}

/// Decodes to the end of `bytes`, which stays as it is when the text is no base64; `false` then.
pub fn decode_base64_onto(value: &str, bytes: &mut Vec<u8>) -> bool {
    if !may_have_white_space(value) {
        return base64::decode_onto(value.as_bytes(), bytes);
    }
    let packed: Vec<u8> = value.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    base64::decode_onto(&packed, bytes)
}

/// Number of bytes that [`decode_base64`] would give, without decoding.
pub fn decoded_base64_length(value: &str) -> Option<usize> {
    if may_have_white_space(value) {
        return decode_base64(value).map(|bytes| bytes.len());
    }
    let symbols = value.strip_suffix("==").or(value.strip_suffix('=')).unwrap_or(value).as_bytes();
    let padding = value.len() - symbols.len();
    if !value.len().is_multiple_of(4) || bytes::any(symbols, |b| !is_base64_symbol(b)) {
        return None;
    }
    // The bits of the last symbol that stand for no byte have to be 0.
    let unused = match (padding, symbols.last()) {
        (1, Some(last)) => !b"AEIMQUYcgkosw048".contains(last),
        (2, Some(last)) => !b"AQgw".contains(last),
        _ => false,
    };
    (!unused).then(|| value.len() / 4 * 3 - padding)
}

fn is_base64_symbol(byte: u8) -> bool {
    ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte.wrapping_sub(b'0') < 10) | (byte == b'+') | (byte == b'/')
}

/// Whether there may be white space, or another control character, which is no better in base64.
pub fn may_have_white_space(value: &str) -> bool {
    bytes::any_of_few(value.as_bytes(), |word| word.below(b' ' + 1))
}

/// Number of bytes that base64 text stands for, without looking at its symbols; `None` when its length is impossible.
pub fn base64_length(value: &str) -> Option<usize> {
    let symbols = if may_have_white_space(value) { value.bytes().filter(|b| !b.is_ascii_whitespace()).count() } else { value.len() };
    let padding = value.trim_end().bytes().rev().take_while(|&b| b == b'=').count();
    (symbols % 4 == 0 && padding <= 2).then(|| symbols / 4 * 3 - padding.min(symbols))
}

/// Appends the first eight bytes of the SHA-256 digest, in hexadecimal: enough to compare, not to restore.
pub fn push_digest(out: &mut String, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::digest(bytes);
    let digits: [u8; 16] = std::array::from_fn(|i| HEX[usize::from(if i % 2 == 0 { digest[i / 2] >> 4 } else { digest[i / 2] & 15 })]);
    out.push_str(str::from_utf8(&digits).expect("hexadecimal digits"));
}

/// Appends a number in decimal.
pub fn push_number(out: &mut String, number: u64) {
    // Most are lengths and counters.
    if number < 1000 {
        let digit = |unit: u64| char::from(b'0' + (number / unit % 10) as u8);
        [100, 10].into_iter().filter(|unit| number >= *unit).for_each(|unit| out.push(digit(unit)));
        return out.push(digit(1));
    }
    out.push_str(str::from_utf8(decimal(number, &mut [0; 20])).expect("digits"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        for (value, hint, expected) in [
            ("ann@a.example/phone", "", Shape::Jid),
            ("a.example", "", Shape::Jid),
            ("localhost", "", Shape::Text),
            ("localhost", "jid", Shape::Jid),
            ("two words", "to", Shape::Text),
            ("ann@a.example/two words", "", Shape::Jid),
            ("2026-11-22T10:00:00Z", "", Shape::Time),
            ("20020910T23:08:25", "", Shape::Time),
            ("2026-11-22", "", Shape::Time),
            ("https://a.example/x", "", Shape::Uri),
            ("xmpp:ann@a.example?join", "", Shape::Uri),
            ("note: this", "", Shape::Text),
            ("192.168.1.2", "", Shape::Ip),
            ("fe80::1", "", Shape::Ip),
            ("17", "", Shape::Number),
            ("-1.5", "", Shape::Number),
            ("1.0", "", Shape::Number),
            ("hello", "", Shape::Text),
            ("", "to", Shape::Text),
        ] {
            assert_eq!(shape(value, hint), expected, "{value:?} {hint:?}");
        }
    }

    #[test]
    fn text_loses_the_keys_of_files() {
        for (text, expected) in [
            ("look: aesgcm://a.example/f#0123 and aesgcm://a.example/g#4567", "look: aesgcm://a.example/f and aesgcm://a.example/g"),
            ("here\u{2003}AESGCM://a.example/f#0123\u{2003}é", "here\u{2003}AESGCM://a.example/f\u{2003}é"),
            ("(aesgcm://a.example/f#01aesgcm://b#23", "(aesgcm://a.example/f"),
            ("a plain #hash and https://a.example/x#top", "a plain #hash and https://a.example/x#top"),
            ("esgcm://a#b ://#x", "esgcm://a#b ://#x"),
        ] {
            let mut out = String::new();
            without_keys(text, &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn uris_lose_what_can_be_a_secret() {
        for (uri, expected) in [
            ("https://u:p@a.example/x/y.png?token=abc&v=2#frag", "https://a.example/x/y.png?token&v"),
            ("aesgcm://a.example/f#0011", "aesgcm://a.example/f"),
            ("xmpp:r@a.example?join;password=x", "xmpp:r@a.example?join;password"),
            ("https://a.example?c2VjcmV0MTIz", "https://a.example?_"),
            ("data:image/png;base64,AAAA", "data:image/png;base64"),
            ("http://jabber.org/protocol/muc#owner", "http://jabber.org/protocol/muc#owner"),
            ("not a uri", "not a uri"),
        ] {
            let mut out = String::new();
            sanitised_uri(uri, &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn addresses_have_classes() {
        for (ip, class) in [
            ("127.0.0.1", "loopback"),
            ("10.0.0.1", "private"),
            ("169.254.1.1", "link_local"),
            ("8.8.8.8", "public"),
            ("fe80::1", "link_local"),
            ("fd00::1", "private"),
            ("::ffff:192.168.0.1", "private"),
        ] {
            assert_eq!(ip_class(ip.parse().unwrap()), class, "{ip}");
        }
    }

    #[test]
    fn words_are_no_base64() {
        assert_eq!(text_class("meet me at the pond"), "text");
        assert_eq!(text_class("QUJDREVGR0hJSktM"), "base64");
    }

    #[test]
    fn positions_are_links_of_their_own() {
        for (text, class) in [
            ("geo:54.09,12.1;u=20", "geo_link"),
            ("GEO:54.09,12.1,7", "geo_link"),
            ("geo:a,b", "link"),
            ("geo:54.09,12.1 is where I am", "text"),
            ("https://geo.example/54,12", "link"),
        ] {
            assert_eq!(text_class(text), class, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn measuring_is_decoding(text in "[A-Za-z0-9+/]{0,40}={0,3}|[AQgEw=/ \\n\u{e9}]{0,12}") {
            proptest::prop_assert_eq!(decoded_base64_length(&text), decode_base64(&text).map(|bytes| bytes.len()));
        }
    }

    #[test]
    fn numbers_are_decimal() {
        for n in [0, 7, 10, 305, u64::MAX] {
            let mut out = String::new();
            push_number(&mut out, n);
            assert_eq!(out, n.to_string());
        }
    }

    #[test]
    fn base64_is_measured() {
        assert_eq!(base64_length("QUJD"), Some(3));
        assert_eq!(base64_length("QUI="), Some(2));
        assert_eq!(base64_length("QUI"), None);
        assert_eq!(decode_base64("QU\n JD"), Some(b"ABC".to_vec()));
    }
}
