//! SQLite: tables that follow the records, views that answer questions. `docs/export.md` describes both.
//!
//! What a database holds follows from the records alone: no time of the export, no random names. Making it again gives the same content.

use std::collections::HashMap;
use std::io::BufRead;

use rusqlite::{Connection, Statement, Transaction, params};
use rustc_hash::FxHashMap;

use super::{Done, ExportError, Share};
use crate::catalog::rows::{Row, Rows};
use crate::report::RunInfo;
use crate::report::read::{Damage, Exposure, Head, ReadBody, ReadStanza};
use crate::xmpp::Direction;

/// Version of the tables, in `PRAGMA user_version` and in the table `run`.
pub const SCHEMA: i64 = 1;
/// Marks the file as ours, in `PRAGMA application_id`: `STSC`.
pub const APPLICATION: i64 = 0x5354_5343;

const TABLES: &str = include_str!("sqlite/tables.sql");
const VIEWS: &str = include_str!("sqlite/views.sql");

/// Fills an empty database. It keeps no journal: whoever makes the file puts it in place when this has succeeded.
///
/// # Errors
/// Failures of reading and writing; input that is no record log.
pub fn write(
    database: &mut Connection,
    records: &mut dyn BufRead,
    catalog: &Rows,
    info: &RunInfo,
    share: Option<&mut Share>,
) -> Result<Done, ExportError> {
    // References point forward while it is filled; a test checks them when it is full.
    database
        .execute_batch("PRAGMA foreign_keys = OFF; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;")?;
    database.pragma_update(None, "application_id", APPLICATION)?;
    database.pragma_update(None, "user_version", SCHEMA)?;
    let transaction = database.transaction()?;
    transaction.execute_batch(TABLES)?;
    let done = fill(&transaction, records, catalog, info, share)?;
    transaction.execute_batch(VIEWS)?;
    transaction.commit()?;
    Ok(done)
}

fn fill(
    transaction: &Transaction<'_>,
    records: &mut dyn BufRead,
    catalog: &Rows,
    info: &RunInfo,
    mut share: Option<&mut Share>,
) -> Result<Done, ExportError> {
    let shared = share.is_some();
    let info = share.as_deref_mut().map_or_else(|| info.clone(), |share| share.info(info));
    let (fields, known) = write_fields(transaction, catalog)?;
    let mut done = Done::default();
    let mut writer = Writer::new(transaction, fields, known)?;
    done.damage = super::each(records, share, |head, body| {
        done.records += 1;
        writer.record(head, body, &mut done.exposures)?;
        Ok(())
    })?;
    let sessions = writer.sessions;
    let mut insert = transaction.prepare("INSERT INTO session VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")?;
    let mut sessions: Vec<(String, SessionSeen)> = sessions.into_iter().collect();
    sessions.sort_by_key(|(_, seen)| seen.id);
    for (name, seen) in &sessions {
        let totals = seen.totals.unwrap_or_default();
        let total = |number: u64| seen.totals.map(|_| signed(number));
        insert.execute(params![
            seen.id,
            name,
            seen.account,
            seen.opened,
            seen.closed,
            seen.reason,
            seen.detail,
            total(totals.bytes_client_to_server),
            total(totals.bytes_server_to_client),
            total(totals.frames_client_to_server),
            total(totals.frames_server_to_client),
            total(totals.duration_ms),
        ])?;
    }
    write_run(transaction, &info, shared, &done)?;
    Ok(done)
}

fn write_run(transaction: &Transaction<'_>, info: &RunInfo, shared: bool, done: &Done) -> Result<(), ExportError> {
    let Damage { torn, unreadable, unknown } = done.damage;
    let list = |list: &[String]| serde_json::to_string(list).unwrap_or_default();
    let mut insert = transaction.prepare("INSERT INTO run VALUES (?,?)")?;
    for (key, value) in [
        ("schema", SCHEMA.to_string()),
        ("tool", format!("{} {}", info.tool.name, info.tool.version).trim().to_owned()),
        ("label", info.label.clone()),
        ("started", info.started.clone()),
        ("ended", info.ended.clone()),
        ("accounts", list(&info.accounts)),
        ("domains", list(&info.domains)),
        ("upstream", info.upstream.target.clone()),
        ("channel_binding", info.channel_binding.clone()),
        ("observe_only", u8::from(info.observe_only).to_string()),
        ("keep_content", u8::from(info.keep_content).to_string()),
        ("canaries", info.canaries.to_string()),
        ("log_failure", info.log_failure.clone()),
        ("shared", u8::from(shared).to_string()),
        ("records", done.records.to_string()),
        ("exposures", done.exposures.to_string()),
        ("torn", u8::from(torn).to_string()),
        ("unreadable_lines", unreadable.to_string()),
        ("unknown_records", unknown.to_string()),
    ] {
        insert.execute((key, value))?;
    }
    Ok(())
}

