//! Addresses in `ap.toml`: hosts, URLs, where to listen, and whose word is believed.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use super::problem::Refusal;
use super::{Listen, TrustedProxies};

/// Longest domain name (RFC 1035, section 2.3.4).
const MAX_DOMAIN: usize = 253;

/// Reads a domain without port, or an IP address; answers it as URLs write it (lower case, punycode).
pub(super) fn domain(text: &str) -> Result<String, Refusal> {
    let refusal = |hint: &str| Refusal::new(format!("{text:?} is not a domain")).hint(hint);
    if text.contains("://") || text.contains('/') {
        return Err(refusal("write the host alone: \"social.example\""));
    }
    if text.contains('@') {
        return Err(refusal(
            "write the domain only; an actor is blocked with `tidings block add`",
        ));
    }
    let bare = text.strip_prefix("*.").unwrap_or(text);
    if bare.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok(bare.to_ascii_lowercase());
    }
    if bare.contains(':') && !bare.starts_with('[') {
        return Err(refusal("leave the port out: a domain stands for all its ports"));
    }
    match Host::parse(bare) {
        Ok(Host::Domain(domain)) if is_domain(&domain) => Ok(domain),
        Ok(Host::Ipv4(address)) => Ok(address.to_string()),
        Ok(Host::Ipv6(address)) => Ok(address.to_string()),
        _ => Err(refusal(
            "write for example \"social.example\"; its subdomains are meant too",
        )),
    }
}

fn is_domain(domain: &str) -> bool {
    domain.len() <= MAX_DOMAIN
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        })
}

/// Reads what stands after the second @: a domain, with a port where it isn't the scheme's own.
pub(super) fn handle_domain(text: &str) -> Result<String, Refusal> {
    let refusal = |hint: &str| Refusal::new(format!("{text:?} can't stand in a handle")).hint(hint);
    if text.contains(['/', '@', '?', '#', '\\']) {
        return Err(refusal("write the host alone: \"blog.example\""));
    }
    let url =
        Url::parse(&format!("https://{text}/")).map_err(|_| refusal("write for example \"blog.example\""))?;
    let host = match url.host() {
        Some(Host::Domain(host)) if is_domain(host) => host.to_string(),
        Some(host @ (Host::Ipv4(_) | Host::Ipv6(_))) => host.to_string(),
        _ => return Err(refusal("write for example \"blog.example\"")),
    };
    Ok(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

/// Reads the URL of the site; answers it with a slash at the end.
pub(super) fn site_url(text: &str) -> Result<Url, Refusal> {
    let refusal = |message: String| {
        Refusal::new(message).hint("write where readers find the site: \"https://blog.example\"")
    };
    let mut url = Url::parse(text).map_err(|error| refusal(format!("{text:?} is not a URL: {error}")))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(refusal(format!("{text:?} is not a web address")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refusal("a user and password can't be part of it".into()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refusal("a query or fragment can't be part of it".into()));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Whether a URL's host can only be reached from within: loopback, private addresses, names without a dot, and names
/// below the domains that are set aside for such use (RFC 6761, RFC 8375, ICANN's `.internal`).
pub fn is_private(url: &Url) -> bool {
    const INNER: [&str; 7] = [
        "localhost",
        "local",
        "internal",
        "home.arpa",
        "test",
        "lan",
        "localdomain",
    ];
    match url.host() {
        Some(Host::Ipv4(address)) => {
            let shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
                || shared
        }
        Some(Host::Ipv6(address)) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address
                    .to_ipv4_mapped()
                    .is_some_and(|v4| v4.is_loopback() || v4.is_private())
        }
        Some(Host::Domain(domain)) => {
            let domain = domain.trim_end_matches('.');
            !domain.contains('.')
                || INNER
                    .iter()
                    .any(|inner| domain == *inner || domain.ends_with(&format!(".{inner}")))
        }
        None => false,
    }
}

/// Reads an address to listen on; the path of a unix socket stays as it is written.
pub(super) fn listen(text: &str) -> Result<Listen, Refusal> {
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.is_empty() || path.contains('\0') {
            Err(Refusal::new("the path of the socket is missing")
                .hint("write for example \"unix:/run/tidings/http.sock\""))
        } else {
            Ok(Listen::Unix(path.into()))
        };
    }
    text.parse().map(Listen::Tcp).map_err(|_| {
        Refusal::new(format!("{text:?} is not an address to listen on"))
            .hint("write an IP address and a port, \"127.0.0.1:8790\" or \"[::1]:8790\", or \"unix:/run/tidings/http.sock\"")
    })
}

/// Adds an address, a range or "unix" to those whose word is believed.
pub(super) fn proxy(text: &str, proxies: &mut TrustedProxies) -> Result<(), Refusal> {
    if text == "unix" {
        proxies.unix = true;
        return Ok(());
    }
    let range = text
        .parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        .ok_or_else(|| {
            Refusal::new(format!("{text:?} is not an address or a range"))
                .hint("write \"127.0.0.1\", \"10.0.0.0/8\", \"::1\" or \"unix\"")
        })?;
    proxies.ranges.push(range);
    Ok(())
}

/// Reads a URL of the web.
pub(super) fn web_address(text: &str) -> Result<Url, Refusal> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => Ok(url),
        _ => {
            Err(Refusal::new(format!("{text:?} is not a web address")).hint("write it whole, with https://"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_hosts_without_port() {
        assert_eq!(domain("Social.Example").unwrap(), "social.example");
        assert_eq!(domain("*.social.example").unwrap(), "social.example");
        assert_eq!(domain("bücher.example").unwrap(), "xn--bcher-kva.example");
        assert_eq!(domain("127.0.0.1").unwrap(), "127.0.0.1");
        assert_eq!(domain("::1").unwrap(), "::1");
        for wrong in [
            "",
            "https://a.example",
            "a.example:9000",
            "@ada@a.example",
            "a b",
            "a..example",
            "-a.example",
        ] {
            assert!(domain(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_handle_keeps_a_port_that_is_not_the_schemes_own() {
        assert_eq!(handle_domain("127.0.0.1:9000").unwrap(), "127.0.0.1:9000");
        assert_eq!(handle_domain("Blog.example").unwrap(), "blog.example");
        for wrong in [
            "",
            "https://blog.example",
            "blog.example/",
            "a@b",
            "a b",
            "blog.example?x",
        ] {
            assert!(handle_domain(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_url_of_the_site_ends_in_a_slash_and_has_no_query() {
        assert_eq!(
            site_url("https://blog.example").unwrap().as_str(),
            "https://blog.example/"
        );
        assert_eq!(
            site_url("https://blog.example/sub").unwrap().as_str(),
            "https://blog.example/sub/"
        );
        for wrong in [
            "",
            "blog.example",
            "ftp://blog.example",
            "https://u:p@blog.example",
            "https://blog.example/?a",
            "https://",
        ] {
            assert!(site_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn private_hosts_are_known_by_their_addresses_and_names() {
        for private in [
            "http://127.0.0.1:8080/",
            "http://10.1.2.3/",
            "http://[::1]/",
            "https://blog/",
            "https://a.localhost/",
            "http://100.64.0.1/",
        ] {
            assert!(is_private(&Url::parse(private).unwrap()), "{private}");
        }
        for public in [
            "https://blog.example/",
            "https://93.184.216.34/",
            "https://[2606:4700::1]/",
            "https://mylocal.example/",
        ] {
            assert!(!is_private(&Url::parse(public).unwrap()), "{public}");
        }
    }
}
