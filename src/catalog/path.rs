//! The path language of the catalog (see `catalog/README.md`).

use std::collections::BTreeMap;

use super::ValueType;
pub use super::attr::AttrTest;
use crate::xmpp::names::{Names, NsId, Sym};
use crate::xmpp::ns;

/// Which elements a step matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameTest {
    /// One expanded name.
    Name(Sym),
    /// Any element of a namespace.
    Namespace(NsId),
    /// Any element.
    Any,
}

/// A condition on the element of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cond {
    /// `[@a]`
    HasAttr(String),
    /// `[not(@a)]`
    NoAttr(String),
    /// `[@a='v']`
    Equals(String, String),
    /// `[@a='v'|'w']`
    OneOf(String, Vec<String>),
    /// `[form='urn:…']`: a data form of this type (a field FORM_TYPE has the value, XEP-0068).
    Form(String),
    /// `[@a!='v']`, also when there is no such attribute
    Differs(String, String),
    /// `[@a^='v']`
    Starts(String, String),
    /// `[@a$='v']`
    Ends(String, String),
    /// `[p:a|p:b]`: at least one of these children.
    HasChild(Vec<Sym>),
    /// `[not(p:a)]`
    NoChild(Sym),
    /// `[not(*)]`
    Childless,
    /// `[@xmlns='…']`: the element's content namespace.
    ContentNamespace(String),
}

impl Cond {
    /// The attribute it asks about, if it asks about one.
    pub fn attr(&self) -> Option<&str> {
        match self {
            Cond::HasAttr(name)
            | Cond::NoAttr(name)
            | Cond::Equals(name, _)
            | Cond::OneOf(name, _)
            | Cond::Differs(name, _)
            | Cond::Starts(name, _)
            | Cond::Ends(name, _) => Some(name),
            Cond::Form(_) | Cond::HasChild(_) | Cond::NoChild(_) | Cond::Childless | Cond::ContentNamespace(_) => None,
        }
    }
}

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `//`: any number of elements may lie between.
    pub descendant: bool,
    /// Which elements.
    pub name: NameTest,
    /// On which conditions.
    pub conds: Vec<Cond>,
}

/// Where a part of an address is read from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum From {
    /// An attribute.
    Attr(AttrTest),
    /// The element's text.
    Text,
}

/// Part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JidPart {
    /// Before `@`.
    Local,
    /// Between `@` and `/`.
    Domain,
    /// After `/`.
    Resource,
}

/// What is read where a path ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Extract {
    /// Attributes; each is an exposure of its own.
    Attrs(Vec<AttrTest>),
    /// The element's own text.
    Text,
    /// Decoded text.
    Base64,
    /// Number of bytes of the decoded text.
    Base64Length,
    /// One byte of the decoded text, in decimal.
    Base64Byte(usize),
    /// That the element is there.
    Present,
    /// How many there are under the same parent.
    Count,
    /// Bytes of its markup.
    Size,
    /// When it arrived.
    Time,
    /// Its local name.
    LocalName,
    /// Its namespace.
    NamespaceUri,
    /// Local name of its first child.
    ChildName,
    /// Namespace of its first child.
    ChildNs,
    /// Part of an address.
    Jid(JidPart, From),
    /// A named part of a decoded login message, e.g. `plain.authcid`.
    Sasl(String),
    /// A field of a decoded protocol buffer, by numbers.
    Protobuf(Vec<u32>),
    /// Whether the text starts so.
    TextStarts(String),
    /// Whether the text contains this.
    TextContains(String),
    /// The local part of an address with its escapes read (XEP-0106), when it has some.
    Unescaped(AttrTest),
    /// What follows the last dot of a file name.
    Extension(AttrTest),
    /// Whether the text uses message styling (XEP-0393).
    Styled,
    /// Bytes of the key in the fragment of an encrypted link (XEP-0454).
    FragmentLength,
    /// A named part of an encoded OTR message: `length`, `instance_tags`.
    Otr(String),
    /// Known by name, not read yet.
    Unsupported(String),
    /// Not XML; the proxy fills it in.
    Fact,
}

