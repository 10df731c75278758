//! A record as a line of the log (`docs/records.md`).
//!
//! Written by hand: deriving it would mean to flatten an enum into a map, which serde does by way of a copy of everything.

use std::sync::LazyLock;

use super::json::{inner, is_plain, members, number, string};
use super::{Body, BodyVerdict, Detail, Exposure, Exposures, FrameName, Moment, Observers, Record, SCHEMA_VERSION, Stanza, Typed, Via};
use crate::xmpp::Direction;

impl Record {
    /// Appends the record as one line of JSON, newline included.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"v\":");
        number(out, u64::from(SCHEMA_VERSION));
        text(out, ",\"session\":", &self.session);
        out.extend_from_slice(b",\"seq\":");
        number(out, self.seq);
        if let Some(at) = self.at {
            write_time(out, at);
        }
        write_body(out, &self.body);
        out.extend_from_slice(b"}\n");
    }

    /// The record as one line of JSON, without newline.
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        self.write_line(&mut out);
        out.pop();
        String::from_utf8(out).expect("JSON is UTF-8")
    }
}

/// Appends `before`, which is JSON, and a string.
fn text(out: &mut Vec<u8>, before: &'static str, value: &str) {
    out.extend_from_slice(before.as_bytes());
    string(out, value);
}

/// Appends `before`, which is JSON, and a word of a closed list, which needs no escaping.
fn word(out: &mut Vec<u8>, before: &'static str, word: &'static str) {
    out.extend_from_slice(before.as_bytes());
    out.push(b'"');
    out.extend_from_slice(word.as_bytes());
    out.push(b'"');
}

/// Appends strings as an array.
fn texts<'a>(out: &mut Vec<u8>, before: &'static str, values: impl Iterator<Item = &'a str>) {
    out.extend_from_slice(before.as_bytes());
    array(out, values, string);
}

fn array<T>(out: &mut Vec<u8>, values: impl Iterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (i, value) in values.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(out, value);
    }
    out.push(b']');
}

fn write_time(out: &mut Vec<u8>, at: Moment) {
    out.extend_from_slice(b",\"ts\":\"");
    at.timestamp().write(out);
    out.extend_from_slice(b"\",\"mono\":");
    number(out, at.mono_micros / 1_000_000);
    let micros = at.mono_micros % 1_000_000;
    let fraction = [100_000, 10_000, 1_000, 100, 10, 1].map(|unit| b'0' + (micros / unit % 10) as u8);
    let significant = fraction.iter().rposition(|digit| *digit != b'0').map_or(1, |last| last + 1);
    out.push(b'.');
    out.extend_from_slice(&fraction[..significant]);
}

fn write_body(out: &mut Vec<u8>, body: &Body) {
    word(out, ",\"type\":", body.type_name());
    match body {
        Body::Stanza(stanza) => write_stanza(out, stanza),
        Body::Keepalive { direction, bytes } => {
            write_direction(out, Some(*direction));
            out.extend_from_slice(b",\"bytes\":");
            number(out, *bytes);
        }
        Body::Transport { direction, exposures } => {
            write_direction(out, *direction);
            write_exposures(out, exposures);
        }
        Body::Session(event) => members(out, event),
        Body::Gap(gap) => members(out, gap),
        Body::Intervention(intervention) => members(out, intervention),
        Body::Finding(finding) => members(out, &**finding),
        Body::Mark { label } => text(out, ",\"label\":", label),
        Body::Assessment(assessment) => members(out, assessment),
    }
}

fn write_direction(out: &mut Vec<u8>, direction: Option<Direction>) {
    if let Some(direction) = direction {
        word(out, ",\"direction\":", direction.name());
    }
}

