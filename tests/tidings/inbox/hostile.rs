//! What a real server may send that means no good: every part of every activity is replaced by what nobody expects there, and
//! signed well. Nothing of it may be taken for somebody else's word, break the store, or the page that shows it.

use serde_json::{Value, json};
use tidings::inbox::moderation;
use tidings::widget;

use super::{Inbox, act, create, follow};
use crate::harness::Peer;

/// What nobody expects.
fn oddities(peer: &Peer, inbox: &Inbox) -> Vec<Value> {
    let deep = (0..60).fold(json!("x"), |inner, _| json!([inner]));
    let texts = [
        "",
        " ",
        "\u{0}",
        "\u{202e}evil\u{2066}",
        "x\r\nset-cookie: a=b",
        "../../../../etc/passwd",
        "..\\..\\con",
        "%2e%2e%2f%00",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "https://",
        "https://[::1]:99999/",
        "https://user:pass@127.0.0.1/",
        "file:///etc/passwd",
        "acct:blog@blog.example",
        "as:Public",
        "9999-12-31T23:59:59.999999999Z",
        "-009999-01-01T00:00:00Z",
        "+262143-12-31T23:59:59Z",
        "2026-11-21T10:00:60+25:99",
        "0000-00-00T00:00:00Z",
        "2026-02-30",
        "{{ 7 * 7 }}{% raw %}<!--#include virtual=\"/\"-->",
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
        "🏳️‍🌈",
    ];
    let mut odd: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
    odd.extend([
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!([]),
        json!({}),
        json!([[], {}, null, 1, "x"]),
        json!({ "id": null }),
        json!({ "@id": ["https://a.example/1"], "type": {} }),
        json!({ "type": "Collection", "items": [{ "type": "Note" }], "totalItems": -1 }),
        deep,
        json!("x".repeat(100_000)),
        json!(vec!["y"; 20_000]),
        json!(peer.id("/x").repeat(200)),
        // What is somebody else's.
        json!(inbox.object()),
        json!({ "id": inbox.object(), "type": "Note", "attributedTo": peer.actor("ada") }),
        json!(inbox.instance.iris.actor("blog")),
        json!(inbox.instance.iris.instance()),
        json!("https://elsewhere.example/users/eve"),
        json!(peer.actor("bob")),
        json!({ "id": peer.actor("bob"), "type": "Person", "inbox": "https://elsewhere.example/inbox" }),
        json!(peer.actor("ada").replace("http://", "http://user@")),
        json!(format!("{}/../bob", peer.actor("ada"))),
        json!(format!("{}#x", peer.actor("ada"))),
    ]);
    odd
}

/// Every value with one of its parts replaced: by the path to it.
fn places(value: &Value) -> Vec<String> {
    let mut places = Vec::new();
    for (key, inner) in value.as_object().into_iter().flatten() {
        places.push(format!("/{key}"));
        places.extend(places_in(inner, &format!("/{key}")));
    }
    places
}

