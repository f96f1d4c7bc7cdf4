//! What an actor's document says, as far as tidings uses it.
//!
//! Pure: a document and the id under which it was asked for go in, a [`Profile`] or the reason why not comes out.
//! Servers write single values where lists are usual and the other way round, types with prefixes, and objects where
//! strings would do; all of that is understood.

use serde_json::Value;
use url::Url;

use crate::ap::emoji::Emoji;
use crate::config::ActorKind;
use crate::sig::key::PublicKey;

/// The properties of an actor's document that name its keys.
pub const KEY_PROPERTIES: [&str; 2] = ["publicKey", "assertionMethod"];
/// Most keys of an actor that are looked at; fedify lists three.
const KEYS: usize = 8;
/// Most other ids of an actor that are kept.
const ALIASES: usize = 32;
/// Longest name that is kept, in characters; Mastodon allows 30, Misskey 50.
const NAME: usize = 200;
/// Most custom emoji of a name; those of the rest of the profile aren't kept.
const EMOJI: usize = 16;
/// Most custom emoji of a whole profile that are looked at.
const EMOJI_OF_ALL: usize = 200;
/// Longest URL that is kept, in bytes.
const URL: usize = 2048;

/// A remote actor.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: ActorKind,
    /// Its `preferredUsername`; the last segment of its id when it has none.
    pub username: String,
    /// `@user@host`, with the host of its id.
    pub handle: String,
    /// Its name: plain text; the username when it has none.
    pub name: String,
    /// Where a browser finds it: http or https; the id when it says nothing.
    pub url: String,
    /// Its picture.
    pub avatar: Option<String>,
    /// The custom emoji in its name.
    pub emoji: Vec<Emoji>,
    /// Whether it asks not to be shown to those who have no account: see [`asks_for_silence`].
    pub shy: bool,
    /// Its own inbox, on its own host or a subdomain of it.
    pub inbox: String,
    /// The inbox that it shares with others; likewise.
    pub shared_inbox: Option<String>,
    /// Its outbox.
    pub outbox: Option<String>,
    /// The collection of its followers.
    pub followers: Option<String>,
    /// Its keys.
    pub keys: Vec<ProfileKey>,
    /// The account that it moved to.
    pub moved_to: Option<String>,
    /// Its other ids.
    pub also_known_as: Vec<String>,
}

/// A key that an actor names as its own.
#[derive(Clone, Debug)]
pub struct ProfileKey {
    /// Its id, on the actor's host.
    pub id: String,
    /// The key, unless the actor only names it and it lies in a document of its own.
    pub key: Option<PublicKey>,
}

impl Profile {
    /// Reads the document that was asked for as `id`.
    ///
    /// # Errors
    /// Why it isn't the actor `id`.
    pub fn read(id: &str, document: &Value) -> Result<Profile, &'static str> {
        let own = Url::parse(id).map_err(|_| "its id is not a URL")?;
        let claimed = document["id"].as_str().ok_or("it has no id")?;
        if !same_url(claimed, id) {
            return Err("its id is another than was asked for");
        }
        let kind = each(&document["type"])
            .find_map(|kind| actor_kind(kind.as_str()?))
            .ok_or("it is not an actor")?;
        let inbox = url_of(&document["inbox"]).ok_or("it has no inbox")?;
        // An inbox elsewhere would make us send whatever its owner likes to whom its owner likes.
        if !is_near(&own, &inbox) {
            return Err("its inbox is on another host");
        }
        let shared_inbox = url_of(&document["endpoints"]["sharedInbox"])
            .or_else(|| url_of(&document["sharedInbox"]))
            .filter(|shared| is_near(&own, shared));
        let username = document["preferredUsername"]
            .as_str()
            .map(|name| line(name, NAME))
            .filter(|name| is_username(name))
            .unwrap_or_else(|| last_segment(&own));
        let name = document["name"]
            .as_str()
            .map(|name| line(name, NAME))
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| username.clone());
        let mut emoji = Emoji::of_tags(document, EMOJI_OF_ALL);
        emoji.retain(|emoji| name.contains(&emoji.name));
        emoji.truncate(EMOJI);
        Ok(Profile {
            kind,
            handle: format!("@{username}@{}", crate::net::host_of(&own)),
            name,
            url: link_of(&document["url"]).unwrap_or_else(|| id.to_string()),
            avatar: link_of(&document["icon"]),
            emoji,
            shy: asks_for_silence(document),
            inbox,
            shared_inbox,
            outbox: url_of(&document["outbox"]),
            followers: url_of(&document["followers"]).filter(|url| is_near(&own, url)),
            keys: keys(&own, id, document),
            moved_to: url_of(&document["movedTo"]),
            also_known_as: each(&document["alsoKnownAs"])
                .filter_map(url_of)
                .take(ALIASES)
                .collect(),
            username,
            id: id.to_string(),
        })
    }

    /// The key with this id.
    pub fn key(&self, key_id: &str) -> Option<&ProfileKey> {
        self.keys.iter().find(|key| key.id == key_id)
    }
}

