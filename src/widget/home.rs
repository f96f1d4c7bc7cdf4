//! Where a reader is at home: what people write when they are asked for their handle or server.

use url::{Host, Url};

use crate::net::{Reach, host_of};
use crate::remote::webfinger::Handle;

/// Longest handle that is read, in bytes.
pub(super) const MAX_HANDLE: usize = 512;

/// Where a reader is at home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Home {
    Account(Handle),
    /// Host, and port if it isn't the scheme's own.
    Server(String),
}

impl Home {
    /// Reads `@ada@social.example`, `https://social.example/@ada`, `social.example` and what else people write.
    pub(super) fn read(text: &str) -> Option<Home> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_HANDLE {
            return None;
        }
        if let Some(handle) = Handle::parse(text) {
            return is_host(&handle.host).then_some(Home::Account(handle));
        }
        let bare = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .unwrap_or(text);
        let url = Url::parse(&format!("https://{bare}")).ok()?;
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let host = host_of(&url);
        if !is_host(&host) {
            return None;
        }
        let mut segments = url.path_segments()?;
        let user = match (segments.next(), segments.next()) {
            (Some("users" | "u"), Some(user)) => Some(user),
            (Some(first), _) => first.strip_prefix('@'),
            _ => None,
        };
        match user {
            Some(user) => Handle::parse(&format!("@{user}@{host}")).map(Home::Account),
            None => Some(Home::Server(host)),
        }
    }
}

/// Whether this can be a server: an address, or a name with a dot in it or without any reach beyond this machine.
fn is_host(host: &str) -> bool {
    let Ok(url) = Url::parse(&format!("https://{host}/")) else {
        return false;
    };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.trim_matches('.').contains('.'),
        Some(_) => true,
        None => false,
    }
}

/// The root of a server: by https; in a lab an address and this machine by http.
pub(super) fn root(host: &str, reach: Reach) -> Option<Url> {
    let url = Url::parse(&format!("https://{host}/")).ok()?;
    let in_lab = reach == Reach::Anywhere
        && match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            _ => true,
        };
    if in_lab {
        return Url::parse(&format!("http://{host}/")).ok();
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_profiles_and_servers_are_read() {
        let account = |user: &str, host: &str| {
            Some(Home::Account(Handle {
                user: user.into(),
                host: host.into(),
            }))
        };
        for text in [
            "@ada@social.example",
            "ada@social.example",
            "https://social.example/@ada",
            "social.example/users/ada",
        ] {
            assert_eq!(Home::read(text), account("ada", "social.example"), "{text}");
        }
        for text in [
            "social.example",
            " https://Social.Example/ ",
            "http://social.example/about",
        ] {
            assert_eq!(
                Home::read(text),
                Some(Home::Server("social.example".into())),
                "{text}"
            );
        }
        for text in [
            "",
            "ada",
            "@ada",
            "javascript:alert(1)",
            "https://a:b@social.example/",
            "social example",
            "@ada@evil",
        ] {
            assert_eq!(Home::read(text), None, "{text}");
        }
    }
}
