//! The JSON of `/ap/interactions`, for those who draw their own: every field of the contract, and of docs/widgets.md.

use std::collections::BTreeSet;

use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::harness::{Peer, Reply, Site, World, send, wait_for};

const PATH: &str = "/ap/interactions?page=/posts/hello/";

/// The names of the members of an object.
fn names(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

async fn ask(world: &World, method: Method, path: &str, headers: &[(&'static str, &str)]) -> Reply {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect();
    send(method, &format!("{}{path}", world.origin), headers, Vec::new()).await
}

/// A site whose page has a reply with an answer, a like, a like by emoji, a boost and a quote.
async fn stage() -> (World, Peer) {
    let site = Site::empty();
    site.post("hello", "Hello", "<p>Good day.</p>");
    let world = World::start(site, "interactions = { moderation = 'show' }").await;
    world.baseline().await;
    let peer = Peer::start("127.0.14.9").await;
    let inbox = format!("{}/ap/inbox", world.origin);
    let object = format!("{}/ap/objects/posts~hello", world.origin);
    let mut reply = peer.reply("ada", 1, &object, "<p>Well <b>said</b>.</p>");
    reply["object"]["summary"] = json!("A warning");
    reply["object"]["sensitive"] = json!(true);
    reply["object"]["contentMap"] = json!({ "en": "<p>Well <b>said</b>.</p>" });
    reply["object"]["updated"] = json!("2026-11-20T13:00:00Z");
    reply["object"]["attachment"] = json!([
        { "type": "Document", "mediaType": "image/png", "url": peer.id("/picture.png"), "name": "A picture" },
    ]);
    let answer = peer.reply("bo", 2, &peer.id("/notes/1"), "<p>Indeed.</p>");
    let mut quote = peer.reply("cy", 3, "", "<p>Look at this.</p>");
    quote["object"].as_object_mut().unwrap().remove("inReplyTo");
    quote["object"]["quoteUrl"] = json!(object);
    quote["object"]["quote"] = json!(object);
    let plain = |kind: &str, name: &str| {
        json!({
            "@context": "https://www.w3.org/ns/activitystreams", "id": peer.id(&format!("/{kind}/{name}")), "type": kind,
            "actor": peer.actor(name), "object": object, "published": "2026-11-20T12:00:00Z",
            "to": ["https://www.w3.org/ns/activitystreams#Public"],
        })
    };
    let mut reaction = plain("EmojiReact", "eve");
    reaction["content"] = json!("🌻");
    for (name, activity) in [
        ("ada", reply),
        ("bo", answer),
        ("cy", quote),
        ("dan", plain("Like", "dan")),
        ("eve", reaction),
        ("fay", plain("Announce", "fay")),
    ] {
        assert_eq!(peer.post(name, &inbox, &activity).await, 202, "{activity}");
    }
    (world, peer)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_the_contract_is_there_and_documented() {
    let (world, peer) = stage().await;
    let said = wait_for("all of it", || async {
        let said = world.get(PATH).await.json();
        let counts = json!({ "replies": 2, "likes": 2, "boosts": 1, "quotes": 1 });
        (said["counts"] == counts).then_some(said)
    })
    .await;
    assert_eq!(
        names(&said),
        ["boosts", "counts", "likes", "object", "page", "quotes", "replies"].into()
    );
    assert_eq!(said["page"], format!("{}/posts/hello/", world.origin));
    assert_eq!(said["object"], format!("{}/ap/objects/posts~hello", world.origin));

    let reply = &said["replies"][0];
    let of_a_quote: BTreeSet<&str> = [
        "id",
        "url",
        "actor",
        "published",
        "updated",
        "summary",
        "sensitive",
        "language",
        "content",
        "attachments",
    ]
    .into();
    let mut of_a_reply = of_a_quote.clone();
    of_a_reply.insert("replies");
    assert_eq!(names(reply), of_a_reply);
    assert_eq!(names(&reply["replies"][0]), of_a_reply);
    assert_eq!(names(&said["quotes"][0]), of_a_quote);
    assert_eq!(reply["id"], peer.id("/notes/1"));
    assert_eq!(reply["url"], peer.id("/notes/1"));
    assert_eq!(reply["published"], "2026-11-20T12:00:00Z");
    assert_eq!(reply["updated"], "2026-11-20T13:00:00Z");
    assert_eq!(reply["summary"], "A warning");
    assert_eq!(reply["sensitive"], true);
    assert_eq!(reply["language"], "en");
    assert!(reply["content"].as_str().unwrap().contains("said"));
    let attachment = &reply["attachments"][0];
    assert_eq!(names(attachment), ["alt", "type", "url"].into());
    assert_eq!(
        (&attachment["type"], &attachment["alt"]),
        (&json!("image/png"), &json!("A picture"))
    );
    // Readers ask this site for it, and nobody else.
    assert!(
        attachment["url"].as_str().unwrap().starts_with("/ap/media/"),
        "{attachment}"
    );
    assert_eq!(reply["replies"][0]["replies"], json!([]));
    assert_eq!(reply["replies"][0]["updated"], Value::Null);
    assert_eq!(names(&reply["actor"]), ["avatar", "handle", "name", "url"].into());
    assert_eq!(reply["actor"]["handle"], peer.handle("ada"));

    for kind in ["likes", "boosts"] {
        for face in said[kind].as_array().unwrap() {
            let mut expected: BTreeSet<&str> = ["actor", "published"].into();
            if face.get("emoji").is_some() {
                assert_eq!(face["emoji"], "🌻");
                expected.insert("emoji");
            }
            assert_eq!(names(face), expected);
        }
    }
    let reactions = said["likes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|like| like.get("emoji").is_some());
    assert_eq!(reactions.count(), 1);

    // The guide names each of them.
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/widgets.md")).unwrap();
    let (_, guide) = guide.split_once("\n## Your own HTML from JSON\n").unwrap();
    let guide = guide.split("\n## ").next().unwrap();
    let objects = [
        &said,
        &said["counts"],
        reply,
        &reply["actor"],
        &reply["attachments"][0],
        &said["likes"][0],
    ];
    for name in objects.into_iter().flat_map(names) {
        assert!(guide.contains(&format!("`{name}`")), "{name} is not in the guide");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_told_when_nothing_changed_and_may_be_read_by_other_sites() {
    let (world, peer) = stage().await;
    let first = wait_for("the quote", || async {
        let reply = ask(&world, Method::GET, PATH, &[]).await;
        (reply.json()["counts"]["quotes"] == 1).then_some(reply)
    })
    .await;
    assert_eq!(first.header("content-type"), "application/json");
    assert_eq!(first.header("access-control-allow-origin"), "*");
    assert!(first.header("cache-control").contains("no-cache"));
    let etag = first.header("etag").to_string();
    let same = ask(&world, Method::GET, PATH, &[("if-none-match", &etag)]).await;
    assert_eq!((same.status, same.body.len()), (304, 0));
    assert_eq!(same.header("etag"), etag);
    let head = ask(&world, Method::HEAD, PATH, &[]).await;
    assert_eq!((head.status, head.header("etag")), (200, etag.as_str()));
    let preflight = ask(
        &world,
        Method::OPTIONS,
        PATH,
        &[
            ("origin", "https://other.example"),
            ("access-control-request-method", "GET"),
        ],
    )
    .await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
    assert!(preflight.header("access-control-allow-methods").contains("GET"));

    // Another like is another ETag; who has the old one gets it all.
    let like = json!({
        "@context": "https://www.w3.org/ns/activitystreams", "id": peer.id("/likes/new"), "type": "Like",
        "actor": peer.actor("gus"), "object": format!("{}/ap/objects/posts~hello", world.origin),
    });
    assert_eq!(
        peer.post("gus", &format!("{}/ap/inbox", world.origin), &like)
            .await,
        202
    );
    let next = wait_for("the like", || async {
        let reply = ask(&world, Method::GET, PATH, &[("if-none-match", &etag)]).await;
        (reply.status == 200).then_some(reply)
    })
    .await;
    assert_ne!(next.header("etag"), etag);

    for path in [
        "/ap/interactions",
        "/ap/interactions?page=/nothing/",
        "/ap/interactions?page=",
    ] {
        let unknown = ask(&world, Method::GET, path, &[]).await;
        assert_eq!(unknown.status, 404, "{path}");
        assert_eq!(unknown.header("content-type"), "application/problem+json");
        assert_eq!(unknown.header("access-control-allow-origin"), "*");
    }
}
