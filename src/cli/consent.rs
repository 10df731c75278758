//! The first-run notice: what this tool is for, and who has to know.

use stanzascope::say;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};

const NOTICE: &str = "\
stanzascope decrypts the XMPP stream of a client that you point at it. It is made for test accounts on test servers that you own.

  - Every holder of an account under test has agreed to this.
  - Others see and are seen: people on the roster, in rooms and in chats with a test account have agreed too, or are test accounts themselves.
  - The log shows who talked to whom, when and from which device. Keep it private and delete it when the evaluation is over.
";

/// Where the acknowledgement is kept.
fn file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    Some(state.join("stanzascope/acknowledged"))
}

/// Shows the notice once; asks on a terminal, takes `--yes` elsewhere.
pub fn require(yes: bool) -> anyhow::Result<()> {
    let file = file();
    if yes || file.as_ref().is_some_and(|file| file.exists()) {
        return Ok(());
    }
    say!("{NOTICE}");
    if !std::io::stdin().is_terminal() {
        bail!("please acknowledge the notice above: run once on a terminal, or give --yes");
    }
    stanzascope::stderr::part(format_args!("Type yes to go on: "));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() != "yes" {
        bail!("not acknowledged");
    }
    if let Some(file) = file {
        let dir = file.parent().expect("the file lies in a directory");
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        std::fs::write(&file, "the notice about consent was acknowledged\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
