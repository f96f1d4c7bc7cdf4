//! One post to a thousand servers, without and with two hundred that take it and never answer.
//!
//! ```text
//! cargo bench --bench deliver                       # five turns of each
//! cargo bench --bench deliver -- --quick            # one turn with a tenth of them
//! … --json                                          # the rows as JSON
//! … --check                                         # fails when a goal is missed
//! ```
//!
//! All servers are this process: one listener, and each address of 127.0.0.0/8 is a server of its own. The limit is
//! measured in the same run: how long it takes without those that hang, and how long the signatures alone take on all
//! cores. A server that hangs is signed for as well when it is met for the first time, so the limit of that turn is larger;
//! the second post finds it in trouble and leaves it alone.

#[path = "../rig/request.rs"]
mod request;
#[allow(dead_code, reason = "shared with the other benches")]
#[path = "../rig/table.rs"]
mod table;

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tidings::clock::Clock;
use tidings::config::Config;
use tidings::deliver;
use tidings::instance::{Instance, Outgoing};
use tidings::net::{self, Client, Resolver, Settings};
use tidings::sig::{self, Scheme};
use tidings::store::Store;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use self::request::is_whole;
use self::table::{Goal, Options, Row};

/// How long a turn may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(120);
/// The second byte of the address of a server that is in order.
const GOOD: u8 = 1;
/// The second byte of the address of a server that never answers.
const BAD: u8 = 2;

/// What the servers have taken: by post, which of them.
#[derive(Default)]
struct Taken {
    by_post: Mutex<Vec<HashSet<Ipv4Addr>>>,
    more: Notify,
}

/// The servers, all of them.
async fn serve(listener: TcpListener, taken: Arc<Taken>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, Arc::clone(&taken)));
    }
}

async fn converse(mut stream: TcpStream, taken: Arc<Taken>) {
    let Ok(std::net::SocketAddr::V4(own)) = stream.local_addr() else {
        return;
    };
    let own = *own.ip();
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        while !is_whole(&bytes) {
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            }
        }
        if own.octets()[1] == BAD {
            return std::future::pending().await;
        }
        let text = String::from_utf8_lossy(&std::mem::take(&mut bytes)).into_owned();
        let post = text
            .split("/objects/post-")
            .nth(1)
            .and_then(|rest| rest.split('"').next()?.parse().ok());
        if stream
            .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
            .await
            .is_err()
        {
            return;
        }
        let mut by_post = taken.by_post.lock().expect("nobody panics with it");
        if let Some(set) = post.and_then(|post: usize| by_post.get_mut(post)) {
            set.insert(own);
        }
        drop(by_post);
        taken.more.notify_one();
    }
}

fn instance(folder: &Path) -> Arc<Instance> {
    std::fs::create_dir_all(folder.join("public")).expect("a temporary folder can be written");
    let toml = "[site]\nurl = 'http://127.0.0.1:9'\noutput = 'public'\ndata = 'data'\n[[actor]]\nname = 'blog'\n\
                [federation]\nallow_private_addresses = true\n";
    std::fs::write(folder.join("ap.toml"), toml).expect("a temporary folder can be written");
    let config = Config::read(&folder.join("ap.toml")).expect("the configuration is right");
    let origin = config.site.url.origin().ascii_serialization();
    let store =
        Store::open(&config.site.data, &origin, &config.federation.handle_domain).expect("the store is new");
    let client = Client::new(Settings {
        allow_private: true,
        user_agent: net::user_agent(&origin),
        resolver: Resolver::System,
    })
    .expect("there is TLS");
    Arc::new(Instance::new(config, store, client, Clock::system()))
}

/// Sends a post and waits until all good servers have it.
async fn post(
    instance: &Arc<Instance>,
    taken: &Taken,
    number: usize,
    inboxes: &[String],
    good: usize,
) -> Duration {
    let id = format!("post-{number}");
    let iris = &instance.iris;
    let activity = json!({
        "actor": iris.actor("blog"), "id": iris.activity(&id), "type": "Create", "object": { "id": iris.object(&id) },
    });
    let outgoing = Outgoing {
        actor: "blog".into(),
        id,
        object: None,
        activity,
        inboxes: inboxes.to_vec(),
    };
    let begin = Instant::now();
    instance.send(outgoing).expect("the disk can be written");
    while taken.by_post.lock().expect("nobody panics with it")[number].len() < good {
        assert!(begin.elapsed() < PATIENCE, "not everybody got it in {PATIENCE:?}");
        let _ = tokio::time::timeout(Duration::from_secs(1), taken.more.notified()).await;
    }
    begin.elapsed()
}

