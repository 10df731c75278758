//! Records: the only thing that flows out of the audit.
//!
//! A record is one line of JSON (`docs/records.md` has the schema). What is the same for every exposure of a field stands once, in the
//! catalog copy beside the log; a line holds what differs.

pub mod assessment;
pub mod exposure;
pub(crate) mod json;
mod line;
pub mod time;

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use assessment::{Assessment, Raised, SearchFacts};
pub use exposure::{Exposure, Exposures, Typed, Via};
pub(crate) use line::exposure_head;
pub use time::Moment;

use crate::catalog::closed_enum;
use crate::xmpp::Direction;
use crate::xmpp::element::Irregulars;

/// Version of the record schema, on every line as `v`.
pub const SCHEMA_VERSION: u32 = 1;

/// The session of what concerns all clients: marks, and what the run came to.
pub const RUN_SESSION: &str = "run";

/// Severities of findings, from the mildest.
pub const SEVERITIES: [&str; 5] = ["info", "low", "medium", "high", "critical"];

/// A word of ours, or one read back from a file.
pub type Str = Cow<'static, str>;

closed_enum! {
    /// How far a stream has come when a frame passes.
    Phase {
        /// In clear: the network reads along.
        BeforeTls = "before_tls",
        /// Inside TLS, not logged in.
        BeforeLogin = "before_login",
        /// Logged in.
        LoggedIn = "logged_in",
    }
}

closed_enum! {
    /// What a first-level frame is.
    FrameName {
        /// `<message/>`
        Message = "message",
        /// `<presence/>`
        Presence = "presence",
        /// `<iq/>`
        Iq = "iq",
        /// Stream header.
        StreamOpen = "stream_open",
        /// End of the stream.
        StreamClose = "stream_close",
        /// A first-level element that is no stanza (XEP-0360).
        Nonza = "nonza",
        /// XML declaration.
        Declaration = "declaration",
        /// What could not be read.
        Unknown = "unknown",
    }
}

closed_enum! {
    /// What became of a message's content (DESIGN: body verdicts).
    Verdict {
        /// The server could read content, or a key to it.
        ProvenLeak = "PROVEN_LEAK",
        /// A rule for broken or weakened protection fired.
        Suspect = "SUSPECT",
        /// Content without any end-to-end encryption.
        NotEncrypted = "NOT_ENCRYPTED",
        /// Another end-to-end system's container.
        OtherE2ee = "OTHER_E2EE",
        /// Well-formed OMEMO, no rule fired.
        Opaque = "OPAQUE",
    }
}

closed_enum! {
    /// Who can read a stanza.
    Observer {
        /// Everybody on the path: not inside TLS.
        Network = "network",
        /// The account's server.
        OwnServer = "own_server",
        /// The other party's server.
        PeerServer = "peer_server",
        /// Contacts it is sent or broadcast to.
        Contacts = "contacts",
        /// The room service and its occupants.
        Room = "room",
        /// The upload service.
        UploadHost = "upload_host",
        /// The push service.
        PushService = "push_service",
        /// Anybody who asks.
        Anyone = "anyone",
    }
}

/// A set of [`Observer`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observers(u8);

impl Observers {
    /// Adds one.
    pub fn with(mut self, observer: Observer) -> Observers {
        self.0 |= 1 << observer as u8;
        self
    }

    /// The set as a number: a bit for each member.
    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    /// The set that a number stands for.
    pub(crate) fn of_bits(bits: u8) -> Observers {
        Observers(bits)
    }

    /// The members.
    pub fn iter(self) -> impl Iterator<Item = Observer> {
        Observer::ALL.iter().copied().filter(move |o| self.0 & (1 << *o as u8) != 0)
    }
}

/// A verdict with the evidence level reached and the rules that decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyVerdict {
    /// The verdict. Written as in OPACITY: upper case.
    pub body: Verdict,
    /// Evidence level of `OPAQUE`: `E1` until the session allows more.
    pub level: Option<&'static str>,
    /// Rule ids, the strongest first.
    pub rules: Vec<&'static str>,
    /// Those of them that only noted something, and would have changed no verdict.
    pub noted: Vec<&'static str>,
    /// Why, in a few words.
    pub because: Cow<'static, str>,
    /// What each rule found, and where.
    pub details: Vec<Detail>,
}

