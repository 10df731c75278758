//! Mistakes end with exit code 2 before anything is opened, and the message names the way out.

use std::net::TcpListener;

use crate::rig::{Bench, Server, mode};

/// Arguments that would do, but for what a test adds or leaves out. A pin, so that no platform roots are needed.
const GOOD: &[&str] = &["run", "--yes", "--starttls-port", "0", "--direct-port", "0", "--metrics", "off", "--upstream-pin", PIN];
const PIN: &str = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const LAB: &[&str] = &["--domain", "lab.test", "--upstream", "127.0.0.1:1"];

#[track_caller]
fn refused(args: &[&[&str]], words: &[&str]) {
    let bench = Bench::new();
    bench.run(&args.concat()).ended(2, words);
    assert!(!bench.path("runs").exists(), "a run was begun");
}

#[test]
fn what_is_missing_is_named() {
    refused(&[GOOD, &["--upstream", "127.0.0.1:1"]], &["which domain", "--domain lab.test"]);
    refused(&[GOOD, &["--domain", "lab.test"]], &["where is the test server", "--upstream HOST:PORT"]);
    refused(&[&["run", "--frobnicate"]], &["unexpected argument '--frobnicate'"]);
}

#[test]
fn clear_text_leaves_the_machine_on_no_account() {
    for upstream in ["192.168.77.1:5222", "192.0.2.1:5222"] {
        let args = ["--domain", "lab.test", "--upstream", upstream, "--upstream-tls", "none", "--i-own-this-account"];
        refused(&[GOOD, &args], &[upstream, "starttls or direct"]);
    }
}

#[test]
fn real_domains_need_a_word() {
    let upstream: &[&str] = &["--upstream", "xmpp.example.org:5222"];
    refused(&[GOOD, &["--domain", "example.org"], upstream], &["example.org looks like a real domain", "--i-own-this-account"]);
    refused(&[GOOD, &["--domain", "example.org", "--upstream", "srv"]], &["--i-own-this-account"]);
    for domain in ["example.org", "lab.test"] {
        refused(&[GOOD, &["--domain", domain, "--upstream", "198.51.100.1:5222"]], &["--i-own-this-account"]);
    }
}

#[test]
fn the_proxy_is_not_its_own_server() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (port, upstream) = (free.port().to_string(), free.to_string());
    for mode in ["auto", "none"] {
        let bench = Bench::new();
        let args = ["run", "--yes", "--domain", "lab.test", "--upstream", &upstream, "--upstream-tls", mode, "--starttls-port", &port];
        let said = bench.run(&[&args[..], &["--direct-port", "0", "--metrics", "off", "--upstream-pin", PIN]].concat());
        said.ended(2, &["own listener", "--upstream HOST:PORT"]);
    }
}

#[test]
fn other_machines_have_to_be_named() {
    refused(&[GOOD, LAB, &["--listen", "0.0.0.0"]], &["other machines", "--allow-remote CIDR"]);
    refused(&[GOOD, LAB, &["--listen", "::"]], &["--allow-remote CIDR"]);
    refused(&[GOOD, LAB, &["--allow-remote", "everybody"]], &["--allow-remote"]);
    let listener = ["run", "--yes", "--starttls-port", "0", "--direct-port", "0", "--upstream-pin", PIN, "--metrics", "0.0.0.0:0"];
    let bench = Bench::new();
    let said = bench.run(&[&listener, LAB].concat());
    assert_ne!(said.code, Some(0));
    assert!(said.err.contains("no loopback address"), "{said:#?}");
}

#[test]
fn trust_that_cannot_be_read_is_named() {
    let good: Vec<&str> = GOOD.iter().take_while(|arg| **arg != "--upstream-pin").copied().collect();
    refused(&[&good, LAB, &["--upstream-ca", "nowhere.pem"]], &["cannot read the CA file nowhere.pem"]);
    refused(&[&good, LAB, &["--upstream-ca", "/dev/null"]], &["/dev/null holds no certificate", "PEM"]);
    refused(&[&good, LAB, &["--upstream-pin", "sha256/short"]], &["sha256/short", "pin"]);
    refused(&[GOOD, LAB, &["--upstream-ca", "nowhere.pem"]], &["exclude each other"]);
}

#[test]
fn an_occupied_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let args = ["run", "--yes", "--starttls-port", &port, "--direct-port", "0", "--metrics", "off", "--upstream-pin", PIN];
    let bench = Bench::new();
    bench.run(&[&args, LAB].concat()).ended(2, &[&format!("cannot listen on 127.0.0.1:{port}"), "--starttls-port"]);
}