/// The catalog's rows, numbered; the number of the next one.
fn write_fields<'t>(transaction: &'t Transaction<'_>, catalog: &Rows) -> Result<(Statement<'t>, FxHashMap<String, i64>), ExportError> {
    let mut insert = transaction.prepare("INSERT INTO field VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)")?;
    let mut known = FxHashMap::default();
    for row in catalog.iter() {
        let id = signed(known.len() as u64 + 1);
        write_field(&mut insert, id, &row.id, Some(row))?;
        known.insert(row.id.clone(), id);
    }
    Ok((insert, known))
}

fn write_field(insert: &mut Statement<'_>, id: i64, name: &str, row: Option<&Row>) -> Result<(), ExportError> {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    insert.execute(params![
        id,
        name,
        row.map(|row| row.layer.name()),
        row.map(|row| row.pattern.name()),
        row.map(|row| row.category.name()),
        row.map(|row| row.sensitivity.name()),
        // From 1, low, to 4, critical; so that it can be compared.
        row.map(|row| row.sensitivity as i64 + 1),
        row.map(|row| row.kind.name()),
        row.map(|row| row.value_type.name()),
        row.and_then(|row| row.direction.map(Direction::name)),
        row.map(|row| row.spec.as_str()),
        row.and_then(|row| text(&row.source)),
        row.and_then(|row| text(row.fact.as_deref().unwrap_or(&row.path))),
        row.map(|row| row.reveals.as_str()),
    ])?;
    Ok(())
}

#[derive(Debug, Default)]
struct SessionSeen {
    id: i64,
    account: Option<String>,
    opened: Option<String>,
    closed: Option<String>,
    reason: Option<String>,
    detail: Option<String>,
    totals: Option<crate::record::Totals>,
}

/// Statements for everything a record has, and what was met before.
struct Writer<'t> {
    fields: Statement<'t>,
    known: FxHashMap<String, i64>,
    sessions: HashMap<String, SessionSeen>,
    step: Option<i64>,
    next_record: i64,
    next_exposure: i64,
    records: Statement<'t>,
    frames: Statement<'t>,
    exposures: Statement<'t>,
    observers: Statement<'t>,
    payloads: Statement<'t>,
    irregular: Statement<'t>,
    rules: Statement<'t>,
    gaps: Statement<'t>,
    interventions: Statement<'t>,
    findings: Statement<'t>,
    evidence: Statement<'t>,
    steps: Statement<'t>,
    assessments: Statement<'t>,
    raised: Statement<'t>,
}

