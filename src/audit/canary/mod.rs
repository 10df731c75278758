//! Canaries: texts that must never be readable. Found in clear they prove a leak; found nowhere they raise the evidence for `OPAQUE`.
//!
//! ```text
//! declare ──▶ needles ──▶ search ──▶ frame (every text, attribute, joined texts) ──▶ sightings
//!                            ▲ each expansion │ of                                       │
//!                            └──── decode ◀───┘                                          ▼
//!                                  (escapes, unpack)                      verdict, finding, mask
//! ```
//! The procedure is that of `docs/canaries.md`. What a canary says appears in no record: `mask` sees to it.

pub mod assess;
pub mod coding;
pub mod declare;
pub mod decode;
mod escapes;
pub mod frame;
pub mod image;
pub mod ledger;
pub mod make;
pub mod mask;
pub mod needles;
mod place;
pub mod search;
#[cfg(test)]
mod tests;
pub mod unpack;
pub mod watch;
pub mod witness;

pub use assess::Assessor;
pub use coding::Coding;
pub use declare::{Canaries, Canary, CanaryError, Field, FileFacts};
pub use watch::Watch;
pub use witness::{Witness, WitnessError};
