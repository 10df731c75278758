//! Whether matching costs more when there are more rows: the same traffic against the whole catalog, and against fifty rows that classify
//! all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stanzascope::audit::{Auditor, Settings};
use stanzascope::catalog::Catalog;
use stanzascope::record::Body;
use stanzascope::xmpp::Direction;

pub const FEW: usize = 50;

/// Traffic that few rows classify, and those rows.
pub struct FewRows {
    pub catalog: Arc<Catalog>,
    pub traffic: Vec<(Direction, String)>,
    pub bytes: u64,
}

impl FewRows {
    /// Of what was sent, the commonest sorts of stanzas that fifty rows classify together.
    pub fn of(whole: &Arc<Catalog>, settings: &Arc<Settings>, sent: &[(Direction, String)]) -> FewRows {
        let stanzas: Vec<_> =
            sent.iter().filter(|(_, xml)| ["<message", "<presence", "<iq"].iter().any(|tag| xml.starts_with(tag))).collect();
        let mut auditor = Auditor::new(whole.clone(), settings.clone(), "rows").assume_logged_in();
        let mut sorts: BTreeMap<BTreeSet<&str>, Vec<usize>> = BTreeMap::new();
        for (index, (direction, xml)) in stanzas.iter().enumerate() {
            let Body::Stanza(stanza) = auditor.audit_one(xml.as_bytes(), Some(*direction), None, 0).body else { continue };
            let field = |id: stanzascope::catalog::FieldId| whole.field(id).id.as_str();
            let fields: Option<BTreeSet<&str>> = stanza.exposures.iter().map(|exposure| exposure.field.map(field)).collect();
            if let Some(fields) = fields {
                sorts.entry(fields).or_default().push(index);
            }
        }
        let mut sorts: Vec<_> = sorts.into_iter().collect();
        sorts.sort_by_key(|(fields, stanzas)| std::cmp::Reverse(fields.len() * stanzas.len()));
        let (mut rows, mut taken) = (BTreeSet::new(), Vec::new());
        for (fields, stanzas) in sorts {
            if rows.union(&fields).count() <= FEW {
                rows.extend(fields);
                taken.extend(stanzas);
            }
        }
        let fill = whole.fields.iter().filter(|field| !field.paths.is_empty() && field.same_as.is_none());
        for field in fill {
            if rows.len() < FEW {
                rows.insert(field.id.as_str());
            }
        }
        taken.sort_unstable();
        let traffic: Vec<_> = taken.into_iter().map(|index| stanzas[index].clone()).collect();
        let bytes = traffic.iter().map(|(_, xml)| xml.len() as u64).sum();
        FewRows { catalog: Arc::new(only(&rows)), traffic, bytes }
    }

    /// Audits the traffic; gives the number of exposures, of which none may be unclassified.
    pub fn audit(&self, catalog: &Arc<Catalog>, settings: &Arc<Settings>) -> u64 {
        let mut auditor = Auditor::new(catalog.clone(), settings.clone(), "rows").assume_logged_in();
        let (mut line, mut exposures) = (Vec::new(), 0);
        for (direction, xml) in &self.traffic {
            auditor.feed(*direction, xml.as_bytes(), None);
            while let Some(record) = auditor.poll() {
                line.clear();
                record.write_line(&mut line);
                std::hint::black_box(&line);
                if let Body::Stanza(stanza) = &record.body {
                    assert!(stanza.exposures.iter().all(|exposure| exposure.field.is_some()), "{}", record.to_json());
                    exposures += stanza.exposures.len() as u64;
                }
                auditor.recycle(record);
            }
        }
        exposures
    }
}

/// The built-in catalog without all but some rows.
fn only(rows: &BTreeSet<&str>) -> Catalog {
    let mut files = Vec::new();
    for (file, text) in Catalog::files() {
        let (head, blocks) = text.split_once("\n[[").expect("a catalog file has rows");
        let row = |block: &&str| {
            let id = block
                .lines()
                .find_map(|line| line.strip_prefix("id")?.trim_start().strip_prefix('=')?.trim().strip_prefix('"')?.split('"').next());
            block.starts_with("field]]") && id.is_some_and(|id| rows.contains(id))
        };
        let kept: Vec<&str> = blocks.split("\n[[").filter(row).collect();
        if kept.is_empty() {
            continue;
        }
        let prefix_used = |line: &&str| match line.split_once('=') {
            Some((name, uri)) if uri.trim_start().starts_with('"') && !["spec", "title", "version"].contains(&name.trim()) => {
                kept.iter().any(|block| block.contains(&format!("{}:", name.trim())))
            }
            _ => true,
        };
        let head: Vec<&str> = head.lines().filter(prefix_used).collect();
        files.push((*file, format!("{}\n[[{}", head.join("\n"), kept.join("\n[["))));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(file, text)| (*file, text.as_str())).collect();
    Catalog::load(&files).unwrap_or_else(|error| panic!("{error}"))
}
