//! What a frame is read as: names and references resolved, what XMPP forbids reported, limits kept, and the same as quick-xml reads.

use super::super::ns;
use super::*;

fn names() -> Names {
    let mut names = Names::new();
    let client = names.intern_ns(ns::CLIENT);
    names.intern(client, "message");
    names.intern(client, "body");
    names
}

/// Renders a document as nested brackets, so that expectations stay short.
fn render(document: &Document, id: NodeId) -> String {
    if document.node(id).kind == NodeKind::Text {
        return format!("{:?}", document.text_node(id));
    }
    let element = document.element(id);
    let attrs: String = element.attr_indices().map(|i| format!(" {}={}", document.attr_qname(i), document.attr_value(i))).collect();
    let children: Vec<String> = element.child_nodes().map(|child| render(document, child)).collect();
    format!("{{{}}}{}{attrs}[{}]", element.uri(), element.local(), children.join(" "))
}

#[track_caller]
fn check(xml: &str, expected: &str, irregular: &[&str]) {
    let mut document = Document::new();
    let result = document.parse(xml.as_bytes(), false, &Inherited::client(), &names(), &Limits::default());
    let shown = match result {
        Ok(()) => render(&document, NodeId(0)),
        Err(error) => format!("error: {error}"),
    };
    assert_eq!(shown.replace("{jabber:client}", ""), expected);
    assert_eq!(document.irregular().iter().map(Irregular::name).collect::<Vec<_>>(), irregular);
}

#[test]
fn names_are_resolved_and_references_joined() {
    check("<message a='1&amp;2'><body>x &lt;<![CDATA[<y>]]>&#x41;</body></message>", "message a=1&2[body[\"x <<y>A\"]]", &[]);
    check("<q:a xmlns:q='u' q:b='c'><d xmlns='v'/></q:a>", "{u}a q:b=c[{v}d[]]", &[]);
    check("<a>1<b/>2</a>", "a[\"1\" b[] \"2\"]", &[]);
}

#[test]
fn names_are_asked_for_as_a_whole() {
    let mut document = Document::new();
    let xml = b"<subscription-a xml:lang='en' affiliation='1' affiliatioN='2' id='3'/>";
    document.parse(xml, false, &Inherited::client(), &names(), &Limits::default()).unwrap();
    let root = document.root();
    let wanted = ["affiliation", "affiliatioN", "affiliatio-", "id", "i", "xml:lang", "lang"];
    assert_eq!(wanted.map(|name| root.attr(name)), [Some("1"), Some("2"), None, Some("3"), None, Some("en"), None]);
    assert_eq!(root.attr_index("id"), Some(3));
    assert_eq!(document.attr_key(3), NameKey::of("id"));
    assert!(root.has_local("subscription-a") && !root.has_local("subscription-b") && !root.has_local("subscription"));
}

#[test]
fn forbidden_constructs_are_reported() {
    check("<a><!-- c --><?p i?></a>", "a[]", &["comment", "processing_instruction"]);
    check("<a>&nope;&#0;</a>", "a[\"\u{fffd}\u{fffd}\"]", &["undefined_entity", "bad_character_reference"]);
    check("<p:a/>", "{}a[]", &["unbound_prefix"]);
    check("<a b='1' b='2'/>", "a b=1 b=2[]", &["duplicate_attribute"]);
    check("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", "a p:b=1 q:b=2[]", &["duplicate_attribute"]);
    check("<a>\u{1}</a>", "a[\"\\u{1}\"]", &["control_character"]);
    check("<a>\u{fffe}</a>", "a[\"\\u{fffe}\"]", &["control_character"]);
    check("<a>x & y &amp</a>", "a[\"x & y &amp\"]", &["undefined_entity"]);
    check("<a>&#+65;</a>", "a[\"\u{fffd}\"]", &["bad_character_reference"]);
    check("<1a .b='1' :c='2'/>", "1a .b=1 :c=2[]", &["bad_name"]);
    check("<a b='<'/>", "a b=<[]", &["less_than_in_attribute"]);
    check("<a b='<&amp;'/>", "a b=<&[]", &["less_than_in_attribute"]);
    check("<a>]]></a>", "a[\"]]>\"]", &["cdata_end_in_text"]);
    check("<a><![CDATA[]]]]></a>", "a[\"]]\"]", &[]);
    check("<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>", "a[]", &["bad_binding"]);
    check("<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>", "a[]", &[]);
}

