//! From TLS records to the one handshake message in them, which may be spread over any number of records.

use super::{Error, MAX_BYTES, MAX_RECORDS, wire::Cursor};

/// The body of the ClientHello, without its header; `None` if it is not all there yet.
pub(super) fn handshake_message(received: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let mut rest = Cursor(received);
    let mut fragments: Vec<&[u8]> = Vec::new();
    let mut available = 0;
    let mut wanted = None;
    loop {
        if let Some(&kind) = rest.0.first() {
            if fragments.is_empty() && kind & 0x80 != 0 && received.get(2).is_none_or(|&message| message == CLIENT_HELLO) {
                return if received.len() < 3 { Ok(None) } else { Err(Error::Ssl2) };
            }
            if kind != HANDSHAKE {
                return Err(Error::NotHandshake(kind));
            }
            if rest.0.get(1).is_some_and(|&major| major != 3) {
                return Err(Error::Malformed("record of no known version"));
            }
            if Cursor(rest.0.get(3..).unwrap_or_default()).u16().is_some_and(|length| length > MAX_FRAGMENT) {
                return Err(Error::Malformed("record longer than 16,384 bytes"));
            }
        }
        let Some(fragment) = rest.take(3).and_then(|_| rest.vec16()) else {
            return Ok(None);
        };
        if fragments.len() == MAX_RECORDS {
            return Err(Error::TooLong);
        }
        available += fragment.0.len();
        fragments.push(fragment.0);
        if wanted.is_none() {
            wanted = announced_length(&fragments)?;
        }
        if let Some(length) = wanted.filter(|length| available >= HEADER + length) {
            let mut message: Vec<u8> = fragments.concat();
            message.truncate(HEADER + length);
            return Ok(Some(message.split_off(HEADER)));
        }
    }
}

/// The length in the handshake header, once that is there.
fn announced_length(fragments: &[&[u8]]) -> Result<Option<usize>, Error> {
    let mut bytes = fragments.iter().copied().flatten().copied();
    let Some(kind) = bytes.next() else {
        return Ok(None);
    };
    if kind != CLIENT_HELLO {
        return Err(Error::OtherMessage(kind));
    }
    let (Some(high), Some(middle), Some(low)) = (bytes.next(), bytes.next(), bytes.next()) else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([0, high, middle, low]) as usize;
    if length > MAX_BYTES { Err(Error::TooLong) } else { Ok(Some(length)) }
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const HEADER: usize = 4;
const MAX_FRAGMENT: u16 = 1 << 14;
