//! The keys of the session file in words: for the example, the manual and messages.

/// A key in words.
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What holds when it is not there.
    pub default: &'static str,
    /// TOML that sets it.
    pub example: &'static str,
    /// What it means, in a sentence or two.
    pub text: &'static str,
}

impl Key {
    /// What holds without it, in words.
    pub fn without(&self) -> String {
        match self.default {
            "needed" => "needed here or as a flag".to_owned(),
            default => format!("default: {}", default.replace('`', "")),
        }
    }
}

const fn key(name: &'static str, default: &'static str, example: &'static str, text: &'static str) -> Key {
    Key { name, default, example, text }
}

/// Every key, in the order of the manual.
pub const KEYS: &[Key] = &[
    key("domain", "needed", "domain = \"lab.test\"", "The domain of the test server, or a list of them. Other domains are refused."),
    key("upstream", "needed", "upstream = \"127.0.0.1:5322\"", "The server behind the proxy: HOST:PORT, or \"srv\" to look it up."),
    key(
        "upstream_tls",
        "`auto`",
        "upstream_tls = \"starttls\"",
        "How to speak to it: starttls, direct, auto, or none (in clear, on loopback only).",
    ),
    key("upstream_ca", "the platform's roots", "upstream_ca = \"server-ca.pem\"", "The CA that signed its certificate."),
    key(
        "upstream_pin",
        "none",
        "upstream_pin = \"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",
        "The public key it must show, or a list of them; trusted without a CA.",
    ),
    key("resolver", "the system's", "resolver = \"127.0.0.1:53\"", "The name server to ask for SRV records."),
    key(
        "accounts",
        "any",
        "accounts = [\"ann@lab.test\", \"ben@lab.test\"]",
        "The accounts under test. Only they are let through, and the log is read from their point of view.",
    ),
    key(
        "names",
        "none",
        "names = [\"proxy.lan\", \"192.168.1.20\"]",
        "Other names and addresses by which clients reach the proxy. Certificates are made for them too.",
    ),
    key("label", "none", "label = \"gajim-1.8\"", "What the run is called: the client and its version, say."),
    key("listen", "`127.0.0.1`", "listen = \"127.0.0.1\"", "The address to listen on. Any but a loopback address needs allow_remote."),
    key("starttls_port", "`5222`", "starttls_port = 5222", "The port for clients that use STARTTLS."),
    key("direct_port", "`5223`", "direct_port = 5223", "The port for clients that use direct TLS."),
    key(
        "allow_remote",
        "none",
        "allow_remote = [\"192.168.1.0/24\"]",
        "Whose connections are accepted besides this machine's: address ranges.",
    ),
    key("certs", "`certs`", "certs = \"certs\"", "The directory of the test CA."),
    key("runs", "`runs`", "runs = \"runs\"", "The directory that runs are written to."),
    key("metrics", "`127.0.0.1:9222`", "metrics = \"127.0.0.1:9222\"", "The loopback address of /metrics and /mark, or \"off\"."),
    key(
        "channel_binding",
        "`observe`",
        "channel_binding = \"strip\"",
        "What to do about channel binding: observe (change nothing) or strip (take the offers away).",
    ),
    key("observe_only", "`false`", "observe_only = true", "Change nothing that passes but STARTTLS and compression."),
    key(
        "evidence",
        "`redacted`",
        "evidence = \"none\"",
        "What each record shows of its stanza: redacted (its XML without content and secrets) or none.",
    ),
    key("keep_content", "`false`", "keep_content = true", "Write message text into the log instead of its class and length."),
    key("transcript", "`false`", "transcript = true", "Also keep the raw decrypted traffic, passwords included."),
    key(
        "on_log_failure",
        "`stop`",
        "on_log_failure = \"gap\"",
        "What to do when the log cannot be written: stop, or gap (go on and record how much is missing).",
    ),
    key(
        "canaries",
        "none",
        "canaries = [\"the heron lands at noon\"]",
        "Texts of 8 characters or more that are only ever sent encrypted. One that can be read is a proven leak.",
    ),
    key("rules_off", "none", "rules_off = [\"login-before-tls\"]", "Leak rules that are not to run (`stanzascope rules` lists them)."),
    key(
        "i_own_this_account",
        "`false`",
        "i_own_this_account = true",
        "Says that the accounts on a real domain are yours and that everyone concerned agrees. It is written into the run.",
    ),
    key(
        "profile",
        "none",
        "[profile]\nbackups = \"off, checked on both phones\"",
        "What no wire can show: threat_model, recipient_trust, backups, key_storage. Reports mark it as the evaluator's.",
    ),
    key(
        "plan",
        "none",
        "[plan]\ncontent_secrecy = true",
        "What is meant to be done, and how secret it has to stay: docs/report.md lists the keys. Reports judge it.",
    ),
    key(
        "accepted",
        "none",
        "[[accepted]]\nrule = \"plain-login-inside-tls\"\nbecause = \"the test server offers nothing else\"",
        "A finding that is known and accepted, and why; `about` limits it to one address. May be repeated.",
    ),
    key(
        "expect",
        "none",
        "[[expect]]\nno_field = \"presence.status\"\nbecause = \"nobody needs to know\"",
        "What `stanzascope check` expects of a run (docs/check.md). May be repeated.",
    ),
    key(
        "canary",
        "none",
        "[[canary]]\nname = \"c1\"\nfield = \"body\"\ntext = \"CNRYEXAMPLE23456-heron\"\nwith = \"ben@lab.test\"",
        "A canary with its name, field and recipient, as `stanzascope canary new` makes them. May be repeated.",
    ),
];

/// The way out of a mistake in `line`, of which TOML said `message`.
pub fn remedy(line: &str, message: &str) -> String {
    if let Some(unknown) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
        // Inside a table TOML names the keys that fit there.
        let named: Vec<&str> =
            message.split_once("expected").map_or(Vec::new(), |(_, names)| names.split('`').skip(1).step_by(2).collect());
        let page = if named.contains(&"no_field") { "docs/check.md" } else { "docs/session-file.md" };
        let names = KEYS.iter().map(|key| key.name).filter(|_| named.is_empty()).chain(named.iter().copied());
        let near = names.map(|name| (distance(unknown, name), name)).min().filter(|(distance, _)| *distance <= 3);
        return near.map_or_else(|| format!("{page} lists the keys"), |(_, name)| format!("did you mean `{name}`?"));
    }
    if message.contains("canary") {
        return "docs/canaries.md describes canaries".to_owned();
    }
    let name = line.split('=').next().unwrap_or("").trim();
    match KEYS.iter().find(|key| key.name == name && !key.example.contains('\n')) {
        Some(key) => format!("write it like: {}", key.example),
        None if crate::check::expect::CLAIMS.contains(&name) => format!("docs/check.md says how `{name}` is written"),
        None => "`stanzascope run --example-config` shows how it is written".to_owned(),
    }
}

/// How many letters have to be added, removed or changed to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
