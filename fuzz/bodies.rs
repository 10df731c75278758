//! What the fuzz targets and the property tests check, in one place: any bytes, in any cut, never panic; nothing is lost; how the bytes are
//! cut does not show in the records.

use std::sync::Arc;

use stanzascope::audit::{Auditor, Settings};
use stanzascope::catalog::Catalog;
use stanzascope::record::Body;
use stanzascope::xmpp::Direction;
use stanzascope::xmpp::element::{Document, Inherited};
use stanzascope::xmpp::framer::Framer;
use stanzascope::xmpp::limits::Limits;

/// Small limits, so that short inputs reach them.
const MAX_BYTES: usize = 256;

/// Cuts `data` at places that its first bytes say. The rest is the input.
pub fn chunks(data: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let Some((&count, rest)) = data.split_first() else { return (Vec::new(), data) };
    let count = usize::from(count % 8).min(rest.len());
    let (cuts, input) = rest.split_at(count);
    let mut at: Vec<usize> = cuts.iter().map(|&cut| usize::from(cut).min(input.len())).collect();
    at.extend([0, input.len()]);
    at.sort_unstable();
    (at.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect(), input)
}

/// Frames cover the input without holes, whatever the cuts.
pub fn framer(data: &[u8]) {
    let (chunks, input) = chunks(data);
    let mut framer = Framer::new(MAX_BYTES);
    let mut at = 0;
    for chunk in chunks {
        framer.feed(chunk);
        while let Some(frame) = framer.poll() {
            assert_eq!(frame.offset, at, "a hole between frames");
            assert!(framer.bytes(&frame).len() as u64 <= frame.len);
            at += frame.len;
        }
    }
    while let Some(frame) = framer.finish() {
        at += frame.len;
    }
    assert_eq!(at, input.len() as u64, "bytes were lost");
}

/// A parsed document can be walked to its end.
pub fn element(data: &[u8]) {
    let catalog = Catalog::builtin();
    let mut document = Document::new();
    let limits = Limits { max_depth: 8, max_elements: 64, max_attributes: 8, max_bindings: 8, ..Limits::default() };
    if document.parse(data, false, &Inherited::client(), &catalog.names, &limits).is_ok() {
        let mut stack = vec![document.root()];
        while let Some(element) = stack.pop() {
            let _ = (element.local(), element.uri(), element.own_text(), element.source_range());
            element.attr_indices().for_each(|index| _ = (document.attr_qname(index), document.attr_value(index)));
            stack.extend(element.children());
        }
    }
}

/// Records as JSON, without times: there are none.
fn records(chunks: &[&[u8]], direction: Direction) -> Vec<String> {
    let mut auditor = Auditor::new(Catalog::builtin(), Arc::new(Settings::default()), "s").assume_logged_in();
    let mut lines = Vec::new();
    let mut drain = |auditor: &mut Auditor| {
        while let Some(record) = auditor.poll() {
            if let Body::Stanza(stanza) = &record.body {
                assert!(stanza.gap.is_some() || stanza.exposures.iter().all(|e| e.field.is_some() || e.path.is_some()));
            }
            lines.push(record.to_json());
        }
    };
    for chunk in chunks {
        auditor.feed(direction, chunk, None);
        drain(&mut auditor);
    }
    auditor.finish(direction, None);
    drain(&mut auditor);
    lines
}

/// The audit reads any bytes, and how they were cut does not show.
pub fn auditor(data: &[u8]) {
    let (chunks, input) = chunks(data);
    let direction = if data.len().is_multiple_of(2) { Direction::ClientToServer } else { Direction::ServerToClient };
    let whole = records(&[input], direction);
    assert_eq!(records(&chunks, direction), whole, "the cuts show in the records");
    for line in whole {
        serde_json::from_str::<serde_json::Value>(&line).expect("every line is JSON");
    }
}

/// A ClientHello is read or refused, never guessed at.
#[cfg(feature = "proxy")]
pub fn client_hello(data: &[u8]) {
    if let Ok(Some(hello)) = stanzascope::proxy::client_hello::ClientHello::parse(data) {
        let _ = (hello.ja3(), hello.ja4());
        for (_, value) in hello.facts() {
            assert!(value.is_ascii(), "a fact that is not printable: {value:?}");
        }
    }
}

/// Secrets in their places: `{secret}` is where one stands, `{junk}` where anything may.
const SECRETS: &[&str] = &[
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN' a='{junk}'>{secret}</auth>",
    "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{secret}</response>",
    "<iq type='set' id='{junk}'><query xmlns='jabber:iq:register'><username>{junk}</username><password>{secret}</password></query></iq>",
    "<presence to='{junk}'><x xmlns='http://jabber.org/protocol/muc'><password>{secret}</password></x></presence>",
    "<message to='{junk}'><body>{secret} {junk}</body></message>",
    "<message id='{junk}'><body>aesgcm://up.example/{junk}#{secret}</body></message>",
    "<enabled xmlns='urn:xmpp:sm:3' id='{secret}' max='{junk}'/>",
    "<resume xmlns='urn:xmpp:sm:3' previd='{secret}' h='{junk}'/>",
];

/// A secret in its place is in no record, whatever stands around it.
pub fn redactor(data: &[u8]) {
    const SECRET: &str = "Zk93dXmQpLtWvB";
    let (which, junk) = data.split_first().map_or((0, data), |(first, rest)| (usize::from(*first), rest));
    let junk: String = String::from_utf8_lossy(junk).chars().filter(|c| !matches!(c, '<' | '&' | '\'')).collect();
    // A fuzzer learns the words that are looked for: what it puts elsewhere by itself is no secret.
    let junk = junk.replace(SECRET, "");
    let text = SECRETS[which % SECRETS.len()].replace("{secret}", SECRET).replace("{junk}", &junk);
    for direction in Direction::BOTH {
        for line in records(&[text.as_bytes()], direction) {
            assert!(!line.contains(SECRET), "a secret in {line}");
        }
    }
}

/// Any log is read or refused, and what becomes of it is a page without scripts.
pub fn report(data: &[u8]) {
    use stanzascope::catalog::rows::Rows;
    use stanzascope::report::model::quotes;
    use stanzascope::report::{Model, RunInfo, html, json, labs, markdown, sections};
    thread_local!(static ROWS: Rows = Rows::of(&Catalog::builtin()));
    ROWS.with(|rows| {
        let Ok(model) = Model::read(&mut &*data, rows, RunInfo::default()) else { return };
        let labs = labs::all(&model);
        let document = sections::document(&model, &labs);
        let quotes = quotes::fetch(&mut &*data, &model.sessions, model.by_input, &document.named()).expect("it was read before");
        let page = html::page(&document, &model.sessions, &quotes);
        assert!(!page.to_ascii_lowercase().contains("<script"), "a script in {page}");
        let _ = markdown::page(&document, &model.sessions, &quotes);
        serde_json::from_str::<serde_json::Value>(&json::page(&model, &labs)).expect("the report is JSON");
    });
}
