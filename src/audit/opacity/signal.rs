//! The messages inside `<key/>`: what a server can read of a ratchet message and of a key exchange (OPACITY 2.1 and 2.2).
//!
//! Both families are protocol buffers with few fields. What is not as their definition says is an error: room for anything else is room for
//! a hidden message.

/// A key blob, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob<'a> {
    /// The ratchet message.
    pub ratchet: Ratchet<'a>,
    /// The key exchange around it.
    pub exchange: Option<Exchange<'a>>,
}

/// The clear part of a ratchet message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratchet<'a> {
    /// The sender's ratchet key.
    pub dh_pub: &'a [u8; 32],
    /// Number of the message in its sending chain.
    pub n: u32,
    /// Length of the chain before.
    pub pn: u32,
    /// The inner ciphertext.
    pub ciphertext: &'a [u8],
}

/// The clear part of a key exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange<'a> {
    /// Id of the one-time key that was used.
    pub pk_id: Option<u32>,
    /// The sender's identity key, without type byte.
    pub ik: &'a [u8; 32],
    /// The ephemeral key, without type byte.
    pub ek: &'a [u8; 32],
}

/// Why a blob is not what its flag says.
pub type Wrong = &'static str;

/// Length of the MAC at the end of a legacy message.
const LEGACY_MAC: usize = 8;

/// Reads a key of the legacy namespace: a Signal version-3 message, or with `exchange` a pre-key message.
///
/// # Errors
/// What is wrong with it, in words.
pub fn legacy(blob: &[u8], exchange: bool) -> Result<Blob<'_>, Wrong> {
    if !exchange {
        return Ok(Blob { ratchet: legacy_message(blob)?, exchange: None });
    }
    let fields = Fields::read::<7>(versioned(blob)?)?;
    let outer = Exchange {
        pk_id: fields.number(1)?,
        ek: typed_key(fields.bytes(2).ok_or("no base key")?)?,
        ik: typed_key(fields.bytes(3).ok_or("no identity key")?)?,
    };
    fields.number(5)?;
    fields.number(6)?.ok_or("no signed prekey id")?;
    Ok(Blob { ratchet: legacy_message(fields.bytes(4).ok_or("no message inside")?)?, exchange: Some(outer) })
}

fn legacy_message(blob: &[u8]) -> Result<Ratchet<'_>, Wrong> {
    let body = versioned(blob)?;
    let fields = Fields::read::<5>(body.get(..body.len().saturating_sub(LEGACY_MAC)).ok_or("no room for a MAC")?)?;
    Ok(Ratchet {
        dh_pub: typed_key(fields.bytes(1).ok_or("no ratchet key")?)?,
        n: fields.number(2)?.ok_or("no counter")?,
        pn: fields.number(3)?.unwrap_or(0),
        ciphertext: ciphertext(fields.bytes(4))?,
    })
}

/// The version byte: message version 3, sent by version 3 of the library.
fn versioned(blob: &[u8]) -> Result<&[u8], Wrong> {
    match blob.split_first() {
        Some((0x33, rest)) => Ok(rest),
        _ => Err("not a Signal message of version 3"),
    }
}

/// Reads a key of OMEMO 1 or 2: an `OMEMOAuthenticatedMessage`, or with `exchange` an `OMEMOKeyExchange`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn omemo(blob: &[u8], exchange: bool) -> Result<Blob<'_>, Wrong> {
    if !exchange {
        return Ok(Blob { ratchet: omemo_message(blob)?, exchange: None });
    }
    let fields = Fields::read::<6>(blob)?;
    fields.number(2)?.ok_or("no signed prekey id")?;
    let outer = Exchange {
        pk_id: Some(fields.number(1)?.ok_or("no prekey id")?),
        ik: key(fields.bytes(3).ok_or("no identity key")?)?,
        ek: key(fields.bytes(4).ok_or("no ephemeral key")?)?,
    };
    Ok(Blob { ratchet: omemo_message(fields.bytes(5).ok_or("no message inside")?)?, exchange: Some(outer) })
}

fn omemo_message(blob: &[u8]) -> Result<Ratchet<'_>, Wrong> {
    let outer = Fields::read::<3>(blob)?;
    // XEP-0384 §4.3: the MAC is truncated to 16 bytes.
    if outer.bytes(1).is_none_or(|mac| mac.len() != 16) {
        return Err("no MAC of 16 bytes");
    }
    let fields = Fields::read::<5>(outer.bytes(2).ok_or("no message inside")?)?;
    Ok(Ratchet {
        n: fields.number(1)?.unwrap_or(0),
        pn: fields.number(2)?.unwrap_or(0),
        dh_pub: key(fields.bytes(3).ok_or("no ratchet key")?)?,
        ciphertext: ciphertext(fields.bytes(4))?,
    })
}

