//! Replies to replies that never reached our inbox: `replies` collections of servers that are honest, huge or hostile.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tidings::inbox::moderation;
use tidings::inbox::walk::Walker;
use tidings::store::{Author, Interaction, InteractionKind, InteractionState, Object};
use tidings::widget;

use crate::delivery::Sender;
use crate::harness::peer_key;
use crate::served::{Page, Pages, page};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// A blog with one page.
fn blog(moderation: &str) -> Sender {
    let sender = Sender::start(&format!("[interactions]\nmoderation = '{moderation}'"));
    let instance = sender.instance();
    let id = instance.iris.object("posts~hello");
    let object: Object = serde_json::from_value(json!({
        "key": "posts~hello", "actor": "blog", "page": "/posts/hello/", "state": "live", "digest": "", "fingerprint": "",
        "visibility": "public", "published": sender.clock.now(), "object": { "id": id, "type": "Article" },
    }))
    .unwrap();
    instance.store.objects.put(&object).unwrap();
    sender
}

/// A note of an actor of that server, which serves both.
fn note(pages: &Pages, who: &str, path: &str, in_reply_to: &str, change: impl FnOnce(&mut Value)) -> String {
    let actor = pages.url(&format!("/users/{who}"));
    pages.put(
        &format!("/users/{who}"),
        page(&json!({
            "id": actor, "type": "Person", "preferredUsername": who, "inbox": format!("{actor}/inbox"),
            "publicKey": { "id": format!("{actor}#main-key"), "owner": actor, "publicKeyPem": peer_key().public_pem() },
        })),
    );
    let id = pages.url(path);
    let mut note = json!({
        "id": id, "type": "Note", "attributedTo": actor, "inReplyTo": in_reply_to, "to": [PUBLIC],
        "content": format!("<p>{path}<script>alert(1)</script></p>"), "published": "2026-11-20T12:00:00Z",
    });
    change(&mut note);
    pages.put(path, page(&note));
    id
}

/// A reply that reached the inbox.
fn arrived(sender: &Sender, pages: &Pages, path: &str, replies: &Value) -> String {
    let instance = sender.instance();
    let id = pages.url(path);
    let actor = pages.url("/users/ada");
    let now = sender.clock.now();
    instance
        .store
        .interactions
        .put(&Interaction {
            id: Interaction::id_of(InteractionKind::Reply, "", None, Some(&id)),
            kind: InteractionKind::Reply,
            object: Some("posts~hello".into()),
            activity: format!("{id}/activity"),
            remote_object: Some(id.clone()),
            in_reply_to: None,
            actor: Author {
                id: actor.clone(),
                name: "Ada".into(),
                handle: "@ada@a.example".into(),
                url: actor,
                ..Author::default()
            },
            published: now,
            updated: None,
            received: now,
            state: InteractionState::Shown,
            hidden_for: None,
            public: true,
            url: None,
            summary: None,
            sensitive: false,
            language: None,
            content: Some("<p>first</p>".into()),
            emoji: None,
            attachments: Vec::new(),
            raw: json!({ "type": "Create", "object": { "id": id, "replies": replies } }),
        })
        .unwrap();
    id
}

fn later(sender: &Sender, minutes: i64) {
    sender
        .clock
        .set(sender.clock.now() + SignedDuration::from_mins(minutes));
}

