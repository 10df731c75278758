//! The run's name on every series: the one label whose value the evaluator chooses.

use std::fmt;

/// Longest label that is shown, in bytes.
const MAX_BYTES: usize = 64;
/// What stands for a label that is missing or not shown.
const UNNAMED: &str = "unnamed";

/// Value of the label `run`: the evaluator's label where it is short and plain, else `unnamed`. An address, for one, is not plain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLabel(String);

impl RunLabel {
    /// Checks a label: up to 64 letters, digits, blanks and `.-_+`, the first and last no blank.
    pub fn new(label: &str) -> RunLabel {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+' | b' ');
        let fit = !label.is_empty() && label.len() <= MAX_BYTES && label.bytes().all(plain) && label.trim() == label;
        RunLabel(if fit { label } else { UNNAMED }.to_owned())
    }

    /// Whether this is what the evaluator wrote; nothing written counts as shown.
    pub fn shows(&self, label: &str) -> bool {
        label.is_empty() || self.0 == label
    }
}

impl fmt::Display for RunLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_short_plain_label_is_shown() {
        for bad in ["ann@a.example", "a\nb", "x\"y", "é", " a", "a ", "{a}", "a/b", &"x".repeat(65)] {
            let label = RunLabel::new(bad);
            assert_eq!(label.to_string(), UNNAMED, "{bad:?}");
            assert!(!label.shows(bad), "{bad:?}");
        }
        for good in ["gajim-1.8.4 omemo", "dino-0.5", &"x".repeat(64)] {
            assert_eq!(RunLabel::new(good).to_string(), good);
            assert!(RunLabel::new(good).shows(good));
        }
        assert_eq!(RunLabel::new("").to_string(), UNNAMED);
        assert!(RunLabel::new("").shows(""));
    }
}
