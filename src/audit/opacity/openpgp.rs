//! OpenPGP packets (RFC 9580): is a message encrypted, and for whom? Nothing but tags, lengths and key ids is read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Recipients that are named in a record.
const MAX_NAMED: usize = 8;

/// What a sequence of packets is.
#[derive(Debug, PartialEq, Eq)]
pub enum Packets {
    /// Encrypted session keys and encrypted data.
    Encrypted {
        /// Recipients' keys as far as they are named, in hexadecimal.
        recipients: Vec<String>,
        /// Recipients that are not named.
        hidden: usize,
        /// Whether a password opens it too.
        password: bool,
    },
    /// Readable by anybody; the kind of its first packet.
    Readable(&'static str),
    /// Neither.
    Unreadable(&'static str),
}

/// Takes text with or without what is left of an armour: header lines before, a checksum after.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let kept = text.lines().map(str::trim).filter(|line| !line.starts_with('=') && !line.starts_with("-----") && !line.contains(": "));
    let base64: String = kept.flat_map(|line| line.chars().filter(|c| !c.is_whitespace())).collect();
    STANDARD.decode(base64).ok().filter(|bytes| !bytes.is_empty())
}

/// Reads packets.
pub fn read(mut input: &[u8]) -> Packets {
    let (mut recipients, mut hidden, mut password, mut first) = (Vec::new(), 0, false, true);
    while let Some(packet) = Packet::next(&mut input) {
        match packet.tag {
            1 => match recipient(packet.body) {
                Some(id) if id.bytes().any(|digit| digit != b'0') => {
                    if recipients.len() < MAX_NAMED && !recipients.contains(&id) {
                        recipients.push(id);
                    }
                }
                _ => hidden += 1,
            },
            3 => password = true,
            // Padding and markers say nothing.
            10 | 21 => {}
            18 | 20 if !first => return Packets::Encrypted { recipients, hidden, password },
            9 if !first => return Packets::Unreadable("encrypted data without integrity protection"),
            4 | 2 if first => return Packets::Readable("signed"),
            8 if first => return Packets::Readable("compressed"),
            11 if first => return Packets::Readable("literal"),
            _ => return Packets::Unreadable("packets in an order that is no message"),
        }
        first &= matches!(packet.tag, 10 | 21);
    }
    Packets::Unreadable("no OpenPGP message")
}

/// The key a session key is for: a key id (version 3) or a fingerprint (version 6).
fn recipient(body: &[u8]) -> Option<String> {
    let id = match body {
        [3, rest @ ..] => rest.get(..8)?,
        [6, length, _version, rest @ ..] => rest.get(..usize::from(*length).checked_sub(1)?)?,
        _ => return None,
    };
    Some(id.iter().map(|b| format!("{b:02X}")).collect())
}

struct Packet<'a> {
    tag: u8,
    body: &'a [u8],
}

impl<'a> Packet<'a> {
    /// The next packet. Of data of unknown length only what there is.
    fn next(input: &mut &'a [u8]) -> Option<Packet<'a>> {
        let (&header, mut rest) = input.split_first()?;
        if header & 0x80 == 0 {
            return None;
        }
        let mut take = |bytes: usize| {
            let (taken, left) = rest.split_at_checked(bytes)?;
            rest = left;
            Some(taken.iter().fold(0usize, |number, &b| (number << 8) | usize::from(b)))
        };
        let (tag, length) = if header & 0x40 != 0 {
            let length = match take(1)? {
                short @ 0..=191 => Some(short),
                medium @ 192..=223 => Some(((medium - 192) << 8) + take(1)? + 192),
                255 => Some(take(4)?),
                // Partial lengths are for data, which ends the message.
                _ => None,
            };
            (header & 0x3f, length)
        } else {
            let length = match header & 3 {
                0 => Some(take(1)?),
                1 => Some(take(2)?),
                2 => Some(take(4)?),
                _ => None,
            };
            ((header >> 2) & 0xf, length)
        };
        let length = length.unwrap_or(rest.len());
        let (body, left) = rest.split_at_checked(length)?;
        *input = left;
        Some(Packet { tag, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
        [&[0xc0 | tag, body.len() as u8], body].concat()
    }

    #[test]
    fn packets_in_order_are_a_message() {
        let session_key = packet(1, &[3, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 1, 0]);
        let anonymous = packet(1, &[3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        let data = packet(18, &[1, 2, 3]);
        let message = [session_key.clone(), anonymous, data.clone()].concat();
        assert_eq!(read(&message), Packets::Encrypted { recipients: vec!["0011223344556677".into()], hidden: 1, password: false });
        assert_eq!(read(&packet(4, &[3])), Packets::Readable("signed"));
        assert_eq!(read(&packet(11, b"b\0\0\0\0\0text")), Packets::Readable("literal"));
        assert!(matches!(read(&data), Packets::Unreadable(_)), "no key for it");
        assert!(matches!(read(&[session_key, packet(9, &[1])].concat()), Packets::Unreadable(_)));
        assert!(matches!(read(b"hello"), Packets::Unreadable(_)));
        assert!(matches!(read(&[]), Packets::Unreadable(_)));
        // Old format: tag 1, two bytes of length.
        let old = [&[0x85, 0, 11][..], &[3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0], &data].concat();
        assert!(matches!(read(&old), Packets::Encrypted { .. }));
    }

    #[test]
    fn remains_of_an_armour_are_left_out() {
        assert_eq!(decode("Version: GnuPG v2\n\nQUJD\nREVG\n=AbCd\n").as_deref(), Some(&b"ABCDEF"[..]));
        assert_eq!(decode("QUJD"), Some(b"ABC".to_vec()));
        assert_eq!(decode("not base64!"), None);
    }
}
