//! Everything from outside has a limit, and `docs/limits.md` says which.

mod outward; // what goes out at a time

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Site, World, send, wait_for};

/// All Rust source below a folder.
fn sources(folder: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "rs"))
        .map(|entry| std::fs::read_to_string(entry.path()).unwrap())
        .collect()
}

#[test]
fn the_table_of_limits_says_what_the_source_says_and_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("docs/limits.md")).unwrap();
    let tests = sources("src") + &sources("pages/src") + &sources("tests/tidings");
    let mut rows = 0;
    for line in table.lines().filter(|line| line.contains("` `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, what, limit, constant, _, shown_by, _] = cells[..] else {
            panic!("not five cells: {line}");
        };
        assert!(!limit.is_empty(), "{what}");
        let (file, constant) = constant.trim_matches('`').split_once("` `").unwrap();
        let (name, value) = constant.split_once(" = ").unwrap();
        let source = std::fs::read_to_string(root.join(file)).unwrap();
        let is_so =
            |line: &str| line.contains(&format!("const {name}: ")) && line.ends_with(&format!(" = {value};"));
        assert!(
            source.lines().any(is_so),
            "{what}: {file} has no {name} = {value}"
        );
        let shown_by = shown_by.trim_matches('`');
        let is_there = tests.contains(&format!("fn {shown_by}("));
        assert!(is_there, "{what}: there is no test {shown_by}");
        rows += 1;
    }
    assert!(rows > 40, "{rows} rows were understood");
}

/// Sends bytes as they are, and answers the status; 0 when the connection ends without one.
async fn status_of(world: &World, bytes: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    // Who refuses may stop reading.
    let write = async {
        let _ = writing.write_all(bytes).await;
        std::future::pending::<()>().await;
    };
    let read = async {
        let mut answer = Vec::new();
        let mut chunk = [0; 1024];
        while !answer.windows(2).any(|two| two == b"\r\n") {
            match reading.read(&mut chunk).await {
                Ok(0) | Err(_) => break,
                Ok(count) => answer.extend_from_slice(&chunk[..count]),
            }
        }
        let text = String::from_utf8_lossy(&answer).into_owned();
        text.split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0)
    };
    tokio::select! { () = write => unreachable!(), status = read => status }
}

