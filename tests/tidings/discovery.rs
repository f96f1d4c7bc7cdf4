//! What is served: every row of the contract's table, by a real client, from a store that is filled by hand.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidings::ap::PUBLIC;
use tidings::ap::object::{self, Mention, Note, Placed};
use tidings::article::{Article, Kind, QuotePolicy, Visibility};
use tidings::clock::Clock;
use tidings::config;
use tidings::http::{self, Listener};
use tidings::instance::{Instance, Outgoing};
use tidings::net::{Client, Resolver, Settings, user_agent};
use tidings::store::{
    Author, FollowState, Follower, Interaction, InteractionKind, InteractionState, Object, ObjectState,
    Quote, Store,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::harness::{LIMIT, Peer, Reply, get, send};

const JSON: &str = "application/activity+json";
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// The server over a store of its own, without the rest of the daemon.
struct Face {
    origin: String,
    instance: Arc<Instance>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Face {
    /// `extra` is TOML that is added to the configuration.
    async fn start(extra: &str) -> Face {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let mut text: toml::Table = toml::from_str(&format!(
            "actor = [{{ name = 'blog', display_name = 'The Blog', icon = '/avatar.png' }}]\n\
             site = {{ url = 'http://{authority}/', output = 'public', data = 'data' }}\n\
             federation = {{ allow_private_addresses = true, handle_domain = 'Blog.example' }}\n"
        ))
        .unwrap();
        for (section, value) in toml::from_str::<toml::Table>(extra).unwrap() {
            match (text.get_mut(&section), value) {
                (Some(toml::Value::Table(old)), toml::Value::Table(new)) => old.extend(new),
                (_, value) => drop(text.insert(section, value)),
            }
        }
        let config = config::parse(&toml::to_string(&text).unwrap(), &folder.path().join("ap.toml")).unwrap();
        let origin = format!("http://{authority}");
        let store = Store::open(&config.site.data, &origin, &config.federation.handle_domain).unwrap();
        let client = Client::new(Settings {
            allow_private: true,
            user_agent: user_agent(&origin),
            resolver: Resolver::System,
        })
        .unwrap();
        let instance = Arc::new(Instance::new(config, store, client, Clock::system()));
        let (stop, shutdown) = watch::channel(false);
        let serving = tokio::spawn(http::serve(
            Arc::clone(&instance),
            Listener::Tcp(listener),
            shutdown,
        ));
        Face {
            origin,
            instance,
            stop,
            serving,
            folder,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    async fn get(&self, path: &str) -> Reply {
        get(&self.url(path), JSON).await
    }

    async fn browse(&self, path: &str) -> Reply {
        get(&self.url(path), BROWSER).await
    }

    async fn ask(&self, method: Method, path: &str, name: HeaderName, value: &str) -> Reply {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())]);
        send(method, &self.url(path), headers, Vec::new()).await
    }

    /// A published page, `day` days after the first one.
    fn publish(&self, key: &str, page: &str, day: i64, visibility: Visibility) -> Value {
        let published =
            "2026-06-01T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * day);
        let article = Article {
            url: self.url(page),
            kind: None,
            title: Some(format!("Post {key}")),
            summary: Some("A post".into()),
            content: "<p>Words.</p>".into(),
            language: Some("en".into()),
            published,
            updated: None,
            tags: vec![],
            image: None,
            attachments: vec![],
            sensitive: false,
            actor: None,
            visibility: None,
            featured: false,
            discussion: Default::default(),
            translations: vec![],
        };
        let placed = self.placed(key, visibility, Kind::Article);
        let object = object::of_article(&article, &placed).object;
        self.store(key, Some(page), published, visibility, &object);
        object
    }

    /// A note from the command line.
    fn note(&self, key: &str, visibility: Visibility, to: &str) -> Value {
        let published = "2026-10-01T10:00:00Z".parse().unwrap();
        let note = Note {
            content: "<p>Psst &amp; hello</p>",
            summary: None,
            sensitive: false,
            language: Some("en"),
            published,
            mentions: &[Mention {
                actor: to.into(),
                handle: "@ada@remote.example".into(),
            }],
            tags: &[],
            in_reply_to: None,
            attachments: &[],
        };
        let object = object::of_note(&note, &self.placed(key, visibility, Kind::Note));
        self.store(key, None, published, visibility, &object);
        object
    }

    fn placed<'a>(&'a self, key: &'a str, visibility: Visibility, kind: Kind) -> Placed<'a> {
        Placed {
            iris: &self.instance.iris,
            site: &self.origin,
            actor: "blog",
            key,
            kind,
            visibility,
            quotes: QuotePolicy::Anyone,
            updated: None,
        }
    }

    fn store(
        &self,
        key: &str,
        page: Option<&str>,
        published: Timestamp,
        visibility: Visibility,
        object: &Value,
    ) {
        let record = Object {
            key: key.into(),
            actor: "blog".into(),
            page: page.map(Into::into),
            former_pages: vec![],
            canonical: None,
            state: ObjectState::Live,
            announced: None,
            digest: String::new(),
            fingerprint: String::new(),
            impression: None,
            visibility,
            published,
            updated: None,
            missing_since: None,
            featured: false,
            discussion: Default::default(),
            translations: vec![],
            heard: None,
            pending: None,
            object: object.clone(),
        };
        self.instance.store.objects.put(&record).unwrap();
    }

    fn change(&self, key: &str, change: impl FnOnce(&mut Object)) {
        let changed = self.instance.store.objects.update(key, |object| {
            change(object);
            true
        });
        assert!(changed.unwrap().is_some());
    }

    fn delete(&self, key: &str) {
        self.change(key, |object| {
            object.state = ObjectState::Deleted;
            object.object = object::tombstone(&object.object, "2026-11-20T10:00:00Z".parse().unwrap());
        });
    }

    fn follower(&self, actor: &str, state: FollowState, second: i64) {
        let follower = Follower {
            keys: Default::default(),
            actor: actor.into(),
            handle: "@ada@remote.example".into(),
            inbox: format!("{actor}/inbox"),
            shared_inbox: None,
            state,
            since: Timestamp::from_second(second).unwrap(),
            moved_to: None,
            earlier: Vec::new(),
            follow: json!({}),
        };
        let followers = self.instance.store.followers("blog").unwrap();
        followers.put(&follower).unwrap();
    }

    fn interaction(
        &self,
        kind: InteractionKind,
        number: usize,
        key: &str,
        state: InteractionState,
        public: bool,
    ) {
        let actor = format!("https://remote.example/users/{number}");
        let remote = format!("https://remote.example/notes/{number}");
        let remote_object = (kind == InteractionKind::Reply).then_some(remote);
        let at = Timestamp::from_second(1_790_000_000 + i64::try_from(number).unwrap()).unwrap();
        let interaction = Interaction {
            id: Interaction::id_of(kind, &actor, Some(key), remote_object.as_deref()),
            kind,
            object: Some(key.into()),
            activity: format!("https://remote.example/activities/{number}"),
            remote_object,
            in_reply_to: None,
            actor: Author {
                id: actor.clone(),
                name: "Ada".into(),
                handle: "@ada@remote.example".into(),
                url: actor,
                avatar: None,
                ..Author::default()
            },
            published: at,
            updated: None,
            received: at,
            state,
            hidden_for: None,
            public,
            url: None,
            summary: None,
            sensitive: false,
            language: None,
            content: None,
            emoji: None,
            attachments: vec![],
            raw: json!({}),
        };
        self.instance.store.interactions.put(&interaction).unwrap();
    }

    /// All items of a collection, and its size as its pages and itself tell it.
    async fn walk(&self, path: &str) -> (Vec<Value>, usize) {
        let collection = self.get(path).await.json();
        assert_eq!(collection["type"], "OrderedCollection");
        assert_eq!(collection["id"], self.url(path));
        let total = usize::try_from(collection["totalItems"].as_u64().unwrap()).unwrap();
        let mut items = Vec::new();
        let mut next = collection["first"].as_str().map(ToString::to_string);
        while let Some(url) = next {
            let page = get(&url, JSON).await.json();
            assert_eq!(page["type"], "OrderedCollectionPage");
            assert_eq!(page["partOf"], self.url(path));
            assert_eq!(page["id"], url);
            let found = page["orderedItems"].as_array().unwrap();
            assert!(found.len() <= 20 && !found.is_empty());
            items.extend(found.iter().cloned());
            next = page["next"].as_str().map(ToString::to_string);
        }
        (items, total)
    }
}

fn problem(reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.json()["status"], status);
}

