//! What a server offers in `<stream:features/>`.
use serde::{Deserialize, Serialize};

use super::nonza::{Element, STREAMS};

/// The features that decide who gets through the proxy, and the names of all others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamFeatures {
    /// Whether and how STARTTLS is offered.
    pub starttls: StartTlsOffer,
    /// SASL mechanisms (RFC 6120), in the server's order.
    pub mechanisms: Vec<String>,
    /// SASL2 mechanisms (XEP-0388). Servers offer them only when the stream header has a `from`.
    pub sasl2_mechanisms: Vec<String>,
    /// What may be done inside SASL2's login: element names of its `<inline/>`.
    pub sasl2_inline: Vec<String>,
    /// FAST mechanisms (XEP-0484).
    pub fast_mechanisms: Vec<String>,
    /// Channel-binding types the server lists (XEP-0440).
    pub channel_bindings: Vec<String>,
    /// Compression methods (XEP-0138).
    pub compression: Vec<String>,
    /// Largest stanza the server takes from a client, in bytes (XEP-0478).
    pub max_stanza_bytes: Option<u64>,
    /// Every other feature, as `{namespace}name`.
    pub others: Vec<String>,
}

/// STARTTLS in a list of features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartTlsOffer {
    /// Not offered.
    #[default]
    Absent,
    /// Offered.
    Optional,
    /// Offered and demanded.
    Required,
}

impl StreamFeatures {
    /// Mechanisms that bind the login to the TLS channel: `…-PLUS`, and FAST's binding kinds. Each once.
    pub fn binding_mechanisms(&self) -> Vec<&str> {
        let plus = self.all_mechanisms().filter(|mechanism| mechanism.ends_with("-PLUS"));
        let fast = self.fast_mechanisms.iter().map(String::as_str).filter(|mechanism| binds(mechanism));
        let mut binding: Vec<&str> = plus.chain(fast).collect();
        binding.sort_unstable();
        binding.dedup();
        binding
    }

    /// SASL and SASL2 mechanisms, those of both twice.
    pub fn all_mechanisms(&self) -> impl Iterator<Item = &str> {
        self.mechanisms.iter().chain(&self.sasl2_mechanisms).map(String::as_str)
    }

    /// Reads a `<stream:features/>` element.
    pub(super) fn read(element: &Element) -> Self {
        let mut features = Self::default();
        for child in &element.children {
            match (child.namespace.as_str(), child.name.as_str()) {
                (TLS, "starttls") => {
                    let required = child.child(TLS, "required").is_some();
                    features.starttls = if required { StartTlsOffer::Required } else { StartTlsOffer::Optional };
                }
                (SASL, "mechanisms") => features.mechanisms = texts(child, "mechanism"),
                (SASL2, "authentication") => features.read_sasl2(child),
                (CHANNEL_BINDING, "sasl-channel-binding") => {
                    let types = child.children.iter().filter(|child| child.is(CHANNEL_BINDING, "channel-binding"));
                    features.channel_bindings = types.filter_map(|child| child.attribute("type")).map(str::to_owned).collect();
                }
                (COMPRESSION, "compression") => features.compression = texts(child, "method"),
                (LIMITS, "limits") => {
                    features.max_stanza_bytes = child.child(LIMITS, "max-bytes").and_then(|child| child.text.trim().parse().ok());
                }
                (namespace, name) => features.others.push(format!("{{{namespace}}}{name}")),
            }
        }
        features
    }

    fn read_sasl2(&mut self, element: &Element) {
        self.sasl2_mechanisms = texts(element, "mechanism");
        let Some(inline) = element.child(SASL2, "inline") else {
            return;
        };
        self.sasl2_inline = inline.children.iter().map(|child| child.name.clone()).collect();
        if let Some(fast) = inline.child(FAST, "fast") {
            self.fast_mechanisms = texts(fast, "mechanism");
        }
    }
}

/// True for a `<stream:features/>` element.
pub(super) fn is_features(element: &Element) -> bool {
    element.is(STREAMS, "features")
}

