//! Builds, from the path of a catalog row, the smallest stanza the row must find: the example of rows that have none of their own.
//!
//! The path says which elements there are and what they need; the type of the row says what value fits. Where a fragment may stand anywhere,
//! several places are tried, because in some of them a narrower row owns the value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::examples::{Values, exposures_of};
use super::value;
use crate::catalog::path::{AttrTest, Cond, Extract, From, JidPart, NameTest, Path, Step};
use crate::catalog::source::{Before, Example, SpecFile};
use crate::catalog::{Catalog, Field, Kind, ValueType, When};
use crate::xmpp::names::{NsId, Sym};
use crate::xmpp::{Direction, ns};

/// Whether the row finds the value in a stanza made for it.
///
/// # Errors
/// Why no stanza can be made, or what came out instead.
pub fn check(catalog: &Arc<Catalog>, field: &Field) -> Result<(), String> {
    let mut tried = String::from("it has no path");
    for path in &field.paths {
        for place in Place::all(path) {
            let Made { example, value } = make(catalog, field, path, place)?;
            let found = exposures_of(catalog, &example);
            let expected = shown(field, &value);
            if found
                .get(&field.id)
                .is_some_and(|values| values.iter().any(|v| expected.as_ref().is_none_or(|expected| v.starts_with(expected))))
            {
                return Ok(());
            }
            tried = describe(&example, &found);
        }
    }
    Err(tried)
}

/// The rows of some files that neither an example nor a generated one hits, and those that say wrongly that nothing can hit them.
pub fn unhit<'a>(catalog: &Arc<Catalog>, specs: impl Iterator<Item = &'a SpecFile>) -> Vec<String> {
    let by_hand: BTreeSet<&String> = catalog.specs.iter().flat_map(|spec| &spec.examples).flat_map(|e| e.expect.keys()).collect();
    let mut unhit = Vec::new();
    for spec in specs {
        for row in &spec.fields {
            let field = catalog.field(catalog.by_id(&row.id).expect("rows of loaded files are in the catalog"));
            let listed_only = field.invisible.is_some() || field.same_as.is_some() || field.generic || field.fact.is_some();
            if listed_only || by_hand.contains(&row.id) {
                continue;
            }
            let place = format!("{}: field {:?}", spec.file, row.id);
            match (check(catalog, field), &field.untested) {
                (Err(problem), None) => {
                    unhit.push(format!("{place} has no example (add an [[example]], or say `untested = \"why\"`): {problem}"));
                }
                (Ok(()), Some(_)) => unhit.push(format!("{place} is hit by a generated example (take `untested` out)")),
                _ => {}
            }
        }
    }
    unhit
}

fn describe(example: &Example, found: &Values) -> String {
    let found: Vec<String> = found.iter().map(|(field, values)| format!("{field}={values:?}")).collect();
    format!("{} gives {}", example.xml, found.join(", "))
}

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the stream.
    Stream,
    /// Inside a stanza of this name.
    Stanza(&'static str),
    /// Deeper down, inside an element nobody knows.
    Wrapped,
}

impl Place {
    fn all(path: &Path) -> Vec<Place> {
        let stanzas = ["message", "presence", "iq"].map(Place::Stanza);
        match (path.anchored, path.steps[0].name) {
            (true, NameTest::Any) => stanzas.to_vec(),
            (true, _) => vec![Place::Stream],
            (false, _) => [Place::Wrapped].into_iter().chain(stanzas).collect(),
        }
    }
}

struct Made {
    example: Example,
    value: String,
}

#[derive(Debug, Default)]
struct Node {
    uri: String,
    local: String,
    attrs: Vec<(String, String)>,
    text: String,
    children: Vec<Node>,
}

const ACCOUNT: &str = "me@a.example";
const ROOM: &str = "room@conference.a.example";
const WRAPPER: &str = "urn:example:wrapper";

