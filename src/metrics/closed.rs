//! Counter families whose label values are known when the program starts. The children are made once and kept.

use prometheus::core::Collector;
use prometheus::{Counter, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// The word for whatever is not on a list.
const OTHER: &str = "other";

/// A counter for each word of a list.
#[derive(Debug)]
pub struct ByWord {
    words: Vec<&'static str>,
    counters: Vec<IntCounter>,
}

impl ByWord {
    /// The counter of the word at this position.
    pub fn at(&self, index: usize) -> &IntCounter {
        &self.counters[index]
    }

    /// Counts a word; one that is not on the list counts as the last, which is `other`.
    pub fn count(&self, word: &str) {
        self.counters[position(&self.words, word)].inc();
    }
}

/// A counter for each pair of words of two lists.
#[derive(Debug)]
pub struct Grid {
    rows: Vec<&'static str>,
    columns: Vec<&'static str>,
    counters: Vec<IntCounter>,
}

impl Grid {
    /// The counter of the words at these positions.
    pub fn at(&self, row: usize, column: usize) -> &IntCounter {
        &self.counters[row * self.columns.len() + column]
    }

    /// Counts in a row; a word that is not on the list of columns counts as the last of it.
    pub fn count_at(&self, row: usize, column: &str) {
        self.at(row, position(&self.columns, column)).inc();
    }

    /// Counts a pair; a word that is not on its list counts as the last of it, which is then the one that alarms most.
    pub fn count(&self, row: &str, column: &str) {
        self.at(position(&self.rows, row), position(&self.columns, column)).inc();
    }
}

fn position(words: &[&str], word: &str) -> usize {
    words.iter().position(|known| *known == word).unwrap_or(words.len() - 1)
}

/// Makes families in a registry. Names are written in the source, so a mistake in one is a panic at the first start.
pub struct Families<'a>(pub &'a Registry);

impl Families<'_> {
    fn register<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let collector = made.expect("the name and labels in the source are valid");
        self.0.register(Box::new(collector.clone())).expect("each family is registered once");
        collector
    }

    pub fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.register(IntCounter::new(name, help))
    }

    pub fn seconds(&self, name: &str, help: &str) -> Counter {
        self.register(Counter::new(name, help))
    }

    pub fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.register(IntGauge::new(name, help))
    }

    pub fn gauge_vec(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    /// A gauge for each word, in their order.
    pub fn gauges(&self, name: &str, help: &str, label: &str, words: &[&str]) -> Vec<IntGauge> {
        let vec = self.gauge_vec(name, help, &[label]);
        words.iter().map(|word| vec.with_label_values(&[word])).collect()
    }

    /// A histogram of seconds for each word, in their order.
    pub fn histograms(&self, name: &str, help: &str, label: &str, words: &[&str], buckets: &[f64]) -> Vec<Histogram> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let vec = self.register(HistogramVec::new(options, &[label]));
        words.iter().map(|word| vec.with_label_values(&[word])).collect()
    }

    pub fn words(&self, name: &str, help: &str, label: &str, words: &[&'static str]) -> ByWord {
        let vec = self.register(IntCounterVec::new(Opts::new(name, help), &[label]));
        ByWord { words: words.to_vec(), counters: words.iter().map(|word| vec.with_label_values(&[word])).collect() }
    }

    pub fn words_and_other(&self, name: &str, help: &str, label: &str, words: &[&'static str]) -> ByWord {
        self.words(name, help, label, &[words, &[OTHER]].concat())
    }

    pub fn grid(&self, name: &str, help: &str, rows: (&str, &[&'static str]), columns: (&str, &[&'static str])) -> Grid {
        let vec = self.register(IntCounterVec::new(Opts::new(name, help), &[rows.0, columns.0]));
        let pairs = rows.1.iter().flat_map(|row| columns.1.iter().map(move |column| [*row, *column]));
        Grid { rows: rows.1.to_vec(), columns: columns.1.to_vec(), counters: pairs.map(|pair| vec.with_label_values(&pair)).collect() }
    }

    /// A counter for each of `values`, in their order; equal values share one.
    pub fn combinations<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: &[&str; N],
        values: impl Iterator<Item = [&'static str; N]>,
    ) -> Vec<IntCounter> {
        let vec = self.register(IntCounterVec::new(Opts::new(name, help), labels));
        values.map(|values| vec.with_label_values(&values)).collect()
    }
}
