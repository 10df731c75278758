//! Types of single values, and how they are read so that a mistake is told with the value that was meant.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::de::value::StrDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

use crate::audit::canary::Canary;
use crate::catalog::closed_enum;

closed_enum! {
    /// How to speak to the server behind the proxy.
    UpstreamTls {
        /// In clear first, then TLS.
        Starttls = "starttls",
        /// TLS from the first byte.
        Direct = "direct",
        /// No TLS; on loopback only.
        None = "none",
        /// What the server offers.
        Auto = "auto",
    }
}

closed_enum! {
    /// What to do about channel binding (DESIGN 4.9).
    ChannelBinding {
        /// Change nothing; a client that refuses has a point in its favour.
        Observe = "observe",
        /// Take the offers of it away.
        Strip = "strip",
    }
}

closed_enum! {
    /// What to do when the log cannot be written.
    OnLogFailure {
        /// End all sessions and stop.
        Stop = "stop",
        /// Go on, and say in the log how much is missing once it can be written again.
        Gap = "gap",
    }
}

/// Where `/metrics` and `/mark` are to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsListener {
    /// Nowhere.
    Off,
    /// Here. A loopback address, which [`crate::admin::check_address`] checks.
    At(SocketAddr),
}

impl FromStr for MetricsListener {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<MetricsListener, &'static str> {
        match text {
            "off" => Ok(MetricsListener::Off),
            _ => text.parse().map(MetricsListener::At).map_err(|_| "expected ADDRESS:PORT or `off`"),
        }
    }
}

impl<'de> Deserialize<'de> for MetricsListener {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MetricsListener, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Reads a value that is written as a string, and repeats it when it cannot be used.
pub fn text<'de, D: Deserializer<'de>, T: for<'a> Deserialize<'a>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match T::deserialize(StrDeserializer::<serde::de::value::Error>::new(&text)) {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(D::Error::custom(format!("{text:?} cannot be used: {error}"))),
    }
}

/// Reads canaries: one string, or a list of them, each long enough. A message does not repeat them.
pub fn usable_texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts = one_or_many(deserializer)?;
    for text in &texts {
        Canary::from(text.as_str()).check().map_err(D::Error::custom)?;
    }
    Ok(texts)
}

/// Reads one string, or a list of them.
pub fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct OneOrMany;

    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string or a list of strings")
        }

        fn visit_str<E>(self, one: &str) -> Result<Vec<String>, E> {
            Ok(vec![one.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut many: A) -> Result<Vec<String>, A::Error> {
            let mut all = Vec::new();
            while let Some(one) = many.next_element()? {
                all.push(one);
            }
            Ok(all)
        }
    }

    deserializer.deserialize_any(OneOrMany)
}
