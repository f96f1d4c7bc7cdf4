//! Servers that are down, slow, broken, or lie: each is told of in time, for deliveries and for fetches, and none costs
//! another server a moment.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tidings::net::{Client, LookUp, NetError, Resolver, Settings};
use tidings::remote::{self, Freshness, RemoteError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::delivery::{Reaction, Sender, Server};
use crate::harness::wait_for;

/// What is wrong with a server.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Nobody listens.
    Down,
    /// Takes the request and never says anything.
    Silent,
    /// Says a byte a second.
    Dripping,
    /// Says what comes and how long it is, and no more.
    HeadOnly,
    /// Hangs up hard when the request is there.
    Reset,
    /// Hangs up before anything.
    Closed,
    /// Speaks another protocol.
    Garbage,
    /// Says that it is elsewhere, which is here.
    Circle,
    /// Sends a document without end.
    Endless,
    /// Sends a head without end.
    EndlessHead,
    /// Sends a little that unpacks to a lot.
    Packed,
    /// Speaks http where https is meant.
    NoTls,
    /// 500.
    Broken,
}

const FAULTS: [Fault; 13] = [
    Fault::Down,
    Fault::Silent,
    Fault::Dripping,
    Fault::HeadOnly,
    Fault::Reset,
    Fault::Closed,
    Fault::Garbage,
    Fault::Circle,
    Fault::Endless,
    Fault::EndlessHead,
    Fault::Packed,
    Fault::NoTls,
    Fault::Broken,
];

/// Longer than the longest limit of time on a request.
const IN_TIME: Duration = Duration::from_secs(45);

/// Starts a server with a fault; answers its origin.
async fn start(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap();
    let scheme = if fault == Fault::NoTls { "https" } else { "http" };
    let origin = format!("{scheme}://{host}");
    if fault == Fault::Down {
        return origin;
    }
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(misbehave(stream, fault));
        }
    });
    origin
}

