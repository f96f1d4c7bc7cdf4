//! The guard: which URLs and which addresses tidings contacts at all.
//!
//! Ids, inboxes and pictures come from strangers, and the machine that tidings runs on often stands inside a network
//! that strangers can't reach. So an address is contacted only when it is public, and what is checked is the
//! address that is connected to (`connect.rs`), never only the name. With `allow_private_addresses`, for labs
//! and tests, everything below is allowed but user names in URLs and schemes other than http.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// Whether addresses that aren't public may be contacted, and http be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses, by https: the fediverse.
    Public,
    /// Everything: labs and tests.
    Anywhere,
}

/// Why a URL or an address isn't contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither https nor, where private addresses are allowed, http.
    #[error("it isn't an https URL")]
    Scheme,
    /// No host, or one that can't be a public name.
    #[error("its host isn't a public name")]
    Host,
    /// A port that belongs to other protocols.
    #[error("port {0} isn't one of the web's")]
    Port(u16),
    /// `https://user:password@host/`
    #[error("it carries a user name")]
    UserInfo,
    /// An address that isn't public.
    #[error("{0} is not a public address")]
    Address(IpAddr),
}

/// Ports below this belong to well-known protocols (RFC 6335, section 6); of them only https is the web's here.
const FIRST_USER_PORT: u16 = 1024;

/// Ports above that where other protocols are at home that HTTP can be mistaken for, or that believe whoever reaches them:
/// those that browsers refuse (Fetch standard, "port blocking"), and databases and caches.
const NOT_THE_WEBS: &[u16] = &[
    1433, 1521, 1719, 1720, 1723, 2049, 2375, 2379, 3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432, 5900,
    5984, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9200, 9300, 10080, 10250, 11211, 27017,
];

/// What lies in these ranges is not a host on the public internet (IANA IPv4 Special-Purpose Address Registry).
const NOT_PUBLIC_V4: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // "this network", RFC 791
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private, RFC 1918
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier-grade NAT, RFC 6598
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, and the metadata services of clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments, RFC 6890
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation, RFC 5737
    (Ipv4Addr::new(192, 31, 196, 0), 24), // AS112, RFC 7535
    (Ipv4Addr::new(192, 52, 193, 0), 24), // AMT, RFC 7450
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays, RFC 7526
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(192, 175, 48, 0), 24), // AS112, RFC 7534
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarking, RFC 2544
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, and broadcast
];

/// Only global unicast is routed at all (RFC 4291, section 2.4); all other IPv6 addresses are refused by default.
const GLOBAL_UNICAST: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Parts of global unicast that are no public host (IANA IPv6 Special-Purpose Address Registry).
const NOT_PUBLIC_V6: &[(Ipv6Addr, u8)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, ORCHID, benchmarking and more
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation, RFC 3849
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4: a tunnel to whatever IPv4 address stands in it
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48), // AS112
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation, RFC 9637
];

/// Names that aren't the Internet's, with all below them, which would be asked for in the network that this machine stands
/// in, or nowhere: RFC 6761 (localhost), RFC 6762 (local), RFC 7686 (onion), RFC 8375 (home.arpa), ICANN's internal.
const NOT_PUBLIC_NAMES: &[&str] = &["localhost", "local", "internal", "onion", "home.arpa"];

/// The NAT64 prefix whose addresses stand for IPv4 ones (RFC 6052): networks without IPv4 reach the whole internet so.
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Whether an address is that of a public host.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            if let Some(mapped) = address.to_ipv4_mapped() {
                return is_public_v4(mapped);
            }
            if contains_v6(NAT64, address) {
                let [.., a, b, c, d] = address.octets();
                return is_public_v4(Ipv4Addr::new(a, b, c, d));
            }
            contains_v6(GLOBAL_UNICAST, address)
                && !NOT_PUBLIC_V6.iter().any(|range| contains_v6(*range, address))
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !NOT_PUBLIC_V4
        .iter()
        .any(|(network, length)| Ipv4Net::new_assert(*network, *length).contains(&address))
}

fn is_public_name(name: &str) -> bool {
    let is_below = |above: &&str| {
        name.strip_suffix(above)
            .is_some_and(|front| front.is_empty() || front.ends_with('.'))
    };
    // A name without a dot is looked up in the machine's own domain.
    name.contains('.') && !NOT_PUBLIC_NAMES.iter().any(is_below)
}

fn contains_v6((network, length): (Ipv6Addr, u8), address: Ipv6Addr) -> bool {
    Ipv6Net::new_assert(network, length).contains(&address)
}

impl Reach {
    /// Checks an address that is about to be connected to.
    pub fn check_address(self, address: IpAddr) -> Result<(), Refusal> {
        if self == Reach::Anywhere || is_public(address) {
            Ok(())
        } else {
            Err(Refusal::Address(address))
        }
    }

