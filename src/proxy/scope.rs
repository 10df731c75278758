//! What the proxy may listen on, whom it lets in and which server it may stand in front of.
//!
//! The proxy is for test accounts on a server that the evaluator runs. These rules keep a slip (a wildcard listener, a
//! forgotten `--domain`, a name that resolves to somebody else's server) from turning it into something else. They are
//! plain functions: addresses and names in, a reason to refuse out. [`super::upstream::connect`] applies the rules about
//! the upstream to every address at the moment it is used, so that a changed DNS answer cannot get round them.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use ipnet::IpNet;

/// Why something is outside the scope of the tool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// A listen address that other machines can reach, without saying who may use it.
    #[error("{0} can be reached from other machines: name the peers that may connect (--allow-remote CIDR) or listen on 127.0.0.1")]
    ListenNotLoopback(SocketAddr),
    /// A peer that no `--allow-remote` range contains.
    #[error("{0} may not connect: no --allow-remote range contains it")]
    PeerNotAllowed(IpAddr),
    /// A peer with a public address, let in only by a range that was meant for private ones.
    #[error("{0} has a public address: it may connect only when a public --allow-remote range names it (for example {0}/{prefix})", prefix = if .0.is_ipv4() { 32 } else { 128 })]
    PublicPeer(IpAddr),
    /// A domain that `--domain` does not list.
    #[error("domain {0:?} is not under test (add --domain to put it there)")]
    DomainNotListed(String),
    /// An upstream on a public address.
    #[error(
        "{address}, the upstream for {domain:?}, is a public address: real people may be reached there. If server and accounts are yours, say so with --i-own-this-account"
    )]
    PublicUpstream {
        /// The domain under test.
        domain: String,
        /// The address it leads to.
        address: SocketAddr,
    },
    /// The upstream is the proxy itself.
    #[error("the upstream {upstream} is this proxy's own listener {listener}: name the real server with --upstream HOST:PORT")]
    Loop {
        /// The address that was about to be dialled.
        upstream: SocketAddr,
        /// The listener it would reach.
        listener: SocketAddr,
    },
    /// Clear text to a server that is not on this machine.
    #[error("--upstream-tls none sends passwords in clear and is for a server on this machine only, {0} is not: use starttls or direct")]
    ClearTextUpstream(SocketAddr),
}

/// Whether the evaluator said that server and accounts are theirs (`--i-own-this-account`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ownership {
    /// Nothing was said: lab addresses only.
    #[default]
    NotClaimed,
    /// Said, and written into the manifest by the caller.
    Claimed,
}

/// How far an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This machine. Includes the unspecified address, which `connect` takes for the local host.
    Loopback,
    /// The local network: private, link-local, unique local and shared (RFC 6598) ranges.
    Private,
    /// Everything else. In doubt an address is public.
    Public,
}

/// Tells loopback, private and public addresses apart. IPv4-mapped IPv6 addresses count as IPv4.
pub fn reach(address: IpAddr) -> Reach {
    let address = address.to_canonical();
    if address.is_loopback() || address.is_unspecified() {
        Reach::Loopback
    } else if private_ranges().iter().any(|range| range.contains(&address)) {
        Reach::Private
    } else {
        Reach::Public
    }
}

