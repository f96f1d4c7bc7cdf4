//! The small languages inside the values of `ap.toml`: durations, sizes, shares, domains, addresses, names.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use globset::{Glob, GlobSet, GlobSetBuilder};
use ipnet::IpNet;
use url::{Host, Url};

use super::problem::Refusal;
use super::{HookEvent, Listen, Share, TrustedProxies};

/// Longest duration that is taken: a century is as good as never.
const MAX_DURATION: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// Longest name of an actor, in bytes: Misskey's own limit for names.
const MAX_NAME: usize = 128;
/// Longest domain name (RFC 1035, section 2.3.4).
const MAX_DOMAIN: usize = 253;
/// Names that can't be an actor's: the instance actor goes by the first, the others stand for no person in handles.
const RESERVED_NAMES: [&str; 3] = ["instance", "instance.actor", "inbox"];

/// Reads "2s", "10m", "1h", "3d", "2w", "2y", "500ms".
pub(super) fn duration(text: &str) -> Result<Duration, Refusal> {
    let refusal = || {
        Refusal::new(format!("{text:?} is not a duration"))
            .hint("write a number and a unit: \"500ms\", \"2s\", \"10m\", \"1h\", \"3d\", \"2w\" or \"2y\"")
    };
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit()).ok_or_else(refusal)?;
    let (number, unit) = trimmed.split_at(split);
    let number: u64 = number.parse().map_err(|_| refusal())?;
    let millis: u64 = match unit.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 24 * 3600 * 1000,
        "w" => 7 * 24 * 3600 * 1000,
        "y" => 365 * 24 * 3600 * 1000,
        _ => return Err(refusal()),
    };
    number
        .checked_mul(millis)
        .map(Duration::from_millis)
        .filter(|duration| *duration <= MAX_DURATION)
        .ok_or_else(|| Refusal::new(format!("{text:?} is longer than a century")))
}

/// Reads an age, or "never".
pub(super) fn age(text: &str) -> Result<Option<Duration>, Refusal> {
    if text == "never" {
        return Ok(None);
    }
    match duration(text) {
        Ok(Duration::ZERO) => {
            Err(Refusal::new("nothing would be kept").hint("write an age such as \"2y\", or \"never\""))
        }
        Ok(age) => Ok(Some(age)),
        Err(refusal) => Err(Refusal::new(refusal.message).hint("write an age such as \"2y\", or \"never\"")),
    }
}

/// Reads "256 MiB", "1 GB", "4096"; answers bytes.
pub(super) fn size(text: &str) -> Result<u64, Refusal> {
    let refusal = || {
        Refusal::new(format!("{text:?} is not a size"))
            .hint("write a number and a unit: \"256 MiB\", \"1 GiB\", \"500 MB\"")
    };
    let trimmed = text.trim();
    let split = trimmed
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let number: u64 = number.parse().map_err(|_| refusal())?;
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(refusal()),
    };
    number
        .checked_mul(factor)
        .ok_or_else(|| Refusal::new(format!("{text:?} is too much")))
}

/// Reads "10%".
pub(super) fn share(text: &str) -> Result<Share, Refusal> {
    let refusal = || {
        Refusal::new(format!("{text:?} is not a share")).hint("write a number, or a share such as \"10%\"")
    };
    let percent: f64 = text
        .trim()
        .strip_suffix('%')
        .ok_or_else(refusal)?
        .trim_end()
        .parse()
        .map_err(|_| refusal())?;
    if (0.0..=100.0).contains(&percent) {
        Ok(Share::Percent(percent))
    } else {
        Err(Refusal::new(format!("{text:?} is not between 0% and 100%")))
    }
}

/// Reads the permissions of a socket, "0660".
pub(super) fn mode(text: &str) -> Result<u32, Refusal> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 && !text.starts_with('+') => Ok(mode),
        _ => {
            Err(Refusal::new(format!("{text:?} are no permissions"))
                .hint("write them in octal, as in \"0660\""))
        }
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