#[test]
fn attributes_written_in_unusual_ways_are_read_as_quick_xml_reads_them() {
    check("<a b = '1'\n c\t=\"2\" d='3'/>", "a b=1 c=2 d=3[]", &[]);
    check("<a b='1'c='2' xmlns:p='u' p:d='3'/>", "a b=1 c=2 p:d=3[]", &["missing_space"]);
    check("<a b='1' xmlns='u' c = '2'/>", "{u}a b=1 c=2[]", &[]);
    check("<a ='1'/>", "error: not well formed: position 6: attribute key must be directly followed by `=` or space", &[]);
    check("<a b/>", "error: not well formed: position 3: attribute key must be directly followed by `=` or space", &[]);
    check("<a b=1/>", "error: not well formed: position 4: attribute value must be enclosed in `\"` or `'`", &[]);
}

#[test]
fn broken_markup_is_an_error() {
    check("<a><b></a>", "error: not well formed: ill-formed document: expected `</b>`, but `</a>` was found", &[]);
    check("<a></a><b/>", "error: not well formed: more than one element", &[]);
    check("<a:b:c xmlns:a='u'/>", "error: not well formed: element name \"a:b:c\"", &[]);
}

#[test]
fn limits_are_errors() {
    check(&format!("{}{}", "<a>".repeat(200), "</a>".repeat(200)), "error: more than 128 levels of nesting", &[]);
    let attrs: String = (0..600).map(|i| format!(" a{i}='1'")).collect();
    check(&format!("<a{attrs}/>"), "error: more than 512 attributes on one element", &[]);
    let bindings: String = (0..200).map(|i| format!(" xmlns:a{i}='u'")).collect();
    check(&format!("<a{bindings}/>"), "error: more than 128 namespace bindings", &[]);
}

#[test]
fn a_header_is_its_start_tag() {
    let mut document = Document::new();
    let header = b"<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client' to='a.example'>";
    document.parse(header, true, &Inherited::default(), &names(), &Limits::default()).unwrap();
    assert_eq!(document.root().attr("to"), Some("a.example"));
    let inherited = Inherited::from_header(&document);
    document.parse(b"<message/>", false, &inherited, &names(), &Limits::default()).unwrap();
    assert_eq!(document.root().uri(), ns::CLIENT);
}

proptest::proptest! {
    #[test]
    fn plain_markup_is_what_quick_xml_reads(inner in "(<a>|</a>|<a b='1'>|</a >|<b/>|<b c=\"'&lt;\" />|<p:b xmlns:p='u' p:c='2' c=''>|</p:b>|<b c = '1'/>|<b c='1'd='2'/>|x y|\u{e9}|&amp;|&#x41;|&|;|\n|>|=|<!\\[CDATA\\[<\\]\\]>|<!-- -->){0,12}") {
        let read = |plain: bool| {
            let mut document = Document::new();
            document.take_in(format!("<a>{inner}</a>").as_bytes(), true, &Inherited::client(), &names()).unwrap();
            let Document { source, tree } = &mut document;
            let (names, limits) = (names(), Limits { max_elements: 8, ..Limits::default() });
            let read = if plain { tree.read_plain(source, &names, &limits) } else { tree.read(source, false, &names, &limits).ok() };
            read.map(|()| format!("{} {:?}", render(&document, NodeId(0)), document.tree))
        };
        if let Some(plain) = read(true) {
            proptest::prop_assert_eq!(Some(plain), read(false));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = Document::new().parse(&bytes, false, &Inherited::client(), &names(), &Limits::default());
    }

    #[test]
    fn no_markup_panics(text in "[<>/&;#x'\"=a-c: \\-!\\[\\]?\u{e9}]{0,80}") {
        let _ = Document::new().parse(text.as_bytes(), false, &Inherited::client(), &names(), &Limits::default());
    }
}
