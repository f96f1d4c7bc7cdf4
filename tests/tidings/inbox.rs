//! What other servers send, and every status of the answer.
//!
//! The river is entered at `inbox::receive`, behind the HTTP server; the peers are real servers on loopback.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use tidings::clock::Clock;
use tidings::config::Config;
use tidings::inbox::{self, Answer, Arrival};
use tidings::instance::Instance;
use tidings::net::{self, Client};
use tidings::sig::Scheme;
use tidings::store::{Interaction, InteractionKind, InteractionState, Object, ObjectState, Store};

use crate::harness::{Peer, fresh_key};

/// Everybody.
const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// An instance without its HTTP server, with one published page.
pub(crate) struct Inbox {
    pub(crate) instance: Arc<Instance>,
    folder: tempfile::TempDir,
}

impl Inbox {
    fn new(extra: &str) -> Inbox {
        Inbox::at("http://127.0.0.1:1", extra, Clock::system())
    }

    fn at(origin: &str, extra: &str, clock: Clock) -> Inbox {
        let folder = tempfile::tempdir().unwrap();
        let mut config: toml::Table = toml::from_str(&format!(
            "actor = [{{ name = 'blog' }}]\nsite = {{ url = '{origin}', output = 'public', data = 'data' }}\n\
             [federation]\nallow_private_addresses = {}\n",
            origin.starts_with("http://")
        ))
        .unwrap();
        for (section, value) in toml::from_str::<toml::Table>(extra).unwrap() {
            match (config.get_mut(&section), value) {
                (Some(toml::Value::Table(old)), toml::Value::Table(new)) => old.extend(new),
                (_, value) => drop(config.insert(section, value)),
            }
        }
        let file = folder.path().join("ap.toml");
        std::fs::create_dir(folder.path().join("public")).unwrap();
        std::fs::write(&file, toml::to_string(&config).unwrap()).unwrap();
        let config = Config::read(&file).unwrap();
        let store = Store::open(&config.site.data, origin, &config.federation.handle_domain).unwrap();
        let client = Client::new(net::Settings {
            allow_private: config.federation.allow_private_addresses,
            user_agent: net::user_agent(origin),
            resolver: net::Resolver::System,
        })
        .unwrap();
        let inbox = Inbox {
            instance: Arc::new(Instance::new(config, store, client, clock)),
            folder,
        };
        inbox.publish("posts~hello", "/posts/hello/");
        inbox
    }

    /// The same data directory, with nothing in memory.
    fn restart(self) -> Inbox {
        let Inbox { instance, folder } = self;
        let (config, client, clock) = (instance.config(), instance.client.clone(), instance.clock.clone());
        let origin = instance.iris.origin().to_string();
        drop(Arc::into_inner(instance).unwrap());
        let store = Store::open(&config.site.data, &origin, &config.federation.handle_domain).unwrap();
        let instance = Arc::new(Instance::new((*config).clone(), store, client, clock));
        Inbox { instance, folder }
    }

    /// Puts an object into the store as if its page had been published.
    fn publish(&self, key: &str, page: &str) {
        let object = json!({
            "key": key, "actor": "blog", "page": page, "state": ObjectState::Live, "visibility": "public",
            "published": "2026-11-01T09:00:00Z", "object": { "id": self.instance.iris.object(key), "type": "Article" },
        });
        let object: Object = serde_json::from_value(object).unwrap();
        self.instance.store.objects.put(&object).unwrap();
    }

    fn object(&self) -> String {
        self.instance.iris.object("posts~hello")
    }

    fn url(&self) -> String {
        self.instance.iris.shared_inbox()
    }

    async fn arrive(&self, headers: HeaderMap, body: &[u8]) -> Answer {
        self.arrive_at(None, &self.url(), headers, body).await
    }

    async fn arrive_at(
        &self,
        inbox: Option<&str>,
        target_uri: &str,
        headers: HeaderMap,
        body: &[u8],
    ) -> Answer {
        let arrival = Arrival {
            inbox: inbox.map(str::to_string),
            target_uri: target_uri.to_string(),
            headers,
            body: body.to_vec().into(),
            peer: Some(IpAddr::from([127, 0, 0, 1])),
        };
        inbox::receive(&self.instance, arrival).await
    }

    /// One of the peer's actors posts an activity to the shared inbox.
    async fn post(&self, peer: &Peer, name: &str, activity: &Value) -> u16 {
        self.post_by(peer, name, activity, Scheme::Cavage).await
    }

    async fn post_by(&self, peer: &Peer, name: &str, activity: &Value, scheme: Scheme) -> u16 {
        let body = serde_json::to_vec(activity).unwrap();
        let headers = peer.sign("POST", name, &self.url(), Some(&body), scheme);
        self.arrive(headers, &body).await.status
    }

    /// All interactions with the page, as `kind by name`.
    fn interactions(&self) -> Vec<String> {
        let mut found: Vec<String> = inbox::moderation::list(&self.instance, &Default::default())
            .unwrap()
            .iter()
            .map(|listed| format!("{:?} by {}", listed.kind, listed.actor.name).to_lowercase())
            .collect();
        found.sort();
        found
    }

    fn only(&self) -> Interaction {
        let ids = self.instance.store.interactions.ids();
        assert_eq!(ids.len(), 1, "{:?}", self.interactions());
        self.instance.store.interactions.get(&ids[0]).unwrap().unwrap()
    }

    fn followers(&self) -> Vec<String> {
        let followers = self.instance.store.followers("blog").unwrap();
        followers.ids().iter().map(|id| id.to_string()).collect()
    }

    /// The activities that wait to be delivered, oldest first: type and inbox.
    fn jobs(&self) -> Vec<(String, String, Value)> {
        let jobs = &self.instance.store.jobs;
        let mut ids = jobs.ids();
        ids.sort();
        ids.iter()
            .map(|id| jobs.get(id).unwrap().unwrap())
            .map(|job| {
                let kind = job.body["type"].as_str().unwrap().to_string();
                (kind, job.inboxes.concat(), job.body)
            })
            .collect()
    }
}

