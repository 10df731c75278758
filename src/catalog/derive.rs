//! What rows leave unsaid: how long a value stays, who reads it, whether a user can avoid it. Derived from the specification, the path and the
//! category; a row says it only where it differs.

use super::path::Path;
use super::source::FieldRow;
use super::{Category, Layer, Pattern, Persistence};
use crate::record::{Observer, Observers};
use crate::xmpp::Direction;

/// How long a server keeps what a row describes, unless the row says it.
///
/// Stored: what a specification keeps for later (rosters, archives, profiles, bookmarks, uploads), pubsub items, and what archives keep of
/// messages. Everything else is there while the stanza passes.
pub fn persistence(spec: &str, row: &FieldRow) -> Persistence {
    let path = row.path.as_deref().unwrap_or("");
    let item = path.starts_with("{pep}") || ["pubsub:item", "pse:item", "pubsub:publish"].iter().any(|step| path.contains(step));
    let archived = path.starts_with("message") && matches!(row.category, Category::Content | Category::ContentDerived | Category::File);
    if STORED.contains(&spec) || row.id.starts_with("roster.") || item || archived { Persistence::Stored } else { Persistence::Transient }
}

/// The setting or feature that avoids what a row describes, unless the row says it; none when the protocol cannot work without.
pub fn avoid(spec: &str, row: &FieldRow) -> Option<String> {
    match row.avoid.as_deref() {
        Some("no") => None,
        Some(how) => Some(how.to_owned()),
        None => AVOIDABLE.iter().find(|(specs, _)| specs.contains(&spec)).map(|(_, how)| (*how).to_owned()),
    }
}

/// Who typically reads what a row describes. A record says who read its stanza; this is for lists that have no stanza.
pub fn observers(spec: &str, row: &FieldRow, paths: &[Path]) -> Observers {
    let own = Observers::default().with(Observer::OwnServer);
    let path = row.path.as_deref().unwrap_or("");
    if paths.is_empty() {
        return own.with(Observer::Network);
    }
    if spec == "XEP-0363" || spec == "XEP-0447" {
        return own.with(Observer::UploadHost);
    }
    if spec == "XEP-0357" {
        return own.with(Observer::PushService);
    }
    if row.layer == Layer::Transport || row.direction == Some(Direction::ServerToClient) {
        return own;
    }
    if row.pattern == Pattern::Group {
        return own.with(Observer::Room);
    }
    if path.starts_with("{pep}") || path.contains("pubsub:publish") {
        let open = row.layer == Layer::E2ee;
        return own.with(if open { Observer::Anyone } else { Observer::Contacts });
    }
    if path.starts_with("message") {
        return own.with(Observer::PeerServer).with(Observer::Contacts);
    }
    if path.starts_with("presence") {
        return own.with(Observer::Contacts);
    }
    own
}

/// Specifications whose data a server keeps.
const STORED: &[&str] = &[
    "XEP-0013", "XEP-0016", "XEP-0048", "XEP-0049", "XEP-0054", "XEP-0077", "XEP-0083", "XEP-0084", "XEP-0089", "XEP-0136", "XEP-0145",
    "XEP-0154", "XEP-0173", "XEP-0191", "XEP-0209", "XEP-0214", "XEP-0223", "XEP-0237", "XEP-0257", "XEP-0277", "XEP-0292", "XEP-0313",
    "XEP-0330", "XEP-0357", "XEP-0363", "XEP-0369", "XEP-0376", "XEP-0389", "XEP-0402", "XEP-0405", "XEP-0407", "XEP-0430", "XEP-0435",
    "XEP-0441", "XEP-0465", "XEP-0470", "XEP-0471", "XEP-0472", "XEP-0486", "XEP-0490", "XEP-0492", "XEP-0503", "XEP-0510",
];

/// What a user or client can leave out, and how.
const AVOIDABLE: &[(&[&str], &str)] = &[
    (&["XEP-0085"], "switch typing notifications off"),
    (&["XEP-0022", "XEP-0184"], "switch delivery receipts off"),
    (&["XEP-0333", "XEP-0490"], "switch read markers off"),
    (&["XEP-0301"], "switch live typing off"),
    (&["XEP-0012", "XEP-0256", "XEP-0319", "XEP-0312"], "do not send idle times"),
    (&["XEP-0090", "XEP-0092", "XEP-0202"], "do not answer version and time queries"),
    (&["XEP-0107", "XEP-0108", "XEP-0112", "XEP-0118", "XEP-0152", "XEP-0194", "XEP-0195", "XEP-0196", "XEP-0197"], "do not publish it"),
    (&["XEP-0080", "XEP-0255", "XEP-0350"], "do not share the place"),
    (&["XEP-0054", "XEP-0084", "XEP-0153", "XEP-0154", "XEP-0172", "XEP-0292", "XEP-0398", "XEP-0486"], "leave the profile empty"),
    (&["XEP-0352"], "do not tell the server when the screen is off"),
    (&["XEP-0357"], "switch push notifications off"),
    (&["XEP-0048", "XEP-0223", "XEP-0402", "XEP-0145", "XEP-0209"], "keep it on the device"),
    (&["XEP-0136", "XEP-0313", "XEP-0441"], "switch the archive off"),
    (&["XEP-0277", "XEP-0472", "XEP-0470", "XEP-0471"], "do not publish posts"),
    (&["XEP-0224", "XEP-0444", "XEP-0449"], "do not send it"),
    (&["XEP-0511"], "switch link previews off"),
    (&["XEP-0176", "XEP-0177", "XEP-0371", "XEP-0260", "XEP-0065"], "use a relay only"),
    (&["XEP-0167", "XEP-0353", "XEP-0482"], "make no calls"),
    (&["XEP-0096", "XEP-0234", "XEP-0363", "XEP-0385", "XEP-0446", "XEP-0447"], "send no files"),
    (&["XEP-0382", "XEP-0394", "XEP-0393", "XEP-0071"], "send plain text"),
    (&["XEP-0308", "XEP-0424"], "do not correct or take back messages"),
    (&["XEP-0377", "XEP-0287", "XEP-0161"], "do not report messages"),
    (&["XEP-0055", "XEP-0433"], "do not use the directory"),
];