/// True for FAST mechanisms that bind to the channel: `HT-SHA-256-EXPR` and the like, but not `…-NONE`.
fn binds(mechanism: &str) -> bool {
    ["-EXPR", "-ENDP", "-UNIQ"].iter().any(|suffix| mechanism.ends_with(suffix))
}

fn texts(element: &Element, name: &str) -> Vec<String> {
    let children = element.children.iter().filter(|child| child.is(&element.namespace, name));
    children.map(|child| child.text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

pub(super) const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const SASL2: &str = "urn:xmpp:sasl:2";
const FAST: &str = "urn:xmpp:fast:0";
const CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
const COMPRESSION: &str = "http://jabber.org/features/compress";
const LIMITS: &str = "urn:xmpp:stream-limits:0";

#[cfg(test)]
mod tests {
    use super::super::nonza::{Item, ItemReader};
    use super::*;

    async fn read(features: &str) -> StreamFeatures {
        let text = format!("<stream:stream xmlns:stream='{STREAMS}'><stream:features>{features}</stream:features>");
        let (mut reader, mut stream) = (ItemReader::default(), text.as_bytes());
        reader.next(&mut stream).await.unwrap();
        match reader.next(&mut stream).await.unwrap() {
            Item::Element(element) if is_features(&element) => StreamFeatures::read(&element),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_modern_offer_is_understood() {
        let features = read(
            "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256-PLUS</mechanism><mechanism>PLAIN</mechanism></mechanisms>\
             <sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/><channel-binding type='tls-server-end-point'/></sasl-channel-binding>\
             <authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-1</mechanism><inline><bind xmlns='urn:xmpp:bind:0'/>\
             <fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR</mechanism></fast></inline></authentication>\
             <compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>\
             <limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>262144</max-bytes></limits>\
             <register xmlns='http://jabber.org/features/iq-register'/>",
        )
        .await;
        assert_eq!(features.mechanisms, ["SCRAM-SHA-256-PLUS", "PLAIN"]);
        assert_eq!(features.sasl2_mechanisms, ["SCRAM-SHA-1"]);
        assert_eq!(features.sasl2_inline, ["bind", "fast"]);
        assert_eq!(features.fast_mechanisms, ["HT-SHA-256-EXPR"]);
        assert_eq!(features.channel_bindings, ["tls-exporter", "tls-server-end-point"]);
        assert_eq!(features.compression, ["zlib"]);
        assert_eq!(features.max_stanza_bytes, Some(262_144));
        assert_eq!(features.others, ["{http://jabber.org/features/iq-register}register"]);
        assert_eq!(features.starttls, StartTlsOffer::Absent);
        assert_eq!(features.binding_mechanisms(), ["HT-SHA-256-EXPR", "SCRAM-SHA-256-PLUS"]);
    }

    #[tokio::test]
    async fn binding_is_told_by_mechanism() {
        let offers = async |mechanism: &str| {
            read(&format!("<mechanisms xmlns='{SASL}'><mechanism>{mechanism}</mechanism></mechanisms>")).await.binding_mechanisms().len()
                == 1
        };
        assert!(offers("SCRAM-SHA-1-PLUS").await);
        assert!(!offers("SCRAM-SHA-512").await);
        assert!(binds("HT-SHA-256-ENDP") && !binds("HT-SHA-256-NONE"));
    }

    #[tokio::test]
    async fn elements_of_other_namespaces_do_not_count() {
        let features = read("<starttls xmlns='urn:other'/><mechanisms xmlns='urn:other'><mechanism>X</mechanism></mechanisms>").await;
        assert_eq!(features.starttls, StartTlsOffer::Absent);
        assert_eq!(features.others.len(), 2);
    }

    #[tokio::test]
    async fn starttls_may_be_required() {
        assert_eq!(read(&format!("<starttls xmlns='{TLS}'/>")).await.starttls, StartTlsOffer::Optional);
        assert_eq!(read(&format!("<starttls xmlns='{TLS}'><required/></starttls>")).await.starttls, StartTlsOffer::Required);
    }
}
