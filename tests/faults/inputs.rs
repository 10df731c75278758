//! The inputs of F-01 to F-19, made in code, and what the log says of each. Seeds of the fuzz targets too.

/// One input and what the log says of it: frames by name, each with its irregular constructs or its gap.
pub struct Case {
    pub row: &'static str,
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub log: &'static str,
}

fn case(row: &'static str, name: &'static str, bytes: impl AsRef<[u8]>, log: &'static str) -> Case {
    Case { row, name, bytes: bytes.as_ref().to_vec(), log }
}

/// All inputs, by row. A size stands in the name.
#[rustfmt::skip]
pub fn cases() -> Vec<Case> {
    let laughs: String = {
        let mut dtd = "<!DOCTYPE a [<!ENTITY a0 'ha'>".to_owned();
        (1..10).for_each(|n| dtd += &format!("<!ENTITY a{n} '{}'>", format!("&a{};", n - 1).repeat(10)));
        dtd + "]>"
    };
    let nested = |depth: usize| format!("<message>{}{}</message>", "<a>".repeat(depth - 1), "</a>".repeat(depth - 1));
    let attributes = |n: usize| format!("<message{}/>", (0..n).map(|i| format!(" a{i}=''")).collect::<String>());
    let bindings = |n: usize| format!("<message{}/>", (0..n).map(|i| format!(" xmlns:n{i}='u'")).collect::<String>());
    let children = |n: usize| format!("<message>{}</message>", "<a/>".repeat(n - 1));
    vec![
        case("F-01", "comment in a stanza", "<message><!-- c --></message>", "message comment"),
        case("F-01", "processing instruction in a stanza", "<message><?p i?></message>", "message processing_instruction"),
        case("F-01", "CDATA, which is allowed", "<message><body><![CDATA[<x>]]></body></message>", "message"),
        case("F-01", "second XML declaration between stanzas", "<?xml version='1.0'?><message/>", "declaration, message"),
        case("F-01", "XML declaration in a stanza", "<message><?xml version='1.0'?></message>", "message late_declaration"),
        case("F-01", "byte order mark between stanzas", "\u{feff}<message/>", "gap malformed, message"),
        case("F-01", "white space, comment and text between stanzas", " \n<!-- c -->text<message/>", "keepalive, gap malformed, gap malformed, message"),
        case("F-02", "DOCTYPE with an external entity, and its use", "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><message><body>&x;</body></message>", "gap malformed, message undefined_entity"),
        case("F-02", "DOCTYPE in a stanza", "<message><!DOCTYPE a SYSTEM 'http://127.0.0.1:1/x'></message>", "message doctype"),
        case("F-03", "ten entities of ten each (billion laughs)", format!("{laughs}<message><body>&a9;</body></message>"), "gap malformed, message undefined_entity"),
        case("F-04", "undefined entity", "<message><body>&nope;</body></message>", "message undefined_entity"),
        case("F-04", "references to no character: 0, D800, 110000, FFFE, and with a sign", "<message><body>&#0;&#xD800;&#x110000;&#xFFFE;&#+65;</body></message>", "message bad_character_reference"),
        case("F-04", "ampersand that begins nothing", "<message><body>you & me</body></message>", "message undefined_entity"),
        case("F-05", "bytes that are not UTF-8, in text", b"<message><body>\xff\xfe</body></message>", "message invalid_utf8"),
        case("F-05", "overlong NUL in an attribute", b"<message id='\xc0\x80'/>", "message invalid_utf8"),
        case("F-05", "encoded surrogate in text", b"<message><body>\xed\xa0\x80</body></message>", "message invalid_utf8"),
        case("F-05", "truncated sequence in an element name", b"<message><a\xe2\x82/></message>", "message invalid_utf8"),
        case("F-06", "NUL and vertical tab in text", "<message><body>a\0b\u{b}c</body></message>", "message control_character"),
        case("F-06", "U+FFFE in text", "<message><body>\u{fffe}</body></message>", "message control_character"),
        case("F-07", "prefix that is not bound", "<message><p:a/></message>", "message unbound_prefix"),
        case("F-07", "prefix bound to nothing", "<message><a xmlns:p=''/></message>", "message bad_binding"),
        case("F-07", "xml bound to another namespace", "<message xmlns:xml='u'/>", "message bad_binding"),
        case("F-07", "xmlns bound", "<message xmlns:xmlns='u'/>", "message bad_binding"),
        case("F-07", "another prefix for the namespace of xml", "<message xmlns:p='http://www.w3.org/XML/1998/namespace'/>", "message bad_binding"),
        case("F-07", "one attribute twice, by two prefixes of one namespace", "<message xmlns:p='u' xmlns:q='u' p:a='1' q:a='2'/>", "message duplicate_attribute"),
        case("F-08", "end tag of another element", "<message><a></b></message>", "gap malformed"),
        case("F-08", "end tag with an attribute", "<message></message a='1'>", "gap malformed"),
        case("F-08", "name that begins with a digit", "<message><1x/></message>", "message bad_name"),
        case("F-08", "two colons in a name", "<message><a:b:c xmlns:a='u'/></message>", "gap malformed"),
        case("F-08", "]]> in text", "<message><body>]]></body></message>", "message cdata_end_in_text"),
        case("F-08", "< in an attribute", "<message id='<'/>", "message less_than_in_attribute"),
        case("F-08", "no space between attributes", "<message id='1'type='chat'/>", "message missing_space"),
        case("F-08", "attribute without quotes", "<message id=1 />", "gap malformed"),
        case("F-09", "U+0001, |, TAB, LF and quotes in namespaces", "<message><a xmlns='u|v&#9;w&#10;\"x'/><b:a xmlns:b='u\u{1}v'/></message>", "message control_character"),
        case("F-11", "512 attributes", attributes(512), "message"),
        case("F-11", "513 attributes", attributes(513), "gap limit"),
        case("F-11", "20,000 attributes", attributes(20_000), "gap limit"),
        case("F-11", "200,000 attributes, 2 MB", attributes(200_000), "gap limit"),
        case("F-12", "120 namespace declarations", bindings(120), "message"),
        case("F-12", "129 namespace declarations", bindings(129), "gap limit"),
        case("F-12", "20,000 namespace declarations", bindings(20_000), "gap limit"),
        case("F-12", "100 nested declarations of one prefix", format!("<message>{}{}</message>", "<a xmlns:p='u'>".repeat(100), "</a>".repeat(100)), "message"),
        case("F-13", "128 levels", nested(128), "message"),
        case("F-13", "129 levels", nested(129), "gap limit"),
        case("F-13", "65,536 levels", nested(65_536), "gap limit"),
        case("F-13", "1,000,000 levels, 7 MB", nested(1_000_000), "gap limit"),
        case("F-14", "25,000 elements", children(25_000), "message"),
        case("F-14", "25,001 elements", children(25_001), "gap limit"),
        case("F-14", "2,000,000 elements, 8 MB", children(2_000_000), "gap limit"),
        case("F-15", "text of 1.1 MiB", format!("<message><body>{}</body></message>", "x".repeat(1_153_434)), "gap limit"),
        case("F-15", "attribute of 16 MiB", format!("<message id='{}'/>", "x".repeat(16 << 20)), "gap limit"),
        case("F-15", "element name of 16 MiB", format!("<message><{}/></message>", "x".repeat(16 << 20)), "gap limit"),
        case("F-17", "10,000 spaces", " ".repeat(10_000), "keepalive"),
        case("F-19", "times: year 0, 9999 and 10^18, negative, no date", time_stamps(), "message, message, message, message, message"),
        case("F-19", "ids and addresses: 64 KiB, emoji, 3,071 bytes, right to left, @@//", addresses(), "message, message, message, message, message"),
    ]
}

fn time_stamps() -> String {
    let stamps = ["0000-00-00T00:00:00Z", "9999-12-31T23:59:60Z", "1000000000000000000", "-0001-01-01T00:00:00Z", "yesterday"];
    stamps.map(|stamp| format!("<message><delay xmlns='urn:xmpp:delay' stamp='{stamp}'/></message>")).concat()
}

fn addresses() -> String {
    let long = format!("{0}@{0}.test/{0}", "x".repeat(1021));
    let to = ["ben@lab.test/\u{1f980}", &long, "\u{202e}nab@lab.test", "@@//"];
    let messages = to.map(|to| format!("<message to='{to}'/>")).concat();
    format!("<message id='{}'/>{messages}", "i".repeat(64 << 10))
}