#[tokio::test]
async fn webfinger_leads_from_every_name_of_an_account_to_its_actor_and_back() {
    let face = Face::start("").await;
    let actor = face.url("/ap/actors/blog");
    let host = face.origin.trim_start_matches("http://").to_string();
    for resource in [
        "acct:blog@blog.example".to_string(),
        "acct:BLOG@BLOG.EXAMPLE".into(),
        "acct:@blog@blog.example".into(),
        format!("acct:blog@{host}"),
        actor.clone(),
        face.url("/"),
        face.origin.clone(),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(resource.as_bytes()).collect();
        let reply = face
            .get(&format!("/.well-known/webfinger?resource={query}"))
            .await;
        assert_eq!(reply.status, 200, "{resource}");
        assert_eq!(reply.header("content-type"), "application/jrd+json");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        let jrd = reply.json();
        assert_eq!(jrd["subject"], "acct:blog@blog.example", "{resource}");
        assert!(jrd["aliases"].as_array().unwrap().contains(&json!(actor)));
        assert_eq!(jrd["links"][0]["rel"], "self");
        assert_eq!(jrd["links"][0]["type"], JSON);
        assert_eq!(jrd["links"][0]["href"], actor);
    }
    let document = face.get("/ap/actors/blog").await.json();
    assert_eq!(document["preferredUsername"], "blog");
    assert_eq!(document["webfinger"], "blog@blog.example");
    assert_eq!(document["icon"]["url"], face.url("/avatar.png"));
    assert_eq!(document["icon"]["mediaType"], "image/png");
    assert!(
        document["publicKey"]["publicKeyPem"]
            .as_str()
            .unwrap()
            .starts_with("-----BEGIN PUBLIC KEY-----")
    );
    assert!(
        document["assertionMethod"][0]["publicKeyMultibase"]
            .as_str()
            .unwrap()
            .starts_with("z6Mk")
    );
    for unknown in [
        "acct:nobody@blog.example",
        "acct:blog@other.example",
        "acct:blog",
        "mailto:blog@blog.example",
        "https://other.example/",
        "%00",
    ] {
        let reply = face
            .get(&format!("/.well-known/webfinger?resource={unknown}"))
            .await;
        problem(&reply, 404);
    }
    for missing in ["", "?resource=", "?rel=self"] {
        problem(&face.get(&format!("/.well-known/webfinger{missing}")).await, 400);
    }
}

