//! The catalog: every field a server can read, loaded from data and compiled for matching.
//!
//! `catalog/*.toml` is embedded by `build.rs`; [`Catalog::builtin`] compiles it once. [`matcher`] decides, per element, which rows apply.

mod attr;
pub mod derive;
mod known;
pub mod matcher;
pub mod overview;
pub mod path;
pub mod plan;
pub mod rows;
pub mod source;
mod words;

use std::sync::{LazyLock, Mutex, PoisonError};

use matcher::Matcher;
use path::{Extract, Path};
use plan::Plans;
use rustc_hash::FxHashMap;
use source::SpecFile;

pub use known::{Known, OmemoNames};
pub(crate) use words::closed_enum;
pub use words::{Category, Kind, Layer, Pattern, Persistence, Sensitivity, ValueType, When};

use crate::record::Observers;
use crate::xmpp::Direction;
use crate::xmpp::names::Names;
use crate::xmpp::ns;

/// A row of the catalog, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u32);

/// A row of the catalog.
#[derive(Debug, Clone)]
pub struct Field {
    /// Unique name.
    pub id: String,
    /// How records begin an exposure of it, up to its value.
    pub(crate) json_head: Box<str>,
    /// Specification it comes from, e.g. `XEP-0352`.
    pub spec: String,
    /// Section, or another document and section.
    pub source: String,
    /// Path as written; empty for facts.
    pub path: String,
    /// Namespace of the element it stands on or in; empty for facts and where the path leaves it open.
    pub namespace: String,
    /// A fact that is not XML, e.g. `tls/client_hello/alpn`.
    pub fact: Option<String>,
    /// The only direction it can be seen in; none for both.
    pub direction: Option<Direction>,
    /// Layer.
    pub layer: Layer,
    /// Messaging pattern.
    pub pattern: Pattern,
    /// Category.
    pub category: Category,
    /// Sensitivity.
    pub sensitivity: Sensitivity,
    /// What a log may hold of it.
    pub kind: Kind,
    /// How its value is read.
    pub value_type: ValueType,
    /// Session condition.
    pub when: Option<When>,
    /// Restates what the record's envelope says; listed, not printed.
    pub generic: bool,
    /// The row that reports the value; this one only lists it.
    pub same_as: Option<String>,
    /// How long a server keeps it.
    pub persistence: Persistence,
    /// The setting or feature that avoids it; none when the protocol cannot work without.
    pub avoid: Option<String>,
    /// Who typically reads it; a record says who read its stanza.
    pub observers: Observers,
    /// Why no stanza on a client's stream can show it.
    pub invisible: Option<String>,
    /// Why no example hits it.
    pub untested: Option<String>,
    /// What the server learns, in a few words.
    pub reveals: String,
    /// What is read where the path ends.
    pub extract: Extract,
    /// Compiled paths, macros written out.
    pub paths: Vec<Path>,
    /// Of several rows that claim a value the highest wins.
    pub specificity: u32,
}

/// More than any path can reach.
const SECRET_WEIGHT: u32 = 1 << 16;

/// Why a catalog could not be loaded. Names the file, the row and the way out.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {place}: {problem} ({remedy})")]
pub struct CatalogError {
    /// File name.
    pub file: String,
    /// Field id or example name, or the line.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl CatalogError {
    /// Adds the line where the place is written.
    fn with_line(mut self, files: &[(&str, &str)]) -> CatalogError {
        let Some(quoted) = self.place.split_once(' ').map(|(_, quoted)| quoted.trim_matches('"')) else { return self };
        let key = |line: &str| {
            let line = line.trim_start();
            let value = line.split_once('=').map_or("", |(_, value)| value.trim());
            let named = (line.starts_with("id") || line.starts_with("name")) && value.trim_matches('"') == quoted;
            named || (self.place.starts_with("prefix") && line.split(['=', ' ']).next() == Some(quoted))
        };
        let text = files.iter().rev().find(|(file, _)| *file == self.file).map_or("", |(_, text)| *text);
        // Of two rows with one id the later one is at fault.
        if let Some(line) = text.lines().enumerate().filter(|(_, line)| key(line)).map(|(index, _)| index + 1).last() {
            self.place = format!("line {line}: {}", self.place);
        }
        self
    }
}

