//! What people said, from a remote server to the reader's page.

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::harness::{LIMIT, Peer, Reply, Site, World, page, send, wait_for};

/// A PNG of one pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\
    \x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82";

async fn world(extra: &str) -> World {
    let site = Site::empty();
    site.post("hello", "Hello", "<p>Good day.</p>");
    let world = World::start(site, extra).await;
    world.baseline().await;
    world
}

fn object(world: &World) -> String {
    format!("{}/ap/objects/posts~hello", world.origin)
}

fn inbox(world: &World) -> String {
    format!("{}/inbox", world.actor())
}

async fn said(world: &World) -> Value {
    let reply = world.browse("/ap/interactions?page=/posts/hello/").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

async fn thread(world: &World) -> String {
    let reply = world.browse("/ap/widgets/thread?page=/posts/hello/").await;
    assert_eq!(reply.status, 200);
    reply.text()
}

async fn wait_for_replies(world: &World, count: u64) -> Value {
    wait_for(&format!("{count} replies"), || async {
        let said = said(world).await;
        (said["counts"]["replies"] == count).then_some(said)
    })
    .await
}

#[tokio::test]
async fn a_reply_appears_under_its_page_with_its_thread_and_vanishes_when_it_is_hidden() {
    let world = world("interactions.moderation = 'show'").await;
    let peer = Peer::start("127.0.0.31").await;
    let first = peer.reply("ada", 1, &object(&world), "<p>Well <b>said</b></p>");
    assert_eq!(peer.post("ada", &inbox(&world), &first).await, 202);
    wait_for_replies(&world, 1).await;
    let second = peer.reply("ben", 2, &peer.id("/notes/1"), "<p>Indeed</p>");
    assert_eq!(peer.post("ben", &inbox(&world), &second).await, 202);
    let mut whisper = peer.reply("ada", 3, &object(&world), "<p>between us</p>");
    whisper["to"] = json!([world.actor()]);
    whisper["object"]["to"] = json!([world.actor()]);
    assert_eq!(peer.post("ada", &inbox(&world), &whisper).await, 202);

    let said = wait_for_replies(&world, 2).await;
    assert_eq!(said["page"], format!("{}/posts/hello/", world.origin));
    assert_eq!(said["object"], object(&world));
    assert_eq!(said["replies"][0]["id"], peer.id("/notes/1"));
    assert_eq!(said["replies"][0]["actor"]["name"], "ada of the peer");
    assert_eq!(said["replies"][0]["replies"][0]["id"], peer.id("/notes/2"));
    let html = thread(&world).await;
    assert!(html.contains("Well") && html.contains("Indeed"), "{html}");
    assert!(!html.contains("between us"));
    for page in [
        "/posts/hello",
        "/posts/hello/index.html",
        &format!("{}/posts/hello/", world.origin),
    ] {
        let reply = world.browse(&format!("/ap/interactions?page={page}")).await;
        assert_eq!(reply.json()["counts"]["replies"], 2, "{page}");
    }

    let list = world.command(&["interactions", "list", "--json"]).await.json();
    let id = list
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["content"].as_str().is_some_and(|text| text.contains("Well")))
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_string();
    let hidden = world.command(&["interactions", "hide", &id]).await;
    assert_eq!(hidden.code, 0, "{}", hidden.stderr);
    let said = wait_for_replies(&world, 1).await;
    assert_eq!(
        said["replies"][0]["id"],
        peer.id("/notes/2"),
        "the answer to it stays, at the page"
    );
    assert!(!thread(&world).await.contains("Well"));
}

