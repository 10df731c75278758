//! What file a base64 text holds, also where redaction left only its description.

use std::borrow::Cow;

use crate::audit::file;

/// The format of the file that begins in a text, with [`file::EXIF`] or [`file::POSITION`] after it if a picture has that in it.
pub(super) fn file_format(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    if let Some(described) = text.strip_prefix("[base64 ").and_then(|rest| rest.strip_suffix(" bytes]")) {
        return described.rsplit_once(", ").map(|(format, _)| format.into());
    }
    file::begins_in(text)
        .map(|file| if file.metadata.is_empty() { file.format.into() } else { format!("{}{}", file.format, file.metadata).into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_survives_redaction() {
        for (text, format) in [
            ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwC", Some("PNG")),
            ("[base64 PNG, 44 bytes]", Some("PNG")),
            ("[base64 JPEG (EXIF) with Exif, 244 bytes]", Some("JPEG (EXIF) with Exif")),
            ("[base64, 44 bytes]", None),
            ("3Rk9c1Q0aV0=", None),
        ] {
            assert_eq!(file_format(text).as_deref(), format, "{text}");
        }
    }
}
