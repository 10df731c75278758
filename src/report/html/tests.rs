//! The page as a reader, a screen reader and an attacker meet it.

use super::*;
use crate::catalog::Catalog;
use crate::catalog::rows::Rows;
use crate::report::model::quotes;
use crate::report::run::Said;
use crate::report::terminal::is_unsafe;
use crate::report::{Model, RunInfo, json, labs, markdown, sections};

const CATALOG: &str = include_str!("../../../tests/records/catalog.json");
const ORDINARY: &str = include_str!("../../../tests/records/ordinary.jsonl");
const LEAKY: &str = include_str!("../../../tests/records/leaky.jsonl");
const HOSTILE: &str = include_str!("../../../tests/records/hostile.jsonl");
const HOSTILE_TEXTS: &str = include_str!("../../../tests/records/hostile_texts.txt");

struct Pages {
    html: String,
    markdown: String,
    json: String,
}

fn pages(records: &str, rows: &Rows, run: RunInfo) -> Pages {
    let model = Model::read(&mut records.as_bytes(), rows, run).unwrap();
    let labs = labs::all(&model);
    let document = sections::document(&model, &labs);
    let quotes = quotes::fetch(&mut records.as_bytes(), &model.sessions, model.by_input, &document.named()).unwrap();
    Pages {
        html: page(&document, &model.sessions, &quotes),
        markdown: markdown::page(&document, &model.sessions, &quotes),
        json: json::page(&model, &labs),
    }
}

fn small() -> Rows {
    Rows::from_json(CATALOG).unwrap()
}

fn run() -> RunInfo {
    RunInfo {
        label: "Reed 1.4".into(),
        accounts: vec!["wren@moss.example".into()],
        domains: vec!["moss.example".into()],
        ..RunInfo::default()
    }
}

/// Tags of a page: name, attributes as text, and where it stands. A `<` that is no tag would show up as a strange name.
fn tags(html: &str) -> Vec<(String, String)> {
    let body = html.split("</style>").nth(1).unwrap();
    body.split('<')
        .skip(1)
        .map(|piece| piece.split('>').next().unwrap())
        .map(|tag| {
            let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
            (name.trim_end_matches('/').to_owned(), attributes.to_owned())
        })
        .collect()
}

/// Every tag that our templates and pictures have. Anything else came from a value.
const TAGS: &[&str] = &[
    "a",
    "article",
    "bdi",
    "body",
    "caption",
    "circle",
    "dd",
    "desc",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "head",
    "header",
    "html",
    "li",
    "line",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "rect",
    "section",
    "span",
    "strong",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "ul",
];

fn assert_harmless(html: &str) {
    for (name, attributes) in tags(html) {
        let plain = name.trim_start_matches('/');
        assert!(TAGS.contains(&plain), "<{name} {attributes}> is no tag of ours");
        let lower = attributes.to_lowercase();
        let bare: String = lower.split('"').step_by(2).collect();
        assert!(!bare.split_whitespace().any(|word| word.starts_with("on")), "<{name} {attributes}>");
        for attribute in ["href=\"", "src=\""] {
            for value in lower.split(attribute).skip(1) {
                assert!(value.starts_with('#'), "<{name} {attributes}>");
            }
        }
    }
    assert!(!html.chars().any(|c| is_unsafe(c) && c != '\n'), "a control character got through");
}

/// A page without its head, as XML: our pages are well formed, so that an XML parser finds what is out of order.
fn well_formed(html: &str) {
    let from = html.find("<main>").unwrap();
    let to = html.find("</main>").unwrap() + "</main>".len();
    let mut open: Vec<String> = Vec::new();
    for piece in html[from..to].split('<').skip(1) {
        let tag = piece.split('>').next().unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "near <{tag}>");
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap().to_owned());
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
}

#[test]
fn an_ordinary_run() {
    let pages = pages(ORDINARY, &small(), run());
    assert_harmless(&pages.html);
    well_formed(&pages.html);
    insta::assert_snapshot!("ordinary.md", pages.markdown);
    insta::assert_snapshot!("ordinary.json", pages.json);
}