async fn misbehave(mut stream: TcpStream, fault: Fault) {
    if fault == Fault::Closed {
        return;
    }
    let mut request = vec![0; 64 * 1024];
    let mut read = 0;
    while !request[..read].windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut request[read..]).await {
            Ok(0) | Err(_) => break,
            Ok(count) => read += count,
        }
        if fault == Fault::NoTls {
            break;
        }
    }
    let head = String::from_utf8_lossy(&request[..read]).into_owned();
    let path = head.split(' ').nth(1).unwrap_or("/").to_string();
    let document = "HTTP/1.1 200 OK\r\ncontent-type: application/activity+json\r\n";
    let endless = "a".repeat(64 * 1024);
    match fault {
        Fault::Down | Fault::Closed => {}
        Fault::Silent => std::future::pending().await,
        Fault::Dripping => {
            let slow = format!("{document}content-length: 100000\r\n\r\n{{");
            for byte in slow.bytes().chain(std::iter::repeat(b' ')) {
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Fault::HeadOnly => {
            let _ = stream
                .write_all(format!("{document}content-length: 1000\r\n\r\n").as_bytes())
                .await;
            std::future::pending::<()>().await;
        }
        Fault::Reset => drop(stream.set_zero_linger()),
        Fault::Garbage | Fault::NoTls => {
            let _ = stream
                .write_all(b"220 mail.example ESMTP\r\n\x00\xff\r\n\r\n")
                .await;
        }
        Fault::Circle => {
            let answer = format!(
                "HTTP/1.1 302 Found\r\nlocation: {path}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Fault::Endless => {
            let _ = stream
                .write_all(format!("{document}transfer-encoding: chunked\r\n\r\n").as_bytes())
                .await;
            let chunk = format!("{:x}\r\n{endless}\r\n", endless.len());
            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
        }
        Fault::EndlessHead => {
            let _ = stream
                .write_all(format!("{document}x-endless: ").as_bytes())
                .await;
            while stream.write_all(endless.as_bytes()).await.is_ok() {}
        }
        Fault::Packed => {
            let answer =
                format!("{document}content-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\u{8b}\u{8}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Fault::Broken => {
            let _ = stream
                .write_all(b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n")
                .await;
        }
    }
}

fn accept() -> Reaction {
    Reaction::Answer(202, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_a_server_is_said_in_time_and_costs_nobody_else() {
    let sender = Sender::start("");
    let good = crate::served::Pages::start().await;
    for number in 0..40 {
        let id = good.url(&format!("/users/{number}"));
        let document = json!({ "id": id, "type": "Person", "inbox": format!("{id}/inbox") });
        good.put(&format!("/users/{number}"), crate::served::page(&document));
    }
    let mut fetches = tokio::task::JoinSet::new();
    for fault in FAULTS {
        let origin = start(fault).await;
        // More than one host gets at a time.
        for number in 0..20 {
            let (instance, id) = (Arc::clone(sender.instance()), format!("{origin}/users/{number}"));
            fetches.spawn(async move {
                let begin = Instant::now();
                let found = remote::actor(&instance, &id, Freshness::Cached).await;
                (fault, found.map(|_| ()), begin.elapsed())
            });
        }
    }
    tokio::task::yield_now().await;
    // While they hang, others are fetched.
    let begin = Instant::now();
    for number in 0..40 {
        let id = good.url(&format!("/users/{number}"));
        remote::actor(sender.instance(), &id, Freshness::Cached)
            .await
            .unwrap();
    }
    let unhurt = begin.elapsed();
    assert!(unhurt < Duration::from_secs(15), "{unhurt:?}");
    let mut told = 0;
    while let Some(fetched) = fetches.join_next().await {
        let (fault, found, took) = fetched.unwrap();
        let error = found.expect_err(&format!("{fault:?}"));
        let fits = match fault {
            Fault::Circle => matches!(error, RemoteError::Refused(_)),
            Fault::Endless | Fault::Packed => matches!(error, RemoteError::Invalid { .. }),
            _ => matches!(error, RemoteError::Unreachable(_)),
        };
        assert!(fits, "{fault:?}: {error:?}");
        assert!(!error.to_string().is_empty());
        // Two turns of sixteen at a time.
        assert!(took < Duration::from_secs(3 * 25), "{fault:?} took {took:?}");
        told += 1;
    }
    assert_eq!(told, FAULTS.len() * 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_a_server_its_deliveries_wait_and_nobody_elses() {
    let sender = Sender::start("");
    let mut inboxes = Vec::new();
    for fault in FAULTS {
        // That these answer is enough: what they say about it isn't read.
        if !matches!(fault, Fault::Endless | Fault::Packed | Fault::HeadOnly) {
            inboxes.push((fault, format!("{}/inbox", start(fault).await)));
        }
    }
    let good = [
        Server::start(|_, _| accept()).await,
        Server::start(|_, _| accept()).await,
    ];
    let all: Vec<String> = inboxes
        .iter()
        .map(|(_, inbox)| inbox.clone())
        .chain(good.iter().map(Server::inbox))
        .collect();
    let (stop, shutdown) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(tidings::deliver::run(Arc::clone(sender.instance()), shutdown));
    let begin = Instant::now();
    for id in ["one", "two"] {
        sender.send(id, &all);
    }
    wait_for("the good ones", || async {
        good.iter()
            .all(|server| server.taken() == ["one", "two"])
            .then_some(())
    })
    .await;
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    let failed = || {
        let waiting = sender.queue();
        let tried = waiting.iter().filter(|waiting| waiting.attempts > 0);
        tried.map(|waiting| waiting.inbox.clone()).collect::<Vec<_>>()
    };
    while failed().len() < inboxes.len() {
        assert!(begin.elapsed() < IN_TIME, "only {:?} were told of", failed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for waiting in sender.queue() {
        let fault = inboxes
            .iter()
            .find(|(_, inbox)| *inbox == waiting.inbox)
            .unwrap()
            .0;
        let error = waiting.error.unwrap_or_default();
        assert!(!error.is_empty(), "{fault:?} has a reason");
        assert!(waiting.attempts <= 1, "{fault:?}: one probes, the other waits");
    }
    assert_eq!(sender.queue().len(), inboxes.len() * 2, "all wait");
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
}

fn client(allow_private: bool, resolver: Resolver) -> Client {
    Client::new(Settings {
        allow_private,
        user_agent: "tidings/test".into(),
        resolver,
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_and_one_that_is_packed_are_not_taken() {
    let client = client(true, Resolver::System);
    let unsigned = |_: &Url| Ok::<_, NetError>(hyper::HeaderMap::new());
    for fault in [Fault::Endless, Fault::EndlessHead, Fault::Packed] {
        let url: Url = format!("{}/", start(fault).await).parse().unwrap();
        let answer = client
            .get(&url, "*/*", tidings::net::DOCUMENT_LIMIT, unsigned)
            .await;
        let fits = match fault {
            Fault::Endless => matches!(answer, Err(NetError::TooLarge { .. })),
            Fault::Packed => matches!(answer, Err(NetError::Encoded { .. })),
            _ => matches!(answer, Err(NetError::Broken { .. })),
        };
        assert!(fits, "{fault:?}: {answer:?}");
    }
}

/// A name that leads to whatever address it is told.
struct Moving(Arc<Mutex<IpAddr>>);

impl LookUp for Moving {
    fn look_up(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![*self.0.lock().unwrap()])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_moves_to_another_address_is_found_there() {
    let old = TcpListener::bind("127.0.0.71:0").await.unwrap();
    let port = old.local_addr().unwrap().port();
    let new = TcpListener::bind(("127.0.0.72", port)).await.unwrap();
    let answer = async |listener: &TcpListener, text: &str| {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    };
    let address: Arc<Mutex<IpAddr>> = Arc::new(Mutex::new("127.0.0.71".parse().unwrap()));
    let client = client(true, Resolver::Custom(Arc::new(Moving(Arc::clone(&address)))));
    let url: Url = format!("http://social.example:{port}/").parse().unwrap();
    let unsigned = |_: &Url| Ok::<_, NetError>(hyper::HeaderMap::new());
    let (got, ()) = tokio::join!(client.get(&url, "*/*", 100, unsigned), answer(&old, "old"));
    assert_eq!(got.unwrap().body, "old");
    drop(old);
    *address.lock().unwrap() = "127.0.0.72".parse().unwrap();
    let (got, ()) = tokio::join!(client.get(&url, "*/*", 100, unsigned), answer(&new, "new"));
    assert_eq!(got.unwrap().body, "new");
}
