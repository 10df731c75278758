//! What a rule is, and what it says when it fires.

use super::{Seen, Soon};
use crate::catalog::closed_enum;

closed_enum! {
    /// How bad it is for the person whose client this is. Ordered from the mildest.
    Severity {
        /// Worth knowing, nothing to do about.
        Info = "info",
        /// Tells a little more than needed.
        Low = "low",
        /// Tells something about the person that others can use.
        Medium = "medium",
        /// Takes away a protection that the person relies on.
        High = "high",
        /// Content, a key or a password can be read.
        Critical = "critical",
    }
}

closed_enum! {
    /// How sure the rule is that it saw what it says.
    Confidence {
        /// The stanza shows it.
        Certain = "certain",
        /// Another explanation is possible, and rare.
        Likely = "likely",
        /// It has to be looked at.
        Possible = "possible",
    }
}

closed_enum! {
    /// Whether it could be otherwise.
    Avoidability {
        /// The protocol cannot work without it.
        Inherent = "inherent",
        /// A setting or a feature that can be left out.
        Optional = "optional",
        /// The client should not have sent it.
        Avoidable = "avoidable",
    }
}

closed_enum! {
    /// What sort of leak it is.
    Theme {
        /// Content that can be read although encryption is on.
        Content = "content",
        /// Files and their keys.
        Files = "files",
        /// Before TLS, without it, and how the account logs in.
        Login = "login",
        /// Presence and activity shown to people who are not entitled to it.
        Presence = "presence",
        /// What makes a person, a device or a client recognisable.
        Linkage = "linkage",
        /// What is kept where the wrong people can read it.
        Storage = "storage",
        /// Keys for, or from, the wrong devices.
        Recipients = "recipients",
        /// Believing what only the own server may say.
        Trust = "trust",
        /// Fetching what somebody else points to.
        Fetches = "fetches",
    }
}

/// A rule: its manual page in data, and what looks.
#[derive(Debug)]
pub struct Rule {
    /// Its name: the pattern it finds.
    pub id: &'static str,
    /// One line, for lists.
    pub title: &'static str,
    /// What sort of leak it finds.
    pub theme: Theme,
    /// How bad it is, unless a finding says otherwise.
    pub severity: Severity,
    /// How sure it is, unless a finding says otherwise.
    pub confidence: Confidence,
    /// Whether it could be otherwise, unless a finding says otherwise.
    pub avoidability: Avoidability,
    /// What to do.
    pub advice: &'static str,
    /// The specification it rests on: document and section, with what it says in a few words.
    pub source: &'static str,
    /// Elements, by namespace and name, that wake it up, wherever they stand in a stanza; [`Seen::watched`] has those of the stanza at hand.
    pub watches: &'static [(&'static str, &'static str)],
    /// Verdict rules (OPACITY) that wake it up: a name, or the beginning of one (`R` for R1 to R7). Empty for none.
    pub verdicts: &'static [&'static str],
    /// Its source, whose doc comment is its manual page.
    pub page: &'static str,
    /// A fresh check for a session.
    pub check: fn() -> Box<dyn Check>,
}

/// What looks at the stanzas of one session.
pub trait Check: Send {
    /// Looks at one stanza that carries something the rule watches. The world is as it was before this stanza.
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out);

    /// The session has ended.
    fn end(&mut self, _world: &super::World, _out: &mut Out) {}
}

/// A rule without memory of its own is a function.
impl<F: FnMut(&Seen<'_>, &mut Out) + Send> Check for F {
    fn see(&mut self, seen: &Seen<'_>, out: &mut Out) {
        self(seen, out);
    }
}

/// One thing a rule has found.
#[derive(Debug, Clone)]
pub struct Found {
    /// What was seen, in one sentence without content or secrets.
    pub fact: String,
    /// Whom or what it is about: an address, a node. Findings of a rule about the same are told apart from others by it.
    pub about: Option<String>,
    /// Records (or inputs) it stands on besides the stanza at hand.
    pub evidence: Vec<u64>,
    /// Where it differs from what the rule says.
    pub severity: Option<Severity>,
    /// Where it differs from what the rule says.
    pub confidence: Option<Confidence>,
    /// Where it differs from what the rule says.
    pub avoidability: Option<Avoidability>,
    /// Where it differs from what the rule says.
    pub advice: Option<String>,
}

impl Found {
    /// With an address or node it is about.
    pub fn about(mut self, about: impl Into<String>) -> Found {
        self.about = Some(about.into());
        self
    }

    /// With another severity than the rule's.
    pub fn severity(mut self, severity: Severity) -> Found {
        self.severity = Some(severity);
        self
    }

    /// With another confidence than the rule's.
    pub fn confidence(mut self, confidence: Confidence) -> Found {
        self.confidence = Some(confidence);
        self
    }

    /// Resting on little time between two stanzas: a mere guess where only their order shows it.
    pub fn as_soon(self, soon: Soon) -> Found {
        match soon {
            Soon::ByClock => self,
            Soon::ByOrder => self.confidence(Confidence::Possible),
        }
    }

    /// With another avoidability than the rule's.
    pub fn avoidability(mut self, avoidability: Avoidability) -> Found {
        self.avoidability = Some(avoidability);
        self
    }

    /// With other advice than the rule's.
    pub fn advice(mut self, advice: impl Into<String>) -> Found {
        self.advice = Some(advice.into());
        self
    }

    /// Standing on an earlier record too.
    pub fn after(mut self, earlier: u64) -> Found {
        self.evidence.push(earlier);
        self
    }
}

/// Takes what a rule finds.
#[derive(Debug, Default)]
pub struct Out {
    pub(super) found: Vec<Found>,
}

impl Out {
    /// Reports a finding.
    pub fn report(&mut self, found: Found) {
        self.found.push(found);
    }
}

/// A finding with that fact, everything else as the rule says.
pub fn found(fact: impl Into<String>) -> Found {
    let fact = fact.into();
    Found { fact, about: None, evidence: Vec::new(), severity: None, confidence: None, avoidability: None, advice: None }
}
