//! The ids of everything that tidings serves: the only place where one of our own URLs is made or read.
//!
//! Ids are for ever, because other servers keep them. They depend on ORIGIN, on an actor's name, on a KEY or on a
//! random ID, never on a title or on the order of things.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

pub use tidings_pages::path::{page_path, plain_page_path};

/// What RFC 3986 (section 2.3) calls unreserved stays; all else in a KEY is percent-encoded.
const KEY_RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Makes our ids, and tells which of our things an id names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Iris {
    origin: String,
}

/// One of the things that tidings serves under an id of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Local {
    /// An actor, by name; also when the id carries the fragment of one of its keys.
    Actor(String),
    /// The inbox of an actor.
    Inbox(String),
    /// The outbox of an actor.
    Outbox(String),
    /// The followers of an actor.
    Followers(String),
    /// Those whom an actor follows.
    Following(String),
    /// The pinned posts of an actor.
    Featured(String),
    /// The actor that signs fetches.
    Instance,
    /// The inbox that all actors share.
    SharedInbox,
    /// An object, by KEY.
    Object(String),
    /// The replies to an object.
    Replies(String),
    /// The likes of an object.
    Likes(String),
    /// The boosts of an object.
    Shares(String),
    /// An activity, by ID.
    Activity(String),
    /// A QuoteAuthorization, by ID.
    Quote(String),
}

impl Iris {
    /// Takes ORIGIN, the scheme and host (and port) of `site.url`, from any URL on it.
    pub fn new(site: &Url) -> Iris {
        Iris {
            origin: site.origin().ascii_serialization(),
        }
    }

    /// ORIGIN: `https://blog.example`, without a slash at the end.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The id of an actor.
    pub fn actor(&self, name: &str) -> String {
        format!("{}/ap/actors/{name}", self.origin)
    }

    /// The inbox of an actor.
    pub fn inbox(&self, name: &str) -> String {
        format!("{}/ap/actors/{name}/inbox", self.origin)
    }

    /// The outbox of an actor.
    pub fn outbox(&self, name: &str) -> String {
        format!("{}/ap/actors/{name}/outbox", self.origin)
    }

    /// The followers collection of an actor.
    pub fn followers(&self, name: &str) -> String {
        format!("{}/ap/actors/{name}/followers", self.origin)
    }

    /// The following collection of an actor.
    pub fn following(&self, name: &str) -> String {
        format!("{}/ap/actors/{name}/following", self.origin)
    }

    /// The collection of an actor's pinned posts.
    pub fn featured(&self, name: &str) -> String {
        format!("{}/ap/actors/{name}/featured", self.origin)
    }

    /// The id of the instance actor.
    pub fn instance(&self) -> String {
        format!("{}/ap/instance", self.origin)
    }

    /// The shared inbox, which is the instance actor's own too.
    pub fn shared_inbox(&self) -> String {
        format!("{}/ap/inbox", self.origin)
    }

    /// The id of the RSA key of an actor, given the actor's id.
    pub fn main_key(&self, actor: &str) -> String {
        format!("{actor}#main-key")
    }

    /// The id of the Ed25519 key of an actor (FEP-521a), given the actor's id.
    pub fn ed25519_key(&self, actor: &str) -> String {
        format!("{actor}#ed25519-key")
    }

    /// The id of an object.
    pub fn object(&self, key: &str) -> String {
        format!("{}/ap/objects/{key}", self.origin)
    }

    /// The replies collection of an object.
    pub fn replies(&self, key: &str) -> String {
        format!("{}/ap/objects/{key}/replies", self.origin)
    }

    /// The likes collection of an object.
    pub fn likes(&self, key: &str) -> String {
        format!("{}/ap/objects/{key}/likes", self.origin)
    }

    /// The shares collection of an object.
    pub fn shares(&self, key: &str) -> String {
        format!("{}/ap/objects/{key}/shares", self.origin)
    }

    /// The id of an activity.
    pub fn activity(&self, id: &str) -> String {
        format!("{}/ap/activities/{id}", self.origin)
    }

    /// The id of a QuoteAuthorization (FEP-044f).
    pub fn quote(&self, id: &str) -> String {
        format!("{}/ap/quotes/{id}", self.origin)
    }

    /// A NodeInfo document, by version.
    pub fn nodeinfo(&self, version: &str) -> String {
        format!("{}/ap/nodeinfo/{version}", self.origin)
    }

    /// The template of WebFinger requests, with `{uri}` for the resource.
    pub fn webfinger_template(&self) -> String {
        format!("{}/.well-known/webfinger?resource={{uri}}", self.origin)
    }

    /// Where a picture that is kept here is served: a path, because readers are on ORIGIN already.
    pub fn media(hash: &str) -> String {
        format!("/ap/media/{hash}")
    }

    /// The form that sends a reader to their own server: a path.
    pub fn interact(uri: &str, intent: &str) -> String {
        let uri = utf8_percent_encode(uri, KEY_RESERVED);
        format!("/ap/interact?intent={intent}&uri={uri}")
    }

