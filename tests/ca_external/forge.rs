//! A fresh test CA, and what a thief of its key could sign.

use std::{fs, net::IpAddr, path::PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use stanzascope::ca::{Authority, Scope};
use time::{Duration, OffsetDateTime};

/// A CA for lab.test, proxy.local and 192.0.2.7, in a directory that goes with it.
pub struct Lab {
    pub authority: Authority,
    pub dir: tempfile::TempDir,
}

/// A leaf with the chain a server would send, and the host that a client checks it against.
pub struct Leaf {
    pub name: &'static str,
    pub acceptable: bool,
    pub host: &'static str,
    /// Leaf first, without the root.
    pub chain: Vec<Vec<u8>>,
    /// The chain in one PEM file.
    pub file: PathBuf,
    /// The chain as one PEM file for each certificate.
    pub parts: Vec<PathBuf>,
}

impl Lab {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let scope = Scope::new(&["lab.test"], &["proxy.local", "192.0.2.7"]).unwrap();
        let authority = Authority::create(&dir.path().join("certs"), &scope, OffsetDateTime::now_utc()).unwrap();
        Self { authority, dir }
    }

    pub fn path(&self, file: &str) -> String {
        self.dir.path().join("certs").join(file).to_str().unwrap().to_owned()
    }

    pub fn leaves(&self) -> Vec<Leaf> {
        let everything = ["lab.test", "muc.lab.test", "proxy.local", "localhost", "127.0.0.1", "::1", "192.0.2.7"];
        let ours = |name: &'static str, names: &[&str], host| {
            let leaf = self.authority.leaf(names, OffsetDateTime::now_utc()).unwrap();
            self.leaf(name, true, host, leaf.cert.iter().map(|der| der.to_vec()).collect())
        };
        let intermediate = || self.authority.leaf(&["lab.test"], OffsetDateTime::now_utc()).unwrap().cert[1].to_vec();
        let signed = |name, acceptable, host, params| self.leaf(name, acceptable, host, vec![self.sign(params), intermediate()]);
        let forged = |name, acceptable, host, names| signed(name, acceptable, host, leaf(names));
        let [below, second] = self.below_another_authority();
        vec![
            ours("the domain", &["lab.test"], "lab.test"),
            ours("everything, by domain", &everything, "lab.test"),
            ours("everything, by subdomain", &everything, "muc.lab.test"),
            ours("everything, by loopback address", &everything, "127.0.0.1"),
            ours("everything, by IPv6 address", &everything, "::1"),
            ours("everything, by named address", &everything, "192.0.2.7"),
            ours("only an address", &["127.0.0.1"], "127.0.0.1"),
            forged("forged, but inside", true, "a.lab.test", vec![dns("a.lab.test")]),
            forged("another domain", false, "bank.example", vec![dns("bank.example")]),
            forged("another domain beside ours", false, "lab.test", vec![dns("lab.test"), dns("bank.example")]),
            forged("ends like ours", false, "evillab.test", vec![dns("evillab.test")]),
            forged("begins like ours", false, "lab.test.example", vec![dns("lab.test.example")]),
            forged("the parent", false, "test", vec![dns("test")]),
            forged("a wildcard elsewhere", false, "www.bank.example", vec![dns("*.bank.example")]),
            forged("another address", false, "192.0.2.8", vec![ip("192.0.2.8")]),
            forged("another IPv6 address", false, "::2", vec![ip("::2")]),
            forged("an address beside ours", false, "lab.test", vec![dns("lab.test"), ip("198.51.100.1")]),
            forged("an email address", false, "lab.test", vec![dns("lab.test"), SanType::Rfc822Name("a@bank.example".try_into().unwrap())]),
            forged("a URI", false, "lab.test", vec![dns("lab.test"), SanType::URI("https://bank.example/".try_into().unwrap())]),
            signed("only a common name", false, "bank.example", only_common_name("bank.example")),
            signed("for clients only", false, "lab.test", for_clients()),
            self.leaf("below a second authority", false, "lab.test", vec![below, second, intermediate()]),
        ]
    }

    fn leaf(&self, name: &'static str, acceptable: bool, host: &'static str, chain: Vec<Vec<u8>>) -> Leaf {
        let path = |suffix: &str| self.dir.path().join(format!("{}{suffix}.pem", name.replace([' ', ','], "-")));
        let file = path("");
        fs::write(&file, chain.iter().map(|der| pem(der)).collect::<String>()).unwrap();
        let parts: Vec<PathBuf> = (0..chain.len()).map(|i| path(&format!("-{i}"))).collect();
        for (part, der) in parts.iter().zip(&chain) {
            fs::write(part, pem(der)).unwrap();
        }
        Leaf { name, acceptable, host, chain, file, parts }
    }

    fn issuer(&self) -> Issuer<'static, KeyPair> {
        let read = |file| fs::read_to_string(self.path(file)).unwrap();
        Issuer::from_ca_cert_pem(&read("intermediate.pem"), KeyPair::from_pem(&read("intermediate.key")).unwrap()).unwrap()
    }

    fn sign(&self, params: CertificateParams) -> Vec<u8> {
        params.signed_by(&KeyPair::generate().unwrap(), &self.issuer()).unwrap().der().to_vec()
    }

    /// A leaf for an allowed name, and the CA below the intermediate that signed it.
    fn below_another_authority(&self) -> [Vec<u8>; 2] {
        let key = KeyPair::generate().unwrap();
        let mut authority = leaf(vec![]);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority.distinguished_name.push(DnType::CommonName, "second authority");
        let second = authority.signed_by(&key, &self.issuer()).unwrap().der().to_vec();
        let leaf = leaf(vec![dns("lab.test")]).signed_by(&KeyPair::generate().unwrap(), &Issuer::from_params(&authority, key));
        [leaf.unwrap().der().to_vec(), second]
    }
}

fn leaf(names: Vec<SanType>) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.not_before = now - Duration::HOUR;
    params.not_after = now + Duration::DAY;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "forged leaf");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.subject_alt_names = names;
    params
}

fn only_common_name(name: &str) -> CertificateParams {
    let mut params = leaf(vec![]);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn for_clients() -> CertificateParams {
    let mut params = leaf(vec![dns("lab.test")]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn ip(address: &str) -> SanType {
    SanType::IpAddress(address.parse::<IpAddr>().unwrap())
}

fn pem(der: &[u8]) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64_STANDARD.encode(der))
}
