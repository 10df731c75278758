//! Does a file's name tell something? A name that a person gave, or a camera, does; a random one, or one that every file gets, does not.

use super::seen::class_of;

/// What a file name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileName<'a> {
    /// As the person, the camera or the program named it.
    Telling,
    /// Random, or the same for every file. The extension may still say what sort of file it is.
    Blank(Option<&'a str>),
}

/// Looks at a name as sent, or as far as redaction left it. In doubt a name is telling.
pub fn file_name(name: &str) -> FileName<'_> {
    let name = name.trim();
    if name.len() > 512 {
        return FileName::Telling;
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if (1..=5).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            (stem, Some(extension))
        }
        _ => (name, None),
    };
    let long_token = name.len() > 64 && class_of(name) == "base64";
    let hidden = name.starts_with('[') && class_of(name) == "base64" && name.ends_with(" bytes]");
    if !(long_token || hidden || is_constant(stem) || is_random(stem)) {
        return FileName::Telling;
    }
    let says_nothing = |extension: &&str| BLANK_EXTENSIONS.iter().any(|blank| blank.eq_ignore_ascii_case(extension));
    FileName::Blank(extension.filter(|extension| !says_nothing(extension)))
}

/// Extensions of any file, or of any encrypted one.
const BLANK_EXTENSIONS: [&str; 9] = ["aes", "bin", "blob", "dat", "data", "enc", "gpg", "pgp", "tmp"];

/// Names that clients give to every file.
const CONSTANTS: [&str; 25] = [
    "",
    "-",
    "_",
    "a",
    "attachment",
    "audio",
    "blob",
    "data",
    "document",
    "encrypted",
    "file",
    "filename",
    "image",
    "media",
    "message",
    "noname",
    "photo",
    "picture",
    "tmp",
    "unknown",
    "unnamed",
    "untitled",
    "upload",
    "video",
    "voice",
];

fn is_constant(stem: &str) -> bool {
    CONSTANTS.iter().any(|constant| constant.eq_ignore_ascii_case(stem))
}

fn is_random(stem: &str) -> bool {
    if stem.len() < 8 || !stem.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'=')) {
        return false;
    }
    is_uuid(stem) || is_hex(stem) || is_token(stem.trim_end_matches('='))
}

fn is_uuid(stem: &str) -> bool {
    stem.len() == 36
        && stem.bytes().enumerate().all(|(at, b)| if matches!(at, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() })
}

/// Digits alone are more likely a date, a time or a number from a camera, unless there are very many.
fn is_hex(stem: &str) -> bool {
    let digits = stem.bytes().filter(u8::is_ascii_digit).count();
    stem.bytes().all(|b| b.is_ascii_hexdigit()) && (digits > 0 && digits < stem.len() || stem.len() >= 20)
}

/// Base32, base36, base62, base64url: upper case, lower case and digits change often, and no run is as long as a word or a date.
fn is_token(stem: &str) -> bool {
    let bytes = stem.as_bytes();
    let class = |b: u8| match b {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        _ => 3,
    };
    let changes = bytes.windows(2).filter(|pair| class(pair[0]) != class(pair[1]) && class(pair[0]) != 3 && class(pair[1]) != 3).count();
    let share = changes as f64 / (bytes.len() - 1).max(1) as f64;
    let separated = bytes.iter().any(|&b| class(b) == 3);
    let mixed = bytes.iter().any(|&b| class(b) == 1) && bytes.iter().any(|&b| class(b) == 2);
    let needed = match (separated, mixed) {
        (true, _) if bytes.len() < 16 => return false,
        (_, true) => 0.42,
        (_, false) => 0.25,
    };
    let unspeakable = bytes.len() >= 10 && longest(bytes, |b| b.is_ascii_alphabetic() && !b"aeiouyAEIOUY".contains(&b)) >= 6;
    let no_word = longest(bytes, |b| b.is_ascii_lowercase()) <= 6 && longest(bytes, |b| b.is_ascii_uppercase()) <= 6;
    (share >= needed && no_word && longest(bytes, |b| b.is_ascii_digit()) <= 4) || (unspeakable && !separated)
}

/// Length of the longest run of bytes of a sort.
fn longest(bytes: &[u8], of: impl Fn(u8) -> bool) -> usize {
    bytes.split(|&b| !of(b)).map(<[u8]>::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_people_and_cameras_give_are_telling() {
        for name in [
            "lease 2031.pdf",
            "IMG_20310402_101500.jpg",
            "DSC00042.JPG",
            "DSC_0042.jpg",
            "P1010042.jpg",
            "Screenshot_2031-04-02.png",
            "grüße.txt",
            "holiday2019.jpg",
            "Mira-CV-v2.odt",
            "20310402.pdf",
            "1712000000123.m4a",
            "IMG-20310402-WA0001.jpg",
            "archive.tar.gz",
            "facade.jpg",
            "internationalization.md",
            "birthdayparty.mp4",
            "Scan-01b.pdf",
            "invoice",
            "VID_20310402.mp4",
            "MyHolidayPictures.zip",
        ] {
            assert_eq!(file_name(name), FileName::Telling, "{name}");
        }
    }

    #[test]
    fn random_and_constant_names_are_blank() {
        for (name, extension) in [
            ("0f8fad5b-d9cb-469f-a165-70867728950e.jpg", Some("jpg")),
            ("0f8fad5bd9cb469fa16570867728950e", None),
            ("9f86d081884c7d65", None),
            ("qZ7xK2mP.jpg", Some("jpg")),
            ("k3v7q2zxm5.bin", None),
            ("aB3dE5fGh1J-kL0mNoP_q.png", Some("png")),
            ("qxzkwvbnmtr.m4a", Some("m4a")),
            ("JBSWY3DPEHPK3PXP", None),
            ("file", None),
            ("image.jpg", Some("jpg")),
            ("upload.bin", None),
            ("[base64, 80 bytes]", None),
        ] {
            assert_eq!(file_name(name), FileName::Blank(extension), "{name}");
        }
    }
}