fn follow(peer: &Peer, name: &str, inbox: &Inbox) -> Value {
    json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": peer.id("/follows/1"), "type": "Follow",
        "actor": peer.actor(name), "object": inbox.instance.iris.actor("blog"),
    })
}

fn act(peer: &Peer, name: &str, kind: &str, number: u32, object: impl Into<Value>) -> Value {
    json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": peer.id(&format!("/{kind}/{number}")), "type": kind,
        "actor": peer.actor(name), "object": object.into(), "to": PUBLIC,
    })
}

#[tokio::test]
async fn a_follow_is_stored_and_its_accept_is_a_job_before_the_answer() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let follow = follow(&peer, "ada", &inbox);
    assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
    assert_eq!(inbox.followers(), [peer.actor("ada")]);
    let (kind, to, accept) = inbox.jobs().remove(0);
    assert_eq!(
        (kind.as_str(), to),
        ("Accept", format!("{}/inbox", peer.actor("ada")))
    );
    for key in ["id", "type", "actor", "object"] {
        assert_eq!(
            accept["object"][key], follow[key],
            "the Accept carries the Follow"
        );
    }
    assert_eq!(accept["actor"], inbox.instance.iris.actor("blog"));
    assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
    assert_eq!(inbox.jobs().len(), 2, "a repeated Follow is accepted again");
    assert_eq!(peer.fetched("/users/ada"), 1, "the actor is fetched once");
}

/// A Create of a note; the second value is laid over the note.
fn create(peer: &Peer, name: &str, number: u32, over: Value) -> Value {
    let mut create = peer.reply(name, number, "", "<p>Words</p>");
    create["object"].as_object_mut().unwrap().remove("inReplyTo");
    for (key, value) in over.as_object().unwrap() {
        create["object"][key] = value.clone();
    }
    create
}

fn without(mut value: Value, key: &str) -> Value {
    value.as_object_mut().unwrap().remove(key);
    value
}

fn with(mut value: Value, key: &str, new: impl Into<Value>) -> Value {
    value[key] = new.into();
    value
}

// ------------------------------------------------------------------------------------------------- the answers

#[tokio::test]
async fn what_is_refused_is_refused_in_the_order_of_the_contract_and_nothing_is_fetched_for_it() {
    let inbox = Inbox::new("[federation]\nblocked = ['127.0.0.9']");
    let (peer, blocked) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.9").await);
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    let body = serde_json::to_vec(&like).unwrap();
    let none = HeaderMap::new;
    let status = |answer: Answer| answer.status;

    let nobody = inbox.instance.iris.inbox("nobody");
    assert_eq!(
        status(inbox.arrive_at(Some("nobody"), &nobody, none(), b"{").await),
        404
    );
    for malformed in [
        &b"{"[..],
        b"[]",
        b"{}",
        b"null",
        b"\xff",
        br#"{"type":"Like","actor":"x","object":"y"}"#,
    ] {
        assert_eq!(status(inbox.arrive(none(), malformed).await), 400);
    }
    let evil = serde_json::to_vec(&act(&blocked, "eve", "Like", 1, inbox.object())).unwrap();
    assert_eq!(
        status(inbox.arrive(none(), &evil).await),
        403,
        "a blocked actor, before the missing signature"
    );
    let headers = blocked.sign("POST", "eve", &inbox.url(), Some(&body), Scheme::Cavage);
    assert_eq!(
        status(inbox.arrive(headers, &body).await),
        403,
        "a key on a blocked host"
    );
    assert_eq!(status(inbox.arrive(none(), &body).await), 401, "no signature");
    let headers = peer.sign("POST", "ada", &inbox.url(), Some(b"other"), Scheme::Cavage);
    assert_eq!(
        status(inbox.arrive(headers, &body).await),
        401,
        "the digest of another body"
    );
    let headers = peer.sign(
        "POST",
        "ada",
        &inbox.instance.iris.inbox("blog"),
        Some(&body),
        Scheme::Cavage,
    );
    assert_eq!(
        status(inbox.arrive(headers.clone(), &body).await),
        401,
        "signed for another inbox"
    );
    for missing in ["digest", "date", "signature"] {
        let mut headers = peer.sign("POST", "ada", &inbox.url(), Some(&body), Scheme::Cavage);
        headers.remove(missing);
        assert_eq!(
            status(inbox.arrive(headers, &body).await),
            401,
            "without {missing}"
        );
    }
    assert_eq!(blocked.fetched("/users/eve"), 0);
    // Signed for another inbox is found out with the key only; nothing else needed it.
    assert!(peer.fetched("/users/ada") <= 2);
    assert!(inbox.interactions().is_empty());
}

#[tokio::test]
async fn a_signature_is_good_for_an_hour_both_ways() {
    let clock = Clock::manual(Timestamp::now());
    let inbox = Inbox::at("http://127.0.0.1:1", "", clock.clone());
    let peer = Peer::start("127.0.0.2").await;
    let now = clock.now();
    for (minutes, status) in [(61, 401), (-61, 401), (59, 202), (-59, 202)] {
        clock.set(now + jiff::SignedDuration::from_mins(minutes));
        let like = act(&peer, "ada", "Like", 1, inbox.object());
        assert_eq!(inbox.post(&peer, "ada", &like).await, status, "{minutes} min");
    }
}

