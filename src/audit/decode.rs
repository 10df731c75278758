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
