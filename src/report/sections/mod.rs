//! The sections of a report, one a file. Facts, what they mean, and advice stand apart; what was not seen is said to be so.

mod advice;
mod contacts;
mod coverage;
mod devices;
mod federation;
mod files;
mod findings;
mod front;
mod labs;
mod observers;
mod overview;
mod presence;
mod rooms;
mod sizes;
mod timeline;
pub mod words;

pub use advice::{NO_HELP, NoHelp, STEPS, Step, advice, no_help};
pub use front::sentence;

use super::doc::{Document, Section};
use super::labs::Lab;
use super::model::Model;

/// The whole report.
pub fn document(model: &Model, all_labs: &[Lab]) -> Document {
    let mut sections: Vec<Section> = vec![overview::matrix(model), overview::conversations(model), findings::section(model)];
    sections.push(advice::section(model));
    sections.push(advice::no_help_section(model));
    sections.extend(all_labs.iter().map(labs::section));
    sections.extend([
        observers::section(model),
        contacts::section(model),
        timeline::section(model),
        devices::section(model),
        sizes::section(model),
        presence::section(model),
        rooms::section(model),
        federation::section(model),
        files::section(model),
        coverage::section(model),
    ]);
    Document {
        title: front::title(model),
        facts: front::facts(model),
        sentence: front::sentence(model),
        warnings: front::warnings(model),
        sections,
    }
}
