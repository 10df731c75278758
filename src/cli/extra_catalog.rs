//! `--catalog DIR`: catalog files of one's own, besides those that come with the program.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use stanzascope::catalog::Catalog;

/// The built-in catalog, with the files of `dir` when there is one.
pub fn load(dir: Option<&Path>) -> anyhow::Result<Arc<Catalog>> {
    let Some(dir) = dir else { return Ok(Catalog::builtin()) };
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read the catalog directory {}", dir.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    if paths.is_empty() {
        bail!("there is no .toml file in the catalog directory {} (catalog/README.md of the sources describes them)", dir.display());
    }
    let mut files = Vec::new();
    for path in &paths {
        files.push((path.display().to_string(), std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Ok(Arc::new(Catalog::load_with(&files)?))
}