/// A fresh instance sends two posts; how long each took.
async fn turn(port: u16, taken: &Taken, good: usize, bad: usize) -> [Duration; 2] {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let instance = instance(folder.path());
    instance.keys.of("blog").expect("a key can be made");
    let at = |kind: u8, number: usize| {
        let [.., high, low] = u32::try_from(number).expect("a few").to_be_bytes();
        format!("http://127.{kind}.{high}.{low}:{port}/inbox")
    };
    // The bad ones are spread evenly among the good ones.
    let mut inboxes: Vec<(usize, String)> = (0..good)
        .map(|number| (number * 1000, at(GOOD, number)))
        .collect();
    inboxes.extend((0..bad).map(|number| (number * 1000 * good / bad + 1, at(BAD, number))));
    inboxes.sort();
    let inboxes: Vec<String> = inboxes.into_iter().map(|(_, inbox)| inbox).collect();
    *taken.by_post.lock().expect("nobody panics with it") = vec![HashSet::new(); 2];
    let (stop, shutdown) = watch::channel(false);
    let running = tokio::spawn(deliver::run(Arc::clone(&instance), shutdown));
    let first = post(&instance, taken, 0, &inboxes, good).await;
    let second = post(&instance, taken, 1, &inboxes, good).await;
    running.abort();
    let _ = running.await;
    drop(stop);
    [first, second]
}

/// How long so many signatures take on all cores.
fn signatures(count: usize) -> Duration {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let instance = instance(folder.path());
    let keys = instance.keys.of("blog").expect("a key can be made");
    let url = "http://127.1.0.1:9/inbox".parse().expect("it is a URL");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                for _ in 0..count / cores {
                    let request = sig::Outgoing {
                        method: "POST",
                        url: &url,
                        body: Some(b"{}"),
                        content_type: Some("application/activity+json"),
                    };
                    sig::sign(
                        Scheme::Cavage,
                        &request,
                        &keys.rsa,
                        "http://127.0.0.1:9/ap/actors/blog#main-key",
                        jiff::Timestamp::now(),
                    )
                    .expect("it can be signed");
                }
            });
        }
    });
    begin.elapsed()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

/// Of one turn: without servers that hang, with them, and what the signatures alone take; of two posts each.
type Run = ([Duration; 2], [Duration; 2], [Duration; 2]);

fn main() -> std::io::Result<()> {
    let options = Options::read();
    let (good, bad, turns) = match options.quick {
        true => (100, 20, 1),
        false => (1_000, 200, 5),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("there are threads");
    let runs = runtime.block_on(async {
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let taken = Arc::new(Taken::default());
        tokio::spawn(serve(listener, Arc::clone(&taken)));
        turn(port, &taken, good.min(100), 0).await; // warms up
        let mut runs = Vec::new();
        for _ in 0..turns {
            let limits = [signatures(good), signatures(good + bad)];
            runs.push((
                turn(port, &taken, good, 0).await,
                turn(port, &taken, good, bad).await,
                limits,
            ));
        }
        runs
    });
    let of = |pick: &dyn Fn(&Run) -> Duration| median(runs.iter().map(pick).collect()) * 1e3;
    let mut rows = Vec::new();
    let (limit, limit_with) = (of(&|run| run.2[0]), of(&|run| run.2[1]));
    for (number, name, signatures) in [
        // Only at the first meeting are they signed for.
        (0, "the first post", limit_with),
        (1, "the second, when those that hang are known", limit),
    ] {
        let (alone, with) = (of(&|run| run.0[number]), of(&|run| run.1[number]));
        rows.push(Row {
            what: format!(
                "{name}, to {good} servers beside {bad} that hang; limit: without them, but for their signatures"
            ),
            figure: with,
            limit: alone + signatures - limit,
            unit: "ms",
            goal: Goal::AtMost(1.1),
        });
        for (what, figure, limit) in [
            ("without those that hang", alone, limit),
            ("with them", with, signatures),
        ] {
            rows.push(Row {
                what: format!("{name}, {what}; limit: the signatures alone"),
                figure,
                limit,
                unit: "ms",
                goal: Goal::None,
            });
        }
    }
    table::print(&rows, &options)
}
