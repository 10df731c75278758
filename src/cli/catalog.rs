//! `stanzascope catalog`

mod check;
mod list;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::Subcommand;
use stanzascope::catalog::{Catalog, Layer, Pattern, Sensitivity};
use stanzascope::report::terminal::shown;

use super::{Failure, Outcome};

/// Show what a server can read, field by field.
///
/// Without a subcommand it lists the rows that pass all filters.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    filter: Filter,
    /// Write rows as JSON, in the format of catalog.json.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Filter {
    /// Rows of this specification only, e.g. XEP-0384 or 384.
    #[arg(long, value_name = "SPEC")]
    spec: Option<String>,
    /// Rows of this layer only.
    #[arg(long, value_name = "LAYER", value_parser = named(Layer::ALL, Layer::name))]
    layer: Option<String>,
    /// Rows of this messaging pattern only.
    #[arg(long, value_name = "PATTERN", value_parser = named(Pattern::ALL, Pattern::name))]
    pattern: Option<String>,
    /// Rows of this sensitivity only.
    #[arg(long, value_name = "SENSITIVITY", value_parser = named(Sensitivity::ALL, Sensitivity::name))]
    sensitivity: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show one field: what it is, where it stands, and an example.
    Show {
        /// Field id, e.g. message.to.
        field: String,
    },
    /// Count rows and examples per specification.
    Coverage {
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check catalog files of your own, together with the built-in catalog.
    Check {
        /// Files as described in catalog/README.md. One with the name of a built-in file takes its place.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

fn named<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> clap::builder::PossibleValuesParser {
    all.iter().map(|value| name(*value)).collect::<Vec<_>>().into()
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    let text = match &args.command {
        None => list::list(&args.filter, args.json).map_err(Failure::Usage)?,
        Some(Command::Coverage { json }) => list::coverage(*json),
        Some(Command::Show { field }) => show(field).map_err(Failure::Usage)?,
        Some(Command::Check { files }) => return check::run(files),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn show(id: &str) -> anyhow::Result<String> {
    let catalog = Catalog::builtin();
    let field = catalog.by_id(id).map(|id| catalog.field(id)).ok_or_else(|| {
        let near: Vec<&str> =
            catalog.fields.iter().map(|f| f.id.as_str()).filter(|other| other.contains(id) || id.contains(other)).take(6).collect();
        let near = if near.is_empty() { "`stanzascope catalog` lists them".to_owned() } else { format!("perhaps {}", near.join(", ")) };
        anyhow!("the catalog has no field {id:?} ({near})")
    })?;
    let mut out = String::new();
    let mut line = |key: &str, value: &str| {
        if !value.is_empty() {
            writeln!(out, "{key:<14}{}", shown(value)).expect("writing to a string");
        }
    };
    line("field", &field.id);
    line("reveals", &field.reveals);
    line("specification", &format!("{} {}", field.spec, field.source));
    line("layer", field.layer.name());
    line("pattern", field.pattern.name());
    line("category", field.category.name());
    line("sensitivity", field.sensitivity.name());
    line("logged as", field.kind.name());
    line("type", field.value_type.name());
    line("direction", field.direction.map_or("both", |direction| direction.name()));
    line("when", field.when.map_or("", |when| when.name()));
    line("path", &field.path);
    line("fact", field.fact.as_deref().unwrap_or(""));
    line("restates", if field.generic { "what every record's envelope says; not printed on lines" } else { "" });
    line("same as", field.same_as.as_deref().unwrap_or(""));
    line("persistence", field.persistence.name());
    line("avoided by", field.avoid.as_deref().unwrap_or(""));
    line("read by", &field.observers.iter().map(|observer| observer.name()).collect::<Vec<_>>().join(", "));
    line("invisible", field.invisible.as_deref().unwrap_or(""));
    line("untested", field.untested.as_deref().unwrap_or(""));
    for example in catalog.specs.iter().flat_map(|spec| &spec.examples).filter(|example| example.expect.contains_key(id)).take(2) {
        line("example", &example.name);
        line("", &example.xml.split_whitespace().collect::<Vec<_>>().join(" "));
        line("  gives", &example.expect[id].join(", "));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_shown_with_an_example() {
        let text = show("message.body").unwrap();
        assert!(text.contains("sensitivity   critical") && text.contains("example"), "{text}");
        let error = show("message.boddy").unwrap_err().to_string();
        assert!(error.contains("message.boddy") && error.contains("stanzascope catalog"), "{error}");
    }
}
