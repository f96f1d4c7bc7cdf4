//! The way out: every inbox gets everything once and in order, however others behave.
//!
//! The instance runs inside the test, with a clock that the test moves; the remote servers are sockets.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tidings::clock::Clock;
use tidings::config::Config;
use tidings::deliver::{self, Waiting};
use tidings::instance::{Instance, Outgoing};
use tidings::net::{self, Client, Resolver, Settings};
use tidings::sig::key::PublicKey;
use tidings::sig::{self, Message, Scheme};
use tidings::store::{Audience, FollowState, Follower};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::harness::{LIMIT, open_store, wait_for};

/// An instance of tidings without its daemon.
pub(crate) struct Sender {
    folder: tempfile::TempDir,
    pub(crate) clock: Clock,
    instance: Option<Arc<Instance>>,
}

impl Sender {
    pub(crate) fn start(federation: &str) -> Sender {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("public")).unwrap();
        std::fs::write(
            folder.path().join("ap.toml"),
            format!(
                "[site]\nurl = 'http://127.0.0.1:9'\noutput = 'public'\ndata = 'data'\n\
                 [[actor]]\nname = 'blog'\n[[actor]]\nname = 'other'\n\
                 [federation]\nallow_private_addresses = true\n{federation}\n"
            ),
        )
        .unwrap();
        let mut sender = Sender {
            folder,
            clock: Clock::manual(Timestamp::now()),
            instance: None,
        };
        sender.restart();
        sender
    }

    /// Ends the instance and opens its data directory again.
    pub(crate) fn restart(&mut self) {
        if let Some(instance) = self.instance.take() {
            assert!(Arc::into_inner(instance).is_some(), "nobody else holds it");
        }
        let config = Config::read(&self.folder.path().join("ap.toml")).unwrap();
        let origin = config.site.url.origin().ascii_serialization();
        let store = open_store(&config);
        let client = Client::new(Settings {
            allow_private: true,
            user_agent: net::user_agent(&origin),
            resolver: Resolver::System,
        })
        .unwrap();
        self.instance = Some(Arc::new(Instance::new(config, store, client, self.clock.clone())));
    }

    pub(crate) fn instance(&self) -> &Arc<Instance> {
        self.instance.as_ref().unwrap()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn send(&self, id: &str, inboxes: &[String]) {
        self.send_about(id, id, inboxes);
    }

    pub(crate) fn send_about(&self, id: &str, object: &str, inboxes: &[String]) {
        self.send_as("blog", id, object, inboxes);
    }

    fn send_as(&self, actor: &str, id: &str, object: &str, inboxes: &[String]) {
        let iris = &self.instance().iris;
        let activity = json!({
            "id": iris.activity(id), "type": "Create", "actor": iris.actor(actor),
            "object": { "id": iris.object(object), "type": "Note" },
        });
        self.instance()
            .send(Outgoing {
                actor: actor.into(),
                id: id.into(),
                object: None,
                activity,
                inboxes: inboxes.to_vec(),
            })
            .unwrap();
    }

    pub(crate) async fn drain(&self) {
        tokio::time::timeout(LIMIT, deliver::drain(self.instance()))
            .await
            .unwrap()
            .unwrap();
    }

    pub(crate) fn queue(&self) -> Vec<Waiting> {
        deliver::queue(self.instance()).unwrap()
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        self.clock.set(self.clock.now() + time);
    }

    /// What lies in the queue's folder.
    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.data().join("queue"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn follower(&self, name: &str, server: &Server, shared: bool) {
        let inbox = server.url(&format!("/users/{name}/inbox"));
        let follower = Follower {
            keys: Default::default(),
            actor: server.url(&format!("/users/{name}")),
            handle: format!("@{name}@{}", server.host()),
            inbox,
            shared_inbox: shared.then(|| server.url("/inbox")),
            state: FollowState::Accepted,
            since: self.clock.now(),
            moved_to: None,
            earlier: Vec::new(),
            follow: Value::Null,
        };
        let followers = self.instance().store.followers("blog").unwrap();
        followers.put(&follower).unwrap();
    }
}

/// What a server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reaction {
    Answer(u16, &'static str),
    Hang,
    Reset,
    Garbage,
    /// 401 unless it is signed so.
    Only(Scheme),
}

/// What arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Arrival {
    pub(crate) fn activity(&self) -> String {
        let activity: Value = serde_json::from_slice(&self.body).unwrap();
        let id = activity["id"].as_str().unwrap();
        id.rsplit('/').next().unwrap().to_string()
    }

    fn scheme(&self) -> Scheme {
        if self.headers.contains_key("signature-input") {
            Scheme::Rfc9421
        } else {
            Scheme::Cavage
        }
    }
}

