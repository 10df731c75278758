//! A full disk, with both policies (F-54): never silent. And what a long log leaves in memory.
//!
//! A full disk needs root, to mount a small tmpfs. Ignored unless asked for (`cargo test --test cli -- --include-ignored`); without the
//! right to mount it then fails and says so.

use std::io::IoSliceMut;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use stanzascope::catalog::Catalog;
use stanzascope::metrics::Metrics;
use stanzascope::record::Moment;
use stanzascope::sink::{Holds, OnLogFailure, Sink};

use crate::rig::{Bench, Peer, Proxy, Server};

/// Room for the catalog's copy, and a little more.
const SIZE: &str = "4m";

struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(at: PathBuf) -> Tmpfs {
        std::fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={SIZE}"), "tmpfs"]).arg(&at).status();
        assert!(mounted.is_ok_and(|status| status.success()), "cannot mount a tmpfs at {}: run as root", at.display());
        Tmpfs(at)
    }

    /// Takes all room but 64 KiB.
    fn fill(&self) -> PathBuf {
        let ballast = self.0.join("ballast");
        let mut file = std::fs::File::create(&ballast).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 16 << 10]).is_ok() {}
        let len = file.metadata().unwrap().len();
        file.set_len(len.saturating_sub(64 << 10)).unwrap();
        ballast
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: the proxy may still be on its way out.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

const MESSAGE: &str = "<message to='ben@lab.test' type='chat'><body>hello there, is anybody at home?</body></message>";

/// Talks until the log is full, or the proxy ends the session.
fn talk(client: &mut Peer, proxy: &Proxy, until: &str) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) && !proxy.said().contains(until) {
        if client.send(&MESSAGE.repeat(20)).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[track_caller]
fn every_line_is_whole(log: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(log).unwrap();
    assert!(text.ends_with('\n'), "a torn last line");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// F-54: a tmpfs of 4 MiB fills up, `stop` → sessions end, exit code 3, no torn line
#[test]
#[ignore = "needs root"]
fn stop_ends_the_run_with_an_exit_code() {
    let (bench, server) = (Bench::new(), Server::new());
    let disk = Tmpfs::mount(bench.path("disk"));
    let proxy = Proxy::start(&bench, &server, &["--runs", "disk"]);
    let (mut client, mut upstream) = proxy.log_in(&server);
    disk.fill();
    let heard = std::thread::spawn(move || upstream.drain());
    talk(&mut client, &proxy, "the log cannot be written; stopping");
    let ended = proxy.end(&bench);
    heard.join().unwrap();
    ended.said.ended(3, &["the log cannot be written", "No space left"]);
    let records = every_line_is_whole(&ended.directory.join("records.jsonl"));
    assert!(records.len() > 10);
}

/// F-54: the same with `gap`, and space later → the session lives, gap records say exactly how much is missing
#[test]
#[ignore = "needs root"]
fn gap_goes_on_and_says_how_much_is_missing() {
    let (bench, server) = (Bench::new(), Server::new());
    let disk = Tmpfs::mount(bench.path("disk"));
    let proxy = Proxy::start(&bench, &server, &["--runs", "disk", "--on-log-failure", "gap"]);
    let (mut client, mut upstream) = proxy.log_in(&server);
    let ballast = disk.fill();
    let heard = std::thread::spawn(move || upstream.drain());
    talk(&mut client, &proxy, "the log cannot be written; going on");
    std::fs::remove_file(ballast).unwrap();
    // The session lives, and what follows is logged again.
    client.send("<presence><status>after the flood</status></presence>").unwrap();
    let log = proxy.directory(&bench).join("records.jsonl");
    let began = Instant::now();
    while !std::fs::read_to_string(&log).unwrap().contains("after the flood") {
        assert!(began.elapsed() < Duration::from_secs(20), "nothing is logged after there is space again");
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = proxy.stop(&bench);
    drop(client);
    heard.join().unwrap();
    ended.said.ended(0, &[]);
    let records = every_line_is_whole(&ended.directory.join("records.jsonl"));
    let gaps: Vec<_> = records.iter().filter(|r| r["type"] == "gap").collect();
    assert!(!gaps.is_empty() && gaps.iter().all(|gap| gap["session"] == "log" && gap["reason"] == "log_failure"), "{gaps:?}");
    let said: u64 = gaps.iter().map(|gap| gap["detail"].as_str().unwrap().split(' ').next().unwrap().parse::<u64>().unwrap()).sum();
    let in_session: Vec<u64> = records.iter().filter(|r| r["session"] == "s1").map(|r| r["seq"].as_u64().unwrap()).collect();
    let missing = in_session.last().unwrap() + 1 - in_session.len() as u64;
    assert_eq!(said, missing, "the gaps say exactly what is missing");
}

/// A long log on a disk is whole, and the page cache has let go of most of it.
#[test]
#[ignore = "needs a disk"]
fn a_long_log_leaves_the_page_cache() {
    const PIECE: usize = 256 << 10;
    const PIECES: usize = 256;
    // Temporary files may lie in memory; what is built lies on a disk.
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = home.path().join("records.jsonl");
    let metrics = Metrics::new(&Catalog::builtin()).into();
    let (sink, writer) = Sink::open(&path, Holds::Records, OnLogFailure::Stop, metrics).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let piece = |n: usize| [format!("{n:07}").as_bytes(), &[b' '; PIECE - 8], b"\n"].concat();
    for n in 0..PIECES {
        runtime.block_on(sink.write(piece(n), 1, Moment { unix_micros: 0, mono_micros: 0 })).unwrap();
        // However slow the disk is: what was written is on it soon.
        if n % 16 == 0 {
            std::fs::File::open(&path).unwrap().sync_data().unwrap();
        }
    }
    drop(sink);
    writer.finish().unwrap();

    let log = std::fs::File::open(&path).unwrap();
    let mut byte = [0];
    let in_memory = (0..PIECES)
        .filter(|n| {
            let nowait = rustix::io::ReadWriteFlags::NOWAIT;
            match rustix::io::preadv2(&log, &mut [IoSliceMut::new(&mut byte)], (n * PIECE) as u64, nowait) {
                Ok(read) => read == 1,
                Err(rustix::io::Errno::AGAIN) => false,
                Err(error) => panic!("is this a disk? {error}"),
            }
        })
        .count();
    assert!(in_memory < PIECES / 2, "{in_memory} of {PIECES} pieces are in memory");
    let mut read = vec![0; PIECE];
    for n in 0..PIECES {
        log.read_exact_at(&mut read, (n * PIECE) as u64).unwrap();
        assert_eq!(read, piece(n), "piece {n}");
    }
}