impl Extract {
    /// Whether what it gives is a number, a digest or a fixed word of ours, whatever stands in the element.
    pub fn writes_itself(&self) -> bool {
        matches!(
            self,
            Extract::Protobuf(_)
                | Extract::Base64Byte(_)
                | Extract::Count
                | Extract::Size
                | Extract::Present
                | Extract::Time
                | Extract::FragmentLength
                | Extract::Styled
                | Extract::TextStarts(_)
                | Extract::TextContains(_)
        )
    }

    /// Whether it reads a whole value (of which one row is the owner), as opposed to a part or property.
    pub fn claims(&self) -> bool {
        matches!(self, Extract::Attrs(_) | Extract::Text | Extract::Base64 | Extract::Base64Length)
    }

    /// Whether it reads the element's own text in any way.
    pub fn reads_text(&self) -> bool {
        matches!(
            self,
            Extract::Text
                | Extract::Base64
                | Extract::Base64Length
                | Extract::Sasl(_)
                | Extract::Protobuf(_)
                | Extract::Jid(_, From::Text)
                | Extract::Base64Byte(_)
                | Extract::Otr(_)
                | Extract::Unsupported(_)
        )
    }

    /// The type of value this reads unless the row says otherwise.
    pub fn default_type(&self) -> ValueType {
        match self {
            Extract::Attrs(attrs) => match attrs[0].local.as_str() {
                "to" | "from" | "jid" | "by" => ValueType::Jid,
                "stamp" | "since" => ValueType::Time,
                "uri" | "url" => ValueType::Uri,
                "ip" => ValueType::Ip,
                _ => ValueType::Text,
            },
            Extract::Base64 => ValueType::Base64,
            Extract::Count | Extract::Size | Extract::Base64Length | Extract::FragmentLength => ValueType::Number,
            Extract::Time => ValueType::Time,
            _ => ValueType::Text,
        }
    }
}

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Whether it begins at the stream; otherwise at any depth.
    pub anchored: bool,
    /// Steps down.
    pub steps: Vec<Step>,
    /// What is read at the end.
    pub extract: Extract,
}

const PEP: &str = "{pep}";
const PEP_FORMS: [&str; 3] =
    ["iq/pubsub:pubsub/pubsub:publish/pubsub:item", "iq/pubsub:pubsub/pubsub:items/pubsub:item", "message/pse:event/pse:items/pse:item"];
/// Prefixes that need no declaration.
const BUILTIN_PREFIXES: [(&str, &str); 4] =
    [("stream", ns::STREAM), ("pubsub", ns::PUBSUB), ("pse", ns::PUBSUB_EVENT), ("xml", "http://www.w3.org/XML/1998/namespace")];

/// Writes macros out: `{pep}` into one path for each place where a pubsub item can be, `{a|b}` into one path for each alternative.
///
/// # Errors
/// A brace that is not closed.
pub fn expand_macros(path: &str) -> Result<Vec<String>, String> {
    if let Some(rest) = path.strip_prefix(PEP) {
        let forms = PEP_FORMS.iter().map(|form| expand_macros(&format!("{form}{rest}")));
        return Ok(forms.collect::<Result<Vec<_>, _>>()?.concat());
    }
    let Some(open) = find_outside_quotes(path, '{') else { return Ok(vec![path.to_owned()]) };
    let close = open + path[open..].find('}').ok_or("a `{` is not closed")?;
    let alternatives = path[open + 1..close].split('|');
    let paths = alternatives.map(|name| expand_macros(&format!("{}{name}{}", &path[..open], &path[close + 1..])));
    Ok(paths.collect::<Result<Vec<_>, _>>()?.concat())
}

