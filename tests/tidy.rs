//! Keeps honest what code and documents say of each other: where the core's border is, and that documents name only what there is.
#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use stanzascope::catalog::Catalog;
use stanzascope::metrics::Metrics;
use stanzascope::xmpp::limits::Limits;

/// The part that opens nothing and reads no clock. What does not exist yet is skipped.
const CORE: &[&str] = &[
    "src/xmpp",
    "src/catalog",
    "src/record",
    "src/audit",
    "src/rules",
    "src/report",
    "src/export",
    "src/diff",
    "src/check",
    "src/scan.rs",
    "src/transcript.rs",
];

/// What the core must not name, and why.
const FOREIGN: &[(&str, &str)] = &[
    ("tokio", "runs without a runtime"),
    ("std::fs", "opens no files"),
    ("fs::", "opens no files"),
    (" File::", "opens no files"),
    ("TcpStream", "opens no sockets"),
    ("TcpListener", "opens no sockets"),
    ("UdpSocket", "opens no sockets"),
    ("ToSocketAddrs", "resolves no names"),
    ("Instant", "reads no clock"),
    ("SystemTime", "reads no clock"),
    ("now_utc", "reads no clock"),
    ("std::env", "reads no environment"),
    ("std::process", "starts and ends nothing"),
    ("std::thread", "starts no threads"),
    ("stdin()", "is given its input"),
    ("stdout()", "is given its output"),
    ("println!", "is given its output"),
    ("tracing", "has nothing to say to the operator"),
];