fn places_in(value: &Value, above: &str) -> Vec<String> {
    places(value)
        .into_iter()
        .map(|place| format!("{above}{place}"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_real_server_can_sign_breaks_anything_or_speaks_for_others() {
    let inbox = Inbox::new(
        "[interactions]\nmoderation = 'show'\n[server]\nfailures_per_minute = 1000000\nactivities_per_minute = 10000000",
    );
    let peer = Peer::start("127.0.0.2").await;
    // What others did before, and must still be there.
    assert_eq!(inbox.post(&peer, "bob", &follow(&peer, "bob", &inbox)).await, 202);
    let said = create(&peer, "bob", 1, &json!({ "inReplyTo": inbox.object() }));
    assert_eq!(inbox.post(&peer, "bob", &said).await, 202);
    let bobs = || {
        let all = moderation::list(&inbox.instance, &Default::default(), &mut |_, _| {}).unwrap();
        let bobs = all
            .items
            .into_iter()
            .filter(|item| item.actor.id == peer.actor("bob"));
        bobs.map(|item| (item.id, item.content)).collect::<Vec<_>>()
    };
    let before = bobs();
    assert_eq!(before.len(), 1);

    let note = create(
        &peer,
        "ada",
        2,
        &json!({
            "inReplyTo": inbox.object(), "summary": "CW", "contentMap": { "en": "<p>Words</p>" }, "updated": "2026-11-21T10:00:00Z",
            "url": peer.id("/n"), "replies": peer.id("/replies"), "tag": [{ "type": "Mention", "href": inbox.object() }],
            "attachment": [{ "type": "Image", "url": peer.id("/i.png"), "mediaType": "image/png", "name": "x" }],
        }),
    );
    let like = act(&peer, "ada", "Like", 3, inbox.object());
    let mut update = note.clone();
    update["type"] = json!("Update");
    let actor = act(&peer, "ada", "Update", 4, peer.actor_document("ada"));
    let activities = [
        follow(&peer, "ada", &inbox),
        like.clone(),
        act(&peer, "ada", "EmojiReact", 5, inbox.object()),
        act(&peer, "ada", "Announce", 6, inbox.object()),
        act(&peer, "ada", "Undo", 7, like),
        act(&peer, "ada", "Delete", 8, note["object"].clone()),
        act(&peer, "ada", "Flag", 9, inbox.object()),
        act(&peer, "ada", "Move", 10, peer.actor("ada")),
        act(&peer, "ada", "Block", 11, inbox.instance.iris.actor("blog")),
        act(&peer, "ada", "Accept", 12, inbox.object()),
        act(&peer, "ada", "QuoteRequest", 13, inbox.object()),
        note,
        update,
        actor,
    ];
    let odd = oddities(&peer, &inbox);
    let mut answers = std::collections::BTreeMap::new();
    for activity in &activities {
        for place in places(activity) {
            for value in &odd {
                let mut sent = activity.clone();
                *sent.pointer_mut(&place).unwrap() = value.clone();
                let status = inbox.post(&peer, "ada", &sent).await;
                assert!(
                    matches!(status, 202 | 400 | 401 | 403 | 503),
                    "{status} for {place} of {}",
                    activity["type"]
                );
                *answers.entry(status).or_insert(0) += 1;
            }
        }
        let thread = widget::thread(&inbox.instance, "/posts/hello/").unwrap();
        assert!(
            !thread.contains("<script>alert") && !thread.contains("javascript:"),
            "{thread}"
        );
        widget::interactions(&inbox.instance, "/posts/hello/").unwrap();
        assert_eq!(bobs(), before, "bob's after {}", activity["type"]);
        assert!(
            inbox.followers().contains(&peer.actor("bob")),
            "{}",
            activity["type"]
        );
    }
    let own = [peer.actor("ada"), peer.actor("bob")];
    for item in moderation::list(&inbox.instance, &Default::default(), &mut |_, _| {})
        .unwrap()
        .items
    {
        assert!(own.contains(&item.actor.id), "{}", item.actor.id);
    }
    assert!(inbox.followers().iter().all(|follower| own.contains(follower)));
    for (_, to, _) in inbox.jobs() {
        assert!(to.is_empty() || to.starts_with(&peer.origin), "{to}");
    }
    println!(
        "{} hostile activities, answered {answers:?}",
        answers.values().sum::<i32>()
    );
    // All of it is whole on the disk.
    let count = inbox.instance.store.interactions.len();
    let inbox = inbox.restart();
    assert_eq!(inbox.instance.store.interactions.len(), count);
    let damaged = inbox.instance.store.disk.root().join("damaged");
    assert!(!damaged.exists());
}

#[tokio::test]
async fn a_megabyte_of_padding_is_not_kept() {
    let inbox = Inbox::new("[interactions]\nmoderation = 'show'");
    let peer = Peer::start("127.0.0.2").await;
    let padding = "x".repeat(1_000_000);
    for (number, mut activity) in [
        act(&peer, "ada", "Like", 1, inbox.object()),
        create(
            &peer,
            "ada",
            2,
            &json!({ "inReplyTo": inbox.object(), "padding": padding }),
        ),
        follow(&peer, "ada", &inbox),
        act(&peer, "ada", "Flag", 3, inbox.object()),
    ]
    .into_iter()
    .enumerate()
    {
        if number != 1 {
            activity["padding"] = json!(padding);
        }
        assert_eq!(inbox.post(&peer, "ada", &activity).await, 202, "{number}");
    }
    assert_eq!((inbox.interactions().len(), inbox.followers().len()), (2, 1));
    let root = inbox.instance.store.disk.root();
    for entry in walkdir::WalkDir::new(root) {
        let entry = entry.unwrap();
        let size = entry.metadata().unwrap().len();
        assert!(size < 100_000, "{} has {size} bytes", entry.path().display());
    }
}
