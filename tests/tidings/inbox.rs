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

use crate::harness::{Peer, fresh_key, peer_key};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// An instance without its HTTP server, with one published page.
pub(crate) struct Inbox {
    pub(crate) instance: Arc<Instance>,
    _folder: tempfile::TempDir,
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
            _folder: folder,
        };
        inbox.publish("posts~hello", "/posts/hello/");
        inbox
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
        assert_eq!(accept["object"][key], follow[key], "the Accept carries the Follow");
    }
    assert_eq!(accept["actor"], inbox.instance.iris.actor("blog"));
    assert_eq!(inbox.post(&peer, "ada", &follow).await, 202);
    assert_eq!(inbox.jobs().len(), 2, "a repeated Follow is accepted again");
    assert_eq!(peer.fetched("/users/ada"), 1, "the actor is fetched once");
}