    /// Checks what can be seen in a URL before any name is looked up. The `url` crate has already turned every
    /// spelling of an address (decimal, octal, hexadecimal, shortened) into the one.
    pub fn check_url(self, url: &Url) -> Result<(), Refusal> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        let host = url.host().ok_or(Refusal::Host)?;
        match (self, url.scheme()) {
            (_, "https") | (Reach::Anywhere, "http") => {}
            _ => return Err(Refusal::Scheme),
        }
        if self == Reach::Anywhere {
            return Ok(());
        }
        match url.port() {
            Some(port) if port < FIRST_USER_PORT || NOT_THE_WEBS.contains(&port) => {
                return Err(Refusal::Port(port));
            }
            _ => {}
        }
        match host {
            Host::Ipv4(address) => self.check_address(address.into()),
            Host::Ipv6(address) => self.check_address(address.into()),
            Host::Domain(name) if is_public_name(name.trim_end_matches('.')) => Ok(()),
            Host::Domain(_) => Err(Refusal::Host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_public_are_refused_in_every_family() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.251",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:7f00:1::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_let_through() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.254",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "2001:4860:4860::8888",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn every_spelling_of_a_private_address_is_seen_through() {
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://017700000001/",
            "https://127.0.0.1./",
            "https://１２７.０.０.１/",
            "https://%31%32%37.0.0.1/",
            "https://[::1]/",
            "https://[0:0:0:0:0:0:0:1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::127.0.0.1]/",
            "https://[::]/",
        ] {
            let url = Url::parse(url).unwrap();
            assert!(
                matches!(Reach::Public.check_url(&url), Err(Refusal::Address(_))),
                "{url}"
            );
        }
    }

    #[test]
    fn a_url_says_https_a_public_name_and_a_port_of_the_web() {
        let check = |url: &str| Reach::Public.check_url(&Url::parse(url).unwrap());
        assert_eq!(check("https://social.example/inbox"), Ok(()));
        assert_eq!(check("https://social.example:8443/inbox"), Ok(()));
        assert_eq!(check("http://social.example/inbox"), Err(Refusal::Scheme));
        assert_eq!(check("file:///etc/passwd"), Err(Refusal::Host));
        assert_eq!(check("data:text/plain,hi"), Err(Refusal::Host));
        assert_eq!(check("https://localhost/"), Err(Refusal::Host));
        assert_eq!(check("https://localhost./"), Err(Refusal::Host));
        assert_eq!(check("https://social.example:25/"), Err(Refusal::Port(25)));
        assert_eq!(check("https://me@social.example/"), Err(Refusal::UserInfo));
        let anywhere = |url: &str| Reach::Anywhere.check_url(&Url::parse(url).unwrap());
        assert_eq!(anywhere("http://127.0.0.1:9000/inbox"), Ok(()));
        assert_eq!(anywhere("ftp://127.0.0.1/"), Err(Refusal::Scheme));
    }

    #[test]
    fn no_spelling_of_a_private_address_and_no_port_of_another_protocol_gets_through() {
        let refused = |url: &str| {
            let url = Url::parse(url).ok();
            url.is_none_or(|url| Reach::Public.check_url(&url).is_err())
        };
        for host in [
            "127.1",
            "127.0.1",
            "0x7f.1",
            "0x7f000001",
            "0177.0.0.1",
            "017700000001",
            "2130706433",
            "127.0.0.1.",
            "0",
            "0.0.0.0",
            "0xa.1",
            "012.0.0.1",
            "167772161",
            "0xA9FEA9FE",
            "169.254.43518",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:a00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b::a00:1]",
            "[64:ff9b:1::a00:1]",
            "[2002:7f00:1::]",
            "[2002:a00:1::1]",
            "[2001:0:7f00:1::1]",
            "[fe80::1]",
            "[fd00::1]",
            "localhost",
            "LOCALHOST.",
            "printer",
            "printer.local",
            "a.LOCALHOST",
            "localhost.localdomain.localhost.",
            "router.home.arpa",
            "vault.internal",
            "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion",
            "１２７.０.０.１",
            "①②⑦.⓪.⓪.①",
            "127。0。0。1",
        ] {
            assert!(refused(&format!("https://{host}/")), "{host}");
            assert!(refused(&format!("https://{host}:8443/")), "{host} with a port");
        }
        for port in [
            0, 22, 25, 80, 1023, 2049, 3306, 5432, 6379, 6667, 9200, 11211, 27017,
        ] {
            assert!(refused(&format!("https://social.example:{port}/")), "{port}");
        }
        for url in [
            "https://social.example:8443/",
            "https://social.example:3000/",
            "https://1.1.1.1/",
            "https://notlocalhost.example/",
            "https://my.notlocal/",
        ] {
            assert!(!refused(url), "{url}");
        }
        for url in [
            "https://user@social.example/",
            "ftp://social.example/",
            "gopher://social.example/",
            "file:///etc/passwd",
            "http://social.example/",
        ] {
            assert!(refused(url), "{url}");
        }
    }
}