#[tokio::test]
async fn the_instance_actor_is_found_by_its_host_and_stays_open() {
    let face = Face::start("federation = { require_signed_fetch = true }").await;
    let reply = face.get("/ap/instance").await;
    assert_eq!(reply.status, 200);
    let document = reply.json();
    assert_eq!(document["type"], "Application");
    assert_eq!(document["preferredUsername"], "blog.example");
    assert_eq!(document["inbox"], face.url("/ap/inbox"));
    assert_eq!(document["publicKey"]["owner"], document["id"]);
    let jrd = face
        .get("/.well-known/webfinger?resource=acct:blog.example@blog.example")
        .await;
    assert_eq!(jrd.json()["links"][0]["href"], face.url("/ap/instance"));
}

#[tokio::test]
async fn host_meta_and_nodeinfo_tell_where_and_what_we_are() {
    let face = Face::start("").await;
    face.publish("a", "/a/", 1, Visibility::Public);
    face.publish("b", "/b/", 2, Visibility::Unlisted);
    face.publish("c", "/c/", 3, Visibility::Followers);
    face.publish("d", "/d/", 4, Visibility::Public);
    face.delete("d");
    let xrd = face.get("/.well-known/host-meta").await;
    assert!(xrd.header("content-type").starts_with("application/xrd+xml"));
    assert!(xrd.text().contains("/.well-known/webfinger?resource={uri}"));
    let json = face.get("/.well-known/host-meta.json").await.json();
    assert_eq!(json["links"][0]["rel"], "lrdd");
    let index = face.get("/.well-known/nodeinfo").await.json();
    for (link, version) in [(0, "2.1"), (1, "2.0")] {
        let url = index["links"][link]["href"].as_str().unwrap();
        assert!(index["links"][link]["rel"].as_str().unwrap().ends_with(version));
        let reply = get(url, "application/json").await;
        assert!(reply.header("content-type").contains(version));
        let document = reply.json();
        assert_eq!(document["version"], version);
        assert_eq!(document["usage"]["localPosts"], 2);
        assert_eq!(document["usage"]["users"]["total"], 1);
    }
}

