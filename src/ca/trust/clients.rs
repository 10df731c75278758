//! The table of clients: what was seen to work with the real programs, and their limits.

/// One client or trust store. `{ca}` is the path of `root.pem` quoted for a shell, `{ca-plain}` the path as it is; further
/// `{host}`, `{url-host}` (with brackets where needed), `{port}` (STARTTLS), `{direct-port}` and `{domain}`.
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) trust: &'static str,
    pub(super) connect: &'static str,
    pub(super) note: &'static str,
}

const SYSTEM_STORE: &str = "system store, see below";

pub(super) const CLIENTS: &[Client] = &[
    Client {
        name: "slixmpp",
        trust: "xmpp.ca_certs = \"{ca-plain}\"",
        connect: "xmpp.connect(\"{host}\", {port})",
        note: "Tries direct TLS first, on the STARTTLS port too; the proxy takes both on either port.",
    },
    Client {
        name: "poezio",
        trust: "in its configuration: ca_cert_path = {ca-plain}",
        connect: "custom_host = {host}\ncustom_port = {port}",
        note: "Does not run as root.",
    },
    Client {
        name: "profanity",
        trust: "SSL_CERT_FILE={ca} profanity",
        connect: "in ~/.local/share/profanity/accounts: server={host} port={port} tls.policy=force\n\
                  for direct TLS: port={direct-port} tls.policy=legacy",
        note: "0.15 refuses to log in through any proxy when the server offers channel binding: use --upstream-tls none.",
    },
    Client {
        name: "go-sendxmpp",
        trust: "SSL_CERT_FILE={ca} go-sendxmpp …",
        connect: "-u USER@{domain} -j {url-host}:{port}\nfor direct TLS: -t -j {url-host}:{direct-port}",
        note: "0.14 refuses to log in through any proxy when the server offers channel binding: use --upstream-tls none.",
    },
    Client {
        name: "mcabber",
        trust: "in mcabberrc: set ssl_ca = {ca-plain}",
        connect: "set server = {host}\nset port = {port}\nset tls = 1\nfor direct TLS: set port = {direct-port} and set ssl = 1",
        note: "Sends no SNI and checks the host it dials in direct TLS, so {host} must be covered by the CA.",
    },
    Client {
        name: "@xmpp/client",
        trust: "NODE_EXTRA_CA_CERTS={ca} node …",
        connect: "client({ service: \"xmpp://{url-host}:{port}\", domain: \"{domain}\", … })\n\
                  for direct TLS: service: \"xmpps://{url-host}:{direct-port}\"",
        note: "Checks the host it dials in direct TLS, so {host} must be covered by the CA.",
    },
    Client {
        name: "Gajim",
        trust: SYSTEM_STORE,
        connect: "account, advanced: custom host name {host}, port {port}, STARTTLS (or port {direct-port}, direct TLS)",
        note: "Does not run as root.",
    },
    Client {
        name: "Dino",
        trust: SYSTEM_STORE,
        connect: "cannot be told a host: add a line to /etc/hosts that gives {domain} the proxy's address, and let the proxy \
                  listen on port 5222; or use SRV records",
        note: "Stays offline without a word when it does not accept the certificate.",
    },
    Client {
        name: "Psi+",
        trust: SYSTEM_STORE,
        connect: "account, connection: host {host}, port {port}; or port {direct-port} with legacy SSL",
        note: "",
    },
    Client {
        name: "Pidgin",
        trust: SYSTEM_STORE,
        connect: "account, advanced: connect server {host}, port {port}, require encryption; or port {direct-port} with old-style SSL",
        note: "",
    },
    Client {
        name: "Conversations",
        trust: "copy root.pem to the phone; Android settings, security, install a certificate, CA certificate",
        connect: "expert settings, extended connection settings: host {host}, port {port}",
        note: "Remembers the login mechanism, so use a fresh profile. A phone dials the proxy by this machine's address or name: \
               make the CA with it (ca init --name ADDRESS).",
    },
    Client {
        name: "Monal",
        trust: "send root.pem to the device and install the profile; then settings, general, about, certificate trust settings",
        connect: "account, advanced: host {host}, port {port}",
        note: "Checks XEP-0474 and disables the account when the list of login mechanisms was changed: do not strip.",
    },
    Client {
        name: "Debian or Ubuntu system store",
        trust: "sudo cp {ca} /usr/local/share/ca-certificates/stanzascope.crt && sudo update-ca-certificates",
        connect: "",
        note: "Every program of the machine trusts it then; a container or virtual machine is the better place.",
    },
    Client { name: "Fedora or Arch system store", trust: "sudo trust anchor --store {ca}", connect: "", note: "" },
    Client {
        name: "macOS system store",
        trust: "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {ca}",
        connect: "",
        note: "",
    },
    Client {
        name: "Chromium (Converse.js and other web clients)",
        trust: "certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n stanzascope -i {ca}",
        connect: "",
        note: "Firefox: settings, certificates, authorities, import. Better an own profile for the test.",
    },
];
