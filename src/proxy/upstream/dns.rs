//! Questions to the name system, and answers that say what was asked.
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::time::{Instant, timeout_at};

/// A resolver: the system's, or the one named by `--resolver`.
#[derive(Debug)]
pub struct Dns {
    resolver: Result<TokioResolver, String>,
    server: String,
}

impl Dns {
    /// The resolver of the operating system, hosts file included.
    pub fn system() -> Self {
        let build = || {
            let mut builder = TokioResolver::builder_tokio()?;
            builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
            builder.options_mut().timeout = QUESTION_TIMEOUT;
            builder.build()
        };
        Self { resolver: build().map_err(|error: NetError| error.to_string()), server: "the system's resolver".into() }
    }

    /// One name server, asked over UDP, and over TCP where an answer is too long for it. The hosts file is not read.
    pub fn at(server: SocketAddr) -> Self {
        let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
        (udp.port, tcp.port) = (server.port(), server.port());
        let config = ResolverConfig::from_name_servers(vec![NameServerConfig::new(server.ip(), true, vec![udp, tcp])]);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.use_hosts_file = ResolveHosts::Never;
        options.timeout = QUESTION_TIMEOUT;
        Self { resolver: builder.build().map_err(|error| error.to_string()), server: format!("resolver {server}") }
    }

    /// All addresses of a host, IPv4 first. Relative names are also tried in the search domains of the system.
    pub(super) async fn addresses(&self, host: &str, deadline: Instant) -> Result<Vec<IpAddr>, LookupError> {
        let question = format!("A/AAAA {host}");
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let name = parse_name(host, &question)?;
        let answer = self.ask(&question, deadline, async |resolver| resolver.lookup_ip(name).await).await?;
        let mut addresses: Vec<IpAddr> = answer.iter().collect();
        addresses.sort_by_key(IpAddr::is_ipv6);
        addresses.dedup();
        Ok(addresses)
    }

    /// The SRV records of `service` (such as `_xmpp-client._tcp`) at `domain`, in no particular order.
    pub(super) async fn srv(&self, service: &str, domain: &str, deadline: Instant) -> Result<Vec<SRV>, LookupError> {
        let question = format!("SRV {service}.{domain}");
        let service = parse_name(service, &question)?;
        let domain = parse_name(domain, &question)?;
        let name = service
            .append_domain(&domain)
            .map_err(|error| LookupError::BadName { question: question.clone(), detail: error.to_string() })?;
        let answer = self.ask(&question, deadline, async |resolver| resolver.lookup(name, RecordType::SRV).await).await?;
        let records = answer.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(srv.clone()),
            _ => None,
        });
        Ok(records.collect())
    }

    async fn ask<T>(
        &self,
        question: &str,
        deadline: Instant,
        ask: impl AsyncFnOnce(&TokioResolver) -> Result<T, NetError>,
    ) -> Result<T, LookupError> {
        let question = question.to_owned();
        let server = self.server.clone();
        let resolver = match &self.resolver {
            Ok(resolver) => resolver,
            Err(detail) => {
                return Err(LookupError::Failed { question, server, detail: detail.clone() });
            }
        };
        let started = Instant::now();
        let answer = timeout_at(deadline, ask(resolver)).await.unwrap_or(Err(NetError::Timeout));
        answer.map_err(|error| match error {
            NetError::Timeout => LookupError::Timeout { question, server, after: started.elapsed() },
            NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
                ResponseCode::NXDomain => LookupError::NoSuchName { question, server },
                ResponseCode::NoError => LookupError::NoRecords { question, server },
                code => LookupError::Failed { question, server, detail: code.to_string() },
            },
            NetError::Dns(DnsError::ResponseCode(ResponseCode::NXDomain)) => LookupError::NoSuchName { question, server },
            error => LookupError::Failed { question, server, detail: error.to_string() },
        })
    }
}

/// A question that brought no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// NXDOMAIN.
    #[error("{server} says that the name does not exist (asked for {question})")]
    NoSuchName {
        /// Type and name.
        question: String,
        /// Who was asked.
        server: String,
    },
    /// The name exists, but has no such record.
    #[error("{server} has no such record (asked for {question})")]
    NoRecords {
        /// Type and name.
        question: String,
        /// Who was asked.
        server: String,
    },
    /// No answer came in time.
    #[error("{server} gave no answer within {} ms (asked for {question})", after.as_millis())]
    Timeout {
        /// Type and name.
        question: String,
        /// Who was asked.
        server: String,
        /// How long we waited.
        after: Duration,
    },
    /// Anything else: SERVFAIL, an unreachable resolver, no resolver at all.
    #[error("{server} could not answer: {detail} (asked for {question})")]
    Failed {
        /// Type and name.
        question: String,
        /// Who was asked.
        server: String,
        /// What came back.
        detail: String,
    },
    /// The name cannot be a DNS name.
    #[error("cannot ask for {question}: {detail}")]
    BadName {
        /// Type and name.
        question: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl LookupError {
    /// True when the name system answered that there is nothing, rather than failing to answer.
    pub(super) fn is_a_no(&self) -> bool {
        matches!(self, Self::NoSuchName { .. } | Self::NoRecords { .. })
    }
}

/// A domain as it goes into DNS and TLS: internationalised names in their `xn--` form, without the final dot.
pub(super) fn ascii_domain(domain: &str) -> Option<String> {
    let name = Name::from_utf8(domain).ok()?;
    Some(name.to_ascii().trim_end_matches('.').to_owned()).filter(|name| !name.is_empty())
}

fn parse_name(name: &str, question: &str) -> Result<Name, LookupError> {
    Name::from_utf8(name).map_err(|error| LookupError::BadName { question: question.to_owned(), detail: error.to_string() })
}

/// For one question to one server. The resolver asks twice.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(2);
