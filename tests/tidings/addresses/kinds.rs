//! Every kind of fetch and of delivery stands behind the same guard: each is tried with names that lead inside and with
//! spellings of an inside address. That each does go there when private addresses are allowed shows that it was tried.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Value, json};
use tidings::clock::Clock;
use tidings::config::{Config, Hook, HookEvent, HookTarget};
use tidings::instance::{Instance, Outgoing};
use tidings::net::{Client, LookUp, Resolver, Settings};
use tidings::remote::{self, Freshness};
use tidings::sig::{self, Scheme};
use tidings::store::{Author, Interaction, InteractionKind, InteractionState, Object};
use tidings::{deliver, hooks, inbox, widget};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::harness::{open_store, peer_key, wait_for};

/// All names lead inside.
#[derive(Default)]
struct Inside(Mutex<Vec<String>>);

impl LookUp for Inside {
    fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.0.lock().unwrap().push(name.to_string());
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    }
}

/// An instance, and a server inside that counts who comes.
struct Wall {
    instance: Arc<Instance>,
    names: Arc<Inside>,
    guests: Arc<AtomicUsize>,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Wall {
    async fn start(origin: &str) -> Wall {
        let allow_private = origin.starts_with("http:");
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("public")).unwrap();
        let file = folder.path().join("ap.toml");
        let text = format!(
            "actor = [{{ name = 'blog' }}]\nsite = {{ url = '{origin}', output = 'public', data = 'data' }}\n\
             federation = {{ allow_private_addresses = {allow_private} }}\n"
        );
        std::fs::write(&file, text).unwrap();
        let config = Config::read(&file).unwrap();
        let names = Arc::new(Inside::default());
        let client = Client::new(Settings {
            allow_private,
            user_agent: "tidings/test".into(),
            resolver: Resolver::Custom(Arc::clone(&names) as Arc<dyn LookUp>),
        })
        .unwrap();
        let store = open_store(&config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let guests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&guests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                drop(stream);
            }
        });
        Wall {
            instance: Arc::new(Instance::new(config, store, client, Clock::system())),
            names,
            guests,
            port,
            _folder: folder,
        }
    }

    fn asked(&self) -> usize {
        self.names.0.lock().unwrap().len()
    }
}

/// What we can be made to do with an address.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Actor,
    Key,
    Object,
    Collection,
    WebFinger,
    Signer,
    Delivery,
    Webhook,
    Picture,
}

const KINDS: [Kind; 9] = [
    Kind::Actor,
    Kind::Key,
    Kind::Object,
    Kind::Collection,
    Kind::WebFinger,
    Kind::Signer,
    Kind::Delivery,
    Kind::Webhook,
    Kind::Picture,
];

/// Tries to make us contact a host.
async fn lure(wall: &Wall, kind: Kind, host: &str, number: usize) {
    let instance = &wall.instance;
    let url = format!("https://{host}/{number}");
    match kind {
        Kind::Actor => drop(remote::actor(instance, &url, Freshness::Fresh).await.unwrap_err()),
        Kind::Key => {
            let key = format!("{url}#main-key");
            drop(remote::key(instance, &key, Freshness::Fresh).await.unwrap_err());
        }
        Kind::Object => drop(remote::object(instance, &url).await.unwrap_err()),
        Kind::Collection => drop(remote::page(instance, &url).await.unwrap_err()),
        Kind::WebFinger => {
            let handle = format!("@ada{number}@{host}");
            drop(remote::webfinger::resolve(instance, &handle).await.unwrap_err());
        }
        Kind::Signer => {
            let like = json!({ "type": "Like", "id": format!("{url}/like"), "actor": url, "object": instance.iris.actor("blog") });
            let body = serde_json::to_vec(&like).unwrap();
            let target_uri = instance.iris.shared_inbox();
            let request = sig::Outgoing {
                method: "POST",
                url: &target_uri.parse().unwrap(),
                body: Some(&body),
                content_type: None,
            };
            let key_id = format!("{url}#main-key");
            let headers = sig::sign(Scheme::Cavage, &request, peer_key(), &key_id, Timestamp::now()).unwrap();
            let arrival = inbox::Arrival {
                inbox: None,
                target_uri,
                headers,
                body: body.into(),
                peer: None,
            };
            assert_eq!(inbox::receive(instance, arrival).await.status, 401);
        }
        Kind::Delivery => {
            let id = format!("d{number}");
            instance
                .send(Outgoing {
                    actor: "blog".into(),
                    id: id.clone(),
                    object: None,
                    activity: json!({ "id": instance.iris.activity(&id), "type": "Create" }),
                    inboxes: vec![format!("{url}/inbox")],
                })
                .unwrap();
            deliver::drain(instance).await.unwrap();
            deliver::drop(instance, host).unwrap();
        }
        Kind::Webhook => {
            let hook = Hook {
                on: vec![HookEvent::Like],
                target: HookTarget::Webhook {
                    url: url.parse().unwrap(),
                    secret: "x".into(),
                },
                timeout: std::time::Duration::from_secs(60),
                gather: None,
            };
            let (place, config) = (&instance.place, instance.config());
            let told = hooks::try_out(&hook, &instance.client, place, &config, Timestamp::now()).await;
            assert!(told.is_err());
        }
        Kind::Picture => show(instance, &url, number),
    }
}