fn make(catalog: &Catalog, field: &Field, path: &Path, place: Place) -> Result<Made, String> {
    let builder = Builder { catalog, field };
    let mut chain: Vec<Node> = Vec::new();
    for (index, step) in path.steps.iter().enumerate() {
        let stanza = match place {
            Place::Stanza(name) if index == 0 && path.anchored => Some(name),
            _ => None,
        };
        let around = chain.last().map(|node: &Node| node.uri.clone());
        chain.push(builder.element(step, stanza, path.steps.get(index + 1), around));
    }
    let mut value = builder.put_value(chain.last_mut().expect("a path has a step"), &path.steps[path.steps.len() - 1], &path.extract)?;
    if !path.anchored {
        match place {
            Place::Stanza(name) => chain.insert(0, Node { uri: ns::CLIENT.into(), local: name.into(), ..Node::default() }),
            _ => {
                chain.insert(0, Node { uri: WRAPPER.into(), local: "inside".into(), ..Node::default() });
                chain.insert(0, Node { uri: ns::CLIENT.into(), local: "iq".into(), ..Node::default() });
            }
        }
    }
    let mut before = Vec::new();
    if let Some(when) = field.when
        && let Some(address) = builder.address(&mut chain[0], when, &mut before)
    {
        value = address;
    }
    let mut node = chain.pop().expect("a path has a step");
    while let Some(mut parent) = chain.pop() {
        parent.children.push(node);
        node = parent;
    }
    let mut xml = String::new();
    write(&mut xml, &node, "");
    if node.uri == ns::STREAM && node.local == "stream" {
        // A stream header is never closed in its frame.
        xml = format!("<stream:stream xmlns:stream='{}'{}", ns::STREAM, xml.trim_start_matches("<stream").trim_end_matches("/>"));
        xml = xml.replacen(&format!(" xmlns='{}'", ns::STREAM), &format!(" xmlns='{}'", ns::CLIENT), 1) + ">";
    }
    let example =
        Example { name: field.id.clone(), direction: field.direction, account: Some(ACCOUNT.into()), before, xml, expect: BTreeMap::new() };
    Ok(Made { example, value })
}

struct Builder<'a> {
    catalog: &'a Catalog,
    field: &'a Field,
}

