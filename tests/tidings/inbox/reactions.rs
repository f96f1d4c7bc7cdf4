//! Like, EmojiReact and Announce.

use jiff::Timestamp;
use serde_json::{Value, json};
use tidings::clock::Clock;
use tidings::sig::Scheme;
use tidings::store::InteractionKind;

use super::{Inbox, PUBLIC, act, with};
use crate::harness::Peer;

#[tokio::test]
async fn likes_and_boosts_are_counted_once_and_undone_in_every_shape() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    for kind in ["Like", "Announce", "EmojiReact"] {
        let deed = act(&peer, "ada", kind, 1, inbox.object());
        let shapes = [
            deed.clone(),
            deed["id"].clone(),
            json!([deed.clone()]),
            with(
                deed.clone(),
                "object",
                json!({ "id": inbox.object(), "type": "Article" }),
            ),
            with(deed.clone(), "type", format!("as:{kind}")),
        ];
        for (n, undone) in shapes.into_iter().enumerate() {
            let number = n as u32 + 10;
            let mut deed = deed.clone();
            deed["id"] = json!(peer.id(&format!("/{kind}/{number}")));
            let mut undone = undone;
            match &mut undone {
                Value::String(id) => *id = deed["id"].as_str().unwrap().to_string(),
                Value::Array(list) => list[0]["id"] = deed["id"].clone(),
                other => other["id"] = deed["id"].clone(),
            }
            assert_eq!(inbox.post(&peer, "ada", &deed).await, 202);
            assert_eq!(inbox.post(&peer, "ada", &deed).await, 202);
            let twice = with(deed.clone(), "id", peer.id(&format!("/{kind}/again-{number}")));
            if !undone.is_string() {
                assert_eq!(inbox.post(&peer, "ada", &twice).await, 202);
            }
            assert_eq!(inbox.interactions().len(), 1, "{kind}");
            let undo = act(&peer, "ada", "Undo", number, undone.clone());
            assert_eq!(inbox.post(&peer, "ada", &undo).await, 202);
            assert!(inbox.interactions().is_empty(), "{undo}");
            assert_eq!(
                inbox.post(&peer, "ada", &undo).await,
                202,
                "and once more does no harm"
            );
        }
    }
}

#[tokio::test]
async fn a_like_that_was_undone_before_it_came_does_not_count() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    for (n, bare) in [(1, false), (2, true)] {
        let like = act(&peer, "ada", "Like", n, inbox.object());
        let undone = if bare { like["id"].clone() } else { like.clone() };
        assert_eq!(
            inbox
                .post(&peer, "ada", &act(&peer, "ada", "Undo", n, undone))
                .await,
            202
        );
        assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
        assert!(inbox.interactions().is_empty());
    }
}

#[tokio::test]
async fn a_like_replayed_after_its_undo_does_not_count_but_a_new_one_with_the_same_id_does() {
    let clock = Clock::manual(Timestamp::now());
    let inbox = Inbox::at("http://127.0.0.1:1", "", clock);
    let peer = Peer::start("127.0.0.2").await;
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    let body = serde_json::to_vec(&like).unwrap();
    let headers = peer.sign("POST", "ada", &inbox.url(), Some(&body), Scheme::Cavage);
    assert_eq!(inbox.arrive(headers.clone(), &body).await.status, 202);
    assert_eq!(
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Undo", 1, like.clone()))
            .await,
        202
    );
    assert_eq!(inbox.arrive(headers, &body).await.status, 202);
    assert!(inbox.interactions().is_empty(), "the very same request again");
    // snac2 has one id for each pair of actor and object.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
    assert_eq!(inbox.interactions().len(), 1);
}

#[tokio::test]
async fn who_sees_a_like_follows_from_its_addresses() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let blog = inbox.instance.iris.actor("blog");
    let like = act(&peer, "ada", "Like", 1, inbox.object());
    let followers = format!("{}/followers", peer.actor("ada"));
    for (n, (to, public)) in [
        (json!(null), true),
        (json!([]), true),
        (json!(blog), true),
        (json!("as:Public"), true),
        (json!([followers, PUBLIC]), true),
        (json!(followers), false),
    ]
    .into_iter()
    .enumerate()
    {
        let like = with(
            with(like.clone(), "to", to.clone()),
            "id",
            peer.id(&format!("/likes/{n}")),
        );
        assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
        assert_eq!(inbox.only().public, public, "{to}");
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Undo", n as u32, like))
            .await;
    }
    let boost = act(&peer, "ada", "Announce", 2, inbox.object());
    for (n, (to, public)) in [(json!([]), true), (json!(blog), false), (json!(PUBLIC), true)]
        .into_iter()
        .enumerate()
    {
        let boost = with(
            with(boost.clone(), "to", to.clone()),
            "id",
            peer.id(&format!("/boosts/{n}")),
        );
        assert_eq!(inbox.post(&peer, "ada", &boost).await, 202);
        assert_eq!(inbox.only().public, public, "a boost to {to}");
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Undo", 10 + n as u32, boost))
            .await;
    }
}

#[tokio::test]
async fn a_like_of_a_pages_url_counts_and_of_something_else_leaves_no_trace() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let origin = inbox.instance.iris.origin().to_string();
    for (n, (object, counts)) in [
        (format!("{origin}/posts/hello/"), true),
        (format!("{origin}/posts/hello"), true),
        (format!("{origin}/posts/hello/index.html"), true),
        (format!("{origin}/ap/activities/create~posts~hello"), true),
        (format!("{origin}/posts/unknown/"), false),
        (format!("{origin}/ap/objects/unknown"), false),
        ("https://elsewhere.example/1".to_string(), false),
    ]
    .into_iter()
    .enumerate()
    {
        let like = act(&peer, "ada", "Like", n as u32, object.clone());
        assert_eq!(inbox.post(&peer, "ada", &like).await, 202);
        assert_eq!(inbox.interactions().len(), usize::from(counts), "{object}");
        inbox
            .post(&peer, "ada", &act(&peer, "ada", "Undo", n as u32, like))
            .await;
    }
}

#[tokio::test]
async fn an_emoji_is_kept() {
    let (inbox, peer) = (Inbox::new(""), Peer::start("127.0.0.2").await);
    let react = with(
        act(&peer, "ada", "EmojiReact", 1, inbox.object()),
        "content",
        "🎉",
    );
    assert_eq!(inbox.post(&peer, "ada", &react).await, 202);
    assert_eq!(inbox.only().kind, InteractionKind::Like);
    assert_eq!(inbox.only().emoji.as_deref(), Some("🎉"));
}
