//! The metrics as Prometheus' own checker sees them.
//!
//! Needs, on Debian: `apt-get install prometheus`. Ignored unless asked for (`cargo test --test metrics_external -- --include-ignored`);
//! without the tool it then fails and says so.
#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, reason = "a panic is the failure a test reports")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use stanzascope::catalog::Catalog;
use stanzascope::metrics::{Entry, Metrics, RunLabel};

#[test]
#[ignore = "needs prometheus"]
fn promtool_has_nothing_to_say() {
    let metrics = Metrics::of_run(&Catalog::builtin(), &RunLabel::new("a-client-1.0"));
    metrics.session_opened(Entry::Direct);
    let spawned =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut promtool = spawned.unwrap_or_else(|error| panic!("cannot run promtool ({error}): apt-get install prometheus"));
    promtool.stdin.take().unwrap().write_all(metrics.encode().as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}
