//! `docs/rules.md`: every rule with its page, generated.

use std::fmt::Write as _;

use super::{RULES, Theme};

/// The page.
pub fn overview() -> String {
    let mut out = String::from(
        "# Leak rules\n\n\
        Generated from `src/rules/` (`STANZASCOPE_REGENERATE=1 cargo test --lib overview`). `stanzascope rules` lists the same, and\n\
        `stanzascope rules show NAME` prints one page.\n\n\
        A finding is *inherent* when the protocol cannot work without it, *optional* when a setting or a feature that can be left out\n\
        causes it, and *avoidable* when the client should not have sent it. A rule that stays silent proves nothing: what could not be\n\
        checked counts as not seen.\n\n\
        | Rule | Finds | Theme | Severity | |\n|---|---|---|---|---|\n",
    );
    let mut rules = RULES.to_vec();
    rules.sort_by_key(|rule| (rule.theme, rule.id));
    for rule in &rules {
        writeln!(out, "| [`{0}`](#{0}) | {1} | {2} | {3} | {4} |", rule.id, rule.title, rule.theme, rule.severity, rule.avoidability)
            .expect("writing to a string");
    }
    for theme in Theme::ALL {
        let about = rules.iter().filter(|rule| rule.theme == *theme).collect::<Vec<_>>();
        if about.is_empty() {
            continue;
        }
        writeln!(out, "\n## {}", heading(*theme)).expect("writing to a string");
        for rule in about {
            let facts = format!("*{}, {}, {}.*", rule.severity, rule.confidence, rule.avoidability);
            writeln!(out, "\n### {}\n\n{facts} {}\n\n**Advice.** {}\n\n**Source.** {}", rule.id, rule.manual(), rule.advice, rule.source)
                .expect("writing to a string");
        }
    }
    out
}

fn heading(theme: Theme) -> &'static str {
    match theme {
        Theme::Content => "Content that can be read although encryption is on",
        Theme::Files => "Files and their keys",
        Theme::Login => "Before TLS, and how the account logs in",
        Theme::Presence => "Presence and activity shown to people who are not entitled to it",
        Theme::Linkage => "What makes a person, a device or a client recognisable",
        Theme::Storage => "Stored where the wrong people can read it",
        Theme::Recipients => "Keys for, or from, the wrong devices",
        Theme::Trust => "Believing what only the own server may say",
        Theme::Fetches => "Fetching what somebody else points to",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_overview_of_rules_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.md");
        let made = super::overview();
        if std::env::var_os("STANZASCOPE_REGENERATE").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == made, "docs/rules.md is not what the rules say (STANZASCOPE_REGENERATE=1 cargo test --lib overview)");
    }
}