/// The compiled catalog.
#[derive(Debug)]
pub struct Catalog {
    /// Rows, by [`FieldId`].
    pub fields: Vec<Field>,
    /// The files they came from.
    pub specs: Vec<SpecFile>,
    /// Known names.
    pub names: Names,
    /// Names the auditor itself looks for.
    pub known: Known,
    /// The automaton.
    pub matcher: Matcher,
    by_id: FxHashMap<String, FieldId>,
    /// Plans that are not in use, at most one for each thread that reads frames.
    plans: Mutex<Vec<Plans>>,
}

include!(concat!(env!("OUT_DIR"), "/catalog_files.rs"));

static BUILTIN: LazyLock<std::sync::Arc<Catalog>> = LazyLock::new(|| {
    let files: Vec<(&str, &str)> = FILES.to_vec();
    std::sync::Arc::new(Catalog::load(&files).unwrap_or_else(|error| panic!("the built-in catalog is broken: {error}")))
});

impl Catalog {
    /// The catalog that comes with the program, compiled on first use.
    pub fn builtin() -> std::sync::Arc<Catalog> {
        BUILTIN.clone()
    }

    /// The catalog files that come with the program: name and text.
    pub fn files() -> &'static [(&'static str, &'static str)] {
        FILES
    }

    /// Compiles catalog files, given as name and text.
    ///
    /// # Errors
    /// The first mistake found: unknown key, duplicate id, unbound prefix, unreadable path.
    pub fn load(files: &[(&str, &str)]) -> Result<Catalog, CatalogError> {
        Catalog::compile(files).map_err(|error| error.with_line(files))
    }

    /// The catalog that comes with the program, and further files, given as name and text.
    ///
    /// # Errors
    /// As [`Catalog::load`].
    pub fn load_with(extra: &[(&str, &str)]) -> Result<Catalog, CatalogError> {
        let files: Vec<(&str, &str)> = FILES.iter().chain(extra).copied().collect();
        Catalog::load(&files)
    }

    fn compile(files: &[(&str, &str)]) -> Result<Catalog, CatalogError> {
        let mut names = Names::new();
        let client = names.intern_ns(ns::CLIENT);
        for same in [ns::SERVER, "jabber:component:accept", ""] {
            names.alias(ns::CLIENT, same);
        }
        debug_assert_eq!(names.ns(ns::CLIENT), client);
        let known = Known::intern(&mut names);
        let mut specs = Vec::with_capacity(files.len());
        for (file, text) in files {
            let spec = SpecFile::parse(file, text)?;
            for (canonical, older) in &spec.aliases {
                older.iter().for_each(|older| names.alias(canonical, older));
            }
            specs.push(spec);
        }
        let mut catalog = Catalog {
            fields: Vec::new(),
            specs: Vec::new(),
            names,
            known,
            matcher: Matcher::default(),
            by_id: FxHashMap::default(),
            plans: Mutex::default(),
        };
        for spec in &specs {
            for row in &spec.fields {
                catalog.add(spec, row)?;
            }
        }
        for spec in &specs {
            catalog.check(spec)?;
        }
        catalog.specs = specs;
        Ok(catalog)
    }

    fn add(&mut self, spec: &SpecFile, row: &source::FieldRow) -> Result<(), CatalogError> {
        let error = |problem: String, remedy: &str| CatalogError {
            file: spec.file.clone(),
            place: format!("field {:?}", row.id),
            problem,
            remedy: remedy.into(),
        };
        // Records write ids as they are.
        if !row.id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
            return Err(error("the id is no plain word".into(), "use letters, digits, `.`, `_` and `-`"));
        }
        let id = FieldId(u32::try_from(self.fields.len()).expect("fewer than 2^32 fields"));
        if self.by_id.insert(row.id.clone(), id).is_some() {
            return Err(error("the id is taken".into(), "ids are unique over the whole catalog"));
        }
        let mut paths = Vec::new();
        match (&row.path, &row.fact) {
            (Some(path), None) => {
                let expanded = path::expand_macros(path)
                    .map_err(|problem| error(format!("path {path:?}: {problem}"), "see catalog/README.md for the path language"))?;
                for path in expanded {
                    let parsed = Path::parse(&path, &spec.prefixes, &mut self.names)
                        .map_err(|problem| error(format!("path {path:?}: {problem}"), "see catalog/README.md for the path language"))?;
                    paths.push(parsed);
                }
            }
            (None, Some(_)) => {}
            _ => return Err(error("needs a path or a fact, not both".into(), "write one of the two")),
        }
        let extract = paths.first().map_or(Extract::Fact, |path| path.extract.clone());
        let value_type = row.value_type.unwrap_or_else(|| extract.default_type());
        let kind = row.kind.unwrap_or(Kind::Metadata);
        // Where a row says that a value is a secret, no other row may show it, however narrow.
        let weight = if kind == Kind::Secret { SECRET_WEIGHT } else { 0 };
        let specificity = weight
            + paths.iter().map(Path::specificity).max().unwrap_or(0)
            + u32::from(row.direction.is_some())
            + u32::from(row.when.is_some());
        self.fields.push(Field {
            id: row.id.clone(),
            json_head: crate::record::exposure_head(&row.id),
            spec: spec.spec.clone(),
            source: row.source.clone(),
            path: row.path.clone().unwrap_or_default(),
            namespace: paths.first().map(|path| path.namespace(&self.names).to_owned()).unwrap_or_default(),
            fact: row.fact.clone(),
            direction: row.direction,
            layer: row.layer,
            pattern: row.pattern,
            category: row.category,
            sensitivity: row.sensitivity,
            kind,
            value_type,
            when: row.when,
            generic: row.generic,
            same_as: row.same_as.clone(),
            persistence: row.persistence.unwrap_or_else(|| derive::persistence(&spec.spec, row)),
            avoid: derive::avoid(&spec.spec, row),
            observers: match &row.observers {
                Some(list) => list.iter().fold(Observers::default(), |all, one| all.with(*one)),
                None => derive::observers(&spec.spec, row, &paths),
            },
            invisible: row.visible.clone(),
            untested: row.untested.clone(),
            reveals: row.reveals.clone(),
            extract,
            paths: paths.clone(),
            specificity,
        });
        if row.visible.is_none() && row.same_as.is_none() && !row.generic {
            for path in paths {
                self.matcher.insert(path, id, &self.names);
            }
        }
        Ok(())
    }

    /// Finds what is written correctly and still cannot be meant.
    fn check(&self, spec: &SpecFile) -> Result<(), CatalogError> {
        let error = |place: String, problem: String, remedy: &str| {
            Err(CatalogError { file: spec.file.clone(), place, problem, remedy: remedy.into() })
        };
        for (prefix, uri) in &spec.prefixes {
            let used = spec.fields.iter().filter_map(|row| row.path.as_deref()).any(|path| path.contains(&format!("{prefix}:")));
            if !used {
                return error(format!("prefix {prefix:?}"), format!("no path uses {uri:?}"), "take it out of [prefixes], or use it");
            }
            if uri.is_empty() || uri.contains(char::is_whitespace) {
                return error(format!("prefix {prefix:?}"), format!("{uri:?} is no namespace"), "copy it from the specification");
            }
        }
        for row in &spec.fields {
            let place = || format!("field {:?}", row.id);
            if let Some(other) = &row.same_as
                && !self.by_id.contains_key(other)
            {
                return error(place(), format!("same_as names {other:?}, which does not exist"), "name the row that reports the value");
            }
            let field = self.field(self.by_id[&row.id]);
            if let Some(problem) = field.paths.iter().find_map(|path| path.contradiction(&self.names)) {
                return error(place(), format!("path {:?} can never match: {problem}", field.path), "correct the path");
            }
        }
        for example in &spec.examples {
            if let Some(unknown) = example.expect.keys().find(|id| *id != "unclassified" && !self.by_id.contains_key(*id)) {
                return error(format!("example {:?}", example.name), format!("there is no field {unknown:?}"), "name a row of the catalog");
            }
        }
        Ok(())
    }

    /// A row.
    #[inline]
    pub fn field(&self, id: FieldId) -> &Field {
        &self.fields[id.0 as usize]
    }

    /// Plans to use for a frame; they go back with [`Catalog::give_back`].
    pub fn lend_plans(&self) -> Plans {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        plans.bound();
        plans
    }

    /// Takes plans back.
    pub fn give_back(&self, plans: Plans) {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).push(plans);
    }

    /// A row by its name.
    pub fn by_id(&self, id: &str) -> Option<FieldId> {
        self.by_id.get(id).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(body: &str) -> String {
        format!("spec = \"XEP-9999\"\ntitle = \"Test\"\n[prefixes]\nt = \"urn:example:t\"\n{body}")
    }

    fn row(id: &str, rest: &str) -> String {
        let rest = if rest.contains("path") { rest.to_owned() } else { format!("path = \"t:a/@b\"\n{rest}") };
        format!(
            "[[field]]\nid = \"{id}\"\n{rest}\nlayer = \"client\"\npattern = \"any\"\ncategory = \"identity\"\nsensitivity = \"low\"\nreveals = \"Test.\"\n"
        )
    }

    fn error(body: &str) -> String {
        Catalog::load(&[("t.toml", &spec(body))]).unwrap_err().to_string()
    }

    #[test]
    fn mistakes_have_a_line_and_a_remedy() {
        let twice = error(&(row("t.a", "") + &row("t.a", "")));
        assert_eq!(twice, "t.toml: line 15: field \"t.a\": the id is taken (ids are unique over the whole catalog)");
        assert!(error(&row("t.a", "pth = 1")).starts_with("t.toml: line "), "unknown key");
        assert!(error(&row("t.a", "path = \"u:a/@b\"")).contains("line 6: field \"t.a\": path \"u:a/@b\": prefix \"u\" is not bound"));
        assert!(error(&row("t.a", "path = \"t:a\"")).contains("does not say what is read"));
        assert!(error(&row("t.a", "path = \"t:a[@b][not(@b)]/@c\"")).contains("can never match"));
        assert!(error(&row("t.a", "path = \"iq/t:a/message/@to\"")).contains("can never match"));
        assert!(error(&row("t.a", "path = \"iq/a/@b\"")).contains("line 4: prefix \"t\": no path uses"));
        assert!(error(&row("t.a", "same_as = \"t.b\"")).contains("does not exist"));
        let example = "[[example]]\nname = \"x\"\nxml = \"<a/>\"\nexpect = { \"t.b\" = [] }\n";
        assert!(error(&(row("t.a", "") + example)).contains("line 15: example \"x\": there is no field \"t.b\""));
    }

    #[test]
    fn files_can_be_added() {
        let catalog = Catalog::load_with(&[("t.toml", &spec(&row("t.a", "")))]).unwrap();
        assert!(catalog.by_id("t.a").is_some() && catalog.by_id("message.to").is_some());
    }

    #[test]
    fn what_rows_leave_unsaid() {
        let catalog = Catalog::builtin();
        let field = |id: &str| catalog.field(catalog.by_id(id).unwrap());
        assert_eq!(field("roster.item.jid").persistence, Persistence::Stored);
        assert_eq!(field("csi.inactive").persistence, Persistence::Transient);
        assert!(field("csi.inactive").avoid.is_some() && field("message.to").avoid.is_none());
    }
}
