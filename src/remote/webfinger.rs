//! From a handle to an actor's id, by WebFinger (RFC 7033).

use hyper::header::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::{Host, Url};

use super::RemoteError;
use crate::instance::Instance;
use crate::net::{NetError, Reach};

/// Largest answer, in bytes; a JRD has a dozen links at most.
const JRD_LIMIT: usize = 64 * 1024;
/// Longest name or host that is looked up, in bytes (RFC 1035 allows 253 for a host).
const PART: usize = 256;
/// What is percent-encoded in a query. RFC 3986, 3.4 lets `:` and `@` stand there, and every server is asked with them
/// by others: some that are static files behind a rule compare letters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'@');

/// A handle: `@ada@social.example`, also with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handle {
    /// `ada`
    pub user: String,
    /// `social.example`, or `127.0.0.1:9000`
    pub host: String,
}

impl Handle {
    /// Reads `@user@host`, `user@host` or `acct:user@host`; `None` when it is none of those.
    pub fn parse(text: &str) -> Option<Handle> {
        let text = text.trim();
        let text = text.strip_prefix("acct:").unwrap_or(text);
        let (user, host) = text.strip_prefix('@').unwrap_or(text).split_once('@')?;
        let fits = |part: &str| !part.is_empty() && part.len() <= PART && !part.contains(char::is_whitespace);
        let url = Url::parse(&format!("https://{host}/")).ok()?;
        let ascii = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str()?),
            None => url.host_str()?.to_string(),
        };
        let bare = fits(user)
            && fits(host)
            && fits(&ascii) // which may be longer
            && !user.contains(['/', '@', '?', '#', ':'])
            && url.path() == "/"
            && url.username().is_empty()
            && url.query().is_none()
            && url.fragment().is_none();
        bare.then(|| Handle {
            user: user.to_string(),
            host: ascii,
        })
    }
}

/// The id of the actor with a handle.
///
/// # Errors
/// [`RemoteError::Invalid`] when it isn't a handle or the answer makes no sense, and what any fetch may say.
pub async fn resolve(instance: &Instance, handle: &str) -> Result<String, RemoteError> {
    let parsed = Handle::parse(handle)
        .ok_or_else(|| RemoteError::invalid(handle, "it is not a handle: write @user@host"))?;
    let found = look_up(instance, &parsed).await?;
    actor_in(&found.jrd)
        .ok_or_else(|| RemoteError::invalid(handle, "the WebFinger answer names no ActivityPub actor"))
}

/// What WebFinger says of a handle.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it was asked, before redirects.
    pub asked: Url,
    /// The JRD as it came.
    pub jrd: Value,
}

/// Asks the host of a handle for its JRD.
///
/// # Errors
/// [`RemoteError::Invalid`] when the answer isn't JSON, and what any fetch may say.
pub async fn look_up(instance: &Instance, handle: &Handle) -> Result<Found, RemoteError> {
    let host_alone = handle.host.split(':').next().unwrap_or_default();
    if instance.refuses(host_alone) {
        return Err(RemoteError::Refused(format!("{host_alone} is blocked here")));
    }
    let name = format!("@{}@{}", handle.user, handle.host);
    let mut failure = None;
    for url in places(instance, handle)? {
        let accept = "application/jrd+json, application/json";
        let nothing = |_: &Url| Ok::<_, NetError>(HeaderMap::new());
        match instance.client.get(&url, accept, JRD_LIMIT, nothing).await {
            Ok(answer) => {
                if let Some(error) = RemoteError::of_status(&url, answer.status) {
                    return Err(error);
                }
                let jrd: Value = serde_json::from_slice(&answer.body)
                    .map_err(|_| RemoteError::invalid(&name, "the WebFinger answer is not JSON"))?;
                return Ok(Found { asked: url, jrd });
            }
            Err(error) => failure = Some(error.into()),
        }
    }
    Err(failure.unwrap_or_else(|| RemoteError::invalid(&name, "it can't be looked up")))
}

/// Where to ask: https, and where private addresses are allowed http as well; there first what is more likely.
fn places(instance: &Instance, handle: &Handle) -> Result<Vec<Url>, RemoteError> {
    let resource = format!("acct:{}@{}", handle.user, handle.host);
    let query = utf8_percent_encode(&resource, RESERVED).to_string();
    let at = |scheme: &str| {
        Url::parse(&format!(
            "{scheme}://{}/.well-known/webfinger?resource={query}",
            handle.host
        ))
        .map_err(|_| RemoteError::invalid(&resource, "it is not a handle"))
    };
    let https = at("https")?;
    if instance.client.reach() == Reach::Public {
        return Ok(vec![https]);
    }
    let http = at("http")?;
    Ok(match https.host() {
        Some(Host::Domain(name)) if name != "localhost" => vec![https, http],
        _ => vec![http, https],
    })
}

/// The `self` link of an ActivityPub type.
pub fn actor_in(jrd: &Value) -> Option<String> {
    jrd["links"].as_array()?.iter().find_map(|link| {
        let kind = link["type"].as_str().unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let fits =
            link["rel"] == "self" && matches!(kind, "application/activity+json" | "application/ld+json");
        let href = link["href"].as_str()?;
        (fits && Url::parse(href).is_ok_and(|url| url.has_host())).then(|| href.to_string())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn handles_are_read_in_all_their_spellings() {
        let ada = Handle {
            user: "ada".into(),
            host: "social.example".into(),
        };
        for text in [
            "@ada@social.example",
            "ada@social.example",
            "acct:ada@social.example",
            " @ada@Social.Example ",
        ] {
            assert_eq!(Handle::parse(text).as_ref(), Some(&ada), "{text}");
        }
        assert_eq!(
            Handle::parse("@ada@127.0.0.1:9000").unwrap().host,
            "127.0.0.1:9000"
        );
        for text in [
            "",
            "@",
            "ada",
            "@ada",
            "@ada@",
            "@@social.example",
            "@ada@social.example/x",
            "@ada@social.example?x",
            "@ada@social.example#x",
            "@a/b@social.example",
            "@ada@b@social.example",
            "https://social.example/@ada",
        ] {
            assert_eq!(Handle::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_resource_is_asked_for_as_other_servers_write_it() {
        let written = |resource: &str| utf8_percent_encode(resource, RESERVED).to_string();
        assert_eq!(written("acct:ada_l@127.0.0.1:9000"), "acct:ada_l@127.0.0.1:9000");
        assert_eq!(written("acct:a&b=c@é.example"), "acct:a%26b%3Dc@%C3%A9.example");
    }

    #[test]
    fn the_actor_is_the_self_link_of_an_activitypub_type() {
        let jrd = json!({ "subject": "acct:ada@social.example", "links": [
            { "rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": "https://social.example/@ada" },
            { "rel": "self", "type": "application/rss+xml", "href": "https://social.example/feed" },
            { "rel": "self", "type": "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
              "href": "https://social.example/users/ada" },
        ] });
        assert_eq!(
            actor_in(&jrd).as_deref(),
            Some("https://social.example/users/ada")
        );
        assert_eq!(actor_in(&json!({ "links": "none" })), None);
        assert_eq!(actor_in(&json!({ "links": [{ "rel": "self" }] })), None);
    }
}