#[tokio::test]
async fn only_the_actor_may_speak_for_itself() {
    let inbox = Inbox::new("");
    let (peer, other) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.3").await);
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    assert_eq!(
        inbox.post(&other, "eve", &like).await,
        403,
        "signed by another host's actor"
    );
    assert_eq!(
        inbox.post(&peer, "bob", &like).await,
        403,
        "signed by a neighbour"
    );
    let foreign = with(like.clone(), "id", other.id("/Like/1"));
    assert_eq!(
        inbox.post(&peer, "ada", &foreign).await,
        403,
        "an id on another host"
    );
    let note = create(
        &peer,
        "ada",
        1,
        json!({ "inReplyTo": inbox.object(), "id": other.id("/notes/1") }),
    );
    assert_eq!(
        inbox.post(&peer, "ada", &note).await,
        403,
        "an object on another host"
    );
    let note = create(
        &peer,
        "ada",
        1,
        json!({ "inReplyTo": inbox.object(), "attributedTo": peer.actor("bob") }),
    );
    assert_eq!(
        inbox.post(&peer, "ada", &note).await,
        403,
        "an object by somebody else"
    );
    assert!(inbox.interactions().is_empty());
    assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
}

#[tokio::test]
async fn whoever_only_fails_is_told_to_wait_and_whoever_verifies_never_is() {
    let clock = Clock::manual(Timestamp::now());
    let inbox = Inbox::at("http://127.0.0.1:1", "", clock.clone());
    let peer = Peer::start("127.0.0.2").await;
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    for _ in 0..400 {
        assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
    }
    let body = serde_json::to_vec(&like).unwrap();
    let mut answer = inbox.arrive(HeaderMap::new(), &body).await;
    for _ in 0..400 {
        answer = inbox.arrive(HeaderMap::new(), &body).await;
    }
    assert_eq!(answer.status, 429);
    assert!(answer.retry_after.is_some_and(|seconds| seconds > 0));
    clock.set(clock.now() + jiff::SignedDuration::from_secs(60));
    assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
}

#[tokio::test]
async fn what_cannot_be_stored_may_come_again() {
    let inbox = Inbox::new("");
    let peer = Peer::start("127.0.0.2").await;
    let folder = inbox.instance.store.disk.root().join("interactions");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::write(&folder, "in the way").unwrap();
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    let body = serde_json::to_vec(&like).unwrap();
    let headers = peer.sign("POST", "ada", &inbox.url(), Some(&body), Scheme::Cavage);
    let answer = inbox.arrive(headers, &body).await;
    assert_eq!(answer.status, 503);
    assert!(answer.retry_after.is_some());
    std::fs::remove_file(&folder).unwrap();
    assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
    assert_eq!(inbox.interactions(), ["like by ada of the peer"]);
}

#[tokio::test]
async fn a_new_key_is_found_and_a_wrong_one_fetched_once_a_minute_at_most() {
    let clock = Clock::manual(Timestamp::now());
    let inbox = Inbox::at("http://127.0.0.1:1", "", clock.clone());
    let peer = Peer::start("127.0.0.2").await;
    let like = |n| act(&peer, "ada", "Like", n, inbox.object());
    assert_eq!(inbox.post(&peer, "ada", &like(1)).await, 202);
    assert_eq!(peer.fetched("/users/ada"), 1);
    peer.rotate(fresh_key());
    assert_eq!(
        inbox.post(&peer, "ada", &like(2)).await,
        202,
        "the key is fetched again"
    );
    assert_eq!(peer.fetched("/users/ada"), 2);
    // The peer goes on signing with a key that it doesn't show.
    let document = peer.actor_document("ada");
    peer.serve("/users/ada", 200, document);
    peer.rotate(fresh_key());
    clock.set(clock.now() + jiff::SignedDuration::from_secs(61));
    for _ in 0..5 {
        assert_eq!(inbox.post(&peer, "ada", &like(3)).await, 401);
    }
    assert_eq!(peer.fetched("/users/ada"), 3);
}

#[tokio::test]
async fn a_host_that_signs_by_rfc_9421_is_remembered() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    assert_eq!(inbox.post_by(&peer, "ada", &like, Scheme::Rfc9421).await, 202);
    let host = peer.origin.trim_start_matches("http://");
    let knocks = tidings::remote::scheme::knocks(&inbox.instance, host);
    assert_eq!(knocks.first, Scheme::Rfc9421);
}

#[tokio::test]
async fn a_signed_get_says_who_asks() {
    let inbox = Inbox::new("[federation]\nblocked = ['127.0.0.9']");
    let (peer, blocked) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.9").await);
    let url = format!("{}?page=1", inbox.instance.iris.outbox("blog"));
    let who = async |headers: HeaderMap| inbox::verify::fetcher(&inbox.instance, "GET", &url, &headers).await;
    assert_eq!(who(HeaderMap::new()).await.unwrap(), None);
    for scheme in [Scheme::Cavage, Scheme::Rfc9421] {
        let headers = peer.sign("GET", "ada", &url, None, scheme);
        assert_eq!(who(headers).await.unwrap(), Some(peer.actor("ada")));
    }
    let headers = peer.sign("GET", "ada", &inbox.object(), None, Scheme::Cavage);
    assert_eq!(who(headers).await.unwrap_err().status(), 401);
    let headers = blocked.sign("GET", "eve", &url, None, Scheme::Cavage);
    assert_eq!(who(headers).await.unwrap_err().status(), 403);
}

// ------------------------------------------------------------------------------------------------- followers

#[tokio::test]
async fn a_follower_waits_for_the_owners_word_when_the_owner_wants_to_be_asked() {
    let inbox = Inbox::new("actor = [{ name = 'blog', followers = 'ask' }]");
    let peer = Peer::start("127.0.0.2").await;
    let follow = follow(&peer, "ada", &inbox);
    assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
    assert!(inbox.jobs().is_empty());
    inbox::follow::approve(&inbox.instance, &peer.handle("ada")).unwrap();
    assert_eq!(inbox.jobs()[0].0, "Accept");
    assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
    assert_eq!(inbox.jobs().len(), 2, "who was accepted once is accepted again");
    inbox::follow::remove(&inbox.instance, &peer.actor("ada")).unwrap();
    assert_eq!(inbox.jobs()[2].0, "Reject");
    assert!(inbox.followers().is_empty());
    assert!(inbox::follow::reject(&inbox.instance, &peer.actor("ada")).is_err());
}

