//! Files: what was announced to the server before an upload, where the file went, and links in clear.

use super::facts::clip;
use super::place::Places;
use super::{At, Value};

/// Uploads and links that are kept.
const MAX_FILES: usize = 200;

/// A request for an upload slot, or another announcement of a file.
#[derive(Debug, Clone, Default)]
pub struct FileSeen {
    /// Account that sent or received it.
    pub account: String,
    /// File name.
    pub name: Option<String>,
    /// Size in bytes, as written.
    pub size: Option<String>,
    /// Media type.
    pub media_type: Option<String>,
    /// Records.
    pub places: Places,
}

/// A link in clear.
#[derive(Debug, Clone)]
pub struct LinkSeen {
    /// Field that it stood in.
    pub field: String,
    /// The link, as far as the log holds it.
    pub url: String,
    /// Records.
    pub places: Places,
}

/// Files and links.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// Announcements.
    pub uploads: Vec<FileSeen>,
    /// Links.
    pub links: Vec<LinkSeen>,
    /// Those beyond the limits.
    pub overflow: u64,
}

/// Rows that announce a name; the size and type beside it belong to it.
const NAMES: &[&str] = &["upload.request.filename", "sims.file.name", "sfs.file.name", "filemeta.name", "jft.file.name"];
/// Rows that are links to files.
const LINKS: &[&str] = &[
    "upload.slot.put_url",
    "upload.slot.get_url",
    "message.oob.url",
    "aesgcm.url_in_clear",
    "sims.source.uri",
    "sfs.source.url",
    "sfs.fallback_url",
];

impl Files {
    pub(super) fn stanza(&mut self, at: &At<'_>, values: &[Value<'_>]) {
        for value in values.iter().filter(|value| value.via().is_none()) {
            let id = value.row.id.as_str();
            if NAMES.contains(&id) {
                if self.uploads.len() >= MAX_FILES {
                    self.overflow += 1;
                    continue;
                }
                let beside = |ends: &[&str]| {
                    values
                        .iter()
                        .find(|other| ends.iter().any(|end| other.row.id.ends_with(end)) && !other.exposure.derived)
                        .map(|other| clip(other.text(), 128).to_owned())
                };
                let mut places = Places::default();
                places.add(at.place);
                self.uploads.push(FileSeen {
                    account: at.account.unwrap_or("").to_owned(),
                    name: Some(clip(value.text(), 256).to_owned()),
                    size: beside(&["request.size", "file.size", "filemeta.size"]),
                    media_type: beside(&["content_type", "media_type"]),
                    places,
                });
            } else if LINKS.contains(&id) {
                let url = clip(value.text(), 512);
                if let Some(link) = self.links.iter_mut().find(|link| link.url == url && link.field == id) {
                    link.places.add(at.place);
                } else if self.links.len() >= MAX_FILES {
                    self.overflow += 1;
                } else {
                    let mut places = Places::default();
                    places.add(at.place);
                    self.links.push(LinkSeen { field: id.to_owned(), url: url.to_owned(), places });
                }
            }
        }
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.uploads.is_empty() && self.links.is_empty()
    }
}