#[test]
fn a_run_with_a_leak() {
    let pages = pages(LEAKY, &small(), run());
    assert_harmless(&pages.html);
    assert!(pages.html.contains("class=\"card "), "no finding is shown");
    assert!(pages.html.contains("Part of the traffic was not seen"), "{}", pages.html);
}

#[test]
fn the_page_is_whole_and_accessible() {
    let html = pages(ORDINARY, &Rows::of(&Catalog::builtin()), run()).html;
    assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"));
    assert!(html.contains("<title>What the server learned: Reed 1.4</title>"));
    assert!(html.contains("Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:"));
    assert!(html.contains("name=\"viewport\""));
    for foreign in ["<script", "<link rel=\"stylesheet", "@import", "url(", "http-equiv=\"refresh"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    // Headings in order, none skipped.
    let levels: Vec<u8> = tags(&html)
        .iter()
        .filter_map(|(name, _)| match name.as_bytes() {
            [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
            _ => None,
        })
        .collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    assert_eq!(levels[0], 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    // Every table has a caption and heads, every picture a title and a description.
    assert!(html.matches("<table").count() > 5);
    assert_eq!(html.matches("<table").count(), html.matches("<caption>").count());
    assert_eq!(html.matches("<table").count(), html.matches("<thead").count());
    let pictures = html.matches("<svg").count();
    assert!(pictures >= 3, "{pictures}");
    assert_eq!(pictures, html.matches("role='img' aria-labelledby='").count());
    assert_eq!(pictures, html.matches("<desc").count());
    assert_eq!(pictures, html.matches("<figcaption>").count());
    // Every link within the page leads somewhere, and ids are unique.
    let values = |attribute: &str, quote: char| -> Vec<String> {
        html.split(attribute).skip(1).map(|piece| piece.split(quote).next().unwrap().to_owned()).collect()
    };
    let mut ids = values(" id=\"", '"');
    ids.extend(values(" id='", '\''));
    for target in values("href=\"#", '"') {
        assert!(ids.contains(&target), "#{target} leads nowhere");
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id stands twice");
}

#[test]
fn every_statement_leads_to_its_record() {
    let html = pages(ORDINARY, &Rows::of(&Catalog::builtin()), run()).html;
    let record = html.split("<article class=\"record\"").find(|piece| piece.contains("<h3>s1:8</h3>")).unwrap();
    let id = record.split("id=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(html.contains(&format!("href=\"#{id}\"")));
    assert!(record.contains("presence, client to server"));
}

#[test]
fn nothing_seen_is_said() {
    let html = pages("", &small(), RunInfo::default()).html;
    assert!(html.contains("Nothing was seen, so there is no verdict."));
    assert!(!html.contains("complete, as far as is known"), "an empty run is not complete");
    well_formed(&html);
}

/// Texts that attack pages, terminals and spreadsheets, in every place that a peer can fill.
/// F-60: 78 texts that attack pages, in every place that a peer can fill → no element, attribute or link of theirs in the page
#[test]
fn hostile_texts_stay_texts() {
    assert!(HOSTILE_TEXTS.lines().count() >= 200);
    let mut records = HOSTILE.to_owned();
    for (n, text) in HOSTILE_TEXTS.lines().enumerate() {
        // The file writes characters that an editor would not keep as \u{…}.
        let text = unescaped(text);
        let json = |text: &str| serde_json::to_string(text).unwrap();
        let full = format!("x{n}@d{n}.example/{text}");
        let room = format!("{text}@rooms.example/{text}");
        let exposures = format!(
            r#"{{"field":"message.from","value":{full},"typed":{{"bare":{bare},"resource":{text}}}}},{{"field":"roster.item.jid","value":{bare},"element":2}},{{"field":"roster.item.name","value":{text}}},{{"field":"roster.item.group","value":{text},"element":3}},{{"field":"muc.occupant.address","value":{room},"typed":{{"bare":{roombare},"resource":{text}}},"element":0}},{{"field":"muc.occupant.real_jid","value":{full},"element":4}},{{"field":"muc.status_code","value":{text}}},{{"field":"presence.status","value":{text}}},{{"field":"upload.request.filename","value":{text}}},{{"field":"upload.request.content_type","value":{text}}},{{"field":"upload.slot.get_url","value":{text}}},{{"field":"caps.node","value":{text}}},{{"field":"version.name","value":{text}}},{{"field":"omemo.axolotl.message.sid","value":{text}}},{{"field":"omemo.axolotl.devicelist.device_id","value":{text},"element":8}},{{"field":"unclassified","value":{text},"path":{text}}}"#,
            full = json(&full),
            bare = json(&format!("{text}@d{n}.example")),
            text = json(&text),
            room = json(&room),
            roombare = json(&format!("{text}@rooms.example")),
        );
        for direction in ["server_to_client", "client_to_server"] {
            records.push_str(&format!(
                "{{\"v\":1,\"session\":{session},\"seq\":{n},\"ts\":\"2026-03-02T10:00:00.000000Z\",\"type\":\"stanza\",\"direction\":\"{direction}\",\"kind\":{text},\
                 \"observers\":[\"own_server\",{text}],\"exposures\":[{exposures}],\"conversation\":{text},\"evidence\":{text},\
                 \"verdict\":{{\"body\":{text},\"rules\":[{text}],\"because\":{text}}}}}\n",
                session = json(&text),
                text = json(&text),
            ));
        }
        records.push_str(&format!(
            "{{\"v\":1,\"session\":{text},\"seq\":9{n},\"type\":\"finding\",\"rule\":{text},\"severity\":\"high\",\"confidence\":{text},\"avoidability\":{text},\"favour\":\"against\",\
             \"about\":{text},\"fact\":{text},\"advice\":{text},\"source\":{text},\"evidence\":[{n}]}}\n\
             {{\"v\":1,\"session\":\"run\",\"seq\":{n},\"type\":\"mark\",\"label\":{text}}}\n\
             {{\"v\":1,\"session\":{text},\"seq\":8{n},\"type\":\"intervention\",\"action\":{text},\"detail\":{text}}}\n",
            text = json(&text),
        ));
    }
    let all: String = HOSTILE_TEXTS.lines().map(unescaped).collect::<Vec<_>>().join(" ");
    let said = Said(
        [("threat_model", "x"), ("backups", "x"), ("<b onclick=x>", "x")]
            .iter()
            .map(|(key, _)| ((*key).to_owned(), all.clone().into()))
            .collect(),
    );
    let hostile = RunInfo {
        label: all.clone(),
        profile: said.clone(),
        plan: said,
        accounts: vec![all.clone()],
        domains: vec![all],
        ..RunInfo::default()
    };
    let pages = pages(&records, &Rows::of(&Catalog::builtin()), hostile);
    assert_harmless(&pages.html);
    well_formed(&pages.html);
    assert!(pages.html.contains("&lt;script&gt;") || pages.html.contains("&#60;script&#62;"), "the texts are not shown at all");
    assert!(!pages.markdown.chars().any(|c| is_unsafe(c) && c != '\n'));
    for line in pages.markdown.lines().filter(|line| !line.starts_with("    ")) {
        let meaning = line.replace("\\\\", "").replace("\\]", "").replace("\\[", "");
        assert!(!meaning.contains('<') && !meaning.contains("]("), "{line}");
    }
    assert!(!pages.json.contains('<') && !pages.json.contains(['\u{2028}', '\u{2029}']));
    assert!(serde_json::from_str::<serde_json::Value>(&pages.json).is_ok());
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\u{") {
        let (code, more) = after.split_once('}').unwrap();
        out.push_str(before);
        out.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
        rest = more;
    }
    out.push_str(rest);
    out
}
