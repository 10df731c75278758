//! Where records may be sent, and with what beside them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::Uri;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Headers of every request: `name=value,name=value`, values percent-encoded. A token belongs here, never in the URL.
pub const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// Where OTLP logs go when the URL names no path.
const LOGS: &str = "/v1/logs";

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The collector.
    pub url: String,
    /// Verify it by the certificates in this file instead of the platform's.
    pub ca: Option<PathBuf>,
    /// Whether clear text may leave this machine.
    pub insecure: bool,
    /// What [`HEADERS`] says.
    pub headers: String,
}

/// A collector that may be sent to.
#[derive(Clone)]
pub struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
    pub(super) authority: String,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) headers: HeaderMap,
}

/// Why not.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum EndpointError {
    #[error("{0:?} is no URL of a collector (for example https://collector.example:4318)")]
    Url(String),
    #[error(
        "the URL of the collector holds a user name, a query or a fragment: secrets in URLs end up in logs (give headers in {HEADERS}, such as authorization=Bearer%20TOKEN)"
    )]
    Secret,
    #[error(
        "http://{0} would send the records in clear over the network (use https, a collector on this machine, or --otlp-insecure if the network is yours)"
    )]
    Clear(String),
    #[error("{HEADERS} is not name=value,name=value with percent-encoded values: entry {0} is wrong")]
    Headers(usize),
    #[error("cannot read the CA file {0}: {1}")]
    CaFile(PathBuf, String),
    #[error("the platform has no usable certificate authorities (name a file with --otlp-ca FILE)")]
    NoRoots,
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Endpoint {
    /// Checks what was asked for.
    ///
    /// # Errors
    /// What is wrong with it, without repeating a secret.
    pub fn new(options: &Options) -> Result<Endpoint, EndpointError> {
        // What was typed may hold a password: it is repeated only when there can be none.
        if options.url.contains(['@', '?', '#']) {
            return Err(EndpointError::Secret);
        }
        let wrong = || EndpointError::Url(options.url.clone());
        let uri: Uri = options.url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, usual) = match uri.scheme_str() {
            Some("https") => (Some(Arc::new(client_config(options.ca.as_deref())?)), 443),
            Some("http") if is_local(&host) || options.insecure => (None, 80),
            Some("http") => return Err(EndpointError::Clear(authority.to_string())),
            _ => return Err(wrong()),
        };
        let path = match uri.path() {
            "" | "/" => LOGS.to_owned(),
            path => path.to_owned(),
        };
        let port = authority.port_u16().unwrap_or(usual);
        Ok(Endpoint { host, port, path, authority: authority.to_string(), tls, headers: headers(&options.headers)? })
    }

    /// The URL. It holds no secret.
    pub fn url(&self) -> String {
        format!("http{}://{}{}", if self.tls.is_some() { "s" } else { "" }, self.authority, self.path)
    }
}

/// Headers may hold tokens.
impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Endpoint").field(&self.url()).finish()
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn headers(text: &str) -> Result<HeaderMap, EndpointError> {
    let mut headers = HeaderMap::new();
    for (at, entry) in text.split(',').enumerate().filter(|(_, entry)| !entry.trim().is_empty()) {
        let wrong = || EndpointError::Headers(at + 1);
        let (name, value) = entry.split_once('=').ok_or_else(wrong)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_bytes(&decoded(value.trim()).ok_or_else(wrong)?).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, more)) = rest.split_first() {
        rest = more;
        if first == b'%' {
            let (digits, more) = rest.split_at_checked(2)?;
            out.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = more;
        } else {
            out.push(first);
        }
    }
    Some(out)
}

fn client_config(ca: Option<&Path>) -> Result<ClientConfig, EndpointError> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let wrong = |detail: String| EndpointError::CaFile(path.to_owned(), detail);
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))? {
                roots.add(certificate.map_err(|error| wrong(error.to_string()))?).map_err(|error| wrong(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(wrong("there is no certificate in it".to_owned()));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(EndpointError::NoRoots);
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str, headers: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::new(&Options { url: url.into(), headers: headers.into(), ..Options::default() })
    }

    #[test]
    fn clear_text_stays_on_this_machine() {
        for url in ["http://127.0.0.1:4318", "http://[::1]:4318/", "http://localhost:4318"] {
            assert_eq!(endpoint(url, "").unwrap().path, "/v1/logs", "{url}");
        }
        for url in ["http://192.168.1.2:4318", "http://collector.test", "http://127.0.0.1.evil.test"] {
            assert!(matches!(endpoint(url, ""), Err(EndpointError::Clear(_))), "{url}");
            assert!(Endpoint::new(&Options { url: url.into(), insecure: true, ..Options::default() }).is_ok());
        }
        assert_eq!(endpoint("http://127.0.0.1:1/own/path", "").unwrap().url(), "http://127.0.0.1:1/own/path");
        for url in ["", "collector", "ftp://127.0.0.1", "http://", "127.0.0.1:4318"] {
            assert!(matches!(endpoint(url, ""), Err(EndpointError::Url(_))), "{url}");
        }
    }

    #[test]
    fn secrets_are_not_repeated() {
        for url in ["http://ann:hush@127.0.0.1", "https://collector.test/?token=hush", "http://127.0.0.1/#hush"] {
            let error = endpoint(url, "").unwrap_err().to_string();
            assert!(error.contains("OTEL_EXPORTER_OTLP_HEADERS") && !error.contains("hush"), "{error}");
        }
        let with = endpoint("http://127.0.0.1", "authorization=Bearer%20hush, x-scope=a").unwrap();
        assert_eq!(with.headers["authorization"], "Bearer hush");
        assert!(!format!("{with:?} {:?}", with.headers).contains("hush"));
        for headers in ["authorization", "x=%zz", "x=%a", "a b=c", "x=%0a"] {
            let error = endpoint("http://127.0.0.1", &format!("ok=1,{headers}")).unwrap_err().to_string();
            assert!(error.contains("entry 2") && !error.contains(headers), "{error}");
        }
    }
}