#[test]
fn an_open_ca_and_an_uncovered_name_are_refused() {
    let bench = Bench::new();
    bench.run(&["ca", "init", "--domain", "lab.test"]).ended(0, &[]);
    let more = ["--domain", "lab.test", "--upstream", "127.0.0.1:1", "--name", "proxy.lan"];
    bench.run(&[GOOD, &more].concat()).ended(2, &["does not cover proxy.lan", "new CA"]);
    bench
        .run(&[GOOD, &["--domain", "other.test", "--upstream", "127.0.0.1:1"]].concat())
        .ended(2, &["does not cover other.test", "new CA"]);

    use std::os::unix::fs::PermissionsExt as _;
    for (path, open, wanted) in [(bench.path("certs"), 0o755, "chmod 700"), (bench.path("certs/intermediate.key"), 0o644, "chmod 600")] {
        let before = mode(&path);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(open)).unwrap();
        bench.run(&[GOOD, LAB].concat()).ended(2, &["open to other users", wanted]);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(before)).unwrap();
    }
}

#[test]
fn consent_comes_first() {
    let bench = Bench::new();
    let args: Vec<&str> = [GOOD, LAB].concat().into_iter().filter(|arg| *arg != "--yes").collect();
    bench.run(&args).ended(2, &["has agreed to this", "test accounts on test servers that you own", "--yes"]);
    assert!(!bench.path("certs").exists() && !bench.path("runs").exists(), "nothing is made before consent");

    // Once given on a terminal it is remembered; the file that remembers it is all there is to forge here.
    let state = bench.path("home/.local/state/stanzascope");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("acknowledged"), "").unwrap();
    let said = bench.run(&[&args[..], &["--starttls-port", "1", "--upstream-pin", "bad"]].concat());
    assert!(!said.err.contains("has agreed to this"), "{said:#?}");
}

#[test]
fn keys_of_tls_need_a_place() {
    refused(&[GOOD, LAB, &["--tls-keylog"]], &["--tls-keylog needs the environment variable SSLKEYLOGFILE"]);
}

#[test]
fn the_session_file_is_used_and_its_mistakes_have_lines() {
    let bench = Bench::new();
    std::fs::write(bench.path("stanzascope.toml"), "domain = \"lab.test\"\nupstrem = \"127.0.0.1:1\"\n").unwrap();
    bench.run(GOOD).ended(2, &["stanzascope.toml:2", "did you mean `upstream`?"]);
    bench.run(&[GOOD, &["--config", "none.toml"]].concat()).ended(2, &["none.toml", "--example-config"]);
    std::fs::write(bench.path("stanzascope.toml"), "domain = \"lab.test\"\n").unwrap();
    bench.run(GOOD).ended(2, &["where is the test server"]);
}

#[test]
fn the_example_is_a_session_file() {
    let bench = Bench::new();
    let example = bench.run(&["run", "--example-config"]);
    example.ended(0, &[]);
    assert!(example.out.contains("domain = \"lab.test\""), "{example:#?}");
    std::fs::write(bench.path("example.toml"), &example.out).unwrap();
    bench.run(&[GOOD, &["--config", "example.toml"]].concat()).ended(2, &["where is the test server"]);
    // And with every key in it, it is still one.
    let key = |line: &str| {
        line.strip_prefix("# ")
            .is_some_and(|rest| rest.starts_with('[') || rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')))
    };
    let full: String = example.out.lines().map(|line| format!("{}\n", if key(line) { &line[2..] } else { line })).collect();
    std::fs::write(bench.path("full.toml"), &full).unwrap();
    let good: Vec<&str> = GOOD.iter().take_while(|arg| **arg != "--upstream-pin").copied().collect();
    let said = bench.run(&[&good[..], &["--config", "full.toml"]].concat());
    assert!(!said.err.contains("full.toml:"), "{said:#?}\n{full}");
    assert_eq!(said.code, Some(2), "{said:#?}");
}

#[test]
fn a_check_only_looks() {
    let (bench, server) = (Bench::new(), Server::new());
    let upstream = server.address().to_string();
    let args = ["run", "--check", "--domain", "lab.test", "--upstream", &upstream, "--upstream-tls", "none"];
    let mut command = bench.command(&[&args[..], &["--starttls-port", "0", "--direct-port", "0"]].concat());
    let checking = std::thread::spawn(move || command.output().unwrap());
    server.answer_probes(|| !checking.is_finished());
    let output = checking.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for word in ["clear text", "PLAIN", "are free", "covers"] {
        assert!(said.contains(word), "{word:?} in {said}");
    }
    assert!(!bench.path("runs").exists());

    let bench = Bench::new();
    bench.run(&[GOOD, LAB, &["--check"]].concat()).ended(3, &["127.0.0.1:1"]);
}
