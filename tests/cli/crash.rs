//! `kill -9` at random moments under load: what is in the log is whole, up to one torn last line (F-53).

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::Value;

use crate::rig::{Bench, Proxy, Server};

/// Kills unless `STANZASCOPE_KILLS` says how many.
const KILLS: u32 = 6;

/// F-53: `kill -9` at 6 random moments under load (`STANZASCOPE_KILLS=50` for more) → whole lines, at most the last torn, no hole in `seq`
#[test]
fn a_killed_run_leaves_whole_lines() {
    let kills = std::env::var("STANZASCOPE_KILLS").map_or(KILLS, |n| n.parse().unwrap());
    let (mut logged, mut torn) = (0, 0);
    for _ in 0..kills {
        let (bench, server) = (Bench::new(), Server::new());
        let proxy = Proxy::start(&bench, &server, &[]);
        let log = proxy.directory(&bench).join("records.jsonl");
        let mut loads = Vec::new();
        for _ in 0..3 {
            let (mut client, mut upstream) = proxy.log_in(&server);
            let message = "<message to='ben@lab.test' type='chat' id='m1'><body>hello there</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>".repeat(20);
            loads.push(std::thread::spawn(move || while client.send(&message).is_ok() {}));
            loads.push(std::thread::spawn(move || upstream.drain()));
        }
        let random = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        std::thread::sleep(Duration::from_millis(20 + u64::from(random / 1000 % 500)));
        proxy.signal(Signal::KILL);
        drop(proxy);
        loads.into_iter().for_each(|load| load.join().unwrap());
        let (records, is_torn) = check(&log);
        logged += records;
        torn += u32::from(is_torn);
    }
    println!("{kills} kills, {logged} records, {torn} torn last lines");
    assert!(logged > kills as usize * 100, "there was no load: {logged} records");
}

/// The number of whole records, and whether the last line is torn.
fn check(log: &Path) -> (usize, bool) {
    let text = std::fs::read(log).unwrap();
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut next: HashMap<String, u64> = HashMap::new();
    let lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut count = 0;
    for line in lines {
        let record: Value = serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line)));
        let expected = next.entry(record["session"].as_str().unwrap().to_owned()).or_default();
        assert_eq!(record["seq"].as_u64(), Some(*expected), "a hole in {}", record["session"]);
        *expected += 1;
        count += 1;
    }
    (count, whole < text.len())
}