impl Path {
    /// Parses a path, interning the names it uses.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str, prefixes: &BTreeMap<String, String>, names: &mut Names) -> Result<Path, String> {
        let mut parts = split_outside(text, '/')?;
        let last = parts.pop().filter(|last| !last.is_empty()).ok_or("it is empty")?;
        let mut scope = Scope { prefixes, names };
        let extract = scope.extract(last)?;
        let mut steps = Vec::new();
        let mut descendant = false;
        for part in parts {
            if part.is_empty() {
                descendant = true;
                continue;
            }
            steps.push(scope.step(part, std::mem::take(&mut descendant))?);
        }
        let anywhere = text.starts_with("//");
        let first = steps.first_mut().ok_or("it has no step")?;
        // At the beginning `//` says that the path is a fragment; a fragment needs no step over what is above it.
        first.descendant = false;
        let anchored = match first.name {
            _ if anywhere => false,
            NameTest::Any => true,
            NameTest::Namespace(ns) => scope.begins_stream(ns),
            NameTest::Name(_) => {
                let name = split_outside(text, '/')?[0];
                let name = &name[..name.find('[').unwrap_or(name.len())];
                match name.split_once(':') {
                    None => matches!(name, "message" | "presence" | "iq"),
                    Some((prefix, _)) => {
                        let ns = scope.namespace(prefix)?;
                        scope.begins_stream(ns)
                    }
                }
            }
        };
        Ok(Path { anchored, steps, extract })
    }

    /// Why no element can be what the path describes, if so.
    pub fn contradiction(&self, names: &Names) -> Option<String> {
        for step in &self.steps {
            for cond in &step.conds {
                let opposite = |name: &String| step.conds.iter().any(|other| *other == Cond::NoAttr(name.clone()));
                let asks = match cond {
                    Cond::HasAttr(name) | Cond::Equals(name, _) | Cond::OneOf(name, _) | Cond::Starts(name, _) | Cond::Ends(name, _) => {
                        Some(name)
                    }
                    _ => None,
                };
                if let Some(name) = asks.filter(|name| opposite(name)) {
                    return Some(format!("it asks for @{name} and for its absence"));
                }
                if let Cond::HasChild(children) = cond
                    && (step.conds.contains(&Cond::Childless) || children.iter().all(|child| step.conds.contains(&Cond::NoChild(*child))))
                {
                    return Some("it asks for a child and for its absence".into());
                }
            }
        }
        let stanzas = ["message", "presence", "iq"].map(|name| names.lookup(ns::CLIENT, name));
        let forwarded = names.lookup(ns::FORWARD, "forwarded");
        let misplaced = self.steps.windows(2).any(|pair| {
            let [outer, inner] = pair else { return false };
            let stanza = matches!(inner.name, NameTest::Name(sym) if stanzas.contains(&sym));
            stanza
                && !inner.descendant
                && matches!(outer.name, NameTest::Name(sym) if sym != forwarded && names.parts(sym).0 != names.ns(ns::CLIENT))
        });
        misplaced.then(|| "a stanza stands inside another only when it is forwarded".into())
    }

    /// Namespace of the element that is read; empty where any will do.
    pub fn namespace<'a>(&self, names: &'a Names) -> &'a str {
        match self.steps.last().map(|step| step.name) {
            Some(NameTest::Name(sym)) => names.uri(names.parts(sym).0),
            Some(NameTest::Namespace(ns)) => names.uri(ns),
            Some(NameTest::Any) | None => "",
        }
    }

    /// How narrowly the path describes a value: named steps and conditions count, wildcards hardly do.
    pub fn specificity(&self) -> u32 {
        let steps: u32 = self
            .steps
            .iter()
            .map(|step| {
                let name = match step.name {
                    NameTest::Name(_) => 8,
                    NameTest::Namespace(_) => 4,
                    NameTest::Any => 1,
                };
                let conds: u32 = step.conds.iter().map(|cond| if matches!(cond, Cond::Equals(..) | Cond::Form(_)) { 4 } else { 3 }).sum();
                name + 3 * conds - u32::from(step.descendant)
            })
            .sum();
        steps + 2 * u32::from(self.anchored)
    }
}