type React = dyn Fn(&Arrival, usize) -> Reaction + Send + Sync;

/// A remote server that reacts as it is told.
#[derive(Clone)]
pub(crate) struct Server {
    origin: String,
    taken: Arc<Mutex<Vec<Arrival>>>,
    arrived: Arc<Mutex<Vec<Arrival>>>,
}

impl Server {
    pub(crate) async fn start(react: impl Fn(&Arrival, usize) -> Reaction + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server {
            origin: format!("http://{}", listener.local_addr().unwrap()),
            taken: Arc::default(),
            arrived: Arc::default(),
        };
        let serving = server.clone();
        let react: Arc<React> = Arc::new(react);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream, Arc::clone(&react)));
            }
        });
        server
    }

    pub(crate) fn host(&self) -> &str {
        self.origin.trim_start_matches("http://")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    pub(crate) fn inbox(&self) -> String {
        self.url("/inbox")
    }

    /// What it answered with 2xx, by activity.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(Arrival::activity).collect()
    }

    /// Everything that arrived.
    pub(crate) fn arrived(&self) -> Vec<Arrival> {
        self.arrived.lock().unwrap().clone()
    }

    async fn serve(self, mut stream: TcpStream, react: Arc<React>) {
        while let Some(arrival) = read(&mut stream).await {
            let number = {
                let mut arrived = self.arrived.lock().unwrap();
                arrived.push(arrival.clone());
                arrived.len()
            };
            let (status, headers) = match react(&arrival, number) {
                Reaction::Answer(status, headers) => (status, headers),
                Reaction::Only(scheme) if scheme == arrival.scheme() => (202, ""),
                Reaction::Only(_) => (401, ""),
                Reaction::Hang => std::future::pending().await,
                Reaction::Reset => {
                    let _ = stream.set_zero_linger();
                    return;
                }
                Reaction::Garbage => {
                    let _ = stream.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").await;
                    return;
                }
            };
            if (200..300).contains(&status) {
                self.taken.lock().unwrap().push(arrival);
            }
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n{headers}\r\n");
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Arrival> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.lines();
    let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_string();
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect();
    let length: usize = headers
        .get("content-length")
        .map_or(0, |value| value.to_str().unwrap().parse().unwrap());
    let mut body = bytes[head..].to_vec();
    while body.len() < length {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => body.extend_from_slice(&chunk[..count]),
        }
    }
    Some(Arrival { path, headers, body })
}