#[tokio::test]
async fn a_follow_is_rejected_when_the_owner_wants_no_followers() {
    let inbox = Inbox::new("actor = [{ name = 'blog', followers = 'reject' }]");
    let peer = Peer::start("127.0.0.2").await;
    assert_eq!(inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await, 202);
    assert_eq!(inbox.jobs()[0].0, "Reject");
    assert!(inbox.followers().is_empty());
}

#[tokio::test]
async fn a_follower_goes_by_undo_in_every_shape_and_by_block() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let follow = follow(&peer, "ada", &inbox);
    let bare = follow["id"].clone();
    let renamed = with(follow.clone(), "id", peer.id("/follows/other"));
    let prefixed = with(follow.clone(), "type", json!(["as:Follow"]));
    for (n, undone) in [
        follow.clone(),
        bare,
        renamed,
        prefixed,
        without(follow.clone(), "actor"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
        assert_eq!(inbox.followers().len(), 1);
        let undo = act(&peer, "ada", "Undo", n as u32, undone);
        assert_eq!(
            inbox
                .post(&peer, "bob", &with(undo.clone(), "actor", peer.actor("bob")))
                .await
                / 100,
            [4, 2][usize::from(!undo["object"]["actor"].is_string())]
        );
        assert_eq!(inbox.followers().len(), 1, "nobody undoes what another did");
        assert_eq!(inbox.post(&peer, "ada", &undo).await, 202);
        assert!(inbox.followers().is_empty(), "{undo}");
    }
    inbox.post(&peer, "ada", &follow).await;
    let block = act(&peer, "ada", "Block", 1, inbox.instance.iris.actor("blog"));
    assert_eq!(inbox.post(&peer, "ada", &block).await, 202);
    assert!(inbox.followers().is_empty());
}

#[tokio::test]
async fn an_undo_that_overtakes_its_follow_wins_once() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let follow = follow(&peer, "ada", &inbox);
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Undo", 1, follow.clone()))
            .await,
        202
    );
    assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
    assert!(inbox.followers().is_empty());
    assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
    assert_eq!(inbox.followers().len(), 1);
}

#[tokio::test]
async fn an_actor_that_goes_takes_everything_along_and_nobody_else_can_send_it_away() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await;
    inbox
        .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
        .await;
    inbox
        .post(&peer, "bob", &act(&peer, "bob", "Like", 2, inbox.object()))
        .await;
    let delete = act(&peer, "ada", "Delete", 1, peer.actor("ada"));
    assert_eq!(inbox.post(&peer, "bob", &delete).await, 403);
    assert_eq!(inbox.interactions().len(), 2);
    assert_eq!(inbox.post(&peer, "ada", &delete).await, 202);
    assert!(inbox.followers().is_empty());
    assert_eq!(inbox.interactions(), ["like by bob of the peer"]);
}

#[tokio::test]
async fn a_gone_actor_is_believed_when_its_key_answers_410_and_a_stranger_is_not_even_asked() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let delete = act(&peer, "stranger", "Delete", 1, peer.actor("stranger"));
    assert_eq!(inbox.post(&peer, "stranger", &delete).await, 202);
    assert_eq!(peer.fetched("/users/stranger"), 0);

    inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await;
    inbox
        .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
        .await;
    let delete = act(&peer, "ada", "Delete", 2, peer.actor("ada"));
    peer.serve("/users/ada", 404, json!({}));
    peer.rotate(fresh_key());
    assert_eq!(
        inbox.post(&peer, "ada", &delete).await,
        401,
        "not found is not gone"
    );
    // A minute later the key may be fetched again; the cache is emptied instead.
    tidings::remote::forget(&inbox.instance, &peer.actor("nobody")).unwrap();
    let again = Inbox::new("");
    assert_eq!(
        again.post(&peer, "ada", &delete).await,
        202,
        "nobody knows ada there"
    );
    peer.serve("/users/ada", 410, json!({}));
    let body = serde_json::to_vec(&delete).unwrap();
    let headers = peer.sign("POST", "ada", &inbox.url(), Some(&body), Scheme::Cavage);
    inbox
        .instance
        .store
        .remote_actors
        .delete(&peer.actor("ada"))
        .unwrap();
    let restarted = inbox.restart();
    assert_eq!(restarted.arrive(headers, &body).await.status, 202);
    assert!(restarted.followers().is_empty());
    assert!(restarted.interactions().is_empty());
}

#[tokio::test]
async fn a_follower_that_moves_stays_and_its_new_account_is_not_made_one() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await;
    let moving = with(
        act(&peer, "ada", "Move", 1, peer.actor("ada")),
        "target",
        "https://new.example/ada",
    );
    assert_eq!(inbox.post(&peer, "ada", &moving).await, 202);
    assert_eq!(inbox.followers(), [peer.actor("ada")]);
    let follower = inbox
        .instance
        .store
        .followers("blog")
        .unwrap()
        .get(&peer.actor("ada"))
        .unwrap()
        .unwrap();
    assert_eq!(follower.moved_to.as_deref(), Some("https://new.example/ada"));
}

#[tokio::test]
async fn an_actors_update_reaches_its_follow_and_what_it_said() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await;
    inbox
        .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
        .await;
    let mut document = peer.actor_document("ada");
    document["name"] = json!("Ada the Second");
    document["inbox"] = json!(peer.id("/new/inbox"));
    let update = act(&peer, "ada", "Update", 1, document.clone());
    assert_eq!(
        inbox
            .post(&peer, "bob", &with(update.clone(), "actor", peer.actor("bob")))
            .await,
        403
    );
    assert_eq!(inbox.post(&peer, "ada", &update).await, 202);
    assert_eq!(inbox.only().actor.name, "Ada the Second");
    let followers = inbox.instance.store.followers("blog").unwrap();
    assert_eq!(
        followers.get(&peer.actor("ada")).unwrap().unwrap().inbox,
        peer.id("/new/inbox")
    );
    // An Update that is incomplete, or only an id, makes us look.
    document["name"] = json!("Ada the Third");
    peer.serve("/users/ada", 200, document);
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Update", 2, peer.actor("ada")))
            .await,
        202
    );
    assert_eq!(inbox.only().actor.name, "Ada the Third");
}

