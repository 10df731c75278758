//! Which runs are kept: old ones are deleted when somebody asks, never by themselves.
//!
//! Only directories that are runs are ever touched: directly in the directory of runs, no symbolic link, with a log and a manifest of their
//! own. Nothing is followed on the way.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

use crate::report::RunInfo;
use crate::run_dir::{MANIFEST, RECORDS};
use crate::share_key;

/// A run whose log was written to so recently may still be going on, when nothing says that it ended.
const FRESH: Duration = Duration::hours(1);

/// A run that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Name of its directory.
    pub name: String,
    /// Its directory.
    pub path: PathBuf,
    /// When it began.
    pub began: OffsetDateTime,
    /// Whether it may still be going on.
    pub running: bool,
    /// Size of its files.
    pub bytes: u64,
}

/// Which runs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purge {
    /// Those that began longer ago.
    pub older_than: Option<Duration>,
    /// All but so many of the newest.
    pub keep: Option<usize>,
}

/// The runs in a directory, the newest first. No directory, no runs.
///
/// # Errors
/// The directory cannot be read.
pub fn runs(directory: &Path, now: OffsetDateTime) -> io::Result<Vec<Kept>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        // The entry's own kind: a link to a run is none.
        if entry.file_type()?.is_dir()
            && let Some(run) = run(&entry.path(), now)?
        {
            found.push(run);
        }
    }
    found.sort_by(|a, b| b.began.cmp(&a.began).then_with(|| b.name.cmp(&a.name)));
    Ok(found)
}

fn run(path: &Path, now: OffsetDateTime) -> io::Result<Option<Kept>> {
    let plain = |name: &str| fs::symlink_metadata(path.join(name)).ok().filter(fs::Metadata::is_file);
    let (Some(records), Some(_)) = (plain(RECORDS), plain(MANIFEST)) else { return Ok(None) };
    let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { return Ok(None) };
    let info = fs::read_to_string(path.join(MANIFEST)).ok().and_then(|text| RunInfo::from_json(&text).ok()).filter(|info| info.schema > 0);
    // A manifest that is none of ours makes no run.
    let Some(info) = info else { return Ok(None) };
    let written: OffsetDateTime = records.modified()?.into();
    let began = OffsetDateTime::parse(&info.started, &Rfc3339).ok().or_else(|| time_of(&name)).unwrap_or(written);
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        let there = entry?.metadata()?;
        bytes += if there.is_file() { there.len() } else { 0 };
    }
    Ok(Some(Kept { name, path: path.to_owned(), began, running: info.ended.is_empty() && now - written < FRESH, bytes }))
}

/// The time that a run's directory is named after: `20260302T100000Z-reed`.
fn time_of(name: &str) -> Option<OffsetDateTime> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    PrimitiveDateTime::parse(name.get(..16)?, format).ok().map(PrimitiveDateTime::assume_utc)
}

impl Purge {
    /// The runs that go, of those that are there, the newest first. With both limits a run goes that is beyond both. What may be going on stays.
    pub fn choose(self, runs: &[Kept], now: OffsetDateTime) -> Vec<&Kept> {
        let goes = |(at, run): &(usize, &Kept)| {
            let old = self.older_than.is_none_or(|age| now - run.began > age);
            let beyond = self.keep.is_none_or(|keep| *at >= keep);
            old && beyond && !run.running && (self.older_than.is_some() || self.keep.is_some())
        };
        runs.iter().enumerate().filter(goes).map(|(_, run)| run).collect()
    }
}

/// Deletes a run. Its key is overwritten first.
///
/// # Errors
/// It is no run any more, or cannot be deleted.
pub fn delete(kept: &Kept, now: OffsetDateTime) -> io::Result<()> {
    let is_directory = fs::symlink_metadata(&kept.path)?.is_dir();
    if !is_directory || run(&kept.path, now)?.is_none() {
        return Err(io::Error::other("it is no run any more"));
    }
    share_key::forget(&kept.path).map_err(|error| io::Error::other(error.to_string()))?;
    // Deletes links it meets and does not follow them.
    fs::remove_dir_all(&kept.path)
}