#[tokio::test]
async fn nothing_from_outside_reaches_the_page_as_a_script_or_a_request_to_another_server() {
    let world = world("interactions.moderation = 'show'").await;
    let peer = Peer::start("127.0.0.32").await;
    let mut mallory = peer.actor_document("mallory");
    mallory["name"] = json!("<img src=x onerror=alert(1)> Mallory :cat: :evil:");
    mallory["tag"] = json!([
        { "type": "Emoji", "name": ":cat:", "icon": { "type": "Image", "url": peer.id("/cat.png") } },
        { "type": "Emoji", "name": ":evil:", "icon": { "type": "Image", "url": "javascript:alert(1)" } },
    ]);
    mallory["url"] = json!("javascript:alert(1)");
    mallory["icon"] = json!({ "type": "Image", "url": peer.id("/face.png") });
    peer.serve("/users/mallory", 200, mallory);
    peer.serve_file("/face.png", "image/png", PIXEL);
    peer.serve_file("/cat.png", "image/png", PIXEL);
    peer.serve_file(
        "/evil.png",
        "image/png",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
    );
    let mut reply = peer.reply(
        "mallory",
        1,
        &object(&world),
        "<p>hi :cat: :evil:<script>alert(1)</script><img src='https://evil.example/x.png'>\
         <a href='javascript:alert(1)' onclick='alert(1)'>x</a></p>",
    );
    reply["object"]["summary"] = json!("<script>alert(2)</script>warning :cat:");
    reply["object"]["tag"] = json!([
        { "type": "Emoji", "name": ":cat:", "icon": { "type": "Image", "url": peer.id("/cat.png") } },
        { "type": "Emoji", "name": ":evil:", "icon": { "type": "Image", "url": peer.id("/evil.png") } },
        { "type": "Emoji", "name": ":\"><script>:", "icon": { "type": "Image", "url": peer.id("/cat.png") } },
    ]);
    assert_eq!(peer.post("mallory", &inbox(&world), &reply).await, 202);

    let path = wait_for("the avatar", || async {
        let said = said(&world).await;
        let item = &said["replies"][0];
        let content = item["content"].as_str().unwrap_or_default();
        let avatar = item["actor"]["avatar"].as_str().map(ToString::to_string);
        avatar.filter(|_| content.contains("/ap/media/"))
    })
    .await;
    assert!(path.starts_with("/ap/media/"));
    let picture = world.browse(&path).await;
    assert_eq!(
        (picture.status, picture.header("content-type")),
        (200, "image/png")
    );
    assert!(picture.body.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(picture.header("x-content-type-options"), "nosniff");
    assert!(
        picture
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert!(picture.header("cache-control").contains("immutable"));
    assert_eq!(
        peer.fetched("/face.png"),
        1,
        "fetched once, not by a reader's request"
    );

    let html = thread(&world).await;
    assert!(html.contains("&lt;img src=x"), "{html}");
    let cat = html.matches("alt=\":cat:\"").count();
    assert_eq!(cat, 3, "in the name, the warning and the text: {html}");
    let name = said(&world).await["replies"][0]["actor"]["name_html"].clone();
    let name = name.as_str().unwrap();
    assert!(
        name.starts_with("&lt;img") && name.contains("<img class=\"tidings-emoji\""),
        "{name}"
    );
    assert!(name.ends_with(" :evil:"), "{name}");
    for sign in ["<script", "javascript:", "onclick", "evil.example", " style="] {
        assert!(!html.contains(sign), "{sign} in {html}");
    }
    for source in html.split("src=\"").skip(1) {
        assert!(source.starts_with("/ap/media/"), "{source}");
    }
    assert!(
        html.contains(":evil:"),
        "what isn't a picture leaves the name: {html}"
    );
    assert_eq!(world.browse("/ap/media/0123456789abcdef").await.status, 404);
    assert_eq!(world.browse("/ap/media/..%2f..%2flock").await.status, 404);
}

#[tokio::test]
async fn a_fragment_of_an_unknown_page_is_empty_and_a_known_one_is_told_with_304() {
    let world = world("").await;
    for widget in ["thread", "counts"] {
        let reply = world
            .browse(&format!("/ap/widgets/{widget}?page=/nothing/"))
            .await;
        assert_eq!((reply.status, reply.text().as_str()), (200, ""));
    }
    assert_eq!(world.browse("/ap/interactions?page=/nothing/").await.status, 404);
    assert_eq!(world.browse("/ap/events?page=/nothing/").await.status, 404);
    let first = world.browse("/ap/widgets/thread?page=/posts/hello/").await;
    assert!(first.text().contains("Nobody has replied yet"));
    let etag = HeaderValue::from_str(first.header("etag")).unwrap();
    let again = send(
        Method::GET,
        &format!("{}/ap/widgets/thread?page=/posts/hello/", world.origin),
        HeaderMap::from_iter([(HeaderName::from_static("if-none-match"), etag)]),
        Vec::new(),
    )
    .await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let follow = world.browse("/ap/widgets/follow?actor=blog").await.text();
    assert!(follow.contains("Follow @blog@"), "{follow}");
    for (path, kind) in [("tidings.js", "text/javascript"), ("tidings.css", "text/css")] {
        let reply = world.browse(&format!("/ap/widgets/{path}")).await;
        assert!(reply.status == 200 && reply.header("content-type").starts_with(kind));
    }
}

/// The words of these that stand in an answer, from top to bottom.
fn standing<'a>(html: &str, words: &[&'a str]) -> Vec<&'a str> {
    let mut found: Vec<(usize, &str)> = words
        .iter()
        .filter_map(|word| Some((html.find(&format!("<p>{word}</p>"))?, *word)))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, word)| word).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_replies_is_the_owners_or_the_pages_and_a_reload_changes_what_was_served() {
    let world = world("interactions.moderation = 'show'").await;
    let peer = Peer::start("127.0.0.39").await;
    let (first, third) = (object(&world), peer.id("/notes/1"));
    let said_of = [
        ("first", &first),
        ("second", &first),
        ("third", &third),
        ("fourth", &third),
    ];
    for (number, (word, about)) in (1..).zip(said_of) {
        let mut reply = peer.reply("ada", number, about, &format!("<p>{word}</p>"));
        reply["object"]["published"] = json!(format!("2026-01-01T00:00:0{number}Z"));
        assert_eq!(peer.post("ada", &inbox(&world), &reply).await, 202);
        wait_for_replies(&world, number.into()).await;
    }
    let (oldest, newest) = (
        ["first", "third", "fourth", "second"],
        ["second", "first", "third", "fourth"],
    );
    let ask = async |query: &str| {
        let reply = world.browse(&format!("/ap/widgets/thread?{query}")).await;
        let found = standing(&reply.text(), &oldest);
        (found, reply.header("etag").to_string())
    };
    let plain = "page=/posts/hello/";
    let before = ask(plain).await;
    assert_eq!(before.0, oldest);
    let turned = ask("order=newest&page=/posts/hello/").await;
    assert_eq!(turned.0, newest);
    assert_ne!(turned.1, before.1);
    assert_eq!(ask("page=/posts/hello/&order=newest").await, turned);
    assert_eq!(ask("page=/posts/hello/&order=sideways").await.0, oldest);
    let json = world.browse("/ap/interactions?page=/posts/hello/").await;

    world.configure("interactions = { moderation = 'show', order = 'newest' }");
    let pid = rustix::process::Pid::from_raw(i32::try_from(world.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let reloaded = wait_for("the other order", || async {
        let now = ask(plain).await;
        (now.0 == newest).then_some(now)
    })
    .await;
    assert_ne!(reloaded.1, before.1);
    assert_eq!(ask("page=/posts/hello/&order=oldest").await.0, oldest);
    let again = world.browse("/ap/interactions?page=/posts/hello/").await;
    assert_eq!(again.body, json.body);
    let out = world.site.root().join("rendered");
    let rendered = world.command(&["render", "--out", out.to_str().unwrap()]).await;
    assert_eq!(rendered.code, 0, "{}", rendered.stderr);
    let file = std::fs::read_to_string(out.join("posts/hello/index.html")).unwrap();
    assert_eq!(standing(&file, &oldest), newest);
}

#[tokio::test]
async fn a_stream_of_events_tells_of_a_new_reply_and_ends_when_the_daemon_stops() {
    let mut world = world("interactions.moderation = 'show'").await;
    let peer = Peer::start("127.0.0.33").await;
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    stream
        .write_all(b"GET /ap/events?page=/posts/hello/ HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut heard = String::new();
    until(&mut stream, &mut heard, "retry:").await;
    assert!(
        heard
            .to_ascii_lowercase()
            .contains("content-type: text/event-stream"),
        "{heard}"
    );
    assert!(!heard.contains("event: change"));
    let reply = peer.reply("ada", 1, &object(&world), "<p>Hello</p>");
    assert_eq!(peer.post("ada", &inbox(&world), &reply).await, 202);
    until(&mut stream, &mut heard, "event: change\n").await;
    assert_eq!(world.stop().await, Some(0));
    let mut rest = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest))
        .await
        .expect("the stream ends")
        .ok();
}

async fn until(stream: &mut TcpStream, heard: &mut String, sign: &str) {
    let reading = async {
        let mut piece = [0; 1024];
        while !heard.contains(sign) {
            let read = stream.read(&mut piece).await.unwrap();
            assert_ne!(read, 0, "the stream ended before {sign}: {heard}");
            heard.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
    };
    tokio::time::timeout(LIMIT, reading)
        .await
        .unwrap_or_else(|_| panic!("no {sign}"));
}

async fn submit(world: &World, fields: &[(&str, &str)], headers: &[(&'static str, &str)]) -> Reply {
    let body: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let mut all = HeaderMap::from_iter([(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    )]);
    for (name, value) in headers {
        all.insert(HeaderName::from_static(name), value.parse().unwrap());
    }
    send(
        Method::POST,
        &format!("{}/ap/interact", world.origin),
        all,
        body.into_bytes(),
    )
    .await
}

#[tokio::test]
async fn the_form_asks_for_the_readers_server_and_asks_before_it_sends_them_there() {
    let world = world("").await;
    let peer = Peer::start("127.0.0.34").await;
    let form = world
        .browse(&format!("/ap/interact?intent=follow&uri={}", world.actor()))
        .await;
    assert_eq!(form.status, 200);
    assert!(
        form.header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );
    let text = form.text();
    assert!(
        text.contains("name=\"handle\"") && text.contains(&world.actor()),
        "{text}"
    );
    let script = format!("script-src {}/ap/widgets/tidings.js", world.origin);
    assert!(form.header("content-security-policy").ends_with(&script));
    let remember = text.split("id=\"tidings-remember\"").nth(1).unwrap();
    assert!(
        !remember.split('>').next().unwrap().contains("name="),
        "it is never sent"
    );

    let actor = world.actor();
    let wish = |handle: &'static str| [("uri", actor.as_str()), ("intent", "follow"), ("handle", handle)];
    let handle = peer.handle("ada");
    let fields = [
        ("uri", actor.as_str()),
        ("intent", "follow"),
        ("handle", handle.as_str()),
    ];
    let sent = submit(&world, &fields, &[]).await;
    assert_eq!(sent.status, 200, "it asks, it doesn't redirect");
    assert!(
        sent.text()
            .contains(&format!("{}/authorize_interaction?uri=", peer.origin)),
        "{}",
        sent.text()
    );
    let wrong = submit(&world, &wish("not a handle"), &[]).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("neither a handle"));
    let foreign = submit(&world, &fields, &[("origin", "https://evil.example")]).await;
    assert_eq!(foreign.status, 403);
    let unknown = world
        .browse("/ap/interact?uri=https://evil.example/&intent=like")
        .await;
    assert_eq!(unknown.status, 404);
    let mut often = 200;
    for _ in 0..12 {
        often = submit(&world, &fields, &[]).await.status;
    }
    assert_eq!(often, 429);
    assert!(peer.fetched("/.well-known/webfinger") <= 11);
}

#[tokio::test]
async fn a_note_of_the_owner_has_a_page_and_stands_in_the_thread() {
    let world = world("interactions.moderation = 'show'").await;
    let peer = Peer::start("127.0.0.35").await;
    let reply = peer.reply("ada", 1, &object(&world), "<p>Why?</p>");
    peer.serve("/notes/1", 200, reply["object"].clone());
    assert_eq!(peer.post("ada", &inbox(&world), &reply).await, 202);
    wait_for_replies(&world, 1).await;
    let note = world
        .command_with(
            &["publish", "--note", "-", "--reply-to", &peer.id("/notes/1")],
            "Because I can.",
        )
        .await;
    assert_eq!(note.code, 0, "{}", note.stderr);
    let said = wait_for_replies(&world, 2).await;
    let answer = &said["replies"][0]["replies"][0];
    assert_eq!(answer["actor"]["owner"], true, "{said}");
    let id = answer["id"].as_str().unwrap();
    let page = world.browse(id.strip_prefix(&world.origin).unwrap()).await;
    assert_eq!(page.status, 200);
    let text = page.text();
    assert!(
        text.contains("Because I can.") && text.contains("tidings-thread"),
        "{text}"
    );
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert!(page.header("vary").eq_ignore_ascii_case("accept"));
}

#[tokio::test]
async fn a_closed_page_takes_likes_but_no_replies_and_one_that_is_off_takes_nothing() {
    let site = Site::empty();
    site.post("hello", "Hello", "<p>Good day.</p>");
    site.post("quiet", "Quiet", "<p>Hush.</p>");
    let extra = "interactions = { moderation = 'show', closed = ['posts/hello/'], off = ['posts/quiet/'] }";
    one_is_closed_and_one_is_off(World::start(site, extra).await).await;
}

#[tokio::test]
async fn a_page_closes_itself_or_turns_itself_off_by_its_own_word() {
    let site = Site::empty();
    for (slug, word) in [("hello", "closed"), ("quiet", "off")] {
        let text = page(
            slug,
            "2026-11-01T10:00:00+01:00",
            "<p>Good day to all who read.</p>",
        );
        let meta = format!("<head><meta name=\"tidings:interactions\" content=\"{word}\">");
        site.write(
            &format!("/posts/{slug}/index.html"),
            &text.replace("<head>", &meta),
        );
    }
    one_is_closed_and_one_is_off(World::start(site, "interactions.moderation = 'show'").await).await;
}

/// Of `hello` no replies are taken; of `quiet` nothing is taken and nothing shown.
async fn one_is_closed_and_one_is_off(world: World) {
    world.baseline().await;
    let peer = Peer::start("127.0.0.37").await;
    let like = |number: u32, object: &str| {
        json!({ "id": peer.id(&format!("/likes/{number}")), "type": "Like", "actor": peer.actor("ada"),
            "object": object, "to": ["https://www.w3.org/ns/activitystreams#Public"] })
    };
    let quiet = format!("{}/ap/objects/posts~quiet", world.origin);
    let reply = peer.reply("ada", 1, &object(&world), "<p>too late</p>");
    assert_eq!(
        peer.post("ada", &inbox(&world), &reply).await,
        202,
        "taken and ignored"
    );
    let hush = peer.reply("ada", 2, &quiet, "<p>hush</p>");
    assert_eq!(peer.post("ada", &inbox(&world), &hush).await, 202);
    assert_eq!(peer.post("ada", &inbox(&world), &like(1, &quiet)).await, 202);
    assert_eq!(
        peer.post("ada", &inbox(&world), &like(2, &object(&world))).await,
        202
    );
    let said = wait_for("the like", || async {
        let said = said(&world).await;
        (said["counts"]["likes"] == 1).then_some(said)
    })
    .await;
    assert_eq!(said["counts"]["replies"], 0);
    let html = thread(&world).await;
    assert!(
        html.contains("No more replies") && !html.contains("intent=reply"),
        "{html}"
    );
    let list = world.command(&["interactions", "list", "--json"]).await.json();
    assert_eq!(list.as_array().unwrap().len(), 1, "nothing else is kept: {list}");
    let nothing = world.browse("/ap/widgets/thread?page=/posts/quiet/").await;
    assert_eq!((nothing.status, nothing.text().as_str()), (200, ""));
}

#[tokio::test]
async fn fragments_are_packed_for_scripts_that_ask_and_never_for_what_puts_them_into_a_page() {
    let world = world("interactions.moderation = 'show'").await;
    let peer = Peer::start("127.0.0.38").await;
    let reply = peer.reply("ada", 1, &object(&world), "<p>Well said.</p>");
    assert_eq!(peer.post("ada", &inbox(&world), &reply).await, 202);
    wait_for_replies(&world, 1).await;
    let ask = |path: &'static str, pairs: &[(&'static str, &str)]| {
        let headers: HeaderMap = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let url = format!("{}{path}", world.origin);
        async move { send(Method::GET, &url, headers, Vec::new()).await }
    };
    let gzip = ("accept-encoding", "gzip, br");
    for path in [
        "/ap/widgets/tidings.css",
        "/ap/widgets/tidings.js",
        "/ap/widgets/thread?page=/posts/hello/",
    ] {
        let plain = ask(path, &[]).await;
        assert_eq!(plain.header("content-encoding"), "");
        assert!(plain.header("vary").contains("accept-encoding"), "{path}");
        let packed = ask(path, &[gzip]).await;
        assert_eq!(packed.header("content-encoding"), "gzip", "{path}");
        assert!(packed.body.starts_with(&[0x1f, 0x8b]) && packed.body.len() < plain.body.len());
        assert_ne!(packed.header("etag"), plain.header("etag"));
        let etag = packed.header("etag").to_string();
        let again = ask(path, &[gzip, ("if-none-match", &etag)]).await;
        assert_eq!(again.status, 304, "{path}");
        let included = ask(path, &[gzip, ("sec-fetch-dest", "document")]).await;
        assert_eq!(included.body, plain.body);
    }
    let face = ask("/ap/media/0123456789abcdef", &[gzip]).await;
    assert_eq!((face.status, face.header("content-encoding")), (404, ""));
}
