//! F-10: what other parsers make of the same bytes. Where one of them refuses what we read in silence, or reads something else, a reader of
//! the log would be deceived ("stanza smuggling").

use std::io::Write as _;
use std::process::{Command, Stdio};

use rxml::Parse as _;
use stanzascope::catalog::Catalog;
use stanzascope::xmpp::element::{Document, Inherited, NodeKind};
use stanzascope::xmpp::limits::Limits;

use crate::inputs::cases;

/// Constructs on which parsers are known to differ, besides the inputs of the other rows. Pieces that stand in an element `a`.
const PIECES: &[&str] = &[
    "<b/>",
    "<b></b\n>",
    "<b c='1' />",
    "<b\tc='1'\n/>",
    "<b c = '1'/>",
    "<b c='1'd='2'/>",
    "<b c/>",
    "<b c=1/>",
    "<b ='1'/>",
    "<b '1'/>",
    "< b/>",
    "<b/ >",
    "<b></ b>",
    "<1/>",
    "<-b/>",
    "<.b/>",
    "<b 1='1'/>",
    "<\u{d7}/>",
    "<b\u{d7}/>",
    "<b\u{a0}c='1'/>",
    "<:b/>",
    "<b:/>",
    "<b :c='1'/>",
    "<b c:='1'/>",
    "<p:q:b xmlns:p='u'/>",
    "<b xmlns:1='u'/>",
    "<b xmlns=''/>",
    "<b xmlns:p=''/>",
    "<xml:b/>",
    "<xmlns:b/>",
    "<b xml:lang='en'/>",
    "<b xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
    "<b xmlns='http://www.w3.org/XML/1998/namespace'/>",
    "<b xmlns:p='http://www.w3.org/2000/xmlns/'/>",
    "<b c='<'/>",
    "<b c='>'/>",
    "<b c=\"'\"/>",
    "<b c='&lt;'/>",
    "<b c='&'/>",
    "]]>",
    "]]",
    ">",
    "&amp;",
    "&amp",
    "&",
    "& ",
    "&;",
    "&#65;",
    "&#x41;",
    "&#x;",
    "&#;",
    "&#+65;",
    "&#65a;",
    "&#0;",
    "&#xFFFE;",
    "&#xD800;",
    "\u{7f}\u{85}",
    "\u{feff}",
    "\u{fffe}",
    "\u{1}",
    "<![CDATA[<b>]]>",
    "<![CDATA[]]]]>",
    "<![cdata[x]]>",
    "<!-- c -->",
    "<!-- -- -->",
    "<!--->",
    "<?p?>",
    "<?xml version='1.0'?>",
    "<!DOCTYPE b>",
    "<!ELEMENT b ANY>",
    "<B></b>",
    "<b><c></b></c>",
    "\u{1f980}",
    "x<b/>y",
];

fn corpus() -> Vec<String> {
    let pieces = PIECES.iter().map(|piece| format!("<a xmlns='jabber:client'>{piece}</a>"));
    // Single elements of the other rows, of a size that each parser takes.
    let others = cases().into_iter().filter(|case| case.bytes.len() < 10_000).filter_map(|case| String::from_utf8(case.bytes).ok());
    pieces.chain(others.filter(|text| text.starts_with("<message") && text.matches("<message").count() == 1)).collect()
}

/// What we read: a line per element and text, or nothing where the log says that something is wrong.
fn ours(text: &str) -> Option<String> {
    let mut document = Document::new();
    let names = &Catalog::builtin().names;
    document.parse(text.as_bytes(), false, &Inherited::client(), names, &Limits::default()).ok()?;
    if !document.irregular().is_empty() {
        return None;
    }
    let mut out = String::new();
    for id in (0..document.len() as u32).map(stanzascope::xmpp::element::NodeId) {
        match document.node(id).kind {
            NodeKind::Text => out += &format!("text {:?}\n", document.text_node(id)),
            NodeKind::Element => {
                let element = document.element(id);
                out += &format!("{{{}}}{}\n", element.uri(), element.local());
            }
        }
    }
    Some(out)
}

