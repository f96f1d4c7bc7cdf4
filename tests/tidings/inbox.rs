//! What other servers send, and every status of the answer.
//!
//! The river is entered at `inbox::receive`, behind the HTTP server; the peers are real servers on loopback.

mod answers; // refusals
mod asking; // how actors are fetched
mod followers; // Follow and its end
mod hooks; // commands and webhooks
mod hostile; // what a real server can sign that means no good
mod identity; // who may say what: the table in FEDERATION.md
mod lab; // requests that real servers sent
mod limits; // what is read and kept at most
mod moderation; // the owner's word
mod reactions; // likes and boosts
mod rest; // quotes, complaints, answers
mod words; // replies, quotes, mentions

use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::HeaderMap;
use serde_json::{Value, json};
use tidings::clock::Clock;
use tidings::config::Config;
use tidings::inbox::{self, Answer, Arrival};
use tidings::instance::Instance;
use tidings::net::{self, Client};
use tidings::sig::Scheme;
use tidings::store::{Interaction, Object, ObjectState, Store};

use crate::harness::Peer;

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
        drop(Arc::into_inner(instance).unwrap());
        let store = crate::harness::open_store(&config);
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
        let mut found: Vec<String> =
            inbox::moderation::list(&self.instance, &Default::default(), &mut |_, _| {})
                .unwrap()
                .items
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

/// A Create of a note; the second value is laid over the note.
fn create(peer: &Peer, name: &str, number: u32, over: &Value) -> Value {
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
