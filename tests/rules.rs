//! Every leak rule against its fixtures: a leak, the same thing mended, and what only looks alike. Live, and again from the records.
#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use stanzascope::audit::canary::Canaries;
use stanzascope::audit::{Auditor, Settings};
use stanzascope::catalog::Catalog;
use stanzascope::record::{Body, Finding, Moment, Phase};
use stanzascope::rules::{Choice, RULES, RuleSet, stored};
use stanzascope::xmpp::Direction;

/// The fixtures of one rule: `tests/rules/<rule>.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixtures {
    account: String,
    case: Vec<Case>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    is: Kind,
    /// Numbers of the stanzas that the finding of a leak stands on.
    #[serde(default)]
    finds: Vec<u64>,
    #[serde(default)]
    phase: Option<Phase>,
    #[serde(default)]
    canaries: Vec<String>,
    /// The accounts under test, where they are not that of the file and those of the sessions.
    #[serde(default)]
    accounts: Option<Vec<String>>,
    /// Nobody says when a stanza passed, as in most of what `scan` reads.
    #[serde(default)]
    without_clock: bool,
    /// Nobody says which way a stanza went.
    #[serde(default)]
    without_direction: bool,
    /// One stanza a line, `>` sent by the client and `<` received. `+5s` on a line of its own lets time pass; `~ ann@a.example` begins
    /// another session of the same run, of that account. `{name}` is the stanza of `tests/vectors/name.xml`, `{name:element}` the first
    /// element of that name in it.
    stream: String,
}

#[derive(Deserialize, PartialEq, Clone, Copy, Debug)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Leak,
    Fixed,
    LookAlike,
}

fn fixtures(rule: &str) -> Fixtures {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules").join(format!("{rule}.toml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A line with the vectors that it names.
fn expanded(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or_else(|| panic!("no closing brace: {line}"));
        let (file, element) = name.split_once(':').map_or((name, None), |(file, element)| (file, Some(element)));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(format!("{file}.xml"));
        let vector = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        out.push_str(before);
        out.push_str(element.map_or(vector.trim(), |element| {
            let start = vector.find(&format!("<{element} ")).unwrap_or_else(|| panic!("{file} has no <{element}/>"));
            let end = format!("</{element}>");
            &vector[start..start + vector[start..].find(&end).unwrap() + end.len()]
        }));
        rest = after;
    }
    out + rest
}