impl Builder<'_> {
    fn named(&self, sym: Sym) -> Node {
        let (ns, local) = self.catalog.names.parts(sym);
        Node { uri: self.uri(ns), local: local.into(), ..Node::default() }
    }

    fn uri(&self, ns: NsId) -> String {
        self.catalog.names.uri(ns).to_owned()
    }

    fn element(&self, step: &Step, stanza: Option<&str>, next: Option<&Step>, around: Option<String>) -> Node {
        let mut node = match (step.name, stanza) {
            (_, Some(stanza)) => Node { uri: ns::CLIENT.into(), local: stanza.into(), ..Node::default() },
            (NameTest::Name(sym), _) => self.named(sym),
            (NameTest::Namespace(ns), _) => Node { uri: self.uri(ns), local: "other".into(), ..Node::default() },
            (NameTest::Any, _) => Node { uri: around.unwrap_or_default(), local: "other".into(), ..Node::default() },
        };
        for cond in &step.conds {
            match cond {
                Cond::HasAttr(name) => node.set(name, self.sample(name)),
                Cond::Equals(name, value) => node.set(name, value.clone()),
                Cond::OneOf(name, values) => node.set(name, values[0].clone()),
                Cond::Starts(name, value) => node.set(name, format!("{value}x")),
                Cond::Ends(name, value) => node.set(name, format!("x{value}")),
                Cond::HasChild(names) => {
                    let follows = next.is_some_and(|next| matches!(next.name, NameTest::Name(sym) if names.contains(&sym)));
                    if !follows {
                        node.children.push(self.named(names[0]));
                    }
                }
                Cond::Form(form) => node.children.push(form_type(form)),
                Cond::ContentNamespace(uri) => node.uri.clone_from(uri),
                Cond::NoAttr(_) | Cond::Differs(..) | Cond::NoChild(_) | Cond::Childless => {}
            }
        }
        node
    }

    /// A value of the row's type.
    fn sample(&self, attr: &str) -> String {
        match self.field.value_type {
            ValueType::Jid => "value@v.example/r".into(),
            ValueType::Time => "2026-01-02T03:04:05Z".into(),
            ValueType::Uri => "https://v.example/value".into(),
            ValueType::Ip => "192.0.2.7".into(),
            ValueType::Number => "42".into(),
            ValueType::Base64 => BASE64.encode("value"),
            ValueType::Text if attr == "type" => "set".into(),
            ValueType::Text => "value".into(),
        }
    }

    /// Puts in what the path reads, and returns it as the row should read it.
    fn put_value(&self, node: &mut Node, step: &Step, extract: &Extract) -> Result<String, String> {
        Ok(match extract {
            Extract::Attrs(tests) => {
                let name = self.attr_name(node, &tests[0]);
                if let Some((_, value)) = node.attrs.iter().find(|(n, _)| *n == name) {
                    return Ok(value.clone());
                }
                let differs = step.conds.iter().any(|c| matches!(c, Cond::Differs(n, v) if *n == name && *v == self.sample(&name)));
                let value = if differs { "other".into() } else { self.sample(&name) };
                node.set(&name, value.clone());
                value
            }
            Extract::Text => {
                node.text = self.sample("");
                node.text.clone()
            }
            Extract::Base64 => {
                node.text = BASE64.encode("value");
                if self.field.value_type == ValueType::Base64 { node.text.clone() } else { "value".into() }
            }
            Extract::Base64Length => {
                node.text = BASE64.encode("value");
                "5".into()
            }
            Extract::Present => "present".into(),
            Extract::Count => "1".into(),
            Extract::Size => String::new(),
            Extract::Time => "arrival".into(),
            Extract::LocalName => node.local.clone(),
            Extract::NamespaceUri => node.uri.clone(),
            Extract::ChildName | Extract::ChildNs => {
                if node.children.is_empty() {
                    node.children.push(Node { uri: node.uri.clone(), local: "child".into(), ..Node::default() });
                }
                let child = &node.children[0];
                if *extract == Extract::ChildName { child.local.clone() } else { child.uri.clone() }
            }
            Extract::Jid(part, from) => {
                let address = "value@v.example/r";
                match from {
                    From::Attr(test) => {
                        let name = self.attr_name(node, test);
                        node.set(&name, address.into());
                    }
                    From::Text => node.text = address.into(),
                }
                match part {
                    JidPart::Local => "value",
                    JidPart::Domain => "v.example",
                    JidPart::Resource => "r",
                }
                .into()
            }
            Extract::Sasl(part) => {
                let (message, value) = login(part).ok_or_else(|| format!("no login message has a part {part:?}"))?;
                node.text = BASE64.encode(message);
                value.into()
            }
            Extract::Protobuf(numbers) => {
                let mut message = vec![42];
                for (depth, number) in numbers.iter().rev().enumerate() {
                    let key = u8::try_from(number << 3).map_err(|_| "the field number is too large")?;
                    if depth == 0 {
                        message.insert(0, key);
                    } else {
                        message.splice(0..0, [key | 2, message.len() as u8]);
                    }
                }
                if node.uri == ns::OMEMO_LEGACY {
                    message.insert(0, 0x33);
                }
                node.text = BASE64.encode(message);
                "42".into()
            }
            Extract::TextStarts(prefix) => {
                node.text = format!("{prefix}value");
                "present".into()
            }
            Extract::TextContains(needle) => {
                node.text = format!("value {needle} value");
                "present".into()
            }
            Extract::Unescaped(test) => {
                let name = self.attr_name(node, test);
                node.set(&name, r"d\27value@v.example".into());
                "d'value".into()
            }
            Extract::Extension(test) => {
                let name = self.attr_name(node, test);
                node.set(&name, "value.ext".into());
                "ext".into()
            }
            Extract::Styled => {
                node.text = "*value*".into();
                "present".into()
            }
            Extract::FragmentLength => {
                node.text = "aesgcm://v.example/value#0011".into();
                "2".into()
            }
            Extract::Base64Byte(index) => {
                node.text = BASE64.encode(vec![7; index + 1]);
                "7".into()
            }
            Extract::Otr(part) => {
                node.text = format!("?OTR:{}.", BASE64.encode([0, 3, 3, 0, 0, 1, 0, 0, 0, 2, 0, 9]));
                if part == "length" { "12".into() } else { "0000010000000200".into() }
            }
            Extract::Unsupported(what) => return Err(format!("{what} is not decoded")),
            Extract::Fact => return Err("it is no XML".into()),
        })
    }

    fn attr_name(&self, node: &mut Node, test: &AttrTest) -> String {
        match test.ns.map(|ns| self.uri(ns)) {
            None => test.local.clone(),
            Some(uri) if uri == "http://www.w3.org/XML/1998/namespace" => format!("xml:{}", test.local),
            Some(uri) => {
                node.set("xmlns:p", uri);
                format!("p:{}", test.local)
            }
        }
    }

    /// Gives the stanza the other party that the row asks for. Returns it when it is what the row reads.
    fn address(&self, stanza: &mut Node, when: When, before: &mut Vec<Before>) -> Option<String> {
        let name = if self.field.direction == Some(Direction::ServerToClient) { "from" } else { "to" };
        let address = match when {
            When::PeerIsServer => return None,
            When::PeerIsSelf => ACCOUNT.to_owned(),
            When::PeerIsNotSelf | When::PeerIsNotRoom => "ann@b.example/phone".to_owned(),
            When::PeerIsRoom => {
                let xml = format!("<presence to='{ROOM}/me'><x xmlns='{}'/></presence>", ns::MUC);
                before.push(Before { direction: Some(Direction::ClientToServer), xml });
                format!("{ROOM}/ann")
            }
        };
        let reads_it = stanza.attrs.iter().any(|(n, v)| n == name && *v == self.sample(name));
        if reads_it || !stanza.attrs.iter().any(|(n, _)| n == name) {
            stanza.set(name, address.clone());
        }
        reads_it.then_some(address)
    }
}

