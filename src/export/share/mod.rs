//! Exports that can be given away: who is who becomes tokens, what people wrote becomes a length.
//!
//! What is kept is on a list; whatever is on none becomes a token or a length. So a value nobody thought of is lost, not told.
//!
//! A token is made with HMAC-SHA-256 and the run's key: equal values have equal tokens within a run, and nobody without the key can try
//! names until one fits. Another run has another key, and so no token in common. Destroying the key makes that final.

mod mac;
mod words;

use std::borrow::Cow;
use std::io::BufRead;

use rustc_hash::{FxHashMap, FxHashSet};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

pub use words::{is_protocol_namespace, is_protocol_word};

use crate::catalog::rows::{Row, Rows};
use crate::catalog::{Category, ValueType};
use crate::record::exposure::UNCLASSIFIED;
use crate::record::time::Timestamp;
use crate::report::RunInfo;
use crate::report::people::names_room;
use crate::report::read::{self, Exposure, Head, ReadBody, ReadError, ReadMark, ReadStanza, Typed};
use crate::xmpp::jid::{Jid, normalised_bare};

/// What may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShareOptions {
    /// Names and versions of software, the run's label among them.
    pub keep_client: bool,
    /// The time of day and the date; otherwise all times are moved by the same amount.
    pub keep_times: bool,
}

/// What a token stands for. Each kind has tokens of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    User,
    Room,
    Domain,
    Resource,
    Device,
    Url,
    Fingerprint,
    Id,
    Path,
}

impl Kind {
    /// What the MAC is separated by, and how tokens begin.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::User => ("user|", "u-"),
            Kind::Room => ("room|", "room-"),
            Kind::Domain => ("domain|", "d-"),
            Kind::Resource => ("resource|", "r-"),
            Kind::Device => ("device|", "dev-"),
            Kind::Url => ("url|", "url-"),
            Kind::Fingerprint => ("fp|", "fp-"),
            Kind::Id => ("id|", "id-"),
            Kind::Path => ("path|", "path-"),
        }
    }
}

/// Puts pseudonyms into records.
#[derive(Debug)]
pub struct Share {
    key: Vec<u8>,
    options: ShareOptions,
    shift: Duration,
    rows: Rows,
    /// Namespaces that specifications define.
    namespaces: FxHashSet<String>,
    rooms: FxHashSet<String>,
    sessions: FxHashMap<String, usize>,
    steps: FxHashMap<String, usize>,
    tokens: FxHashMap<(Kind, Box<str>), Box<str>>,
}

/// Tokens that are remembered; others are worked out again.
const MAX_REMEMBERED: usize = 1 << 18;
/// Observers, verdicts, reasons and other words of records are no longer.
const MAX_WORD: usize = 48;

impl Share {
    /// With the run's key, and the catalog of its records.
    pub fn new(key: &[u8], rows: &Rows, options: ShareOptions) -> Share {
        // Between one and eleven years, to the microsecond.
        let bytes = mac::hmac_sha256(key, b"time|");
        let number = u64::from_be_bytes(bytes[..8].try_into().expect("eight bytes"));
        const YEAR: u64 = 365 * 86_400 * 1_000_000;
        let shift = Duration::microseconds((YEAR + number % (10 * YEAR)).cast_signed());
        let namespaces = rows.iter().map(|row| row.namespace.clone()).filter(|namespace| !namespace.is_empty()).collect();
        Share {
            key: key.to_vec(),
            options,
            shift,
            rows: rows.clone(),
            namespaces,
            rooms: FxHashSet::default(),
            sessions: FxHashMap::default(),
            steps: FxHashMap::default(),
            tokens: FxHashMap::default(),
        }
    }

    /// Learns which addresses are rooms', so that they get the same token wherever they stand. To be called before any record is changed.
    ///
    /// # Errors
    /// Failures of reading.
    pub fn learn(&mut self, records: &mut dyn BufRead) -> Result<(), ReadError> {
        read::each(records, |_, body| {
            let exposures = match &body {
                ReadBody::Stanza(stanza) => &stanza.exposures,
                _ => return,
            };
            for exposure in exposures.iter().filter(|exposure| names_room(&exposure.field)) {
                let bare = normalised_bare(&exposure.value);
                if !self.rooms.contains(&*bare) {
                    self.rooms.insert(bare.into_owned());
                }
            }
        })?;
        Ok(())
    }