/// What a rule found in a stanza: where, never what was written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The rule's id.
    pub rule: &'static str,
    /// The element or attribute: local names from the root, numbered where there are several of a name.
    pub path: String,
    /// First byte concerned, in the text or decoded value.
    pub offset: Option<u64>,
    /// How many bytes.
    pub length: Option<u64>,
    /// In words.
    pub detail: Cow<'static, str>,
    /// The passage it rests on.
    pub source: &'static str,
}

/// Why something was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// `malformed`, `limit`, `truncated`, `blind`, `log_failure`.
    pub reason: Str,
    /// In words.
    pub detail: String,
    /// Bytes concerned.
    pub bytes: u64,
}

/// One first-level frame: a stanza, nonza, header or close.
#[derive(Debug, Clone)]
pub struct Stanza {
    /// Position in the input, for `scan`.
    pub input: Option<u64>,
    /// Direction, when known.
    pub direction: Option<Direction>,
    /// Phase of the stream.
    pub phase: Phase,
    /// What it is.
    pub kind: FrameName,
    /// Local name of its element.
    pub name: String,
    /// Namespace, when it is not `jabber:client`.
    pub namespace: String,
    /// Value of its `type` attribute.
    pub stanza_type: String,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Namespaces of its children.
    pub payloads: Vec<String>,
    /// `seq` of the request this IQ answers.
    pub answers: Option<u64>,
    /// Who can read it.
    pub observers: Observers,
    /// What could be read from it.
    pub exposures: Exposures,
    /// What became of its content.
    pub verdict: Option<BodyVerdict>,
    /// Whom the content is for or from: the bare address of the conversation.
    pub conversation: Option<String>,
    /// Forbidden or ambiguous constructs.
    pub irregular: Irregulars,
    /// Why it was not read.
    pub gap: Option<Gap>,
    /// Its redacted XML.
    pub evidence: Option<String>,
}

impl Stanza {
    /// One of which nothing is known yet.
    pub fn new(exposures: Exposures) -> Stanza {
        Stanza {
            input: None,
            direction: None,
            phase: Phase::LoggedIn,
            kind: FrameName::Unknown,
            name: String::new(),
            namespace: String::new(),
            stanza_type: String::new(),
            bytes: 0,
            payloads: Vec::new(),
            answers: None,
            observers: Observers::default(),
            exposures,
            verdict: None,
            conversation: None,
            irregular: Irregulars::default(),
            gap: None,
            evidence: None,
        }
    }

    /// Nothing is known again, in the same memory.
    pub fn clear(&mut self) {
        // Every field by its name, so that none that is added later is forgotten.
        let Stanza {
            input,
            direction,
            phase,
            kind,
            bytes,
            answers,
            observers,
            irregular,
            verdict,
            conversation,
            gap,
            evidence,
            name,
            namespace,
            stanza_type,
            payloads,
            exposures,
        } = self;
        (*input, *direction, *phase, *kind, *bytes, *answers) = (None, None, Phase::LoggedIn, FrameName::Unknown, 0, None);
        (*observers, *irregular) = (Observers::default(), Irregulars::default());
        (*verdict, *conversation, *gap, *evidence) = (None, None, None, None);
        [name, namespace, stanza_type].into_iter().for_each(String::clear);
        payloads.clear();
        exposures.clear();
    }
}

/// A change to what passes between client and server. The list is closed (DESIGN 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intervention {
    /// Which one, e.g. `starttls_ended`, `compression_removed`.
    pub action: Str,
    /// The direction it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// What was changed and why, in words.
    pub detail: String,
    /// Bytes removed or discarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// A rule's statement about what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the pattern that was found.
    pub rule: Str,
    /// `info`, `low`, `medium`, `high`, `critical`.
    pub severity: Str,
    /// `certain`, `likely`, `possible`.
    pub confidence: Str,
    /// `inherent`, `optional`, `avoidable`; `none` for a point in the client's favour.
    pub avoidability: Str,
    /// `for` when it speaks for the client, `against` otherwise.
    pub favour: Str,
    /// Whom or what it is about: an address, a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// What was seen.
    pub fact: String,
    /// What to do.
    pub advice: String,
    /// The sentence of the specification it rests on.
    pub source: Str,
    /// `seq` of the records (or input numbers) it stands on.
    pub evidence: Vec<u64>,
    /// Why the evaluator accepts it, when the session file says so: then it does not count against the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
}

/// Start or end of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEvent {
    /// `open`, `login`, `resume`, `close`.
    pub event: Str,
    /// Why it ended: `closed`, `truncated`, `client_refused_certificate`, `upstream_failed` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// In words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Account, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The session that this one continues (XEP-0198 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_from: Option<String>,
    /// Counts at the end: bytes and frames each way, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
}

