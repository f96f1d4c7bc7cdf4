//! Who is at the other end, honestly: what proxies say is believed only of those the owner trusts.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{FORWARDED, HeaderMap};

use crate::config::TrustedProxies;

/// Most entries of a chain of proxies that are looked at.
const MAX_HOPS: usize = 32;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// At an address.
    Address(IpAddr),
    /// On this machine, through a unix socket.
    Unix,
}

impl Peer {
    /// The address of who sent a request: the peer's, or, behind trusted proxies, the rightmost that isn't one of them.
    /// `None` when nobody who is trusted tells.
    pub(super) fn client(self, headers: &HeaderMap, trusted: &TrustedProxies) -> Option<IpAddr> {
        let (own, believed) = match self {
            Peer::Address(address) => (Some(address), trusted.contains(address)),
            Peer::Unix => (None, trusted.unix),
        };
        if !believed {
            return own;
        }
        let mut client = own;
        for hop in chain(headers) {
            // What can't be read can't be passed over: whoever wrote it is the last one known.
            let Some(hop) = hop else { break };
            client = Some(hop);
            if !trusted.contains(hop) {
                break;
            }
        }
        client
    }
}

/// The addresses that the headers name, the last proxy's first. X-Forwarded-For counts before Forwarded, because the common
/// proxies set the former and pass the latter on as the client wrote it.
fn chain(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = |name: &str| -> Vec<&str> {
        headers
            .get_all(name)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .collect()
    };
    let forwarded_for = lines("x-forwarded-for");
    if !forwarded_for.is_empty() {
        let hops = forwarded_for.into_iter().rev().take(MAX_HOPS);
        return hops.map(|hop| address(hop.trim())).collect();
    }
    let forwarded = lines(FORWARDED.as_str());
    let hops = forwarded.into_iter().rev().take(MAX_HOPS);
    hops.map(|element| {
        element.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then_some(value)
        })
    })
    .map(|value| address(value?.trim().trim_matches('"')))
    .collect()
}

/// An address, with or without a port, in brackets or not; not a name (RFC 7239, section 6).
fn address(text: &str) -> Option<IpAddr> {
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted() -> TrustedProxies {
        TrustedProxies {
            ranges: vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()],
            unix: true,
        }
    }

    fn client(peer: Peer, name: &'static str, value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        peer.client(&headers, &trusted())
            .map(|address| address.to_string())
    }

    #[test]
    fn the_rightmost_address_that_is_no_trusted_proxy_is_the_client() {
        let proxy = Peer::Address("127.0.0.1".parse().unwrap());
        for (name, value, expected) in [
            ("x-forwarded-for", "203.0.113.9", "203.0.113.9"),
            ("x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
            ("x-forwarded-for", "10.1.1.1", "10.1.1.1"),
            ("x-forwarded-for", "6.6.6.6, unknown", "127.0.0.1"),
            ("x-forwarded-for", "203.0.113.9:4711", "203.0.113.9"),
            ("x-forwarded-for", "::ffff:203.0.113.9", "203.0.113.9"),
            (
                "forwarded",
                "for=\"[2001:db8::1]:4711\";proto=https",
                "2001:db8::1",
            ),
            (
                "forwarded",
                "for=6.6.6.6, For=203.0.113.9;by=10.0.0.1",
                "203.0.113.9",
            ),
            ("forwarded", "for=_hidden", "127.0.0.1"),
        ] {
            assert_eq!(client(proxy, name, value).as_deref(), Some(expected), "{value}");
        }
        assert_eq!(
            client(Peer::Unix, "x-forwarded-for", "203.0.113.9").as_deref(),
            Some("203.0.113.9")
        );
        assert_eq!(client(Peer::Unix, "x-other", "1"), None);
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let stranger = Peer::Address("198.51.100.7".parse().unwrap());
        assert_eq!(
            client(stranger, "x-forwarded-for", "127.0.0.1").as_deref(),
            Some("198.51.100.7")
        );
        let mut wary = trusted();
        wary.unix = false;
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
        assert_eq!(Peer::Unix.client(&headers, &wary), None);
    }

    #[test]
    fn a_chain_of_proxies_is_read_from_the_right_and_not_for_ever() {
        let proxy = Peer::Address("127.0.0.1".parse().unwrap());
        let long = format!("203.0.113.9{}", ", 10.1.1.1".repeat(MAX_HOPS * 100));
        assert_eq!(
            client(proxy, "x-forwarded-for", &long).as_deref(),
            Some("10.1.1.1")
        );
        let short = format!("203.0.113.9{}", ", 10.1.1.1".repeat(MAX_HOPS - 1));
        assert_eq!(
            client(proxy, "x-forwarded-for", &short).as_deref(),
            Some("203.0.113.9")
        );
    }
}