/// Reads an age: `30d`, `12h`, `2w`.
///
/// # Errors
/// Says how it is written.
pub fn age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no age (write a number and a unit: 12h, 30d, 8w)");
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number: u32 = digits.parse().map_err(|_| wrong())?;
    let number = i64::from(number);
    match &text[digits.len()..] {
        "h" => Ok(Duration::hours(number)),
        "d" => Ok(Duration::days(number)),
        "w" => Ok(Duration::weeks(number)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const NOW: &str = "2026-06-01T00:00:00Z";

    fn now() -> OffsetDateTime {
        OffsetDateTime::parse(NOW, &Rfc3339).unwrap()
    }

    fn make(runs: &Path, name: &str, manifest: &str) -> PathBuf {
        let path = runs.join(name);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join(RECORDS), "").unwrap();
        fs::write(path.join(MANIFEST), manifest).unwrap();
        path
    }

    const ENDED: &str = r#"{"schema":1,"ended":"2026-01-01T00:00:00Z"}"#;

    #[test]
    fn only_runs_are_runs() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        make(dir.path(), "20260301T000000Z-b", ENDED);
        make(dir.path(), "20260101T000000Z-a", ENDED);
        make(dir.path(), "20260401T000000Z-odd", "[]");
        fs::create_dir(dir.path().join("20260401T000000Z-empty")).unwrap();
        let elsewhere = make(outside.path(), "20250101T000000Z-x", ENDED);
        symlink(&elsewhere, dir.path().join("20250101T000000Z-x")).unwrap();
        let linked = dir.path().join("20250201T000000Z-y");
        fs::create_dir(&linked).unwrap();
        symlink(elsewhere.join(RECORDS), linked.join(RECORDS)).unwrap();
        symlink(elsewhere.join(MANIFEST), linked.join(MANIFEST)).unwrap();
        let names: Vec<String> = runs(dir.path(), now()).unwrap().into_iter().map(|run| run.name).collect();
        assert_eq!(names, ["20260301T000000Z-b", "20260101T000000Z-a"]);
        assert!(runs(&dir.path().join("none"), now()).unwrap().is_empty());
    }

    #[test]
    fn age_and_number_choose() {
        let dir = tempfile::tempdir().unwrap();
        for month in ["01", "03", "05"] {
            make(dir.path(), &format!("2026{month}01T000000Z-r"), ENDED);
        }
        let runs = runs(dir.path(), now()).unwrap();
        let chosen = |older_than: Option<&str>, keep| -> Vec<String> {
            let purge = Purge { older_than: older_than.map(|text| age(text).unwrap()), keep };
            purge.choose(&runs, now()).into_iter().map(|run| run.name[4..6].to_owned()).collect()
        };
        assert_eq!(chosen(Some("60d"), None), ["03", "01"]);
        assert_eq!(chosen(None, Some(2)), ["01"]);
        assert_eq!(chosen(Some("1h"), Some(1)), ["03", "01"]);
        assert!(chosen(None, None).is_empty());
    }

    #[test]
    fn what_may_be_going_on_stays() {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), "20260101T000000Z-r", r#"{"schema":1,"ended":null}"#);
        let soon = OffsetDateTime::now_utc();
        let purge = Purge { older_than: None, keep: Some(0) };
        assert!(purge.choose(&runs(dir.path(), soon).unwrap(), soon).is_empty());
        let later = soon + Duration::hours(2);
        assert_eq!(purge.choose(&runs(dir.path(), later).unwrap(), later).len(), 1);
    }

    #[test]
    fn deleting_follows_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("precious"), "x").unwrap();
        let path = make(dir.path(), "20260101T000000Z-a", ENDED);
        symlink(outside.path(), path.join("link")).unwrap();
        let kept = runs(dir.path(), now()).unwrap().remove(0);
        delete(&kept, now()).unwrap();
        assert!(!path.exists() && outside.path().join("precious").exists());
        // Replaced by a link since it was looked at.
        symlink(outside.path(), &path).unwrap();
        assert!(delete(&kept, now()).is_err());
        assert!(outside.path().join("precious").exists());
    }

    #[test]
    fn ages_are_read() {
        assert_eq!(age("30d"), Ok(Duration::days(30)));
        assert_eq!(age("2w"), Ok(Duration::weeks(2)));
        for wrong in ["", "30", "d", "-3d", "3 d", "3m", "99999999999d"] {
            assert!(age(wrong).unwrap_err().contains("30d"), "{wrong}");
        }
    }
}