/// What passed in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Bytes from the client.
    pub bytes_client_to_server: u64,
    /// Bytes from the server.
    pub bytes_server_to_client: u64,
    /// Frames from the client.
    pub frames_client_to_server: u64,
    /// Frames from the server.
    pub frames_server_to_client: u64,
    /// Milliseconds between open and close.
    pub duration_ms: u64,
}

/// What a record says.
#[derive(Debug, Clone)]
pub enum Body {
    /// A first-level frame.
    Stanza(Box<Stanza>),
    /// White space between frames.
    Keepalive {
        /// Direction.
        direction: Direction,
        /// How many bytes.
        bytes: u64,
    },
    /// Facts about connection and TLS.
    Transport {
        /// Direction, where it matters.
        direction: Option<Direction>,
        /// The facts.
        exposures: Exposures,
    },
    /// Start or end of a session.
    Session(SessionEvent),
    /// Bytes that were not read and belong to no frame.
    Gap(Gap),
    /// A change to what passes.
    Intervention(Intervention),
    /// A rule's statement.
    Finding(Box<Finding>),
    /// A step of the evaluator's scenario.
    Mark {
        /// What the evaluator called it.
        label: String,
    },
    /// How far the evidence goes, at the end.
    Assessment(Box<Assessment>),
}

impl Body {
    /// The name used on the `type` key.
    pub fn type_name(&self) -> &'static str {
        match self {
            Body::Stanza(_) => "stanza",
            Body::Keepalive { .. } => "keepalive",
            Body::Transport { .. } => "transport",
            Body::Session(_) => "session",
            Body::Gap(_) => "gap",
            Body::Intervention(_) => "intervention",
            Body::Finding(_) => "finding",
            Body::Mark { .. } => "mark",
            Body::Assessment(_) => "assessment",
        }
    }

    /// The beginning of a session.
    pub fn opened() -> Body {
        Body::Session(SessionEvent { event: "open".into(), ..SessionEvent::default() })
    }
}

/// The bodies that do not come from the stream, in a form that can be read back from a transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StoredBody {
    /// Facts about connection and TLS, as field and value.
    Transport {
        /// Direction, where it matters.
        direction: Option<Direction>,
        /// Field name and value.
        facts: Vec<(String, String)>,
    },
    /// Start or end of a session.
    Session(SessionEvent),
    /// Bytes that were not read.
    Gap(Gap),
    /// A change to what passes.
    Intervention(Intervention),
    /// A rule's statement.
    Finding(Box<Finding>),
    /// A step of the scenario.
    Mark {
        /// What the evaluator called it.
        label: String,
    },
}

impl StoredBody {
    /// What can be stored; frames and keepalives come from the bytes again, and assessments from both.
    pub fn of(body: &Body) -> Option<StoredBody> {
        Some(match body {
            Body::Stanza(_) | Body::Keepalive { .. } | Body::Assessment(_) => return None,
            Body::Transport { direction, exposures } => StoredBody::Transport {
                direction: *direction,
                facts: exposures.iter().map(|e| (exposures.field_name(e).to_owned(), exposures.text(e.value).to_owned())).collect(),
            },
            Body::Session(event) => StoredBody::Session(event.clone()),
            Body::Gap(gap) => StoredBody::Gap(gap.clone()),
            Body::Intervention(intervention) => StoredBody::Intervention(intervention.clone()),
            Body::Finding(finding) => StoredBody::Finding(finding.clone()),
            Body::Mark { label } => StoredBody::Mark { label: label.clone() },
        })
    }

    /// The body again.
    pub fn restore(self, catalog: &Arc<crate::catalog::Catalog>) -> Body {
        match self {
            StoredBody::Transport { direction, facts } => Body::Transport { direction, exposures: Exposures::of_facts(catalog, &facts) },
            StoredBody::Session(event) => Body::Session(event),
            StoredBody::Gap(gap) => Body::Gap(gap),
            StoredBody::Intervention(intervention) => Body::Intervention(intervention),
            StoredBody::Finding(finding) => Body::Finding(finding),
            StoredBody::Mark { label } => Body::Mark { label },
        }
    }
}

/// One line of the log.
#[derive(Debug, Clone)]
pub struct Record {
    /// Session it belongs to.
    pub session: Arc<str>,
    /// Position in the session, from 0, without holes.
    pub seq: u64,
    /// When; none in a scan of stanzas without times.
    pub at: Option<Moment>,
    /// What it says.
    pub body: Body,
}
