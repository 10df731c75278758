//! `stanzascope rules`

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use stanzascope::catalog::Catalog;
use stanzascope::config::SessionFile;
use stanzascope::report::terminal::shown;
use stanzascope::report::text::layout::{counted, padded};
use stanzascope::rules::{RULES, Rule, RuleSet, by_id, stored};
use stanzascope::run_dir::RECORDS;
use stanzascope::say;

use super::{Failure, Outcome, print};

/// Show the leak rules, or apply them to a run that was recorded before.
///
/// Without a subcommand it lists them.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Write the list as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show one rule: what it checks, why it matters, where its limits are.
    Show {
        /// Name of the rule.
        rule: String,
    },
    /// Apply the rules of this version to the records of a run, and write what they find as JSON lines.
    Apply {
        /// A run directory, or a file of records.
        run: PathBuf,
        /// Session file that switches rules off and accepts findings.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    match &args.command {
        None if args.json => print(&json())?,
        None => print(&list())?,
        Some(Command::Show { rule }) => print(&show(rule).map_err(Failure::Usage)?)?,
        Some(Command::Apply { run, config }) => apply(run, config.as_deref()).map_err(Failure::Usage)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn sorted() -> Vec<&'static Rule> {
    let mut rules = RULES.to_vec();
    rules.sort_by_key(|rule| (rule.theme, rule.id));
    rules
}

fn list() -> String {
    let width = RULES.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for rule in sorted() {
        text.push_str(&format!("{}  {:8}  {:9}  {}\n", padded(rule.id, width), rule.severity, rule.avoidability, rule.title));
    }
    text
}

fn json() -> String {
    let rows: Vec<serde_json::Value> = sorted()
        .into_iter()
        .map(|rule| {
            serde_json::json!({
                "id": rule.id,
                "title": rule.title,
                "theme": rule.theme,
                "severity": rule.severity,
                "confidence": rule.confidence,
                "avoidability": rule.avoidability,
                "advice": rule.advice,
                "source": rule.source,
            })
        })
        .collect();
    let mut text = serde_json::to_string_pretty(&rows).expect("rules have string keys");
    text.push('\n');
    text
}

fn show(name: &str) -> anyhow::Result<String> {
    let rule = by_id(name).ok_or_else(|| {
        let near: Vec<&str> =
            RULES.iter().map(|rule| rule.id).filter(|id| name.split('-').any(|word| id.split('-').any(|w| w == word))).take(6).collect();
        match near.as_slice() {
            [] => anyhow!("no rule is called \"{}\" (`stanzascope rules` lists them)", shown(name)),
            near => anyhow!("no rule is called \"{}\"; near it: {}", shown(name), near.join(", ")),
        }
    })?;
    Ok(rule.page())
}

fn apply(run: &Path, config: Option<&Path>) -> anyhow::Result<()> {
    let file = config.map_or_else(|| Ok(SessionFile::default()), SessionFile::read)?;
    let catalog = Catalog::builtin();
    let set = Arc::new(RuleSet::new(&catalog, file.rule_choice()?));
    let (records, accounts) = if run.is_dir() { (run.join(RECORDS), accounts(run)) } else { (run.to_owned(), Vec::new()) };
    let accounts = if file.accounts.is_empty() { accounts } else { file.accounts };
    let input = File::open(&records).with_context(|| format!("cannot read {}", records.display()))?;
    let applied = stored::apply(&catalog, &set, &accounts, &mut BufReader::with_capacity(1 << 16, input))
        .with_context(|| records.display().to_string())?;
    let mut out = std::io::stdout().lock();
    for (session, finding) in &applied.findings {
        let mut line = serde_json::json!({ "session": session });
        let fields = serde_json::to_value(finding).expect("a finding has string keys");
        if let (Some(line), serde_json::Value::Object(fields)) = (line.as_object_mut(), fields) {
            line.extend(fields);
        }
        writeln!(out, "{line}")?;
    }
    say!("{} judged, {}", counted(applied.stanzas, "stanza"), counted(applied.findings.len() as u64, "finding"));
    if applied.without_evidence > 0 {
        say!("{} not judged: the records carry no XML (`--evidence redacted` keeps it)", counted(applied.without_evidence, "stanza"));
    }
    Ok(())
}

/// The accounts under test, as the run's manifest names them.
fn accounts(run: &Path) -> Vec<String> {
    let manifest = std::fs::read_to_string(run.join(stanzascope::run_dir::MANIFEST)).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap_or_default();
    let accounts = manifest["accounts"].as_array().into_iter().flatten();
    accounts.filter_map(|account| account.as_str().map(str::to_owned)).collect()
}
