//! Addresses (RFC 7622), split leniently.
//!
//! Whatever a peer writes into `to` or `from` has to be logged, valid or not, so nothing here can fail: a string is cut at the first `/`
//! and the first `@` before it. Normalisation is ASCII and Unicode lower-casing of the local and domain part, enough to compare what real
//! servers emit; it is not stringprep.

use std::borrow::Cow;

use crate::bytes;

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
        Jid { raw, local_end: bytes::find(b'@', &raw.as_bytes()[..bare_end]), bare_end }
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

    /// Whether local and domain part are written as [`normalised_bare`] would write them.
    pub fn is_normalised(self) -> bool {
        is_normalised(self.bare())
    }
}

/// The bare address in lower case, for comparing. Borrowed when nothing changes.
pub fn normalised_bare(raw: &str) -> Cow<'_, str> {
    let bare = &raw[..bare_end(raw)];
    if is_normalised(bare) { Cow::Borrowed(bare) } else { Cow::Owned(bare.to_lowercase()) }
}

/// Whether two addresses have the same bare address.
pub fn same_bare(a: &str, b: &str) -> bool {
    normalised_bare(a) == normalised_bare(b)
}

fn bare_end(raw: &str) -> usize {
    bytes::find(b'/', raw.as_bytes()).unwrap_or(raw.len())
}

fn is_normalised(bare: &str) -> bool {
    // Nearly all there is.
    let small_ascii = !bytes::any_of_few(bare.as_bytes(), |word| word.not_ascii() | word.capitals());
    small_ascii || bare.chars().all(|c| !c.is_uppercase())
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
}
