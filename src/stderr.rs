//! What is said on standard error. Nobody listening there (`2>&-`, a pipe whose reader left) is no reason to stop a run, as `eprintln!` would.

use std::fmt;
use std::io::Write as _;

/// A line.
pub fn line(text: fmt::Arguments<'_>) {
    part(format_args!("{text}\n"));
}

/// A part of a line. In one write, so that nothing another thread says comes in between.
pub fn part(text: fmt::Arguments<'_>) {
    let _ = std::io::stderr().lock().write_all(text.to_string().as_bytes());
}

/// `eprintln!` for when nobody listens.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::stderr::line(format_args!($($text)*)) };
}