    /// The manifest as it may be shown.
    pub fn info(&mut self, info: &RunInfo) -> RunInfo {
        let label = if self.options.keep_client { info.label.clone() } else { String::new() };
        RunInfo {
            schema: info.schema,
            tool: info.tool.clone(),
            label,
            started: self.time(&info.started).unwrap_or_default(),
            ended: self.time(&info.ended).unwrap_or_default(),
            accounts: info.accounts.iter().map(|account| self.address(account)).collect(),
            domains: info.domains.iter().map(|domain| self.domain(domain)).collect(),
            channel_binding: plain_word(&info.channel_binding),
            observe_only: info.observe_only,
            keep_content: info.keep_content,
            canaries: info.canaries,
            log_failure: if info.log_failure.is_empty() { String::new() } else { "failed".into() },
            ..RunInfo::default()
        }
    }

    /// Changes a record.
    pub fn record(&mut self, head: &mut Head<'_>, body: &mut ReadBody<'_>) {
        head.session = self.session(&head.session).into();
        if let Some(ts) = &head.ts {
            head.ts = self.time(ts).map(Cow::Owned);
        }
        match body {
            ReadBody::Stanza(stanza) => self.stanza(stanza),
            ReadBody::Transport(transport) => self.exposures(&mut transport.exposures),
            ReadBody::Session(event) => {
                event.detail.clear();
                event.event = plain_word(&event.event).into();
                event.reason = event.reason.as_deref().map(plain_word);
                event.account = event.account.as_deref().map(|account| self.address(account));
            }
            ReadBody::Gap(gap) => {
                gap.detail.clear();
                gap.reason = plain_word(&gap.reason).into();
            }
            ReadBody::Intervention(intervention) => {
                intervention.detail.clear();
                intervention.action = plain_word(&intervention.action).into();
            }
            ReadBody::Finding(finding) => {
                for word in
                    [&mut finding.rule, &mut finding.severity, &mut finding.confidence, &mut finding.avoidability, &mut finding.favour]
                {
                    *word = plain_word(word).into();
                }
                let rule = crate::rules::by_id(&finding.rule);
                finding.fact.clear();
                finding.advice = rule.map(|rule| rule.advice.to_owned()).unwrap_or_default();
                finding.source = rule.map(|rule| rule.source).unwrap_or_default().into();
                finding.about = finding.about.as_deref().map(|about| self.subject(about));
                finding.accepted = finding.accepted.as_ref().map(|_| "accepted".to_owned());
            }
            ReadBody::Assessment(assessment) => {
                assessment.conversation = assessment.conversation.as_deref().map(|with| self.address(with));
                assessment.because.clear();
                for raised in &mut assessment.raised {
                    raised.session = self.session(&raised.session);
                    raised.canaries.clear();
                }
                if let Some(search) = &mut assessment.search {
                    search.readable.clear();
                    search.not_found.clear();
                }
                for word in [&mut assessment.lowest, &mut assessment.level, &mut assessment.sent_level].into_iter().flatten() {
                    *word = plain_word(word);
                }
                assessment.verdicts = assessment.verdicts.iter().map(|(verdict, count)| (plain_word(verdict), *count)).collect();
            }
            ReadBody::Mark(ReadMark { label }) => *label = self.step(label),
            ReadBody::Keepalive | ReadBody::Other => {}
        }
    }

    fn stanza(&mut self, stanza: &mut ReadStanza<'_>) {
        stanza.evidence = None;
        stanza.kind = plain_word(&stanza.kind).into();
        stanza.name = stanza.name.take().filter(|name| is_protocol_word(name));
        stanza.stanza_type = stanza.stanza_type.take().map(|value| self.word(&value).into());
        stanza.namespace = stanza.namespace.take().map(|namespace| self.namespace(&namespace).into());
        stanza.payloads = stanza.payloads.iter().map(|payload| self.namespace(payload).into()).collect();
        stanza.observers = stanza.observers.iter().map(|observer| plain_word(observer).into()).collect();
        stanza.irregular = stanza.irregular.iter().map(|construct| plain_word(construct).into()).collect();
        stanza.conversation = stanza.conversation.take().map(|with| self.address(&with).into());
        if let Some(verdict) = &mut stanza.verdict {
            verdict.body = plain_word(&verdict.body).into();
            verdict.level = verdict.level.take().map(|level| plain_word(&level).into());
            verdict.rules = verdict.rules.iter().map(|rule| plain_word(rule).into()).collect();
            verdict.because = "".into();
        }
        if let Some(gap) = &mut stanza.gap {
            gap.detail.clear();
            gap.reason = plain_word(&gap.reason).into();
        }
        self.exposures(&mut stanza.exposures);
    }

