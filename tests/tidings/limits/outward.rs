//! So much goes out at a time, and the rest waits for its turn.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tidings::deliver;
use tidings::net::{Client, LookUp, NetError, Resolver, Settings};
use tidings::remote::{self, Freshness};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::delivery::Sender;
use crate::harness::wait_for;
use crate::remote::join_all;

/// Many servers that keep everybody waiting until they are told to answer, and count who waits.
struct Dam {
    ports: Vec<u16>,
    waiting: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    all: Arc<AtomicUsize>,
    open: watch::Sender<bool>,
}

impl Dam {
    async fn start(servers: usize) -> Dam {
        let (open, opened) = watch::channel(false);
        let mut dam = Dam {
            ports: Vec::new(),
            waiting: Arc::default(),
            most: Arc::default(),
            all: Arc::default(),
            open,
        };
        for _ in 0..servers {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            dam.ports.push(listener.local_addr().unwrap().port());
            let (waiting, most, all) = (
                Arc::clone(&dam.waiting),
                Arc::clone(&dam.most),
                Arc::clone(&dam.all),
            );
            let opened = opened.clone();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (waiting, most, all) = (Arc::clone(&waiting), Arc::clone(&most), Arc::clone(&all));
                    let opened = opened.clone();
                    tokio::spawn(async move {
                        let now = waiting.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        all.fetch_add(1, Ordering::SeqCst);
                        hold(stream, opened, &waiting).await;
                    });
                }
            });
        }
        dam
    }

    async fn fills_to(&self, count: usize) {
        wait_for("so many at a time", || async {
            (self.waiting.load(Ordering::SeqCst) >= count).then_some(())
        })
        .await;
    }
}

/// Keeps one waiting until the dam is opened, or it gives up; then answers it and hangs up.
async fn hold(mut stream: TcpStream, mut opened: watch::Receiver<bool>, waiting: &AtomicUsize) {
    let mut chunk = [0; 4096];
    let mut request = Vec::new();
    let is_whole = |request: &[u8]| {
        let text = String::from_utf8_lossy(request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return false;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        body.len() >= length.map_or(0, |length| length.parse().unwrap())
    };
    let came = loop {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => break false,
            Ok(count) => request.extend_from_slice(&chunk[..count]),
        }
        if is_whole(&request) {
            break tokio::select! {
                _ = stream.read(&mut chunk) => false,
                _ = opened.wait_for(|open| *open) => true,
            };
        }
    };
    waiting.fetch_sub(1, Ordering::SeqCst);
    if came {
        let _ = stream
            .write_all(b"HTTP/1.1 404 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .await;
    }
}

/// Enough open files for both ends of everything here; `false` when this user can't have them.
fn may_open(wanted: u64) -> bool {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|most| most < wanted) {
        println!("skipped: this user may have no {wanted} open files");
        return false;
    }
    let current = Some(wanted.max(limit.current.unwrap_or(wanted)));
    let more = Rlimit {
        current,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, more).unwrap();
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_documents_are_fetched_at_a_time_and_the_rest_waits() {
    const FETCHES: usize = 128;
    if !may_open(2048) {
        return;
    }
    let sender = Sender::start("");
    let dam = Dam::start(20).await;
    let ids: Vec<String> = (0..200)
        .map(|number| format!("http://127.0.0.1:{}/users/{number}", dam.ports[number % 20]))
        .collect();
    let fetches = join_all(
        ids.iter()
            .map(|id| remote::actor(sender.instance(), id, Freshness::Cached)),
    );
    let watch = async {
        dam.fills_to(FETCHES).await;
        // The others had the time to come, if they were let.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(dam.most.load(Ordering::SeqCst), FETCHES);
        dam.open.send(true).unwrap();
    };
    let (answers, ()) = tokio::join!(fetches, watch);
    assert!(answers.iter().all(Result::is_err), "there is nobody");
    assert_eq!(
        dam.all.load(Ordering::SeqCst),
        200,
        "each was asked for in its turn"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_deliveries_are_under_way_and_the_rest_waits() {
    const UNDER_WAY: usize = 640;
    if !may_open(4096) {
        return;
    }
    let sender = Sender::start("");
    let dam = Dam::start(200).await;
    let inboxes: Vec<String> = (0..800)
        .map(|number| format!("http://127.0.0.1:{}/{number}/inbox", dam.ports[number % 200]))
        .collect();
    sender.send("one", &inboxes);
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(deliver::run(Arc::clone(sender.instance()), stopped));
    dam.fills_to(UNDER_WAY).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(dam.most.load(Ordering::SeqCst), UNDER_WAY);
    dam.open.send(true).unwrap();
    wait_for("all of them", || async {
        (dam.all.load(Ordering::SeqCst) >= 800).then_some(())
    })
    .await;
    wait_for("an empty queue", || async {
        sender.queue().is_empty().then_some(())
    })
    .await;
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
}

/// A resolver that doesn't answer while the other end of its channel is there.
struct Mute(Mutex<mpsc::Receiver<()>>);

impl LookUp for Mute {
    fn look_up(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let _ = self.0.lock().unwrap().recv();
        Err(io::ErrorKind::NotFound.into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_ten_seconds_to_connect_is_given_up_whatever_takes_so_long() {
    let (hold, held) = mpsc::channel();
    let client = Client::new(Settings {
        allow_private: true,
        user_agent: "tidings/test".into(),
        resolver: Resolver::Custom(Arc::new(Mute(Mutex::new(held)))),
    })
    .unwrap();
    // Takes the connection, and says nothing of TLS.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = (format!("https://{}/", silent.local_addr().unwrap()), silent);
    let give_up = async |url: &str| {
        let start = Instant::now();
        let unsigned = |_: &url::Url| Ok::<_, NetError>(hyper::HeaderMap::new());
        let answer = client.get(&url.parse().unwrap(), "*/*", 1000, unsigned).await;
        assert!(
            matches!(answer, Err(NetError::Timeout { .. })),
            "{url}: {answer:?}"
        );
        let took = start.elapsed();
        assert!(took >= Duration::from_secs(10), "{url}: {took:?}");
        assert!(took < Duration::from_secs(19), "before the time in all: {took:?}");
    };
    tokio::join!(give_up("https://mute.example/"), give_up(&silent.0));
    drop(hold);
}
