//! What a run came to, conversation by conversation. Verdicts on messages are never changed afterwards; what is learned later is said here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How far the evidence for a conversation goes once everything was seen; without a conversation, for the run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Assessment {
    /// Bare address of the other party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// Messages by verdict, copies left out.
    pub verdicts: BTreeMap<String, u64>,
    /// The worst of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowest: Option<String>,
    /// Lowest evidence level of all messages, when all are opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The same of those that were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_level: Option<String>,
    /// Messages whose level is higher than their own record says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raised: Vec<Raised>,
    /// How many more were raised than are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub raised_more: u64,
    /// Why the level is not higher.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// What the search for canaries came to; of the run only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchFacts>,
}

/// A message that was raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    /// Its session.
    pub session: String,
    /// Its record.
    pub seq: u64,
    /// `E3` or `E4`.
    pub level: String,
    /// Names of the canaries that cover it; at `E4` of the one that was shown.
    pub canaries: Vec<String>,
}

/// The search for canaries over a whole run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SearchFacts {
    /// Names of those that could be read.
    pub readable: Vec<String>,
    /// Names of those that were not found anywhere.
    pub not_found: Vec<String>,
    /// Frames that were searched.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames that were not searched, or not in all decodings.
    pub not_searched: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
