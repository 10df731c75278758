//! `stanzascope canary`

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use stanzascope::audit::canary::declare::MAX_CANARIES;
use stanzascope::audit::canary::make::{Wanted, checklist, session_file, sets};
use stanzascope::say;

use super::{Failure, Outcome, print};

/// Canaries: texts that nobody but the sender and the recipient may be able to read.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make canaries: texts to type into each field, and a picture to send.
    ///
    /// Prints a section for stanzascope.toml. With --out also writes the list to type from and the picture.
    New(NewArgs),
}

#[derive(Debug, clap::Args)]
struct NewArgs {
    /// How many sets; a set has a text for each field.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=30))]
    count: u16,
    /// Whom the messages go to: only the conversation with them is then covered.
    #[arg(long, value_name = "JID")]
    with: Option<String>,
    /// Directory to write to, made if need be: canaries.toml, canaries.txt and the picture.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> Outcome {
    let Command::New(args) = &args.command;
    let mut failed = None;
    let mut random = |bytes: &mut [u8]| failed = getrandom::fill(bytes).err().or(failed);
    let made = sets(&Wanted { count: usize::from(args.count), with: args.with.clone() }, &mut random);
    if let Some(error) = failed {
        return Err(Failure::Operation(anyhow!("the system gives no random numbers: {error}")));
    }
    debug_assert!(made.len() <= MAX_CANARIES);
    let section = session_file(&made);
    let Some(directory) = &args.out else {
        print(&section)?;
        say!("the pictures are not written: name a directory for them with --out DIR");
        return Ok(ExitCode::SUCCESS);
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("cannot make {}", directory.display()))
        .map_err(Failure::Usage)?;
    let mut files = vec![("canaries.toml".to_owned(), section.into_bytes()), ("canaries.txt".to_owned(), checklist(&made).into_bytes())];
    files.extend(made.into_iter().filter_map(|made| made.file));
    for (name, bytes) in files {
        let path = directory.join(&name);
        write(&path, &bytes).map_err(Failure::Usage)?;
        // The name of a picture is a canary itself: the list has it.
        let shown = if name.starts_with("canaries.") { path } else { directory.join("*.png") };
        print(&format!("{}\n", shown.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let shown = path.file_name().map(|name| name.to_string_lossy().into_owned()).filter(|name| name.starts_with("canaries."));
    let shown = shown.unwrap_or_else(|| "the picture".to_owned());
    file.and_then(|mut file| file.write_all(bytes))
        .with_context(|| format!("cannot write {shown} (nothing is overwritten: name another directory with --out)"))
}
