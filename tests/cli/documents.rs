//! Commands that documents show for runs are run as they stand there.

use std::path::Path;

use crate::export::recorded;
use crate::rig::Bench;

const STANZAS: &str = "<presence><status>at home</status></presence>\
    <message to='ben@lab.test' type='chat'><body>hello</body></message>";

/// The commands of a page's `sh` blocks, redirections left out.
fn commands(page: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|part| part.split("```").next().unwrap().to_owned());
    let lines = blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    lines
        .filter_map(|line| line.strip_prefix("stanzascope ").map(str::to_owned))
        .map(|line| line.split(" > ").next().unwrap().split_whitespace().map(str::to_owned).collect())
        .collect()
}

fn work(page: &str, at_least: usize) {
    let bench = Bench::new();
    let commands = commands(page);
    assert!(commands.len() >= at_least, "{page}: {commands:?}");
    for run in commands.iter().flatten().filter(|word| word.contains("runs/")) {
        recorded(&bench, run, STANZAS, "{\"schema\":1,\"ended\":\"2026-01-01T00:00:00Z\"}");
    }
    std::fs::write(bench.path("stanzascope.toml"), "domain = 'lab.test'\n[[expect]]\nhas_field = 'presence.status'\n").unwrap();
    for command in commands {
        let args: Vec<&str> = command.iter().map(String::as_str).collect();
        let said = bench.run(&args);
        assert_eq!(said.code, Some(0), "{page}: {args:?}: {said:#?}");
    }
}

#[test]
fn exports() {
    work("docs/export.md", 4);
}

#[test]
fn scale() {
    work("docs/scale.md", 1);
}

#[test]
fn comparisons() {
    work("docs/diff.md", 3);
}

#[test]
fn checks() {
    work("docs/check.md", 3);
}

#[test]
fn ci() {
    work("docs/ci.md", 6);
}

/// The plan of the page is one, but for the names of its steps.
#[test]
fn the_plan_of_the_page() {
    let bench = Bench::new();
    recorded(&bench, "runs/one", STANZAS, "{\"schema\":1}");
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/check.md")).unwrap();
    std::fs::write(bench.path("plan.toml"), page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap()).unwrap();
    let said = bench.run(&["check", "runs/one", "--plan", "plan.toml"]);
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert_eq!(said.out.lines().filter(|line| line.contains("[line ")).count(), 5, "{said:#?}");
}
