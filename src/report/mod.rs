//! Reports: what a person reads. Built from a run's records, its catalog copy and its manifest; nothing here opens a file or reads a clock.
//!
//! ```text
//! records.jsonl ─┐
//! catalog.json ──┼─ Summary::read ─ Summary ─ text::screen
//! run.json ──────┘
//! ```

pub mod coverage;
pub mod doc;
pub mod html;
pub mod json;
pub mod labs;
pub mod markdown;
pub mod model;
pub mod people;
pub mod read;
pub mod run;
pub mod sections;
pub mod seen;
pub mod summary;
pub mod svg;
pub mod talks;
pub mod tally;
pub mod terminal;
pub mod text;

pub use model::Model;
pub use run::RunInfo;
pub use summary::Summary;
