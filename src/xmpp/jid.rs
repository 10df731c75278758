//! Addresses (RFC 7622), split leniently.
//!
//! Whatever a peer writes into `to` or `from` has to be logged, valid or not, so nothing here can fail: a string is cut at the first `/`
//! and the first `@` before it. Normalisation is ASCII and Unicode lower-casing of the local and domain part, enough to compare what real
//! servers emit; it is not stringprep.

use std::borrow::Cow;

/// The parts of an address as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jid<'a> {
    raw: &'a str,
    local_end: Option<usize>,
    bare_end: usize,
}

impl<'a> Jid<'a> {
    /// Cuts `raw` into its parts. Never fails.
    pub fn split(raw: &'a str) -> Jid<'a> {
        let bare_end = bare_end(raw);
        Jid { raw, local_end: find(&raw.as_bytes()[..bare_end], b'@'), bare_end }
    }

    /// The part before `@`, if there is one.
    pub fn localpart(self) -> Option<&'a str> {
        self.local_end.map(|end| &self.raw[..end])
    }

    /// The part between `@` and `/`.
    pub fn domainpart(self) -> &'a str {
        &self.raw[self.local_end.map_or(0, |end| end + 1)..self.bare_end]
    }

    /// The part after the first `/`, if there is one.
    pub fn resourcepart(self) -> Option<&'a str> {
        self.raw.get(self.bare_end + 1..).filter(|_| self.bare_end < self.raw.len())
    }

    /// Local and domain part as written.
    pub fn bare(self) -> &'a str {
        &self.raw[..self.bare_end]
    }
}

/// The bare address in lower case, for comparing. Borrowed when nothing changes.
pub fn normalised_bare(raw: &str) -> Cow<'_, str> {
    let bare = &raw[..bare_end(raw)];
    if is_small_ascii(bare.as_bytes()) || bare.chars().all(|c| !c.is_uppercase()) {
        Cow::Borrowed(bare)
    } else {
        Cow::Owned(bare.to_lowercase())
    }
}

/// Whether two addresses have the same bare address.
pub fn same_bare(a: &str, b: &str) -> bool {
    normalised_bare(a) == normalised_bare(b)
}

fn bare_end(raw: &str) -> usize {
    find(raw.as_bytes(), b'/').unwrap_or(raw.len())
}

// Addresses are short, and several of every stanza are looked at. What is made for long texts (`memchr`) spends more on its set-up than on the
// search; so eight bytes are taken at a time, as one number.

/// The same byte eight times.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Where a byte first stands.
fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    let Some(last) = bytes.last_chunk::<8>() else { return bytes.iter().position(|b| *b == byte) };
    let in_chunk = |chunk: &[u8; 8]| {
        let differs = u64::from_le_bytes(*chunk) ^ eight(byte);
        // Only at a byte that is zero does the subtraction set a highest bit that was not set; what it sets above the first does not matter.
        let zero = differs.wrapping_sub(eight(1)) & !differs & eight(0x80);
        (zero != 0).then(|| zero.trailing_zeros() as usize / 8)
    };
    let whole = bytes.as_chunks::<8>().0.iter().enumerate();
    // The last eight bytes overlap what came before, where it is not.
    whole.map(|(index, chunk)| (index * 8, chunk)).chain([(bytes.len() - 8, last)]).find_map(|(at, chunk)| Some(at + in_chunk(chunk)?))
}

/// Whether all is ASCII and nothing a capital letter.
fn is_small_ascii(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else { return bytes.iter().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) };
    let other = bytes.as_chunks::<8>().0.iter().chain([last]).fold(0, |other, chunk| {
        let chunk = u64::from_ne_bytes(*chunk);
        // ASCII leaves the highest bit of a byte free: one addition sets it from `A` on, the other behind `Z`.
        let low = chunk & eight(0x7f);
        other | chunk | (low + eight(0x80 - b'A')) & !(low + eight(0x7f - b'Z'))
    });
    other & eight(0x80) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, local: Option<&str>, domain: &str, resource: Option<&str>) {
        let jid = Jid::split(raw);
        assert_eq!((jid.localpart(), jid.domainpart(), jid.resourcepart()), (local, domain, resource), "{raw}");
    }

    #[test]
    fn any_string_has_parts() {
        check("a@b.example/c", Some("a"), "b.example", Some("c"));
        check("b.example", None, "b.example", None);
        check("b.example/x@y/z", None, "b.example", Some("x@y/z"));
        check("a@b.example/🦀", Some("a"), "b.example", Some("🦀"));
        check("a@b@c", Some("a"), "b@c", None);
        check("a@b/", Some("a"), "b", Some(""));
        check("", None, "", None);
        check("@@//", Some(""), "@", Some("/"));
    }

    #[test]
    fn comparing_ignores_case_and_resource() {
        assert!(same_bare("Ann@A.example/x", "ann@a.example"));
        assert!(!same_bare("ann@a.example", "ben@a.example"));
    }

    #[test]
    fn eight_bytes_at_a_time_say_what_single_ones_do() {
        // Every byte at every place of texts that end before, at and behind a block.
        for length in 1..=17 {
            for at in 0..length {
                for byte in 0..=255u8 {
                    let mut bytes = vec![b'.'; length];
                    bytes[at] = byte;
                    bytes[length - 1] = if at == length - 1 { byte } else { b'/' };
                    assert_eq!(find(&bytes, b'/'), bytes.iter().position(|b| *b == b'/'), "{bytes:?}");
                    assert_eq!(is_small_ascii(&bytes), bytes.iter().all(|b| b.is_ascii() && !b.is_ascii_uppercase()), "{bytes:?}");
                }
            }
        }
    }
}