// ------------------------------------------------------------------------------------------------- reactions

#[tokio::test]
async fn likes_and_boosts_are_counted_once_and_undone_in_every_shape() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    for kind in ["Like", "Announce", "EmojiReact"] {
        let deed = act(&peer, "ada", kind, 1, inbox.object());
        let shapes = [
            deed.clone(),
            deed["id"].clone(),
            json!([deed.clone()]),
            with(
                deed.clone(),
                "object",
                json!({ "id": inbox.object(), "type": "Article" }),
            ),
            with(deed.clone(), "type", format!("as:{kind}")),
        ];
        for (n, undone) in shapes.into_iter().enumerate() {
            let number = n as u32 + 10;
            let mut deed = deed.clone();
            deed["id"] = json!(peer.id(&format!("/{kind}/{number}")));
            let mut undone = undone;
            match &mut undone {
                Value::String(id) => *id = deed["id"].as_str().unwrap().to_string(),
                Value::Array(list) => list[0]["id"] = deed["id"].clone(),
                other => other["id"] = deed["id"].clone(),
            }
            assert_eq!(inbox.post(&peer, "ada", &deed).await, 202);
            assert_eq!(inbox.post(&peer, "ada", &deed).await, 202);
            let twice = with(deed.clone(), "id", peer.id(&format!("/{kind}/again-{number}")));
            if !undone.is_string() {
                assert_eq!(inbox.post(&peer, "ada", &twice).await, 202);
            }
            assert_eq!(inbox.interactions().len(), 1, "{kind}");
            let undo = act(&peer, "ada", "Undo", number, undone.clone());
            assert_eq!(inbox.post(&peer, "ada", &undo).await, 202);
            assert!(inbox.interactions().is_empty(), "{undo}");
            assert_eq!(
                inbox.post(&peer, "ada", &undo).await,
                202,
                "and once more does no harm"
            );
        }
    }
}

#[tokio::test]
async fn a_like_that_was_undone_before_it_came_does_not_count() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    for (n, bare) in [(1, false), (2, true)] {
        let like = act(&peer, "ada", "Like", n, inbox.object());
        let undone = if bare { like["id"].clone() } else { like.clone() };
        assert_eq!(
            inbox
                .post(&peer, "ada", &act(&peer, "ada", "Undo", n, undone))
                .await,
            202
        );
        assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
        assert!(inbox.interactions().is_empty());
    }
}

#[tokio::test]
async fn a_like_replayed_after_its_undo_does_not_count_but_a_new_one_with_the_same_id_does() {
    let clock = Clock::manual(Timestamp::now());
    let inbox = Inbox::at("http://127.0.0.1:1", "", clock);
    let peer = Peer::start("127.0.0.2").await;
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    let body = serde_json::to_vec(&like).unwrap();
    let headers = peer.sign("POST", "ada", &inbox.url(), Some(&body), Scheme::Cavage);
    assert_eq!(inbox.arrive(headers.clone(), &body).await.status, 202);
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Undo", 1, like.clone()))
            .await,
        202
    );
    assert_eq!(inbox.arrive(headers, &body).await.status, 202);
    assert!(inbox.interactions().is_empty(), "the very same request again");
    // snac2 has one id for each pair of actor and object.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
    assert_eq!(inbox.interactions().len(), 1);
}

#[tokio::test]
async fn who_sees_a_like_follows_from_its_addresses() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let blog = inbox.instance.iris.actor("blog");
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    let followers = format!("{}/followers", peer.actor("ada"));
    for (n, (to, public)) in [
        (json!(null), true),
        (json!([]), true),
        (json!(blog), true),
        (json!("as:Public"), true),
        (json!([followers, PUBLIC]), true),
        (json!(followers), false),
    ]
    .into_iter()
    .enumerate()
    {
        let like = with(
            with(like.clone(), "to", to.clone()),
            "id",
            peer.id(&format!("/likes/{n}")),
        );
        assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
        assert_eq!(inbox.only().public, public, "{to}");
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Undo", n as u32, like))
            .await;
    }
}

#[tokio::test]
async fn a_like_of_a_pages_url_counts_and_of_something_else_leaves_no_trace() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let origin = inbox.instance.iris.origin().to_string();
    for (n, (object, counts)) in [
        (format!("{origin}/posts/hello/"), true),
        (format!("{origin}/posts/hello"), true),
        (format!("{origin}/posts/hello/index.html"), true),
        (format!("{origin}/ap/activities/create~posts~hello"), true),
        (format!("{origin}/posts/unknown/"), false),
        (format!("{origin}/ap/objects/unknown"), false),
        ("https://elsewhere.example/1".to_string(), false),
    ]
    .into_iter()
    .enumerate()
    {
        let like = act(&peer, "ada", "Like", n as u32, object.clone());
        assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
        assert_eq!(inbox.interactions().len(), usize::from(counts), "{object}");
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Undo", n as u32, like))
            .await;
    }
}

#[tokio::test]
async fn an_emoji_is_kept() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let react = with(
        act(&peer, "ada", "EmojiReact", 1, inbox.object()),
        "content",
        "🎉",
    );
    assert_eq!(inbox.post(&peer, "ada", &react).await, 202);
    assert_eq!(inbox.only().kind, InteractionKind::Like);
    assert_eq!(inbox.only().emoji.as_deref(), Some("🎉"));
}

// ------------------------------------------------------------------------------------------------- words

