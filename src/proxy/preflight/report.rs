//! The result of a preflight, for the terminal and for `run.json`.
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::proxy::upstream::{StreamFeatures, TlsVersion, UpstreamFacts};

/// How a check came out. The order is that of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Something will not work for some clients, or deserves a look.
    Warn,
    /// Nothing will work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// A short name, such as `certificate`.
    pub name: String,
    /// How it came out.
    pub status: Status,
    /// What was found, in plain words.
    pub text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub advice: Option<String>,
}

impl Check {
    /// A check with nothing to do about it.
    pub fn ok(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), status: Status::Ok, text: text.into(), advice: None }
    }

    /// A check that some clients will not pass, or that deserves a look.
    pub fn warn(name: &str, text: impl Into<String>) -> Self {
        Self { status: Status::Warn, ..Self::ok(name, text) }
    }

    /// A check without which nothing works.
    pub fn fail(name: &str, text: impl Into<String>) -> Self {
        Self { status: Status::Fail, ..Self::ok(name, text) }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

/// How the stream header was written that brought an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Greeting {
    /// Without `from`.
    Anonymous,
    /// With `from`.
    Named,
}

/// What the server offered in one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The TLS version, `None` in clear text.
    pub tls: Option<TlsVersion>,
    /// How we introduced ourselves.
    pub greeting: Greeting,
    /// What was offered.
    pub features: StreamFeatures,
}

/// Everything a preflight found. Checks about the proxy's own ports and authority are pushed by the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The domain under test.
    pub domain: String,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
    /// The first connection, when there was one.
    pub upstream: Option<UpstreamFacts>,
    /// One per connection that got as far as the features.
    pub offers: Vec<Offer>,
}

impl Report {
    /// A report without checks.
    pub fn new(domain: &str) -> Self {
        Self { domain: domain.to_owned(), checks: Vec::new(), upstream: None, offers: Vec::new() }
    }

    /// Adds a check.
    pub fn push(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// The worst status, `Ok` for a report without checks.
    pub fn worst(&self) -> Status {
        self.checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok)
    }

    /// The report as lines for a terminal: what a server sent cannot move the cursor or turn the text around.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for check in &self.checks {
            let status = match check.status {
                Status::Ok => "ok  ",
                Status::Warn => "warn",
                Status::Fail => "FAIL",
            };
            lines.push(printable(&format!("{status}  {}: {}", check.name, check.text)));
            if let Some(advice) = &check.advice {
                lines.push(printable(&format!("      > {advice}")));
            }
        }
        lines
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Makes control characters, line separators and text direction marks visible.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let hidden = character.is_control()
            || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if hidden {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_tell_status_name_text_and_advice() {
        let mut report = Report::new("lab.test");
        assert_eq!(report.worst(), Status::Ok);
        report.push(Check::ok("upstream", "answers"));
        report.push(Check::warn("login", "some will fail").advise("do this"));
        assert_eq!(report.worst(), Status::Warn);
        report.push(Check::fail("ports", "5222 is taken"));
        assert_eq!(report.worst(), Status::Fail);
        assert_eq!(
            report.to_string(),
            "ok    upstream: answers\nwarn  login: some will fail\n      > do this\nFAIL  ports: 5222 is taken\n"
        );
    }

    #[test]
    fn hostile_text_is_made_visible() {
        let mut report = Report::new("lab.test");
        report.push(Check::ok("login", "A\u{1b}[2J\r\nB\u{202e}C\u{2028}ü"));
        assert_eq!(report.lines(), ["ok    login: A\\u{1b}[2J\\u{d}\\u{a}B\\u{202e}C\\u{2028}ü"]);
    }

    #[test]
    fn a_report_survives_json() {
        let mut report = Report::new("lab.test");
        report.push(Check::warn("login", "x").advise("y"));
        report.offers.push(Offer { tls: Some(TlsVersion::Tls12), greeting: Greeting::Named, features: StreamFeatures::default() });
        let json = serde_json::to_string(&report).unwrap();
        assert!(json.contains(r#""tls":"1.2","greeting":"named""#), "{json}");
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    }
}
