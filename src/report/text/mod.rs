//! The screen a person reads at the end of a run: plain text, at most [`layout::WIDTH`] columns, good without colour.
//!
//! Facts, interpretation and advice stand under headings of their own. Whatever a peer wrote passes [`super::terminal`].

mod advice;
mod coverage;
mod facts;
mod findings;
mod headline;
pub mod layout;
mod verdicts;

use layout::Screen;

pub use headline::{sentence, verdict_line};

use super::Summary;

/// A file of the run, for the last section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileNote {
    /// Where it is.
    pub path: String,
    /// What it holds.
    pub holds: String,
}

/// Writes the screen.
pub fn screen(summary: &Summary, files: &[FileNote]) -> String {
    let mut screen = Screen::default();
    headline::write(&mut screen, summary);

    screen.part("WHAT WAS SEEN (facts)");
    facts::matrix(&mut screen, summary);
    facts::telling(&mut screen, summary);
    facts::names(&mut screen, summary);

    screen.part("WHAT IT MEANS (interpretation)");
    verdicts::write(&mut screen, summary);
    findings::write(&mut screen, summary);

    screen.part("WHAT TO DO (advice)");
    advice::write(&mut screen, summary);

    screen.part("HOW MUCH OF IT WAS SEEN");
    coverage::write(&mut screen, summary);
    if !files.is_empty() {
        screen.section("Files");
        for file in files {
            screen.item(&file.path, &file.holds);
        }
    }
    screen.finish()
}

#[cfg(test)]
mod tests;