#[tokio::test]
async fn a_browser_goes_to_the_page_and_a_server_gets_the_document() {
    let face = Face::start("").await;
    face.publish("posts~hello", "/posts/hello/", 1, Visibility::Public);
    for (path, page) in [
        ("/ap/actors/blog", "/"),
        ("/ap/objects/posts~hello", "/posts/hello/"),
    ] {
        let reply = face.browse(path).await;
        assert_eq!(reply.status, 302);
        assert_eq!(reply.header("location"), face.url(page));
        assert_eq!(reply.header("vary").to_lowercase(), "accept");
        for accept in [
            JSON,
            "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
            "application/activity+json, application/ld+json, text/html;q=0.1",
            "*/*",
        ] {
            let reply = get(&face.url(path), accept).await;
            assert_eq!(reply.status, 200, "{accept}");
            assert_eq!(reply.header("content-type"), JSON);
            assert_eq!(reply.header("vary").to_lowercase(), "accept");
            assert_eq!(reply.header("access-control-allow-origin"), "*");
            assert_eq!(reply.json()["id"], face.url(path));
        }
    }
    problem(&face.browse("/ap/actors/nobody").await, 404);
    problem(&face.get("/ap/objects/nothing").await, 404);
}

#[tokio::test]
async fn who_has_a_document_already_is_told_so() {
    let face = Face::start("").await;
    face.publish("a", "/a/", 1, Visibility::Public);
    let first = face.get("/ap/objects/a").await;
    let etag = first.header("etag").to_string();
    assert!(etag.starts_with('"') && etag.len() > 10);
    for value in [etag.clone(), format!("\"x\", W/{etag}"), "*".into()] {
        let reply = face
            .ask(Method::GET, "/ap/objects/a", IF_NONE_MATCH, &value)
            .await;
        assert_eq!(reply.status, 304, "{value}");
        assert!(reply.body.is_empty());
        assert_eq!(reply.header("etag"), etag);
    }
    face.interaction(InteractionKind::Like, 1, "a", InteractionState::Shown, true);
    let reply = face.ask(Method::GET, "/ap/objects/a", IF_NONE_MATCH, &etag).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["likes"]["totalItems"], 1);
}

#[tokio::test]
async fn head_and_options_are_answered_and_other_methods_are_not() {
    let face = Face::start("").await;
    let whole = face.get("/ap/actors/blog").await;
    let head = face.ask(Method::HEAD, "/ap/actors/blog", ACCEPT, JSON).await;
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    assert_eq!(head.header("etag"), whole.header("etag"));
    assert_eq!(head.header("content-length"), whole.body.len().to_string());
    let options = face.ask(Method::OPTIONS, "/ap/actors/blog", ACCEPT, "*/*").await;
    assert_eq!(options.status, 204);
    assert_eq!(options.header("allow"), "GET, HEAD, OPTIONS");
    let put = face.ask(Method::PUT, "/ap/actors/blog", ACCEPT, "*/*").await;
    problem(&put, 405);
    assert_eq!(put.header("allow"), "GET, HEAD, OPTIONS");
    let post = face.ask(Method::POST, "/ap/objects/a", ACCEPT, "*/*").await;
    problem(&post, 405);
    for inbox in ["/ap/inbox", "/ap/actors/blog/inbox"] {
        let reply = face.get(inbox).await;
        problem(&reply, 405);
        assert_eq!(reply.header("allow"), "POST, OPTIONS");
    }
    problem(&face.get("/elsewhere").await, 404);
    problem(&face.get("/").await, 404);
}

#[tokio::test]
async fn the_outbox_holds_the_creates_of_what_everybody_may_see_newest_first() {
    let face = Face::start("").await;
    for day in 0..45 {
        face.publish(&format!("p{day}"), &format!("/p{day}/"), day, Visibility::Public);
    }
    face.publish("unlisted", "/unlisted/", 90, Visibility::Unlisted);
    face.publish("private", "/private/", 91, Visibility::Followers);
    face.note("direct", Visibility::Direct, "https://remote.example/users/ada");
    face.publish("deleted", "/deleted/", 92, Visibility::Public);
    face.delete("deleted");
    let (items, total) = face.walk("/ap/actors/blog/outbox").await;
    assert_eq!((items.len(), total), (46, 46));
    assert_eq!(items[0]["object"]["id"], face.url("/ap/objects/unlisted"));
    assert_eq!(items[1]["object"]["id"], face.url("/ap/objects/p44"));
    let ids: HashSet<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 46);
    for item in [&items[0], &items[45]] {
        assert_eq!(item["type"], "Create");
        let served = get(item["id"].as_str().unwrap(), JSON).await.json();
        assert_eq!(served["object"], item["object"]);
        assert_eq!(served["id"], item["id"]);
    }
    problem(&face.get("/ap/actors/blog/outbox?page=nonsense").await, 404);
    problem(&face.get("/ap/actors/nobody/outbox").await, 404);
}

