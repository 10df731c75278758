//! A run held against what the evaluator expects of it: `[[expect]]` in the session file.
//!
//! ```text
//! [[expect]] ─▶ Expect ─▶ Expectation ─┐
//! records.jsonl ───────────────────────┼─▶ evaluate ─▶ Outcome ─▶ text, junit
//! ```
//!
//! What could not be checked is not passed: in a run that was not seen whole, only what was seen is certain.

pub mod evaluate;
pub mod expect;
pub mod init;
pub mod junit;

pub use evaluate::{Checked, Outcome, Status, check};
pub use expect::{Claim, Expect, ExpectError, Expectation};