/// Whether an actor asks that what it says be shown nowhere but on the fediverse itself.
///
/// By a hashtag in its profile's text or table, `#nobridge` or `#nobot`, as Bridgy and Bridgy Fed honour them; or by
/// Misskey's setting that one must sign in to read (`_misskey_requireSigninToViewContents`). `discoverable` and `indexable`
/// (FEP-5feb) say something else, about recommendations and search, and are false where nobody chose: who is silent about
/// them has not asked for silence.
fn asks_for_silence(document: &Value) -> bool {
    /// Most of a text that is looked at, in characters with its markup: Mastodon's profiles have 500, Misskey's 1,500.
    const TEXT: usize = 16 * 1024;
    if document["_misskey_requireSigninToViewContents"] == Value::Bool(true) {
        return true;
    }
    let says_so = |text: &Value| {
        let text = text.as_str().unwrap_or_default();
        // Nearly every text is without a hashtag, written out or as a character reference: it needn't be parsed.
        if !text.contains(['#', '&']) {
            return false;
        }
        let text: String = text.chars().take(TEXT).collect();
        let plain = crate::sanitize::plain(&text).to_lowercase();
        plain
            .split(|c: char| !(c.is_alphanumeric() || c == '#' || c == '_'))
            .any(|word| matches!(word, "#nobridge" | "#nobot"))
    };
    says_so(&document["summary"])
        || each(&document["attachment"])
            .take(ALIASES)
            .any(|field| says_so(&field["name"]) || says_so(&field["value"]))
}

/// The actor to whom the document of a key says it belongs: a key hosted by itself, or the stub of an actor that
/// GoToSocial serves under the id of a key.
pub(super) fn owner_in(document: &Value) -> Option<String> {
    let key = each(&document["publicKey"]).next().unwrap_or(&Value::Null);
    [
        &document["owner"],
        &document["controller"],
        &key["owner"],
        &key["controller"],
    ]
    .into_iter()
    .find_map(|owner| each(owner).find_map(url_of))
}

/// The key in a document of its own.
pub(super) fn key_in(key_id: &str, document: &Value) -> Option<PublicKey> {
    std::iter::once(document)
        .chain(each(&document["publicKey"]))
        .filter(|key| key["id"].as_str() == Some(key_id))
        .find_map(material)
}

/// The values of a property that may be one or many.
fn each(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Null => [].iter(),
        Value::Array(values) => values.iter(),
        single => std::slice::from_ref(single).iter(),
    }
}

fn keys(own: &Url, id: &str, document: &Value) -> Vec<ProfileKey> {
    KEY_PROPERTIES
        .into_iter()
        .flat_map(|name| each(&document[name]))
        .take(KEYS)
        .filter_map(|key| {
            let key_id = url_of(key)?;
            let at_home = Url::parse(&key_id).is_ok_and(|url| same_host(own, &url));
            let owner = ["owner", "controller"]
                .into_iter()
                .filter_map(|name| key.get(name)?.as_str())
                .all(|owner| owner == id);
            (at_home && owner).then(|| ProfileKey {
                key: material(key),
                id: key_id,
            })
        })
        .collect()
}