impl<'t> Writer<'t> {
    fn new(transaction: &'t Transaction<'_>, fields: Statement<'t>, known: FxHashMap<String, i64>) -> Result<Writer<'t>, ExportError> {
        let sql = |table: &str, columns: usize| {
            let marks = vec!["?"; columns].join(",");
            transaction.prepare(&format!("INSERT INTO {table} VALUES ({marks})"))
        };
        Ok(Writer {
            fields,
            known,
            sessions: HashMap::new(),
            step: None,
            next_record: 1,
            next_exposure: 1,
            records: sql("record", 7)?,
            frames: sql("frame", 15)?,
            exposures: sql("exposure", 14)?,
            observers: transaction.prepare("INSERT OR IGNORE INTO observer VALUES (?,?)")?,
            payloads: transaction.prepare("INSERT OR IGNORE INTO payload VALUES (?,?)")?,
            irregular: transaction.prepare("INSERT OR IGNORE INTO irregular VALUES (?,?)")?,
            rules: transaction.prepare("INSERT OR IGNORE INTO verdict_rule VALUES (?,?)")?,
            gaps: sql("gap", 4)?,
            interventions: sql("intervention", 5)?,
            findings: sql("finding", 11)?,
            evidence: transaction.prepare("INSERT OR IGNORE INTO evidence VALUES (?,?)")?,
            steps: sql("step", 2)?,
            assessments: sql("assessment", 7)?,
            raised: sql("raised", 4)?,
        })
    }

    fn session(&mut self, name: &str) -> &mut SessionSeen {
        let next = signed(self.sessions.len() as u64 + 1);
        if !self.sessions.contains_key(name) {
            self.sessions.insert(name.to_owned(), SessionSeen { id: next, ..SessionSeen::default() });
        }
        self.sessions.get_mut(name).expect("it was put there")
    }

    fn record(&mut self, head: &Head<'_>, body: &ReadBody<'_>, count: &mut u64) -> Result<(), ExportError> {
        let id = self.next_record;
        self.next_record += 1;
        let session = self.session(&head.session).id;
        if matches!(body, ReadBody::Mark(_)) {
            self.step = Some(id);
        }
        self.records.execute(params![id, session, signed(head.seq), head.ts.as_deref(), head.mono, &*head.kind, self.step])?;
        match body {
            ReadBody::Stanza(stanza) => self.frame(id, stanza, count)?,
            ReadBody::Transport(transport) => self.exposures(id, &transport.exposures, count)?,
            ReadBody::Session(event) => {
                let ts = head.ts.as_deref().map(str::to_owned);
                let seen = self.session(&head.session);
                match &*event.event {
                    "open" => seen.opened = ts,
                    "close" => {
                        seen.closed = ts;
                        seen.reason.clone_from(&event.reason);
                        seen.detail = Some(event.detail.clone()).filter(|detail| !detail.is_empty());
                        seen.totals = event.totals;
                    }
                    _ => {}
                }
                if event.account.is_some() {
                    seen.account.clone_from(&event.account);
                }
            }
            ReadBody::Gap(gap) => _ = self.gaps.execute(params![id, &*gap.reason, gap.detail, signed(gap.bytes)])?,
            ReadBody::Intervention(seen) => {
                let bytes = seen.bytes.map(signed);
                self.interventions.execute(params![id, &*seen.action, seen.direction.map(Direction::name), seen.detail, bytes])?;
            }
            ReadBody::Finding(finding) => {
                self.findings.execute(params![
                    id,
                    &*finding.rule,
                    &*finding.severity,
                    &*finding.confidence,
                    &*finding.avoidability,
                    &*finding.favour,
                    finding.about,
                    finding.fact,
                    finding.advice,
                    &*finding.source,
                    finding.accepted,
                ])?;
                for seq in &finding.evidence {
                    self.evidence.execute((id, signed(*seq)))?;
                }
            }
            ReadBody::Assessment(assessment) => {
                self.assessments.execute(params![
                    id,
                    assessment.conversation,
                    serde_json::to_string(&assessment.verdicts).unwrap_or_default(),
                    assessment.lowest,
                    assessment.level,
                    assessment.sent_level,
                    assessment.because,
                ])?;
                for raised in &assessment.raised {
                    self.raised.execute(params![id, raised.session, signed(raised.seq), raised.level])?;
                }
            }
            ReadBody::Mark(mark) => _ = self.steps.execute((id, &mark.label))?,
            ReadBody::Keepalive | ReadBody::Other => {}
        }
        Ok(())
    }

    fn frame(&mut self, id: i64, stanza: &ReadStanza<'_>, count: &mut u64) -> Result<(), ExportError> {
        let verdict = stanza.verdict.as_ref();
        self.frames.execute(params![
            id,
            stanza.input.map(signed),
            stanza.direction.map(Direction::name),
            stanza.phase.map(crate::record::Phase::name),
            &*stanza.kind,
            stanza.name.as_deref(),
            stanza.namespace.as_deref(),
            stanza.stanza_type.as_deref(),
            signed(stanza.bytes),
            stanza.answers.map(signed),
            stanza.conversation.as_deref(),
            verdict.map(|verdict| &*verdict.body),
            verdict.and_then(|verdict| verdict.level.as_deref()),
            verdict.map(|verdict| &*verdict.because),
            stanza.evidence.as_deref(),
        ])?;
        for (words, insert) in
            [(&stanza.observers, &mut self.observers), (&stanza.payloads, &mut self.payloads), (&stanza.irregular, &mut self.irregular)]
        {
            for word in words {
                insert.execute((id, &**word))?;
            }
        }
        for rule in verdict.into_iter().flat_map(|verdict| &verdict.rules) {
            self.rules.execute((id, &**rule))?;
        }
        if let Some(gap) = &stanza.gap {
            self.gaps.execute(params![id, &*gap.reason, gap.detail, signed(gap.bytes)])?;
        }
        self.exposures(id, &stanza.exposures, count)
    }

    fn exposures(&mut self, record: i64, exposures: &[Exposure<'_>], count: &mut u64) -> Result<(), ExportError> {
        let mut element = 0;
        for exposure in exposures {
            element = exposure.element.unwrap_or(element);
            let field = match self.known.get(&*exposure.field) {
                Some(field) => *field,
                None => {
                    let field = signed(self.known.len() as u64 + 1);
                    write_field(&mut self.fields, field, &exposure.field, None)?;
                    self.known.insert(exposure.field.to_string(), field);
                    field
                }
            };
            let typed = exposure.typed.as_ref();
            let class = typed.and_then(|typed| typed.class.as_deref());
            self.exposures.execute(params![
                self.next_exposure,
                record,
                field,
                &*exposure.value,
                class,
                class.and(typed).map(|typed| signed(typed.bytes)),
                typed.and_then(|typed| typed.bare.as_deref()),
                typed.and_then(|typed| typed.resource.as_deref()),
                typed.and_then(|typed| typed.time.as_deref()),
                typed.and_then(|typed| typed.ip.as_deref()),
                exposure.path.as_deref(),
                exposure.via.as_deref(),
                exposure.derived,
                element,
            ])?;
            self.next_exposure += 1;
            *count += 1;
        }
        Ok(())
    }
}

/// SQLite has no unsigned integers; nothing counted here comes near the limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
