use std::collections::BTreeSet;

use super::*;

fn parse(text: &str) -> Result<SessionFile, String> {
    SessionFile::parse(text, Path::new("stanzascope.toml")).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(text: &str, message: &str) {
    assert_eq!(parse(text).unwrap_err(), format!("stanzascope.toml:{message}"));
}

/// The keys that the reader knows, as it lists them when it meets one that it does not.
fn keys_of_the_struct() -> BTreeSet<String> {
    let error = toml::from_str::<SessionFile>("no-such-key = 1").unwrap_err();
    let (_, list) = error.message().split_once("expected one of").unwrap();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_key_is_read() {
    let uncommented: String = SessionFile::template()
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ") || rest.starts_with('[')).unwrap_or(line).to_owned() + "\n")
        .collect();
    let file = parse(&uncommented).unwrap();
    let expected = SessionFile {
        domain: vec!["lab.test".into()],
        upstream: Some("127.0.0.1:5322".into()),
        upstream_tls: Some(UpstreamTls::Starttls),
        upstream_ca: Some("server-ca.pem".into()),
        upstream_pin: vec!["sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into()],
        resolver: Some("127.0.0.1:53".parse().unwrap()),
        accounts: vec!["ann@lab.test".into(), "ben@lab.test".into()],
        names: vec!["proxy.lan".into(), "192.168.1.20".into()],
        label: Some("gajim-1.8".into()),
        listen: Some("127.0.0.1".parse().unwrap()),
        starttls_port: Some(5222),
        direct_port: Some(5223),
        allow_remote: vec!["192.168.1.0/24".into()],
        certs: Some("certs".into()),
        runs: Some("runs".into()),
        metrics: Some(MetricsListener::At("127.0.0.1:9222".parse().unwrap())),
        channel_binding: Some(ChannelBinding::Strip),
        observe_only: Some(true),
        evidence: Some(Evidence::None),
        keep_content: Some(true),
        transcript: Some(true),
        on_log_failure: Some(OnLogFailure::Gap),
        canaries: vec!["the heron lands at noon".into()],
        i_own_this_account: Some(true),
        profile: file.profile.clone(),
        plan: file.plan.clone(),
        rules_off: vec!["login-before-tls".into()],
        accepted: file.accepted.clone(),
        canary: vec![Canary {
            name: Some("c1".into()),
            field: Some(crate::audit::canary::Field::Body),
            text: "CNRYEXAMPLE23456-heron".into(),
            with: Some("ben@lab.test".into()),
            file: None,
        }],
    };
    assert_eq!(file, expected);
    assert_eq!(file.accepted[0].rule, "plain-login-inside-tls");
    assert!(file.profile.is_some() && file.plan.is_some());
}

#[test]
fn the_template_as_it_is_names_a_domain_only() {
    let file = parse(&SessionFile::template()).unwrap();
    assert_eq!(file, SessionFile { domain: vec!["lab.test".into()], ..SessionFile::default() });
    assert_eq!(parse("").unwrap(), SessionFile::default());
    assert!(SessionFile::template().lines().all(|line| line.len() <= 140));
}

#[test]
fn lists_may_have_one_entry_without_brackets() {
    assert_eq!(parse("domain = ['a.test', 'b.test']").unwrap().domain, ["a.test", "b.test"]);
    assert_eq!(parse("accounts = 'a@a.test'").unwrap().accounts, ["a@a.test"]);
    assert_eq!(parse("metrics = 'off'").unwrap().metrics, Some(MetricsListener::Off));
    assert_eq!(parse("\u{feff}label = 'x'").unwrap().label.as_deref(), Some("x"));
}

#[test]
fn mistakes_name_the_line_and_the_way_out() {
    refused("\n\nupstream-tls = 'auto'", "3: unknown field `upstream-tls` (did you mean `upstream_tls`?)");
    refused("password = 'x'", "1: unknown field `password` (docs/session-file.md lists the keys)");
    refused(
        "label = 'x'\ndomain = 5",
        "2: invalid type: integer `5`, expected a string or a list of strings (write it like: domain = \"lab.test\")",
    );
    refused("names = [1]", "1: invalid type: integer `1`, expected a string (write it like: names = [\"proxy.lan\", \"192.168.1.20\"])");
    refused("starttls_port = 70000", "1: invalid value: integer `70000`, expected u16 (write it like: starttls_port = 5222)");
    refused(
        "evidence = 'all'",
        "1: \"all\" cannot be used: unknown variant `all`, expected `redacted` or `none` (write it like: evidence = \"none\")",
    );
    refused(
        "resolver = '127.0.0.1'",
        "1: \"127.0.0.1\" cannot be used: invalid socket address syntax (write it like: resolver = \"127.0.0.1:53\")",
    );
    refused("metrics = ':9'", "1: \":9\" cannot be used: expected ADDRESS:PORT or `off` (write it like: metrics = \"127.0.0.1:9222\")");
    refused("label = 'a'\nlabel = 'b'", "2: duplicate key (write it like: label = \"gajim-1.8\")");
    refused("[profile\n", "1: unclosed table, expected `]` (`stanzascope run --example-config` shows how it is written)");
    refused(
        "accepted = 'x'",
        "1: invalid type: string \"x\", expected a sequence (`stanzascope run --example-config` shows how it is written)",
    );
}

#[test]
fn paths_are_relative_to_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stanzascope.toml");
    fs::write(&path, "certs = 'here'\nruns = '/there'\nupstream_ca = '../ca.pem'").unwrap();
    let file = SessionFile::read(&path).unwrap();
    assert_eq!(file.certs, Some(dir.path().join("here")));
    assert_eq!(file.runs, Some("/there".into()));
    assert_eq!(file.upstream_ca, Some(dir.path().join("../ca.pem")));
    let missing = SessionFile::read(&dir.path().join("none.toml")).unwrap_err().to_string();
    assert!(missing.contains("none.toml") && missing.contains("--example-config"), "{missing}");
    fs::write(&path, b"\xff").unwrap();
    assert!(SessionFile::read(&path).unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn the_manual_lists_the_keys_there_are() {
    let documented: BTreeSet<String> = KEYS.iter().map(|key| key.name.to_owned()).collect();
    assert_eq!(documented, keys_of_the_struct());
    let mut table = String::from("| Key | Without it | Meaning | Example |\n|---|---|---|---|\n");
    for key in KEYS {
        let example = key.example.replace('\n', "` `");
        table.push_str(&format!("| `{}` | {} | {} | `{example}` |\n", key.name, key.default, key.text));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/session-file.md");
    let manual = fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- keys -->\n", "<!-- end of keys -->");
    let (before, rest) = manual.split_once(begin).unwrap();
    let (listed, after) = rest.split_once(end).unwrap();
    if listed != table {
        assert!(std::env::var_os("UPDATE_DOCS").is_some(), "docs/session-file.md is out of date: UPDATE_DOCS=1 cargo test writes it anew");
        fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
    }
}

#[test]
fn canaries_that_are_too_short_have_a_line_and_are_not_repeated() {
    for text in ["label = 'x'\ncanaries = ['the heron lands', 'swan']", "label = 'x'\ncanaries = 'swan'", "[[canary]]\ntext = 'swan'"] {
        let error = parse(text).unwrap_err();
        assert!(error.contains("stanzascope.toml:2") || text.starts_with('['), "{error}");
        assert!(error.contains("4 characters") && error.contains("canary new") && !error.contains("swan"), "{error}");
    }
    let both = parse("canaries = ['the heron lands']\n[[canary]]\nname = 'body'\ntext = 'CANARY-91bc'").unwrap();
    assert_eq!(both.all_canaries().len(), 2);
}
