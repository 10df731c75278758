//! Parts of decoded values: login messages, protocol buffers.

use super::value::{decode_base64, push_digest, push_number};

/// A named part of a login message in base64, e.g. `plain.authcid` or `scram.n`.
///
/// Sources: PLAIN RFC 4616 §2, SCRAM RFC 5802 §5.1 and §7, OAUTHBEARER RFC 7628 §3.1, DIGEST-MD5 RFC 2831 §2.1.2, HT-* (draft-schmaus).
pub fn sasl_part(base64: &str, part: &str) -> Option<String> {
    let bytes = decode_base64(base64)?;
    let (mechanism, name) = part.split_once('.')?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match mechanism {
        "plain" => {
            let mut parts = bytes.splitn(3, |&b| b == 0);
            let (authzid, authcid, password) = (parts.next()?, parts.next()?, parts.next()?);
            let wanted = match name {
                "authzid" => authzid,
                "authcid" => authcid,
                "password" => password,
                _ => return None,
            };
            (!wanted.is_empty()).then(|| text(wanted))
        }
        "ht" => {
            let at = bytes.iter().position(|&b| b == 0)?;
            match name {
                "authcid" => Some(text(&bytes[..at])),
                "hashed_token" => Some(text(&bytes[at + 1..])),
                _ => None,
            }
        }
        // The whole message is the identity to act as (RFC 4422 appendix A), or a trace (RFC 4505 §2).
        "external" => (name == "authzid").then(|| text(&bytes)),
        "anonymous" => (name == "trace").then(|| text(&bytes)),
        "scram" => {
            let message = text(&bytes);
            let first = message.split(',').next()?;
            match name {
                "gs2_cbind_flag" => {
                    matches!(first, "n" | "y").then(|| first.to_owned()).or_else(|| first.starts_with("p=").then(|| "p".to_owned()))
                }
                "cb_name" => first.strip_prefix("p=").map(str::to_owned),
                _ => {
                    message.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).filter(|value| !value.is_empty()).map(
                        |value| if name == "n" || name == "a" { value.replace("=2C", ",").replace("=3D", "=") } else { value.to_owned() },
                    )
                }
            }
        }
        "oauth" => {
            let message = text(&bytes);
            match name {
                "a" => message.split(',').find_map(|pair| pair.strip_prefix("a=")).map(str::to_owned),
                "auth" => message.split('\u{1}').find_map(|pair| pair.strip_prefix("auth=")).map(str::to_owned),
                "host_port" => {
                    let get = |key: &str| message.split('\u{1}').find_map(|pair| pair.strip_prefix(key)).unwrap_or("").to_owned();
                    let (host, port) = (get("host="), get("port="));
                    (!host.is_empty()).then(|| format!("{host}:{port}"))
                }
                _ => None,
            }
        }
        "digest" => {
            let message = text(&bytes);
            let found = message.split(',').find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
            found.map(|value| value.trim_matches('"').to_owned())
        }
        _ => None,
    }
}

/// Appends a field of a protocol buffer as text: numbers in decimal, bytes as their length and digest. `false` when there is none.
pub fn protobuf_field(bytes: &[u8], path: &[u32], out: &mut String) -> bool {
    protobuf_value(bytes, path, out).is_some()
}

fn protobuf_value(bytes: &[u8], path: &[u32], out: &mut String) -> Option<()> {
    let (&wanted, rest) = path.split_first()?;
    let mut input = bytes;
    while !input.is_empty() {
        let key = varint(&mut input)?;
        let number = u32::try_from(key >> 3).ok()?;
        match key & 7 {
            0 => {
                let value = varint(&mut input)?;
                if number == wanted {
                    return rest.is_empty().then(|| push_number(out, value));
                }
            }
            2 => {
                let len = usize::try_from(varint(&mut input)?).ok()?;
                let value = input.get(..len)?;
                input = &input[len..];
                if number == wanted && !rest.is_empty() {
                    return protobuf_value(value, rest, out);
                }
                if number == wanted {
                    out.push('[');
                    push_number(out, len as u64);
                    out.push_str(" bytes, sha256 ");
                    push_digest(out, value);
                    out.push(']');
                    return Some(());
                }
            }
            1 => input = input.get(8..)?,
            5 => input = input.get(4..)?,
            _ => return None,
        }
    }
    None
}

/// The local part of an address with the escapes of XEP-0106 §4.2 read; none when it has none.
pub fn unescaped_localpart(address: &str) -> Option<String> {
    const ESCAPES: [(&str, &str); 10] = [
        (r"\20", " "),
        (r"\22", "\""),
        (r"\26", "&"),
        (r"\27", "'"),
        (r"\2f", "/"),
        (r"\3a", ":"),
        (r"\3c", "<"),
        (r"\3e", ">"),
        (r"\40", "@"),
        (r"\5c", r"\"),
    ];
    let local = crate::xmpp::jid::Jid::split(address.trim()).localpart().filter(|local| local.contains('\\'))?;
    // The backslash comes last, so that what it protects is not read.
    let unescaped = ESCAPES.iter().fold(local.to_owned(), |text, (escape, character)| text.replace(escape, character));
    (unescaped != local).then_some(unescaped)
}

/// What follows the last dot of a file name.
pub fn extension(name: &str) -> Option<&str> {
    let (stem, extension) = name.trim().rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty() && extension.len() <= 16 && !extension.contains('/')).then_some(extension)
}