fn write_stanza(out: &mut Vec<u8>, stanza: &Stanza) {
    if let Some(input) = stanza.input {
        out.extend_from_slice(b",\"input\":");
        number(out, input);
    }
    write_direction(out, stanza.direction);
    word(out, ",\"phase\":", stanza.phase.name());
    word(out, ",\"kind\":", stanza.kind.name());
    if matches!(stanza.kind, FrameName::Nonza | FrameName::Unknown) && !stanza.name.is_empty() {
        text(out, ",\"name\":", &stanza.name);
    }
    if !stanza.namespace.is_empty() {
        text(out, ",\"namespace\":", &stanza.namespace);
    }
    if !stanza.stanza_type.is_empty() {
        text(out, ",\"stanza_type\":", &stanza.stanza_type);
    }
    out.extend_from_slice(b",\"bytes\":");
    number(out, stanza.bytes);
    if !stanza.payloads.is_empty() {
        texts(out, ",\"payloads\":", stanza.payloads.iter().map(String::as_str));
    }
    if let Some(answers) = stanza.answers {
        out.extend_from_slice(b",\"answers\":");
        number(out, answers);
    }
    out.extend_from_slice(b",\"observers\":");
    out.extend_from_slice(OBSERVERS[usize::from(stanza.observers.bits())].as_bytes());
    write_exposures(out, &stanza.exposures);
    if let Some(verdict) = &stanza.verdict {
        write_verdict(out, verdict);
    }
    if let Some(conversation) = &stanza.conversation {
        text(out, ",\"conversation\":", conversation);
    }
    if !stanza.irregular.is_empty() {
        texts(out, ",\"irregular\":", stanza.irregular.iter().map(|irregular| irregular.name()));
    }
    if let Some(gap) = &stanza.gap {
        out.extend_from_slice(b",\"gap\":");
        serde_json::to_writer(&mut *out, gap).expect("a gap writes to memory");
    }
    if let Some(evidence) = &stanza.evidence {
        text(out, ",\"evidence\":", evidence);
    }
}

/// Each set of observers as it is written.
static OBSERVERS: LazyLock<[Box<str>; 256]> = LazyLock::new(|| {
    std::array::from_fn(|bits| {
        let mut out = Vec::new();
        array(&mut out, Observers::of_bits(bits as u8).iter().map(|observer| observer.name()), string);
        String::from_utf8(out).expect("JSON is UTF-8").into()
    })
});

fn write_verdict(out: &mut Vec<u8>, verdict: &BodyVerdict) {
    word(out, ",\"verdict\":{\"body\":", verdict.body.name());
    if let Some(level) = verdict.level {
        word(out, ",\"level\":", level);
    }
    texts(out, ",\"rules\":", verdict.rules.iter().copied());
    if !verdict.noted.is_empty() {
        texts(out, ",\"noted\":", verdict.noted.iter().copied());
    }
    if !verdict.because.is_empty() {
        text(out, ",\"because\":", &verdict.because);
    }
    if !verdict.details.is_empty() {
        out.extend_from_slice(b",\"details\":");
        array(out, verdict.details.iter(), write_detail);
    }
    out.push(b'}');
}

fn write_detail(out: &mut Vec<u8>, detail: &Detail) {
    word(out, "{\"rule\":", detail.rule);
    text(out, ",\"path\":", &detail.path);
    for (before, value) in [(",\"offset\":", detail.offset), (",\"length\":", detail.length)] {
        if let Some(value) = value {
            out.extend_from_slice(before.as_bytes());
            number(out, value);
        }
    }
    text(out, ",\"detail\":", &detail.detail);
    text(out, ",\"source\":", detail.source);
    out.push(b'}');
}

/// How an exposure of a field begins, up to its value. The catalog keeps it ready, and sees to it that names are plain words.
pub(crate) fn exposure_head(field: &str) -> Box<str> {
    format!("{{\"field\":\"{field}\",\"value\":\"").into()
}

/// How an exposure that no row claims begins.
const UNCLASSIFIED_HEAD: &str = "{\"field\":\"unclassified\",\"value\":\"";

fn write_exposures(out: &mut Vec<u8>, exposures: &Exposures) {
    out.extend_from_slice(b",\"exposures\":");
    // One look at all texts together is cheaper than one at each, and hardly ever is there anything to escape.
    if is_plain(exposures.texts()) {
        write_each(out, exposures, |out, text| out.extend_from_slice(text.as_bytes()));
    } else {
        write_each(out, exposures, inner);
    }
}

