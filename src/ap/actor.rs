//! Actor documents: what other servers know of an account.

use serde_json::{Map, Value, json};

use super::iri::Iris;
use super::{context, escape};

/// What an actor document tells, besides what follows from the actor's name.
#[derive(Clone, Debug)]
pub struct Description<'a> {
    /// `preferredUsername`, and the last segment of its id.
    pub name: &'a str,
    /// Its ActivityStreams type.
    pub kind: &'a str,
    /// Shown instead of the name: plain text.
    pub display_name: &'a str,
    /// A few words about it: HTML.
    pub summary: &'a str,
    /// Its page: absolute.
    pub url: &'a str,
    /// Its picture: absolute.
    pub icon: Option<String>,
    /// Its header picture: absolute.
    pub image: Option<String>,
    /// Names and values of its profile's table: plain text, or a URL as value.
    pub fields: &'a [(String, String)],
    /// Whether it may be recommended and listed.
    pub discoverable: bool,
    /// Whether its posts may be found by full-text search (FEP-5feb).
    pub indexable: bool,
    /// Whether a Follow waits for the owner's word.
    pub approves_followers: bool,
    /// Sites that may name it as author in `fediverse:creator`.
    pub attribution_domains: &'a [String],
    /// Other ids of the same person.
    pub also_known_as: &'a [String],
    /// What stands after the second @ of its handle.
    pub handle_domain: &'a str,
}

/// The public keys of an actor.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    /// RSA, SPKI in PEM (`BEGIN PUBLIC KEY`): PeerTube takes no other form.
    pub rsa_pem: &'a str,
    /// Ed25519, as a multibase Multikey (`z6Mk…`).
    pub ed25519_multibase: &'a str,
}

/// The document of one of our actors.
pub fn document(description: &Description<'_>, iris: &Iris, keys: Keys<'_>) -> Value {
    let name = description.name;
    let id = iris.actor(name);
    let mut actor = Map::new();
    let mut set = |key: &str, value: Value| actor.insert(key.to_string(), value);
    set("@context", context::actor());
    set("id", json!(id));
    set("type", json!(description.kind));
    set("preferredUsername", json!(name));
    set("name", json!(description.display_name));
    set("summary", json!(description.summary));
    set("url", json!(description.url));
    set(
        "webfinger",
        json!(format!("{name}@{}", description.handle_domain)),
    );
    if let Some(icon) = &description.icon {
        set("icon", picture(icon));
    }
    if let Some(image) = &description.image {
        set("image", picture(image));
    }
    set(
        "attachment",
        description
            .fields
            .iter()
            .map(|(name, value)| field(name, value))
            .collect(),
    );
    set("inbox", json!(iris.inbox(name)));
    set("outbox", json!(iris.outbox(name)));
    set("followers", json!(iris.followers(name)));
    set("following", json!(iris.following(name)));
    set("featured", json!(iris.featured(name)));
    set("endpoints", json!({ "sharedInbox": iris.shared_inbox() }));
    set("manuallyApprovesFollowers", json!(description.approves_followers));
    set("discoverable", json!(description.discoverable));
    set("indexable", json!(description.indexable));
    if !description.attribution_domains.is_empty() {
        set("attributionDomains", json!(description.attribution_domains));
    }
    if !description.also_known_as.is_empty() {
        set("alsoKnownAs", json!(description.also_known_as));
    }
    set("publicKey", public_key(iris, &id, keys.rsa_pem));
    set(
        "assertionMethod",
        json!([multikey(iris, &id, keys.ed25519_multibase)]),
    );
    set(
        "generator",
        json!({ "type": "Application", "id": iris.instance(), "implements": implements() }),
    );
    Value::Object(actor)
}

/// The document of the instance actor, which signs our fetches and answers to nobody.
///
/// Its name is the host of `handle_domain`, as other servers name theirs: `acct:blog.example@blog.example`.
pub fn instance(iris: &Iris, handle_domain: &str, site: &str, keys: Keys<'_>) -> Value {
    let id = iris.instance();
    let name = instance_name(handle_domain);
    json!({
        "@context": context::actor(),
        "id": id,
        "type": "Application",
        "preferredUsername": name,
        "name": name,
        "url": site,
        "webfinger": format!("{name}@{handle_domain}"),
        "inbox": iris.shared_inbox(),
        "endpoints": { "sharedInbox": iris.shared_inbox() },
        "manuallyApprovesFollowers": true,
        "discoverable": false,
        "indexable": false,
        "publicKey": public_key(iris, &id, keys.rsa_pem),
        "assertionMethod": [multikey(iris, &id, keys.ed25519_multibase)],
        "implements": implements(),
    })
}