/// Whether this has what every actor's document has. Some servers show those who don't sign only the key, or no inbox.
pub(super) fn is_whole(document: &Value) -> bool {
    let names_key = KEY_PROPERTIES.into_iter().any(|name| !document[name].is_null());
    names_key && document["inbox"].is_string() && document["preferredUsername"].is_string()
}

fn material(key: &Value) -> Option<PublicKey> {
    if let Some(pem) = key["publicKeyPem"].as_str() {
        return PublicKey::from_pem(pem).ok();
    }
    PublicKey::from_multibase(key["publicKeyMultibase"].as_str()?).ok()
}

fn actor_kind(name: &str) -> Option<ActorKind> {
    let name = name.rsplit(['#', ':', '/']).next().unwrap_or(name);
    [
        ActorKind::Person,
        ActorKind::Service,
        ActorKind::Organization,
        ActorKind::Group,
        ActorKind::Application,
    ]
    .into_iter()
    .find(|kind| kind.name() == name)
}

/// A URL that stands as a string or as an object with an id.
fn url_of(value: &Value) -> Option<String> {
    let text = value.as_str().or_else(|| value["id"].as_str())?;
    web_url(text)
}

/// A URL for people: a string, a Link with `href`, an Image with `url`, or a list of those.
fn link_of(value: &Value) -> Option<String> {
    fn one(value: &Value, depth: u8) -> Option<String> {
        match value {
            Value::String(text) => web_url(text),
            Value::Object(object) if depth > 0 => ["href", "url"]
                .into_iter()
                .filter_map(|name| object.get(name))
                .flat_map(each)
                .find_map(|inner| one(inner, depth - 1)),
            _ => None,
        }
    }
    // Of several the page for people comes first in what PeerTube and others send.
    each(value).find_map(|value| one(value, 2))
}

fn web_url(text: &str) -> Option<String> {
    let fits = text.len() <= URL && (text.starts_with("https://") || text.starts_with("http://"));
    (fits && Url::parse(text).is_ok_and(|url| url.has_host())).then(|| text.to_string())
}

/// Whether a name can stand in a handle: `ada@victim.example` or `ada of victim.example` would look like somebody else's.
fn is_username(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(|c: char| c.is_whitespace() || matches!(c, '@' | '/' | '\\' | '<' | '>'))
}

/// Whether a character turns the direction of the text around it (Unicode Bidirectional Algorithm, 2): in a title or on a
/// terminal nothing would turn it back.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One line of text without control characters, not longer than `limit` characters.
fn line(text: &str, limit: usize) -> String {
    let text: String = text
        .trim()
        .chars()
        .filter(|c| !turns_text(*c))
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(limit)
        .collect();
    text.trim().to_string()
}

fn last_segment(url: &Url) -> String {
    let segment = url
        .path_segments()
        .and_then(|mut segments| segments.rfind(|segment| !segment.is_empty()))
        .unwrap_or_else(|| url.host_str().unwrap_or("unknown"));
    let name = line(segment.trim_start_matches('@'), NAME);
    if is_username(&name) {
        name
    } else {
        "unknown".into()
    }
}

