//! How to take the trust away again (S-04).

use std::fmt::Write;

use crate::ca::facts::RootFacts;

/// What to do on each platform; with the certificate's name and fingerprint when they can still be read.
pub(in crate::ca) fn removal(root: Option<&RootFacts>) -> String {
    let mut text = String::from("The key is wiped. Now remove the certificate wherever it was trusted:\n");
    if let Some(root) = root {
        let _ = writeln!(text, "  it is      {}, {}", root.subject, root.organisation);
        let _ = writeln!(text, "  SHA-256    {}", root.fingerprint);
    }
    let fingerprint = root.map_or("SHA-256", |root| root.fingerprint.as_str()).replace(':', "");
    for (place, how) in PLACES {
        let _ = writeln!(text, "  {place:10} {}", how.replace("{fingerprint}", &fingerprint));
    }
    text
}

const PLACES: [(&str, &str); 9] = [
    ("clients", "delete SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, ca_certs, ca_cert_path and ssl_ca where you set them"),
    ("Debian", "sudo rm /usr/local/share/ca-certificates/stanzascope.crt && sudo update-ca-certificates --fresh"),
    ("Fedora", "trust list | grep -B1 -A3 stanzascope, then sudo trust anchor --remove 'pkcs11:id=…'"),
    ("macOS", "sudo security delete-certificate -Z {fingerprint} /Library/Keychains/System.keychain"),
    ("Windows", "certmgr.msc, trusted root certification authorities: delete it"),
    ("Chromium", "certutil -d sql:$HOME/.pki/nssdb -D -n stanzascope"),
    ("Firefox", "settings, certificates, authorities: delete it from the profile you tested with"),
    ("Android", "settings, security, encryption and credentials, user credentials: remove it"),
    ("iOS", "settings, general, VPN and device management: remove the profile"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_certificate_when_it_can() {
        let root = RootFacts { subject: "stanzascope test CA".into(), organisation: "vm (1)".into(), fingerprint: "AB:CD".into() };
        let text = removal(Some(&root));
        assert!(text.contains("stanzascope test CA, vm (1)") && text.contains("delete-certificate -Z ABCD"), "{text}");
        assert!(removal(None).contains("update-ca-certificates --fresh"));
    }
}
