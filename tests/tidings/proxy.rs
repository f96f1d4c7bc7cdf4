//! Behind the real nginx, Apache httpd and Caddy, with the files that are shipped: each test is run with each of them.

mod front;
mod passed;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use self::front::{Front, Kind, Upstream, free_address, is_running};
use crate::harness::{Peer, Reply, Site, World, get, send, wait_for};

/// What a browser sends with a navigation.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
/// What Mastodon sends.
const MASTODON: &str = "application/activity+json, application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\", text/html;q=0.1";

/// Each test with each proxy.
macro_rules! behind_each {
    ($($test:ident)*) => {
        mod nginx { $(#[tokio::test(flavor = "multi_thread")] async fn $test() { super::$test(super::Kind::Nginx).await; })* }
        mod apache { $(#[tokio::test(flavor = "multi_thread")] async fn $test() { super::$test(super::Kind::Apache).await; })* }
        mod caddy { $(#[tokio::test(flavor = "multi_thread")] async fn $test() { super::$test(super::Kind::Caddy).await; })* }
    };
}

behind_each! {
    the_main_job_works
    a_page_of_any_name_has_its_thread
    a_page_is_whole_however_it_is_asked_for
    a_browser_that_fetches_a_thread_gets_it_packed_and_once
    pages_go_out_without_tidings_and_have_their_threads_when_it_is_back
    a_unix_socket_is_as_good
    events_arrive_at_once
    nothing_is_left_running_by_a_test_that_fails
    what_was_signed_passes_unchanged
    an_include_asks_for_all_of_a_fragment
}

/// A site, its daemon, and the proxy before both.
struct Stage {
    world: World,
    front: Front,
}

impl Stage {
    /// Nothing when the proxy isn't installed.
    async fn set(kind: Kind, site: Site) -> Option<Stage> {
        let program = kind.installed()?;
        let address = free_address();
        let mut world = World::behind(site, &listening_at("127.0.0.1:0"), format!("http://{address}"));
        world.restart().await;
        world.baseline().await;
        let upstream = Upstream::Tcp(world.address().to_string());
        let front = Front::start(kind, &program, &world.site.output(), &address, &upstream);
        Some(Stage { world, front })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.world.origin)
    }

    async fn browse(&self, path: &str) -> Reply {
        get(&self.url(path), BROWSER).await
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&'static str, &str)]) -> Reply {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect();
        send(method, &self.url(path), headers, Vec::new()).await
    }

    /// A reply to an object from another server; waits until it stands in the page.
    async fn reply(&self, object: &str, page: &str) {
        let peer = Peer::start("127.0.0.6").await;
        let reply = peer.reply("ada", 1, object, "<p>Through the proxy.</p>");
        let inbox = self.url("/ap/inbox");
        assert_eq!(peer.post("ada", &inbox, &reply).await, 202);
        wait_for("the reply in the page", || async {
            let text = self.browse(page).await.text();
            text.contains("Through the proxy.").then_some(())
        })
        .await;
    }
}

/// A page with the thread between two marks, by the line that the shipped file shows.
fn page(kind: Kind, title: &str) -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><article><h1>{title}</h1>\
         <time datetime=2026-11-01T10:00:00Z>then</time><p>What {title} is about.</p></article>\n<p>BEGIN</p>{}<p>END</p></html>",
        kind.include()
    )
}

/// What stands between the marks; the page must be whole.
fn included(page: &str) -> &str {
    let (_, rest) = page
        .split_once("<p>BEGIN</p>")
        .unwrap_or_else(|| panic!("no beginning: {page}"));
    let (included, rest) = rest
        .split_once("<p>END</p>")
        .unwrap_or_else(|| panic!("no end: {page}"));
    assert_eq!(rest.trim(), "</html>", "{page}");
    included
}

/// Configuration.
fn listening_at(address: &str) -> String {
    format!("server = {{ listen = '{address}' }}\ninteractions = {{ moderation = 'show' }}")
}

fn site(kind: Kind) -> Site {
    let site = Site::empty();
    site.write("/posts/hello/index.html", &page(kind, "Hello"));
    site.write(
        "/404.html",
        "<!doctype html><title>Gone</title><h1>Nothing here</h1>",
    );
    site
}

async fn the_main_job_works(kind: Kind) {
    let Some(stage) = Stage::set(kind, site(kind)).await else {
        return;
    };
    let world = &stage.world;

    // A browser gets the page, a server that names ActivityPub JSON first its object.
    let browser = stage.browse("/posts/hello/").await;
    assert_eq!(browser.status, 200);
    assert!(browser.text().contains("What Hello is about."));
    assert!(browser.headers.get_all("vary").iter().any(|vary| {
        vary.to_str()
            .unwrap()
            .split(',')
            .any(|name| name.trim().eq_ignore_ascii_case("accept"))
    }));
    let object = stage.url("/ap/objects/posts~hello");
    let resolved = get(&stage.url("/posts/hello/"), MASTODON).await;
    assert_eq!(
        (resolved.status, resolved.header("location")),
        (302, object.as_str())
    );
    assert_eq!(get(&object, MASTODON).await.json()["name"], "Hello");
    assert_eq!(get(&stage.url("/posts/nothing/"), MASTODON).await.status, 404);

    // What others find us by.
    let account = world.origin.trim_start_matches("http://");
    for accept in [MASTODON, "application/jrd+json", "*/*"] {
        let found = get(
            &stage.url(&format!(
                "/.well-known/webfinger?resource=acct%3Ablog%40{account}"
            )),
            accept,
        )
        .await;
        assert_eq!(found.json()["subject"], format!("acct:blog@{account}"));
        assert_eq!(found.header("content-type"), "application/jrd+json");
        assert_eq!(found.header("access-control-allow-origin"), "*");
    }
    assert_eq!(stage.browse("/.well-known/webfinger").await.status, 400);
    let index = stage.browse("/.well-known/nodeinfo").await.json();
    let nodeinfo = get(index["links"][0]["href"].as_str().unwrap(), "*/*").await;
    assert_eq!(nodeinfo.json()["software"]["name"], "tidings");
    assert!(
        stage
            .browse("/.well-known/host-meta")
            .await
            .text()
            .contains("lrdd")
    );
    assert_eq!(
        stage.browse("/.well-known/host-meta.json").await.json()["links"][0]["rel"],
        "lrdd"
    );
    // What is not ours there stays the site's.
    world
        .site
        .write("/.well-known/security.txt", "Contact: mailto:me@blog.example");
    let text = stage.browse("/.well-known/security.txt").await;
    assert_eq!((text.status, text.text().starts_with("Contact")), (200, true));
    assert_eq!(stage.browse("/.well-known/other").await.status, 404);

    // Signatures survive the proxy, and what was said stands in the page.
    let peer = Peer::start("127.0.0.6").await;
    peer.follow(world, "ada").await;
    stage.reply(&object, "/posts/hello/").await;
    let page = stage.browse("/posts/hello/").await.text();
    assert!(included(&page).contains("Through the proxy."), "{page}");
}

async fn a_page_of_any_name_has_its_thread(kind: Kind) {
    /// Names of folders, and the ways in which links to them are written.
    const NAMES: [(&str, &[&str]); 13] = [
        ("with space", &["with%20space"]),
        ("über", &["%C3%BCber", "%c3%bcber"]),
        ("日本 語", &["%E6%97%A5%E6%9C%AC%20%E8%AA%9E"]),
        ("r&d", &["r&d", "r%26d"]),
        ("c++", &["c++", "c%2B%2B", "c%2b+"]),
        ("100%", &["100%25"]),
        ("a%41", &["a%2541"]),
        ("what?", &["what%3F"]),
        ("no#1", &["no%231"]),
        ("a=b;c,d", &["a=b;c,d", "a%3Db%3Bc%2Cd"]),
        ("it's \"x\" <y>", &["it's%20%22x%22%20%3Cy%3E"]),
        ("$uri{0}", &["$uri%7B0%7D", "%24uri%7B0%7D"]),
        ("a~b", &["a~b", "a%7Eb"]),
    ];
    let site = Site::empty();
    for (number, (name, _)) in NAMES.iter().enumerate() {
        site.write(
            &format!("/posts/{name}/index.html"),
            &page(kind, &format!("Post {number}")),
        );
    }
    site.write("/posts/plain file.html", &page(kind, "A file"));
    let Some(stage) = Stage::set(kind, site).await else {
        return;
    };
    let mut places: Vec<String> = NAMES
        .iter()
        .flat_map(|(_, written)| written.iter().map(|name| format!("/posts/{name}/")))
        .collect();
    places.push("/posts/plain%20file.html".into());
    places.push("/posts/with%20space/index.html".into());
    places.push("/posts/with%20space/?utm_source=x&page=/posts/r&d/".into());
    for path in places {
        // The thread is the page's own: its buttons name the page's object.
        let resolved = get(&stage.url(&path), MASTODON).await;
        assert_eq!(resolved.status, 302, "{kind:?} {path}");
        let object = resolved.header("location").to_string();
        let page = stage.browse(&path).await;
        assert_eq!(page.status, 200, "{kind:?} {path}");
        let thread = included(&page.text()).to_string();
        let named = url::form_urlencoded::byte_serialize(object.as_bytes()).collect::<String>();
        let escaped = named.replace("%7E", "~");
        assert!(
            thread.contains(&named) || thread.contains(&escaped),
            "{kind:?} {path}: no {escaped} in {thread}"
        );
    }
}

async fn a_page_is_whole_however_it_is_asked_for(kind: Kind) {
    let Some(stage) = Stage::set(kind, site(kind)).await else {
        return;
    };
    let path = "/posts/hello/";
    let widget = stage.browse("/ap/widgets/thread?page=/posts/hello/").await;
    let (etag, thread) = (widget.header("etag").to_string(), widget.text());
    assert!(thread.contains("tidings-thread"), "{thread}");
    let now = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(3600));
    let past = httpdate::fmt_http_date(std::time::SystemTime::UNIX_EPOCH);
    for (name, value) in [
        ("accept", BROWSER),
        ("if-none-match", etag.as_str()),
        ("if-none-match", "W/\"other\", \"6555-1\""),
        ("if-modified-since", now.as_str()),
        ("if-range", etag.as_str()),
        ("range", "bytes=0-20"),
        ("range", "bytes=-5"),
        ("cache-control", "no-cache"),
        ("if-none-match", "\"x\""),
        ("if-modified-since", past.as_str()),
        ("sec-fetch-dest", "document"),
    ] {
        let page = stage.ask(Method::GET, path, &[(name, value)]).await;
        assert_eq!(page.status, 200, "{kind:?} {name}: {value}");
        assert_eq!(
            included(&page.text()).trim(),
            thread.trim(),
            "{kind:?} {name}: {value}"
        );
        // Nothing by which a browser could ask whether the page, without its thread, is still the same.
        assert_eq!(page.header("etag"), "", "{kind:?}");
        assert_eq!(page.header("last-modified"), "", "{kind:?}");
    }
    let head = stage.ask(Method::HEAD, path, &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(["", &stage.browse(path).await.body.len().to_string()].contains(&head.header("content-length")));

    // Packed as a whole, not a packed piece in a plain page.
    for encodings in ["gzip, deflate, br, zstd", "br", "identity", "*"] {
        let page = stage
            .ask(Method::GET, path, &[("accept-encoding", encodings)])
            .await;
        let text = match page.header("content-encoding") {
            "gzip" => unpacked(&page.body),
            "" => page.text(),
            other => panic!("{kind:?}: {other}"),
        };
        assert_eq!(included(&text).trim(), thread.trim(), "{kind:?} {encodings}");
        if encodings.starts_with("gzip") {
            assert_eq!(page.header("content-encoding"), "gzip", "{kind:?}");
        }
    }

    // A page without anything to include, the page for what isn't there, a folder without its slash, a picture.
    assert_eq!(stage.browse("/").await.status, 200);
    let missing = stage.browse("/posts/nothing/").await;
    assert_eq!(
        (missing.status, missing.text().contains("Nothing here")),
        (404, true),
        "{kind:?}"
    );
    let slash = stage.browse("/posts/hello").await;
    assert!([301, 308].contains(&slash.status) && slash.header("location").ends_with("/posts/hello/"));
    stage.world.site.write("/style.css", "body { color: black }");
    let style = stage
        .ask(Method::GET, "/style.css", &[("accept-encoding", "identity")])
        .await;
    let again = stage
        .ask(
            Method::GET,
            "/style.css",
            &[("if-none-match", style.header("etag"))],
        )
        .await;
    assert_eq!(
        (style.status, again.status),
        (200, 304),
        "{kind:?}: other files keep their validators"
    );
    let part = stage
        .ask(Method::GET, "/style.css", &[("range", "bytes=0-3")])
        .await;
    assert_eq!((part.status, part.text().as_str()), (206, "body"));

    // What others wrote is never a template, nor is it where it is shown by itself.
    let peer = Peer::start("127.0.0.6").await;
    let object = stage.url("/ap/objects/posts~hello");
    let hostile = "<p>{{1}}${7*7} &lt;!--#echo var=\"DATE_LOCAL\" --&gt; <a href='https://x.example/' title='<!--#echo var=\"DATE_GMT\" --> {{now}}'>x</a>\
                   &lt;!--{{now}}--&gt; Hostile.</p>";
    let reply = peer.reply("eve", 7, &object, hostile);
    assert_eq!(peer.post("eve", &stage.url("/ap/inbox"), &reply).await, 202);
    let page = wait_for("the hostile reply", || async {
        let text = stage.browse(path).await.text();
        text.contains("Hostile.").then_some(text)
    })
    .await;
    let alone = stage.browse("/ap/widgets/thread?page=/posts/hello/").await.text();
    assert_eq!(included(&page).trim(), alone.trim(), "{kind:?}");
    assert!(page.contains("{{1}}"), "{page}");
}

async fn a_browser_that_fetches_a_thread_gets_it_packed_and_once(kind: Kind) {
    let Some(stage) = Stage::set(kind, site(kind)).await else {
        return;
    };
    let object = stage.url("/ap/objects/posts~hello");
    // Long enough to be worth packing.
    stage.reply(&object, "/posts/hello/").await;
    let peer = Peer::start("127.0.0.6").await;
    let long = peer.reply("bea", 9, &object, &"<p>A long reply. </p>".repeat(60));
    assert_eq!(peer.post("bea", &stage.url("/ap/inbox"), &long).await, 202);
    let script = [
        ("accept-encoding", "gzip, deflate, br"),
        ("sec-fetch-dest", "empty"),
    ];
    for path in [
        "/ap/widgets/thread?page=/posts/hello/",
        "/ap/interactions?page=/posts/hello/",
    ] {
        let packed = wait_for("a packed answer", || async {
            let reply = stage.ask(Method::GET, path, &script).await;
            (reply.header("content-encoding") == "gzip").then_some(reply)
        })
        .await;
        assert!(
            unpacked(&packed.body).contains("Through the proxy."),
            "{kind:?} {path}"
        );
        let varies = packed.headers.get_all("vary");
        assert!(
            varies.iter().any(|vary| vary
                .to_str()
                .unwrap()
                .to_ascii_lowercase()
                .contains("accept-encoding")),
            "{kind:?} {path}"
        );
        let etag = packed.header("etag");
        assert_ne!(etag, "");
        let mut conditional = script.to_vec();
        conditional.push(("if-none-match", etag));
        let again = stage.ask(Method::GET, path, &conditional).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{kind:?} {path}");
    }
}

async fn pages_go_out_without_tidings_and_have_their_threads_when_it_is_back(kind: Kind) {
    let Some(program) = kind.installed() else { return };
    let site = site(kind);
    let address = free_address();
    // The same address after the restart, as in life.
    let own = free_address();
    let mut world = World::behind(site, &listening_at(&own), format!("http://{address}"));
    world.restart().await;
    world.baseline().await;
    let upstream = Upstream::Tcp(own);
    let front = Front::start(kind, &program, &world.site.output(), &address, &upstream);
    let mut stage = Stage { world, front };
    let whole = stage.browse("/posts/hello/").await.text();
    assert!(included(&whole).contains("tidings-thread"));

    stage.world.kill();
    let alone = stage.browse("/posts/hello/").await;
    assert_eq!(alone.status, 200);
    let (text, nothing) = (alone.text(), included(&alone.text()).to_string());
    assert!(
        ["", "<!-- -->"].contains(&nothing.as_str()),
        "{kind:?}: {nothing}"
    );
    assert!(text.contains("What Hello is about."), "{kind:?}: {text}");
    // A script that fetches the thread is told, so that it keeps what it shows; so is who sends something.
    for path in ["/ap/widgets/thread?page=/posts/hello/", "/ap/actors/blog"] {
        let status = stage.browse(path).await.status;
        assert!([502, 503, 504].contains(&status), "{kind:?} {path}: {status}");
    }
    assert_eq!(stage.browse("/").await.status, 200);

    stage.world.restart().await;
    wait_for("the thread", || async {
        let page = stage.browse("/posts/hello/").await.text();
        (page == whole).then_some(())
    })
    .await;
}

async fn a_unix_socket_is_as_good(kind: Kind) {
    let Some(program) = kind.installed() else { return };
    let address = free_address();
    let own = free_address();
    let site = site(kind);
    let socket = site.root().join("tidings.sock");
    // The daemon of these tests is reached by TCP; a socket passes on to it as systemd's socket proxy does.
    let mut world = World::behind(site, &listening_at(&own), format!("http://{address}"));
    world.restart().await;
    world.baseline().await;
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let own = own.clone();
            tokio::spawn(async move {
                let mut to = tokio::net::TcpStream::connect(own).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
    });
    let upstream = Upstream::Unix(socket);
    let front = Front::start(kind, &program, &world.site.output(), &address, &upstream);
    let stage = Stage { world, front };
    let page = stage.browse("/posts/hello/").await.text();
    assert!(included(&page).contains("tidings-thread"), "{kind:?}: {page}");
    let resolved = get(&stage.url("/posts/hello/"), MASTODON).await;
    assert_eq!(resolved.status, 302);
    let object = resolved.header("location").to_string();
    stage.reply(&object, "/posts/hello/").await;
    assert_eq!(stage.browse("/.well-known/nodeinfo").await.status, 200);
}

async fn events_arrive_at_once(kind: Kind) {
    let Some(stage) = Stage::set(kind, site(kind)).await else {
        return;
    };
    let host = stage.world.origin.trim_start_matches("http://").to_string();
    let mut stream = TcpStream::connect(&host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let request = format!(
        "GET /ap/events?page=/posts/hello/ HTTP/1.1\r\nhost: {host}\r\naccept: text/event-stream\r\naccept-encoding: gzip\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let reading = tokio::task::spawn_blocking(move || {
        let (mut said, mut buffer) = (String::new(), [0; 1024]);
        while !said.contains("event: change") {
            let count = stream.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "the stream ended: {said}");
            said.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        said
    });
    // The reply may come before the stream stands; then another makes the event.
    let peer = Peer::start("127.0.0.6").await;
    let object = stage.url("/ap/objects/posts~hello");
    let mut number = 0;
    while !reading.is_finished() {
        number += 1;
        let reply = peer.reply("ada", number, &object, "<p>Now.</p>");
        assert_eq!(peer.post("ada", &stage.url("/ap/inbox"), &reply).await, 202);
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(number < 120, "{kind:?} holds events back");
    }
    let said = reading.await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert!(said.to_ascii_lowercase().contains("text/event-stream"), "{said}");
}

async fn nothing_is_left_running_by_a_test_that_fails(kind: Kind) {
    let Some(stage) = Stage::set(kind, site(kind)).await else {
        return;
    };
    let group = stage.front.group();
    assert!(is_running(group));
    let failed = tokio::spawn(async move {
        let _stage = stage;
        std::panic::resume_unwind(Box::new("a test that fails"));
    });
    assert!(failed.await.is_err());
    assert!(!is_running(group), "{kind:?}");
}

async fn what_was_signed_passes_unchanged(kind: Kind) {
    passed::unchanged(kind).await;
}

async fn an_include_asks_for_all_of_a_fragment(kind: Kind) {
    passed::whole_fragments(kind).await;
}

fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_string(&mut text)
        .unwrap();
    text
}