/// Where quick-xml may be used outside the core's own parser, and why.
const QUICK_XML: &[(&str, &str)] = &[
    ("src/xmpp/element/tree.rs", "the parser of the core"),
    ("src/proxy/upstream/nonza.rs", "reads the few elements of the server's leg before there is a session to audit"),
    ("src/proxy/upstream/starttls.rs", "tells the errors of that reader apart"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files below a place whose name ends so, relative to the repository.
fn files(place: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut places = vec![PathBuf::from(place)];
    while let Some(place) = places.pop() {
        let path = root().join(&place);
        if path.is_dir() {
            places.extend(fs::read_dir(path).unwrap().map(|entry| place.join(entry.unwrap().file_name())));
        } else if path.is_file() && place.to_string_lossy().ends_with(ending) {
            found.push(place.to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

fn is_test(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/")
}

/// The lines of a file that are code and not tests, with their numbers. Tests stand last in a file.
fn code(file: &str) -> Vec<(usize, String)> {
    let text = read(file);
    let lines = text.lines().enumerate().take_while(|(_, line)| *line != "#[cfg(test)]");
    lines.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(at, line)| (at + 1, line.to_owned())).collect()
}

#[track_caller]
fn none(problems: Vec<String>) {
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn the_core_opens_nothing_and_reads_no_clock() {
    let sources: Vec<String> = CORE.iter().flat_map(|place| files(place, ".rs")).filter(|file| !is_test(file)).collect();
    assert!(sources.len() > 20, "the core was not found: {sources:?}");
    let mut problems = Vec::new();
    for file in &sources {
        for (at, line) in code(file) {
            for (word, promise) in FOREIGN {
                if line.contains(word) {
                    problems.push(format!("{file}:{at}: {word:?}, but the core {promise}"));
                }
            }
        }
    }
    none(problems);
}

/// `eprintln!` and `println!` panic when nobody reads.
#[test]
fn nothing_panics_for_want_of_a_listener() {
    let printing = |(_, line): &(usize, String)| ["eprint!(", "eprintln!(", " print!(", "println!("].iter().any(|word| line.contains(word));
    let wrong = files("src", ".rs").into_iter().filter(|file| !is_test(file));
    none(
        wrong
            .flat_map(|file| code(&file).into_iter().filter(printing).map(move |(at, _)| format!("{file}:{at}: use say! or cli::print")))
            .collect(),
    );
}

#[test]
fn quick_xml_stays_behind_one_door() {
    let uses = |file: &String| !is_test(file) && code(file).iter().any(|(_, line)| line.contains("quick_xml"));
    let using: Vec<String> = files("src", ".rs").into_iter().filter(uses).collect();
    let allowed: Vec<&str> = QUICK_XML.iter().map(|(file, _)| *file).collect();
    let mut expected = allowed.clone();
    expected.sort_unstable();
    assert_eq!(using, expected, "parse in src/xmpp/element/tree.rs, or say in QUICK_XML why not");
}

#[test]
fn every_module_says_what_it_is() {
    let silent = files("src", ".rs").into_iter().filter(|file| !is_test(file) && !read(file).starts_with("//! "));
    none(silent.map(|file| format!("{file} does not begin with a module doc")).collect());
}

/// Everything a reader of the repository finds.
fn documents() -> Vec<String> {
    let mut all = files("docs", ".md");
    for file in
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "certs/README.md", "catalog/README.md", "tests/lab/README.md"]
    {
        if root().join(file).exists() {
            all.push(file.to_owned());
        }
    }
    assert!(all.len() > 5);
    all
}

/// The text of a document outside its code blocks.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let outside = |line: &&str| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    };
    text.lines().filter(outside).map(|line| format!("{line}\n")).collect()
}

/// As GitHub makes them.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.trim().to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn local_links_lead_somewhere() {
    let mut problems = Vec::new();
    for file in documents() {
        let text = prose(&read(&file));
        for piece in text.split("](").skip(1) {
            let target = piece.split(')').next().unwrap_or("");
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
            let place = if path.is_empty() { root().join(&file) } else { root().join(&file).parent().unwrap().join(path) };
            if !place.exists() {
                problems.push(format!("{file}: {target} does not exist"));
            } else if !fragment.is_empty() {
                let headings: Vec<String> = prose(&fs::read_to_string(&place).unwrap())
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .map(|line| anchor(line.trim_start_matches('#')))
                    .collect();
                if !headings.iter().any(|heading| heading == fragment) {
                    problems.push(format!("{file}: {target} names no heading"));
                }
            }
        }
    }
    none(problems);
}

/// What the program takes: for each command (words joined by a space, "" for none) its flags and subcommands.
struct Commands(BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>);

impl Commands {
    /// Asks the program itself.
    fn of_the_program() -> Commands {
        let mut known = BTreeMap::new();
        let mut waiting = vec![Vec::<String>::new()];
        while let Some(words) = waiting.pop() {
            let output = Command::new(env!("CARGO_BIN_EXE_stanzascope")).args(&words).arg("--help").stdin(Stdio::null()).output().unwrap();
            let help = String::from_utf8(output.stdout).unwrap();
            let (mut flags, mut subcommands) = (BTreeSet::new(), BTreeSet::new());
            let mut in_commands = false;
            for line in help.lines() {
                if !line.starts_with(' ') {
                    in_commands = line == "Commands:";
                } else if in_commands && line.starts_with("  ") && !line.starts_with("   ") {
                    let name = line.split_whitespace().next().unwrap();
                    if name != "help" {
                        subcommands.insert(name.to_owned());
                        waiting.push([&words[..], &[name.to_owned()]].concat());
                    }
                } else if line.trim_start().starts_with('-') && line.len() - line.trim_start().len() <= 6 {
                    let names = line.split_whitespace().take_while(|word| word.starts_with('-'));
                    flags.extend(names.map(|name| name.trim_end_matches(',').trim_end_matches("...").to_owned()));
                }
            }
            known.insert(words.join(" "), (flags, subcommands));
        }
        assert!(known.contains_key("ca init") && known["run"].0.contains("--upstream-tls"), "the help was not understood");
        Commands(known)
    }

    /// What is wrong with arguments as a document shows them.
    fn problem(&self, arguments: &[&str]) -> Option<String> {
        let mut command = String::new();
        for argument in arguments {
            let (flags, subcommands) = &self.0[&command];
            if argument.starts_with('-') && argument.len() > 1 {
                let flag = argument.split('=').next().unwrap();
                if !flags.contains(flag) {
                    return Some(format!("`{command}` has no flag {flag}"));
                }
            } else if subcommands.contains(*argument) {
                command = if command.is_empty() { (*argument).to_owned() } else { format!("{command} {argument}") };
            } else if command.is_empty() && !matches!(*argument, "help" | "COMMAND") {
                return Some(format!("there is no command {argument}"));
            }
        }
        None
    }

    fn has_flag(&self, flag: &str) -> bool {
        self.0.values().any(|(flags, _)| flags.contains(flag))
    }
}

/// The words of a command line up to a pipe or redirection; of the last command of a pipeline that is ours.
fn arguments<'a>(line: &'a str, commands: &Commands) -> Option<Result<(), String>> {
    let ours = line
        .split(" | ")
        .map(str::trim)
        .find(|part| ["stanzascope ", "cargo run ", "scripts/"].iter().any(|start| part.starts_with(start)))?;
    let words: Vec<&'a str> = ours.split_whitespace().take_while(|word| !matches!(*word, ">" | "&&" | "#" | "2>&1" | "&")).collect();
    Some(match words.as_slice() {
        ["stanzascope", rest @ ..] => commands.problem(rest).map_or(Ok(()), Err),
        ["cargo", "run", rest @ ..] => {
            let at = rest.iter().position(|word| *word == "--").map_or(rest.len(), |at| at + 1);
            commands.problem(&rest[at..]).map_or(Ok(()), Err)
        }
        [script, rest @ ..] => {
            let path = root().join(script);
            let text = fs::read_to_string(&path).unwrap_or_default();
            let unknown =
                rest.iter().find(|word| (word.starts_with("--") || word.chars().all(|c| c.is_ascii_lowercase())) && !text.contains(**word));
            match unknown {
                _ if !path.exists() => Err(format!("there is no {script}")),
                Some(word) => Err(format!("{script} knows no {word}")),
                None => Ok(()),
            }
        }
        [] => Ok(()),
    })
}

#[test]
fn commands_in_documents_exist() {
    let commands = Commands::of_the_program();
    let mut problems = Vec::new();
    let mut checked = 0;
    for file in documents() {
        let text = read(&file);
        let mut in_shell = false;
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.starts_with("```") {
                in_shell = !in_shell && line == "```sh";
                continue;
            }
            let pieces: Vec<&str> = if in_shell { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
            for piece in pieces {
                if let Some(answer) = arguments(piece, &commands) {
                    checked += 1;
                    problems.extend(answer.err().map(|problem| format!("{file}:{}: {piece}: {problem}", at + 1)));
                }
            }
        }
    }
    assert!(checked > 20, "only {checked} commands were found");
    none(problems);
}

/// Flags in running text. Those of other programs stand in a command of theirs, or here.
const OTHERS_FLAGS: &[&str] = &[
    "--release",
    "--hermetic",
    "--real",
    "--ignored",
    "--include-ignored",
    "--without-proxy",
    "--no-default-features",
    "--lib",
    "--locked",
];

#[test]
fn flags_in_documents_exist() {
    let commands = Commands::of_the_program();
    let mut problems = Vec::new();
    for file in documents() {
        for piece in prose(&read(&file)).split('`').skip(1).step_by(2).filter(|piece| piece.starts_with("--")) {
            let flag = piece.split([' ', '=']).next().unwrap();
            if flag != "--" && !commands.has_flag(flag) && !OTHERS_FLAGS.contains(&flag) {
                problems.push(format!("{file}: there is no flag {flag}"));
            }
        }
    }
    none(problems);
}

#[test]
fn metrics_in_documents_and_dashboards_exist() {
    let metrics = Metrics::new(&Catalog::builtin());
    let encoded = metrics.encode();
    let exists =
        |name: &str| encoded.lines().any(|line| line.strip_prefix("# TYPE ").is_some_and(|rest| rest.split(' ').next() == Some(name)));
    assert!(exists("stanzascope_exposures_total"));
    let of_histogram = |name: &str| ["_bucket", "_sum", "_count"].iter().any(|suffix| name.strip_suffix(suffix).is_some_and(exists));
    let mut problems = Vec::new();
    for file in documents().into_iter().chain(files("dashboards", ".json")) {
        let text = read(&file);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| word.starts_with("stanzascope_"));
        problems.extend(words.filter(|word| !exists(word) && !of_histogram(word)).map(|word| format!("{file}: there is no metric {word}")));
    }
    none(problems);
}

#[test]
fn the_limits_page_has_the_limits() {
    let page = read("docs/limits.md");
    let limits = Limits::default();
    let grouped = |n: usize| if n < 1000 { n.to_string() } else { format!("{},{:03}", n / 1000, n % 1000) };
    for (what, limit) in [
        ("one element before login", format!("{} bytes", grouped(limits.max_bytes_before_login))),
        ("one element from the client", format!("{} MiB", limits.max_bytes_client >> 20)),
        ("one element from the server", format!("{} MiB", limits.max_bytes_server >> 20)),
        ("nesting", grouped(limits.max_depth)),
        ("elements in a stanza", grouped(limits.max_elements)),
        ("attributes on an element", grouped(limits.max_attributes)),
        ("namespace bindings in scope", grouped(limits.max_bindings)),
        ("forwarded messages inside each other", grouped(limits.max_forwards)),
    ] {
        let row = format!("| {what} | {limit} |");
        assert!(page.contains(&row), "docs/limits.md lacks {row}");
    }
}

/// Rule ids in the sources of the verdicts: a capital, perhaps a number and a letter, in quotes.
#[test]
fn every_rule_of_the_verdicts_is_explained() {
    let page = read("docs/opacity.md");
    let is_id = |word: &&str| {
        let mut rest = word.chars();
        rest.next().is_some_and(|c| c.is_ascii_uppercase())
            && word.len() <= 4
            && (word.len() > 1 || matches!(*word, "S" | "M" | "P"))
            && rest.clone().next().is_none_or(|c| c.is_ascii_digit())
            && rest.all(|c| c.is_ascii_digit() || c == 'q')
    };
    let mut ids = BTreeSet::new();
    for file in files("src/audit/opacity", ".rs").into_iter().filter(|file| !is_test(file)) {
        for (_, line) in code(&file) {
            ids.extend(line.split('"').skip(1).step_by(2).filter(is_id).map(str::to_owned));
        }
    }
    assert!(ids.len() > 50, "only {ids:?} were found");
    none(ids.iter().filter(|id| !page.contains(&format!("`{id}`"))).map(|id| format!("docs/opacity.md does not explain {id}")).collect());
}

/// Words with single spaces, numbers as `0`: ports, times and counts differ from run to run and from catalog to catalog.
fn normal(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        let mut last = ' ';
        for c in word.chars().filter(|c| *c != ',') {
            let c = if c.is_ascii_digit() { '0' } else { c };
            if c != '0' || last != '0' {
                out.push(c);
            }
            last = c;
        }
        out.push(' ');
    }
    out
}