#[inline(always)]
fn write_each(out: &mut Vec<u8>, exposures: &Exposures, inner: impl Fn(&mut Vec<u8>, &str) + Copy) {
    // Exposures come element by element: the first of each says which one it is.
    let mut last = 0;
    array(out, exposures.iter(), |out, exposure| {
        write_exposure(out, exposures, exposure, inner);
        if exposure.element != last {
            last = exposure.element;
            out.extend_from_slice(b",\"element\":");
            number(out, u64::from(last));
        }
        out.push(b'}');
    });
}

#[inline(always)]
fn write_exposure(out: &mut Vec<u8>, all: &Exposures, exposure: &Exposure, inner: impl Fn(&mut Vec<u8>, &str)) {
    let head = exposure.field.map_or(UNCLASSIFIED_HEAD, |id| &all.catalog().field(id).json_head);
    let text = |out: &mut Vec<u8>, before: &'static str, text: &str| {
        out.extend_from_slice(before.as_bytes());
        inner(out, text);
        out.push(b'"');
    };
    out.extend_from_slice(head.as_bytes());
    inner(out, all.text(exposure.value));
    out.push(b'"');
    if let Some(path) = exposure.path {
        text(out, ",\"path\":\"", all.text(path));
    }
    if exposure.via != Via::Direct {
        word(out, ",\"via\":", exposure.via.name());
    }
    if exposure.derived {
        out.extend_from_slice(b",\"derived\":true");
    }
    match exposure.typed {
        Typed::Plain => {}
        Typed::Jid { bare, resource } => {
            text(out, ",\"typed\":{\"bare\":\"", all.text(bare));
            if let Some(resource) = resource {
                text(out, ",\"resource\":\"", all.text(resource));
            }
            out.push(b'}');
        }
        Typed::Time(time) => {
            text(out, ",\"typed\":{\"time\":\"", all.text(time));
            out.push(b'}');
        }
        Typed::Ip(class) => {
            word(out, ",\"typed\":{\"ip\":", class);
            out.push(b'}');
        }
        Typed::Hidden { class, bytes } => {
            word(out, ",\"typed\":{\"class\":", class);
            out.extend_from_slice(b",\"bytes\":");
            number(out, u64::from(bytes));
            out.push(b'}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Gap, SessionEvent};
    use super::*;
    use crate::catalog::Catalog;

    #[track_caller]
    fn check(body: Body, mono_micros: u64, expected: &str) {
        let at = Some(Moment { unix_micros: 1_795_347_620_000_001, mono_micros });
        let json = Record { session: "s\"1".into(), seq: 7, at, body }.to_json();
        assert_eq!(json, format!(r#"{{"v":1,"session":"s\"1","seq":7,"ts":"2026-11-22T11:40:20.000001Z",{expected}}}"#));
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
    }

    #[test]
    fn each_body_has_its_line() {
        check(Body::Mark { label: "a\tb".into() }, 0, r#""mono":0.0,"type":"mark","label":"a\tb""#);
        check(
            Body::Keepalive { direction: Direction::ClientToServer, bytes: 1 },
            40,
            r#""mono":0.00004,"type":"keepalive","direction":"client_to_server","bytes":1"#,
        );
        let gap = Gap { reason: "limit".into(), detail: "d".into(), bytes: 3 };
        check(Body::Gap(gap), 12_500_000, r#""mono":12.5,"type":"gap","reason":"limit","detail":"d","bytes":3"#);
        let event = SessionEvent { event: "open".into(), ..SessionEvent::default() };
        check(Body::Session(event), 1, r#""mono":0.000001,"type":"session","event":"open""#);
        let exposures = Exposures::of_facts(&Catalog::builtin(), &[("no.such.field", "1\n")]);
        let expected = r#""mono":2.0,"type":"transport","exposures":[{"field":"unclassified","value":"1\n"}]"#;
        check(Body::Transport { direction: None, exposures }, 2_000_000, expected);
    }

    #[test]
    fn a_scan_without_times_has_none() {
        let body = Body::Mark { label: "x".into() };
        let json = Record { session: "s".into(), seq: 0, at: None, body }.to_json();
        assert_eq!(json, r#"{"v":1,"session":"s","seq":0,"type":"mark","label":"x"}"#);
    }
}