impl Node {
    fn set(&mut self, name: &str, value: String) {
        match self.attrs.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value,
            None => self.attrs.push((name.into(), value)),
        }
    }
}

fn form_type(form: &str) -> Node {
    let uri = "jabber:x:data".to_owned();
    let value = Node { uri: uri.clone(), local: "value".into(), text: form.into(), ..Node::default() };
    Node { uri, local: "field".into(), attrs: vec![("var".into(), "FORM_TYPE".into())], children: vec![value], ..Node::default() }
}

/// A login message with this part, and what the part says.
fn login(part: &str) -> Option<(&'static str, &'static str)> {
    let (mechanism, name) = part.split_once('.')?;
    Some(match (mechanism, name) {
        ("plain", "authzid" | "authcid" | "password") => ("value\0value\0value", "value"),
        ("ht", _) => ("value\0value", "value"),
        ("external" | "anonymous", _) => ("value", "value"),
        ("scram", "gs2_cbind_flag") => ("y,,n=value,r=value", "y"),
        ("scram", "cb_name") => ("p=value,,n=value,r=value", "value"),
        ("scram", _) => {
            ("n,a=value,n=value,r=value,c=value,p=value,s=value,i=value,v=value,e=value,h=value,m=value,t=value,d=value,f=value", "value")
        }
        ("oauth", "a") => ("n,a=value,\u{1}host=value\u{1}port=1\u{1}auth=value\u{1}\u{1}", "value"),
        ("oauth", "auth") => ("n,a=value,\u{1}host=value\u{1}port=1\u{1}auth=value\u{1}\u{1}", "value"),
        ("oauth", "host_port") => ("n,a=value,\u{1}host=value\u{1}port=1\u{1}auth=value\u{1}\u{1}", "value:1"),
        ("digest", _) => (
            "username=\"value\",realm=\"value\",nonce=\"value\",cnonce=\"value\",nc=value,qop=value,digest-uri=\"value\",response=value,charset=value,authzid=\"value\",maxbuf=value,cipher=value,rspauth=value",
            "value",
        ),
        _ => return None,
    })
}

/// How the value begins in a record; none when it cannot be said.
fn shown(field: &Field, value: &str) -> Option<String> {
    if value.is_empty() {
        return None;
    }
    if field.extract == Extract::Base64Length {
        return Some(value.into());
    }
    Some(match (field.kind, field.value_type) {
        (Kind::Secret, _) => "[secret, ".into(),
        (Kind::Content, _) => "[".into(),
        (Kind::Mixed, _) => String::new(),
        (Kind::Metadata, ValueType::Base64) => "[base64, ".into(),
        (Kind::Metadata, ValueType::Jid | ValueType::Time | ValueType::Ip) => value.into(),
        _ => {
            let mut out = String::new();
            value::sanitised_uri(value, &mut out);
            out
        }
    })
}

fn write(out: &mut String, node: &Node, around: &str) {
    write!(out, "<{}", node.local).expect("writing to a string");
    if node.uri != around {
        write!(out, " xmlns='{}'", node.uri).expect("writing to a string");
    }
    for (name, value) in &node.attrs {
        write!(out, " {name}='{}'", value.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;")).expect("writing to a string");
    }
    if node.text.is_empty() && node.children.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    out.push_str(&node.text.replace('&', "&amp;").replace('<', "&lt;"));
    node.children.iter().for_each(|child| write(out, child, &node.uri));
    write!(out, "</{}>", node.local).expect("writing to a string");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_hit_by_an_example() {
        let catalog = Catalog::builtin();
        let unhit = unhit(&catalog, catalog.specs.iter());
        assert!(unhit.is_empty(), "{} rows:\n{}", unhit.len(), unhit.join("\n"));
    }
}
