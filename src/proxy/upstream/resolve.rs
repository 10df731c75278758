//! From a target to the addresses to try, in order.
use std::net::SocketAddr;

use tokio::time::Instant;

use super::dns::{Dns, LookupError};
use super::srv::{SrvTarget, order};
use super::target::{Opening, Target, TlsMode};

/// One address to try and the ways to open a stream there, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The name or literal the address was found under.
    pub host: String,
    /// Where to connect.
    pub address: SocketAddr,
    /// What to try there. Never holds `Clear` beside another.
    pub openings: Vec<Opening>,
}

/// What the name system said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolution {
    /// Never empty when returned by [`resolve`].
    pub candidates: Vec<Candidate>,
    /// One line per question: what was asked and what came back.
    pub trail: Vec<String>,
}

/// Why no address was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The only SRV target is `.`: the domain says that it has no such service.
    #[error("{domain} declares that it offers no XMPP client service ({service} is \".\"): name the server with --upstream HOST:PORT")]
    NotOffered {
        /// The domain under test.
        domain: String,
        /// The record that says so.
        service: String,
    },
    /// A question failed.
    #[error("{error}: name the server with --upstream HOST:PORT or another resolver with --resolver ADDR:PORT")]
    Lookup {
        /// The question that decided, the last one that was asked.
        #[source]
        error: LookupError,
        /// All questions up to then.
        trail: Vec<String>,
    },
}

/// Finds the addresses of the upstream for `domain`.
///
/// With [`Target::Srv`] both services are asked, as far as `mode` allows, and merged by priority and weight. Only when
/// neither has a record the domain itself is taken, with port 5222 (5223 when direct TLS is demanded). A service that
/// could not be asked is no proof that it does not exist, so then nothing is guessed.
///
/// # Errors
/// [`ResolveError`], naming the question that decided.
pub async fn resolve(dns: &Dns, target: &Target, domain: &str, mode: TlsMode, deadline: Instant) -> Result<Resolution, ResolveError> {
    let mut resolution = Resolution::default();
    match target {
        Target::Fixed { host, port } => {
            let openings = match mode {
                TlsMode::Auto => Opening::likely_for_port(*port).to_vec(),
                fixed => services(fixed).map(|(_, opening)| opening).collect(),
            };
            resolution.add(dns, host, *port, &openings, deadline).await.map_err(|error| resolution.fail(error))?;
        }
        Target::Srv => by_srv(dns, domain, mode, deadline, &mut resolution).await?,
    }
    Ok(resolution)
}

async fn by_srv(dns: &Dns, domain: &str, mode: TlsMode, deadline: Instant, resolution: &mut Resolution) -> Result<(), ResolveError> {
    let mut targets = Vec::new();
    let mut declined = None;
    let mut failed = None;
    // Both questions leave at once: a resolver that drops them must not cost their timeouts one after the other.
    let asked: Vec<_> = services(mode).collect();
    let answers = match asked.as_slice() {
        [only] => vec![dns.srv(only.0, domain, deadline).await],
        [first, second, ..] => {
            let (first, second) = tokio::join!(dns.srv(first.0, domain, deadline), dns.srv(second.0, domain, deadline));
            vec![first, second]
        }
        [] => Vec::new(),
    };
    for ((service, opening), answer) in asked.into_iter().zip(answers) {
        match answer {
            Ok(records) if !records.is_empty() && records.iter().all(|record| record.target.is_root()) => {
                resolution.trail.push(format!("SRV {service}.{domain}: \".\", not offered"));
                declined = Some((service, opening));
            }
            Ok(records) => {
                let offered = records.iter().filter(|record| !record.target.is_root()).map(|record| SrvTarget {
                    priority: record.priority,
                    weight: record.weight,
                    port: record.port,
                    host: record.target.to_utf8(),
                    opening,
                });
                for target in offered {
                    resolution.trail.push(format!(
                        "SRV {service}.{domain}: {}:{} (priority {}, weight {})",
                        target.host, target.port, target.priority, target.weight
                    ));
                    targets.push(target);
                }
            }
            Err(error) => {
                resolution.trail.push(format!("SRV {service}.{domain}: {error}"));
                if !error.is_a_no() {
                    failed = Some(error);
                }
            }
        }
    }

    let mut last_error = None;
    for target in order(targets, random_up_to) {
        let openings = [target.opening];
        if let Err(error) = resolution.add(dns, &target.host, target.port, &openings, deadline).await {
            last_error = Some(error);
        }
    }
    if !resolution.candidates.is_empty() {
        return Ok(());
    }
    if let Some(error) = last_error.or(failed) {
        return Err(resolution.fail(error));
    }
    let (service, opening) = services(mode).last().expect("every mode has a service");
    if declined == Some((service, opening)) {
        return Err(ResolveError::NotOffered { domain: domain.to_owned(), service: format!("SRV {service}.{domain}") });
    }
    resolution.trail.push("no SRV records: taking the domain itself".to_owned());
    let port = if opening == Opening::Direct { DIRECT_TLS_PORT } else { CLIENT_PORT };
    let host = if domain.ends_with('.') { domain.to_owned() } else { format!("{domain}.") };
    resolution.add(dns, &host, port, &[opening], deadline).await.map_err(|error| resolution.fail(error))
}

impl Resolution {
    async fn add(&mut self, dns: &Dns, host: &str, port: u16, openings: &[Opening], deadline: Instant) -> Result<(), LookupError> {
        let addresses = match dns.addresses(host, deadline).await {
            Ok(addresses) => addresses,
            Err(error) => {
                self.trail.push(format!("A/AAAA {host}: {error}"));
                return Err(error);
            }
        };
        let host = host.trim_end_matches('.');
        if host.parse::<std::net::IpAddr>().is_err() {
            let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            self.trail.push(format!("A/AAAA {host}: {}", list.join(", ")));
        }
        self.candidates.extend(addresses.into_iter().map(|ip| Candidate {
            host: host.to_owned(),
            address: SocketAddr::new(ip, port),
            openings: openings.to_vec(),
        }));
        Ok(())
    }

    fn fail(&self, error: LookupError) -> ResolveError {
        ResolveError::Lookup { error, trail: self.trail.clone() }
    }
}

/// The services to ask for, the one that decides about the fallback last.
fn services(mode: TlsMode) -> impl Iterator<Item = (&'static str, Opening)> {
    let direct = ("_xmpps-client._tcp", Opening::Direct);
    let starttls = ("_xmpp-client._tcp", Opening::StartTls);
    match mode {
        TlsMode::Auto => vec![direct, starttls],
        TlsMode::StartTls => vec![starttls],
        TlsMode::Direct => vec![direct],
        TlsMode::None => vec![("_xmpp-client._tcp", Opening::Clear)],
    }
    .into_iter()
}

/// A number in `0..=limit`. Not for secrets: a failing source of randomness only fixes the order.
fn random_up_to(limit: u32) -> u32 {
    getrandom::u32().map_or(0, |random| random % (limit.saturating_add(1)))
}

const CLIENT_PORT: u16 = 5222;
const DIRECT_TLS_PORT: u16 = 5223;