/// Reads the name of an actor: `^\w([\w-.]*\w)?$` in ASCII, what every server takes in a handle.
pub(super) fn name(text: &str) -> Result<String, Refusal> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let hint = "use letters, digits and underscores, inside the name also dots and hyphens: \"blog\"";
    if text.is_empty() || !text.starts_with(word) || !text.ends_with(word) {
        return Err(Refusal::new(format!(
            "{text:?} can't be a name: it must begin and end with a letter, digit or underscore"
        ))
        .hint(hint));
    }
    if !text.chars().all(|c| word(c) || c == '-' || c == '.') {
        return Err(
            Refusal::new(format!("{text:?} can't be a name: other servers would refuse it")).hint(hint),
        );
    }
    if text.len() > MAX_NAME {
        return Err(Refusal::new(format!(
            "the name is longer than {MAX_NAME} characters"
        )));
    }
    if RESERVED_NAMES
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(text))
    {
        return Err(Refusal::new(format!("{text:?} is reserved")).hint("choose another name"));
    }
    Ok(text.to_string())
}

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

/// Checks the secret of a webhook: plain text, or `whsec_` and base64 (Standard Webhooks).
pub(super) fn secret(text: &str) -> Result<String, Refusal> {
    if text.is_empty() {
        return Err(Refusal::new("the secret is empty")
            .hint("make one with `openssl rand -base64 32` and put `whsec_` in front"));
    }
    if let Some(encoded) = text.strip_prefix("whsec_") {
        let key = base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .unwrap_or_default();
        if key.is_empty() {
            return Err(Refusal::new("what follows `whsec_` is not base64")
                .hint("make one with `openssl rand -base64 32` and put `whsec_` in front"));
        }
    }
    Ok(text.to_string())
}

/// Reads a language tag (BCP 47): letters, digits and hyphens.
pub(super) fn language(text: &str) -> Result<String, Refusal> {
    let parts_fit = text
        .split('-')
        .all(|part| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric()));
    if parts_fit && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Ok(text.to_string())
    } else {
        Err(Refusal::new(format!("{text:?} is not a language tag"))
            .hint("write for example \"en\" or \"pt-BR\""))
    }
}

/// Checks one glob and adds it.
pub(super) fn glob(text: &str, globs: &mut GlobSetBuilder) -> Result<(), Refusal> {
    let glob = Glob::new(text.trim_start_matches('/')).map_err(|error| {
        Refusal::new(format!("{text:?} is not a glob: {}", error.kind()))
            .hint("write for example \"posts/**\"")
    })?;
    globs.add(glob);
    Ok(())
}

/// The set of these globs.
pub(super) fn globs(builder: &GlobSetBuilder) -> Result<GlobSet, Refusal> {
    builder
        .build()
        .map_err(|error| Refusal::new(format!("these globs are too much together: {}", error.kind())))
}

/// The kinds of event, by their names.
pub(super) const HOOK_EVENTS: [(&str, HookEvent); 6] = [
    ("follow", HookEvent::Follow),
    ("reply", HookEvent::Reply),
    ("mention", HookEvent::Mention),
    ("like", HookEvent::Like),
    ("boost", HookEvent::Boost),
    ("quote", HookEvent::Quote),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_an_end() {
        assert_eq!(duration("2s").unwrap(), Duration::from_secs(2));
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(duration("10 m").unwrap(), Duration::from_secs(600));
        assert_eq!(duration("2y").unwrap(), Duration::from_secs(730 * 24 * 3600));
        for wrong in [
            "",
            "2",
            "s",
            "-2s",
            "2 fortnights",
            "99999999999999999999y",
            "18446744073709551615y",
            "101y",
            "ü",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(age("never").unwrap(), None);
        assert!(age("0s").is_err());
    }

    #[test]
    fn sizes_know_both_kinds_of_units() {
        assert_eq!(size("256 MiB").unwrap(), 256 << 20);
        assert_eq!(size("1GB").unwrap(), 1_000_000_000);
        assert_eq!(size("4096").unwrap(), 4096);
        for wrong in ["", "MiB", "1 mib", "99999999999 TiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_lie_between_nothing_and_all() {
        assert_eq!(share("10%").unwrap(), Share::Percent(10.0));
        assert_eq!(share("2.5 %").unwrap(), Share::Percent(2.5));
        for wrong in ["10", "101%", "-1%", "NaN%", "inf%", "%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_what_every_server_takes() {
        for right in ["blog", "a", "the_blog", "my-blog.2", "_", "Blog"] {
            assert!(name(right).is_ok(), "{right}");
        }
        for wrong in [
            "", "-blog", "blog.", "blög", "a b", "@blog", "a/b", "..", "instance", "Instance",
        ] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }

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

    #[test]
    fn a_secret_that_says_it_is_base64_must_be() {
        assert!(secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_ok());
        assert!(secret("a plain one").is_ok());
        assert!(secret("whsec_…").is_err());
        assert!(secret("").is_err());
    }
}
