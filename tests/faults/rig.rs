//! One proxy for many rows, watched from outside, and the promises that hold in every row.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bystander::Bystander;
use crate::cli::{Bench, Ended, Peer, Proxy, Server};
use crate::support::vitals;

/// A login takes no longer, whatever happened before.
const LOGIN: Duration = Duration::from_secs(1);
/// What a row may add to the memory of the proxy, in KiB.
pub const MAX_GROWTH: u64 = 32 << 10;
/// Nothing in a row takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A proxy that stays while rows come and go.
pub struct Rig {
    /// Stops before the proxy does.
    bystander: Option<Bystander>,
    pub bench: Bench,
    pub server: Server,
    pub proxy: Proxy,
    log: PathBuf,
    read: u64,
    rest: Vec<u8>,
    records: Vec<Value>,
    rss: u64,
}

impl Rig {
    pub fn new(more: &[&str]) -> Rig {
        Rig::prepared(more, |_| {})
    }

    pub fn prepared(more: &[&str], prepare: impl FnOnce(&mut Command)) -> Rig {
        let (bench, server) = (Bench::new(), Server::new());
        let proxy = Proxy::start_with(&bench, &server, more, prepare);
        let log = proxy.directory(&bench).join("records.jsonl");
        let mut rig = Rig { bystander: None, bench, server, proxy, log, read: 0, rest: Vec::new(), records: Vec::new(), rss: 0 };
        // What is allocated once is there after the first session.
        rig.is_well("the start");
        let (client, server, _) = rig.session();
        rig.bystander = Some(Bystander::start(client, server));
        rig.rss = vitals::rss_kib(rig.proxy.pid());
        rig
    }

    /// A client that is logged in, the server's end, and the name of the session.
    pub fn session(&mut self) -> (Peer, Peer, String) {
        // The bind request is ours: logins come one after the other, and others do not get so far. The log may be a little behind.
        let bind =
            |r: &Value| (r["kind"] == "iq" && r["direction"] == "client_to_server").then(|| r["session"].as_str().unwrap().to_owned());
        self.catch_up();
        let earlier: Vec<String> = self.records.iter().filter_map(bind).collect();
        let (client, server) = self.proxy.log_in(&self.server);
        let name = self.wait_for("a session that opens", |records| records.iter().filter_map(bind).find(|name| !earlier.contains(name)));
        (client, server, name)
    }

    /// Takes in what was logged since, and every line must be JSON.
    fn catch_up(&mut self) {
        let mut file = std::fs::File::open(&self.log).unwrap();
        file.seek(SeekFrom::Start(self.read)).unwrap();
        let before = self.rest.len();
        file.read_to_end(&mut self.rest).unwrap();
        self.read += (self.rest.len() - before) as u64;
        let whole = self.rest.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        for line in self.rest[..whole].split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let text = String::from_utf8_lossy(line);
            self.records.push(serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {text}")));
            assert!(!text.contains("AGFubgBwYXNzd29yZA"), "a password in the log: {text}");
        }
        self.rest.drain(..whole);
    }

    pub fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut(&[Value]) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            self.catch_up();
            if let Some(found) = look(&self.records) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "{what} does not come: {}", self.proxy.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// All records of a session, once it has ended.
    pub fn records_of(&mut self, session: &str) -> Vec<Value> {
        let all = self.wait_for("the end of a session", |records| {
            let own: Vec<Value> = records.iter().filter(|r| r["session"] == session).cloned().collect();
            own.last().is_some_and(|r| r["event"] == "close").then_some(own)
        });
        for (at, record) in all.iter().enumerate() {
            assert_eq!(record["seq"].as_u64(), Some(at as u64), "a hole in {session}");
        }
        all
    }

    /// Records of the session that ended last, however far it came.
    pub fn last_end(&mut self, after: usize) -> Vec<Value> {
        let session = self.wait_for("a session that ends", |records| {
            let ends: Vec<_> = records.iter().filter(|r| r["event"] == "close").collect();
            (ends.len() > after).then(|| ends[ends.len() - 1]["session"].as_str().unwrap().to_owned())
        });
        self.records_of(&session)
    }

    /// Sessions that have ended so far.
    pub fn ends(&mut self) -> usize {
        self.catch_up();
        self.records.iter().filter(|r| r["event"] == "close").count()
    }

    /// What holds after every row: it lives, a login goes through in a second, memory is as it was, others were served.
    #[track_caller]
    pub fn is_well(&mut self, after: &str) {
        let began = Instant::now();
        let (mut client, mut server, name) = self.session();
        client.says("<message id='well'/>", &mut server);
        let took = began.elapsed();
        drop((client, server));
        assert!(took < LOGIN, "a login takes {took:?} after {after}");
        let records = self.records_of(&name);
        assert!(records.iter().any(|r| r["kind"] == "message"), "nothing is logged after {after}");
        if self.rss > 0 {
            let now = vitals::rss_kib(self.proxy.pid());
            assert!(now < self.rss + MAX_GROWTH, "{} KiB before, {now} KiB after {after}", self.rss);
        }
        assert!(!self.proxy.said().contains("panicked"), "{}", self.proxy.said());
        if let Some(bystander) = &self.bystander {
            bystander.is_served(after);
        }
        // What rows before this one logged is not looked at again, but for ends.
        self.records.retain(|r| r["event"] == "close");
    }

    /// Kills the proxy as it is.
    pub fn kill(mut self) {
        self.bystander.take();
        self.proxy.signal(rustix::process::Signal::KILL);
    }

    /// Ends the run. Its files are there as long as the bench is.
    pub fn stop(mut self) -> (Bench, Ended) {
        self.bystander.take();
        let ended = self.proxy.stop(&self.bench);
        ended.said.ended(0, &[]);
        (self.bench, ended)
    }
}