fn replies(sender: &Sender) -> Value {
    widget::interactions(sender.instance(), "/posts/hello/")
        .unwrap()
        .unwrap()["replies"]
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_goes_on_elsewhere_is_found_page_by_page_and_level_by_level() {
    let mut sender = blog("show");
    let (home, other) = (Pages::start().await, Pages::start().await);
    let first = arrived(
        &sender,
        &home,
        "/1",
        // As Mastodon sends it with the post: still empty, and the first page inside.
        &json!({ "id": home.url("/1/replies"), "type": "Collection",
            "first": { "type": "CollectionPage", "next": home.url("/1/others"), "items": [] } }),
    );
    let own = note(&home, "ada", "/2", &first, |_| {});
    let others = note(&other, "ben", "/3", &first, |note| {
        note["replies"] = json!(other.url("/3/replies"));
    });
    let below = note(&home, "cyd", "/4", &others, |_| {});
    home.put(
        "/1/replies",
        page(&json!({ "id": home.url("/1/replies"), "type": "Collection",
            "first": { "type": "CollectionPage", "next": home.url("/1/others"), "items": [own] } })),
    );
    home.put(
        "/1/others",
        page(&json!({ "type": "OrderedCollectionPage", "next": home.url("/1/others"), "prev": home.url("/1/replies"),
            "orderedItems": [{ "id": others, "type": "Note", "content": "<p>as its neighbour tells it</p>" }, own,
                sender.instance().iris.object("posts~hello"), 7, null, "no URL"] })),
    );
    other.put(
        "/3/replies",
        page(&json!({ "type": "Collection", "items": below })),
    );

    let mut walker = Walker::default();
    assert_eq!(
        walker.round(sender.instance()).await,
        0,
        "nobody had time to answer yet"
    );
    assert_eq!(home.count("/1/replies"), 0);
    later(&sender, 6);
    assert_eq!(walker.round(sender.instance()).await, 2);
    later(&sender, 6);
    assert_eq!(walker.round(sender.instance()).await, 1);
    let shown = replies(&sender);
    assert_eq!(shown[0]["id"], first);
    let second: Vec<&Value> = shown[0]["replies"].as_array().unwrap().iter().collect();
    assert_eq!(second.len(), 2, "{shown}");
    let ben = second.iter().find(|reply| reply["id"] == others).unwrap();
    assert_eq!(ben["content"], "<p>/3</p>", "what its own server says, cleaned");
    assert_eq!(ben["replies"][0]["id"], below);
    // The first actor of a server has been asked for with a signature: see inbox/asking.rs.
    let signed = |pages: &Pages| pages.signed_but("/users/");
    assert!(
        signed(&home) && signed(&other),
        "every fetch of an object or a collection"
    );

    // Known ones aren't fetched again, nor is anything walked before it is time, by whoever comes next either.
    let before = (
        home.count("/1/replies"),
        home.count("/1/others"),
        other.count("/3"),
    );
    assert_eq!(before.1, 1, "a page that leads to itself is read once");
    drop(walker);
    sender.restart();
    let mut walker = Walker::default();
    later(&sender, 6);
    assert_eq!(walker.round(sender.instance()).await, 0);
    assert_eq!(
        (home.count("/1/replies"), home.count("/1/others")),
        (before.0, before.1)
    );
    later(&sender, 60);
    assert_eq!(walker.round(sender.instance()).await, 0);
    assert_eq!(home.count("/1/replies"), before.0 + 1, "an hour later once more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_inbox_would_refuse_is_refused_here_too() {
    let sender = blog("show");
    let (home, other, blocked) = (Pages::start().await, Pages::start().await, Pages::start().await);
    let first = arrived(&sender, &home, "/1", &json!(home.url("/1/replies")));
    let whisper = note(&home, "ada", "/whisper", &first, |note| {
        note["to"] = json!([sender.instance().iris.actor("blog")]);
    });
    let forged = note(&home, "ada", "/forged", &first, |note| {
        note["attributedTo"] = json!(other.url("/users/ben"));
    });
    let nobodys = note(&home, "ada", "/nobodys", &first, |note| {
        note["attributedTo"] = Value::Null;
    });
    let elsewhere = note(&home, "ada", "/elsewhere", "https://nowhere.example/1", |_| {});
    let unwanted = note(&blocked, "eve", "/unwanted", &first, |_| {});
    let rude = note(&home, "ada", "/rude", &first, |note| {
        note["content"] = json!("<p>buy CHEAP pills</p>");
    });
    let renamed = note(&home, "ada", "/renamed", &first, |note| {
        note["id"] = json!(other.url("/3"));
    });
    home.put(
        "/html",
        page(&json!({ "id": home.url("/html"), "to": PUBLIC })).content_type("text/html"),
    );
    home.put(
        "/1/replies",
        page(&json!({ "type": "Collection", "items": [whisper, forged, nobodys, elsewhere, unwanted, rude, renamed,
            home.url("/html"), home.url("/missing"), "http://169.254.169.254/latest", "file:///etc/passwd"],
            // What leads to another server isn't followed.
            "next": other.url("/more") })),
    );
    let host = "cheap".to_string();
    moderation::add_blocks(
        sender.instance(),
        &[(blocked.url("/users/eve"), None), (host, None)],
        &mut |_, _| {},
    )
    .unwrap();
    let mut walker = Walker::default();
    for _ in 0..4 {
        later(&sender, 25);
        walker.round(sender.instance()).await;
    }
    assert_eq!(replies(&sender).as_array().unwrap().len(), 1);
    assert_eq!(replies(&sender)[0]["replies"], json!([]));
    assert_eq!(other.count("/more"), 0);
    let whispers = home.count("/whisper");
    assert_eq!(whispers, 1, "what was refused isn't fetched each time");
    let filter = moderation::Filter::default();
    let kept = moderation::list(sender.instance(), &filter, &mut |_, _| {})
        .unwrap()
        .items;
    let hidden: Vec<_> = kept
        .iter()
        .filter(|kept| kept.state == InteractionState::Hidden)
        .collect();
    assert_eq!(
        (kept.len(), hidden.len()),
        (2, 1),
        "the blocked word is kept out of sight: {kept:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_waits_for_approval_here_too() {
    let sender = blog("first");
    let home = Pages::start().await;
    let first = arrived(&sender, &home, "/1", &json!(home.url("/1/replies")));
    let second = note(&home, "ben", "/2", &first, |_| {});
    home.put(
        "/1/replies",
        page(&json!({ "type": "Collection", "items": [second] })),
    );
    later(&sender, 6);
    assert_eq!(Walker::default().round(sender.instance()).await, 1);
    assert_eq!(replies(&sender)[0]["replies"], json!([]));
    moderation::approve(sender.instance(), &second).unwrap();
    assert_eq!(replies(&sender)[0]["replies"][0]["id"], second);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_looked_for_by_a_clock_that_was_days_ahead_is_looked_for_again() {
    let sender = blog("show");
    let home = Pages::start().await;
    let first = arrived(&sender, &home, "/1", &json!(home.url("/1/replies")));
    let list = |items: &[&String]| page(&json!({ "type": "Collection", "items": items }));
    home.put("/1/replies", list(&[]));
    let before = sender.clock.now();
    let mut walker = Walker::default();
    sender.clock.jump(before + SignedDuration::from_hours(20 * 24));
    assert_eq!(walker.round(sender.instance()).await, 0);
    assert_eq!(home.count("/1/replies"), 1);
    sender.clock.jump(before);
    let second = note(&home, "ben", "/2", &first, |_| {});
    home.put("/1/replies", list(&[&second]));
    later(&sender, 6);
    assert_eq!(
        walker.round(sender.instance()).await,
        1,
        "by the clock that is right"
    );
    assert_eq!(replies(&sender)[0]["replies"][0]["id"], second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_collection_is_read_in_small_helpings() {
    let sender = blog("show");
    let home = Pages::start().await;
    let first = arrived(&sender, &home, "/1", &json!(home.url("/1/replies")));
    let items: Vec<String> = (0..5_000).map(|n| home.url(&format!("/n/{n}"))).collect();
    for n in 0..120 {
        note(&home, "ben", &format!("/n/{n}"), &first, |_| {});
    }
    home.put(
        "/1/replies",
        page(&json!({ "type": "Collection", "items": items, "next": home.url("/1/replies") })),
    );
    let mut walker = Walker::default();
    later(&sender, 6);
    let mut most = 0;
    let mut kept = 0;
    for _ in 0..60 {
        later(&sender, 1);
        let found = walker.round(sender.instance()).await;
        (most, kept) = (most.max(found), kept + found);
    }
    assert!((1..=10).contains(&most), "{most} in a minute");
    assert!((5..=30).contains(&kept), "{kept} in an hour");
    let asked = home.connections();
    assert!(asked <= 70, "{asked} requests in an hour");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_without_end_and_pages_in_a_circle_come_to_an_end() {
    let sender = blog("show");
    let home = Pages::start().await;
    arrived(
        &sender,
        &home,
        "/1",
        &json!({ "type": "Collection", "first": home.url("/p/0") }),
    );
    for n in 0..100 {
        home.put(
            &format!("/p/{n}"),
            page(
                &json!({ "type": "CollectionPage", "items": [], "next": home.url(&format!("/p/{}", n + 1)) }),
            ),
        );
    }
    arrived(&sender, &home, "/2", &json!(home.url("/c/0")));
    for n in 0..3 {
        home.put(
            &format!("/c/{n}"),
            page(&json!({ "type": "CollectionPage", "items": [home.url("/1")],
                "first": home.url("/c/0"), "next": home.url(&format!("/c/{}", (n + 1) % 3)) })),
        );
    }
    // Two posts that each say they answer the other, which nobody here knows.
    arrived(&sender, &home, "/3", &json!(home.url("/3/replies")));
    let (x, y) = (home.url("/x"), home.url("/y"));
    note(&home, "ben", "/x", &y, |_| {});
    note(&home, "ben", "/y", &x, |_| {});
    home.put("/3/replies", page(&json!({ "items": [x, y] })));
    let mut walker = Walker::default();
    for _ in 0..3 {
        later(&sender, 25);
        assert_eq!(walker.round(sender.instance()).await, 0);
    }
    assert!(home.count("/p/7") >= 1 && home.count("/p/8") == 0, "eight pages");
    assert_eq!(home.count("/c/1"), home.count("/c/2"));
    assert!(home.count("/c/0") <= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_left_alone_and_a_chain_has_an_end() {
    let sender = blog("show");
    let (down, deep) = (Pages::start().await, Pages::start().await);
    arrived(&sender, &down, "/1", &json!(down.url("/1/replies")));
    down.put("/1/replies", Page::status(503));
    let mut above = arrived(&sender, &deep, "/d/0", &json!(deep.url("/d/0/replies")));
    for n in 1..60 {
        let replies = deep.url(&format!("/d/{n}/replies"));
        let id = note(&deep, "ben", &format!("/d/{n}"), &above, |note| {
            note["replies"] = json!(replies);
        });
        deep.put(&format!("/d/{}/replies", n - 1), page(&json!({ "items": [id] })));
        above = id;
    }
    let mut walker = Walker::default();
    let mut kept = 0;
    // Six hours: each level is looked for five minutes after the one above came.
    for _ in 0..90 {
        later(&sender, 4);
        kept += walker.round(sender.instance()).await;
    }
    assert_eq!(kept, 32, "as deep as a page nests them");
    let asked = down.count("/1/replies");
    assert!((2..=6).contains(&asked), "{asked} times in six hours");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_fetched_is_changed_and_removed_as_its_author_does() {
    let sender = blog("show");
    let home = Pages::start().await;
    let first = arrived(&sender, &home, "/1", &json!(home.url("/1/replies")));
    let changed = note(&home, "ben", "/2", &first, |_| {});
    let deleted = note(&home, "ben", "/3", &first, |_| {});
    let closed = note(&home, "ben", "/4", &first, |_| {});
    home.put(
        "/1/replies",
        page(&json!({ "items": [changed, deleted, closed] })),
    );
    let mut walker = Walker::default();
    later(&sender, 6);
    assert_eq!(walker.round(sender.instance()).await, 3);
    note(&home, "ben", "/2", &first, |note| {
        note["content"] = json!("<p>better</p>");
        note["updated"] = json!("2026-11-21T12:00:00Z");
    });
    home.put("/3", Page::status(410));
    note(&home, "ben", "/4", &first, |note| {
        note["to"] = json!([home.url("/users/ben/followers")]);
    });
    for _ in 0..5 {
        later(&sender, 25);
        walker.round(sender.instance()).await;
    }
    let shown = replies(&sender);
    let below = shown[0]["replies"].as_array().unwrap();
    assert_eq!(below.len(), 1, "{shown}");
    assert_eq!(below[0]["content"], "<p>better</p>");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mention_finds_its_place_when_what_it_answers_is_found() {
    let sender = blog("show");
    let home = Pages::start().await;
    let first = arrived(&sender, &home, "/1", &json!(home.url("/1/replies")));
    let second = note(&home, "ben", "/2", &first, |note| {
        note["replies"] = json!(home.url("/2/replies"));
    });
    home.put("/1/replies", page(&json!({ "items": [second] })));
    let third = note(&home, "ben", "/3", &second, |_| {});
    home.put("/2/replies", page(&json!({ "items": [third] })));
    // It mentioned us, so it came by itself, when what it answers wasn't known.
    let table = &sender.instance().store.interactions;
    let arrived = arrived(&sender, &home, "/3", &Value::Null);
    let id = Interaction::id_of(InteractionKind::Mention, "", None, Some(&arrived));
    table
        .update(&id, |mention| {
            mention.kind = InteractionKind::Mention;
            mention.object = None;
            mention.in_reply_to = Some(second.clone());
            mention.actor.id = home.url("/users/ben");
            true
        })
        .unwrap();
    let mut walker = Walker::default();
    for _ in 0..3 {
        later(&sender, 6);
        walker.round(sender.instance()).await;
    }
    let shown = replies(&sender);
    assert_eq!(shown[0]["replies"][0]["replies"][0]["id"], third, "{shown}");
}
