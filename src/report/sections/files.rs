//! Files: what is announced before an upload, where they go, and links in clear.

use crate::report::doc::{Inline, Section, Table};
use crate::report::model::Model;
use crate::report::text::layout::grouped;

/// Files and links in a table.
const MAX_ROWS: usize = 60;

/// The section.
pub fn section(model: &Model) -> Section {
    let mut section = Section::new("files", "Files", "Files");
    if model.files.is_empty() {
        section.text("No file was announced or linked in clear.");
        return section;
    }
    let mut table = Table::new("Files the server was told of", &["Name", "Account", "#Bytes", "Type", "Records"]);
    let or_dash = |text: &Option<String>| text.clone().map_or("–".into(), |text| Inline::new().value(text));
    for file in model.files.uploads.iter().take(MAX_ROWS) {
        table.row(vec![
            or_dash(&file.name),
            Inline::new().value(file.account.clone()),
            file.size
                .as_deref()
                .map_or("–".into(), |size| size.parse().map_or_else(|_| Inline::new().value(size), |size| grouped(size).into())),
            or_dash(&file.media_type),
            Inline::new().places(&file.places),
        ]);
    }
    table.left_out(model.files.uploads.len().saturating_sub(MAX_ROWS), "files");
    section.table(table);
    let mut links =
        Table::new("Links in clear, without user information, query values and fragments", &["Link", "What it is", "#Times", "Records"]);
    for link in model.files.links.iter().take(MAX_ROWS) {
        let what = match link.field.as_str() {
            "upload.slot.put_url" => "where the client uploads to",
            "upload.slot.get_url" => "where others fetch it from",
            "aesgcm.url_in_clear" => "link to an encrypted file",
            _ => "link in a message",
        };
        links.row(vec![
            Inline::new().value(link.url.clone()),
            what.into(),
            grouped(link.places.count).into(),
            Inline::new().places(&link.places),
        ]);
    }
    links.left_out(model.files.links.len().saturating_sub(MAX_ROWS), "links");
    section.table(links);
    section
        .note("The file itself goes to the upload host round this proxy: whether it was encrypted, and who fetched it, was not observed.");
    section
}