struct Scope<'a> {
    prefixes: &'a BTreeMap<String, String>,
    names: &'a mut Names,
}

impl Scope<'_> {
    fn namespace(&mut self, prefix: &str) -> Result<NsId, String> {
        let uri = self
            .prefixes
            .get(prefix)
            .map(String::as_str)
            .or_else(|| BUILTIN_PREFIXES.iter().find(|(p, _)| *p == prefix).map(|(_, uri)| *uri))
            .ok_or_else(|| format!("prefix {prefix:?} is not bound in [prefixes]"))?;
        Ok(self.names.intern_ns(uri))
    }

    fn begins_stream(&self, id: NsId) -> bool {
        let uri = self.names.uri(id);
        ns::NONZA.contains(&uri)
    }

    fn sym(&mut self, name: &str) -> Result<Sym, String> {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        if local.is_empty() || local.contains(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '.')) {
            return Err(format!("{name:?} is not a name"));
        }
        let id = if prefix.is_empty() { self.names.intern_ns(ns::CLIENT) } else { self.namespace(prefix)? };
        Ok(self.names.intern(id, local))
    }

    fn step(&mut self, text: &str, descendant: bool) -> Result<Step, String> {
        let (name, mut rest) = text.split_at(text.find('[').unwrap_or(text.len()));
        let name = match name.strip_suffix('*') {
            Some("") => NameTest::Any,
            Some(prefix) => NameTest::Namespace(self.namespace(prefix.strip_suffix(':').ok_or("`*` goes alone or after a prefix")?)?),
            None => NameTest::Name(self.sym(name)?),
        };
        let mut conds = Vec::new();
        while let Some(inner) = rest.strip_prefix('[') {
            let end = find_outside_quotes(inner, ']').ok_or("a `[` is not closed")?;
            conds.push(self.cond(&inner[..end])?);
            rest = &inner[end + 1..];
        }
        if rest.is_empty() { Ok(Step { descendant, name, conds }) } else { Err(format!("{rest:?} after a step")) }
    }

    fn cond(&mut self, text: &str) -> Result<Cond, String> {
        if let Some(inner) = text.strip_prefix("not(").and_then(|t| t.strip_suffix(')')) {
            return match inner.strip_prefix('@') {
                Some(attr) => Ok(Cond::NoAttr(attr.into())),
                None if inner == "*" => Ok(Cond::Childless),
                None => Ok(Cond::NoChild(self.sym(inner)?)),
            };
        }
        if let Some(form) = text.strip_prefix("form=") {
            return Ok(Cond::Form(unquote(form)?.to_owned()));
        }
        let Some(attr) = text.strip_prefix('@') else {
            return Ok(Cond::HasChild(text.split('|').map(|name| self.sym(name)).collect::<Result<_, _>>()?));
        };
        let Some(equals) = attr.find('=') else {
            return Ok(Cond::HasAttr(attr.into()));
        };
        let mut values =
            split_outside(&attr[equals + 1..], '|')?.into_iter().map(|v| unquote(v).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
        let (name, operator) = match attr.as_bytes()[..equals].last() {
            Some(operator @ (b'^' | b'$' | b'!')) => (&attr[..equals - 1], *operator),
            _ => (&attr[..equals], b'='),
        };
        let name = name.to_owned();
        if values.len() > 1 {
            return if operator == b'=' { Ok(Cond::OneOf(name, values)) } else { Err("alternatives go with `=` only".into()) };
        }
        let value = values.pop().expect("splitting gives at least one part");
        Ok(match operator {
            b'^' => Cond::Starts(name, value),
            b'$' => Cond::Ends(name, value),
            b'!' => Cond::Differs(name, value),
            _ if name == "xmlns" => Cond::ContentNamespace(value),
            _ => Cond::Equals(name, value),
        })
    }

    fn attr(&mut self, text: &str) -> Result<AttrTest, String> {
        match text.split_once(':') {
            Some((prefix, local)) => Ok(AttrTest::new(Some(self.namespace(prefix)?), local.into())),
            None => Ok(AttrTest::new(None, text.into())),
        }
    }

    fn source(&mut self, text: &str) -> Result<From, String> {
        match text.strip_prefix('@') {
            Some(attr) => Ok(From::Attr(self.attr(attr)?)),
            None if text == "text()" => Ok(From::Text),
            None => Err(format!("{text:?} is neither an attribute nor text()")),
        }
    }

    fn extract(&mut self, text: &str) -> Result<Extract, String> {
        if text.starts_with('@') {
            let attrs = text.split(',').map(|attr| self.attr(attr.trim_start_matches('@'))).collect::<Result<_, _>>()?;
            return Ok(Extract::Attrs(attrs));
        }
        let (name, argument) =
            text.split_once('(').ok_or_else(|| format!("{text:?} does not say what is read: end in @attribute, text(), present() …"))?;
        let closed = argument.strip_suffix(')');
        let quoted = closed.and_then(|a| a.strip_prefix('\'')).and_then(|a| a.strip_suffix('\''));
        Ok(match (name, closed.unwrap_or("")) {
            ("text", "") => Extract::Text,
            ("present", "") => Extract::Present,
            ("count", "") => Extract::Count,
            ("size", "") => Extract::Size,
            ("time", "") => Extract::Time,
            ("local-name", "") => Extract::LocalName,
            ("namespace-uri", "") => Extract::NamespaceUri,
            ("child-name", "") => Extract::ChildName,
            ("child-ns", "") => Extract::ChildNs,
            ("base64", "text()") => Extract::Base64,
            ("base64-byte", index) => Extract::Base64Byte(index.parse().map_err(|_| format!("{index:?} is no place of a byte"))?),
            ("base64-length", "text()") => Extract::Base64Length,
            ("localpart", source) => Extract::Jid(JidPart::Local, self.source(source)?),
            ("domainpart", source) => Extract::Jid(JidPart::Domain, self.source(source)?),
            ("resource", source) => Extract::Jid(JidPart::Resource, self.source(source)?),
            ("sasl", part) => Extract::Sasl(part.into()),
            ("text-starts", _) => Extract::TextStarts(quoted.ok_or("text-starts() wants single quotes")?.into()),
            ("text-contains", _) => Extract::TextContains(quoted.ok_or("text-contains() wants single quotes")?.into()),
            ("protobuf", _) => {
                let numbers = argument.strip_prefix("text()).").ok_or("protobuf(text()) wants field numbers: protobuf(text()).2.1")?;
                let parsed: Result<Vec<u32>, _> = numbers.split('.').map(str::parse).collect();
                Extract::Protobuf(parsed.map_err(|_| format!("{numbers:?} are not field numbers"))?)
            }
            ("unescape", source) => match source.strip_prefix("localpart(@").and_then(|s| s.strip_suffix(')')) {
                Some(attr) => Extract::Unescaped(self.attr(attr)?),
                None => return Err(format!("{text:?}: unescape wants localpart(@attribute)")),
            },
            ("extension", source) => Extract::Extension(self.attr(source.strip_prefix('@').ok_or("extension() wants an attribute")?)?),
            ("matches", "styling") => Extract::Styled,
            ("fragment-length", "text()") => Extract::FragmentLength,
            ("otr", part) => Extract::Otr(part.into()),
            ("openpgp" | "hex" | "x509", _) => Extract::Unsupported(text.into()),
            _ => return Err(format!("{text:?} is not something to read")),
        })
    }
}

