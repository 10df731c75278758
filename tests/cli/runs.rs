//! `stanzascope runs`: listing, and what `purge` deletes and does not.

use crate::rig::Bench;

fn run(bench: &Bench, name: &str) {
    let directory = bench.path("runs").join(name);
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("records.jsonl"), include_str!("../records/ordinary.jsonl")).unwrap();
    std::fs::write(directory.join("run.json"), r#"{"schema":1,"label":"reed","ended":"2026-03-02T11:00:00Z"}"#).unwrap();
}

#[test]
fn old_runs_are_deleted_when_asked() {
    let bench = Bench::new();
    for name in ["20200101T000000Z-a", "20200201T000000Z-b", "20200301T000000Z-c"] {
        run(&bench, name);
    }
    std::fs::create_dir(bench.path("runs/notes")).unwrap();
    std::fs::create_dir(bench.path("elsewhere")).unwrap();
    run(&bench, "../elsewhere/20190101T000000Z-x");
    std::os::unix::fs::symlink("../elsewhere/20190101T000000Z-x", bench.path("runs/20190101T000000Z-x")).unwrap();
    let list = bench.run(&["runs"]);
    assert_eq!(bench.run(&["runs", "list"]).out, list.out);
    assert!(list.out.starts_with("20200301T000000Z-c  reed"), "{list:#?}");

    bench.run(&["runs", "purge"]).ended(2, &["--older-than", "--keep"]);
    bench.run(&["runs", "purge", "--older-than", "30"]).ended(2, &["30d"]);
    bench.run(&["runs", "purge", "--older-than", "30d"]).ended(2, &["20200101T000000Z-a", "3 of 3 runs", "--yes"]);
    assert!(bench.path("runs/20200101T000000Z-a").exists());
    bench.run(&["runs", "purge", "--older-than", "30d", "--keep", "2", "--yes"]).ended(0, &["deleted 1 of 3 runs"]);
    assert!(!bench.path("runs/20200101T000000Z-a").exists() && bench.path("runs/20200201T000000Z-b").exists());
    bench.run(&["runs", "purge", "--keep", "0", "--yes"]).ended(0, &["deleted 2 of 2 runs"]);
    assert!(bench.path("runs/notes").exists() && bench.path("runs/20190101T000000Z-x").is_symlink());
    assert!(bench.path("elsewhere/20190101T000000Z-x/records.jsonl").exists());
    bench.run(&["runs", "purge", "--keep", "0", "--yes"]).ended(0, &["nothing to delete"]);
    bench.run(&["runs", "purge", "--keep", "0", "--yes", "--runs", "none"]).ended(0, &["nothing to delete"]);
}

#[test]
fn keys_belong_to_runs() {
    let bench = Bench::new();
    bench.run(&["runs", "forget-key", "nowhere"]).ended(2, &["nowhere does not exist"]);
    run(&bench, "20200101T000000Z-a");
    std::fs::copy(bench.path("runs/20200101T000000Z-a/records.jsonl"), bench.path("alone.jsonl")).unwrap();
    bench.run(&["runs", "forget-key", "alone.jsonl"]).ended(2, &["no run directory"]);
    bench.run(&["export", "alone.jsonl", "--format", "csv", "--share"]).ended(0, &["kept nowhere"]);
    assert!(!bench.path("share.key").exists());
}