/// Somebody whose picture lies there likes our page.
fn show(instance: &Instance, picture: &str, number: usize) {
    let actor = format!("https://social.example/users/{number}");
    let like = Interaction {
        id: Interaction::id_of(InteractionKind::Like, &actor, Some("posts~hello"), None),
        kind: InteractionKind::Like,
        object: Some("posts~hello".into()),
        activity: format!("{actor}/like"),
        remote_object: None,
        in_reply_to: None,
        actor: Author {
            id: actor.clone(),
            name: "Ada".into(),
            handle: "@ada@social.example".into(),
            url: actor,
            avatar: Some(picture.to_string()),
            ..Author::default()
        },
        published: Timestamp::now(),
        updated: None,
        received: Timestamp::now(),
        state: InteractionState::Shown,
        hidden_for: None,
        public: true,
        url: None,
        summary: None,
        sensitive: false,
        language: None,
        content: None,
        emoji: None,
        attachments: Vec::new(),
        raw: Value::Null,
    };
    instance.store.interactions.put(&like).unwrap();
    let _ = instance.changed.send("posts~hello".into());
}

fn publish(instance: &Instance) {
    let object: Object = serde_json::from_value(json!({
        "key": "posts~hello", "actor": "blog", "page": "/posts/hello/", "state": "live", "visibility": "public",
        "published": "2026-11-01T09:00:00Z", "object": { "id": instance.iris.object("posts~hello"), "type": "Article" },
    }))
    .unwrap();
    instance.store.objects.put(&object).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_reason_nothing_inside_is_contacted() {
    for (origin, comes) in [("http://127.0.0.1:9", true), ("https://blog.example", false)] {
        let wall = Wall::start(origin).await;
        publish(&wall.instance);
        let (_stop, shutdown) = watch::channel(false);
        tokio::spawn(widget::media::run(Arc::clone(&wall.instance), shutdown));
        let mut number = 0;
        for kind in KINDS {
            let before = (wall.guests.load(Ordering::SeqCst), wall.asked());
            number += 1;
            lure(
                &wall,
                kind,
                &format!("inner{number}.example:{}", wall.port),
                number,
            )
            .await;
            wait_for("the name to be looked up", || async {
                (wall.asked() > before.1).then_some(())
            })
            .await;
            if comes {
                wait_for("the guest", || async {
                    (wall.guests.load(Ordering::SeqCst) > before.0).then_some(())
                })
                .await;
                continue;
            }
            // No name is looked up for what is seen to be an address, or a name that isn't the Internet's.
            let asked = wall.asked();
            for host in [
                "127.0.0.1",
                "127.1",
                "2130706433",
                "0x7f000001",
                "0177.0.0.1",
                "127.0.0.1.",
                "[::1]",
                "[::ffff:127.0.0.1]",
                "[64:ff9b::127.0.0.1]",
                "localhost",
                "LocalHost.",
                "a.localhost",
                "printer.local",
                "router.home.arpa",
                "db.internal",
                "abc.onion.",
            ] {
                number += 1;
                if !matches!(kind, Kind::WebFinger) || !host.starts_with('[') {
                    lure(&wall, kind, &format!("{host}:{}", wall.port), number).await;
                }
            }
            assert_eq!(
                wall.asked(),
                asked,
                "{kind:?}: {:?}",
                wall.names.0.lock().unwrap()
            );
        }
        if !comes {
            // Pictures are fetched later; one more, whose name is looked up, is the last of them.
            let asked = wall.asked();
            lure(
                &wall,
                Kind::Picture,
                &format!("last.example:{}", wall.port),
                number + 1,
            )
            .await;
            wait_for("the last", || async { (wall.asked() > asked).then_some(()) }).await;
            assert_eq!(wall.guests.load(Ordering::SeqCst), 0, "{origin}");
            println!("{} ways inside, none of them taken", number + 1);
        }
    }
}