fn unquote(quoted: &str) -> Result<&str, String> {
    quoted.strip_prefix('\'').and_then(|v| v.strip_suffix('\'')).ok_or_else(|| format!("{quoted:?} wants single quotes"))
}

/// Splits at `separator` outside brackets and quotes.
fn split_outside(text: &str, separator: char) -> Result<Vec<&str>, String> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0i32, false);
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '[' | '(' if !quoted => depth += 1,
            ']' | ')' if !quoted => depth -= 1,
            c if c == separator && !quoted && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted || depth != 0 {
        return Err("a bracket or quote is not closed".into());
    }
    parts.push(&text[start..]);
    Ok(parts)
}

fn find_outside_quotes(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    text.char_indices()
        .find(|&(_, c)| {
            quoted ^= c == '\'';
            c == wanted && !quoted
        })
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Path, String> {
        let prefixes = BTreeMap::from([("r".to_owned(), "jabber:iq:roster".to_owned()), ("csi".to_owned(), "urn:xmpp:csi:0".to_owned())]);
        Path::parse(text, &prefixes, &mut Names::new())
    }

    #[test]
    fn every_form_parses() {
        let path = parse("iq[@type='set'][not(@to)]/r:query//r:*[r:group|r:item]/@jid,@name").unwrap();
        assert!(path.anchored);
        assert_eq!(path.steps.len(), 3);
        assert_eq!(path.steps[0].conds, [Cond::Equals("type".into(), "set".into()), Cond::NoAttr("to".into())]);
        assert!(path.steps[2].descendant);
        let conds = |text| parse(text).unwrap().steps.remove(0).conds;
        assert_eq!(conds("iq[@type='get'|'set']/@id"), [Cond::OneOf("type".into(), vec!["get".into(), "set".into()])]);
        assert_eq!(conds("r:x[form='a|b']/@id"), [Cond::Form("a|b".into())]);
        assert!(matches!(&path.extract, Extract::Attrs(attrs) if attrs.len() == 2));
        assert!(parse("csi:inactive/present()").unwrap().anchored, "nonzas begin at the stream");
        assert!(!parse("r:item/@jid").unwrap().anchored, "fragments begin anywhere");
        let fragment = parse("//csi:inactive/present()").unwrap();
        assert!(!fragment.anchored && !fragment.steps[0].descendant, "a nonza inside something else");
        assert_eq!(parse("message/body/text-starts('/me ')").unwrap().extract, Extract::TextStarts("/me ".into()));
        assert_eq!(parse("message/protobuf(text()).2.1").unwrap().extract, Extract::Protobuf(vec![2, 1]));
    }

    #[test]
    fn narrower_paths_are_more_specific() {
        let score = |text| parse(text).unwrap().specificity();
        assert!(score("message/@to") > score("*/@to"));
        assert!(score("message[@type='chat']/@to") > score("message/@to"));
        assert!(score("iq/r:query/r:item/@jid") > score("iq/r:query/*/@jid"));
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text| parse(text).unwrap_err();
        assert!(error("iq/nope:query/text()").contains("prefix \"nope\""));
        assert!(error("iq/r:query").contains("does not say what is read"));
        assert!(error("iq[@a=v]/text()").contains("single quotes"));
        assert!(error("iq[@a='v'/text()").contains("not closed"));
        assert!(error("").contains("empty"));
    }

    #[test]
    fn pep_has_three_places() {
        assert_eq!(expand_macros("{pep}/x:y/text()").unwrap().len(), 3);
        assert_eq!(expand_macros("message/body/text()").unwrap().len(), 1);
    }

    #[test]
    fn braces_are_alternatives() {
        assert_eq!(expand_macros("x:{a|b}/@c").unwrap(), ["x:a/@c", "x:b/@c"]);
        assert_eq!(expand_macros("{pep}/x:{a|b}/x:{c|d}/@e").unwrap().len(), 12);
        assert_eq!(expand_macros("iq[@a='{']/@b").unwrap(), ["iq[@a='{']/@b"]);
        assert!(expand_macros("x:{a|b/@c").unwrap_err().contains("not closed"));
    }
}