#[tokio::test]
async fn replies_quotes_and_mentions_are_told_apart_in_this_order() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let blog = inbox.instance.iris.actor("blog");
    let mention = json!([{ "type": "Mention", "href": blog }]);
    let (object, page) = (
        inbox.object(),
        format!("{}/posts/hello/", inbox.instance.iris.origin()),
    );
    for (n, (over, kind)) in [
        (
            json!({ "quoteUrl": object, "inReplyTo": object, "tag": mention }),
            Some(InteractionKind::Quote),
        ),
        (json!({ "quote": { "id": object } }), Some(InteractionKind::Quote)),
        (json!({ "_misskey_quote": page }), Some(InteractionKind::Quote)),
        (json!({ "quoteUri": object }), Some(InteractionKind::Quote)),
        (
            json!({ "inReplyTo": object, "tag": mention }),
            Some(InteractionKind::Reply),
        ),
        (json!({ "inReplyTo": [page] }), Some(InteractionKind::Reply)),
        (json!({ "tag": mention }), Some(InteractionKind::Mention)),
        (json!({ "cc": [blog] }), Some(InteractionKind::Mention)),
        (json!({ "inReplyTo": "https://elsewhere.example/1" }), None),
        (json!({}), None),
    ]
    .into_iter()
    .enumerate()
    {
        let create = create(&peer, "ada", n as u32, over.clone());
        for _ in 0..2 {
            assert_eq!(inbox.post(&peer, "ada", &create).await, 202);
        }
        match kind {
            Some(kind) => {
                let stored = inbox.only();
                assert_eq!(stored.kind, kind, "{over}");
                inbox::moderation::delete(&inbox.instance, &stored.id).unwrap();
                inbox.post(&peer, "ada", &create).await;
            }
            None => assert!(inbox.interactions().is_empty(), "{over}"),
        }
        assert!(
            inbox.interactions().is_empty(),
            "what the owner removed does not come back"
        );
    }
}

#[tokio::test]
async fn a_reply_to_a_reply_belongs_to_the_thread() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox
        .post(&peer, "ada", &peer.reply("ada", 1, &inbox.object(), "<p>One</p>"))
        .await;
    inbox
        .post(
            &peer,
            "bob",
            &peer.reply("bob", 2, &peer.id("/notes/1"), "<p>Two</p>"),
        )
        .await;
    inbox
        .post(
            &peer,
            "ada",
            &peer.reply("ada", 3, &peer.id("/notes/2"), "<p>Three</p>"),
        )
        .await;
    let found = inbox::moderation::find(&inbox.instance, &peer.id("/notes/3")).unwrap();
    assert_eq!(found.object.as_deref(), Some("posts~hello"));
    assert_eq!(found.in_reply_to, Some(peer.id("/notes/2")));
}

#[tokio::test]
async fn an_object_by_its_id_alone_is_fetched_from_its_host() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let create = peer.reply("ada", 1, &inbox.object(), "<p>Fetched</p>");
    peer.serve("/notes/1", 200, create["object"].clone());
    let bare = with(create.clone(), "object", create["object"]["id"].clone());
    assert_eq!(inbox.post(&peer, "ada", &bare).await, 202);
    assert_eq!(inbox.only().content.as_deref(), Some("<p>Fetched</p>"));
    let missing = with(
        with(bare, "object", peer.id("/notes/missing")),
        "id",
        peer.id("/creates/2"),
    );
    assert_eq!(inbox.post(&peer, "ada", &missing).await, 202);
    assert_eq!(inbox.interactions().len(), 1);
}

#[tokio::test]
async fn a_forwarded_activity_is_taken_only_from_what_its_origin_serves() {
    let inbox = Inbox::new("");
    let (peer, carrier) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.3").await);
    let create = peer.reply("ada", 1, &inbox.object(), "<p>Forged</p>");
    assert_eq!(
        inbox.post(&carrier, "carl", &create).await,
        403,
        "its origin doesn't serve it"
    );
    let real = with(create["object"].clone(), "content", "<p>Real</p>");
    peer.serve(
        "/notes/1",
        200,
        with(real.clone(), "attributedTo", peer.actor("bob")),
    );
    assert_eq!(
        inbox.post(&carrier, "carl", &create).await,
        403,
        "its origin says somebody else wrote it"
    );
    peer.serve("/notes/1", 200, real);
    assert_eq!(inbox.post(&carrier, "carl", &create).await, 202);
    assert_eq!(inbox.only().content.as_deref(), Some("<p>Real</p>"));
    let delete = act(&peer, "ada", "Delete", 1, peer.id("/notes/1"));
    assert_eq!(
        inbox.post(&carrier, "carl", &delete).await,
        403,
        "it is still there"
    );
    assert_eq!(inbox.interactions().len(), 1);
    peer.serve("/notes/1", 410, json!({}));
    assert_eq!(inbox.post(&carrier, "carl", &delete).await, 202);
    assert!(inbox.interactions().is_empty());
}