/// Whether a text uses message styling (XEP-0393 §5): a block that begins with `>` or three backticks, or a span between two equal directives that
/// touch the words inside.
pub fn is_styled(text: &str) -> bool {
    if !text.bytes().fold(false, |any, b| any | matches!(b, b'*' | b'_' | b'~' | b'`' | b'>')) {
        return false;
    }
    let span = |line: &str| {
        ['*', '_', '~', '`'].iter().any(|&directive| {
            let mut open: Option<usize> = None;
            let mut before = ' ';
            for (at, c) in line.char_indices() {
                let after = line[at + c.len_utf8()..].chars().next().unwrap_or(' ');
                if c == directive {
                    match open {
                        Some(start) if at > start + 1 && !before.is_whitespace() => return true,
                        _ if before.is_whitespace() && !after.is_whitespace() && after != directive => open = Some(at),
                        _ => {}
                    }
                }
                before = c;
            }
            false
        })
    };
    text.lines().any(|line| line.starts_with('>') || line.starts_with("```") || span(line))
}

/// Bytes that the fragment of an `aesgcm:` link stands for.
pub fn fragment_length(link: &str) -> Option<usize> {
    let (_, fragment) = link.strip_prefix("aesgcm://")?.split_once('#')?;
    fragment.bytes().all(|b| b.is_ascii_hexdigit()).then_some(fragment.len() / 2)
}

/// A part of an encoded OTR message (`?OTR:` and base64; OTR version 3, "Overview of the packets"): its length, or both instance tags.
pub fn otr_part(text: &str, part: &str) -> Option<String> {
    let bytes = decode_base64(text.strip_prefix("?OTR:")?.trim_end_matches('.'))?;
    match part {
        "length" => Some(bytes.len().to_string()),
        "instance_tags" if bytes.starts_with(&[0, 3]) => Some(bytes.get(3..11)?.iter().map(|b| format!("{b:02x}")).collect()),
        _ => None,
    }
}

fn varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    fn encode(bytes: &[u8]) -> String {
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }

    #[test]
    fn login_messages_come_apart() {
        let plain = encode(b"\0ann\0pass,word");
        assert_eq!(sasl_part(&plain, "plain.authcid").as_deref(), Some("ann"));
        assert_eq!(sasl_part(&plain, "plain.password").as_deref(), Some("pass,word"));
        assert_eq!(sasl_part(&plain, "plain.authzid"), None);
        let scram = encode(b"p=tls-exporter,,n=an=2Cn,r=abc");
        assert_eq!(sasl_part(&scram, "scram.gs2_cbind_flag").as_deref(), Some("p"));
        assert_eq!(sasl_part(&scram, "scram.cb_name").as_deref(), Some("tls-exporter"));
        assert_eq!(sasl_part(&scram, "scram.n").as_deref(), Some("an,n"));
        let digest = encode(b"username=\"ann\",realm=\"a.example\",response=00");
        assert_eq!(sasl_part(&digest, "digest.username").as_deref(), Some("ann"));
        assert_eq!(sasl_part(&encode(b"ann@a.example"), "external.authzid").as_deref(), Some("ann@a.example"));
        assert_eq!(sasl_part("=", "external.authzid"), None, "`=` alone: the certificate says who");
        assert_eq!(sasl_part("!!", "plain.authcid"), None);
    }

    #[test]
    fn texts_come_apart() {
        assert_eq!(unescaped_localpart(r"d\27artagnan@a.example/x").as_deref(), Some("d'artagnan"));
        assert_eq!(unescaped_localpart("ann@a.example"), None);
        assert_eq!(extension("holiday.photo.jpeg"), Some("jpeg"));
        assert_eq!(extension(".profile"), None);
        for (text, styled) in
            [("*bold*", true), ("> said", true), ("2 * 3 * 4", false), ("a _b c_ d", true), ("plain", false), ("**", false)]
        {
            assert_eq!(is_styled(text), styled, "{text}");
        }
        assert_eq!(fragment_length("aesgcm://a.example/f#00112233"), Some(4));
        assert_eq!(fragment_length("https://a.example/f#00112233"), None);
        let otr = format!("?OTR:{}.", encode(&[0, 3, 3, 0, 0, 1, 0, 0, 0, 2, 0, 9]));
        assert_eq!(otr_part(&otr, "instance_tags").as_deref(), Some("0000010000000200"));
        assert_eq!(otr_part(&otr, "length").as_deref(), Some("12"));
    }

    #[test]
    fn protocol_buffers_come_apart() {
        let message = [0x08, 0x96, 0x01, 0x12, 0x02, 0x08, 0x05];
        let field = |bytes: &[u8], path: &[u32]| {
            let mut out = String::new();
            protobuf_field(bytes, path, &mut out).then_some(out)
        };
        assert_eq!(field(&message, &[1]).as_deref(), Some("150"));
        assert_eq!(field(&message, &[2, 1]).as_deref(), Some("5"));
        assert_eq!(field(&message, &[2]).as_deref(), Some("[2 bytes, sha256 9fb9d22302173979]"));
        assert_eq!(field(&message, &[9]), None);
        assert_eq!(field(&[0xff; 20], &[1]), None);
    }
}