/// True for names that nobody can own in the public DNS (RFC 2606, 6761, 8375 and `.internal`).
pub fn is_special_use(domain: &str) -> bool {
    let domain = normal_domain(domain);
    SPECIAL_USE.iter().any(|name| domain.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// A domain in the form in which two are compared: lower case, no final dot. Internationalised names stay as written.
pub fn normal_domain(domain: &str) -> String {
    domain.strip_suffix('.').unwrap_or(domain).to_lowercase()
}

/// Checks a stream's `to` or an SNI against the domains under test.
///
/// # Errors
/// `DomainNotListed` unless `allowed` holds the domain, compared without case.
pub fn check_domain(domain: &str, allowed: &[String]) -> Result<(), ScopeError> {
    let wanted = normal_domain(domain);
    let listed = !wanted.is_empty() && allowed.iter().any(|name| normal_domain(name) == wanted);
    listed.then_some(()).ok_or_else(|| ScopeError::DomainNotListed(domain.to_owned()))
}

/// Checks an address that is about to be listened on.
///
/// # Errors
/// `ListenNotLoopback` when other machines can reach it and no `--allow-remote` range says which of them may.
pub fn check_listener(address: SocketAddr, allow_remote: &[IpNet]) -> Result<(), ScopeError> {
    if address.ip().to_canonical().is_loopback() || !allow_remote.is_empty() {
        return Ok(());
    }
    Err(ScopeError::ListenNotLoopback(address))
}

/// Checks a peer that has connected to one of our listeners.
///
/// A range that also spans private networks (`0.0.0.0/0`) does not name a public peer: whoever wrote it thought of the
/// local network.
///
/// # Errors
/// `PeerNotAllowed` or `PublicPeer`. Peers on loopback always pass.
pub fn check_peer(peer: IpAddr, allow_remote: &[IpNet]) -> Result<(), ScopeError> {
    let peer = peer.to_canonical();
    let mut ranges = allow_remote.iter().filter(|range| range.contains(&peer)).peekable();
    match reach(peer) {
        Reach::Loopback => Ok(()),
        _ if ranges.peek().is_none() => Err(ScopeError::PeerNotAllowed(peer)),
        Reach::Private => Ok(()),
        Reach::Public if ranges.any(names_public_peers) => Ok(()),
        Reach::Public => Err(ScopeError::PublicPeer(peer)),
    }
}

/// True when the proxy may use this upstream only after `--i-own-this-account`.
///
/// A server on this machine or in a private network is a lab, whatever its domain is called. A public address is not,
/// even for a special-use domain.
pub fn needs_ownership(upstream: IpAddr) -> bool {
    reach(upstream) == Reach::Public
}

/// Checks an upstream address for `domain`.
///
/// # Errors
/// `PublicUpstream` when the address is public and nobody said that the account is theirs.
pub fn check_upstream(domain: &str, address: SocketAddr, ownership: Ownership) -> Result<(), ScopeError> {
    if needs_ownership(address.ip()) && ownership == Ownership::NotClaimed {
        return Err(ScopeError::PublicUpstream { domain: domain.to_owned(), address });
    }
    Ok(())
}

/// Checks that the upstream is not one of our own listeners.
///
/// `is_own` says whether an address belongs to this machine ([`is_own_address`]); it decides for wildcard listeners.
///
/// # Errors
/// `Loop` with the listener that would have been dialled.
pub fn check_loop(upstream: SocketAddr, listeners: &[SocketAddr], is_own: impl Fn(IpAddr) -> bool) -> Result<(), ScopeError> {
    let ip = upstream.ip().to_canonical();
    let hit = listeners.iter().copied().filter(|listener| listener.port() == upstream.port()).find(|listener| {
        let listens_on = listener.ip().to_canonical();
        // Dialling the unspecified address reaches the local host, so it may reach any local listener.
        listens_on == ip || (ip.is_unspecified() && is_own(listens_on)) || (listens_on.is_unspecified() && is_own(ip))
    });
    hit.map_or(Ok(()), |listener| Err(ScopeError::Loop { upstream, listener }))
}

/// Checks an upstream that is to be spoken to without TLS.
///
/// # Errors
/// `ClearTextUpstream` for every address that is not on this machine.
pub fn check_clear_text(upstream: SocketAddr) -> Result<(), ScopeError> {
    let local = reach(upstream.ip()) == Reach::Loopback;
    local.then_some(()).ok_or(ScopeError::ClearTextUpstream(upstream))
}

/// True when this machine can bind the address, that is, when the address is its own.
pub fn is_own_address(address: IpAddr) -> bool {
    reach(address) == Reach::Loopback || UdpSocket::bind((address, 0)).is_ok()
}

/// True when a range lies in public space only, so that whoever wrote it meant public peers.
fn names_public_peers(range: &IpNet) -> bool {
    reach(range.network()) == Reach::Public && !private_ranges().iter().any(|private| range.contains(private))
}

fn private_ranges() -> [IpNet; 7] {
    let v4 = |a, b, prefix| IpNet::new_assert(Ipv4Addr::new(a, b, 0, 0).into(), prefix);
    let v6 = |first, prefix| IpNet::new_assert(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0).into(), prefix);
    [v4(10, 0, 8), v4(172, 16, 12), v4(192, 168, 16), v4(169, 254, 16), v4(100, 64, 10), v6(0xfc00, 7), v6(0xfe80, 10)]
}

const SPECIAL_USE: [&str; 6] = ["test", "example", "invalid", "localhost", "internal", "home.arpa"];

#[cfg(test)]
mod tests;
