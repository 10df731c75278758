//! A rule's manual page: the doc comment of its file, and what its data says.

use std::fmt::Write as _;

use super::Rule;

impl Rule {
    /// The text of the page: the doc comment of the rule's file, as Markdown.
    pub fn manual(&self) -> String {
        let lines = self.page.lines().map_while(|line| line.strip_prefix("//!"));
        let mut text: String = lines.flat_map(|line| [line.strip_prefix(' ').unwrap_or(line), "\n"]).collect();
        text.truncate(text.trim_end().len());
        text
    }

    /// The page with what the rule's data says above it.
    pub fn page(&self) -> String {
        let mut page = String::new();
        writeln!(page, "{}: {}", self.id, self.title).expect("writing to a string");
        writeln!(page, "{} · {} · {} · {}\n", self.theme, self.severity, self.confidence, self.avoidability).expect("writing to a string");
        writeln!(page, "{}\n\nAdvice: {}\nSource: {}", self.manual(), self.advice, self.source).expect("writing to a string");
        page
    }
}

#[cfg(test)]
mod tests {
    use super::super::RULES;

    /// Headings that every page has, in this order.
    const HEADINGS: [&str; 5] = ["What it checks", "Why it matters", "Evidence", "Limits", "References"];

    #[test]
    fn every_rule_has_a_whole_page() {
        for rule in RULES {
            let manual = rule.manual();
            let mut from = 0;
            for heading in HEADINGS {
                let at = manual[from..].find(&format!("**{heading}.**"));
                from += at.unwrap_or_else(|| panic!("{}: no **{heading}.** after what comes before it:\n{manual}", rule.id));
            }
            assert!(!manual.starts_with("**"), "{}: begins with one sentence that says what it is", rule.id);
            assert!(rule.advice.len() > 20 && rule.source.len() > 8, "{}: advice and source", rule.id);
            let file = format!("fn() -> {}", rule.id);
            assert!(rule.page.contains(&format!("id: \"{}\"", rule.id)), "{file}: `page` is not this rule's file");
        }
    }
}