/// Findings of the live engine, and those of the same records read back.
fn run(fixtures: &Fixtures, case: &Case) -> (Vec<Finding>, Vec<Finding>) {
    let catalog = Catalog::builtin();
    let lines = || case.stream.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut accounts = vec![fixtures.account.clone()];
    accounts.extend(lines().filter_map(|line| line.strip_prefix("~ ")).map(str::to_owned));
    accounts.dedup();
    let accounts = case.accounts.clone().unwrap_or(accounts);
    let rules = || Some(Arc::new(RuleSet::new(&catalog, Choice::default())));
    let settings = Settings {
        accounts: accounts.clone(),
        canaries: Canaries::of_texts(case.canaries.iter().cloned()).unwrap(),
        rules: rules(),
        ..Settings::default()
    };
    let settings = Arc::new(settings);
    let mut sessions = 0;
    let mut begin = || {
        sessions += 1;
        Auditor::new(catalog.clone(), settings.clone(), format!("fixture {sessions}")).assume_logged_in()
    };
    let mut auditor = begin();
    let mut log = Vec::new();
    let mut findings = Vec::new();
    let mut now = Moment { unix_micros: 1_795_000_000_000_000, mono_micros: 0 };
    let mut take = |record: stanzascope::record::Record| {
        record.write_line(&mut log);
        if let Body::Finding(finding) = record.body {
            findings.push(*finding);
        }
    };
    let mut input = 0;
    for line in lines() {
        if line.starts_with("~ ") {
            for direction in Direction::BOTH {
                auditor.finish(direction, Some(now));
            }
            while let Some(record) = auditor.poll() {
                take(record);
            }
            auditor = begin();
            continue;
        }
        if let Some(seconds) = line.strip_prefix('+').and_then(|rest| rest.strip_suffix('s')) {
            let micros: u64 = seconds.parse::<u64>().unwrap() * 1_000_000;
            now = Moment { unix_micros: now.unix_micros + micros as i64, mono_micros: now.mono_micros + micros };
            continue;
        }
        let (direction, xml) = match line.split_at(1) {
            (">", xml) => (Direction::ClientToServer, xml),
            ("<", xml) => (Direction::ServerToClient, xml),
            _ => panic!("{}: a line begins with > or <: {line}", case.name),
        };
        auditor.set_clock((!case.without_clock).then_some(now));
        let xml = expanded(xml);
        let direction = (!case.without_direction).then_some(direction);
        let record = auditor.audit_one(xml.trim().as_bytes(), direction, case.phase, input);
        if let Body::Stanza(stanza) = &record.body {
            assert!(stanza.gap.is_none(), "{}: stanza {input} cannot be read: {:?}", case.name, stanza.gap);
        }
        input += 1;
        take(record);
        while let Some(record) = auditor.poll() {
            take(record);
        }
    }
    for direction in Direction::BOTH {
        auditor.finish(direction, Some(now));
    }
    while let Some(record) = auditor.poll() {
        take(record);
    }
    let set = Arc::new(RuleSet::new(&catalog, Choice::default()));
    let applied = stored::apply(&catalog, &set, &accounts, &mut log.as_slice()).unwrap();
    assert_eq!((applied.damage.unreadable, applied.without_evidence), (0, 0), "{}", case.name);
    (findings, applied.findings.into_iter().map(|(_, finding)| finding).collect())
}