/// Whether two ids are the same URL, however they are spelt.
pub(super) fn same_url(one: &str, other: &str) -> bool {
    one == other
        || match (Url::parse(one), Url::parse(other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
}

/// Whether two URLs are on the same host and port.
pub(super) fn same_host(one: &Url, other: &Url) -> bool {
    one.host() == other.host() && one.port_or_known_default() == other.port_or_known_default()
}

/// Whether a URL is on the host of another, or on a subdomain of it, or the other way round (www, an API's host).
fn is_near(own: &Url, other: &str) -> bool {
    let Ok(other) = Url::parse(other) else {
        return false;
    };
    if own.scheme() == "https" && other.scheme() != "https" {
        return false;
    }
    match (own.domain(), other.domain()) {
        (Some(own), Some(other)) => {
            let below = |name: &str, above: &str| {
                above.contains('.') && name.strip_suffix(above).is_some_and(|front| front.ends_with('.'))
            };
            own == other || below(own, other) || below(other, own)
        }
        _ => same_host(own, &other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vector(name: &str) -> Value {
        let path = format!("{}/tests/vectors/actors/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn a_handle_is_that_of_nobody_else() {
        let read = |id: &str, username: &str| {
            let document = json!({
                "id": id, "type": "Person", "inbox": "https://evil.example/inbox", "preferredUsername": username,
                "name": "\u{202e}evil\u{202c} \u{2067}x",
            });
            let profile = Profile::read(id, &document).unwrap();
            assert_eq!(profile.name, "evil x");
            profile.handle
        };
        let id = "https://evil.example/users/7";
        for username in [
            "ada@victim.example",
            "ada victim.example",
            "ada/..",
            "\u{202e}",
            "",
            "<b>",
        ] {
            assert_eq!(read(id, username), "@7@evil.example", "{username}");
        }
        assert_eq!(
            read("https://evil.example/a@victim.example", "@"),
            "@unknown@evil.example"
        );
        assert_eq!(read(id, "J\u{f6}rg.x-1_"), "@J\u{f6}rg.x-1_@evil.example");
    }

    #[test]
    fn actors_of_real_servers_are_read() {
        for (file, handle, name, shared, keys) in [
            ("gotosocial", "@carla@gts.example", "carla", None, 1),
            ("mitra", "@frank@mitra.example", "New name of mitra", None, 3),
            (
                "fedify",
                "@erin@fedify.example",
                "Fedify Erin",
                Some("https://fedify.example/inbox"),
                3,
            ),
            ("snac", "@alice@snac.example", "New name of snac", None, 1),
            (
                "pubby",
                "@dave@pubby.example",
                "Pubby dave",
                Some("https://pubby.example/ap/inbox"),
                1,
            ),
            (
                "mastodon",
                "@brauca_darradiul@activitypub.academy",
                "Brauca Darradiul",
                Some("https://activitypub.academy/inbox"),
                1,
            ),
        ] {
            let document = vector(file);
            let profile = Profile::read(document["id"].as_str().unwrap(), &document).unwrap();
            assert_eq!(profile.handle, handle);
            assert_eq!(profile.name, name);
            assert_eq!(profile.shared_inbox.as_deref(), shared, "{file}");
            assert_eq!(profile.keys.len(), keys, "{file}");
            assert!(
                profile.keys.iter().all(|key| key.key.is_some()),
                "every key of {file} can be used"
            );
        }
    }

    fn person() -> Value {
        json!({
            "id": "https://a.example/users/ada", "type": "Person", "preferredUsername": "ada",
            "inbox": "https://a.example/users/ada/inbox",
        })
    }

    fn read(document: &Value) -> Result<Profile, &'static str> {
        Profile::read("https://a.example/users/ada", document)
    }

    #[test]
    fn shapes_that_servers_vary_are_understood() {
        let mut document = person();
        document["type"] = json!(["as:Person", "https://schema.example/#Human"]);
        document["inbox"] = json!({ "id": "https://a.example/users/ada/inbox", "type": "OrderedCollection" });
        document["url"] =
            json!([{ "type": "Link", "href": "https://a.example/@ada" }, "https://a.example/x"]);
        document["icon"] =
            json!([{ "type": "Image", "url": { "type": "Link", "href": "https://a.example/i.png" } }]);
        document["alsoKnownAs"] = json!("https://b.example/ada");
        document["publicKey"] = json!(["https://a.example/keys/1"]);
        document["name"] = json!("  Ada\nLovelace ");
        let profile = read(&document).unwrap();
        assert_eq!(profile.kind, ActorKind::Person);
        assert_eq!(profile.url, "https://a.example/@ada");
        assert_eq!(profile.avatar.as_deref(), Some("https://a.example/i.png"));
        assert_eq!(profile.also_known_as, ["https://b.example/ada"]);
        assert_eq!(profile.name, "Ada Lovelace");
        assert!(profile.key("https://a.example/keys/1").unwrap().key.is_none());
    }

    #[test]
    fn who_asks_not_to_be_shown_is_heard_and_who_is_silent_has_not_asked() {
        let shy = |change: fn(&mut Value)| {
            let mut document = person();
            change(&mut document);
            read(&document).unwrap().shy
        };
        assert!(!shy(|_| {}));
        assert!(!shy(
            |d| (d["discoverable"], d["indexable"]) = (json!(false), json!(false))
        ));
        assert!(!shy(
            |d| d["summary"] = json!("<p>I write #nobots and nobot, see x.example/#nobotany</p>")
        ));
        assert!(shy(|d| d["summary"] = json!(
            "<p>Cats.<br><a href=\"https://a.example/tags/nobot\" class=\"mention hashtag\">#<span>NoBot</span></a></p>"
        )));
        assert!(shy(|d| d["summary"] = json!("cats, #nobridge.")));
        assert!(shy(
            |d| d["attachment"] = json!([{"type": "PropertyValue", "name": "rules", "value": "#nobot"}])
        ));
        assert!(shy(|d| d["_misskey_requireSigninToViewContents"] = json!(true)));
    }

    #[test]
    fn what_an_actor_says_of_other_hosts_is_not_believed() {
        let refused = |change: fn(&mut Value)| {
            let mut document = person();
            change(&mut document);
            read(&document).unwrap_err()
        };
        assert_eq!(
            refused(|d| d["id"] = json!("https://b.example/users/ada")),
            "its id is another than was asked for"
        );
        assert_eq!(
            refused(|d| d["inbox"] = json!("https://victim.example/login")),
            "its inbox is on another host"
        );
        assert_eq!(
            refused(|d| d["inbox"] = json!("http://a.example/inbox")),
            "its inbox is on another host"
        );
        assert_eq!(refused(|d| d["inbox"] = json!(null)), "it has no inbox");
        assert_eq!(refused(|d| d["type"] = json!("Note")), "it is not an actor");
        let mut document = person();
        document["endpoints"] = json!({ "sharedInbox": "https://victim.example/" });
        document["url"] = json!("javascript:alert(1)");
        document["icon"] = json!("data:image/png;base64,");
        let pem = vector("snac")["publicKey"]["publicKeyPem"].clone();
        document["publicKey"] = json!([
            { "id": "https://a.example/key", "owner": "https://b.example/users/bob", "publicKeyPem": pem },
            { "id": "https://b.example/key", "owner": "https://a.example/users/ada", "publicKeyPem": pem },
        ]);
        let profile = read(&document).unwrap();
        assert_eq!(profile.shared_inbox, None);
        assert_eq!(profile.url, "https://a.example/users/ada");
        assert_eq!(profile.avatar, None);
        assert!(profile.keys.is_empty());
    }

    #[test]
    fn an_inbox_may_lie_on_a_subdomain() {
        let mut document = person();
        document["inbox"] = json!("https://api.a.example/ada");
        assert!(read(&document).is_ok());
        document["inbox"] = json!("https://evil-a.example/ada");
        assert!(read(&document).is_err());
    }

    #[test]
    fn the_owner_of_a_key_is_found_in_stubs_and_in_documents_of_keys() {
        let stub = json!({
            "id": "https://gts.example/users/carla", "type": "Person", "preferredUsername": "carla",
            "publicKey": { "id": "https://gts.example/users/carla/main-key", "owner": "https://gts.example/users/carla" },
        });
        assert_eq!(
            owner_in(&stub).as_deref(),
            Some("https://gts.example/users/carla")
        );
        let key = json!({ "id": "https://a.example/keys/1", "type": "Key", "owner": "https://a.example/users/ada",
            "publicKeyPem": vector("snac")["publicKey"]["publicKeyPem"] });
        assert_eq!(owner_in(&key).as_deref(), Some("https://a.example/users/ada"));
        assert!(key_in("https://a.example/keys/1", &key).is_some());
        assert!(key_in("https://a.example/keys/2", &key).is_none());
    }

    #[test]
    fn no_document_makes_the_reader_panic() {
        for document in [
            json!(null),
            json!([]),
            json!("x"),
            json!({ "id": 7 }),
            json!({ "id": "https://a.example/users/ada", "type": {}, "inbox": [], "endpoints": "x" }),
        ] {
            assert!(read(&document).is_err());
            let _ = owner_in(&document);
        }
    }
}
