//! One behaviour of the scope guard each.
use super::*;

fn nets(ranges: &[&str]) -> Vec<IpNet> {
    ranges.iter().map(|range| range.parse().unwrap()).collect()
}

fn socket(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

#[test]
fn special_use_names_are_recognised_as_whole_labels() {
    for domain in
        ["test", "lab.test", "LAB.TEST.", "a.b.example", "x.invalid", "localhost", "me.localhost", "xmpp.internal", "nas.home.arpa"]
    {
        assert!(is_special_use(domain), "{domain}");
    }
    for domain in ["example.org", "latest", "mytest", "home.arpa.org", "arpa", "internal.net", "", "."] {
        assert!(!is_special_use(domain), "{domain}");
    }
}

#[test]
fn addresses_are_loopback_private_or_public() {
    use Reach::{Loopback, Private, Public};
    let cases = [
        ("127.0.0.1", Loopback),
        ("127.9.9.9", Loopback),
        ("::1", Loopback),
        ("::ffff:127.0.0.1", Loopback),
        ("0.0.0.0", Loopback),
        ("10.1.2.3", Private),
        ("172.31.255.1", Private),
        ("172.32.0.1", Public),
        ("192.168.0.9", Private),
        ("169.254.1.1", Private),
        ("100.64.0.1", Private),
        ("::ffff:10.0.0.1", Private),
        ("fd00::1", Private),
        ("fe80::1", Private),
        ("203.0.113.9", Public),
        ("8.8.8.8", Public),
        ("2001:db8::1", Public),
        ("::ffff:8.8.8.8", Public),
    ];
    for (address, expected) in cases {
        assert_eq!(reach(ip(address)), expected, "{address}");
    }
}

#[test]
fn domains_match_without_case_and_as_a_whole() {
    let allowed = ["lab.test".to_owned(), "Größe.test".to_owned()];
    for domain in ["lab.test", "LAB.Test", "lab.test.", "größe.TEST"] {
        assert_eq!(check_domain(domain, &allowed), Ok(()), "{domain}");
    }
    for domain in ["", ".", "test", "a.lab.test", "lab.test.org", "xn--gre-5ja1g.test"] {
        assert_eq!(check_domain(domain, &allowed), Err(ScopeError::DomainNotListed(domain.to_owned())));
    }
    assert!(check_domain("", &["".to_owned()]).is_err());
}

#[test]
fn other_machines_need_a_range_before_we_listen_for_them() {
    assert_eq!(check_listener(socket("127.0.0.1:5222"), &[]), Ok(()));
    assert_eq!(check_listener(socket("[::1]:5222"), &[]), Ok(()));
    for address in ["0.0.0.0:5222", "[::]:5222", "192.168.1.2:5222"] {
        assert_eq!(check_listener(socket(address), &[]), Err(ScopeError::ListenNotLoopback(socket(address))));
        assert_eq!(check_listener(socket(address), &nets(&["192.168.1.0/24"])), Ok(()));
    }
}

#[test]
fn peers_must_be_named_and_public_ones_by_a_public_range() {
    let lan = nets(&["192.168.1.0/24", "fd00::/8"]);
    assert_eq!(check_peer(ip("127.0.0.1"), &[]), Ok(()));
    assert_eq!(check_peer(ip("192.168.1.77"), &lan), Ok(()));
    assert_eq!(check_peer(ip("::ffff:192.168.1.77"), &lan), Ok(()));
    assert_eq!(check_peer(ip("fd12::1"), &lan), Ok(()));
    assert_eq!(check_peer(ip("192.168.2.1"), &lan), Err(ScopeError::PeerNotAllowed(ip("192.168.2.1"))));
    assert_eq!(check_peer(ip("8.8.8.8"), &lan), Err(ScopeError::PeerNotAllowed(ip("8.8.8.8"))));

    for everything in ["0.0.0.0/0", "128.0.0.0/1", "0.0.0.0/1"] {
        let peer = if everything.starts_with("128") { "203.0.113.9" } else { "8.8.8.8" };
        assert_eq!(check_peer(ip(peer), &nets(&[everything])), Err(ScopeError::PublicPeer(ip(peer))), "{everything}");
    }
    assert_eq!(check_peer(ip("2001:db8::1"), &nets(&["::/0"])), Err(ScopeError::PublicPeer(ip("2001:db8::1"))));
    assert_eq!(check_peer(ip("10.1.1.1"), &nets(&["0.0.0.0/0"])), Ok(()));
    assert_eq!(check_peer(ip("203.0.113.9"), &nets(&["0.0.0.0/0", "203.0.113.0/24"])), Ok(()));
}

#[test]
fn public_upstreams_need_a_word_about_whose_they_are() {
    let public = socket("203.0.113.9:5222");
    for domain in ["example.org", "lab.test"] {
        let refusal = check_upstream(domain, public, Ownership::NotClaimed).unwrap_err();
        assert!(refusal.to_string().contains("--i-own-this-account"), "{refusal}");
        assert_eq!(check_upstream(domain, public, Ownership::Claimed), Ok(()));
        assert_eq!(check_upstream(domain, socket("127.0.0.1:5222"), Ownership::NotClaimed), Ok(()));
        assert_eq!(check_upstream(domain, socket("[fd00::7]:5222"), Ownership::NotClaimed), Ok(()));
    }
}

#[test]
fn our_own_listener_is_no_upstream() {
    let own = |address: IpAddr| address.is_loopback() || address == ip("192.168.1.2");
    let check = |upstream: &str, listener: &str| check_loop(socket(upstream), &[socket("127.0.0.1:1"), socket(listener)], own).is_err();

    assert!(check("127.0.0.1:5222", "127.0.0.1:5222"));
    assert!(check("[::ffff:127.0.0.1]:5222", "127.0.0.1:5222"));
    assert!(check("192.168.1.2:5222", "0.0.0.0:5222"));
    assert!(check("127.0.0.1:5222", "[::]:5222"));
    assert!(check("0.0.0.0:5222", "127.0.0.1:5222"));

    assert!(!check("127.0.0.1:5222", "127.0.0.1:5223"));
    assert!(!check("127.0.0.2:5222", "127.0.0.1:5222"));
    assert!(!check("192.168.1.9:5222", "0.0.0.0:5222"));
}

#[test]
fn own_addresses_are_those_that_can_be_bound() {
    assert!(is_own_address(ip("127.0.0.1")));
    assert!(is_own_address(ip("0.0.0.0")));
    assert!(!is_own_address(ip("203.0.113.9")));
}

#[test]
fn clear_text_stays_on_this_machine() {
    assert_eq!(check_clear_text(socket("127.0.0.1:5222")), Ok(()));
    assert_eq!(check_clear_text(socket("[::1]:5222")), Ok(()));
    for address in ["192.168.1.2:5222", "203.0.113.9:5222"] {
        assert_eq!(check_clear_text(socket(address)), Err(ScopeError::ClearTextUpstream(socket(address))));
    }
}
