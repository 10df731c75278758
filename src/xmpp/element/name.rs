//! What a name is made of (XML 1.0 §2.3, Namespaces in XML 1.0 §4).

/// Whether this is a name with at most one prefix, nothing missing on either side of the colon.
pub(super) fn is_qualified(name: &str) -> bool {
    match name.split_once(':') {
        Some((prefix, local)) => is_plain(prefix) && is_plain(local),
        None => is_plain(name),
    }
}

/// Whether this is a name without colon.
fn is_plain(name: &str) -> bool {
    let bytes = name.as_bytes();
    let Some(first) = bytes.first() else { return false };
    if name.is_ascii() {
        let starts = first.is_ascii_alphabetic() || *first == b'_';
        return starts && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    }
    name.chars().next().is_some_and(starts) && name.chars().all(|c| starts(c) || continues(c))
}

fn starts(c: char) -> bool {
    matches!(c,
        'A'..='Z' | 'a'..='z' | '_'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}'
        | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}'
        | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

fn continues(c: char) -> bool {
    matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "_", "a1", "stream:stream", "a-b.c", "\u{e9}t\u{e9}", "a\u{b7}", "\u{10000}"] {
            assert!(is_qualified(good), "{good:?}");
        }
        for bad in
            ["", ":", ":a", "a:", "a:b:c", "1a", "-a", ".a", "a:1", "\u{d7}", "a\u{d7}", "a\u{a0}", "a\u{fffe}", "\u{b7}a", "a+b", "a\"b"]
        {
            assert!(!is_qualified(bad), "{bad:?}");
        }
    }
}