/// The summary as the README shows it: `[…]` stands for what is left out.
fn excerpt(said: &str) -> String {
    const CUT: &str = "  […]";
    let mut out: Vec<&str> = Vec::new();
    let cut = |out: &mut Vec<&str>| {
        if out.last() != Some(&CUT) {
            out.push(CUT);
        }
    };
    let (mut part, mut group, mut entries) = ("", "", 0);
    for line in said.lines().take_while(|line| *line != "Files") {
        if !line.is_empty() && !line.starts_with([' ', '─']) {
            (part, group) = (line, "");
        } else if part == "The most telling values" && line.starts_with("  ") && !line.starts_with("   ") {
            (group, entries) = (line.trim(), 0);
        } else if line.starts_with("    ") && !line.starts_with("     ") {
            entries += 1;
        }
        let left_out = match part {
            "The most telling values" => !group.is_empty() && (!matches!(group, "client" | "e2ee") || entries > 3) && !line.is_empty(),
            "Findings, the worst first" | "What the proxy changed" => true,
            part if part.starts_with("WHAT TO DO") => true,
            // How a session of the demo ends is a race.
            part if part.starts_with("HOW MUCH") => line.starts_with("  Sessions") || line.contains(" ended: "),
            _ => false,
        };
        if left_out {
            cut(&mut out);
        } else {
            if line == part && out.last() == Some(&CUT) {
                out.push("");
            }
            out.push(line.trim_end());
        }
    }
    out.join("\n").trim_end().to_owned()
}

/// Also proves that `demo` needs nothing but the program. `STANZASCOPE_BLESS=1` brings the README up to date.
#[test]
fn the_summary_in_the_readme_is_that_of_the_demo() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_stanzascope")).arg("demo").current_dir(dir.path()).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let readme = read("README.md");
    let (before, rest) = readme.split_once("```text\n").unwrap();
    let (shown, after) = rest.split_once("\n```\n").unwrap();
    assert!(before.contains("<!-- summary -->") && after.starts_with("<!-- end of summary -->"));
    let now = excerpt(&said);
    assert!(now.contains("What the server learned") && now.lines().count() > 30, "{said}");
    if normal(shown) != normal(&now) {
        if std::env::var_os("STANZASCOPE_BLESS").is_some() {
            fs::write(root().join("README.md"), format!("{before}```text\n{now}\n```\n{after}")).unwrap();
            return;
        }
        panic!("the README does not show what `stanzascope demo` says (STANZASCOPE_BLESS=1 brings it up to date):\n{now}");
    }
}