fn accept(_: &Arrival, _: usize) -> Reaction {
    Reaction::Answer(202, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_misbehave_do_not_delay_those_that_do_not() {
    let sender = Sender::start("");
    let mut good = Vec::new();
    for _ in 0..20 {
        good.push(Server::start(accept).await);
    }
    let mut bad = Vec::new();
    for reaction in [
        Reaction::Hang,
        Reaction::Reset,
        Reaction::Garbage,
        Reaction::Answer(500, ""),
        Reaction::Answer(503, ""),
        Reaction::Answer(302, "location: http://127.0.0.1:9/\r\n"),
    ] {
        bad.push(Server::start(move |_, _| reaction.clone()).await);
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}/inbox", nobody.local_addr().unwrap());
    drop(nobody);
    let inboxes: Vec<String> = bad
        .iter()
        .chain(&good)
        .map(Server::inbox)
        .chain([closed.clone()])
        .collect();
    let (stop, shutdown) = watch::channel(false);
    let running = tokio::spawn(deliver::run(Arc::clone(sender.instance()), shutdown));
    let start = Instant::now();
    sender.send("one", &inboxes);
    wait_for("20 good hosts", || async {
        good.iter().all(|server| server.taken() == ["one"]).then_some(())
    })
    .await;
    // Whoever hangs does so for 20 s.
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    wait_for("the failures to be noted", || async {
        let queue = sender.queue();
        let noted = queue.iter().filter(|waiting| waiting.attempts == 1).count();
        // A good host has what it took a moment before that is marked.
        (noted == bad.len() && queue.len() == bad.len() + 1).then_some(())
    })
    .await;
    // The one that hangs is in flight still; whoever waits for the rest waits for it no longer than he likes.
    let queue = sender.queue();
    assert_eq!(queue.len(), bad.len() + 1);
    let error = |server: &Server| {
        let found = queue.iter().find(|waiting| waiting.inbox == server.inbox());
        found.unwrap().error.clone().unwrap_or_default()
    };
    assert!(error(&bad[3]).starts_with("500"));
    assert!(error(&bad[4]).starts_with("503"));
    assert!(error(&bad[5]).starts_with("302"));
    assert!(!error(&bad[1]).is_empty() && !error(&bad[2]).is_empty());
    let gap = queue
        .iter()
        .filter(|waiting| waiting.attempts == 1)
        .map(|waiting| waiting.next.duration_since(sender.clock.now()).as_secs());
    assert!(gap.into_iter().all(|gap| (50..70).contains(&gap)));
    let activity = sender.instance().iris.activity("one");
    let progress = deliver::wait(sender.instance(), &[activity], Duration::from_millis(50))
        .await
        .unwrap();
    assert_eq!((progress.untried, progress.waiting), (1, bad.len()));
    let stopping = Instant::now();
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
    assert!(
        stopping.elapsed() < Duration::from_secs(8),
        "{:?}",
        stopping.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_signed_and_says_who_we_are() {
    let sender = Sender::start("");
    let server = Server::start(accept).await;
    sender.send("one", &[server.inbox()]);
    sender.drain().await;
    let arrival = server.arrived().remove(0);
    let keys = sender.instance().keys.of("blog").unwrap();
    let message = Message {
        method: "POST",
        target_uri: &server.inbox(),
        headers: &arrival.headers,
        body: Some(&arrival.body),
    };
    let claims = sig::read(&message).unwrap();
    let key = PublicKey::from_pem(&keys.rsa.public_pem()).unwrap();
    claims[0].verify(&message, &key, sender.clock.now()).unwrap();
    assert_eq!(
        claims[0].key_id(),
        format!("{}#main-key", sender.instance().iris.actor("blog"))
    );
    assert_eq!(arrival.headers["content-type"], "application/activity+json");
    let agent = arrival.headers["user-agent"].to_str().unwrap();
    assert!(
        agent.starts_with("tidings/") && agent.ends_with("(+http://127.0.0.1:9/)"),
        "{agent}"
    );
    assert!(sender.files().is_empty(), "{:?}", sender.files());
    assert!(sender.queue().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_knock_is_remembered_for_thirty_days() {
    let mut sender = Sender::start("");
    let server = Server::start(|_, _| Reaction::Only(Scheme::Rfc9421)).await;
    let schemes = || -> Vec<Scheme> { server.arrived().iter().map(Arrival::scheme).collect() };
    sender.send("one", &[server.inbox()]);
    sender.drain().await;
    assert_eq!(schemes(), [Scheme::Cavage, Scheme::Rfc9421]);
    sender.restart();
    sender.send("two", &[server.inbox()]);
    sender.drain().await;
    assert_eq!(schemes()[2..], [Scheme::Rfc9421]);
    sender.pass(SignedDuration::from_hours(31 * 24));
    sender.send("three", &[server.inbox()]);
    sender.drain().await;
    assert_eq!(schemes()[3..], [Scheme::Cavage, Scheme::Rfc9421]);
    assert_eq!(server.taken(), ["one", "two", "three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_scheme_only_means_one_knock() {
    let sender = Sender::start("signatures = 'cavage'");
    let server = Server::start(|_, _| Reaction::Only(Scheme::Rfc9421)).await;
    sender.send("one", &[server.inbox()]);
    sender.drain().await;
    assert_eq!(server.arrived().len(), 1);
    assert_eq!(sender.queue().len(), 1, "it may be mended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_it_stopped() {
    let mut sender = Sender::start("");
    let mut servers = Vec::new();
    let up = Arc::new(Mutex::new(false));
    for number in 0..10 {
        let up = Arc::clone(&up);
        servers.push(
            Server::start(move |_, _| {
                let healthy = number % 2 == 0 || *up.lock().unwrap();
                Reaction::Answer(if healthy { 202 } else { 502 }, "")
            })
            .await,
        );
    }
    let inboxes: Vec<String> = servers.iter().map(Server::inbox).collect();
    sender.send("one", &inboxes);
    sender.drain().await;
    sender.send("two", &inboxes);
    sender.drain().await;
    let before = sender.queue();
    assert_eq!(before.len(), 10);
    sender.restart();
    assert_eq!(sender.queue(), before);
    sender.drain().await;
    *up.lock().unwrap() = true;
    sender.pass(SignedDuration::from_mins(2));
    sender.restart();
    sender.drain().await;
    for (number, server) in servers.iter().enumerate() {
        assert_eq!(server.taken(), ["one", "two"], "server {number}");
        let attempts = if number % 2 == 0 { 2 } else { 3 };
        assert_eq!(server.arrived().len(), attempts, "server {number}");
    }
    assert!(sender.files().is_empty(), "{:?}", sender.files());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_its_log_and_a_log_without_its_job_do_no_harm() {
    let mut sender = Sender::start("");
    let server = Server::start(accept).await;
    std::fs::create_dir_all(sender.data().join("queue")).unwrap();
    std::fs::write(sender.data().join("queue/0123.log"), "{\"done\":{}}\n{").unwrap();
    std::fs::write(sender.data().join("queue/0124.json"), "{ half").unwrap();
    sender.restart();
    sender.send("one", &[server.inbox()]);
    sender.drain().await;
    assert_eq!(server.taken(), ["one"]);
    assert!(sender.data().join("damaged/queue~0124.json").exists());
    assert!(sender.files().is_empty(), "{:?}", sender.files());
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured() {
    let sender = Sender::start("");
    let server = Server::start(|_, number| {
        if number == 1 {
            Reaction::Answer(429, "retry-after: 900\r\n")
        } else {
            Reaction::Answer(202, "")
        }
    })
    .await;
    sender.send("one", &[server.inbox()]);
    sender.drain().await;
    sender.pass(SignedDuration::from_mins(14));
    sender.send("two", &[server.inbox()]);
    sender.drain().await;
    assert_eq!(server.arrived().len(), 1, "two waits as well");
    sender.pass(SignedDuration::from_mins(3));
    sender.drain().await;
    assert_eq!(server.taken(), ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_that_is_final_ends_a_delivery() {
    let sender = Sender::start("");
    let mut servers = Vec::new();
    for status in [400, 403, 404, 422] {
        servers.push(Server::start(move |_, _| Reaction::Answer(status, "")).await);
    }
    let inboxes: Vec<String> = servers.iter().map(Server::inbox).collect();
    sender.send("one", &inboxes);
    sender.drain().await;
    assert!(sender.queue().is_empty());
    assert!(sender.files().is_empty());
    assert!(servers.iter().all(|server| server.arrived().len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_inbox_that_is_gone_removes_its_follower_and_no_other() {
    let sender = Sender::start("");
    let server = Server::start(|arrival, _| {
        Reaction::Answer(if arrival.path.contains("ada") { 410 } else { 202 }, "")
    })
    .await;
    sender.follower("ada", &server, false);
    sender.follower("bob", &server, false);
    sender.send(
        "one",
        &[server.url("/users/ada/inbox"), server.url("/users/bob/inbox")],
    );
    sender.drain().await;
    let followers = sender.instance().store.followers("blog").unwrap();
    assert!(!followers.contains(&server.url("/users/ada")));
    assert!(followers.contains(&server.url("/users/bob")));
    assert!(sender.queue().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_shared_inbox_that_is_gone_everybody_gets_it_at_his_own() {
    let sender = Sender::start("");
    let server =
        Server::start(|arrival, _| Reaction::Answer(if arrival.path == "/inbox" { 410 } else { 202 }, ""))
            .await;
    sender.follower("ada", &server, true);
    sender.follower("bob", &server, true);
    let audience = Audience {
        key: "one".into(),
        inboxes: vec![server.inbox()],
    };
    sender.instance().store.audiences.put(&audience).unwrap();
    sender.send("one", &[server.inbox()]);
    sender.drain().await;
    let own = [server.url("/users/ada/inbox"), server.url("/users/bob/inbox")];
    let mut paths: Vec<String> = server
        .arrived()
        .iter()
        .map(|arrival| server.url(&arrival.path))
        .collect();
    paths.sort();
    assert_eq!(paths, [server.inbox(), own[0].clone(), own[1].clone()]);
    let store = &sender.instance().store;
    store.followers("blog").unwrap().each(|id, follower| {
        assert_eq!(follower.shared_inbox, None, "{id}");
    });
    assert_eq!(store.audiences.get("one").unwrap().unwrap().inboxes, own);
    assert!(sender.files().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_host_is_sent_nothing() {
    let sender = Sender::start("blocked = ['127.0.0.1']");
    let server = Server::start(accept).await;
    sender.send("one", &[server.inbox()]);
    sender.drain().await;
    assert!(server.arrived().is_empty());
    assert!(sender.queue().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_key_of_one_actor_does_not_stop_the_others() {
    let mut sender = Sender::start("");
    let server = Server::start(accept).await;
    sender.instance().keys.of("blog").unwrap();
    sender.instance().keys.of("other").unwrap();
    std::fs::write(sender.data().join("actors/other/key.pem"), "garbage").unwrap();
    sender.restart();
    sender.send_as("other", "one", "one", &[server.inbox()]);
    sender.send_as("blog", "two", "two", &[server.inbox()]);
    sender.drain().await;
    assert_eq!(server.taken(), ["two"]);
    let queue = sender.queue();
    assert_eq!(queue.len(), 1);
    assert!(
        queue[0].error.as_ref().unwrap().contains("key.pem"),
        "{:?}",
        queue[0].error
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_follows_its_create_and_retry_and_drop_do_as_they_are_told() {
    let sender = Sender::start("");
    let down = Arc::new(Mutex::new(true));
    let state = Arc::clone(&down);
    let server =
        Server::start(move |_, _| Reaction::Answer(if *state.lock().unwrap() { 503 } else { 202 }, "")).await;
    for number in 0..5 {
        sender.send_about(&format!("activity{number}"), "same", &[server.inbox()]);
    }
    sender.drain().await;
    assert_eq!(server.arrived().len(), 1, "a host that is down is asked once");
    *down.lock().unwrap() = false;
    sender.drain().await;
    assert_eq!(server.arrived().len(), 1, "its time has not come");
    assert_eq!(
        deliver::retry(sender.instance(), Some("nobody.example")).unwrap(),
        0
    );
    assert_eq!(deliver::retry(sender.instance(), Some("127.0.0.1")).unwrap(), 5);
    sender.drain().await;
    assert_eq!(
        server.taken(),
        ["activity0", "activity1", "activity2", "activity3", "activity4"]
    );
    *down.lock().unwrap() = true;
    sender.send("late", &[server.inbox()]);
    sender.drain().await;
    assert_eq!(deliver::drop(sender.instance(), server.host()).unwrap(), 1);
    assert!(sender.queue().is_empty() && sender.files().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_heard_from_is_probed_early() {
    let sender = Sender::start("");
    let server = Server::start(|_, number| Reaction::Answer(if number < 3 { 503 } else { 202 }, "")).await;
    sender.send("one", &[server.inbox()]);
    sender.drain().await;
    sender.pass(SignedDuration::from_secs(70));
    sender.drain().await;
    deliver::heard_from(sender.instance(), server.host());
    sender.drain().await;
    assert_eq!(server.arrived().len(), 2, "it was probed a moment ago");
    sender.pass(SignedDuration::from_secs(70));
    sender.drain().await;
    assert_eq!(server.arrived().len(), 2, "the next probe is minutes away");
    deliver::heard_from(sender.instance(), server.host());
    sender.drain().await;
    assert_eq!(server.taken(), ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_to_many_hosts_arrives_once_and_in_order_everywhere() {
    let sender = Sender::start("");
    let mut servers = Vec::new();
    for _ in 0..50 {
        servers.push(Server::start(accept).await);
    }
    let inboxes: Vec<String> = servers.iter().map(Server::inbox).collect();
    for number in 0..5 {
        sender.send(&format!("n{number}"), &inboxes);
    }
    sender.drain().await;
    let expected = ["n0", "n1", "n2", "n3", "n4"];
    let wrong: HashMap<&str, Vec<String>> = servers
        .iter()
        .map(|server| (server.host(), server.taken()))
        .filter(|(_, taken)| *taken != expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(sender.files().is_empty());
}