#[tokio::test]
async fn followers_are_those_who_were_accepted_and_may_be_hidden() {
    let face = Face::start("").await;
    for n in 0..25 {
        face.follower(
            &format!("https://remote.example/users/{n}"),
            FollowState::Accepted,
            n,
        );
    }
    face.follower("https://remote.example/users/waiting", FollowState::Pending, 99);
    let (items, total) = face.walk("/ap/actors/blog/followers").await;
    assert_eq!((items.len(), total), (25, 25));
    assert_eq!(items[0], "https://remote.example/users/24");
    let (items, total) = face.walk("/ap/actors/blog/following").await;
    assert_eq!((items.len(), total), (0, 0));

    let hiding = Face::start("actor = [{ name = 'blog', hide_followers = true }]").await;
    hiding.follower("https://remote.example/users/1", FollowState::Accepted, 1);
    let collection = hiding.get("/ap/actors/blog/followers").await.json();
    assert_eq!(collection["totalItems"], 1);
    assert!(collection.get("first").is_none() && collection.get("orderedItems").is_none());
    problem(&hiding.get("/ap/actors/blog/followers?page=first").await, 404);
}

#[tokio::test]
async fn featured_shows_what_is_pinned_and_then_the_newest_posts() {
    let face = Face::start("publish = { featured = 2 }").await;
    for day in 0..4 {
        face.publish(&format!("p{day}"), &format!("/p{day}/"), day, Visibility::Public);
    }
    face.note("a-note", Visibility::Public, "https://remote.example/users/ada");
    face.change("p0", |object| object.featured = true);
    let featured = face.get("/ap/actors/blog/featured").await.json();
    let expected: Vec<String> = ["p0", "p3", "p2"]
        .iter()
        .map(|key| face.url(&format!("/ap/objects/{key}")))
        .collect();
    assert_eq!(featured["orderedItems"], json!(expected));
    assert_eq!(featured["totalItems"], 3);
}

#[tokio::test]
async fn only_what_is_public_and_shown_is_counted_under_an_object() {
    let face = Face::start("").await;
    face.publish("a", "/a/", 1, Visibility::Public);
    for n in 0..22 {
        face.interaction(InteractionKind::Reply, n, "a", InteractionState::Shown, true);
    }
    face.interaction(InteractionKind::Reply, 50, "a", InteractionState::Held, true);
    face.interaction(InteractionKind::Reply, 51, "a", InteractionState::Hidden, true);
    face.interaction(InteractionKind::Reply, 52, "a", InteractionState::Shown, false);
    face.interaction(InteractionKind::Like, 60, "a", InteractionState::Shown, true);
    face.interaction(InteractionKind::Boost, 61, "a", InteractionState::Shown, true);
    face.interaction(InteractionKind::Boost, 62, "a", InteractionState::Shown, true);
    let (items, total) = face.walk("/ap/objects/a/replies").await;
    assert_eq!((items.len(), total), (22, 22));
    assert_eq!(items[0], "https://remote.example/notes/21");
    assert_eq!(
        face.walk("/ap/objects/a/likes").await,
        (vec![json!("https://remote.example/activities/60")], 1)
    );
    assert_eq!(face.walk("/ap/objects/a/shares").await.1, 2);
    let object = face.get("/ap/objects/a").await.json();
    assert_eq!(object["likes"]["totalItems"], 1);
    assert_eq!(object["shares"]["totalItems"], 2);
    assert_eq!(object["replies"], face.url("/ap/objects/a/replies"));
    problem(&face.get("/ap/objects/nothing/replies").await, 404);
}

