//! The disguises a canary is looked for in.

use crate::catalog::closed_enum;

closed_enum! {
    /// One step between the canary as it was declared and the bytes it was found in.
    Coding {
        /// Written with other capitals.
        Case = "other capitals",
        /// White space was taken out of what was seen.
        Space = "white space removed",
        /// Equivalent characters (Unicode NFC, NFD, NFKC).
        Normalised = "equivalent characters",
        /// Split over several elements.
        Joined = "split over elements",
        /// XML or HTML character references.
        Entity = "character references",
        /// `%XX`
        Percent = "percent encoding",
        /// `\uXXXX` and the other escapes of JSON.
        Escape = "backslash escapes",
        /// RFC 2045 §6.7.
        QuotedPrintable = "quoted-printable",
        /// Base64 or base64url.
        Base64 = "base64",
        /// RFC 4648 §6.
        Base32 = "base32",
        /// Hexadecimal.
        Hex = "hexadecimal",
        /// UTF-16, little endian.
        Utf16Le = "UTF-16LE",
        /// UTF-16, big endian.
        Utf16Be = "UTF-16BE",
        /// Written backwards.
        Reversed = "reversed",
        /// Letters moved by 13.
        Rot13 = "ROT13",
        /// RFC 1952.
        Gzip = "gzip",
        /// RFC 1950.
        Zlib = "zlib",
        /// RFC 1951.
        Deflate = "deflate",
        /// bzip2.
        Bzip2 = "bzip2",
        /// xz.
        Xz = "xz",
        /// RFC 7932.
        Brotli = "brotli",
        /// RFC 8878.
        Zstd = "zstd",
        /// The digest of a canary file.
        Digest = "digest of the file",
    }
}

impl Coding {
    /// Whether a person still reads the text: then it stands in clear (L1), otherwise it was decoded (L2).
    pub fn is_readable(self) -> bool {
        matches!(self, Coding::Case | Coding::Space | Coding::Normalised | Coding::Joined)
    }
}

/// Steps in words, the outermost first.
pub fn described(chain: &[Coding]) -> String {
    match chain {
        [] => "as written".to_owned(),
        chain => format!("as {}", chain.iter().map(|coding| coding.name()).collect::<Vec<_>>().join(" of ")),
    }
}