/// `preferredUsername` of the instance actor: the host of `handle_domain`, without its port.
pub fn instance_name(handle_domain: &str) -> &str {
    match handle_domain.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => handle_domain,
    }
}

fn public_key(iris: &Iris, actor: &str, pem: &str) -> Value {
    json!({ "id": iris.main_key(actor), "owner": actor, "publicKeyPem": pem })
}

/// The Ed25519 key as FEP-521a has it.
fn multikey(iris: &Iris, actor: &str, multibase: &str) -> Value {
    json!({
        "id": iris.ed25519_key(actor),
        "type": "Multikey",
        "controller": actor,
        "publicKeyMultibase": multibase,
    })
}

/// Tells that we take RFC 9421 signatures (FEP-844e), so that nobody need find out by trying.
fn implements() -> Value {
    json!([{
        "href": "https://datatracker.ietf.org/doc/html/rfc9421",
        "name": "RFC-9421: HTTP Message Signatures",
    }])
}

fn picture(url: &str) -> Value {
    let mut picture = json!({ "type": "Image", "url": url });
    if let Some(media_type) = media_type(url) {
        picture["mediaType"] = json!(media_type);
    }
    picture
}

/// The media type that the ending of a URL's path tells.
fn media_type(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    mime_guess::from_path(path).first_raw().map(ToString::to_string)
}

/// A row of the profile's table. A link says `rel="me"`, which is what makes the green check mark elsewhere.
fn field(name: &str, value: &str) -> Value {
    let value = if value.starts_with("https://") || value.starts_with("http://") {
        let shown = value
            .trim_start_matches("https://")
            .trim_start_matches("http://")
            .trim_end_matches('/');
        format!("<a href=\"{}\" rel=\"me\">{}</a>", escape(value), escape(shown))
    } else {
        escape(value)
    };
    json!({ "type": "PropertyValue", "name": name, "value": value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iris() -> Iris {
        Iris::new(&url::Url::parse("https://blog.example/").unwrap())
    }

    const KEYS: Keys<'static> = Keys {
        rsa_pem: "-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n",
        ed25519_multibase: "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2",
    };

    fn blog(fields: &[(String, String)]) -> Value {
        let description = Description {
            name: "blog",
            kind: "Person",
            display_name: "A blog",
            summary: "<p>About things</p>",
            url: "https://blog.example/",
            icon: Some("https://blog.example/avatar.png?v=2".into()),
            image: Some("https://blog.example/header".into()),
            fields,
            discoverable: true,
            indexable: false,
            approves_followers: true,
            attribution_domains: &["blog.example".into()],
            also_known_as: &["https://old.example/users/me".into()],
            handle_domain: "blog.example",
        };
        document(&description, &iris(), KEYS)
    }

    #[test]
    fn the_actor_document_tells_all_that_other_servers_ask_for() {
        let fields = [
            ("Website".to_string(), "https://blog.example/?a=1&b=2".to_string()),
            ("Pronouns".to_string(), "<they>".to_string()),
        ];
        insta::with_settings!({ snapshot_path => "../../tests/snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_json_snapshot!("actor", blog(&fields));
        });
    }

    #[test]
    fn every_term_of_the_actor_is_activitystreams_own_or_defined() {
        let actor = blog(&[("a".into(), "b".into())]);
        let own = [
            "@context",
            "id",
            "type",
            "preferredUsername",
            "name",
            "summary",
            "url",
            "icon",
            "image",
            "attachment",
            "inbox",
            "outbox",
            "followers",
            "following",
            "endpoints",
            "publicKey",
            "generator",
        ];
        for key in actor.as_object().unwrap().keys() {
            assert!(
                own.contains(&key.as_str()) || actor["@context"][2].get(key).is_some(),
                "{key} is not defined"
            );
        }
    }

    #[test]
    fn the_instance_actor_is_named_by_its_host_without_port() {
        let actor = instance(&iris(), "127.0.0.1:9000", "https://blog.example/", KEYS);
        assert_eq!(actor["preferredUsername"], "127.0.0.1");
        assert_eq!(actor["webfinger"], "127.0.0.1@127.0.0.1:9000");
        assert_eq!(actor["type"], "Application");
        assert_eq!(actor["inbox"], "https://blog.example/ap/inbox");
        assert_eq!(instance_name("blog.example"), "blog.example");
        assert_eq!(instance_name("[::1]"), "[::1]");
        assert_eq!(instance_name("[::1]:80"), "[::1]");
    }
}
