//! `run.json`: what a run was, as far as a report uses it.
//!
//! It is written at the start with `ended` empty and again at the end; a run that was killed keeps the first form. A reader takes what is
//! there: every key may be missing, and keys this version does not know are ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::record::SCHEMA_VERSION;

/// `run.json`, read back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct RunInfo {
    /// Version of the format, which is that of the records.
    pub schema: u32,
    /// The program.
    #[serde(deserialize_with = "or_default")]
    pub tool: Tool,
    /// What the evaluator called the client.
    #[serde(deserialize_with = "or_default")]
    pub label: String,
    /// When it began, RFC 3339.
    #[serde(deserialize_with = "or_default")]
    pub started: String,
    /// When it ended; empty while it runs, and when it was killed.
    #[serde(deserialize_with = "or_default")]
    pub ended: String,
    /// Accounts under test.
    #[serde(deserialize_with = "or_default")]
    pub accounts: Vec<String>,
    /// Domains that were intercepted.
    #[serde(deserialize_with = "or_default")]
    pub domains: Vec<String>,
    /// The server.
    #[serde(deserialize_with = "or_default")]
    pub upstream: Upstream,
    /// What was done about channel binding: `observe`, `strip`.
    #[serde(deserialize_with = "or_default")]
    pub channel_binding: String,
    /// Whether only the unavoidable interventions were allowed.
    pub observe_only: bool,
    /// Whether message content was logged.
    pub keep_content: bool,
    /// How many canaries were declared.
    pub canaries: u64,
    /// What the evaluator says that no wire can show: `[profile]` of the session file.
    #[serde(deserialize_with = "or_default")]
    pub profile: Said,
    /// What the evaluator means to do: `[plan]` of the session file.
    #[serde(deserialize_with = "or_default")]
    pub plan: Said,
    /// Whether TLS keys were written to a file.
    pub tls_keys_logged: bool,
    /// Why the log is incomplete, when writing it failed.
    #[serde(deserialize_with = "or_default")]
    pub log_failure: String,
}

/// A table of the session file, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Said(pub BTreeMap<String, serde_json::Value>);

impl Said {
    /// What a key says, in words; nothing when it is not there or empty.
    pub fn text(&self, key: &str) -> Option<String> {
        self.0.get(key).map(in_words).filter(|text| !text.is_empty())
    }

    /// Whether a key says yes; none when it is not there or says neither.
    pub fn yes(&self, key: &str) -> Option<bool> {
        match self.0.get(key)? {
            serde_json::Value::Bool(yes) => Some(*yes),
            serde_json::Value::String(text) => match text.trim().to_lowercase().as_str() {
                "yes" | "true" | "needed" | "required" | "must" => Some(true),
                "no" | "false" | "none" | "not needed" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The strings of a key: a list, or one string.
    pub fn list(&self, key: &str) -> Vec<String> {
        match self.0.get(key) {
            Some(serde_json::Value::Array(items)) => items.iter().map(in_words).filter(|text| !text.is_empty()).collect(),
            Some(value) => Some(in_words(value)).filter(|text| !text.is_empty()).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

fn in_words(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
        Value::String(text) => text.trim().into(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join(", "),
        Value::Object(map) => map.iter().map(|(key, value)| format!("{key}: {}", in_words(value))).collect::<Vec<_>>().join("; "),
    }
}

/// The program that wrote a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The server behind the proxy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Upstream {
    /// As it was named.
    pub target: String,
    /// How it was reached.
    pub tls: String,
    /// How it was verified.
    pub verified_by: String,
}

/// `null` is the same as a missing key.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Why `run.json` could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It is not of the format.
    #[error("not a run's manifest: {0}")]
    Format(#[from] serde_json::Error),
    /// It is of a later version.
    #[error("version {0} of the format, where {SCHEMA_VERSION} is understood")]
    Version(u32),
}

impl RunInfo {
    /// Reads `run.json`.
    ///
    /// # Errors
    /// Text that is not of the format, or of a later version of it.
    pub fn from_json(text: &str) -> Result<RunInfo, RunError> {
        let run: RunInfo = serde_json::from_str(text)?;
        if run.schema > SCHEMA_VERSION { Err(RunError::Version(run.schema)) } else { Ok(run) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_may_lack_keys() {
        let text =
            r#"{"schema":1,"label":"reed","ended":null,"tool":{"name":"stanzascope","version":"0.1.0"},"more":[],"log_failure":null}"#;
        let run = RunInfo::from_json(text).unwrap();
        assert_eq!((run.label.as_str(), run.ended.as_str(), run.tool.version.as_str()), ("reed", "", "0.1.0"));
        assert_eq!(RunInfo::from_json("{}").unwrap(), RunInfo::default());
        assert!(matches!(RunInfo::from_json(r#"{"schema":2}"#), Err(RunError::Version(2))));
        assert!(matches!(RunInfo::from_json("7"), Err(RunError::Format(_))));
    }
}