    /// A path below ORIGIN that isn't an id: `path` begins with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Tells which of our things an id names; `None` when it isn't on ORIGIN or names nothing we serve.
    ///
    /// A fragment is ignored; a query makes it a different thing, which we don't serve under that id.
    pub fn read(&self, id: &str) -> Option<Local> {
        let id = id.split('#').next().unwrap_or(id);
        let path = id.strip_prefix(self.origin.as_str())?.strip_prefix("/ap/")?;
        if path.contains('?') {
            return None;
        }
        let mut segments = path.trim_end_matches('/').split('/');
        let local = match (segments.next()?, segments.next(), segments.next()) {
            ("actors", Some(name), None) => Local::Actor(name.into()),
            ("actors", Some(name), Some("inbox")) => Local::Inbox(name.into()),
            ("actors", Some(name), Some("outbox")) => Local::Outbox(name.into()),
            ("actors", Some(name), Some("followers")) => Local::Followers(name.into()),
            ("actors", Some(name), Some("following")) => Local::Following(name.into()),
            ("actors", Some(name), Some("featured")) => Local::Featured(name.into()),
            ("instance", None, None) => Local::Instance,
            ("inbox", None, None) => Local::SharedInbox,
            ("objects", Some(key), None) => Local::Object(normal_key(key)),
            ("objects", Some(key), Some("replies")) => Local::Replies(normal_key(key)),
            ("objects", Some(key), Some("likes")) => Local::Likes(normal_key(key)),
            ("objects", Some(key), Some("shares")) => Local::Shares(normal_key(key)),
            ("activities", Some(id), None) => Local::Activity(id.into()),
            ("quotes", Some(id), None) => Local::Quote(id.into()),
            _ => return None,
        };
        segments.next().is_none().then_some(local)
    }

    /// Whether a URL lies on ORIGIN.
    pub fn is_ours(&self, id: &str) -> bool {
        id.strip_prefix(self.origin.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    }
}

/// The ID of the Create of an object: it follows from the KEY, so that the outbox can name the Creates of baseline pages,
/// which were never sent.
pub fn create_id(key: &str) -> String {
    format!("create~{key}")
}

/// The KEY of the object whose Create has this ID.
pub fn created_key(id: &str) -> Option<&str> {
    id.strip_prefix("create~")
}

/// The KEY that a page's object gets when it is first published: `/posts/hello/` -> `posts~hello`.
///
/// The path without slashes at its ends, `index.html` and `.html`; every `/` becomes `~`; what isn't unreserved in a
/// URL is percent-encoded. The home page is `~`.
pub fn key_of_path(path: &str) -> String {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let path = decoded.trim_matches('/');
    let path = match path.strip_suffix("index.html") {
        Some(folder) if folder.is_empty() || folder.ends_with('/') => folder,
        _ => path.strip_suffix(".html").unwrap_or(path),
    };
    let path = path.trim_matches('/');
    if path.is_empty() {
        return "~".into();
    }
    path.split('/')
        .map(|segment| utf8_percent_encode(segment, KEY_RESERVED).to_string())
        .collect::<Vec<_>>()
        .join("~")
}

/// A KEY as we write it, from any equivalent spelling of its percent-encoding in a request.
pub fn normal_key(key: &str) -> String {
    let decoded = percent_decode_str(key).decode_utf8_lossy();
    utf8_percent_encode(&decoded, KEY_RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iris() -> Iris {
        Iris::new(&Url::parse("https://blog.example/sub/").unwrap())
    }

    #[test]
    fn ids_lie_at_the_root_of_origin_also_when_the_site_has_a_path() {
        assert_eq!(iris().actor("blog"), "https://blog.example/ap/actors/blog");
        assert_eq!(iris().shared_inbox(), "https://blog.example/ap/inbox");
    }

    #[test]
    fn an_id_is_read_back_as_what_it_names() {
        let iris = iris();
        assert_eq!(
            iris.read(&iris.object("posts~hello")),
            Some(Local::Object("posts~hello".into()))
        );
        assert_eq!(
            iris.read(&iris.replies("posts~hello")),
            Some(Local::Replies("posts~hello".into()))
        );
        assert_eq!(
            iris.read(&iris.main_key(&iris.actor("blog"))),
            Some(Local::Actor("blog".into()))
        );
        assert_eq!(iris.read(&iris.instance()), Some(Local::Instance));
        assert_eq!(iris.read("https://blog.example.evil/ap/actors/blog"), None);
        assert_eq!(iris.read("https://blog.example/ap/objects/a/b/c"), None);
        assert_eq!(iris.read("https://blog.example/posts/hello/"), None);
    }

    #[test]
    fn a_key_follows_from_the_path() {
        for (path, key) in [
            ("/posts/hello/", "posts~hello"),
            ("/posts/hello/index.html", "posts~hello"),
            ("/posts/hello.html", "posts~hello"),
            ("/", "~"),
            ("/index.html", "~"),
            ("/über uns/", "%C3%BCber%20uns"),
            ("/%C3%BCber%20uns/", "%C3%BCber%20uns"),
        ] {
            assert_eq!(key_of_path(path), key, "{path}");
        }
    }
}
