//! `stanzascope ca`

use crate::rig::{Bench, mode};

#[test]
fn it_is_made_shown_exported_and_destroyed() {
    let bench = Bench::new();
    bench.run(&["ca", "show"]).ended(2, &["no test CA in certs", "ca init"]);
    bench.run(&["ca", "init"]).ended(2, &["--domain"]);
    let made = bench.run(&["ca", "init", "--domain", "lab.test", "--name", "192.168.1.10"]);
    made.ended(0, &[]);
    assert!(made.out.contains("lab.test") && made.out.contains("192.168.1.10") && made.out.contains("DO NOT TRUST"), "{made:#?}");
    assert_eq!(mode(&bench.path("certs")), 0o700);
    assert_eq!(mode(&bench.path("certs/intermediate.key")), 0o600);
    let mut files: Vec<_> =
        std::fs::read_dir(bench.path("certs")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["intermediate.key", "intermediate.pem", "root.pem"], "no root key");
    bench.run(&["ca", "init", "--domain", "lab.test"]).ended(2, &["exists already"]);

    let shown = bench.run(&["ca", "show", "--client", "GAJIM", "--starttls-port", "15222"]);
    shown.ended(0, &[]);
    assert!(shown.out.contains("Gajim") && shown.out.contains("15222") && !shown.out.contains("Psi+"), "{shown:#?}");
    bench.run(&["ca", "show", "--client", "nobody"]).ended(2, &["no guide for \"nobody\"", "Gajim"]);

    let exported = bench.run(&["ca", "export"]);
    exported.ended(0, &[]);
    assert_eq!(exported.out, std::fs::read_to_string(bench.path("certs/root.pem")).unwrap());
    bench.run(&["ca", "export", "-o", "copy.pem"]).ended(0, &[]);
    assert_eq!(exported.out, std::fs::read_to_string(bench.path("copy.pem")).unwrap());

    let destroyed = bench.run(&["ca", "destroy"]);
    destroyed.ended(0, &[]);
    assert!(destroyed.out.contains("removed certs/intermediate.key") && destroyed.out.contains("update-ca-certificates"), "{destroyed:#?}");
    assert!(!bench.path("certs/intermediate.key").exists());
    bench.run(&["ca", "export"]).ended(2, &["no test CA"]);
}