#[tokio::test]
async fn an_edit_counts_when_it_is_newer_and_by_the_author() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox
        .post(
            &peer,
            "ada",
            &peer.reply("ada", 1, &inbox.object(), "<p>First</p>"),
        )
        .await;
    let edit = |content: &str, updated: &str| {
        let mut note = peer.reply("ada", 1, &inbox.object(), content)["object"].clone();
        note["updated"] = json!(updated);
        note
    };
    let update = |n, note: Value| act(&peer, "ada", "Update", n, note);
    assert_eq!(
        inbox
            .post(
                &peer,
                "ada",
                &update(1, edit("<p>Second</p>", "2026-11-20T13:00:00Z"))
            )
            .await,
        202
    );
    assert_eq!(inbox.only().content.as_deref(), Some("<p>Second</p>"));
    assert_eq!(
        inbox
            .post(
                &peer,
                "ada",
                &update(2, edit("<p>Old</p>", "2026-11-20T12:30:00Z"))
            )
            .await,
        202
    );
    assert_eq!(inbox.only().content.as_deref(), Some("<p>Second</p>"));
    let by_bob = with(
        update(3, edit("<p>Bob</p>", "2026-11-20T14:00:00Z")),
        "actor",
        peer.actor("bob"),
    );
    assert_eq!(inbox.post(&peer, "bob", &by_bob).await, 403);
    let mut claimed = by_bob;
    claimed["object"]["attributedTo"] = json!(peer.actor("bob"));
    assert_eq!(inbox.post(&peer, "bob", &claimed).await, 403);
    assert_eq!(inbox.only().content.as_deref(), Some("<p>Second</p>"));
    // An Update of what never came is its Create.
    let mut late = edit("<p>Late</p>", "2026-11-20T13:00:00Z");
    late["id"] = json!(peer.id("/notes/2"));
    assert_eq!(inbox.post(&peer, "ada", &update(4, late)).await, 202);
    assert_eq!(inbox.interactions().len(), 2);
}

#[tokio::test]
async fn a_deleted_reply_is_gone_in_every_order_and_only_by_its_author() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let other = Peer::start("127.0.0.3").await;
    let create = peer.reply("ada", 1, &inbox.object(), "<p>Words</p>");
    inbox.post(&peer, "ada", &create).await;
    let note = peer.id("/notes/1");
    assert_eq!(
        inbox
            .post(&peer, "bob", &act(&peer, "bob", "Delete", 1, note.clone()))
            .await,
        403
    );
    assert_eq!(
        inbox
            .post(&other, "eve", &act(&other, "eve", "Delete", 1, note.clone()))
            .await,
        403
    );
    assert_eq!(inbox.interactions().len(), 1);
    let tombstone = json!({ "id": note, "type": "Tombstone" });
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Delete", 2, tombstone))
            .await,
        202
    );
    assert!(inbox.interactions().is_empty());
    assert_eq!(inbox.post(&peer, "ada", &create).await, 202);
    assert!(inbox.interactions().is_empty(), "the Create came late");
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Delete", 3, peer.id("/notes/9")))
            .await,
        202
    );
    assert_eq!(
        inbox
            .post(&peer, "ada", &peer.reply("ada", 9, &inbox.object(), "x"))
            .await,
        202
    );
    assert!(inbox.interactions().is_empty(), "the Delete came first");
}

#[tokio::test]
async fn a_private_message_is_kept_but_marked() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let blog = inbox.instance.iris.actor("blog");
    let direct = create(
        &peer,
        "ada",
        1,
        json!({ "inReplyTo": inbox.object(), "to": [blog], "cc": [] }),
    );
    assert_eq!(inbox.post(&peer, "ada", &direct).await, 202);
    assert!(!inbox.only().public);
}

// ------------------------------------------------------------------------------------------------- moderation

#[tokio::test]
async fn the_first_reply_of_an_author_is_held_until_the_owner_approves_it() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    inbox
        .post(&peer, "ada", &peer.reply("ada", 1, &inbox.object(), "<p>One</p>"))
        .await;
    inbox
        .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
        .await;
    let state = |id: &str| {
        inbox::moderation::find(&inbox.instance, &peer.id(id))
            .unwrap()
            .state
    };
    assert_eq!(state("/notes/1"), InteractionState::Held);
    assert_eq!(state("/Like/1"), InteractionState::Shown);
    inbox::moderation::approve(&inbox.instance, &peer.id("/notes/1")).unwrap();
    assert_eq!(state("/notes/1"), InteractionState::Shown);
    inbox
        .post(&peer, "ada", &peer.reply("ada", 2, &inbox.object(), "<p>Two</p>"))
        .await;
    assert_eq!(state("/notes/2"), InteractionState::Shown);
    inbox
        .post(
            &peer,
            "bob",
            &peer.reply("bob", 3, &inbox.object(), "<p>Three</p>"),
        )
        .await;
    assert_eq!(state("/notes/3"), InteractionState::Held);
    inbox::moderation::hide(&inbox.instance, &peer.id("/notes/2")).unwrap();
    assert_eq!(state("/notes/2"), InteractionState::Hidden);
    assert!(inbox::moderation::approve(&inbox.instance, "nothing").is_err());
}

#[tokio::test]
async fn a_block_takes_effect_on_what_is_there_and_on_what_comes() {
    let inbox = Inbox::new("[interactions]\nmoderation = 'show'");
    let (peer, other) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.3").await);
    inbox.post(&peer, "ada", &follow(&peer, "ada", &inbox)).await;
    inbox
        .post(
            &peer,
            "ada",
            &peer.reply("ada", 1, &inbox.object(), "<p>Words</p>"),
        )
        .await;
    inbox
        .post(
            &other,
            "bob",
            &other.reply("bob", 2, &inbox.object(), "<p>Buy <b>casino</b> chips</p>"),
        )
        .await;
    let state = |id: String| inbox::moderation::find(&inbox.instance, &id).unwrap().state;

    inbox::moderation::add_block(&inbox.instance, "127.0.0.2", None).unwrap();
    assert!(inbox.followers().is_empty());
    assert_eq!(state(peer.id("/notes/1")), InteractionState::Hidden);
    assert_eq!(state(other.id("/notes/2")), InteractionState::Shown);
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
            .await,
        403
    );
    inbox::moderation::remove_block(&inbox.instance, "127.0.0.2").unwrap();
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
            .await,
        202
    );

    inbox::moderation::add_block(&inbox.instance, "Casino", Some("spam")).unwrap();
    assert_eq!(state(other.id("/notes/2")), InteractionState::Hidden);
    inbox
        .post(
            &peer,
            "ada",
            &peer.reply("ada", 3, &inbox.object(), "<p>CASINO!</p>"),
        )
        .await;
    assert_eq!(state(peer.id("/notes/3")), InteractionState::Hidden);

    inbox::moderation::add_block(&inbox.instance, &peer.actor("ada"), None).unwrap();
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Like", 2, inbox.object()))
            .await,
        403
    );
    inbox::moderation::add_block(&inbox.instance, &other.handle("bob"), None).unwrap();
    assert_eq!(
        inbox
            .post(&other, "bob", &act(&other, "bob", "Like", 3, inbox.object()))
            .await,
        403
    );
    assert_eq!(
        inbox
            .post(&other, "carl", &act(&other, "carl", "Like", 4, inbox.object()))
            .await,
        202
    );
}

