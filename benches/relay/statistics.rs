//! Medians and their spread.

use std::fmt;

/// Values of the same thing, one from each round.
#[derive(Debug, Clone, Default)]
pub struct Values(pub Vec<f64>);

impl Values {
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[n / 2],
            n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        }
    }

    /// These by those, round by round.
    pub fn by(&self, those: &Values) -> Values {
        Values(self.0.iter().zip(&those.0).map(|(this, that)| this / that).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// The median, with the least and the most where there are several.
impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (digits, sorted) = (if self.median() < 10.0 { 2 } else { 0 }, self.sorted());
        match (sorted.first(), sorted.last()) {
            (Some(least), Some(most)) if sorted.len() > 1 => write!(f, "{:.digits$} [{least:.digits$} – {most:.digits$}]", self.median()),
            (Some(only), _) => write!(f, "{only:.digits$}"),
            _ => f.write_str("–"),
        }
    }
}

/// The value below which so many of a hundred lie. `values` must be sorted.
pub fn percentile(values: &[u32], of_hundred: usize) -> u32 {
    values.get(values.len().saturating_sub(1) * of_hundred / 100).copied().unwrap_or(0)
}