#[test]
fn every_rule_finds_its_leak_and_nothing_that_looks_alike() {
    let mut wrong = Vec::new();
    for rule in RULES {
        let fixtures = fixtures(rule.id);
        let kinds: Vec<Kind> = fixtures.case.iter().map(|case| case.is).collect();
        for kind in [Kind::Leak, Kind::Fixed, Kind::LookAlike] {
            assert!(kinds.contains(&kind), "tests/rules/{}.toml has no case of kind {kind:?}", rule.id);
        }
        for case in &fixtures.case {
            let (live, stored) = run(&fixtures, case);
            let of_rule = |findings: &[Finding]| -> Vec<Finding> { findings.iter().filter(|f| f.rule == rule.id).cloned().collect() };
            let (live, stored) = (of_rule(&live), of_rule(&stored));
            let evidence: BTreeSet<u64> = live.iter().flat_map(|finding| finding.evidence.iter().copied()).collect();
            let expected: BTreeSet<u64> = case.finds.iter().copied().collect();
            if (case.is == Kind::Leak) == live.is_empty() || evidence != expected {
                wrong.push(format!("{}: {} ({:?}): stands on {evidence:?}, expected {expected:?}: {live:#?}", rule.id, case.name, case.is));
            }
            if live != stored {
                wrong.push(format!("{}: {}: from the records: {stored:#?}\nlive: {live:#?}", rule.id, case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What `scan` reads has no clock, mostly. Nothing may depend on one but where time alone tells a leak from what looks like it.
#[test]
fn a_rule_needs_no_clock() {
    let mut wrong = Vec::new();
    for rule in RULES {
        let fixtures = fixtures(rule.id);
        let timeless = |case: &&Case| !case.stream.lines().any(|line| line.trim_start().starts_with('+'));
        for case in fixtures.case.iter().filter(timeless) {
            let evidence = |case: &Case| -> BTreeSet<u64> {
                let (live, _) = run(&fixtures, case);
                live.iter().filter(|finding| finding.rule == rule.id).flat_map(|finding| finding.evidence.iter().copied()).collect()
            };
            let found = evidence(&Case { without_clock: true, ..case.clone() });
            let expected: BTreeSet<u64> = case.finds.iter().copied().collect();
            if found != expected {
                wrong.push(format!("{}: {}: stands on {found:?}, with a clock on {expected:?}", rule.id, case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What a careful client does all day. Nothing of it could have been left out without losing what the person wants.
#[test]
fn an_ordinary_session_holds_nothing_avoidable() {
    let case = Case {
        name: "ordinary".into(),
        is: Kind::Fixed,
        finds: Vec::new(),
        phase: None,
        canaries: Vec::new(),
        accounts: None,
        without_clock: false,
        without_direction: false,
        stream: include_str!("ordinary-session.txt").into(),
    };
    let (live, stored) = run(&Fixtures { account: "mira@fern.example".into(), case: Vec::new() }, &case);
    let avoidable: Vec<&Finding> = live.iter().filter(|finding| finding.avoidability == "avoidable").collect();
    assert!(avoidable.is_empty(), "{avoidable:#?}");
    let grave: Vec<&Finding> = live.iter().filter(|finding| !matches!(&*finding.severity, "info" | "low")).collect();
    assert!(grave.is_empty(), "{grave:#?}");
    assert_eq!(live, stored);
}

#[test]
fn every_fixture_belongs_to_a_rule() {
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let rule = name.strip_suffix(".toml").unwrap_or_else(|| panic!("{name} is no fixture"));
        assert!(RULES.iter().any(|known| known.id == rule), "{name}: no such rule");
    }
}

/// What a rule waits for must be a name that the catalog knows: elsewhere it would never wake up.
#[test]
fn every_watched_element_is_known() {
    let catalog = Catalog::builtin();
    for rule in RULES {
        for (uri, local) in rule.watches {
            assert!(catalog.names.lookup(uri, local).0 != 0, "{}: {{{uri}}}{local} is in no catalog file", rule.id);
        }
        assert!(!rule.watches.is_empty() || !rule.verdicts.is_empty(), "{} watches nothing", rule.id);
    }
}

/// A hostile session cannot fill the memory: what it teaches the rules is bounded.
#[test]
fn what_a_session_teaches_is_bounded() {
    use stanzascope::rules::Engine;
    use stanzascope::xmpp::element::{Document, Inherited};
    let catalog = Catalog::builtin();
    let mut engine = Engine::new(Arc::new(RuleSet::new(&catalog, Choice::default())), &["mira@fern.example".to_owned()]);
    let mut document = Document::new();
    for n in 0..60_000u64 {
        let stanzas = [
            (
                Direction::ServerToClient,
                format!("<iq type='set'><query xmlns='jabber:iq:roster'><item jid='c{n}@x.example'/></query></iq>"),
            ),
            (
                Direction::ClientToServer,
                format!("<presence to='r{n}@rooms.example/me'><x xmlns='http://jabber.org/protocol/muc'/></presence>"),
            ),
            (
                Direction::ServerToClient,
                format!(
                    "<presence from='r{0}@rooms.example/n{n}'><x xmlns='http://jabber.org/protocol/muc#user'><item jid='p{n}@x.example' affiliation='member'/></x></presence>",
                    n % 7
                ),
            ),
            (Direction::ClientToServer, format!("<presence to='s{n}@x.example'/>")),
            (
                Direction::ServerToClient,
                format!(
                    "<message from='d{n}@x.example'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='eu.siacs.conversations.axolotl.devicelist'><item><list xmlns='eu.siacs.conversations.axolotl'><device id='{n}'/><device id='{0}'/></list></item></items></event></message>",
                    n + 1
                ),
            ),
        ];
        for (direction, xml) in stanzas {
            document.parse(xml.as_bytes(), false, &Inherited::client(), &catalog.names, &Default::default()).unwrap();
            engine.see(stanzascope::rules::Sight {
                stanza: document.root(),
                direction: Some(direction),
                phase: Phase::LoggedIn,
                verdict: None,
                conversation: None,
                at: None,
                number: n,
            });
        }
    }
    assert!(engine.world().entries() <= 8 * stanzascope::rules::MAX_ENTRIES, "{}", engine.world().entries());
    assert!(engine.world().is_contact("c0@x.example") && !engine.world().is_contact("c59999@x.example"));
}