fn post(body: &str) -> String {
    format!(
        "POST /ap/inbox HTTP/1.1\r\nhost: x\r\ncontent-type: application/activity+json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_heads_and_headers_have_limits() {
    const MIB: usize = 1024 * 1024;
    let world = World::start(Site::empty(), "").await;
    let largest = format!("{{\"type\":\"Like\"{}}}", " ".repeat(MIB - 15));
    assert_eq!(largest.len(), MIB);
    assert_eq!(
        status_of(&world, post(&largest).as_bytes()).await,
        400,
        "it is read"
    );
    assert_eq!(
        status_of(&world, post(&format!("{largest} ")).as_bytes()).await,
        413
    );
    let chunked = format!(
        "POST /ap/inbox HTTP/1.1\r\nhost: x\r\ncontent-type: application/activity+json\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{largest}{}\r\n0\r\n\r\n",
        MIB + 1,
        " "
    );
    assert_eq!(
        status_of(&world, chunked.as_bytes()).await,
        413,
        "nobody announced it"
    );
    for depth in [65, 200, 100_000] {
        let body = format!(
            r#"{{"type":"Like","actor":"https://a.example/1","object":{}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        );
        assert_eq!(
            status_of(&world, post(&body).as_bytes()).await,
            400,
            "{depth} deep"
        );
    }
    let with = |headers: &str| format!("GET /ap/actors/blog HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    let long = |bytes: usize| with(&format!("x-long: {}\r\n", "a".repeat(bytes)));
    assert_eq!(status_of(&world, long(16 * 1024).as_bytes()).await, 200);
    assert_eq!(status_of(&world, long(64 * 1024).as_bytes()).await, 431);
    let many = |count: usize| with(&"x-one: 1\r\n".repeat(count));
    assert_eq!(status_of(&world, many(90).as_bytes()).await, 200);
    assert_eq!(status_of(&world, many(110).as_bytes()).await, 431);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_might_read_otherwise_is_refused() {
    let world = World::start(Site::empty(), "").await;
    let inbox = "POST /ap/inbox HTTP/1.1\r\nhost: x\r\ncontent-type: application/activity+json\r\n";
    let smuggled = "GET /ap/actors/blog HTTP/1.1\r\nhost: x\r\n\r\n";
    for (what, request) in [
        (
            "two ways to say the length",
            format!("{inbox}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            "two lengths",
            format!("{inbox}content-length: 5\r\ncontent-length: 0\r\n\r\n{smuggled}"),
        ),
        (
            "a list of lengths",
            format!("{inbox}content-length: 2, 2\r\n\r\n{{}}{smuggled}"),
        ),
        (
            "a length with a sign",
            format!("{inbox}content-length: +2\r\n\r\n{{}}{smuggled}"),
        ),
        (
            "a length below nothing",
            format!("{inbox}content-length: -2\r\n\r\n{{}}{smuggled}"),
        ),
        (
            "a length beyond numbers",
            format!("{inbox}content-length: 99999999999999999999999\r\n\r\n{{}}"),
        ),
        (
            "a coding nobody knows",
            format!("{inbox}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            "chunks that aren't last",
            format!("{inbox}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            "a space before the colon",
            format!("{inbox}transfer-encoding : chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        ),
        (
            "a header in two lines",
            format!("{inbox}x: a\r\n b\r\ncontent-length: 0\r\n\r\n"),
        ),
        (
            "a chunk beyond numbers",
            format!("{inbox}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{{}}\r\n0\r\n\r\n"),
        ),
        (
            "chunks by line feeds",
            format!("{inbox}transfer-encoding: chunked\r\n\r\n2\n{{}}\n0\n\n"),
        ),
        (
            "a chunk with a megabyte of extensions",
            format!(
                "{inbox}transfer-encoding: chunked\r\n\r\n2;{}\r\n{{}}\r\n0\r\n\r\n",
                "a".repeat(1 << 20)
            ),
        ),
        (
            "trailers without end",
            format!(
                "{inbox}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n{}\r\n",
                "x: y\r\n".repeat(100_000)
            ),
        ),
        (
            "chunks in HTTP/1.0",
            "POST /ap/inbox HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n".to_string(),
        ),
        ("no host", "GET /ap/actors/blog HTTP/1.1\r\n\r\n".to_string()),
        (
            "two hosts",
            "GET /ap/actors/blog HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n".to_string(),
        ),
        (
            "a NUL in the path",
            "GET /ap/actors/bl\0og HTTP/1.1\r\nhost: x\r\n\r\n".to_string(),
        ),
        (
            "a NUL in a header",
            "GET /ap/actors/blog HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n".to_string(),
        ),
        ("no version", "GET /ap/actors/blog\r\n\r\n".to_string()),
    ] {
        let mut stream = TcpStream::connect(world.address()).await.unwrap();
        let _ = stream.write_all(request.as_bytes()).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "{what}: it is answered");
        let text = String::from_utf8_lossy(&answer);
        let answers: Vec<&str> = text.lines().filter(|line| line.starts_with("HTTP/1.")).collect();
        // Whoever is cut off while still writing may not see the answer.
        let refused = answers.iter().all(|line| line.contains(" 400 "));
        assert!(refused && answers.len() <= 1, "{what}: {answers:?}");
    }
    assert_eq!(
        status_of(&world, b"GET /ap/actors/blog HTTP/1.0\r\n\r\n").await,
        200
    );
    // What the target says of the host counts as little as the header: everything is of ORIGIN.
    let absolute = b"GET http://evil.example/ap/actors/blog HTTP/1.1\r\nhost: evil.example\r\n\r\n";
    assert_eq!(status_of(&world, absolute).await, 200);
    for path in [
        "/ap/media/..%2f..%2fap.toml",
        "/ap/media/%2e%2e",
        "/ap/media/..",
        "/ap/media/%00",
        "/ap/media/..\\..\\ap.toml",
        "/ap/objects/..%2factors%2fblog%2fkey",
        "/ap/objects/../actors/blog",
        "/ap/activities/..%2fkeys",
        "/ap/quotes/..%2f..%2flayout",
        "/ap/actors/..",
        "/ap/actors/.",
        "/ap/actors/%2e%2e/outbox",
        "/ap/actors/BLOG",
        "/ap/actors/blog%00",
        "/ap/actors/blog.",
        "//ap/actors/blog",
        "/ap//actors/blog",
        "/x/../ap/actors/blog",
        "/ap/interactions?page=/../../etc/passwd",
        "/ap/interactions?page=%00",
        "/ap/resolve?url=//evil.example",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(status_of(&world, request.as_bytes()).await, 404, "{path}");
    }
}

/// Writes slowly until the other end closes.
async fn dribble(mut stream: TcpStream, piece: &'static [u8]) -> String {
    let mut answer = Vec::new();
    loop {
        let mut chunk = [0; 1024];
        tokio::select! {
            read = stream.read(&mut chunk) => match read {
                Ok(0) | Err(_) => return String::from_utf8_lossy(&answer).into_owned(),
                Ok(count) => answer.extend_from_slice(&chunk[..count]),
            },
            () = tokio::time::sleep(Duration::from_millis(500)) => {
                if stream.write_all(piece).await.is_err() {
                    return String::from_utf8_lossy(&answer).into_owned();
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dawdles_is_cut_off() {
    let world = World::start(Site::empty(), "").await;
    let limit = Duration::from_secs(120);
    let connect = async |start: &str| {
        let mut stream = TcpStream::connect(world.address()).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        stream
    };
    let head = connect("GET /ap/actors/blog HTTP/1.1\r\nhost: x\r\n").await;
    let body = connect(
        "POST /ap/inbox HTTP/1.1\r\nhost: x\r\ncontent-type: application/activity+json\r\ncontent-length: 9000\r\n\r\n",
    )
    .await;
    let nothing = connect("").await;
    // Asks for the same again and again, and reads none of it.
    let mut reader = connect("").await;
    let asks = tokio::spawn(async move {
        let ask = "GET /ap/widgets/tidings.css HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
        while reader.write_all(ask.as_bytes()).await.is_ok() {}
    });
    let start = Instant::now();
    let slow = async {
        tokio::join!(
            dribble(head, b"x-a: b\r\n"),
            dribble(body, b" "),
            dribble(nothing, b"")
        )
    };
    let (_, body, _) = tokio::time::timeout(limit, slow).await.expect("all are cut off");
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    assert!(
        start.elapsed() > Duration::from_secs(20),
        "not too early: {:?}",
        start.elapsed()
    );
    tokio::time::timeout(limit, asks)
        .await
        .expect("who doesn't read is cut off")
        .unwrap();
    assert_eq!(world.get("/ap/actors/blog").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_gets_so_many_connections() {
    let world = World::start(Site::empty(), "server = { trusted_proxies = ['unix'] }").await;
    let ask = b"GET /ap/actors/blog HTTP/1.1\r\nhost: x\r\n\r\n";
    let open = async || {
        let mut stream = TcpStream::connect(world.address()).await.unwrap();
        let mut chunk = [0; 16];
        let answered = match stream.write_all(ask).await {
            Ok(()) => matches!(stream.read(&mut chunk).await, Ok(count) if count > 0),
            Err(_) => false,
        };
        answered.then_some(stream)
    };
    let mut guests = Vec::new();
    for number in 0..64 {
        guests.push(
            open()
                .await
                .unwrap_or_else(|| panic!("connection {number} is let in")),
        );
    }
    assert!(open().await.is_none(), "the 65th is not");
    drop(guests.pop());
    wait_for("a place", || async { open().await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_wait_for_room() {
    const ALL: usize = 4_096;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = 2 * ALL as u64;
    if limit.maximum.is_some_and(|most| most < wanted) {
        println!("skipped: this user may have no {wanted} open files");
        return;
    }
    let more = Rlimit {
        current: Some(wanted.max(limit.current.unwrap_or(wanted))),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, more).unwrap();
    let world = World::start(Site::empty(), "").await;
    let files = format!("/proc/{}/fd", world.pid());
    let open_files = || std::fs::read_dir(&files).unwrap().count();
    let mut guests = Vec::new();
    for _ in 0..ALL + 20 {
        guests.push(TcpStream::connect(world.address()).await.unwrap());
    }
    wait_for("all places to be taken", || async {
        (open_files() >= ALL).then_some(())
    })
    .await;
    let mut last = guests.pop().unwrap();
    last.write_all(b"GET /ap/actors/blog HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut chunk = [0; 64];
    let early = tokio::time::timeout(Duration::from_millis(500), last.read(&mut chunk)).await;
    assert!(early.is_err(), "it waits");
    assert!(open_files() < ALL + 100, "{} files", open_files());
    guests.truncate(100);
    let count = tokio::time::timeout(Duration::from_secs(60), last.read(&mut chunk)).await;
    assert!(count.expect("its turn comes").unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_counted_by_the_address_that_an_honest_proxy_names() {
    let world = World::start(Site::empty(), "server = { failures_per_minute = 6 }").await;
    let like = json!({ "type": "Like", "actor": "https://a.example/1", "object": world.actor() });
    let inbox = format!("http://{}/ap/inbox", world.address());
    let post = async |forwarded: &str| {
        let headers = [
            ("content-type", "application/activity+json"),
            ("x-forwarded-for", forwarded),
        ];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let body = like.to_string().into_bytes();
        send(hyper::Method::POST, &inbox, headers.into_iter().collect(), body).await
    };
    let mut refused = None;
    for number in 0..40 {
        // What a stranger writes in front of its own address changes nothing.
        let reply = post(&format!("198.51.100.{number}, 203.0.113.7")).await;
        if reply.status == 429 {
            refused = Some((number, reply));
            break;
        }
        assert_eq!(reply.status, 401);
    }
    let (after, reply) = refused.expect("who only fails has to wait");
    assert!((8..=20).contains(&after), "after {after}");
    let seconds: u64 = reply.header("retry-after").parse().unwrap();
    assert!((1..=10).contains(&seconds), "{seconds}");
    assert_eq!(post("203.0.113.8").await.status, 401, "somebody else");
    assert_eq!(post("203.0.113.7").await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_trusted_proxy_gains_nothing_by_naming_others() {
    let server = "server = { failures_per_minute = 6, trusted_proxies = [] }";
    let world = World::start(Site::empty(), server).await;
    let like = json!({ "type": "Like", "actor": "https://a.example/1", "object": world.actor() });
    let inbox = format!("http://{}/ap/inbox", world.address());
    let mut refused = 0;
    for number in 0..30 {
        let other = format!("198.51.100.{number}");
        let headers = [
            ("content-type", "application/activity+json".to_string()),
            ("x-forwarded-for", other.clone()),
            ("forwarded", format!("for={other}")),
            ("x-real-ip", other.clone()),
            ("cf-connecting-ip", other.clone()),
            ("true-client-ip", other),
        ];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let body = like.to_string().into_bytes();
        let reply = send(hyper::Method::POST, &inbox, headers.into_iter().collect(), body).await;
        refused += usize::from(reply.status == 429);
    }
    assert!(refused > 10, "{refused}");
}
