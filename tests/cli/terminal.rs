//! What a person at a terminal meets, and what happens when nobody is there to read standard error.

use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::rig::{AUTH, Bench, HEADER, PATIENCE, Server};

/// A program on a pseudo-terminal, as a person sees it.
struct Terminal {
    keyboard: std::fs::File,
    screen: Arc<Mutex<String>>,
    child: Child,
}

impl Terminal {
    fn start(bench: &Bench, args: &[&str]) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let side = || Stdio::from(OwnedFd::from(std::fs::File::options().read(true).write(true).open(&name).unwrap()));
        let child = bench.command(args).stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        let keyboard = std::fs::File::from(master);
        let (mut output, screen) = (keyboard.try_clone().unwrap(), Arc::new(Mutex::new(String::new())));
        let into = screen.clone();
        // Ends with an error of its own once the program has closed its side.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                into.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
        });
        Terminal { keyboard, screen, child }
    }

    /// Waits until this is on the screen; what was shown so far.
    #[track_caller]
    fn shows(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let shown = self.screen.lock().unwrap().clone();
            if shown.contains(text) {
                return shown;
            }
            assert!(began.elapsed() < PATIENCE, "no {text:?} in {shown}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn types(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn ends(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return status.code(),
                None => assert!(began.elapsed() < PATIENCE, "it does not end"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn arguments(upstream: &str) -> Vec<&str> {
    let mut args = vec!["run", "--domain", "lab.test", "--upstream", upstream, "--upstream-tls", "none"];
    args.extend(["--starttls-port", "0", "--direct-port", "0", "--metrics", "127.0.0.1:0"]);
    args
}

/// The notice is shown once, takes `yes` and nothing else; then a status line follows what happens, and lines typed are marks.
#[test]
fn a_run_at_a_terminal() {
    let (bench, server) = (Bench::new(), Server::new());
    let upstream = server.address().to_string();
    let mut refused = Terminal::start(&bench, &arguments(&upstream));
    refused.shows("Every holder of an account under test has agreed");
    refused.shows("Type yes to go on: ");
    refused.types("y");
    assert_eq!(refused.ends(), Some(2));
    refused.shows("not acknowledged");
    assert!(!bench.path("home/.local/state/stanzascope/acknowledged").exists() && !bench.path("runs").exists());

    let mut run = Terminal::start(&bench, &arguments(&upstream));
    run.shows("Type yes to go on: ");
    run.types("yes");
    server.answer_probes(|| !run.screen.lock().unwrap().contains("run directory "));
    assert!(bench.path("home/.local/state/stanzascope/acknowledged").exists());
    run.shows("\r\u{1b}[K0 connected");
    let shown = run.shows("listening direct ");
    let direct = shown.split("listening direct ").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    let (mut client, mut upstream_peer) = crate::rig::connect(direct, &bench.path("certs"), &server);
    client.says(HEADER, &mut upstream_peer);
    client.says(AUTH, &mut upstream_peer);
    run.shows("\r\u{1b}[K1 connected");
    run.types("now the encrypted chat");
    // Ctrl-C ends the run: the terminal makes a signal of it only for its own session, so it is sent.
    std::thread::sleep(Duration::from_millis(300));
    rustix::process::kill_process(rustix::process::Pid::from_child(&run.child), rustix::process::Signal::INT).unwrap();
    assert_eq!(run.ends(), Some(0));
    let shown = run.shows("What the server learned");
    assert!(
        !shown.rsplit_once("What the server learned").unwrap().1.contains("\u{1b}[K"),
        "the status line is gone before the summary: {shown}"
    );
    let directory = std::fs::read_dir(bench.path("runs")).unwrap().next().unwrap().unwrap().path();
    assert!(std::fs::read_to_string(directory.join("records.jsonl")).unwrap().contains("now the encrypted chat"));

    // Once acknowledged, never asked again.
    let again = Terminal::start(&bench, &arguments(&upstream));
    server.answer_probes(|| !again.screen.lock().unwrap().contains("run directory "));
    assert!(!again.screen.lock().unwrap().contains("Type yes"));
}

/// Standard error is closed, or a pipe whose reader left: everything goes on, and the exit code says how it went.
#[test]
fn nobody_reads_standard_error() {
    let bench = Bench::new();
    let demo = ["demo", "--metrics", "127.0.0.1:0"];
    for (args, code) in
        [(&demo[..], 0), (&["scan", "nowhere.xml"], 2), (&["run", "--frobnicate"], 2), (&["export", "nowhere", "--format", "csv"], 2)]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let left = bench.command(args).env("STANZASCOPE_LOG", "trace").stdout(Stdio::piped()).stderr(writer).output().unwrap();
        assert_eq!(left.status.code(), Some(code), "{args:?}");
        let mut shell = std::process::Command::new("sh");
        let closed = shell.args(["-c", "exec \"$0\" \"$@\" 2>&-", env!("CARGO_BIN_EXE_stanzascope")]).args(args);
        let closed = closed.current_dir(bench.path(".")).stdin(Stdio::null()).output().unwrap();
        assert_eq!(closed.status.code(), Some(code), "{args:?} with 2>&-");
        for output in [left, closed] {
            assert_eq!(String::from_utf8_lossy(&output.stdout).contains("What the server learned"), code == 0, "{args:?}");
        }
    }
}
