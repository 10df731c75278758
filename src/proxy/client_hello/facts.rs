//! A ClientHello as exposures: catalog fields and their values.

use super::{ClientHello, names};

impl ClientHello {
    /// Catalog field ids with values, for what this client offers; a field it does not offer is not in the list.
    ///
    /// Lists are joined by commas in the order sent. Values are printable ASCII. Of tickets only the lengths are told: they
    /// are secrets of the session they resume.
    #[must_use]
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let numbers = |list: &[u16], name: fn(u16) -> String| list.iter().map(|n| name(*n)).collect::<Vec<_>>().join(",");
        let present = |yes: bool| {
            if yes { "present".to_owned() } else { String::new() }
        };
        let compression: Vec<String> = self.compression_methods.iter().map(|n| names::compression(*n)).collect();
        let versions = if self.supported_versions.is_empty() {
            format!("up to {}", names::version(self.legacy_version))
        } else {
            numbers(&self.supported_versions, names::version)
        };
        let alpn: Vec<String> = self.alpn.iter().map(|protocol| protocol.escape_ascii().to_string()).collect();
        let mut facts = vec![
            ("transport.tls.sni", self.server_name.clone().unwrap_or_default()),
            ("transport.tls.alpn_offered", alpn.join(",")),
            ("transport.tls.versions_offered", versions),
            ("transport.tls.cipher_suites_offered", numbers(&self.cipher_suites, names::cipher_suite)),
            ("transport.tls.extensions_offered", numbers(&self.extensions, names::extension)),
            ("transport.tls.groups_offered", numbers(&self.groups, names::group)),
            ("transport.tls.key_share_groups", numbers(&self.key_share_groups, names::group)),
            ("transport.tls.signature_algorithms", numbers(&self.signature_algorithms, names::signature_scheme)),
            ("transport.tls.compression_methods", compression.join(",")),
            ("transport.tls.ech", present(self.ech)),
            ("transport.tls.status_request", present(self.status_request)),
            ("transport.tls.psk_identity", self.tickets()),
            ("transport.tls.early_data", present(self.early_data)),
            ("transport.tls.ja3", self.ja3()),
            ("transport.tls.ja4", self.ja4()),
        ];
        facts.retain(|(_, value)| !value.is_empty());
        facts
    }

    pub(super) fn tickets(&self) -> String {
        let tls13 = self.psk_identities.iter().map(|length| format!("{length} bytes"));
        let tls12 = self.session_ticket.filter(|length| *length > 0).map(|length| format!("{length} bytes (TLS 1.2 ticket)"));
        tls13.chain(tls12).collect::<Vec<_>>().join(",")
    }
}
