//! Two clients, versions or settings side by side: what one exposes and the other does not.
//!
//! ```text
//! records of each run ─▶ Profile ─▶ compare ─▶ Comparison ─▶ text, html, json
//! ```
//!
//! Two recordings of the same scenario never agree in everything. With several runs a side, what differs among the runs of one side is noise,
//! and what separates the sides is not. With one run a side chance cannot be told apart, and only what cannot be chance is put first: fields,
//! observers, verdicts and rules that one side shows and the other never does.

pub mod compare;
pub mod html;
pub mod profile;
pub mod text;

pub use compare::{Change, Comparison, Side, compare};
pub use profile::Profile;

/// The comparison as JSON.
pub fn json(comparison: &Comparison) -> String {
    let mut text = serde_json::to_string_pretty(comparison).expect("a comparison has string keys");
    text.push('\n');
    text
}