#[tokio::test]
async fn when_some_are_allowed_all_others_are_refused() {
    let inbox = Inbox::new("[federation]\nallowed = ['127.0.0.2']");
    let (peer, other) = (Peer::start("127.0.0.2").await, Peer::start("127.0.0.3").await);
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Like", 1, inbox.object()))
            .await,
        202
    );
    assert_eq!(
        inbox
            .post(&other, "eve", &act(&other, "eve", "Like", 1, inbox.object()))
            .await,
        403
    );
}

// ------------------------------------------------------------------------------------------------- the rest

#[tokio::test]
async fn a_quote_request_is_answered_by_the_policy_and_the_same_one_gets_the_same_stamp() {
    let peer = Peer::start("127.0.0.2").await;
    let request = |inbox: &Inbox, n| {
        let mut request = with(
            act(&peer, "ada", "QuoteRequest", n, inbox.object()),
            "to",
            inbox.instance.iris.actor("blog"),
        );
        request["instrument"] = create(&peer, "ada", 1, json!({ "quote": inbox.object() }))["object"].clone();
        request
    };
    let anyone = Inbox::new("");
    for n in [1, 2] {
        assert_eq!(anyone.post(&peer, "ada", &request(&anyone, n)).await, 202);
    }
    let (jobs, note) = (anyone.jobs(), peer.id("/notes/1"));
    assert_eq!(
        (jobs[0].0.as_str(), &jobs[0].1),
        ("Accept", &format!("{}/inbox", peer.actor("ada")))
    );
    assert_eq!(jobs[0].2["result"], jobs[1].2["result"]);
    assert_eq!(jobs[0].2["object"]["id"], peer.id("/QuoteRequest/1"));
    assert_eq!(jobs[0].2["object"]["instrument"], note);
    let stamp = anyone.instance.store.quotes.ids()[0].to_string();
    assert_eq!(jobs[0].2["result"], anyone.instance.iris.quote(&stamp));
    assert_eq!(
        anyone.only().kind,
        InteractionKind::Quote,
        "what was asked for is shown with the rest"
    );
    anyone
        .post(&peer, "ada", &act(&peer, "ada", "Delete", 1, note))
        .await;
    assert!(
        anyone.instance.store.quotes.is_empty(),
        "the stamp goes with the quote"
    );

    let followers = Inbox::new("[publish]\nquotes = 'followers'");
    followers.post(&peer, "ada", &request(&followers, 3)).await;
    assert_eq!(followers.jobs()[0].0, "Reject");
    followers
        .post(&peer, "ada", &follow(&peer, "ada", &followers))
        .await;
    followers.post(&peer, "ada", &request(&followers, 4)).await;
    assert!(followers.jobs()[2].2["result"].is_string());

    let nobody = Inbox::new("[publish]\nquotes = 'nobody'");
    nobody.post(&peer, "ada", &request(&nobody, 5)).await;
    assert_eq!(nobody.jobs()[0].0, "Reject");
    let unknown = with(
        request(&nobody, 6),
        "object",
        nobody.instance.iris.object("unknown"),
    );
    nobody.post(&peer, "ada", &unknown).await;
    assert_eq!(nobody.jobs()[1].0, "Reject");
}

#[tokio::test]
async fn a_flag_is_kept_for_the_owner_and_the_unknown_is_ignored() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let flag = with(
        act(
            &peer,
            "mod",
            "Flag",
            1,
            json!([
                inbox.instance.iris.actor("blog"),
                inbox.object(),
                peer.actor("ada")
            ]),
        ),
        "content",
        "<p>Rude</p>",
    );
    assert_eq!(inbox.post(&peer, "mod", &flag).await, 202);
    let report = inbox
        .instance
        .store
        .reports
        .get(&peer.id("/Flag/1"))
        .unwrap()
        .unwrap();
    assert_eq!(
        (report.objects.len(), report.content.as_deref()),
        (2, Some("Rude"))
    );
    let travel = without(act(&peer, "ada", "Travel", 1, ""), "object");
    assert_eq!(inbox.post(&peer, "ada", &travel).await, 202);
    assert!(inbox.interactions().is_empty());
}

#[tokio::test]
async fn an_answer_to_what_we_sent_is_noted_and_to_anything_else_is_not() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let ours = json!({ "id": "f1", "actor": "blog", "at": "2026-11-01T09:00:00Z",
        "activity": { "type": "Follow", "object": peer.actor("ada") } });
    inbox
        .instance
        .store
        .activities
        .put(&serde_json::from_value(ours).unwrap())
        .unwrap();
    let id = inbox.instance.iris.activity("f1");
    let answer = || inbox.instance.store.activities.get("f1").unwrap().unwrap().answer;
    assert_eq!(
        inbox
            .post(&peer, "bob", &act(&peer, "bob", "Accept", 1, id.clone()))
            .await,
        202
    );
    assert!(answer().is_none(), "nobody asked bob");
    assert_eq!(
        inbox
            .post(
                &peer,
                "ada",
                &act(&peer, "ada", "Accept", 2, json!({ "id": id, "type": "Follow" }))
            )
            .await,
        202
    );
    assert_eq!(answer().unwrap().actor, peer.actor("ada"));
    let unknown = inbox.instance.iris.activity("unknown");
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Reject", 3, unknown))
            .await,
        202
    );
}