fn ciphertext(bytes: Option<&[u8]>) -> Result<&[u8], Wrong> {
    match bytes {
        Some(bytes) if !bytes.is_empty() && bytes.len().is_multiple_of(16) => Ok(bytes),
        Some(_) => Err("an inner ciphertext that is not whole blocks"),
        None => Err("no inner ciphertext"),
    }
}

/// A Curve25519 key behind its type byte.
pub fn typed_key(bytes: &[u8]) -> Result<&[u8; 32], Wrong> {
    match bytes.split_first() {
        Some((5, rest)) => key(rest),
        _ => Err("a key without its type byte"),
    }
}

/// A bare key.
pub fn key(bytes: &[u8]) -> Result<&[u8; 32], Wrong> {
    bytes.try_into().map_err(|_| "a key that is not of 32 bytes")
}

/// The fields of a protocol buffer, each at most once.
#[derive(Debug, Default)]
struct Fields<'a> {
    numbers: [u64; 7],
    bytes: [&'a [u8]; 7],
    /// Which of the numbers and which of the bytes are there: a bit for each.
    has_number: u8,
    has_bytes: u8,
}

impl<'a> Fields<'a> {
    /// Reads fields with numbers below `END`.
    #[inline(always)]
    fn read<const END: usize>(mut input: &'a [u8]) -> Result<Fields<'a>, Wrong> {
        const { assert!(END <= 7) };
        let mut fields = Fields::default();
        while !input.is_empty() {
            let tag = varint(&mut input)?;
            let number = usize::try_from(tag >> 3).unwrap_or(0);
            if !(1..END).contains(&number) {
                return Err("a field that does not belong there");
            }
            let before = (fields.has_number | fields.has_bytes) >> number & 1;
            match tag & 7 {
                0 => {
                    fields.numbers[number] = varint(&mut input)?;
                    fields.has_number |= 1 << number;
                }
                2 => {
                    let length = usize::try_from(varint(&mut input)?).map_err(|_| "not a protocol buffer")?;
                    let (bytes, rest) = input.split_at_checked(length).ok_or("cut off")?;
                    input = rest;
                    fields.bytes[number] = bytes;
                    fields.has_bytes |= 1 << number;
                }
                _ => return Err("not a protocol buffer of this kind"),
            }
            if before != 0 {
                return Err("a field twice");
            }
        }
        Ok(fields)
    }

    fn number(&self, number: usize) -> Result<Option<u32>, Wrong> {
        if self.has_bytes >> number & 1 != 0 {
            return Err("bytes where a number belongs");
        }
        if self.has_number >> number & 1 == 0 {
            return Ok(None);
        }
        u32::try_from(self.numbers[number]).map(Some).map_err(|_| "a number out of range")
    }

    fn bytes(&self, number: usize) -> Option<&'a [u8]> {
        (self.has_bytes >> number & 1 != 0).then_some(self.bytes[number])
    }
}

#[inline(always)]
fn varint(input: &mut &[u8]) -> Result<u64, Wrong> {
    // Most are a single byte.
    match input.split_first() {
        Some((&byte, rest)) if byte < 0x80 => {
            *input = rest;
            Ok(byte.into())
        }
        _ => long_varint(input),
    }
}

fn long_varint(input: &mut &[u8]) -> Result<u64, Wrong> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first().ok_or("cut off")?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a number without end")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(inner: usize) -> Vec<u8> {
        let mut blob = vec![0x33, 0x0a, 33, 5];
        blob.extend([7; 32]);
        blob.extend([0x10, 3, 0x18, 1, 0x22, inner as u8]);
        blob.extend(vec![9; inner]);
        blob.extend([0; 8]);
        blob
    }

    #[test]
    fn a_legacy_message_comes_apart() {
        let blob = message(48);
        assert_eq!(blob.len(), 98);
        let read = legacy(&blob, false).unwrap();
        assert_eq!((read.ratchet.n, read.ratchet.pn, read.ratchet.dh_pub, read.ratchet.ciphertext.len()), (3, 1, &[7; 32], 48));
        assert_eq!(read.exchange, None);
    }

    #[test]
    fn what_is_not_one_is_refused() {
        for (blob, wrong) in [
            (b"this is not a ratchet message at all".to_vec(), "not a Signal message of version 3"),
            (message(40), "an inner ciphertext that is not whole blocks"),
            (message(48)[..60].to_vec(), "cut off"),
            (vec![0x33], "no ratchet key"),
            (Vec::new(), "not a Signal message of version 3"),
        ] {
            assert_eq!(legacy(&blob, false), Err(wrong));
        }
        assert!(legacy(&message(48), true).is_err(), "flag and kind disagree");
        assert!(omemo(&message(48), false).is_err());
        let mut extra = message(48);
        extra.splice(38..38, [0x28, 1]);
        assert_eq!(legacy(&extra, false), Err("a field that does not belong there"));
    }
}
