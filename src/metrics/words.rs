//! Values that are words of a short list: facts of TLS and login, and signs of presence and activity.
//!
//! What a peer chooses freely becomes a label only if it stands here.

/// A family that counts the values of some rows of the catalog.
#[derive(Debug)]
pub struct Fact {
    /// Name of the family.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// Its label.
    pub label: &'static str,
    /// Ids of the rows whose values are counted.
    pub rows: &'static [&'static str],
    /// Their words. Any other value counts as `other`.
    pub words: &'static [&'static str],
}

/// Facts of TLS and login.
pub const FACTS: &[Fact] = &[
    Fact {
        name: "stanzascope_tls_versions_total",
        help: "TLS handshakes with clients, by negotiated version.",
        label: "version",
        rows: &["transport.tls.version_negotiated"],
        words: &["TLS 1.2", "TLS 1.3"],
    },
    Fact {
        name: "stanzascope_tls_ciphers_total",
        help: "TLS handshakes with clients, by negotiated cipher suite.",
        label: "cipher",
        rows: &["transport.tls.cipher_negotiated"],
        words: &[
            "TLS13_AES_256_GCM_SHA384",
            "TLS13_AES_128_GCM_SHA256",
            "TLS13_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        ],
    },
    Fact {
        name: "stanzascope_tls_alpn_total",
        help: "TLS handshakes with clients in which a protocol was agreed on, by protocol.",
        label: "protocol",
        rows: &["transport.tls.alpn_selected"],
        words: &["xmpp-client"],
    },
    Fact {
        name: "stanzascope_logins_total",
        help: "Logins begun, by mechanism.",
        label: "mechanism",
        rows: &["sasl.mechanism", "sasl2.mechanism"],
        words: &[
            "PLAIN",
            "SCRAM-SHA-1",
            "SCRAM-SHA-1-PLUS",
            "SCRAM-SHA-256",
            "SCRAM-SHA-256-PLUS",
            "SCRAM-SHA-512",
            "SCRAM-SHA-512-PLUS",
            "DIGEST-MD5",
            "EXTERNAL",
            "ANONYMOUS",
            "OAUTHBEARER",
            "GSSAPI",
            "HT-SHA-256-NONE",
            "HT-SHA-256-ENDP",
            "HT-SHA-256-EXPR",
            "HT-SHA-256-UNIQ",
        ],
    },
];

/// Signs of activity: the row that shows one, and its word.
pub const SIGNALS: &[(&str, &str)] = &[
    ("chatstate.composing", "composing"),
    ("sibling.chatstate_composing", "composing"),
    ("chatstate.paused", "paused"),
    ("chatstate.active", "chat_active"),
    ("sibling.chatstate_active", "chat_active"),
    ("chatstate.inactive", "chat_inactive"),
    ("chatstate.gone", "chat_gone"),
    ("receipt.received", "received"),
    ("sibling.receipt_received", "received"),
    ("marker.displayed", "displayed"),
    ("sibling.displayed", "displayed"),
    ("csi.active", "client_active"),
    ("bind2.csi_active", "client_active"),
    ("csi.inactive", "client_inactive"),
    ("bind2.csi_inactive", "client_inactive"),
];

/// Rows with the `<show/>` of a presence.
pub const SHOWS: &[&str] = &["presence.show", "muc.occupant.show"];

/// States of a presence: of `<show/>` (the first is that of none), and of its type.
pub const PRESENCE_STATES: &[&str] = &["available", "chat", "away", "xa", "dnd", "unavailable", "subscription", "error", "probe", "other"];

/// The state a presence of this type, and with this `<show/>`, announces.
pub fn presence_state<'a>(stanza_type: &'a str, show: Option<&'a str>) -> &'a str {
    match stanza_type {
        "" => show.unwrap_or("available"),
        "subscribe" | "subscribed" | "unsubscribe" | "unsubscribed" => "subscription",
        other => other,
    }
}

/// The words of [`SIGNALS`], each once.
pub fn signals() -> Vec<&'static str> {
    let mut words: Vec<_> = SIGNALS.iter().map(|(_, word)| *word).collect();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn the_rows_named_here_exist() {
        let catalog = Catalog::builtin();
        let rows = FACTS.iter().flat_map(|fact| fact.rows).chain(SIGNALS.iter().map(|(row, _)| row)).chain(SHOWS);
        for id in rows {
            assert!(catalog.by_id(id).is_some(), "{id} is not in the catalog");
        }
        let mut sorted = signals();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), signals().len(), "rows with the same word stand together");
    }

    #[test]
    fn a_presence_has_one_state() {
        for (stanza_type, show, state) in [
            ("", None, "available"),
            ("", Some("dnd"), "dnd"),
            ("unavailable", Some("away"), "unavailable"),
            ("subscribed", None, "subscription"),
            ("probe", None, "probe"),
        ] {
            assert_eq!(presence_state(stanza_type, show), state);
        }
    }
}
