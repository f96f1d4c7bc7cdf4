//! Actors, keys, objects and handles of other servers, and the guard on the way to them.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use serde_json::{Value, json};
use tidings::net::{Client, DOCUMENT_LIMIT, LookUp, NetError, REDIRECTS, Resolver, Settings};
use tidings::remote::{self, Freshness, RemoteError};
use tidings::sig::Scheme;
use tidings::store::{FollowState, Follower};
use url::Url;

use crate::delivery::Sender;
use crate::harness::peer_key;
use crate::served::{Page, Pages, page};

fn actor(pages: &Pages, name: &str) -> Value {
    let id = pages.url(&format!("/users/{name}"));
    json!({
        "id": id, "type": "Person", "preferredUsername": name, "inbox": format!("{id}/inbox"),
        "publicKey": { "id": format!("{id}#main-key"), "owner": id, "publicKeyPem": peer_key().public_pem() },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_is_fetched_once_by_all_who_ask_and_then_cached_for_a_day() {
    let mut sender = Sender::start("");
    let pages = Pages::start().await;
    pages.put("/users/ada", page(&actor(&pages, "ada")));
    let id = pages.url("/users/ada");
    let asked = (0..20).map(|_| remote::actor(sender.instance(), &id, Freshness::Cached));
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap().username, "ada");
    }
    assert_eq!(pages.count("/users/ada"), 1);
    sender.restart();
    sender
        .clock
        .set(sender.clock.now() + SignedDuration::from_hours(23));
    remote::actor(sender.instance(), &id, Freshness::Cached)
        .await
        .unwrap();
    assert_eq!(pages.count("/users/ada"), 1, "it is on disk");
    sender
        .clock
        .set(sender.clock.now() + SignedDuration::from_hours(2));
    remote::actor(sender.instance(), &id, Freshness::Cached)
        .await
        .unwrap();
    assert_eq!(pages.count("/users/ada"), 2);
    assert!(pages.signed_but("nothing"), "every fetch is signed");
}

pub(crate) async fn join_all<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = all.map(Box::pin).collect();
    let mut done = Vec::new();
    // All are polled before any is waited for, so that they run side by side.
    std::future::poll_fn(|context| {
        running.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => {
                done.push(output);
                false
            }
            std::task::Poll::Pending => true,
        });
        if running.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_is_asked_for_afresh_once_a_minute_at_most() {
    let sender = Sender::start("");
    let pages = Pages::start().await;
    pages.put("/users/ada", page(&actor(&pages, "ada")));
    let key = pages.url("/users/ada#main-key");
    for freshness in [
        Freshness::Cached,
        Freshness::Fresh,
        Freshness::Fresh,
        Freshness::Fresh,
    ] {
        remote::key(sender.instance(), &key, freshness).await.unwrap();
    }
    assert_eq!(pages.count("/users/ada"), 2);
    sender
        .clock
        .set(sender.clock.now() + SignedDuration::from_secs(61));
    remote::key(sender.instance(), &key, Freshness::Fresh)
        .await
        .unwrap();
    assert_eq!(pages.count("/users/ada"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_found_in_stubs_and_in_documents_of_their_own() {
    let sender = Sender::start("");
    let pages = Pages::start().await;
    // GoToSocial: the id of the key leads to a stub of the actor.
    let id = pages.url("/users/carla");
    let mut carla = actor(&pages, "carla");
    carla["publicKey"]["id"] = json!(format!("{id}/main-key"));
    pages.put("/users/carla", page(&carla));
    pages.put(
        "/users/carla/main-key",
        page(&json!({ "id": id, "type": "Person", "publicKey": carla["publicKey"] })),
    );
    let key = format!("{id}/main-key");
    for _ in 0..2 {
        let found = remote::key(sender.instance(), &key, Freshness::Cached)
            .await
            .unwrap();
        assert_eq!(found.owner, id);
    }
    assert_eq!(pages.count("/users/carla/main-key"), 1, "the owner is remembered");
    // A key in a document of its own, which its owner only names.
    let id = pages.url("/users/dan");
    let key = pages.url("/keys/7");
    let mut dan = actor(&pages, "dan");
    dan["publicKey"] = json!(key);
    pages.put("/users/dan", page(&dan));
    pages.put(
        "/keys/7",
        page(&json!({ "id": key, "owner": id, "publicKeyPem": peer_key().public_pem() })),
    );
    let found = remote::key(sender.instance(), &key, Freshness::Cached)
        .await
        .unwrap();
    assert_eq!(found.owner, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_nobody_who_does_not_list_it_or_lives_elsewhere() {
    let sender = Sender::start("");
    let (pages, elsewhere) = (Pages::start().await, Pages::start().await);
    pages.put("/users/ada", page(&actor(&pages, "ada")));
    elsewhere.put("/users/eve", page(&actor(&elsewhere, "eve")));
    let ada = pages.url("/users/ada");
    let pem = peer_key().public_pem();
    for (at, path, document) in [
        // Not listed by its owner.
        (
            &pages,
            "/keys/1",
            json!({ "id": pages.url("/keys/1"), "owner": ada, "publicKeyPem": pem }),
        ),
        // Says that it belongs to somebody on another host.
        (
            &elsewhere,
            "/keys/2",
            json!({ "id": elsewhere.url("/keys/2"), "owner": ada, "publicKeyPem": pem }),
        ),
        // Belongs to nobody.
        (
            &pages,
            "/keys/3",
            json!({ "id": pages.url("/keys/3"), "publicKeyPem": pem }),
        ),
    ] {
        at.put(path, page(&document));
        let found = remote::key(sender.instance(), &at.url(path), Freshness::Cached).await;
        assert!(
            matches!(found, Err(RemoteError::Invalid { .. })),
            "{path}: {found:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_of_a_known_actor_is_found_without_waiting_for_a_failure() {
    let sender = Sender::start("");
    let pages = Pages::start().await;
    let mut ada = actor(&pages, "ada");
    pages.put("/users/ada", page(&ada));
    let key = pages.url("/users/ada#main-key");
    remote::key(sender.instance(), &key, Freshness::Cached)
        .await
        .unwrap();
    let key = pages.url("/users/ada#key-2");
    ada["publicKey"]["id"] = json!(key);
    pages.put("/users/ada", page(&ada));
    remote::key(sender.instance(), &key, Freshness::Cached)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_answers_is_not_always_what_was_asked_for() {
    let sender = Sender::start("");
    let (pages, elsewhere) = (Pages::start().await, Pages::start().await);
    let ada = actor(&pages, "ada");
    elsewhere.put("/users/ada", page(&ada));
    pages.put("/users/moved", Page::redirect(&elsewhere.url("/users/moved")));
    let mut moved = actor(&pages, "moved");
    elsewhere.put("/users/moved", page(&moved));
    pages.put(
        "/users/html",
        page(&actor(&pages, "html")).content_type("text/html"),
    );
    pages.put(
        "/users/json",
        page(&actor(&pages, "json")).content_type("application/json"),
    );
    pages.put(
        "/users/packed",
        page(&actor(&pages, "packed")).header("content-encoding: gzip"),
    );
    moved["padding"] = json!("x".repeat(DOCUMENT_LIMIT));
    pages.put("/users/huge", page(&moved));
    pages.put("/users/array", page(&json!([])));
    for id in [
        elsewhere.url("/users/ada"),
        pages.url("/users/moved"),
        pages.url("/users/html"),
        pages.url("/users/json"),
        pages.url("/users/packed"),
        pages.url("/users/huge"),
        pages.url("/users/array"),
        sender.instance().iris.actor("blog"),
        "nonsense".into(),
    ] {
        let found = remote::actor(sender.instance(), &id, Freshness::Cached).await;
        assert!(
            matches!(found, Err(RemoteError::Invalid { .. })),
            "{id}: {found:?}"
        );
    }
    let found = remote::actor(sender.instance(), &pages.url("/none"), Freshness::Cached).await;
    assert!(matches!(found, Err(RemoteError::NotFound(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_is_gone_is_forgotten_and_one_whose_host_is_down_is_not() {
    let sender = Sender::start("");
    let pages = Pages::start().await;
    pages.put("/users/ada", page(&actor(&pages, "ada")));
    let id = pages.url("/users/ada");
    let profile = remote::actor(sender.instance(), &id, Freshness::Cached)
        .await
        .unwrap();
    let followers = sender.instance().store.followers("blog").unwrap();
    followers
        .put(&Follower {
            keys: Default::default(),
            actor: id.clone(),
            handle: profile.handle.clone(),
            inbox: profile.inbox.clone(),
            shared_inbox: None,
            state: FollowState::Accepted,
            since: sender.clock.now(),
            moved_to: None,
            earlier: Vec::new(),
            follow: Value::Null,
        })
        .unwrap();
    sender
        .clock
        .set(sender.clock.now() + SignedDuration::from_hours(25));
    pages.put("/users/ada", Page::status(503));
    remote::actor(sender.instance(), &id, Freshness::Cached)
        .await
        .expect("yesterday's document is better than none");
    assert!(followers.contains(&id));
    pages.put("/users/ada", Page::status(410));
    let found = remote::actor(sender.instance(), &id, Freshness::Cached).await;
    assert!(matches!(found, Err(RemoteError::Gone(_))));
    assert!(!followers.contains(&id));
    assert!(remote::document(sender.instance(), &id).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_another_signature_gets_it() {
    let sender = Sender::start("");
    let pages = Pages::start().await;
    pages.put("/users/ada", page(&actor(&pages, "ada")).only(Scheme::Rfc9421));
    pages.put("/users/bob", page(&actor(&pages, "bob")).only(Scheme::Rfc9421));
    remote::actor(sender.instance(), &pages.url("/users/ada"), Freshness::Cached)
        .await
        .unwrap();
    remote::actor(sender.instance(), &pages.url("/users/bob"), Freshness::Cached)
        .await
        .unwrap();
    assert_eq!(pages.count("/users/ada"), 2);
    assert_eq!(pages.count("/users/bob"), 1, "the host is remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_what_its_own_host_serves_under_its_id() {
    let sender = Sender::start("");
    let (pages, elsewhere) = (Pages::start().await, Pages::start().await);
    let note = json!({ "id": pages.url("/notes/1"), "type": "Note" });
    pages.put("/notes/1", page(&note));
    pages.put("/@ada/1", page(&note));
    elsewhere.put("/notes/1", page(&note));
    pages.put("/away", Page::redirect(&elsewhere.url("/notes/2")));
    elsewhere.put(
        "/notes/2",
        page(&json!({ "id": pages.url("/away"), "type": "Note" })),
    );
    let instance = sender.instance();
    let fetch = |url: String| async move { remote::object(instance, &url).await };
    assert_eq!(fetch(pages.url("/notes/1")).await.unwrap(), note);
    assert_eq!(
        fetch(pages.url("/@ada/1")).await.unwrap(),
        note,
        "by its other URL"
    );
    assert!(
        fetch(elsewhere.url("/notes/1")).await.is_err(),
        "a copy elsewhere"
    );
    assert!(
        fetch(pages.url("/away")).await.is_err(),
        "redirected to another host"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_leads_to_its_actor() {
    let sender = Sender::start("");
    let pages = Pages::start().await;
    let id = pages.url("/users/ada");
    pages.put(
        "/.well-known/webfinger",
        page(&json!({ "links": [{ "rel": "self", "type": "application/activity+json", "href": id }] })),
    );
    let handle = format!("@ada@{}", pages.host());
    assert_eq!(remote::resolve(sender.instance(), &handle).await.unwrap(), id);
    pages.put("/.well-known/webfinger", Page::status(404));
    let found = remote::resolve(sender.instance(), &handle).await;
    assert!(matches!(found, Err(RemoteError::NotFound(_))), "{found:?}");
}

fn client(allow_private: bool, resolver: Resolver) -> Client {
    Client::new(Settings {
        allow_private,
        user_agent: "tidings/test".into(),
        resolver,
    })
    .unwrap()
}

fn unsigned(_: &Url) -> Result<hyper::HeaderMap, NetError> {
    Ok(hyper::HeaderMap::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_a_few_times_and_signed_anew_at_each_hop() {
    let pages = Pages::start().await;
    for hop in 0..10 {
        pages.put(&format!("/{hop}"), Page::redirect(&format!("/{}", hop + 1)));
    }
    pages.put("/circle", Page::redirect("/circle"));
    pages.put("/nowhere", Page::status(302));
    pages.put("/file", Page::redirect("file:///etc/passwd"));
    pages.put("/10", page(&json!("there")));
    let client = client(true, Resolver::System);
    let signed = Mutex::new(Vec::new());
    let sign = |url: &Url| {
        signed.lock().unwrap().push(url.path().to_string());
        Ok::<_, NetError>(hyper::HeaderMap::new())
    };
    let start: Url = pages.url(&format!("/{}", 10 - REDIRECTS)).parse().unwrap();
    let answer = client.get(&start, "*/*", 1000, sign).await.unwrap();
    assert_eq!(answer.url.path(), "/10");
    assert_eq!(signed.lock().unwrap().as_slice(), ["/6", "/7", "/8", "/9", "/10"]);
    for path in ["/0", "/circle", "/nowhere"] {
        let url = pages.url(path).parse().unwrap();
        let answer = client.get(&url, "*/*", 1000, unsigned).await;
        assert!(
            matches!(answer, Err(NetError::Redirect { .. })),
            "{path}: {answer:?}"
        );
    }
    let url = pages.url("/file").parse().unwrap();
    let answer = client.get(&url, "*/*", 1000, unsigned).await;
    assert!(matches!(answer, Err(NetError::Refused { .. })), "{answer:?}");
}

/// Answers the first look-up with one address, all others with another.
struct Changing(Mutex<Vec<Vec<IpAddr>>>);

impl LookUp for Changing {
    fn look_up(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let mut answers = self.0.lock().unwrap();
        if answers.len() > 1 {
            Ok(answers.remove(0))
        } else {
            Ok(answers[0].clone())
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_to_a_private_address_is_not_contacted() {
    let pages = Pages::start().await;
    let port = pages.host().rsplit(':').next().unwrap().to_string();
    for addresses in [
        vec!["127.0.0.1"],
        vec!["::1", "10.0.0.1", "::ffff:127.0.0.1"],
        vec!["64:ff9b::7f00:1"],
        vec![],
    ] {
        let addresses = addresses
            .into_iter()
            .map(|address| address.parse().unwrap())
            .collect();
        let resolver = Resolver::Custom(Arc::new(Changing(Mutex::new(vec![addresses]))));
        let client = client(false, resolver);
        let url = format!("https://social.example:{port}/").parse().unwrap();
        let answer = client.get(&url, "*/*", 1000, unsigned).await;
        assert!(matches!(answer, Err(NetError::Connect { .. })), "{answer:?}");
        let answer = client
            .post(
                &url,
                hyper::HeaderMap::new(),
                bytes::Bytes::new(),
                tidings::net::Reuse::Close,
            )
            .await;
        assert!(matches!(answer, Err(NetError::Connect { .. })), "{answer:?}");
    }
    let client = client(false, Resolver::System);
    for url in [
        format!("https://127.0.0.1:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("http://social.example:{port}/"),
    ] {
        let answer = client.get(&url.parse().unwrap(), "*/*", 1000, unsigned).await;
        assert!(
            matches!(answer, Err(NetError::Refused { .. })),
            "{url}: {answer:?}"
        );
    }
    assert_eq!(pages.connections(), 0, "nobody knocked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_looked_up_once_for_a_connection_so_that_what_was_checked_is_connected_to() {
    let pages = Pages::start().await;
    pages.put("/", page(&json!("here")));
    let port = pages.host().rsplit(':').next().unwrap().to_string();
    // The second look-up would lead elsewhere: to an address where nobody listens.
    let answers = vec![
        vec!["127.0.0.1".parse().unwrap()],
        vec!["127.255.255.1".parse().unwrap()],
    ];
    let changing = Arc::new(Changing(Mutex::new(answers)));
    let client = client(true, Resolver::Custom(changing));
    let url: Url = format!("http://social.example:{port}/").parse().unwrap();
    let answer = client.get(&url, "*/*", 1000, unsigned).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(pages.connections(), 1);
}