#[tokio::test]
async fn a_deleted_object_answers_with_its_tombstone() {
    let face = Face::start("").await;
    let object = face.publish("a", "/a/", 1, Visibility::Public);
    let create = tidings::ap::activity::create(&face.instance.iris, "blog", "a", &object);
    face.instance
        .send(Outgoing {
            actor: "blog".into(),
            id: "create~a".into(),
            object: Some("a".into()),
            activity: create.clone(),
            inboxes: vec![],
        })
        .unwrap();
    assert_eq!(face.get("/ap/activities/create~a").await.json(), create);
    face.delete("a");
    for reply in [
        face.get("/ap/objects/a").await,
        face.browse("/ap/objects/a").await,
    ] {
        assert_eq!(reply.status, 410);
        assert_eq!(reply.json()["type"], "Tombstone");
        assert_eq!(reply.json()["formerType"], "Article");
        assert_eq!(reply.json()["id"], face.url("/ap/objects/a"));
    }
    let told = face.get("/ap/activities/create~a").await;
    assert_eq!(told.status, 200);
    assert_eq!(told.json()["object"]["type"], "Tombstone");
    assert!(!told.text().contains("Words."));
    problem(&face.get("/ap/objects/a/replies").await, 410);
    problem(&face.get("/ap/resolve?url=/a/").await, 404);
    problem(&face.get("/ap/activities/unknown").await, 404);
}

#[tokio::test]
async fn a_page_leads_to_its_object_however_it_is_written() {
    let face = Face::start("").await;
    face.publish("posts~hello", "/posts/hello/", 1, Visibility::Public);
    face.publish("%C3%BCber", "/%C3%BCber.html", 2, Visibility::Public);
    face.publish("~", "/", 3, Visibility::Public);
    let hello = face.url("/ap/objects/posts~hello");
    for page in [
        "/posts/hello/",
        "/posts/hello",
        "/posts/hello/index.html",
        "posts/hello/",
        "/posts/hello/?utm=1#top",
        &face.url("/posts/hello/"),
        &face.url("/posts/hello/index.html"),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
        for reply in [
            face.get(&format!("/ap/resolve?url={query}")).await,
            face.browse(&format!("/ap/resolve?url={query}")).await,
        ] {
            assert_eq!(reply.status, 302, "{page}");
            assert_eq!(reply.header("location"), hello);
        }
    }
    for (page, key) in [
        ("/%25C3%25BCber.html", "%C3%BCber"),
        ("/%C3%BCber", "%C3%BCber"),
        ("/", "~"),
        ("/index.html", "~"),
    ] {
        let reply = face.get(&format!("/ap/resolve?url={page}")).await;
        assert_eq!(
            reply.header("location"),
            face.url(&format!("/ap/objects/{key}")),
            "{page}"
        );
    }
    for page in ["/other/", "https://other.example/posts/hello/", "::", "http://"] {
        problem(&face.get(&format!("/ap/resolve?url={page}")).await, 404);
    }
    for missing in ["", "?url="] {
        problem(&face.get(&format!("/ap/resolve{missing}")).await, 400);
    }
}

#[tokio::test]
async fn an_object_is_found_under_every_spelling_of_its_key_and_after_a_move() {
    let face = Face::start("").await;
    face.publish("%C3%BCber", "/%C3%BCber/", 1, Visibility::Public);
    for spelling in ["%C3%BCber", "%c3%bcber", "%C3%BCb%65r"] {
        let reply = face.get(&format!("/ap/objects/{spelling}")).await;
        assert_eq!(reply.status, 200, "{spelling}");
        assert_eq!(reply.json()["id"], face.url("/ap/objects/%C3%BCber"));
    }
    face.publish("old", "/new/place/", 2, Visibility::Public);
    face.change("old", |object| object.former_pages.push("/old/".into()));
    let reply = face.get("/ap/objects/new~place").await;
    assert_eq!(reply.status, 302);
    assert_eq!(reply.header("location"), face.url("/ap/objects/old"));
    let reply = face.get("/ap/resolve?url=/old").await;
    assert_eq!(reply.header("location"), face.url("/ap/objects/old"));
}

