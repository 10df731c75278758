//! One function for each verifier: which of the leafs does it accept?

use std::{process::Command, sync::Arc, time::Duration};

use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};

use crate::forge::{Lab, Leaf};

pub type Answers = Vec<Result<(), String>>;

pub fn openssl(lab: &Lab, leaves: &[Leaf]) -> Answers {
    each(leaves, |leaf, path| {
        let check = if leaf.host.parse::<std::net::IpAddr>().is_ok() { "-verify_ip" } else { "-verify_hostname" };
        run(
            "openssl",
            "openssl",
            &[
                "verify",
                "-x509_strict",
                "-purpose",
                "sslserver",
                "-no-CApath",
                "-no-CAstore",
                "-CAfile",
                &lab.path("root.pem"),
                "-untrusted",
                path,
                check,
                leaf.host,
                path,
            ],
        )
    })
}

pub fn gnutls(lab: &Lab, leaves: &[Leaf]) -> Answers {
    each(leaves, |leaf, path| {
        run(
            "certtool",
            "gnutls-bin",
            &[
                "--verify",
                "--verify-profile=medium",
                "--verify-purpose=1.3.6.1.5.5.7.3.1",
                "--load-ca-certificate",
                &lab.path("root.pem"),
                "--verify-hostname",
                leaf.host,
                "--infile",
                path,
            ],
        )
    })
}

/// Both of NSS's verifiers, the old one and libpkix, must agree.
pub fn nss(lab: &Lab, leaves: &[Leaf]) -> Answers {
    let db = lab.dir.path().join("nss");
    std::fs::create_dir(&db).unwrap();
    let db = format!("sql:{}", db.to_str().unwrap());
    for args in [&["-N", "-d", &db, "--empty-password"][..], &["-A", "-d", &db, "-n", "root", "-t", "C,,", "-i", &lab.path("root.pem")]] {
        run("certutil", "libnss3-tools", args).unwrap();
    }
    leaves
        .iter()
        .map(|leaf| {
            let mut answers = [&["-pp"][..], &[]].map(|verifier| {
                let mut args = vec!["-d", &db, "-u", SSL_SERVER];
                args.extend(verifier);
                args.extend(leaf.parts.iter().flat_map(|part| ["-a", part.to_str().unwrap()]));
                run("vfychain", "libnss3-tools", &args)
            });
            assert_eq!(answers[0].is_ok(), answers[1].is_ok(), "{}: {answers:?}", leaf.name);
            std::mem::replace(&mut answers[0], Ok(()))
        })
        .collect()
}

pub fn webpki(lab: &Lab, leaves: &[Leaf]) -> Answers {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(lab.path("root.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(time::OffsetDateTime::now_utc().unix_timestamp() as u64));
    leaves
        .iter()
        .map(|leaf| {
            let chain: Vec<CertificateDer<'_>> = leaf.chain.iter().map(|der| der.as_slice().into()).collect();
            let host = ServerName::try_from(leaf.host).unwrap();
            verifier.verify_server_cert(&chain[0], &chain[1..], &host, &[], now).map(drop).map_err(|error| error.to_string())
        })
        .collect()
}

pub fn java(lab: &Lab, leaves: &[Leaf]) -> Answers {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ca_external/Verify.java").to_owned();
    let mut args = vec![program, lab.path("root.pem")];
    args.extend(leaves.iter().map(|leaf| leaf.file.to_str().unwrap().to_owned()));
    let output = output("java", "openjdk-17-jdk-headless", &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| if line == "accepted" { Ok(()) } else { Err(line.to_owned()) }).collect()
}

fn each(leaves: &[Leaf], verify: impl Fn(&Leaf, &str) -> Result<(), String>) -> Answers {
    leaves.iter().map(|leaf| verify(leaf, leaf.file.to_str().unwrap())).collect()
}

/// Success, or what the program printed.
fn run(program: &str, package: &str, args: &[&str]) -> Result<(), String> {
    let output = output(program, package, args);
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if output.status.success() { Ok(()) } else { Err(text) }
}

fn output<S: AsRef<std::ffi::OsStr>>(program: &str, package: &str, args: &[S]) -> std::process::Output {
    Command::new(program).args(args).output().unwrap_or_else(|error| panic!("cannot run {program}: {error} (apt-get install {package})"))
}

/// NSS's number for a certificate's use.
const SSL_SERVER: &str = "1";