    fn exposures(&mut self, exposures: &mut [Exposure<'_>]) {
        // Taken out so that a row can be read while tokens are made.
        let rows = std::mem::replace(&mut self.rows, Rows::from_fields(std::iter::empty()));
        for exposure in exposures {
            self.exposure(exposure, rows.get(&exposure.field));
        }
        self.rows = rows;
    }

    fn exposure(&mut self, exposure: &mut Exposure<'_>, row: Option<&Row>) {
        exposure.via = exposure.via.take().map(|via| plain_word(&via).into());
        exposure.path = exposure.path.take().map(|path| self.token(Kind::Path, &path).into());
        if row.is_none() && exposure.field != UNCLASSIFIED {
            exposure.field = "unknown".into();
        }
        let typed = exposure.typed.take();
        let value_type = row.map_or(ValueType::Text, |row| row.value_type);
        if let Some(typed) = &typed {
            if let Some(class) = &typed.class {
                let bytes = length_class(typed.bytes);
                let class = plain_word(class);
                exposure.value = format!("[{class}, up to {bytes} bytes]").into();
                exposure.typed = Some(Typed { class: Some(class.into()), bytes, ..Typed::default() });
                return;
            }
            if let Some(ip) = &typed.ip {
                let class = ip_class(ip);
                exposure.value = class.into();
                exposure.typed = Some(Typed { ip: Some(class.into()), ..Typed::default() });
                return;
            }
            if let Some(time) = &typed.time {
                let Some(time) = self.time(time) else { return hide(exposure) };
                exposure.value = time.clone().into();
                exposure.typed = Some(Typed { time: Some(time.into()), ..Typed::default() });
                return;
            }
        }
        if typed.is_some_and(|typed| typed.bare.is_some()) || value_type == ValueType::Jid {
            let address = self.address(&exposure.value);
            let (bare, resource) = match address.split_once('/') {
                Some((bare, resource)) => (bare.to_owned(), Some(resource.to_owned())),
                None => (address.clone(), None),
            };
            exposure.typed = Some(Typed { bare: Some(bare.into()), resource: resource.map(Cow::Owned), ..Typed::default() });
            exposure.value = address.into();
            return;
        }
        match self.plain(&exposure.value, row, value_type) {
            Some(value) => exposure.value = value.into(),
            None => hide(exposure),
        }
    }

    /// What may be shown of a value that is no address, time or network address; `None` when only its length may.
    fn plain(&mut self, value: &str, row: Option<&Row>, value_type: ValueType) -> Option<String> {
        let last = row.map_or("", |row| row.id.rsplit('.').next().unwrap_or(""));
        let category = row.map(|row| row.category);
        if is_protocol_word(value) || self.namespaces.contains(value) || words::is_protocol_namespace(value) {
            return Some(value.to_owned());
        }
        if value_type == ValueType::Uri || value.contains("://") {
            return Some(self.url(value));
        }
        let personal =
            matches!(category, None | Some(Category::Location | Category::Identity | Category::Credential | Category::ContactGraph));
        if !value.is_empty()
            && value.len() <= 3
            && value.bytes().all(|b| b.is_ascii_digit())
            && !personal
            && category != Some(Category::Device)
        {
            return Some(value.to_owned());
        }
        if last.contains("resource") {
            return Some(self.token(Kind::Resource, value));
        }
        let print = ["hash", "ver", "fingerprint", "ja3", "ja4", "key", "digest"].iter().any(|word| last.contains(word));
        match category {
            Some(Category::Device) => Some(self.token(Kind::Device, value)),
            Some(Category::CryptoKey | Category::ContentDerived) => Some(self.token(Kind::Fingerprint, value)),
            _ if value_type == ValueType::Base64 => Some(self.token(Kind::Fingerprint, value)),
            Some(Category::Software) if self.options.keep_client && value.len() <= 256 => Some(value.to_owned()),
            Some(_) if print => Some(self.token(Kind::Fingerprint, value)),
            Some(_) if last == "id" || last.ends_with("_id") || last.ends_with("sid") || last == "thread" => {
                Some(self.token(Kind::Id, value))
            }
            _ => None,
        }
    }

    fn token(&mut self, kind: Kind, value: &str) -> String {
        let known = (kind, Box::from(value));
        if let Some(token) = self.tokens.get(&known) {
            return token.to_string();
        }
        let (separator, start) = kind.words();
        let mut message = separator.as_bytes().to_vec();
        message.extend_from_slice(value.as_bytes());
        let token = format!("{start}{}", mac::base32(&mac::hmac_sha256(&self.key, &message)[..10]));
        if self.tokens.len() < MAX_REMEMBERED {
            self.tokens.insert(known, token.as_str().into());
        }
        token
    }

    fn domain(&mut self, domain: &str) -> String {
        self.token(Kind::Domain, &domain.to_lowercase())
    }

    /// An address with a token for each part. The localpart's belongs to the whole bare address.
    fn address(&mut self, address: &str) -> String {
        let jid = Jid::split(address);
        let bare = normalised_bare(address);
        let mut out = String::new();
        if jid.localpart().is_some() {
            let kind = if self.rooms.contains(&*bare) { Kind::Room } else { Kind::User };
            out.push_str(&self.token(kind, &bare));
            out.push('@');
        }
        out.push_str(&self.domain(jid.domainpart()));
        if let Some(resource) = jid.resourcepart() {
            out.push('/');
            out.push_str(&self.token(Kind::Resource, resource));
        }
        out
    }

    /// Scheme, a token for the host, and one for the whole.
    fn url(&mut self, url: &str) -> String {
        let token = self.token(Kind::Url, url);
        let Some((scheme, rest)) = url.split_once("://") else { return token };
        let host = rest.split(['/', '?', '#', ':']).next().unwrap_or("");
        let host = self.domain(host.rsplit('@').next().unwrap_or(""));
        match scheme {
            "http" | "https" | "aesgcm" | "xmpp" | "ws" | "wss" => format!("{scheme}://{host}/{token}"),
            _ => token,
        }
    }

    fn namespace(&mut self, namespace: &str) -> String {
        if self.namespaces.contains(namespace) || words::is_protocol_namespace(namespace) {
            return namespace.to_owned();
        }
        self.token(Kind::Url, namespace)
    }

    fn word(&mut self, word: &str) -> String {
        if is_protocol_word(word) { word.to_owned() } else { hidden(word) }
    }

    /// Whom or what a finding is about: an address or a node.
    fn subject(&mut self, about: &str) -> String {
        if self.namespaces.contains(about) || words::is_protocol_namespace(about) {
            about.to_owned()
        } else if about.contains("://") || about.starts_with("urn:") {
            self.token(Kind::Url, about)
        } else if about.contains(char::is_whitespace) {
            hidden(about)
        } else {
            self.address(about)
        }
    }

    fn session(&mut self, name: &str) -> String {
        if matches!(name, "run" | "log") {
            return name.to_owned();
        }
        let next = self.sessions.len() + 1;
        format!("session-{}", self.sessions.entry(name.to_owned()).or_insert(next))
    }

    fn step(&mut self, label: &str) -> String {
        let next = self.steps.len() + 1;
        format!("step-{}", self.steps.entry(label.to_owned()).or_insert(next))
    }

    fn time(&self, text: &str) -> Option<String> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let time = if self.options.keep_times { time } else { time.checked_sub(self.shift)? };
        let micros = i64::try_from(time.unix_timestamp_nanos() / 1000).ok()?;
        Some(Timestamp(micros).to_string())
    }
}

/// Leaves the length of a value.
fn hide(exposure: &mut Exposure<'_>) {
    let bytes = length_class(exposure.value.len() as u64);
    exposure.value = hidden(&exposure.value).into();
    exposure.typed = Some(Typed { class: Some("text".into()), bytes, ..Typed::default() });
}

fn hidden(text: &str) -> String {
    format!("[text, up to {} bytes]", length_class(text.len() as u64))
}

/// The next power of two, from 8: exact lengths tell names apart.
fn length_class(bytes: u64) -> u64 {
    bytes.max(8).checked_next_power_of_two().unwrap_or(u64::MAX)
}

fn ip_class(class: &str) -> &'static str {
    match class {
        "loopback" => "loopback",
        "public" => "public",
        _ => "private",
    }
}

/// A word of our own vocabulary as a record has it; what does not look like one is none.
fn plain_word(word: &str) -> String {
    let plain = word.len() <= MAX_WORD && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if plain { word.to_owned() } else { "other".to_owned() }
}

#[cfg(test)]
mod tests;