/// What rxml reads, which takes restricted XML only.
fn rxml_reads(text: &str) -> Option<String> {
    let document = format!("<s xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>{text}</s>");
    let (mut parser, mut bytes, mut out, mut depth) = (rxml::Parser::new(), document.as_bytes(), String::new(), 0);
    let mut pending = String::new();
    while let Some(event) = parser.parse(&mut bytes, true).ok()? {
        if !matches!(event, rxml::Event::Text(..)) && !pending.is_empty() {
            out += &format!("text {:?}\n", std::mem::take(&mut pending));
        }
        match event {
            rxml::Event::StartElement(_, (namespace, name), _) => {
                if depth > 0 {
                    out += &format!("{{{}}}{}\n", namespace.as_str(), name.as_str());
                }
                depth += 1;
            }
            rxml::Event::Text(_, text) => pending += &text,
            rxml::Event::EndElement(_) => depth -= 1,
            _ => {}
        }
    }
    Some(out)
}

/// F-10: over 80 documents on which parsers differ, read by us and by rxml → where rxml refuses, the log has a gap or names the construct; where it does not, both read the same
#[test]
fn rxml_never_refuses_what_we_read_in_silence() {
    let corpus = corpus();
    assert!(corpus.len() > 80, "{}", corpus.len());
    let mut silent = 0;
    for text in &corpus {
        if let Some(read) = ours(text) {
            silent += 1;
            assert_eq!(rxml_reads(text).as_deref(), Some(read.as_str()), "{text:?}");
        }
    }
    assert!((20..corpus.len() - 20).contains(&silent), "{silent} of {} in silence", corpus.len());
}

/// F-10: the same documents, read by expat and libxml2 in Python → the same
#[test]
#[ignore = "needs python3-lxml"]
fn expat_and_libxml2_never_refuse_what_we_read_in_silence() {
    let silent: Vec<(String, String)> = corpus().into_iter().filter_map(|text| ours(&text).map(|read| (text, read))).collect();
    let script = r#"
import json, sys, xml.parsers.expat as expat
from lxml import etree
def by_expat(text):
    out, parser = [], expat.ParserCreate("utf-8", "\x01")
    parser.buffer_text = True
    def start(name, attributes):
        namespace, _, local = name.rpartition("\x01")
        out.append(["element", namespace, local])
    parser.StartElementHandler = start
    parser.CharacterDataHandler = lambda text: out.append(["text", text])
    parser.Parse(text.encode(), True)
    return out
def by_libxml2(text):
    out = []
    def walk(element):
        name = etree.QName(element)
        out.append(["element", name.namespace or "", name.localname])
        if element.text: out.append(["text", element.text])
        for child in element:
            walk(child)
            if child.tail: out.append(["text", child.tail])
    walk(etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False)))
    return out
for text in json.load(sys.stdin):
    try:
        print(json.dumps([by_expat(text), by_libxml2(text)]))
    except Exception as error:
        print(json.dumps(str(error)))
"#;
    let mut python = Command::new("/usr/bin/python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // What a stanza inherits from its stream, written out for parsers of documents.
    let documents: Vec<String> = silent
        .iter()
        .map(|(text, _)| text.replacen("<message", "<message xmlns='jabber:client'", usize::from(!text.contains("xmlns='jabber:client'"))))
        .collect();
    python.stdin.take().unwrap().write_all(serde_json::to_string(&documents).unwrap().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "Debian's python3-lxml is installed");
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), silent.len());
    for (answer, (text, read)) in answers.lines().zip(&silent) {
        let readers: Vec<Vec<Vec<String>>> = serde_json::from_str(answer).unwrap_or_else(|_| panic!("{text:?}: {answer}"));
        for reader in readers {
            let shown: String = reader
                .iter()
                .map(|node| if node[0] == "text" { format!("text {:?}\n", node[1]) } else { format!("{{{}}}{}\n", node[1], node[2]) })
                .collect();
            assert_eq!(&shown, read, "{text:?}");
        }
    }
}
