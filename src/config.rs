//! The session file, `stanzascope.toml`: what a run is about, so that nobody has to type it twice (DESIGN 4.10). Flags override it.
//!
//! The file says nothing about secrets: no passwords, no keys. `docs/session-file.md` lists the keys.

mod keys;
#[cfg(test)]
mod tests;
mod words;

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use keys::KEYS;
use serde::Deserialize;
use toml::Table;
pub use words::{ChannelBinding, MetricsListener, OnLogFailure, UpstreamTls};
use words::{one_or_many, text, usable_texts};

use crate::audit::Evidence;
use crate::audit::canary::Canary;
use crate::rules::{Accepted, Choice, ChoiceError};

/// Name of the session file.
pub const FILE_NAME: &str = "stanzascope.toml";

/// What a session file says. `None`, or an empty list, where it says nothing.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionFile {
    /// Domains that may be intercepted.
    #[serde(deserialize_with = "one_or_many")]
    pub domain: Vec<String>,
    /// The server behind the proxy: `HOST:PORT`, or `srv`.
    pub upstream: Option<String>,
    /// How to speak to it.
    #[serde(deserialize_with = "text")]
    pub upstream_tls: Option<UpstreamTls>,
    /// PEM file with the CA that signed its certificate. Relative paths are made relative to the file's directory on reading.
    pub upstream_ca: Option<PathBuf>,
    /// Public keys of which it must show one: `sha256/…`.
    #[serde(deserialize_with = "one_or_many")]
    pub upstream_pin: Vec<String>,
    /// Name server for SRV lookups.
    #[serde(deserialize_with = "text")]
    pub resolver: Option<SocketAddr>,
    /// Accounts under test, the only ones let through.
    #[serde(deserialize_with = "one_or_many")]
    pub accounts: Vec<String>,
    /// Hosts and addresses, besides the domain, that clients dial.
    #[serde(deserialize_with = "one_or_many")]
    pub names: Vec<String>,
    /// What the run is called.
    pub label: Option<String>,
    /// Address to listen on.
    #[serde(deserialize_with = "text")]
    pub listen: Option<IpAddr>,
    /// Port for STARTTLS.
    pub starttls_port: Option<u16>,
    /// Port for direct TLS.
    pub direct_port: Option<u16>,
    /// Address ranges whose hosts may connect besides this machine.
    #[serde(deserialize_with = "one_or_many")]
    pub allow_remote: Vec<String>,
    /// Directory of the test CA. Relative like [`SessionFile::upstream_ca`].
    pub certs: Option<PathBuf>,
    /// Directory that runs are written to. Relative like [`SessionFile::upstream_ca`].
    pub runs: Option<PathBuf>,
    /// Address of `/metrics` and `/mark`.
    #[serde(deserialize_with = "text")]
    pub metrics: Option<MetricsListener>,
    /// What to do about channel binding.
    #[serde(deserialize_with = "text")]
    pub channel_binding: Option<ChannelBinding>,
    /// Change nothing but STARTTLS and compression.
    pub observe_only: Option<bool>,
    /// What evidence records carry.
    #[serde(deserialize_with = "text")]
    pub evidence: Option<Evidence>,
    /// Whether message content is written out.
    pub keep_content: Option<bool>,
    /// Whether raw traffic is kept.
    pub transcript: Option<bool>,
    /// What to do when the log cannot be written.
    #[serde(deserialize_with = "text")]
    pub on_log_failure: Option<OnLogFailure>,
    /// Texts that must stay encrypted.
    #[serde(deserialize_with = "usable_texts")]
    pub canaries: Vec<String>,
    /// The same, with what they are called, typed into, and meant for.
    pub canary: Vec<Canary>,
    /// The evaluator owns the accounts on a real domain.
    pub i_own_this_account: Option<bool>,
    /// The evaluator's profile, as written.
    pub profile: Option<Table>,
    /// The evaluator's plan, as written.
    pub plan: Option<Table>,
    /// Leak rules that are off.
    #[serde(deserialize_with = "one_or_many")]
    pub rules_off: Vec<String>,
    /// Findings that are known and accepted.
    pub accepted: Vec<Accepted>,
}

/// Why a session file cannot be used. Names the file, the line and the way out.
#[derive(Debug, thiserror::Error)]
pub enum SessionFileError {
    /// It cannot be read.
    #[error("cannot read {}: {error} (`stanzascope run --example-config > {FILE_NAME}` writes one to begin with)", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It does not say what it should.
    #[error("{}:{line}: {problem} ({remedy})", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
}

impl SessionFile {
    /// What the file says about leak rules.
    ///
    /// # Errors
    /// Names of rules that do not exist, accepted findings without a reason.
    pub fn rule_choice(&self) -> Result<Choice, ChoiceError> {
        Choice::new(self.rules_off.clone(), self.accepted.clone())
    }

    /// Reads a session file. Relative paths in it become relative to its directory.
    ///
    /// # Errors
    /// A file that cannot be read, is no TOML, or has a key or value that is not known.
    pub fn read(path: &Path) -> Result<SessionFile, SessionFileError> {
        let text = fs::read_to_string(path).map_err(|error| SessionFileError::Read { path: path.to_owned(), error })?;
        let mut file = SessionFile::parse(&text, path)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        for path in [&mut file.upstream_ca, &mut file.certs, &mut file.runs].into_iter().flatten() {
            *path = directory.join(&*path);
        }
        Ok(file)
    }

    /// Reads the text of a session file; `path` is for messages only, and paths stay as written.
    ///
    /// # Errors
    /// As [`SessionFile::read`].
    pub fn parse(text: &str, path: &Path) -> Result<SessionFile, SessionFileError> {
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
            let remedy = keys::remedy(text.lines().nth(line - 1).unwrap_or(""), error.message());
            let problem = error.message().split(", expected one of").next().unwrap_or("").replace('\n', ", ");
            SessionFileError::Content { path: path.to_owned(), line, problem, remedy }
        })
    }

    /// All canaries, the plain ones first: `c1` is the first of the file.
    pub fn all_canaries(&self) -> Vec<Canary> {
        self.canaries.iter().map(|text| Canary::from(text.as_str())).chain(self.canary.iter().cloned()).collect()
    }

    /// A session file with every key explained and commented out but the domain.
    pub fn template() -> String {
        let mut out = String::from(
            "# A session file of stanzascope: what a run is about. Flags override it.\n\
             # Relative paths are relative to this file. Passwords do not belong here.\n",
        );
        for key in KEYS {
            out.push('\n');
            out.push_str(&format!("# {} ({})\n", key.text.trim_end_matches('.'), key.without()));
            let comment = if key.name == "domain" { "" } else { "# " };
            key.example.lines().for_each(|line| out.push_str(&format!("{comment}{line}\n")));
        }
        out
    }
}