#[tokio::test]
async fn a_note_without_a_page_has_a_small_one_here() {
    let face = Face::start("").await;
    face.note("n1", Visibility::Public, "https://remote.example/users/ada");
    let reply = face.browse("/ap/objects/n1").await;
    assert_eq!(reply.status, 200);
    assert!(reply.header("content-type").starts_with("text/html"));
    assert!(
        reply
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert!(reply.text().contains("<p>Psst &amp; hello</p>"));
    assert!(reply.text().contains("The Blog"));
    assert_eq!(
        face.get("/ap/objects/n1").await.json()["url"],
        face.url("/ap/objects/n1")
    );
}

#[tokio::test]
async fn a_quote_authorization_ends_with_what_it_was_given_for() {
    let face = Face::start("").await;
    face.publish("a", "/a/", 1, Visibility::Public);
    let quote = Quote {
        id: Quote::id_of("a", "https://remote.example/notes/1"),
        object: "a".into(),
        instrument: "https://remote.example/notes/1".into(),
        actor: "https://remote.example/users/ada".into(),
        at: Timestamp::UNIX_EPOCH,
    };
    face.instance.store.quotes.put(&quote).unwrap();
    let path = format!("/ap/quotes/{}", quote.id);
    let stamp = face.get(&path).await.json();
    assert_eq!(stamp["type"], "QuoteAuthorization");
    assert_eq!(stamp["id"], face.url(&path));
    assert_eq!(stamp["attributedTo"], face.url("/ap/actors/blog"));
    assert_eq!(stamp["interactingObject"], "https://remote.example/notes/1");
    assert_eq!(stamp["interactionTarget"], face.url("/ap/objects/a"));
    problem(&face.get("/ap/quotes/unknown").await, 404);
    face.delete("a");
    problem(&face.get(&path).await, 404);
}

#[tokio::test]
async fn what_is_not_public_exists_only_for_servers_of_its_addressees() {
    let face = Face::start("").await;
    let (friend, stranger) = (Peer::start("127.0.5.1").await, Peer::start("127.0.5.2").await);
    face.follower(&friend.actor("ada"), FollowState::Accepted, 1);
    face.follower(&stranger.actor("waiting"), FollowState::Pending, 1);
    face.publish("secret", "/secret/", 1, Visibility::Followers);
    face.note("direct", Visibility::Direct, &friend.actor("ada"));
    for path in [
        "/ap/objects/secret",
        "/ap/objects/direct",
        "/ap/activities/create~secret",
        "/ap/activities/create~direct",
        "/ap/objects/secret/replies",
    ] {
        problem(&face.get(path).await, 404);
        problem(&face.browse(path).await, 404);
        let url = face.url(path);
        problem(&stranger.signed_get("waiting", &url).await, 404);
        // Any actor of the host will do: servers fetch with one of their own.
        let reply = friend.signed_get("somebody-else", &url).await;
        assert_eq!(reply.status, 200, "{path} {}", reply.text());
        assert!(reply.header("cache-control").contains("no-store"));
    }
    face.delete("secret");
    problem(&face.get("/ap/objects/secret").await, 404);
    assert_eq!(
        friend
            .signed_get("ada", &face.url("/ap/objects/secret"))
            .await
            .status,
        410
    );
    assert!(
        !face
            .get("/ap/actors/blog/outbox?page=first")
            .await
            .text()
            .contains(PUBLIC)
    );
}

#[tokio::test]
async fn signed_fetches_can_be_demanded_of_all_but_discovery() {
    let face = Face::start("federation = { require_signed_fetch = true }").await;
    face.publish("a", "/a/", 1, Visibility::Public);
    let peer = Peer::start("127.0.5.3").await;
    for path in [
        "/ap/actors/blog",
        "/ap/actors/blog/outbox",
        "/ap/actors/blog/followers",
        "/ap/actors/blog/featured",
        "/ap/objects/a",
        "/ap/objects/a/likes",
        "/ap/activities/create~a",
    ] {
        let reply = face.get(path).await;
        problem(&reply, 401);
        assert!(!reply.header("www-authenticate").is_empty());
        let reply = peer.signed_get("ada", &face.url(path)).await;
        assert_eq!(reply.status, 200, "{path} {}", reply.text());
    }
    // What isn't there is no secret worth a different answer.
    problem(&face.get("/ap/objects/nothing").await, 401);
    for path in [
        "/ap/instance",
        "/.well-known/webfinger?resource=acct:blog@blog.example",
        "/.well-known/nodeinfo",
        "/ap/nodeinfo/2.1",
    ] {
        assert_eq!(face.get(path).await.status, 200, "{path}");
    }
    assert_eq!(face.get("/ap/resolve?url=/a/").await.status, 302);
    assert_eq!(face.browse("/ap/objects/a").await.status, 302);
}

#[tokio::test]
async fn an_inbox_refuses_by_type_and_size_before_anything_else() {
    let face = Face::start("").await;
    let post = |path: &'static str, content_type: &'static str, size: usize| {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let url = face.url(path);
        async move { send(Method::POST, &url, headers, vec![b' '; size]).await }
    };
    for path in ["/ap/inbox", "/ap/actors/blog/inbox"] {
        problem(&post(path, "application/json", 10).await, 415);
        problem(&post(path, "text/plain", 2 * 1024 * 1024).await, 415);
        problem(&post(path, JSON, 1024 * 1024 + 1).await, 413);
        problem(&post(path, JSON, 1024 * 1024).await, 400);
        problem(&post(path, "application/ld+json", 10).await, 400);
    }
    problem(&post("/ap/actors/nobody/inbox", JSON, 10).await, 404);
}

#[tokio::test]
async fn a_body_without_announced_length_is_counted_too() {
    let face = Face::start("").await;
    let address = face.origin.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /ap/inbox HTTP/1.1\r\nHost: {address}\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    for _ in 0..20 {
        stream.write_all(&chunk).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn what_is_under_way_ends_when_the_server_stops_and_nothing_new_begins() {
    let face = Face::start("").await;
    let address = face.origin.trim_start_matches("http://").to_string();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /ap/inbox HTTP/1.1\r\nHost: {address}\r\nContent-Type: {JSON}\r\nContent-Length: 4\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The head must have been taken, or there is nothing under way yet.
    tokio::time::sleep(Duration::from_millis(200)).await;
    face.stop.send(true).unwrap();
    tokio::time::timeout(LIMIT, async {
        while TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    stream.write_all(b"null").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    tokio::time::timeout(LIMIT, face.serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_strange_host_header_changes_nothing() {
    let face = Face::start("").await;
    let reply = face.ask(Method::GET, "/ap/instance", HOST, "evil.example").await;
    assert_eq!(StatusCode::from_u16(reply.status).unwrap(), StatusCode::OK);
    assert!(!reply.text().contains("evil.example"));
}

#[tokio::test]
async fn a_unix_socket_serves_the_same() {
    let face = Face::start("").await;
    let path = face.folder.path().join("http.sock");
    let listener = Listener::Unix(UnixListener::bind(&path).unwrap());
    let (_stop, shutdown) = watch::channel(false);
    let serving = tokio::spawn(http::serve(Arc::clone(&face.instance), listener, shutdown));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let request = b"GET /ap/instance HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("Application"));
    serving.abort();
}

#[tokio::test]
async fn one_address_gets_only_so_many_connections_unless_it_is_the_proxy() {
    for (trusted, limited) in [("[]", true), ("['127.0.0.1']", false)] {
        let face = Face::start(&format!("server = {{ trusted_proxies = {trusted} }}")).await;
        let address = face.origin.trim_start_matches("http://").to_string();
        let mut answered = 0;
        let mut open = Vec::new();
        for _ in 0..70 {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            let request = b"GET /ap/nodeinfo/2.1 HTTP/1.1\r\nHost: x\r\n\r\n";
            let mut begin = [0; 12];
            let asked = stream.write_all(request).await.is_ok();
            if asked && stream.read_exact(&mut begin).await.is_ok() {
                assert_eq!(&begin, b"HTTP/1.1 200");
                answered += 1;
            }
            open.push(stream);
        }
        assert_eq!(answered, if limited { 64 } else { 70 });
        drop(open);
    }
}

#[tokio::test]
async fn heads_that_are_too_long_are_refused() {
    let face = Face::start("").await;
    let reply = face
        .ask(Method::GET, "/ap/instance", ACCEPT, &"a".repeat(20_000))
        .await;
    assert_eq!(reply.status, 200);
    let reply = face
        .ask(Method::GET, "/ap/instance", ACCEPT, &"a".repeat(200_000))
        .await;
    assert_eq!(reply.status, 431);
}

#[tokio::test]
async fn what_expired_is_no_longer_counted() {
    let face = Face::start("interactions = { expire = '1d' }").await;
    face.publish("a", "/a/", 1, Visibility::Public);
    face.interaction(InteractionKind::Like, 1, "a", InteractionState::Shown, true);
    assert_eq!(face.get("/ap/objects/a/likes").await.json()["totalItems"], 0);
    let lasting = Face::start("").await;
    lasting.publish("a", "/a/", 1, Visibility::Public);
    lasting.interaction(InteractionKind::Like, 1, "a", InteractionState::Shown, true);
    assert_eq!(lasting.get("/ap/objects/a/likes").await.json()["totalItems"], 1);
}
